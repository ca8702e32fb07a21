/**
 * What travels between two kernels: the frames of a link, as values. `codec.ts` turns them into bytes and back.
 *
 * Frames are immutable once sent: under the simulator sender and receivers share them.
 */
import type { GroupOptions, ProcessId, ViewId, VoteRecord } from './api.ts'
import type { Ballot } from './ids.ts'

/**
 * A causal dependency, flattened in a list of triples: rank of the sender in the space view, stream, sequence number.
 * A stream is `2·gid` for casts of a group and `2·gid + 1` for its order records.
 */
export type Deps = readonly number[]

/** A multicast; or, with `n` 0, a record: what the members of a total group are told of positions (`total.ts`). */
export interface Cast {
  /** Number over all casts of the sender in this space view, order records included, from 1. */
  readonly seq: number
  /** The application's number of the cast; 0 for order records. */
  readonly n: number
  /** The group, by its number in the space view's directory. */
  readonly gid: number
  /** How many views and cuts the group had in this space view when it was sent. */
  readonly gn: number
  /** Lamport stamp: larger than that of everything in the causal past. */
  readonly lamport: number
  readonly deps: Deps
  readonly payload: Uint8Array
  /**
   * A sequencer's record: first position, then pairs (rank, seq): the casts at that and the following positions of the
   * group's total order; a pair (rank, 0) hands the role over. By round robin: the turn that a cast takes, or the next one
   * of a member that passes.
   */
  readonly order: readonly number[] | null
  /** It is delivered at the end of the part of the group's history that `gn` counts, after all other casts of it. */
  readonly isGbcast: boolean
}

/** What the data channel carries. `ahead`: so many bytes of the payload came before in pieces, and are not in `cast`. */
export type Item =
  | { readonly k: 'cast'; readonly cast: Cast; readonly ahead: number }
  /** Forwarded at a cut on behalf of a removed sender. */
  | { readonly k: 'forward'; readonly sender: ProcessId; readonly cast: Cast; readonly ahead: number }
  /**
   * Bytes from `at` on of the payload of a cast that is still to come. At 0 another payload begins; empty: none does.
   * `since`: the Lamport time at which its sender first began with it.
   */
  | { readonly k: 'piece'; readonly at: number; readonly since: number; readonly bytes: Uint8Array }
  /** Nothing more of this view comes on this link from the sender itself. */
  | { readonly k: 'eov' }
  /**
   * A direct message, the `n`th that its sender's application makes, or the next of its pieces, without anything between
   * them but what is no message: `left` bytes of it are still to come.
   */
  | {
      readonly k: 'message'
      readonly n: number
      readonly group: string
      readonly left: number
      readonly bytes: Uint8Array
    }

/** A cast of a removed sender that a survivor holds. */
export interface HeldCast {
  readonly seq: number
  readonly gid: number
  readonly gn: number
  readonly isOrder: boolean
  readonly deps: Deps
  /** The survivor has delivered it. */
  readonly delivered: boolean
}

/**
 * What a survivor knows of one removed sender; of itself, the casts that it has not delivered; where there are uniform
 * groups, of one who comes along what is stable.
 */
export interface RemovedRow {
  readonly sender: ProcessId
  /** Known stable: every addressee of the view holds everything up to here. */
  readonly stable: number
  readonly held: readonly HeldCast[]
}

/**
 * The outcome of a group's own view change: an ordered fact and a cut of the group. Or that of a cut for gbcasts alone,
 * which counts as a view of the group among kernels, and of which the application is told nothing.
 */
