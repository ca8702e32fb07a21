/** M12 Sender in view: a cast is delivered in a view that its sender is in, unless it was sent by a client. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M12',
  check(run: Run): Result {
    const verdict = new Verdict('M12')
    for (const { process, view, group, message, install, at } of run.deliveries) {
      if (message.send?.data.client === true) continue
      const members = (install?.view ?? view).members
      verdict.expect(
        members.has(message.sender.id),
        () => `${process.id} delivers ${message.m} in view ${view.id} of "${group.name}", which its sender is not in`,
        at.line,
      )
    }
    return verdict
  },
}
