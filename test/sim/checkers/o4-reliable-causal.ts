/**
 * O4 Reliable causal, within one group: who delivers a causal or total cast has delivered before it every cast of the
 * same group and view that happened before it; one that it never delivers counts too.
 *
 * Across groups for casts of strict groups, of whatever order: who delivers one has delivered before it every cast that
 * happened before it and was sent in the view that it is in, of any group, when it delivers.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { clocksOf } from './clocks.ts'
import { at } from './collections.ts'
import type { Delivery, Group, Install, Process } from './model.ts'
import { orderOf, type Run } from './run.ts'

export const checker: Checker = {
  property: 'O4',
  check(run: Run): Result {
    const verdict = new Verdict('O4')
    for (const process of run.processes) checkProcess(run, verdict, process)
    const within = verdict.checked
    if (run.groups.some(isStrict)) for (const process of run.processes) checkStrict(run, verdict, process)
    return { ...verdict, metrics: { across: verdict.checked - within } }
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

function isStrict({ options }: Group): boolean {
  return options?.strict === true
}

function checkStrict(run: Run, verdict: Verdict, process: Process): void {
  const clocks = clocksOf(run)
  const { deliveredAt } = process
  const next = new Int32Array(run.streams.length)
  for (const delivery of process.deliveries) {
    const { message, first, at: where } = delivery
    if (!first || !isStrict(delivery.group)) continue
    let hasPast = false
    for (const { view } of othersInForce(run, delivery)) {
      for (const { index, sender, messages } of view.streams) {
        const before = clocks.before(message.index, sender.index)
        if ((messages[0]?.rank ?? before + 1) > before) continue
        hasPast = true
        let place = next[index] ?? 0
        for (
          let m = messages[place];
          m !== undefined && isBefore(deliveredAt, m.index, where.line);
          m = messages[++place]
        );
        next[index] = place
        const missing = messages[place]
        if (missing === undefined || missing.rank > before) continue
        verdict.fail(
          `${process.id} delivers ${message.m} of the strict "${delivery.group.name}" without ${missing.m} of "${view.group.name}", which happened before it`,
          where.line,
        )
      }
    }
    if (hasPast) verdict.checked++
  }
}

/** The views of other groups that the process is in at a delivery, and has not asked to leave. */
function othersInForce(run: Run, { process, group, at: where }: Delivery): Install[] {
  const found: Install[] = []
  for (const [other, installs] of process.installs) {
    if (other === group || other === run.space) continue
    const install = installs.findLast((each) => each.at.line < where.line)
    if (install === undefined) continue
    const leaves = process.leaves.get(other.name) ?? []
    if (!leaves.some(({ line }) => line > install.at.line && line < where.line)) found.push(install)
  }
  return found
}

function isBefore(deliveredAt: Int32Array, message: number, line: number): boolean {
  const delivered = at(deliveredAt, message)
  return delivered > 0 && delivered < line
}
