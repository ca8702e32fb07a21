/**
 * F2 Safe delivery: a uniform cast that is delivered before the transitional signal is one that every member of its view
 * has got by the time at which it closes the view of the space, wherever it goes on then; and one that is delivered after
 * the signal is one that every member of the transitional set has got, if it has said READY for the view that follows.
 *
 * F1 is about what the others deliver; this is about what they hold, so it is judged outside the primary component too.
 * What comes after a member has closed the view is in no account of it: then that it delivers the cast, or keeps it with
 * the state, shows that it got it. Those who crash before they close the view are not judged.
 *
 * A view is installed when all have said READY, and so hold all that they awaited; but one whose leader is gone may be
 * completed by those who have said it (`lib/kernel/attempts.ts`). Who was cut off before is named there all the same
 * (seed 3232 of `uniform`).
 */

import { addresseesOf, type Closing, closingsOf, hasGot, seqOf } from './accounts.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { at, getOrMake } from './collections.ts'
import type { Delivery, Message, Process } from './model.ts'
import { isUniform, type Run } from './run.ts'

export const checker: Checker = {
  property: 'F2',
  check(run: Run): Result {
    const verdict = new Verdict('F2')
    const kept = new Set(run.of('kept').map(({ data }) => `${data.p} ${data.m}`))
    const ready = new Set(run.of('ready').map(({ data }) => `${data.p} ${data.view}`))
    const signals = signalsOf(run)
    for (const [message, closing] of closingsOf(run).of) {
      if (!isUniform(message)) continue
      const addressees = addresseesOf(run, message, closing)
      for (const delivery of message.deliveries) {
        if (!delivery.first) continue
        const signal = delivery.transitional ? signalBefore(signals, delivery) : null
        for (const other of addressees) {
          if (other === delivery.process || (delivery.transitional && signal?.includes(other.id) !== true)) continue
          const has = hasItGot(closing, { delivery, other, kept, ready })
          if (has !== null) verdict.expect(has, () => describe(closing, delivery, other), delivery.at.line)
        }
      }
    }
    return verdict
  },
}

function describe({ id }: Closing, { process, message, group, view, transitional }: Delivery, other: Process): string {
  const when = transitional ? 'after' : 'before'
  return `${process.id} delivers uniform ${message.m} of "${group.name}" ${when} the signal in view ${view.id}, and ${other.id} closes space view ${id} without having got it`
}

interface Question {
  readonly delivery: Delivery
  readonly other: Process
  readonly kept: ReadonlySet<string>
  readonly ready: ReadonlySet<string>
}

/** Null if nothing tells. */
function hasItGot(closing: Closing, { delivery, other, kept, ready }: Question): boolean | null {
  const { message, process, view } = delivery
  const rank = closing.members.indexOf(message.sender.id)
  const last = closing.byProcess.get(other)?.at(-1)
  if (at(other.deliveredAt, message.index) > 0 || kept.has(`${other.id} ${message.m}`)) return true
  if (last === undefined) return null
  if (hasGot(last, rank, seqOf(message))) return true
  if (hasLeft(other, message)) return null
  const [then, next] = [closing.next.get(process), closing.next.get(other)]
  if (delivery.transitional && then !== undefined && next !== then && !ready.has(`${other.id} ${then}`)) return null
  if (last.line > delivery.at.line) return false
  // It has closed the view for good with all that it ever got; its application, if it lived so long, would have been
  // handed that. After the signal those count who go on to the same view: they said READY with all that they awaited.
  if (next === undefined || (delivery.transitional && next !== then)) return null
  // Nor is it handed that in a group view which it passes over, to go on from the one before.
  if (delivery.transitional && !view.installs.some((install) => install.process === other)) return null
  return hasInstalled(other, next) ? false : null
}

/** Did its application hear of that view of the space? */
function hasInstalled({ installs }: Process, id: string): boolean {
  for (const [group, list] of installs) if (group.name === '') return list.some(({ view }) => view.id === id)
  return false
}

/** Who leaves the group is not handed what is left of it. */
function hasLeft({ leave, leaves }: Process, { group, send }: Message): boolean {
  if (leave !== null || group === null) return true
  return leaves.get(group.name)?.some(({ line }) => line > (send?.line ?? 0)) ?? false
}

/** Per process and group: the signals, in order, with their transitional sets. */
type Signals = ReadonlyMap<Process, ReadonlyMap<string, readonly Signal[]>>

interface Signal {
  readonly line: number
  readonly trans: readonly string[]
}

function signalsOf(run: Run): Signals {
  const signals = new Map<Process, Map<string, Signal[]>>()
  for (const { data, process, line } of run.of('trans')) {
    if (process === null || data.trans === undefined) continue
    const byGroup = getOrMake(signals, process, () => new Map<string, Signal[]>())
    getOrMake(byGroup, data.g, (): Signal[] => []).push({ line, trans: data.trans })
  }
  return signals
}

function signalBefore(signals: Signals, { process, group, at: { line } }: Delivery): readonly string[] | null {
  const found = signals.get(process)?.get(group.name)
  return found?.findLast((signal) => signal.line < line)?.trans ?? null
}