export interface GroupInstall {
  readonly gid: number
  readonly gn: number
  readonly name: string
  readonly options: GroupOptions
  /** Ranked. */
  readonly members: readonly ProcessId[]
  readonly joined: readonly ProcessId[]
  readonly left: readonly ProcessId[]
  /** Pairs (rank in the space view, seq): the last cast each old member made in the old group view. */
  readonly counts: readonly number[]
  /** Positions that sequencers had given in the old view. */
  readonly orderEnd: number
  /** The first member's rank (−1: none) and the seq of its last record. */
  readonly orderBy: number
  readonly orderSeq: number
  /** Triples (rank, 0: casts or 1: order records, seq): the last of former members and sequencers, below every newcomer's cut. */
  readonly past: readonly number[]
  /** Null: a cut for gbcasts alone. The view before it goes on. */
  readonly plan: readonly StateTask[] | null
  /** Who would have to come back before the group may act; null if it may. */
  readonly missing: readonly ProcessId[] | null
}

/** Who needs whose state at a group view. */
export interface StateTask {
  readonly need: ProcessId
  readonly mode: 'merge' | 'replace' | 'own' | 'anew'
  /** In the agreed order; a source with `donor === need` is the own part. */
  readonly sources: readonly { readonly donor: ProcessId; readonly subview: ViewId }[]
}

/** The last primary view in which a state was whole. */
export interface Acted {
  /** Its epoch; 0: none. */
  readonly acted: number
  readonly line: string | null
}

/** How whole a member's state of a group is. */
export interface StateStatus extends Acted {
  readonly isWhole: boolean
  /** If not whole: the class of the state it had before it began to wait (null: none), and the view in which it began. */
  readonly base: string | null
  readonly since: ViewId | null
}

/** A member's account of one of its groups. */
export interface GroupRow {
  readonly gid: number
  readonly name: string
  readonly options: GroupOptions
  /** Members when this space view began (null: not a member then). */
  readonly members: readonly ProcessId[] | null
  readonly viewId: ViewId | null
  /** Group views decided within this space view, as far as known, and the last of the cuts after each. */
  readonly installs: readonly GroupInstall[]
  /** The group view it is in, counted within the space view, and the next position of its total order to deliver. */
  readonly gn: number
  readonly next: number
  /** If uniform without a total order: (sender's rank, number of the last of its casts delivered), flat. */
  readonly released: readonly number[]
  readonly status: StateStatus
}

/** A survivor's flush row. */
export interface Row {
  readonly from: ProcessId
  readonly name: string
  readonly origin: string
  readonly view: ViewId
  readonly votes: VoteRecord
  readonly line: string | null
  /** Number of primary views in the line so far. */
  readonly generation: number
  /** The epoch from which on it has a voice in its line; 0 outside of any. */
  readonly voiceFrom: number
  readonly lamport: number
  readonly groups: readonly GroupRow[]
  readonly removed: readonly RemovedRow[]
  /** Peers to which an end-of-view marker is under way: they wait for it. */
  readonly marked: readonly ProcessId[]
  /** Views it said READY for, from `view`, and would install. */
  readonly readies: readonly ViewId[]
  /** Vote records of leavers and proven dead. */
  readonly departed: readonly Departed[]
  /** Consistent groups of which nobody who comes along held the state when they last acted. */
  readonly remembered: readonly Remembered[]
  /** Of its vote; the same for as long as it lives. */
  readonly weight: number
  /** It votes without state. */
  readonly isWitness: boolean
  /** For how long it has heard nothing of any member of its view that is to be left out, in ms; 0 if there is none. */
  readonly quietMs: number
  readonly away: readonly AwayRow[]
  /** Leaders who may have completed an attempt that it promised to, since it has given its row to them; or itself, if it has. */
  readonly asked: readonly Asked[]
}

/** A leader who may have completed an attempt. */
export interface Asked {
  readonly attempt: ViewId
  readonly leader: ProcessId
}

/** When a consistent group last acted. */
export interface Remembered {
  readonly name: string
  readonly line: string
  /** Epoch of the primary view. */
  readonly acted: number
  /** Who had its state when that view began; empty: the group has ended since. */
  readonly holders: readonly ProcessId[]
  /** Who was in the group before, was not heard of any more, and may have an older state of it. */
  readonly strays: readonly ProcessId[]
}

