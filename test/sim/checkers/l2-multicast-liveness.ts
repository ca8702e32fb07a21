/**
 * L2 Multicast liveness: a cast sent in the last view of its group by a live member is delivered by all of its live
 * members in the sender's part.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { at } from './collections.ts'
import { isAtRest, judgedView, restOf } from './rest.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'L2',
  check(run: Run): Result {
    const verdict = new Verdict('L2')
    const rest = restOf(run)
    if (rest === null) return verdict
    for (const message of run.messages) {
      const install = judgedView(run, rest, message)
      if (install === null) continue
      for (const { process, view } of install.view.installs) {
        if (!isAtRest(run, process) || process.part !== message.sender.part) continue
        if (run.last(process, view.group)?.view !== view) continue
        verdict.expect(
          at(process.deliveredAt, message.index) > 0,
          () =>
            `${process.id} never delivers ${message.m}, sent in view ${view.id} of "${view.group.name}", the last of both`,
          message.send?.line,
        )
      }
    }
    return verdict
  },
}
