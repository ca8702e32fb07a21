/**
 * O4 Reliable causal, within one group: who delivers a causal or total cast has delivered before it every cast of the
 * same group and view that happened before it; one that it never delivers counts too.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { clocksOf } from './clocks.ts'
import { at } from './collections.ts'
import type { Process } from './model.ts'
import { orderOf, type Run } from './run.ts'

export const checker: Checker = {
  property: 'O4',
  check(run: Run): Result {
    const verdict = new Verdict('O4')
    for (const process of run.processes) checkProcess(run, verdict, process)
    return verdict
  },
}

function checkProcess(run: Run, verdict: Verdict, process: Process): void {
  const clocks = clocksOf(run)
  const { deliveredAt } = process
  // Per stream, the place of its earliest cast that this process has not yet delivered.
  const next = new Int32Array(run.streams.length)
  for (const { message, first, at: where } of process.deliveries) {
    const view = message.stream?.view
    if (!first || view === undefined || !view.members.has(process.id) || orderOf(message) === 'fifo') continue
    let hasPast = false
    for (const { index, sender, messages } of view.streams) {
      const before = clocks.before(message.index, sender.index)
      const earliest = messages[0]
      if (earliest === undefined || earliest.rank > before) continue
      hasPast = true
      let place = next[index] ?? 0
      for (
        let m = messages[place];
        m !== undefined && isBefore(deliveredAt, m.index, where.line);
        m = messages[++place]
      );
      next[index] = place
      const missing = messages[place]
      if (missing !== undefined && missing !== message && missing.rank <= before) {
        verdict.fail(
          `${process.id} delivers ${message.m} of "${view.group.name}" without ${missing.m}, which happened before it`,
          where.line,
        )
      }
    }
    if (hasPast) verdict.checked++
  }
}

function isBefore(deliveredAt: Int32Array, message: number, line: number): boolean {
  const delivered = at(deliveredAt, message)
  return delivered > 0 && delivered < line
}
