/**
 * L6 No blocked sender: the promise of every cast of a live process settles, one way or another, within `tSettle` of
 * the cast or of the quiet line, whichever is later. Casts of a consistent group may wait to be sent where the final
 * component is not primary, or the group waits for whoever has the state it last acted on. A cast waits for the number of
 * an earlier total cast of its sender in another group: if many have waited for a primary component, each of them counts
 * from the one before it.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Message } from './model.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import { orderOf, type Run } from './run.ts'

/** From the sending of a total cast to the end of the promise of the cast behind it, which is sent once the number is known. */
const ROUND_MS = 2_000

export const checker: Checker = {
  property: 'L6',
  check(run: Run): Result {
    const verdict = new Verdict('L6')
    const rest = restOf(run)
    if (rest === null) return verdict
    for (const message of run.messages) {
      const { m, cast, send, sender, settles, group } = message
      if (cast === null || !isAtRest(run, sender)) continue
      const deadline = Math.max(cast.t, rest.quiet.t) + rest.bounds.tSettle
      if (deadline > rest.end.t || (send === null && endsWaiting(run, sender, group?.name ?? ''))) continue
      const settled = settles[0]
      verdict.expect(
        (settled !== undefined && settled.t <= deadline) ||
          (settled?.t ?? rest.end.t) - sentBefore(run, message) <= ROUND_MS,
        () =>
          `the promise of ${m} in "${group?.name}" ${settled === undefined ? 'never settles' : `settles ${settled.t - deadline} ms late`}`,
        cast.line,
      )
    }
    return verdict
  },
}

/** When the last cast was sent whose number this one waits for; long ago if there is none. */
function sentBefore(run: Run, { sender, n, send, group }: Message): number {
  let last = Number.NEGATIVE_INFINITY
  for (const other of run.messages) {
    if (other.sender !== sender || other.n >= n || other.group === group || other.send === null) continue
    if (send !== null && other.send.line > send.line) continue
    const order = orderOf(other)
    if (order === 'total' || order === 'gbcast') last = Math.max(last, other.send.t)
  }
  return last
}
