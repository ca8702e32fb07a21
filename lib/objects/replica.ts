/**
 * The group interface: all that objects and tools may import of Tutti.
 *
 * A replicated object is a deterministic state machine (`Replica`) driven by one agreed sequence of
 * deliveries and views; its handle casts operations through a `GroupPort`. The space glues both to a group:
 * it buffers casts while a state is awaited, asks for snapshots at cuts, and hands the object out when it is whole.
 */

/** A view of the object's group, as far as objects need it. */
export interface GroupView {
  readonly id: string
  /** Process ids by rank. */
  readonly members: readonly string[]
  readonly primary: boolean
  readonly line: string | null
  readonly joined: readonly string[]
  readonly left: readonly string[]
  /** Proven dead. */
  readonly dead: readonly string[]
  /** Gone without a word. */
  readonly expelled: readonly string[]
}

/** Who made an operation, and where in the agreed sequence it stands. */
export interface OpInfo {
  /** The process that cast it. */
  readonly author: string
  /** True if it was cast by this process. */
  readonly local: boolean
  /** The author's cast number (over all its groups); increases per author. */
  readonly n: number
  /** Position in the group's agreed sequence: the group view, and a number that grows with every delivery in it. For total groups equal at all members. */
  readonly view: string
  readonly index: number
}

/** The deterministic half of an object. Never awaits, never reads a clock, never throws for a peer's operation. */
export interface Replica {
  /** A cast of the group, decoded. Malformed operations are ignored (return false: counted as a peer's fault). */
  apply(op: unknown, info: OpInfo): boolean
  /** A new view of the group, after the casts of the old one. */
  view(view: GroupView): void
  /** The delivered state in canonical form (a value of values.ts; equal states give equal values, entries sorted). Without the overlay. */
  save(): unknown
  /**
   * What `save` gives at the call, made in steps of a few milliseconds at most, with casts applied between them. For
   * states that can be large: a newcomer's state is saved in this way if there is one, so that the page is not held up.
   */
  saveInSteps?(): Iterator<undefined, unknown>
  /** Replaces the delivered state. Throws a ValueError on a malformed one (the transfer is then refused). */
  load(state: unknown): void
  /** Unites another part's state into this one: idempotent, commutative, associative. Only `available` groups call it. */
  merge?(state: unknown): void
  /** All operations of one delivery batch have been applied: emit change events once. */
  settle(): void
}

/** A promise-making handle on one cast. Promises are made when asked for. */
export interface Receipt {
  /** The sender's cast number. */
  readonly n: number
  /** Resolves when this process has delivered it; rejects with UnknownOutcomeError / NotPrimaryError / ClosedError. */
  readonly delivered: Promise<void>
  /** Resolves when every member of the view it was sent in holds it. */
  readonly stable: Promise<void>
}

/** How an object's handle acts on its group. */
export interface GroupPort {
  readonly name: string
  /** This process. */
  readonly self: string
  /** The current view, or null before the first. */
  readonly view: GroupView | null
  /** Casts one operation (a value). Throws BusyError past the bound, ClosedError after the end. */
  cast(op: unknown, options?: { readonly signal?: AbortSignal }): Receipt
  /** Milliseconds, monotone; for leases and time-outs outside the replica only. */
  now(): number
  /** Runs `fn` after `ms`; returns the cancel function. Outside the replica only. */
  after(ms: number, fn: () => void): () => void
  /** When this process last heard, in the sense of a lease: the time at which it sent the last heartbeat that a quorum of its primary view answered; null if none. */
  leaseStart(): number | null
  /** Reports an internal or peer fault to the space (counted, logged, never thrown). */
  fault(code: string, detail?: unknown): void
  /** Leaves the group. */
  close(): Promise<void>
}

/** What an object module gives the space so that it can be opened: one per kind. */
export interface ObjectKind<Handle, Options> {
  /** Part of the group's identity. */
  readonly kind: string
  readonly order: 'fifo' | 'causal' | 'total'
  readonly uniform: boolean
  readonly consistency: 'available' | 'consistent'
  /** Makes the replica and the handle for one group. */
  create(port: GroupPort, options: Options): { readonly replica: Replica; readonly handle: Handle }
}
