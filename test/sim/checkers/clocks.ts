/**
 * Happens-before, as vector clocks of casts.
 *
 * The clock of a cast m holds, per process, the highest rank of its casts that happened before m: m's sender had been
 * handed it before it cast m, or had sent it before m, directly or through others. A process's own casts are in the
 * order in which its kernel sent them: one that waits for a primary component does not hold back the others.
 */

import type { Delivery, Message } from './model.ts'
import { derive, type Run } from './run.ts'

/** Clocks of all casts of a run. */
export interface Clocks {
  /** The highest rank of a cast of the process (by index) that happened before the message (by index). */
  before(message: number, process: number): number
}

/** The clocks of a run, computed once. */
export function clocksOf(run: Run): Clocks {
  return derive(run, compute)
}

function compute(run: Run): Clocks {
  const width = run.processes.length
  const stamps = new Int32Array(run.messages.length * width)
  const now = run.processes.map(() => new Int32Array(width))
  const sent = run.processes.map(() => new Int32Array(width))
  const atCast = new Map<Message, Int32Array>()
  for (const event of run.history) {
    if (isDelivery(event)) {
      const clock = now[event.process.index] as Int32Array
      merge(clock, stamps, event.message.index * width)
      raise(clock, event.message)
      continue
    }
    const sender = event.sender.index
    if (event.cast !== null && !atCast.has(event)) {
      atCast.set(event, (now[sender] as Int32Array).slice())
      continue
    }
    const clock = sent[sender] as Int32Array
    merge(clock, atCast.get(event) ?? (now[sender] as Int32Array), 0)
    stamps.set(clock, event.index * width)
    raise(clock, event)
  }
  return { before: (message, process) => stamps[message * width + process] ?? 0 }
}

function isDelivery(event: Message | Delivery): event is Delivery {
  return 'message' in event
}

function merge(clock: Int32Array, stamps: Int32Array, from: number): void {
  for (let i = 0; i < clock.length; i++) {
    const other = stamps[from + i] ?? 0
    if (other > (clock[i] ?? 0)) clock[i] = other
  }
}

function raise(clock: Int32Array, message: Message): void {
  const index = message.sender.index
  if (message.rank > (clock[index] ?? 0)) clock[index] = message.rank
}
