/**
 * What the checkers of the primary component count: votes of a view's members, by weight.
 *
 * Where none of those who are counted has a vote, heads are: all who had one are gone for good.
 */
import type { Install, Process, View } from './model.ts'
import type { Run } from './run.ts'

/**
 * Do those who are in `present` have more than half of the votes of these members of the view, or half of them with the
 * most senior who has one?
 */
export function holdQuorum(view: View, base: readonly string[], present: ReadonlySet<string>): boolean {
  const weights = weightsOf(view)
  const isByHeads = base.every((id) => weights.get(id) === 0)
  const weigh = (id: string): number => (isByHeads ? 1 : (weights.get(id) ?? 1))
  const total = base.reduce((sum, id) => sum + weigh(id), 0)
  const votes = base.reduce((sum, id) => sum + (present.has(id) ? weigh(id) : 0), 0)
  const senior = base.find((id) => weigh(id) > 0)
  return votes * 2 > total || (votes * 2 === total && senior !== undefined && present.has(senior))
}

function weightsOf({ first }: View): Map<string, number> {
  const weights = first?.weights ?? []
  return new Map((first?.members ?? []).map((id, rank) => [id, weights[rank] ?? 1]))
}

/**
 * Could the members of that view have known, by this line, that the process had crashed? One of them is of its web origin,
 * lived, and saw its lock fall free; or heard of that, or was in a view since with one who had; or a later process of its site
 * has found it free.
 */
export function canBeProvenDead(run: Run, { id, origin, site, crash }: Process, view: View, line: number): boolean {
  if (crash === null || crash.line >= line) return false
  const members = run.processes.filter((each) => view.members.has(each.id))
  const isKin = (each: Process): boolean =>
    each.origin === origin && (each.start?.line ?? 0) < line && (each.crash === null || each.crash.line > crash.line)
  if (origin !== '' && members.some(isKin)) return true
  if (view.installs.some(({ data }) => data.dead?.includes(id) === true)) return true
  if (isSucceeded(run, { site, crash }, line)) return true
  return run.of('departed').some(({ data, process, line: heard }) => {
    if (data.q !== id || process === null || heard >= line) return false
    return view.members.has(process.id) || members.some((member) => wasWith(run, member, process, heard))
  })
}

/** Has it installed a view with the other after that line? */
function wasWith(run: Run, process: Process, { id }: Process, line: number): boolean {
  return process.installs.get(run.space)?.some(({ at, view }) => at.line > line && view.members.has(id)) ?? false
}

/**
 * Who is gone for good, and that one of these who are at rest knows it, or must: it has heard of it, or has a view that says
 * so; or it has seen the lock of that process held, since both are of one web origin and were in a view together.
 */
export function goneFor(run: Run, present: readonly Process[]): ReadonlySet<string> {
  const heard = run
    .of('departed')
    .flatMap(({ process, data }) => (present.some((each) => each === process) ? [data.q] : []))
  const installs = present.flatMap((process) => process.installs.get(run.space) ?? [])
  const told = installs.flatMap(({ data: { left = [], dead = [] } }) => [...left, ...dead])
  const seen = run.processes.filter((process) => {
    const isOver = process.crash !== null || process.leave !== null
    return (
      isOver &&
      process.origin !== '' &&
      present.some((each) => each.origin === process.origin && haveMet(run, each, process))
    )
  })
  return new Set([...heard, ...told, ...seen.map(({ id }) => id)])
}

/** Has one of them been in a view of the space with the other? */
function haveMet(run: Run, a: Process, b: Process): boolean {
  const installsOf = (process: Process): readonly Install[] => process.installs.get(run.space) ?? []
  return (
    installsOf(a).some(({ view }) => view.members.has(b.id)) || installsOf(b).some(({ view }) => view.members.has(a.id))
  )
}

/** Has another process begun at its site since it crashed? */
export function isSucceeded(run: Run, { site, crash }: Pick<Process, 'site' | 'crash'>, line: number): boolean {
  if (crash === null || site === '') return false
  return run.processes.some(({ site: other, start }) => {
    return other === site && start !== null && start.line > crash.line && start.line < line
  })
}
