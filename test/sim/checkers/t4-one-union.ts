/**
 * T4 Merge: parts are united in one order. Whoever unites states at a view of a group unites the same parts in the same
 * order, and has the same state then, whichever of the parts was its own.
 */

import type { LineOf } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'T4',
  check(run: Run): Result {
    const verdict = new Verdict('T4')
    const firsts = new Map<string, LineOf<'merge'>>()
    for (const { data, line } of run.of('merge')) {
      const key = `${data.view} ${data.g}`
      const first = firsts.get(key)
      if (first === undefined) {
        firsts.set(key, data)
        continue
      }
      const isOneOrder = first.order.join() === data.order.join()
      verdict.expect(
        isOneOrder && first.h === data.h,
        () =>
          `${first.p} and ${data.p} unite the states of "${data.g}" in view ${data.view} ` +
          `${isOneOrder ? 'to different ones' : `in different orders: ${first.order.join()} and ${data.order.join()}`}`,
        line,
      )
    }
    return verdict
  },
}
