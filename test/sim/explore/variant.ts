/**
 * The variants of the explored scenario: two processes in a primary view with one group, a third that joins.
 */

import type { Limits } from '../../../lib/kernel/limits.ts'
import { mapKind, type SharedMap } from '../../../lib/objects/map.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { logKind, type SharedLog } from '../log-replica.ts'

/** The processes. `c` joins. */
export const PROCESSES: readonly string[] = ['a', 'b', 'c']

/** The one group. */
export const GROUP = 'g'

/** An object that can be told to cast. */
export interface Castable {
  readonly kind: ObjectKind<unknown, unknown>
  cast(handle: unknown, value: number): void
}

/** What is explored. */
export interface Variant {
  readonly name: string
  readonly object: Castable
  /** The newcomer opens the group at once, so that two parts of it merge; else in its first common view, as a round of the group's own. */
  readonly isEarly: boolean
}

/** How often things may happen on one path. */
export interface Budget {
  readonly casts: number
  readonly crashes: number
}

const causalMap: Castable = {
  kind: mapKind as ObjectKind<unknown, unknown>,
  cast: (handle, value) => {
    ;(handle as SharedMap).set('k', value)
  },
}

const safeLog: Castable = {
  kind: { ...logKind(true), uniform: true } as ObjectKind<unknown, unknown>,
  cast: (handle, value) => (handle as SharedLog).append(value),
}

/** All variants. */
export const VARIANTS: readonly Variant[] = [
  { name: 'causal-merge', object: causalMap, isEarly: true },
  { name: 'causal-round', object: causalMap, isEarly: false },
  { name: 'safe-merge', object: safeLog, isEarly: true },
  { name: 'safe-round', object: safeLog, isEarly: false },
]

const NEVER = 1e9

/**
 * Limits that take time out of the protocol: what is due, is due at once, and silence means nothing. A process is
 * suspected when its path ends, which may come at any moment after its crash. Heartbeats and pauses before another
 * attempt are left to the clock, which goes on only when nothing is under way.
 */
export const LIMITS: Partial<Limits> = {
  suspectAfterMs: NEVER,
  linkDownGraceMs: 0,
  ackDelayMs: 0,
  failureHoldMs: 0,
  mergeHoldMs: 0,
}
