/** M11 No delivery to outsiders: who delivers a cast of a group is in the group view, or attached as a client. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Delivery } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M11',
  check(run: Run): Result {
    const verdict = new Verdict('M11')
    for (const delivery of run.deliveries) {
      const { process, view, group, message, at } = delivery
      verdict.expect(
        isMember(delivery) || isClient(delivery),
        () => `${process.id} delivers ${message.m} in view ${view.id} of "${group.name}" without being in it`,
        at.line,
      )
    }
    return verdict
  },
}

function isMember({ process, view, install }: Delivery): boolean {
  return view.members.has(process.id) || (view.first === null && install?.view.members.has(process.id) === true)
}

function isClient({ process, group, at }: Delivery): boolean {
  return process.attached.get(group.name)?.some(({ from, to }) => from < at.line && (to === 0 || to > at.line)) ?? false
}
