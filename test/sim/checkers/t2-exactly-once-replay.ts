/** T2 Exactly-once replay: whole states of a group at the same cut of the same view are equal, whoever holds them. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Located } from './model.ts'
import { cutKey, type Run } from './run.ts'

export const checker: Checker = {
  property: 'T2',
  check(run: Run): Result {
    const verdict = new Verdict('T2')
    const known = new Map<string, Located<'digest'>['data']>()
    for (const { data, line } of run.of('digest')) {
      const key = `${data.view}|${cutKey(data.cut)}|${data.g}`
      const other = known.get(key)
      if (other === undefined) known.set(key, data)
      else if (other.p !== data.p || other.h !== data.h) {
        verdict.expect(
          other.h === data.h,
          () => `${data.p} and ${other.p} hold different states of "${data.g}" at one cut of view ${data.view}`,
          line,
        )
      }
    }
    return verdict
  },
}
