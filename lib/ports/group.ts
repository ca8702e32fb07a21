/**
 * The group interface, as types: how the handle of a replicated object acts on its group, and what it is told of it.
 *
 * Objects, tools, and the objects of an application (`tutti/adapters/state-transfer`) see no more of Tutti.
 */

/** A view of the object's group, as far as objects need it. */
export interface GroupView {
  readonly id: string
  /** Process ids by rank. */
  readonly members: readonly string[]
  readonly primary: boolean
  readonly line: string | null
  /** Of a group that does not act although its component is primary: one of these must come back. Else empty. */
  readonly missing: readonly string[]
  readonly joined: readonly string[]
  /** Said goodbye. */
  readonly left: readonly string[]
  /** Proven dead. */
  readonly dead: readonly string[]
  /** Gone without a word, or away: they may come back. */
  readonly expelled: readonly string[]
  /**
   * For how long, at least, nobody here had heard of any of those who are expelled when their view was given up, in ms: as
   * old is what they heard of the others. Absent: nothing can be said.
   */
  readonly quietMs?: number
}

/** Who made an operation, and where in the agreed sequence it stands. */
export interface OpInfo {
  /** The process that cast it. */
  readonly author: string
  /** True if it was cast by this process. */
  readonly local: boolean
  /** The author's cast number (over all its groups); increases per author. */
  readonly n: number
  /** The group view it is delivered in. */
  readonly view: string
  /** Grows with every delivery in that view; with `order: 'total'` equal at all members. */
  readonly index: number
}

/**
 * What became of an own cast that is not delivered here: never sent; dropped by all who came along, because something
 * before it is lost, so by everybody in a consistent group of uniform casts; or others may have it.
 */
export type CastFate = 'refused' | 'lost' | 'unknown'

/** How one cast is made. */
export interface CastOptions {
  /** Takes the cast back while it waits here unsent; the receipt then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /**
   * `gbcast`: ordered against everything that is cast in the group, whatever the group's own order, and against its views:
   * of those who stay together, each delivers the same casts before it and the same after it. It costs a round of all
   * members (four message delays), in which none of them casts in the group; this process casts nowhere until it has
   * delivered it. Default: as the group is.
   */
  readonly service?: 'gbcast'
}

/** What becomes of one cast. The promises are made when asked for. */
export interface Receipt {
  /** The sender's cast number. */
  readonly n: number
  /** Resolves when this process has delivered it; rejects with UnknownOutcomeError / NotPrimaryError / ViewChangedError / ClosedError. */
  readonly delivered: Promise<void>
  /**
   * Resolves when every member of the view it was sent in holds it; if that view ends before, once those who go on from it
   * together with this process do, be they of the primary component or not (docs/guarantees.md).
   */
  readonly stable: Promise<void>
}

/** The view of the space, as far as messages need it. */
export interface MailView {
  readonly id: string
  /** Process ids by rank. */
  readonly members: readonly string[]
}

/** Who listens at an address. */
export interface MailListener {
  /** A message has come, of a process in the view of the space. Those of one sender come in its order. */
  message(from: string, value: unknown): void
  /**
   * There is a new view of the space. `parted`: members of the one before that have not come along with this process, whether
   * they are in the new one or not: what was under way between them and this process may be lost. `gone`: those who have
   * said goodbye, or are proven dead.
   */
  viewed?(view: MailView, parted: readonly string[], gone: readonly string[]): void
  /** An address elsewhere: whoever has nobody listening at it sends what it is sent there back, empty. */
  readonly bouncesOf?: string
  /** Something that was sent to that address of this process found nobody listening. */
  bounced?(from: string): void
}

/**
 * Direct messages: from this process to one other of the space, beside all groups. They come in the order in which they were
 * sent, each once, to whoever stays in one view with this process (D1 to D3 of docs/guarantees.md); relative to casts, in no
 * particular order.
 */
export interface Mail {
  readonly self: string
  /** Of the space; null before the first. */
  readonly view: MailView | null
  /**
   * Sends one to a process of the space, which may be this one. Returns its number. Throws ValueError, TooLargeError (above
   * 1 MiB), BusyError (4,096 wait here unsent), ClosedError: nothing was sent then.
   */
  send(to: string, address: string, value: unknown): number
  /** Listens at an address of this process, alone. Returns what ends it. */
  listen(address: string, listener: MailListener): () => void
  /** Runs `fn` after `ms`; returns the cancel function. */
  after(ms: number, fn: () => void): () => void
}

/** Where a group stands between being asked for and being gone. A close that leaves other openers does not leave it. */
export type GroupPhase = 'joining' | 'open' | 'leaving' | 'ended'

/** How an object's handle acts on its group. */
export interface GroupPort {
  /** The object's name. */
  readonly name: string
  /** This process. */
  readonly self: string
  /**
   * How many casts this process had made when it opened the group: grows from one opening to the next. Count from it
   * where you number this process's operations, for it may close the object and open it again.
   */
  readonly opening: number
  /** The current view, or null before the first. */
  readonly view: GroupView | null
  readonly phase: GroupPhase
  /** It is a member, and its state is that of the group: no other is awaited. */
  readonly isWhole: boolean
  /** False while a cast would be refused with a BusyError, and after the end. */
  readonly isWritable: boolean
  /**
   * Casts one operation, any value. Throws ValueError, TooLargeError, BusyError past the bound, ClosedError after the end,
   * UsageError for a service that there is not.
   */
  cast(op: unknown, options?: CastOptions): Receipt
  /** As `cast`; the replicas are told of it by `request` instead of `apply`. */
  castRequest(op: unknown, options?: CastOptions): Receipt
  /** Direct messages between processes of the space. */
  readonly mail: Mail
  /** Milliseconds, monotone. Never read it in the replica, which must be deterministic: for leases and time-outs only. */
  now(): number
  /** Runs `fn` after `ms`; returns the cancel function. Outside the replica only. */
  after(ms: number, fn: () => void): () => void
  /** When this process last heard, in the sense of a lease: the time at which it sent the last heartbeat that a quorum answered from within its primary view, though it may be in another by now; null if none. */
  leaseStart(): number | null
  /**
   * When the kernel delivered what this process is being told, by the clock of `now`: before now, if the page was blocked
   * meanwhile, or the state had to come first. Outside a delivery: now. As `now`, never for what the replica decides.
   */
  heardAt(): number
  /** Reports an internal or peer fault to the space (counted, logged, never thrown). */
  fault(code: string, detail?: unknown): void
  /** Leaves the group, unless somebody else in this process has it open too. */
  close(): Promise<void>
}
