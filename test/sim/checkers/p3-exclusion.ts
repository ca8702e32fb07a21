/**
 * P3 Exclusion, by the clock of the world. What a lease covers is done by one side at a time:
 *
 * - the applications of two processes never have an item of a queue, or a lock, in hand at once, unless both share it;
 * - a process's lease counts from no later moment than that at which a later primary view of its line, which it is not
 *   in, is first installed: so the two never act at once for longer than a lease.
 *
 * Who is frozen, or whose page is blocked, acts on nothing meanwhile. Where a process's clock has stood still it cannot
 * know that its lease is over: then it may hold the item for so much longer, a lease at most. So may one from whom a lock is
 * stolen, until it hears of it, or its lease is over. Two lines know nothing of
 * each other, and whoever founds one anew takes along what it has in hand (seed 18064).
 */

import type { TraceToken } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { At, Process, View } from './model.ts'
import { primaryLines } from './p1-unique-primary.ts'
import type { Run } from './run.ts'
import { isStolenBetween } from './steals.ts'
import { sameToken } from './tokens.ts'
import { Waking } from './waking.ts'

/** So much longer than a lease the others wait, for clocks that run at different speeds. */
const SLACK = 1.1

/** An application has an item in hand. */
interface Hand {
  readonly process: Process
  readonly token: TraceToken
  /** Others may have it as well. */
  readonly isShared: boolean
  readonly line: number
  readonly from: number
  to: number
}

/** A part of that, in which the process's views are of one line. */
interface Stretch extends Pick<Hand, 'process' | 'token' | 'line' | 'isShared'> {
  /** A line of primary views. */
  readonly of: string | null
  readonly from: number
  readonly to: number
}

export const checker: Checker = {
  property: 'P3',
  check(run: Run): Result {
    const verdict = new Verdict('P3')
    const lease = run.bounds?.lease
    if (lease === undefined) return verdict
    const waking = new Waking(run)
    checkHands(run, verdict, { waking, lease })
    checkLeases(run, verdict, waking)
    return verdict
  },
}

interface Clocks {
  readonly waking: Waking
  readonly lease: number
}

function checkHands(run: Run, verdict: Verdict, { waking, lease }: Clocks): void {
  for (const [lock, whole] of handsOf(run)) {
    const hands = whole.flatMap((hand) => stretchesOf(run, lock, hand)).sort((a, b) => a.from - b.from)
    for (const [i, hand] of hands.entries()) {
      for (const other of hands.slice(0, i)) {
        if (other.process === hand.process || other.of !== hand.of || (other.isShared && hand.isShared)) continue
        const to = Math.min(hand.to, other.to)
        const two = [hand.process, other.process]
        const both = waking.together(two, hand.from, to)
        const most = lease * SLACK
        // Who is frozen once more before it has noticed does not notice meanwhile (seed 870867).
        const stood = two.map((process) => waking.stood(process, two, most, to))
        const isStolen = isStolenBetween(run, lock, [hand.token, other.token])
        verdict.expect(
          both <= (isStolen ? most : Math.min(most, Math.max(...stood))),
          () =>
            `${other.process.id} has "${lock}" in hand for ${Math.round(both)} ms more after ${hand.process.id} has got it`,
          hand.line,
        )
      }
    }
  }
}

/** By lock, in the order in which they began. */
function handsOf(run: Run): Map<string, Hand[]> {
  const hands = new Map<string, Hand[]>()
  for (const { data, process, t, line } of run.of('act')) {
    if (process === null) continue
    const { lock, token, on, mode } = data
    const isShared = mode === 'shared'
    const end = Math.min(process.crash?.t ?? run.end.t, process.leave?.t ?? run.end.t)
    if (on) pushTo(hands, lock, { process, token, isShared, line, from: t, to: end })
    else {
      const hand = hands.get(lock)?.findLast((each) => each.process === process && sameToken(each.token, token))
      if (hand !== undefined) hand.to = Math.min(t, end)
    }
  }
  return hands
}

function stretchesOf(run: Run, lock: string, { process, token, isShared, line, from, to }: Hand): Stretch[] {
  const installs = process.installs.get(run.space) ?? []
  const stretches: Stretch[] = []
  // What it is given as its line is lost, it may have been given in that (seed 32833).
  const lost = run.of('lineLost').findLast((each) => each.process === process && each.line < line)
  let start = lost === undefined ? from : Math.max(from, stateAt(run, process, lock, lost))
  let of = installs.findLast(({ at, data }) => at.line < line && data.line !== null)?.data.line ?? token[0]
  for (const { at, data } of installs) {
    if (at.line <= line || at.t >= to || data.line === null || data.line === of) continue
    if (start <= at.t) stretches.push({ process, token, isShared, line, of, from: start, to: at.t })
    start = isLost(run, process, of, at) ? stateAt(run, process, lock, at) : at.t
    of = data.line
  }
  if (start <= to) stretches.push({ process, token, isShared, line, of, from: start, to })
  return stretches
}

/** Had it heard by then that its line is lost? */
function isLost(run: Run, process: Process, of: string | null, { line }: Pick<At, 'line'>): boolean {
  return run.of('lineLost').some((lost) => lost.process === process && lost.data.line === of && lost.line < line)
}

/** When the state of that item's queue comes to it next: only that says whose item it is in the line that won. */
function stateAt(run: Run, process: Process, lock: string, { line }: Pick<At, 'line'>): number {
  const group = lock.slice(0, lock.indexOf('/'))
  const states = [...run.of('stateIn'), ...run.of('merge'), ...run.of('anew')]
  return states
    .filter((each) => each.process === process && each.data.g === group && each.line > line)
    .reduce((least, { t }) => Math.min(least, t), Number.POSITIVE_INFINITY)
}

function checkLeases(run: Run, verdict: Verdict, waking: Waking): void {
  const views = primaryLines(run)
  const checked = new Map<Process, View>()
  for (const { data, process, space, t, line } of run.of('lease')) {
    if (data.start === null || process === null || space?.data.primary !== true || space.data.line === null) continue
    const rival = views
      .get(space.data.line)
      ?.find(({ epoch, members }) => epoch > space.view.epoch && !members.has(process.id))
    if (rival === undefined) continue
    if (checked.get(process) !== space.view) verdict.checked++
    checked.set(process, space.view)
    // Whoever has said goodbye acts no more, whatever its kernel hears.
    if (process.leave !== null && process.leave.line < line) continue
    const from = rival.installs.reduce((least, { at }) => Math.min(least, at.t), Number.POSITIVE_INFINITY)
    const start = waking.worldTime(process, data.start, t)
    if (start <= from) continue
    verdict.fail(
      `${process.id}, in ${space.view.id}, has a lease that counts from ${start}, when ${rival.id} without it has been there for ${Math.round(start - from)} ms`,
      line,
    )
  }
}
