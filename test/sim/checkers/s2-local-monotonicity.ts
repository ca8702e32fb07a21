/**
 * S2 Local monotonicity: the ids of a process's successive views of a group strictly increase, no id is installed
 * twice, and each view names the one before it: null only for the first of a membership.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Install } from './model.ts'
import { isOlder, type Run } from './run.ts'

export const checker: Checker = {
  property: 'S2',
  check(run: Run): Result {
    const verdict = new Verdict('S2')
    for (const process of run.processes) {
      for (const installs of process.installs.values()) {
        let last: Install | null = null
        for (const install of installs) {
          checkPair(verdict, last, install)
          last = install
        }
      }
    }
    return verdict
  },
}

function checkPair(verdict: Verdict, last: Install | null, install: Install): void {
  const { process, view, data, before, at } = install
  const where = `${process.id} in "${data.g}"`
  if (last !== null) {
    const lastView = last.view
    verdict.expect(isOlder(lastView, view), () => `${where}: view ${view.id} after ${lastView.id}`, at.line)
  }
  const named = before?.view.id ?? null
  if (data.prev === named) return
  // After a leave the process may still be moved on by a view that was under way.
  if (before === null && data.prev === last?.view.id) return
  verdict.fail(`${where}: view ${view.id} says that ${data.prev} came before it, not ${named}`, at.line)
}