/** A vote taken out of the base, with its record. */
export interface Departed {
  readonly id: ProcessId
  readonly isDead: boolean
  readonly votes: VoteRecord | null
  /** Groups that end with a goodbye, because there was no other member. */
  readonly ended: readonly string[]
}

/**
 * In a row: somebody who is away, a member that has said that it is about to be frozen (`since` null), or the sender itself,
 * if it has just been away (`since` null: in the view that it is in).
 */
export interface AwayRow {
  readonly id: ProcessId
  readonly name: string
  readonly origin: string
  readonly rank: number
  readonly since: ViewId | null
  /** For so long, by the sender's clock, in whole ms. */
  readonly forMs: number
}

/** A part of a proposed view: those who are expected to come from one view. */
export interface Part {
  readonly view: ViewId
  readonly members: readonly ProcessId[]
}

/** What the leader decides once it has all rows. */
export interface Decision {
  readonly primary: boolean
  readonly line: string | null
  /** The line whose states go on: the same, unless that one was given up. */
  readonly heirOf: string | null
  readonly generation: number
  /** Lines that met this one and lost. */
  readonly lost: readonly string[]
  /** Parts in rank order, as indices into the proposal's. */
  readonly partOrder: readonly number[]
}

/** A description of one's view for strangers. */
export interface ViewSummary {
  readonly id: ViewId
  readonly members: readonly ProcessId[]
  readonly primary: boolean
  readonly line: string | null
  /** The strangers of that view to which the teller itself has open links. */
  readonly linked: readonly ProcessId[]
}

/** Control messages: reliable and in order on each link, never flow-controlled. */
export type Message =
  | { readonly k: 'foreign'; readonly view: ViewId; readonly linked: readonly ProcessId[] }
  /** A member is gone, with its record; or (`departed` null) holds its sender up, if it is suspended. */
  | { readonly k: 'suspect'; readonly view: ViewId; readonly peer: ProcessId; readonly departed: Departed | null }
  | { readonly k: 'leave'; readonly departed: Departed }
  | {
      readonly k: 'propose'
      readonly ballot: Ballot
      readonly parts: readonly Part[]
      /** A line to be founded if nobody has one. */
      readonly found: string | null
    }
  | {
      readonly k: 'refuse'
      readonly ballot: Ballot
      readonly promised: Ballot
      readonly view: ViewId
      readonly unlinked: readonly ProcessId[]
    }
  | { readonly k: 'row'; readonly ballot: Ballot; readonly row: Row }
  | { readonly k: 'cut'; readonly ballot: Ballot; readonly rows: readonly Row[]; readonly decision: Decision }
  /** Its sender has given up whoever is missing. */
  | { readonly k: 'refound'; readonly view: ViewId }
  | { readonly k: 'ready'; readonly ballot: Ballot }
  | { readonly k: 'install'; readonly ballot: Ballot }
  | {
      readonly k: 'groupRequest'
      readonly view: ViewId
      readonly name: string
      readonly action: 'join' | 'leave' | 'restate'
      readonly options: GroupOptions
      readonly avoid: ProcessId | null
    }
  /**
   * To who asked for a change of the group's view. A join: not with these options, or there are too many groups. A leave:
   * not yet, for nobody else has the state, which is to be given to the others first.
   */
  | { readonly k: 'groupRefuse'; readonly view: ViewId; readonly name: string }
  | { readonly k: 'groupPrepare'; readonly view: ViewId; readonly gid: number; readonly gn: number }
  | {
      readonly k: 'groupCount'
      readonly view: ViewId
      readonly gid: number
      readonly gn: number
      readonly seq: number
      readonly orderEnd: number
      readonly orderSeq: number
      readonly viewId: ViewId
      readonly status: StateStatus
    }
  | { readonly k: 'groupInstall'; readonly view: ViewId; readonly install: GroupInstall }
  /** Its sender has made a gbcast in the group after so many views and cuts of it: please cut. */
  | { readonly k: 'groupCut'; readonly view: ViewId; readonly name: string; readonly gn: number }
  /** Its sender is about to be frozen. */
  | { readonly k: 'suspend' }
  /** Its sender is not frozen any more. */
  | { readonly k: 'resume' }
  /** Of the state that was announced at that view of the group: pairs (first segment, how many) that its sender lacks. */
  | { readonly k: 'want'; readonly group: string; readonly of: ViewId; readonly ranges: readonly number[] }
  /** Casts of its sender wait for others to be settled: please tell at once which are, as long as this view lasts. */
  | { readonly k: 'hasten'; readonly view: ViewId }
  /** Its sender holds casts back because it is joining groups: please answer, after all views of groups decided so far. */
  | { readonly k: 'groupSync'; readonly view: ViewId }
  /** All views of groups that were decided when it was asked for have been told before it. */
  | { readonly k: 'groupSynced'; readonly view: ViewId }

