/**
 * L3 Termination of delivery: of a cast sent in a view, each member of the view delivers it, or the sender installs a
 * successor of the view, crashes or leaves.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { judgedView, restOf } from './rest.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'L3',
  check(run: Run): Result {
    const verdict = new Verdict('L3')
    const rest = restOf(run)
    if (rest === null) return verdict
    for (const message of run.messages) {
      const { sender, send, m } = message
      if (send === null || send.data.client === true) continue
      const install = judgedView(run, rest, message)
      if (install === null) {
        if (sender.installs.get(send.view.group)?.some(({ view, after }) => view === send.view && after !== null))
          verdict.checked++
        continue
      }
      for (const id of send.view.members) {
        verdict.expect(
          (run.process(id)?.deliveredAt[message.index] ?? 0) > 0,
          () => `${id} never delivers ${m}, and ${sender.id} stays in view ${send.view.id} of "${send.data.g}" with it`,
          send.line,
        )
      }
    }
    return verdict
  },
}
