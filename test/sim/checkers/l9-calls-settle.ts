/**
 * L9 Every wanted call ends: an operation of a live process on a shared object ends, one way or another, within `tSettle`
 * of when it was made or of the quiet line, whichever is later. In the final component that is primary, that is; elsewhere,
 * and where the group waits for whoever has the state it last acted on, calls may wait; so do
 * those of a service's clients.
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
      if (end === undefined && data.f === 'callService' && serversWait(run, data.obj)) continue
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

/** Do those who serve wait for who has the state of their group? Their clients need not be members. */
function serversWait(run: Run, name: string): boolean {
  const group = run.groups.find((each) => each.name === name)
  if (group === undefined) return false
  return run.processes.some((each) => isAtRest(run, each) && run.last(each, group)?.data.primary === false)
}
