/**
 * O6 Weak total order: processes that move together from a view deliver the total casts they share in it in the same
 * order; so do those at rest in their last view.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Message } from './model.ts'
import { sharesOf } from './moves.ts'
import type { Run } from './run.ts'
import { isTotal } from './together.ts'

export const checker: Checker = {
  property: 'O6',
  check(run: Run): Result {
    const verdict = new Verdict('O6')
    const place = new Int32Array(run.messages.length)
    for (const { view, movers } of sharesOf(run)) {
      const sequences = movers.map(({ deliveries }) => deliveries.filter((each) => each.first && isTotal(each)))
      const [reference, ...others] = sequences
      if (reference === undefined || others.length === 0) continue
      reference.forEach(({ message }, i) => {
        place[message.index] = i + 1
      })
      for (const sequence of others) {
        let last: Message | null = null
        for (const { message, process, at } of sequence) {
          const mine = place[message.index] ?? 0
          if (mine === 0) continue
          const before: Message | null = last
          last = message
          if (before === null) continue
          verdict.expect(
            (place[before.index] ?? 0) < mine,
            () =>
              `${process.id} delivers ${message.m} after ${before.m} in view ${view.id} of "${view.group.name}", ${reference[0]?.process.id} before`,
            at.line,
          )
        }
      }
      for (const { message } of reference) place[message.index] = 0
    }
    return verdict
  },
}
