/**
 * The state port: how an object of the application gives and takes its state.
 */

/** An object whose state follows the casts of a group. All calls are synchronous and made in the group's order. */
export interface StatePort {
  /** The state with every cast delivered so far, none after, as a value; equal states give equal values. */
  save(): unknown
  /** Replaces the state with one that `save` gave elsewhere. Throws if it is malformed. */
  load(state: unknown): void
  /** Unites another part's state into this one after a split: idempotent, commutative, associative. Without it the senior part's state wins. */
  merge?(state: unknown): void
}
