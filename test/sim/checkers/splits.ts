/**
 * The part of O8 about gbcasts: each splits what is delivered in its group identically. Processes that move together from
 * a view, or are at rest in it, have delivered the same casts before it, so the same after it. Of a uniform group's
 * gbcast that anybody has released, the same goes for everyone who delivers it, also the crashed and the partitioned.
 */

import type { Verdict } from './checker.ts'
import type { Delivery, Message, Process, View } from './model.ts'
import { sharesOf } from './moves.ts'
import { isUniform, orderOf, type Run } from './run.ts'

/** What one process has delivered in a view. */
interface Share {
  readonly process: Process
  readonly deliveries: readonly Delivery[]
}

/** What stands before a gbcast at the first process that is looked at. */
interface Before {
  readonly share: Share
  readonly count: number
  readonly sum: number
}

/** Judges the gbcasts of a run, if there are any. Linear in the number of deliveries. */
export function checkSplits(run: Run, verdict: Verdict): void {
  if (!run.messages.some(isGbcast)) return
  for (const { view, movers } of sharesOf(run)) compare(verdict, view, movers, isGbcast)
  for (const view of run.views) {
    if (view.group.options?.uniform !== true) continue
    const released = new Set<Message>()
    for (const { deliveries } of view.installs) {
      for (const { message, transitional } of deliveries) {
        if (isGbcast(message) && isUniform(message) && !transitional) released.add(message)
      }
    }
    if (released.size > 0) compare(verdict, view, view.installs, (message) => released.has(message))
  }
}

function isGbcast(message: Message): boolean {
  return orderOf(message) === 'gbcast'
}

/** Compares what stands before those gbcasts, by number and by sum of hashes. */
function compare(
  verdict: Verdict,
  view: View,
  shares: readonly Share[],
  isJudged: (message: Message) => boolean,
): void {
  const first = new Map<Message, Before>()
  for (const share of shares) {
    let count = 0
    let sum = 0
    for (const { message, first: isFirst, at } of share.deliveries) {
      if (!isFirst) continue
      if (isJudged(message)) {
        const known = first.get(message)
        if (known === undefined) first.set(message, { share, count, sum })
        else {
          verdict.expect(
            known.count === count && known.sum === sum,
            () => describe(view, message, known.share, share),
            at.line,
          )
        }
      }
      count += 1
      // Far below 2^53: whole numbers, whatever the order in which they are added.
      sum += Math.imul(message.index + 1, 0x9e3779b1) >>> 0
    }
  }
}

function describe(view: View, gbcast: Message, a: Share, b: Share): string {
  const [ofA, ofB] = [beforeIt(a, gbcast), beforeIt(b, gbcast)]
  const [has, lacks, only] = [...ofA].some((m) => !ofB.has(m)) ? [a, b, ofA] : [b, a, ofB]
  const other = only === ofA ? ofB : ofA
  const m = [...only].find((each) => !other.has(each))?.m
  return `${has.process.id} delivers ${m} before gbcast ${gbcast.m} in view ${view.id} of "${view.group.name}", ${lacks.process.id} does not`
}

function beforeIt({ deliveries }: Share, gbcast: Message): Set<Message> {
  const before = new Set<Message>()
  for (const { message } of deliveries) {
    if (message === gbcast) break
    before.add(message)
  }
  return before
}
