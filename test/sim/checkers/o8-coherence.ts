/**
 * O8 Order coherence: the agreed order of a view respects causal order, and causal order respects FIFO: the causal and
 * total casts of one sender are delivered in its order even across groups. And a gbcast splits all deliveries of its
 * group identically (`splits.ts`).
 *
 * A sender's order is that in which its kernel sends. That is the order in which its application casts, but that outside
 * the primary component the casts of consistent groups wait, and others overtake them.
 *
 * The agreed order of a view is the longest sequence that any process delivered in it.
 */

import { parseViewId } from '../../../lib/testing/trace-names.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { type Clocks, clocksOf } from './clocks.ts'
import { at, pushTo } from './collections.ts'
import type { Delivery, Group, Message, Process, View } from './model.ts'
import { orderOf, type Run } from './run.ts'
import { checkSplits } from './splits.ts'
import { totalOf } from './together.ts'

export const checker: Checker = {
  property: 'O8',
  check(run: Run): Result {
    const verdict = new Verdict('O8')
    const clocks = clocksOf(run)
    for (const view of run.views) {
      let agreed: readonly Delivery[] = []
      for (const install of view.installs) {
        if (install.deliveries.length <= agreed.length) continue
        const sequence = totalOf(install)
        if (sequence.length > agreed.length) agreed = sequence
      }
      checkAgreed(verdict, clocks, view, agreed)
    }
    checkSenders(run, verdict)
    checkSending(run, verdict)
    const others = verdict.checked
    checkSplits(run, verdict)
    return { ...verdict, metrics: { splits: verdict.checked - others } }
  },
}

/** No cast of the sequence stands before one that happened before it. */
function checkAgreed(verdict: Verdict, clocks: Clocks, view: View, agreed: readonly Delivery[]): void {
  const bySender = new Map<number, Message[]>()
  for (const { message } of agreed) pushTo(bySender, message.sender.index, message)
  const place = new Map<Message, number>()
  agreed.forEach(({ message }, i) => {
    place.set(message, i)
  })
  const streams = [...bySender].map(([sender, messages]) => ({
    sender,
    messages: messages.sort((a, b) => a.rank - b.rank),
    next: 0,
  }))
  agreed.forEach(({ message, at: where, process }, i) => {
    let hasPast = false
    for (const stream of streams) {
      const { messages, sender } = stream
      for (let m = messages[stream.next]; m !== undefined && (place.get(m) ?? 0) < i; m = messages[++stream.next]);
      const before = clocks.before(message.index, sender)
      const later = messages[stream.next]
      if (later !== undefined && later !== message && later.rank <= before) {
        verdict.fail(
          `the agreed order of view ${view.id} of "${view.group.name}" at ${process.id} has ${message.m} before ${later.m}, which happened before it`,
          where.line,
        )
      }
      if (stream.next > 0 && before > 0) hasPast = true
    }
    if (hasPast) verdict.checked++
  })
}

function checkSenders(run: Run, verdict: Verdict): void {
  for (const process of run.processes) {
    const last: (Message | undefined)[] = new Array(run.processes.length)
    for (const { message, first } of process.deliveries) {
      if (!first || orderOf(message) === 'fifo') continue
      const sender = message.sender.index
      const before = last[sender]
      last[sender] = message
      if (before === undefined) continue
      verdict.expect(
        before.rank < message.rank,
        () => `${process.id} delivers ${message.m} after ${before.m}, against their sender's order`,
        at(process.deliveredAt, message.index),
      )
    }
  }
}

/** No cast is sent after one that was cast later, except one of a consistent group after such as were sent while that waited. */
function checkSending(run: Run, verdict: Verdict): void {
  const bySender = new Map<Process, Message[]>()
  for (const message of run.messages) if (message.send !== null) pushTo(bySender, message.sender, message)
  for (const messages of bySender.values()) {
    messages.sort((a, b) => a.rank - b.rank)
    /** By epoch of the space view in which it was sent: the last in the order of the calls. */
    const last = new Map<number, Message>()
    for (const message of messages) {
      const { group, sender, send } = message
      const mayWait = group?.options?.consistency === 'consistent'
      for (const [epoch, before] of last) {
        if (before.n < message.n || (mayWait && isWaiting(run, sender, group, { epoch, line: before.send?.line ?? 0 })))
          continue
        verdict.fail(`${message.m} is sent after ${before.m}, which was cast later`, send?.line)
        break
      }
      const epoch = parseViewId(send?.view.first?.sv ?? '0.').epoch
      if (message.n > (last.get(epoch)?.n ?? 0)) last.set(epoch, message)
    }
  }
}

interface Then {
  readonly epoch: number
  readonly line: number
}

/**
 * Did the group wait, or the process for its state, as far as the process was told, in the space view of that epoch, or at
 * that line; or as far as the others were, in the view that its kernel had installed then? A group view may live through
 * several space views, so the one of a send does not say in which of them it was sent; and the application is told of views
 * later than its kernel sends, or never, if it crashes (seed 188184).
 */
function isWaiting(run: Run, process: Process, group: Group, then: Then): boolean {
  const installs = process.installs.get(group) ?? []
  const inEpoch = installs.findLast(({ data }) => parseViewId(data.sv).epoch <= then.epoch)
  const atLine = installs.findLast(({ at }) => at.line < then.line)
  if (inEpoch?.data.primary !== true || atLine?.data.primary !== true) return true
  const installed = run.of('install').findLast((each) => each.process === process && each.line < then.line)?.data.view
  const told = run.installs.find(({ view, data }) => {
    return view.group === group && data.sv === installed && view.members.has(process.id)
  })
  if (told?.data.primary === false) return true
  return isAwaiting(run, process, atLine.view, then.line)
}

/** Is there a state for that view that it had not been given at that line (`--faults all,lag`, seed 91035)? */
function isAwaiting(run: Run, process: Process, { id, group }: View, line: number): boolean {
  const isOf = (data: { readonly g: string; readonly view: string }): boolean =>
    data.g === group.name && data.view === id
  return (
    run.of('stateOut').some(({ data }) => isOf(data) && data.to === process.id) &&
    !run.of('stateIn').some((given) => given.process === process && isOf(given.data) && given.line < line)
  )
}
