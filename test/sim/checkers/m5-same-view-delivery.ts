/** M5 Same view delivery: all who deliver a cast do so in the same view of its group. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M5',
  check(run: Run): Result {
    const verdict = new Verdict('M5')
    for (const { m, deliveries } of run.messages) {
      const [first, ...rest] = deliveries
      if (first === undefined) continue
      // Not the view the line claims but the one in force, so that a false claim hides nothing.
      const reference = first.install?.view ?? first.view
      for (const { install, view, process, at } of rest) {
        const own = install?.view ?? view
        verdict.expect(
          own === reference,
          () => `${process.id} delivers ${m} in view ${own.id}, ${first.process.id} in ${reference.id}`,
          at.line,
        )
      }
    }
    return verdict
  },
}
