/**
 * M7 Failure atomicity, for uniform casts: processes that move together have delivered the same ones of them before the
 * transitional signal, and the same ones after it. (That they deliver the same in all is M6.)
 *
 * Not judged is a cast that comes, at one of them, after a total cast of its sender in another group which itself comes
 * after the signal, its own or that of the cast: whoever is not in that group cannot know that its order is still to be
 * kept (docs/guarantees.md).
 *
 * The signal speaks of those who come along to the next space view. Who installs the next view of a group with them, but
 * before that flush and without going on with them, is not among those.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { Delivery, Message, View } from './model.ts'
import { compareSets, type Move, type Mover, movesOf } from './moves.ts'
import { isUniform, type Run } from './run.ts'

export const checker: Checker = {
  property: 'M7',
  check(run: Run): Result {
    const verdict = new Verdict('M7')
    const signalled = movesOf(run).flatMap(bySpace).filter(isSignalled)
    const held = heldUp(run)
    const isJudged = ({ message }: Delivery): boolean => isUniform(message) && !held.has(message)
    compareSets(run, verdict, signalled, (each) => !each.transitional && isJudged(each))
    compareSets(run, verdict, signalled, (each) => each.transitional && isJudged(each))
    return verdict
  },
}

/**
 * Casts that somebody delivers after the signal, and after a total cast that their sender has made before, in another group,
 * and that was not released there when the signal came.
 */
function heldUp(run: Run): ReadonlySet<Message> {
  const held = new Set<Message>()
  for (const process of run.processes) {
    const late = process.deliveries.filter(({ transitional, message }) => transitional && isUniform(message))
    if (late.length === 0) continue
    const signals = run.of('trans').filter((signal) => signal.process === process)
    for (const { message, group, space, at } of late) {
      const signal = signals.findLast(({ data, line }) => data.g === group.name && line < at.line)?.line ?? at.line
      const isHolding = (other: Delivery): boolean =>
        other.space === space &&
        other.at.line < at.line &&
        ((other.transitional && isUniform(other.message)) || other.at.line > signal) &&
        other.message.sender === message.sender &&
        other.message.rank < message.rank &&
        other.group !== group &&
        other.message.send?.data.order === 'total'
      if (process.deliveries.some(isHolding)) held.add(message)
    }
  }
  return held
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
