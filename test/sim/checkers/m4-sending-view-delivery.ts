/**
 * M4 Sending view delivery, in strong groups: a cast is delivered in the view in which its sender's application made it,
 * that is the last one that it had been told of; and that is the view in which the kernel sent it.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { isStrong, type Run } from './run.ts'

export const checker: Checker = {
  property: 'M4',
  check(run: Run): Result {
    const verdict = new Verdict('M4')
    for (const { process, message, group, install, view, at } of run.deliveries) {
      const { m, cast, madeIn, send } = message
      if (cast === null || !isStrong(message)) continue
      // The view in force, whatever the line claims.
      const own = install?.view ?? view
      verdict.expect(
        madeIn?.view === own && (send === null || send.view === own),
        () =>
          `${process.id} delivers ${m} in view ${own.id} of "${group.name}", made in ${madeIn?.view.id ?? 'none'}, sent in ${send?.view.id}`,
        at.line,
      )
    }
    return verdict
  },
}
