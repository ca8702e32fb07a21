/**
 * L9 Every wanted call ends: an operation of a live process on a shared object ends, one way or another, within `tSettle`
 * of when it was made or of the quiet line, whichever is later. In the final component that is primary, that is; elsewhere,
 * and where the group waits for whoever has the state it last acted on, calls may wait.
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'L9',
  check(run: Run): Result {
    const verdict = new Verdict('L9')
    const rest = restOf(run)
    if (rest === null) return verdict
    const ends = new Map(run.of('return').map(({ data, t }) => [`${data.p} ${data.id}`, t]))
    for (const { data, process, t, line } of run.of('invoke')) {
      const deadline = Math.max(t, rest.quiet.t) + rest.bounds.tSettle
      if (process === null || !isAtRest(run, process) || deadline > rest.end.t) continue
      const end = ends.get(`${data.p} ${data.id}`)
      if (end === undefined && endsWaiting(run, process, data.obj)) continue
      verdict.expect(
        end !== undefined && end <= deadline,
        () =>
          `${data.p}'s ${data.f} of "${data.obj}" ${end === undefined ? 'never ends' : `ends ${Math.round(end - deadline)} ms late`}`,
        line,
      )
    }
    return verdict
  },
}
