/**
 * The words in which checkers see a run: processes, groups, views, installs, casts, deliveries.
 *
 * Objects are made once by `run.ts` and compared by identity; `index` fields are dense from 0 and fit typed arrays.
 * Line numbers count from 1; 0 means "never".
 */

import type { GroupLine, LineOf, TraceEventName, ViewLine } from '../../../lib/testing/trace.ts'

/** A place in the trace. */
export interface At {
  readonly line: number
  readonly t: number
}

/** A settled promise. */
export interface Settled extends At {
  readonly outcome: string
}

/** One incarnation. */
export interface Process {
  readonly index: number
  readonly id: string
  start: At | null
  origin: string
  site: string
  /** It votes without state. */
  isWitness: boolean
  crash: At | null
  /** Asked to leave the space for good. */
  leave: At | null
  /** Stretches of being frozen; `to` is null if it was never thawed. */
  readonly frozen: { readonly from: At; to: At | null }[]
  /** The part of the final network it is in (index into the quiet line's parts), or -1. */
  part: number
  /** Per group, the views it installed, in order. */
  readonly installs: Map<Group, Install[]>
  readonly deliveries: Delivery[]
  /** Per group name, where it asked to join and to leave. */
  readonly joins: Map<string, At[]>
  readonly leaves: Map<string, At[]>
  /** Groups it is a client of, with the line of the attach and of the detach (0: none). */
  readonly attached: Map<string, { readonly from: number; to: number }[]>
  /** Per group name, the ends of its joins. */
  readonly joinSettles: Map<string, Settled[]>
  /** Per cast (by index), the line of its first delivery here. */
  deliveredAt: Int32Array
}

/** A group, or the space (name `''`). */
export interface Group {
  readonly index: number
  readonly name: string
  options: GroupLine | null
  /** By id. */
  readonly views: Map<string, View>
}

/** A view as all who installed it saw it; one that nobody installed has `first: null`. */
export interface View {
  readonly index: number
  readonly group: Group
  readonly id: string
  readonly epoch: number
  readonly n: number
  /** The first install's line. */
  first: ViewLine | null
  members: ReadonlySet<string>
  readonly installs: Install[]
  /** Casts sent in it, per sender. */
  readonly streams: Stream[]
}

/** A process installs a view: the stretch of its history from there to its next view of the group. */
export interface Install {
  readonly at: At
  readonly process: Process
  readonly view: View
  readonly data: ViewLine
  /** The process's install of the group before this one, unless it had left in between. */
  readonly before: Install | null
  /** The process's next install of the group in the same membership. */
  after: Install | null
  /** The space install in force. */
  readonly space: Install | null
  /** Deliveries in it, in order. */
  readonly deliveries: Delivery[]
}

/** A cast. */
export interface Message {
  readonly index: number
  readonly m: string
  readonly sender: Process
  readonly n: number
  group: Group | null
  cast: At | null
  /** Its sender's install of the group in force when the application cast it, or null. */
  madeIn: Install | null
  send: (At & { readonly view: View; readonly data: LineOf<'send'> }) | null
  stream: Stream | null
  /** Place in its sender's program order, which is the order in which the kernel stamped its casts; from 1, 0 if never sent. */
  rank: number
  /** Place in its stream. */
  place: number
  readonly settles: Settled[]
  readonly deliveries: Delivery[]
}

/** The casts of one sender in one view, by number. */
export interface Stream {
  readonly index: number
  readonly sender: Process
  readonly view: View
  readonly messages: Message[]
}

/** The application gets a cast. */
export interface Delivery {
  readonly at: At
  readonly process: Process
  readonly message: Message
  readonly group: Group
  /** The view that the line names. */
  readonly view: View
  readonly h: string | number
  /** The process's install of the group in force, or null. */
  readonly install: Install | null
  /** The process's space install in force, or null. */
  readonly space: Install | null
  /** Came after the transitional signal. */
  readonly transitional: boolean
  /** False if the process had it before. */
  readonly first: boolean
}

/** A line of one of the rarer events, with what was in force when it was written. */
export interface Located<E extends TraceEventName> extends At {
  readonly data: LineOf<E>
  readonly process: Process | null
  /** The process's space install in force, or null. */
  readonly space: Install | null
}

/** A process of which nothing is known yet. */
export function newProcess(index: number, id: string): Process {
  return {
    index,
    id,
    start: null,
    origin: '',
    site: '',
    isWitness: false,
    crash: null,
    leave: null,
    frozen: [],
    part: -1,
    installs: new Map(),
    deliveries: [],
    joins: new Map(),
    leaves: new Map(),
    attached: new Map(),
    joinSettles: new Map(),
    deliveredAt: new Int32Array(0),
  }
}

/** A cast of which nothing is known yet. */
export function newMessage(index: number, m: string, sender: Process, n: number): Message {
  return {
    index,
    m,
    sender,
    n,
    group: null,
    cast: null,
    madeIn: null,
    send: null,
    stream: null,
    rank: 0,
    place: 0,
    settles: [],
    deliveries: [],
  }
}