/** A piece of a state on the bulk channel. */
export interface Chunk {
  readonly group: string
  /** The group view whose beginning the state belongs to. */
  readonly view: ViewId
  readonly subview: ViewId
  readonly index: number
  readonly isLast: boolean
  /** Pairs on the first chunk: per sender the highest cast number covered. */
  readonly cut: readonly (readonly [ProcessId, number])[]
  /** Of the donor's state: who gets it answers for the same primary view. */
  readonly acted: Acted
  readonly bytes: Uint8Array
  /** Bytes of the state, or of the list that announces it (its last chunk is `isLast` too), or the donor could give none. */
  readonly what: 'state' | 'refused' | 'list'
}

/** Acknowledgement of a peer's stream: its session and the last contiguous number received. */
export interface StreamAck {
  readonly session: number
  readonly no: number
}

/** First frame on a new path, both ways: names what was received so far, so that the logical link goes on. */
export interface HelloFrame {
  readonly t: 'hello'
  readonly version: number
  readonly name: string
  readonly origin: string
  /** The sender's current outgoing session. */
  readonly session: number
  /** The receiver's session as the sender knows it, and the last numbers received in it. */
  readonly peerSession: number
  readonly gotControl: number
  readonly gotData: number
  readonly gotBulk: number
}

/** Periodic sign of life; unnumbered. */
export interface HeartbeatFrame {
  readonly t: 'heartbeat'
  readonly view: ViewId
  /** The receiver is a member of that view. */
  readonly isMember: boolean
  /** The sender has closed that view: another may have begun. What it answers counts for no lease. */
  readonly isClosed: boolean
  /** Highest epoch promised or seen. */
  readonly epoch: number
  /** Only to non-members. */
  readonly summary: ViewSummary | null
  /** The sender's clock at sending, and the last such stamp it got from the receiver (leases). */
  readonly sentAt: number
  readonly echo: number
  readonly ack: StreamAck
}

export interface ControlFrame {
  readonly t: 'control'
  readonly session: number
  readonly no: number
  readonly ack: StreamAck
  readonly messages: readonly Message[]
}

export interface DataFrame {
  readonly t: 'data'
  readonly session: number
  /** 0: nothing but acknowledgements, unnumbered. */
  readonly no: number
  readonly ack: StreamAck
  /** Cumulative payload bytes of the receiver's data stream that it may send in its session. */
  readonly grant: number
  readonly view: ViewId
  /** Pairs (rank, seq): what the sender knows to be stable, where it changed since the last frame on this path. */
  readonly stable: readonly number[]
  /** Pairs (rank, seq): what the sender knows to be delivered by every addressee, likewise. */
  readonly settled: readonly number[]
  /** Of the receiver's casts in this view: everything addressed to the sender up to here is delivered. */
  readonly done: number
  readonly items: readonly Item[]
}

export interface BulkFrame {
  readonly t: 'bulk'
  readonly session: number
  readonly no: number
  readonly ack: StreamAck
  readonly chunk: Chunk | null
}

export type Frame = HelloFrame | HeartbeatFrame | ControlFrame | DataFrame | BulkFrame
