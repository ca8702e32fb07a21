/**
 * T3 Donor failover: a state that is awaited comes whole or not at all. Who was given another's state at a view of a
 * group shows none of its own there before that has come, whatever became of its donors: it is taken, or united with the
 * own one, or a later view says anew who gives. And whoever is at rest in a view at which it was given one has it.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

/** A state that a process is given at a view. */
interface Awaited {
  readonly p: string
  readonly g: string
  readonly view: string
  readonly line: number
  readonly t: number
}

export const checker: Checker = {
  property: 'T3',
  check(run: Run): Result {
    const verdict = new Verdict('T3')
    const awaited = new Map<string, Awaited>()
    for (const { data, line, t } of run.of('stateOut')) {
      const { to: p, g, view } = data
      const key = keyOf(p, g, view)
      if (!awaited.has(key)) awaited.set(key, { p, g, view, line, t })
    }
    const came = new Map<string, number>()
    for (const { data, line } of [...run.of('stateIn'), ...run.of('merge'), ...run.of('anew')]) {
      const key = keyOf(data.p, data.g, data.view)
      came.set(key, Math.min(line, came.get(key) ?? line))
    }
    checkShown(run, verdict, { awaited, came })
    checkRest(run, verdict, { awaited, came })
    return verdict
  },
}

function keyOf(p: string, g: string, view: string): string {
  return `${p} ${view} ${g}`
}

interface Transfers {
  readonly awaited: ReadonlyMap<string, Awaited>
  /** The line at which it came, by the same key. */
  readonly came: ReadonlyMap<string, number>
}

function checkShown(run: Run, verdict: Verdict, { awaited, came }: Transfers): void {
  for (const { data, line } of run.of('digest')) {
    const key = keyOf(data.p, data.g, data.view)
    if (!awaited.has(key)) continue
    verdict.expect(
      (came.get(key) ?? Number.POSITIVE_INFINITY) < line,
      () => `${data.p} shows a state of "${data.g}" in view ${data.view} before the one that it awaits has come`,
      line,
    )
  }
}

/** Whoever is in a group at rest has its state, however often others took over from its donors meanwhile. */
function checkRest(run: Run, verdict: Verdict, { awaited, came }: Transfers): void {
  const rest = restOf(run)
  if (rest === null) return
  for (const process of run.processes) {
    if (!isAtRest(run, process)) continue
    for (const [group, installs] of process.installs) {
      const { name } = group
      let since: Awaited | null = null
      let isGiven = false
      for (const { view } of installs) {
        const key = keyOf(process.id, name, view.id)
        const given = awaited.get(key)
        isGiven = given !== undefined
        since = given === undefined || came.has(key) ? null : (since ?? given)
      }
      if (!isGiven || endsWaiting(run, process, name)) continue
      // It has left, or is about to: also one who asked for that before the view came.
      if (run.last(process, group) === null) continue
      const from = since
      verdict.expect(
        from === null || Math.max(from.t, rest.quiet.t) + rest.bounds.tJoin > rest.end.t,
        () => `${process.id} never has the state of "${name}" that it awaits since view ${from?.view}`,
        from?.line,
      )
    }
  }
}
