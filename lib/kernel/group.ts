/** A group as one of its members knows it: view, order, state. Plain data; the layers work on it. */
import type { GroupOptions, ProcessId, ViewId } from './api.ts'
import type { Held } from './era.ts'
import type { GroupInstall, StateStatus } from './frame.ts'
import { type Placing, Placings } from './placings.ts'

/** Total order of one group view: what its engine (`total.ts`) knows. */
export interface TotalState {
  /** Position → which cast, and which order record said so. */
  readonly records: Map<
    number,
    { readonly rank: number; readonly seq: number; readonly by: number; readonly bySeq: number }
  >
  /** Next position to deliver; casts that have none are delivered after all others, and count on. */
  next: number
  /** Next position the sequencer gives (only meaningful there). */
  assigned: number
  /** Held and undelivered, by (rank, seq). */
  readonly held: Map<number, Held>
  /** At the sequencer: without a number, smallest stamp first. */
  unnumbered: Held[]
  /** At the sequencer: rank → last cast numbered. */
  readonly numbered: Map<number, number>
  /** (rank, seq) keys of casts that have a position and are not delivered. */
  readonly placed: Set<number>
  readonly moving: MovingState | null
  readonly roundRobin: RoundRobinState | null
  /** Of a group that shares its order with others. */
  readonly domain: DomainState | null
}

/** What a moving sequencer knows besides. */
export interface MovingState {
  /** The position from which on this member gives them, if it has the role. */
  from: number | null
  /** How many positions are known here to be given. */
  known: number
  /** Rank → casts numbered here since it was last looked at. */
  readonly tally: Map<number, number>
  /** Ranks that do not want the role in this view. */
  readonly spared: Set<number>
  /** At a cut: records without those before them are gone. */
  isTrimmed: boolean
}

/** What round robin knows besides. */
export interface RoundRobinState {
  /** By rank in the group view: the next turn that is neither used nor passed. */
  readonly turns: number[]
  /** The first position that is neither. */
  open: number
  /** The highest position of a cast. */
  highest: number
  /** Casts held and undelivered, by position. */
  readonly line: { readonly position: number; readonly held: Held }[]
  /** Positions of own casts that do not have their place yet. */
  readonly own: number[]
  /** Rank in the space view → rank in the group view. */
  readonly places: Map<number, number>
}

/** What a domain knows of one of its groups, besides. */
export interface DomainState {
  /** By (rank, seq). Of some the cast is not here: something was said of it. */
  readonly items: Map<number, Placing>
  /** Those that are here. */
  readonly placings: Placings
  /** Pairs (rank, seq): casts to say `stamp` of in the next record. */
  toSay: number[]
  stamp: number
  /** The stamp promised for the rest of this view; null while it goes on. */
  closedAt: number | null
  /** At a cut: all places are known. */
  isCut: boolean
}

/** One group. */
export interface Group {
  readonly name: string
  readonly options: GroupOptions
  gid: number
  /** Views of the group, and cuts for gbcasts, within this space view so far. */
  gn: number
  viewId: ViewId
  /** At a cut: a later view that is not told; and the members of the last one that was. */
  untold: { readonly viewId: ViewId; readonly before: readonly ProcessId[] } | null
  members: readonly ProcessId[]
  /** Closed to new casts: a cut of the group is under way. */
  isClosed: boolean
  /** Decided, but casts of the old view are still to be delivered. */
  install: GroupInstall | null
  /** Decided after `install`, in order (only while a cut is delivered). */
  laterInstalls: GroupInstall[]
  /** A further cut was asked for before the last one was installed. */
  deferredPrepare: number | null
  /** The last own order record. */
  lastOrderSeq: number
  /** Decided within this space view: the views, and the last of the cuts after each. */
  installs: GroupInstall[]
  /** Members when the space view began; null if this process was none. */
  baseMembers: readonly ProcessId[] | null
  baseViewId: ViewId | null
  total: TotalState
  /** The last own cast in the group, in the current space view. */
  ownLast: number
  /** Sender → last cast number delivered. */
  readonly deliveredN: Map<ProcessId, number>
  status: StateStatus
  /** Who would have to come back before it may act; null if it may. */
  missing: readonly ProcessId[] | null
  /** The transitional signal was given for the current view. */
  isTransSignalled: boolean
  /** Held gbcasts, in the order in which they are delivered when all else up to the cut is. */
  gbcasts: Held[]
}

/** A fresh total order, of a group view of these members, at one of them. */
export function newTotal(options: GroupOptions, members: readonly ProcessId[], self: ProcessId): TotalState {
  const { engine, domain } = options
  const from = members[0] === self ? 0 : null
  const turns = members.map(() => 0)
  return {
    records: new Map(),
    next: 0,
    assigned: 0,
    held: new Map(),
    unnumbered: [],
    numbered: new Map(),
    placed: new Set(),
    moving: engine === 'moving' ? { from, known: 0, tally: new Map(), spared: new Set(), isTrimmed: false } : null,
    roundRobin: engine === 'round-robin' ? { turns, open: 0, highest: -1, line: [], own: [], places: new Map() } : null,
    domain: domain === undefined ? null : newDomain(),
  }
}

function newDomain(): DomainState {
  return { items: new Map(), placings: new Placings(), toSay: [], stamp: 0, closedAt: null, isCut: false }
}

/** One number for a cast within a space view. */
export function castKey(rank: number, seq: number): number {
  return rank * 2 ** 40 + seq
}
