/** M2 No duplication: a process delivers a cast at most once. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M2',
  check(run: Run): Result {
    const verdict = new Verdict('M2')
    for (const { process, message, first, at } of run.deliveries) {
      verdict.expect(first, () => `${process.id} delivers ${message.m} more than once`, at.line)
    }
    return verdict
  },
}
