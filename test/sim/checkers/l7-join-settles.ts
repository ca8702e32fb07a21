/**
 * L7 Join liveness: every join, of the space or of a group, settles within `tJoin` of the join or of the quiet line,
 * whichever is later, unless the process crashes, leaves, or leaves the group again. A consistent group's state may be
 * out of reach where the final component is not primary.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { At, Process } from './model.ts'
import { endsWaiting, isAtRest, type Rest, restOf } from './rest.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'L7',
  check(run: Run): Result {
    const verdict = new Verdict('L7')
    const rest = restOf(run)
    if (rest === null) return verdict
    for (const process of run.processes) {
      if (!isAtRest(run, process)) continue
      for (const [g, joins] of process.joins) {
        if (endsWaiting(run, process, g)) continue
        for (const join of joins) checkJoin(verdict, rest, process, { g, join })
      }
    }
    return verdict
  },
}

function checkJoin(
  verdict: Verdict,
  rest: Rest,
  process: Process,
  { g, join }: { readonly g: string; readonly join: At },
): void {
  const deadline = Math.max(join.t, rest.quiet.t) + rest.bounds.tJoin
  if (deadline > rest.end.t || process.leaves.get(g)?.some((leave) => leave.line > join.line) === true) return
  const settled = process.joinSettles.get(g)?.find((end) => end.line > join.line)
  verdict.expect(
    settled !== undefined && settled.t <= deadline,
    () =>
      `${process.id}'s join of "${g}" ${settled === undefined ? 'never settles' : `settles ${settled.t - deadline} ms late`}`,
    join.line,
  )
}
