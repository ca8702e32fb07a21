/**
 * O2 Reliable FIFO: who delivers a cast has delivered all that its sender sent before it in the same group view.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { at } from './collections.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'O2',
  check(run: Run): Result {
    const verdict = new Verdict('O2')
    for (const process of run.processes) {
      // Per stream, the place up to which this process has everything.
      const next = new Int32Array(run.streams.length)
      for (const { message, first, at: where } of process.deliveries) {
        const stream = message.stream
        if (!first || stream === null || !stream.view.members.has(process.id)) continue
        const expected = at(next, stream.index)
        if (message.place > expected) {
          const missed = stream.messages[expected]
          verdict.expect(
            false,
            () =>
              `${process.id} delivers ${message.m} in view ${stream.view.id} of "${stream.view.group.name}" without ${missed?.m} before it`,
            where.line,
          )
        } else if (message.place > 0) verdict.checked++
        next[stream.index] = Math.max(expected, message.place + 1)
      }
    }
    return verdict
  },
}
