/**
 * L9 Every wanted call ends: an operation of a live process on a shared object ends, one way or another, within `tSettle`
 * of when it was made or of the quiet line, whichever is later. In the final component that is primary, that is; elsewhere,
 * and where the group waits for whoever has the state it last acted on, calls may wait; so do those of a service's clients.
 *
 * Who stands in line for a lock, or what else one has at a time, waits for all before it: such a call counts from when that
 * was last granted or given up, as long as it passes on within `tSettle` each time; where whoever had it has vanished, from
 * the primary view without that one, since when its lease counts. And casts of one process that have waited
 * go one after the other where they change between total groups, as L6 says. Where that holds up a cast that carries a call
 * of the object at this process (at any, if it is had by one at a time: somebody waits for what that one gives back), made
 * by then and not yet settled, the call counts from when the last such cast is settled. A call that is cast over and over is
 * none of those (`turns.ts`).
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Located, Process } from './model.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'
import { lastPass, lastTurn } from './turns.ts'

/** What clients of a group do, which need not be members. */
const CLIENT_CALLS: ReadonlySet<string> = new Set(['castAsClient', 'askAsClient'])

export const checker: Checker = {
  property: 'L9',
  check(run: Run): Result {
    const verdict = new Verdict('L9')
    const rest = restOf(run)
    if (rest === null) return verdict
    const { tSettle } = rest.bounds
    const ends = new Map(run.of('return').map(({ data, t }) => [`${data.p} ${data.id}`, t]))
    for (const invoke of run.of('invoke')) {
      const { data, process, t, line } = invoke
      const from = Math.max(t, rest.quiet.t)
      if (process === null || !isAtRest(run, process) || from + tSettle > rest.end.t) continue
      const end = ends.get(`${data.p} ${data.id}`)
      if (end === undefined && groupsOf(data.obj).some((group) => endsWaiting(run, process, group))) continue
      if (end === undefined && data.f === 'callService' && serversWait(run, data.obj)) continue
      if (end === undefined && CLIENT_CALLS.has(data.f) && nobodyActs(run, process, data.obj)) continue
      const isSoon = end !== undefined && end <= from + tSettle
      const deadline = isSoon ? end : startOf(run, invoke, { from, ms: tSettle }) + tSettle
      if (end === undefined && deadline > rest.end.t) continue
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

/** From when a call counts that has not ended so many ms after it was made, or after the quiet line. */
function startOf(run: Run, { data, process }: Located<'invoke'>, { from, ms }: { from: number; ms: number }): number {
  const { obj, args } = data
  // Whatever it is over, a transaction waits for those before it.
  const passed = lastPass(run, { obj, name: obj === 'deals' ? '' : nameIn(args) }, { from, ms })
  const by = passed > from ? null : process
  return Math.max(passed, lastTurn(run, { obj, by }, passed + ms))
}

/** The groups that an operation may wait for: those of a transaction are several objects', as in `tools/deals.ts`. */
function groupsOf(obj: string): readonly string[] {
  return obj === 'deals' ? [obj, 'vault', 'till', 'chief'] : [obj]
}

/** What an operation is about, within the object. */
function nameIn(args: unknown): string {
  return Array.isArray(args) && typeof args[0] === 'string' ? args[0] : ''
}

/** Is no member of the group there that acts? */
function nobodyActs(run: Run, { part }: Process, name: string): boolean {
  const group = run.groups.find((each) => each.name === name)
  if (group === undefined) return true
  const members = run.processes.filter((each) => {
    const isThere = each.part === part && isAtRest(run, each)
    return isThere && run.last(each, group) !== null && !hasLeft(each, name)
  })
  return members.length === 0 || members.some((each) => endsWaiting(run, each, name))
}

function hasLeft({ leaves, joins }: Process, name: string): boolean {
  return (leaves.get(name)?.at(-1)?.line ?? 0) > (joins.get(name)?.at(-1)?.line ?? 0)
}

/** Do those who serve wait for who has the state of their group? Their clients need not be members. */
function serversWait(run: Run, name: string): boolean {
  const group = run.groups.find((each) => each.name === name)
  if (group === undefined) return false
  return run.processes.some((each) => isAtRest(run, each) && run.last(each, group)?.data.primary === false)
}
