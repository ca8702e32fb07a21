/** O1 FIFO: a process delivers the casts of one sender in one group in the order in which they were cast and sent. */

import { type Checker, type Result, Verdict } from './checker.ts'
import { at } from './collections.ts'
import type { Message } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'O1',
  check(run: Run): Result {
    const verdict = new Verdict('O1')
    const width = run.groups.length
    for (const process of run.processes) {
      const last: (Message | undefined)[] = new Array(run.processes.length * width)
      for (const delivery of process.deliveries) {
        if (!delivery.first) continue
        const { message, group } = delivery
        const key = message.sender.index * width + group.index
        const before = last[key]
        last[key] = message
        if (before === undefined) continue
        verdict.expect(
          before.rank < message.rank && before.n < message.n,
          () => `${process.id} delivers ${message.m} of "${group.name}" after ${before.m}`,
          at(process.deliveredAt, message.index),
        )
      }
    }
    return verdict
  },
}
