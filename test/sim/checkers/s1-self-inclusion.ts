/** S1 Self inclusion: a process is a member of every view it installs. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'S1',
  check(run: Run): Result {
    const verdict = new Verdict('S1')
    for (const { process, data, at } of run.installs) {
      verdict.expect(
        data.members.includes(process.id),
        () => `${process.id} installs view ${data.id} of "${data.g}" without being in it`,
        at.line,
      )
    }
    return verdict
  },
}
