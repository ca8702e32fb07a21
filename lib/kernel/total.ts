/**
 * Total order engines: what gives the casts of a total group their positions. Delivery asks, one engine answers.
 *
 * Protocol: an engine keeps what it knows of one group view in the group's `TotalState` and nothing elsewhere. Casts go
 *   straight to the members; what else must be known for their positions travels in *records*: casts of the kernel's own,
 *   numbered, acknowledged and forwarded like others, but never delivered and never waited for by happens-before.
 * Provides: all who deliver two casts of a group view do so in the order of their positions, and nobody delivers one
 *   before another that is known to come first (O6, O7); with `uniform`, a cast and what gives it its position are held
 *   by all when it is delivered (O5); the order agrees with happens-before (O8).
 * Requires of every engine, for O8 across groups: a cast has a position *from a moment on*, and that of a later position
 *   is no earlier one. A sender holds back casts to other groups until it knows that the moment of its own has come
 *   (`placedOwn`); what it casts then is later than that. So no circle of orders and causes can come about, whatever
 *   engines the groups have.
 * At the end of a view (a cut of the group, or of the space) everything that belongs to it is here, or at nobody: what
 *   has no position then is delivered after all that have, in an order that all compute alike.
 */
import type { Held } from './era.ts'
import type { Cast, GroupInstall } from './frame.ts'
import type { Group } from './group.ts'

/** One engine of one kernel, for all groups that have it. */
export interface TotalEngine {
  /** What an own cast that is about to be made carries of its position: `Cast.order`. Null where a record will tell. */
  stamp(group: Group): readonly number[] | null
  /** A cast is held here, its sender's or one that was forwarded. */
  take(group: Group, held: Held): void
  /** A record is held here. */
  takeRecord(group: Group, held: Held, order: readonly number[]): void
  /** The records that this member has to multicast now. Asked at the end of each step, in a view that is open. */
  speak(group: Group): readonly (readonly number[])[]
  /** The cast whose turn it is, if it is here and may be released; null otherwise. Its dependencies are not looked at. */
  first(group: Group): Held | null
  /** The cast of `first` is delivered. */
  done(group: Group, held: Held): void
}

/** What engines need of delivery. */
export interface EngineHooks {
  /** An own cast has its place. */
  placedOwn(): void
  /** Is everything stable that a uniform cast needs, apart from its position? */
  isReleased(held: Held): boolean
  /** The next view is decided: is all here that was cast in this one? */
  holdsAllCounted(group: Group, install: GroupInstall): boolean
  /** A cast is delivered that causally comes after a record. */
  addDep(rank: number, stream: number, seq: number): void
}

/** The records that most engines have to multicast at most times. */
export const nothingToSay: readonly (readonly number[])[] = []

/** Is it no cast of the application's, but tells of positions? */
export function isRecord(cast: Cast): boolean {
  return cast.order !== null && cast.n === 0
}

/** Smallest (Lamport, rank, seq) first. */
export function compareHeld(a: Held, b: Held): number {
  return a.cast.lamport - b.cast.lamport || a.rank - b.rank || a.cast.seq - b.cast.seq
}

/** Into a list that is in that order. */
export function insertSorted(list: Held[], held: Held): void {
  let at = list.length
  while (at > 0) {
    const before = list[at - 1]
    if (before === undefined || compareHeld(before, held) <= 0) break
    at -= 1
  }
  list.splice(at, 0, held)
}
