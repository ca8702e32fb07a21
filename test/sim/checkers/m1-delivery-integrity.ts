/** M1 Delivery integrity: what is delivered was sent before, once, by its sender, in this group, with the same bytes. */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M1',
  check(run: Run): Result {
    const verdict = new Verdict('M1')
    for (const { process, message, group, h, at } of run.deliveries) {
      const send = message.send
      const what = (): string => `${process.id} delivers ${message.m} in "${group.name}"`
      if (send === null || send.line > at.line) verdict.expect(false, () => `${what()} before it was sent`, at.line)
      else if (send.data.p !== message.sender.id)
        verdict.expect(false, () => `${what()}, sent by ${send.data.p}`, at.line)
      else if (send.view.group !== group) verdict.expect(false, () => `${what()}, sent in "${send.data.g}"`, at.line)
      else verdict.expect(send.data.h === h, () => `${what()} with other bytes than sent`, at.line)
    }
    // The index keeps the first send of a cast; any other is here.
    for (const { data, line } of run.of('send')) verdict.fail(`${data.p} sends ${data.m} more than once`, line)
    return verdict
  },
}
