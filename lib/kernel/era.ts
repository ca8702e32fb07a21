/**
 * Everything that begins anew with each installed space view: numbers, stability, what is held, dependencies.
 * Lists never cross views, because the flush delivers or drops everything.
 */
import type { ProcessId, ViewId, ViewInfo } from './api.ts'
import type { Cast, GroupRow } from './frame.ts'
import type { Group } from './group.ts'

/** A cast as held here. */
export interface Held {
  readonly cast: Cast
  /** Rank of its sender in the space view. */
  readonly rank: number
  isDelivered: boolean
  /** Decided at the cut: nobody delivers it. */
  isDropped: boolean
}

/** An own cast that not every addressee is known to hold. */
export interface Unstable {
  readonly seq: number
  readonly n: number
  readonly dests: readonly ProcessId[]
}

/** Streams per rank in a key: twice the largest number of groups, and some. */
export const streamsMax = 524_288

/** One number for (rank, stream). */
export function streamKey(rank: number, stream: number): number {
  return rank * streamsMax + stream
}

/** How far those who come along to a cut have delivered of a group before it. */
export interface Released {
  /** The furthest of its views within the space view that any has installed, so after all of the one before it. */
  readonly installed: number
  /**
   * Of which of those views somebody has delivered all: from each of these up to the one given by it, which is not one of
   * them. A group may have been left by all and begun again meanwhile.
   */
  readonly whole: ReadonlyMap<number, number>
  /** By group view: the next position of whoever has delivered most in it. */
  readonly next: ReadonlyMap<number, number>
  /** If uniform without a total order: by the sender's rank, the last of its casts that any has delivered. */
  readonly last: ReadonlyMap<number, number>
}

/** What delivery needs to know of a cut. */
export interface CutUnderWay {
  /** Does it lead to a primary view? */
  readonly isPrimary: boolean
  /** By group. */
  readonly released: ReadonlyMap<number, Released>
  /** By rank: what every addressee holds of that sender, as far as anybody who comes along knows. */
  readonly stable: readonly number[]
  /** By group: the last of its views that the application is told of. */
  readonly lastTold: ReadonlyMap<number, number>
}

/** The space view in force, and all that is counted within it. */
export class Era {
  readonly id: ViewId
  readonly epoch: number
  readonly view: ViewInfo
  readonly members: readonly ProcessId[]
  readonly ranks: ReadonlyMap<ProcessId, number>
  readonly selfRank: number
  /** When this process installed it. */
  readonly startedAt: number
  /** Own casts so far. */
  seq = 0
  /** By rank: every addressee of the view holds that sender's casts up to here, as far as known. */
  readonly stable: number[]
  /** By rank: every addressee has *delivered* that sender's casts up to here: nobody waits for them any more. */
  readonly settled: number[]
  /** By rank: what is held above stability or not yet delivered, in order. */
  readonly held: Held[][]
  /** Forwarded by others before their sender's own frames came. */
  readonly forwarded: Set<number> = new Set()
  /** By rank: highest number received from the sender itself. */
  readonly received: number[]
  readonly unstable: Unstable[] = []
  /** Own casts that not every addressee is known to have delivered. */
  readonly unsettled: Unstable[] = []
  /** The causal past that somebody may still wait for: stream key → seq. */
  readonly deps: Map<number, number> = new Map()
  /** Stream key → highest seq delivered (order records: processed). */
  readonly delivered: Map<number, number> = new Map()
  /** Groups this process is a member of, by number. */
  readonly groups: Map<number, Group> = new Map()
  /** Names of all groups known when the view began or learned since, by number. */
  readonly names: Map<number, string> = new Map()
  /** Accounts of groups that this process left within this view. */
  readonly leftGroups: GroupRow[] = []
  /** A flush row was sent: nothing more is sent or delivered in this view until the cut. */
  isClosed = false
  /** Came from removed senders after the row, or after a READY without them: part of another row, or of nothing. */
  readonly late: { readonly cast: Cast; readonly rank: number; readonly isForwarded: boolean }[] = []
  /** The cut being delivered, or null. */
  cut: CutUnderWay | null = null
  readonly eovFrom: Set<ProcessId> = new Set()
  /** Peers that an end-of-view marker was sent to; null before the first row. */
  marked: Set<ProcessId> | null = null

  /** Delivering the cut? */
  get isCutting(): boolean {
    return this.cut !== null
  }

  constructor(view: ViewInfo, epoch: number, self: ProcessId, startedAt = 0) {
    this.startedAt = startedAt
    this.view = view
    this.id = view.id
    this.epoch = epoch
    this.members = view.members.map((m) => m.id)
    this.ranks = new Map(this.members.map((id, rank) => [id, rank]))
    this.selfRank = this.ranks.get(self) ?? -1
    this.stable = this.members.map(() => 0)
    this.settled = this.members.map(() => 0)
    this.held = this.members.map(() => [])
    this.received = this.members.map(() => 0)
  }

  /** Is that dependency known stable? */
  isStable(rank: number, seq: number): boolean {
    return seq <= (this.stable[rank] ?? 0)
  }

  isSettled(rank: number, seq: number): boolean {
    return seq <= (this.settled[rank] ?? 0)
  }

  learnSettled(rank: number, seq: number): void {
    if (rank >= 0 && rank < this.settled.length && seq > (this.settled[rank] ?? 0)) this.settled[rank] = seq
  }

  /** Everything of that sender addressed to this process, up to here, is delivered. */
  doneUpTo(rank: number): number {
    const list = this.held[rank]
    if (list === undefined) return 0
    for (const held of list) if (!held.isDelivered && !held.isDropped) return held.cast.seq - 1
    return this.received[rank] ?? 0
  }

  /** For the trace, by rank: what this process knows to be stable, has received in order, and still holds. */
  account(): { readonly stable: readonly number[]; readonly got: readonly number[]; readonly holds: number[][] } {
    const holds = this.held.map((list) => list.map(({ cast }) => cast.seq))
    for (const { cast, rank } of this.late) holds[rank]?.push(cast.seq)
    return { stable: [...this.stable], got: [...this.received], holds }
  }

  learnStable(rank: number, seq: number): boolean {
    if (rank < 0 || rank >= this.stable.length || seq <= (this.stable[rank] ?? 0)) return false
    this.stable[rank] = seq
    const held = this.held[rank]
    if (held !== undefined && held.length > 0) {
      const kept = held.filter((h) => h.cast.seq > seq || !h.isDelivered)
      if (kept.length < held.length) this.held[rank] = kept
    }
    return true
  }
}
