/**
 * T4 Merge: where states of several parts meet in a view of a group, everyone who unites them unites the same ones in the
 * same order, once, and ends up with the same; all of them are states of views that members of the new one come from; and
 * nobody counts a state as whole in a merge view of an available group before it has united or been given it.
 *
 * One view may stand for several states: those who come from it may have begun to take over different ones there.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Group, Install, Located, Process } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'T4',
  check(run: Run): Result {
    const verdict = new Verdict('T4')
    checkMerges(run, verdict)
    checkWhole(run, verdict)
    return verdict
  },
}

function checkMerges(run: Run, verdict: Verdict): void {
  const firsts = new Map<string, Located<'merge'>['data']>()
  const done = new Set<string>()
  for (const { data, process, line } of run.of('merge')) {
    const { p, g, view, order, h } = data
    const key = `${view} ${g}`
    const sources = sourcesOf(run, g, view)
    const stranger = order.find((id) => !sources.has(id))
    verdict.expect(
      stranger === undefined && !done.has(`${p} ${key}`),
      () =>
        stranger === undefined
          ? `${p} unites the states of "${g}" in view ${view} twice`
          : `${p} unites a state of "${g}" in view ${view} from ${stranger}, which nobody comes from`,
      line,
    )
    if (process !== null) done.add(`${p} ${key}`)
    const first = firsts.get(key)
    if (first === undefined) firsts.set(key, data)
    else {
      const isSame = first.order.join() === order.join()
      verdict.expect(
        isSame && first.h === h,
        () =>
          isSame
            ? `${first.p} and ${p} unite the states of "${g}" in view ${view} and hold different ones`
            : `${first.p} and ${p} unite different states of "${g}" in view ${view}, or in another order`,
        line,
      )
    }
  }
}

/** The views that members of this one come from. */
function sourcesOf(run: Run, g: string, id: string): ReadonlySet<string> {
  const view = run.groups.find(({ name }) => name === g)?.views.get(id)
  const sources = new Set<string>()
  for (const { data } of view?.installs ?? []) {
    if (data.prev !== null) sources.add(data.prev)
    for (const part of data.subviews ?? []) sources.add(part.id)
  }
  return sources
}

function checkWhole(run: Run, verdict: Verdict): void {
  const groups = new Map(run.groups.map((group) => [group.name, group]))
  const given = new Map<Process, Map<Group, number[]>>()
  for (const { data, process, line } of [...run.of('merge'), ...run.of('stateIn'), ...run.of('anew')]) {
    const group = groups.get(data.g)
    if (process === null || group === undefined) continue
    pushTo(
      getOrMake(given, process, () => new Map<Group, number[]>()),
      group,
      line,
    )
  }
  const judged = new Set<Install>()
  for (const { data, process, line } of run.of('digest')) {
    const group = groups.get(data.g)
    if (process === null || group?.options?.consistency !== 'available') continue
    const install = process.installs.get(group)?.findLast(({ at }) => at.line < line)
    if (install === undefined || install.view.id !== data.view || judged.has(install)) continue
    judged.add(install)
    if ((install.data.subviews?.length ?? 0) < 2) continue
    const lines = given.get(process)?.get(group) ?? []
    verdict.expect(
      lines.some((at) => at > install.at.line && at < line),
      () => `${data.p}'s state of "${data.g}" counts as whole in merge view ${data.view}, and it has united none`,
      line,
    )
  }
}
