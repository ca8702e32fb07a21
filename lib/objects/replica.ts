/**
 * The group interface: all that objects and tools may import of Tutti.
 *
 * A replicated object is a deterministic state machine (`Replica`) driven by one agreed sequence of
 * deliveries and views; its handle casts operations through a `GroupPort`. The space glues both to a group:
 * it buffers casts while a state is awaited, asks for snapshots at cuts, and hands the object out when it is whole.
 */

import type { CastFate, GroupPort, GroupView, OpInfo } from '../ports/group.ts'

export type {
  CastFate,
  CastOptions,
  GroupPhase,
  GroupPort,
  GroupView,
  Mail,
  MailListener,
  MailView,
  OpInfo,
  Receipt,
} from '../ports/group.ts'

/** How a view of the space follows on those before it: the same at all who come from the same view of the group. */
export interface Succession {
  /** The view of the space: `epoch.coordinator`. */
  readonly space: string
  /** The primary view that it is the next one of, in its line; null if it is none's. */
  readonly after: string | null
  /** All members come from one view of the group, in which each had the whole state. */
  readonly isSettled: boolean
}

/** The deterministic half of an object. Never awaits, never reads a clock, never throws for a peer's operation. */
export interface Replica {
  /** A cast of the group, decoded. Malformed operations are ignored (return false: counted as a peer's fault). */
  apply(op: unknown, info: OpInfo): boolean
  /** A cast that was made by `castRequest`. Without it, such casts are malformed. */
  request?(op: unknown, info: OpInfo): boolean
  /** A request that will not be told: the state that this process was given is one of after it. */
  skipped?(info: OpInfo): void
  /**
   * A new view of the group, after the casts of the old one. After `load`: the view that the loaded state has seen
   * already, which tells of nobody who has come or gone.
   */
  view(view: GroupView, succession?: Succession): void
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
  /**
   * What another state has that this one lacks, as a state that makes up for it when it is merged; null if nothing. May
   * have more. Absent: the whole of it, if it makes a difference.
   */
  lacking?(state: unknown): unknown
  /** All states that were to be united are in this one: after one `merge` or several. */
  united?(): void
  /**
   * The own cast of this number will not be delivered here. Whoever shows own operations before they are delivered must
   * not show this one for ever: it casts it again, if it may be done twice, or takes it back.
   */
  lost?(n: number, fate: CastFate): void
  /** All operations of one delivery batch have been applied: emit change events once. */
  settle(): void
}

/** What an object module gives the space so that it can be opened: one per kind. */
export interface ObjectKind<Handle, Options> {
  /** Part of the group's identity. */
  readonly kind: string
  readonly order: 'fifo' | 'causal' | 'total'
  readonly uniform: boolean
  /** Casts are delivered in the view in which they were made, or refused with a `ViewChangedError`. Default false. */
  readonly strong?: boolean
  readonly consistency: 'available' | 'consistent'
  /** What it says is of who is present: it is not stored. Default false. */
  readonly isPassing?: boolean
  /** Who gives the casts of a `total` group their places. Default `sequencer`. */
  readonly engine?: 'sequencer' | 'moving' | 'round-robin'
  /** Of options that all who open the group must share: what they add to `kind`. Default nothing. */
  variant?(options: Options): string
  /**
   * The names of those options. Of two that open the object in one process, one may leave out what the other one says, if
   * that is the default: it is `variant` that is compared. Default: all options are compared, one by one.
   */
  readonly terms?: readonly string[]
  /** A cast is sent when what comes before it in other groups is delivered by all. Default false. */
  readonly strict?: boolean
  /** The total groups that share one order with this one. Default: none. */
  readonly domain?: string
  /** Makes the replica and the handle for one group. */
  create(port: GroupPort, options: Options): { readonly replica: Replica; readonly handle: Handle }
}
