/**
 * S5 Membership integrity: who is new in a view had asked to join before (for a group: after it last left it), and an
 * incarnation that left the space or was proven dead never reappears at those who know, nor is it away there any more, but
 * in a merge view, which may bring along what others have not heard. So may a merge bring along a member of a group that
 * had asked to leave it, and was cut off before it heard of the view without it. Nor is anybody said to have left
 * who had not asked to, or to be proven dead who had neither crashed nor left.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Install, Process, View } from './model.ts'
import { isOlder, type Run } from './run.ts'

export const checker: Checker = {
  property: 'S5',
  check(run: Run): Result {
    const verdict = new Verdict('S5')
    for (const view of run.views) {
      const install = view.installs[0]
      if (install !== undefined) checkJoins(run, verdict, install)
    }
    for (const install of run.installs) checkReasons(run, verdict, install)
    for (const process of run.processes) {
      for (const [group, installs] of process.installs) {
        if (group === run.space) checkGone(verdict, installs)
        else checkRejoins(run, verdict, installs)
      }
    }
    return verdict
  },
}

/** Every member of a view has asked before its first install. */
function checkJoins(run: Run, verdict: Verdict, { view, at }: Install): void {
  for (const id of view.members) {
    const join = run.process(id)?.joins.get(view.group.name)?.[0]
    verdict.expect(
      join !== undefined && join.line < at.line,
      () => `${id} is in view ${view.id} of "${view.group.name}" but had not asked to join`,
      at.line,
    )
  }
}

function checkReasons(run: Run, verdict: Verdict, { view, data, process, at: { line } }: Install): void {
  for (const id of data.left ?? []) {
    const leaves = run.process(id)?.leaves
    const asked = [...(leaves?.get(view.group.name) ?? []), ...(leaves?.get('') ?? [])]
    verdict.expect(
      asked.some((leave) => leave.line < line),
      () => `${process.id} is told in view ${view.id} of "${view.group.name}" that ${id} left, which had not asked to`,
      line,
    )
  }
  for (const id of data.dead ?? []) {
    const other = run.process(id)
    const end = other?.crash ?? other?.leave ?? null
    verdict.expect(
      end !== null && end.line < line,
      () => `${process.id} is told in view ${view.id} of "${view.group.name}" that ${id} is dead, which it is not`,
      line,
    )
  }
}

function checkGone(verdict: Verdict, installs: readonly Install[]): void {
  const gone = new Map<string, string>()
  for (const { view, data, process, at } of installs) {
    for (const [id, where] of gone) {
      verdict.expect(
        !view.members.has(id),
        () => `${id} left or was proven dead in ${where} and is back in ${view.id} at ${process.id}`,
        at.line,
      )
      const isTold = (data.subviews?.length ?? 0) < 2 && data.away?.includes(id)
      if (isTold) verdict.fail(`${id} left or died in ${where} and is away in ${view.id} at ${process.id}`, at.line)
    }
    for (const id of data.left ?? []) gone.set(id, view.id)
    for (const id of data.dead ?? []) gone.set(id, view.id)
  }
}

/** Who left a group is back in it only after a new join. */
function checkRejoins(run: Run, verdict: Verdict, installs: readonly Install[]): void {
  const gone = new Map<string, View>()
  for (const { view, data, process, at } of installs) {
    for (const [id, where] of gone) {
      if (!view.members.has(id)) continue
      gone.delete(id)
      verdict.expect(
        hasRejoined(run, run.process(id), where, view) ||
          isBroughtAlong(run, run.process(id), { left: where, back: view }),
        () =>
          `${id} left "${view.group.name}" in ${where.id} and is back in ${view.id} at ${process.id} without a join`,
        at.line,
      )
    }
    for (const id of data.left ?? []) gone.set(id, view)
  }
}

/**
 * Did it join after the leave that `left` speaks of, and before anybody was in `back`? A later leave, asked as a member
 * of `back` or of a view between, takes nothing from that join; whoever tells the views late tells them after it.
 */
function hasRejoined(run: Run, process: Process | undefined, left: View, back: View): boolean {
  if (process === undefined) return false
  const { group } = left
  const own = process.installs.get(group)?.find(({ view }) => isOlder(left, view))
  const until = Math.min(firstLine(run, left), own?.at.line ?? Number.POSITIVE_INFINITY)
  const leave = process.leaves.get(group.name)?.findLast((asked) => asked.line < until)?.line ?? 0
  const first = back.installs[0]?.at.line ?? 0
  return process.joins.get(group.name)?.some((join) => join.line > leave && join.line < first) ?? false
}

/** Where somebody is first told of that view, or a kernel installs it, if it begins with a space view. */
function firstLine(run: Run, { n, installs: [first] }: View): number {
  const told = first?.at.line ?? 0
  const sv = first?.data.sv
  const install = n === 0 ? run.of('install').find(({ data }) => data.view === sv) : undefined
  return Math.min(told, install?.line ?? told)
}

/**
 * Was it in the space view in which the group's view went on without it, and did it never get that, but a merge from one
 * before that, as a member throughout (seed 28 of `domains`)?
 */
function isBroughtAlong(run: Run, process: Process | undefined, { left, back }: { left: View; back: View }): boolean {
  const svs = whereDecided(run, left)
  if (process?.installs.get(run.space)?.some(({ view }) => svs.has(view.id)) !== true) return false
  const own = process.installs.get(left.group) ?? []
  const last = own.findIndex(({ view }) => view === back)
  if (last < 0 || (own[last]?.data.subviews?.length ?? 0) < 2) return false
  const before = own.findLastIndex(({ view }, index) => index < last && isOlder(view, left))
  return before >= 0 && own.slice(before + 1, last + 1).every(({ data }) => data.prev !== null)
}

/**
 * The space views in which that view of a group may have been decided: the one that it lies in, and the one before it, if a
 * view of the group was decided there which nobody was told of before that ended (seed 343385).
 */
function whereDecided(run: Run, { group, installs }: View): ReadonlySet<string> {
  const svs = new Set<string>()
  for (const { data, before, process, at } of installs) {
    if (data.sv !== undefined) svs.add(data.sv)
    const decided = before?.space?.view.id
    if (before === null || decided === undefined) continue
    const isPassedOver = run
      .of('groupPassedOver')
      .some(
        ({ data: { p, g }, line }) => p === process.id && g === group.name && line > before.at.line && line < at.line,
      )
    if (isPassedOver) svs.add(decided)
  }
  return svs
}
