/**
 * Happens-before, as vector clocks of casts.
 *
 * The clock of a cast m holds, per process, the highest number of its casts that happened before m at the
 * application: m's sender had cast or delivered it, directly or through others. Casts of one process are in its
 * program order, so one number per process says it all.
 */

import type { Delivery, Message } from './model.ts'
import type { Run } from './run.ts'

/** Clocks of all casts of a run. */
export interface Clocks {
  /** The highest number of a cast of the process (by index) that happened before the message (by index). */
  before(message: number, process: number): number
}

const cache = new WeakMap<Run, Clocks>()

/** The clocks of a run, computed once. */
export function clocksOf(run: Run): Clocks {
  let clocks = cache.get(run)
  if (clocks === undefined) {
    clocks = compute(run)
    cache.set(run, clocks)
  }
  return clocks
}

function compute(run: Run): Clocks {
  const width = run.processes.length
  const stamps = new Int32Array(run.messages.length * width)
  const now = run.processes.map(() => new Int32Array(width))
  for (const event of run.history) {
    if (isDelivery(event)) {
      const clock = now[event.process.index] as Int32Array
      merge(clock, stamps, event.message.index * width)
      raise(clock, event.message)
    } else {
      const clock = now[event.sender.index] as Int32Array
      stamps.set(clock, event.index * width)
      raise(clock, event)
    }
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
  if (message.n > (clock[index] ?? 0)) clock[index] = message.n
}
