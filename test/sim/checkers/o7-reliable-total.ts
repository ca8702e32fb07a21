/**
 * O7 Reliable (gap-free) total order: of processes that move together from a view, or are at rest in it, each one's
 * sequence of total casts is a prefix of the longest.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { sharesOf } from './moves.ts'
import type { Run } from './run.ts'
import { isTotal } from './together.ts'

export const checker: Checker = {
  property: 'O7',
  check(run: Run): Result {
    const verdict = new Verdict('O7')
    for (const { view, movers } of sharesOf(run)) {
      const sequences = movers.map(({ deliveries }) => deliveries.filter((each) => each.first && isTotal(each)))
      const longest = sequences.reduce((a, b) => (b.length > a.length ? b : a))
      for (const sequence of sequences) {
        if (sequence === longest) continue
        const gap = sequence.findIndex(({ message }, i) => message !== longest[i]?.message)
        verdict.checked += gap < 0 ? sequence.length : gap
        const found = sequence[gap]
        if (found === undefined) continue
        const other = longest[gap]
        verdict.expect(
          false,
          () =>
            `${found.process.id} delivers ${found.message.m} in view ${view.id} of "${view.group.name}" where ${other?.process.id} delivers ${other?.message.m}`,
          found.at.line,
        )
      }
    }
    return verdict
  },
}
