/** M1 Delivery integrity: what is delivered was sent before, once, by its sender, in this group, with the same bytes. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Delivery } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M1',
  check(run: Run): Result {
    const verdict = new Verdict('M1')
    for (const delivery of run.deliveries) {
      verdict.checked += 1
      const breach = breachOf(delivery)
      if (breach === null) continue
      const { process, message, group, at } = delivery
      verdict.fail(`${process.id} delivers ${message.m} in "${group.name}"${breach}`, at.line)
    }
    // The index keeps the first send of a cast; any other is here.
    for (const { data, line } of run.of('send')) verdict.fail(`${data.p} sends ${data.m} more than once`, line)
    return verdict
  },
}

function breachOf({ message, group, h, at }: Delivery): string | null {
  const { send, sender } = message
  if (send === null || send.line > at.line) return ' before it was sent'
  if (send.data.p !== sender.id) return `, sent by ${send.data.p}`
  if (send.view.group !== group) return `, sent in "${send.data.g}"`
  return send.data.h === h ? null : ' with other bytes than sent'
}
