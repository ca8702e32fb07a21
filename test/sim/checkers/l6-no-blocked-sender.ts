/**
 * L6 No blocked sender: the promise of every cast of a live process settles, one way or another, within `tSettle` of
 * the cast or of the quiet line, whichever is later. Casts of a consistent group may wait to be sent where the final
 * component is not primary, or the group waits for whoever has the state it last acted on. A cast waits for the number of
 * an earlier total cast of its sender in another group: if many have waited for a primary component, each of them counts
 * from the one before it.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { isInTurn } from './one-by-one.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

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
        (settled !== undefined && settled.t <= deadline) || isInTurn(run, message, settled?.t ?? rest.end.t),
        () =>
          `the promise of ${m} in "${group?.name}" ${settled === undefined ? 'never settles' : `settles ${settled.t - deadline} ms late`}`,
        cast.line,
      )
    }
    return verdict
  },
}
