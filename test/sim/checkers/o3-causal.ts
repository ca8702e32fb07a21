/**
 * O3 Causal: a process that delivers a causal or total cast, and at any time a cast that happened before it, delivers
 * that one first, whatever its group and service.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { clocksOf } from './clocks.ts'
import { at } from './collections.ts'
import type { Message, Process } from './model.ts'
import { orderOf, type Run } from './run.ts'

export const checker: Checker = {
  property: 'O3',
  check(run: Run): Result {
    const verdict = new Verdict('O3')
    for (const process of run.processes) checkProcess(run, verdict, process)
    return verdict
  },
}

function checkProcess(run: Run, verdict: Verdict, process: Process): void {
  const clocks = clocksOf(run)
  const { deliveredAt } = process
  const bySender = deliveredBySender(run, process)
  // Per sender, the place of its earliest cast that this process delivers but has not yet delivered.
  const next = new Int32Array(bySender.length)
  for (const { message, first, at: where } of process.deliveries) {
    if (!first || orderOf(message) === 'fifo') continue
    let hasPast = false
    for (let sender = 0; sender < bySender.length; sender++) {
      const before = clocks.before(message.index, sender)
      if (before === 0) continue
      const list = at(bySender, sender)
      let place = next[sender] ?? 0
      for (let m = list[place]; m !== undefined && at(deliveredAt, m.index) < where.line; m = list[++place]);
      next[sender] = place
      const earliest = list[place]
      if (place > 0) hasPast = true
      if (earliest !== undefined && earliest !== message && earliest.rank <= before) {
        verdict.fail(`${process.id} delivers ${message.m} before ${earliest.m}, which happened before it`, where.line)
      }
    }
    if (hasPast) verdict.checked++
  }
}

/** What the process ever delivers, per sender, by number. */
function deliveredBySender(run: Run, process: Process): Message[][] {
  const bySender: Message[][] = run.processes.map(() => [])
  for (const { message, first } of process.deliveries) if (first) at(bySender, message.sender.index).push(message)
  for (const list of bySender) list.sort((a, b) => a.rank - b.rank)
  return bySender
}
