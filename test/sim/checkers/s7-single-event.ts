/** S7 Single event per change: a process gets exactly one view event per installed id, never one per member. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Process } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'S7',
  check(run: Run): Result {
    const verdict = new Verdict('S7')
    for (const view of run.views) {
      const seen = new Set<Process>()
      for (const { process, at } of view.installs) {
        verdict.expect(
          !seen.has(process),
          () => `${process.id} gets view ${view.id} of "${view.group.name}" more than once`,
          at.line,
        )
        seen.add(process)
      }
    }
    return verdict
  },
}
