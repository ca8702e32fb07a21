/**
 * L4 Safe-indication liveness: a uniform cast sent in the last view of its group by a live member becomes stable and is
 * delivered as such, before any transitional signal, by all of its live members in the sender's part, within `tSettle` of
 * the cast or of the quiet line, whichever is later. A group view may outlive views of the space: what comes at the end of
 * one of those may come after a signal.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { isAtRest, judgedView, restOf } from './rest.ts'
import { isUniform, type Run } from './run.ts'

export const checker: Checker = {
  property: 'L4',
  check(run: Run): Result {
    const verdict = new Verdict('L4')
    const rest = restOf(run)
    if (rest === null) return verdict
    for (const message of run.messages) {
      if (!isUniform(message)) continue
      const install = judgedView(run, rest, message)
      if (install === null) continue
      const deadline = Math.max(message.send?.t ?? 0, rest.quiet.t) + rest.bounds.tSettle
      for (const { process, view } of install.view.installs) {
        if (!isAtRest(run, process) || process.part !== message.sender.part) continue
        if (run.last(process, view.group)?.view !== view) continue
        const delivery = message.deliveries.find((each) => each.process === process && each.first)
        const isSignalled = delivery?.transitional === true && delivery.space === run.last(process, run.space)
        verdict.expect(
          delivery !== undefined && !isSignalled && delivery.at.t <= deadline,
          () => {
            const how = delivery === undefined ? 'never gets' : isSignalled ? 'gets only after a signal' : 'gets late'
            return `${process.id} ${how} uniform ${message.m}, sent in view ${view.id} of "${view.group.name}", the last of both`
          },
          delivery?.at.line ?? message.send?.line,
        )
      }
    }
    return verdict
  },
}
