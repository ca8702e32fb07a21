/**
 * M7 Failure atomicity, for uniform casts: processes that move together have delivered the same ones of them before the
 * transitional signal, and the same ones after it. (That they deliver the same in all is M6.)
 *
 * The signal speaks of those who come along to the next space view. Who installs the next view of a group with them, but
 * before that flush and without going on with them, is not among those.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { View } from './model.ts'
import { compareSets, type Move, type Mover, movesOf } from './moves.ts'
import { isUniform, type Run } from './run.ts'

export const checker: Checker = {
  property: 'M7',
  check(run: Run): Result {
    const verdict = new Verdict('M7')
    const signalled = movesOf(run).flatMap(bySpace).filter(isSignalled)
    compareSets(run, verdict, signalled, ({ transitional, message }) => !transitional && isUniform(message))
    compareSets(run, verdict, signalled, ({ transitional, message }) => transitional && isUniform(message))
    return verdict
  },
}

function isSignalled({ movers }: Move): boolean {
  return movers.some(({ deliveries }) => deliveries.some(({ transitional }) => transitional))
}

/** The movers apart by the space view that they go on to. */
function bySpace(move: Move): Move[] {
  const apart = new Map<View, Mover[]>()
  for (const mover of move.movers) {
    const { after } = mover.left
    // One that leaves a space view is there; one that leaves a group's is still in that of the next view of the group.
    const next = after?.space === null ? after : after?.space?.after
    if (next != null) pushTo(apart, next.view, mover)
  }
  return [...apart.values()].map((movers) => ({ ...move, movers }))
}
