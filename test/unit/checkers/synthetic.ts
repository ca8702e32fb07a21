/**
 * A long correct trace, made without a kernel: one global order of casts that every process follows at its own pace,
 * with space views that all of a group catch up before.
 */

import type { DeliverLine, TraceLine } from '../../../lib/testing/trace.ts'
import { TraceWriter } from './builder.ts'

/** A generator of numbers below a bound, the same for the same seed (mulberry32). */
export function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

const processes = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6']
const groups = ['fifo', 'causal', 'total', 'uniform'] as const

/** A trace of at least that many lines. */
export function synthesise(linesMin: number, seed: number): TraceLine[] {
  const next = numbers(seed)
  const trace = new TraceWriter().start(processes)
  trace.view('', '1.p0', processes)
  for (const g of groups) {
    const order = g === 'uniform' ? 'total' : g
    trace.open(g, processes, { order, uniform: g === 'uniform' }).view(g, '1.p0.1', processes)
  }
  const log: { readonly m: string; readonly g: string }[] = []
  const casts = new Map<string, number>()
  const cuts = new Map<string, Record<string, number>>(groups.map((g) => [g, {}]))
  const done = new Map<string, number>()
  const advance = (p: string, to: number): void => {
    for (let i = done.get(p) ?? 0; i < to; i++) {
      const entry = log[i]
      if (entry !== undefined) trace.deliver(p, entry.g, entry.m)
    }
    done.set(p, Math.max(to, done.get(p) ?? 0))
  }
  for (let epoch = 2; trace.lines.length < linesMin; epoch++) {
    for (let op = 0; op < 100; op++) {
      const p = processes[next(processes.length)] ?? 'p0'
      const g = groups[next(groups.length)] ?? 'fifo'
      const n = (casts.get(p) ?? 0) + 1
      casts.set(p, n)
      trace.cast(`${p}#${n}`, g)
      cuts.set(g, { ...cuts.get(g), [p]: n })
      log.push({ m: `${p}#${n}`, g })
      const q = processes[next(processes.length)] ?? 'p0'
      advance(q, Math.min(log.length, (done.get(q) ?? 0) + next(30)))
    }
    for (const p of processes) advance(p, log.length)
    for (const g of groups) {
      for (const p of processes) {
        trace.write({
          e: 'digest',
          t: trace.t,
          p,
          g,
          view: `${epoch - 1}.p0.1`,
          cut: cuts.get(g) ?? {},
          h: epoch,
        })
      }
    }
    trace.view('', `${epoch}.p0`, processes)
    for (const g of groups) trace.view(g, `${epoch}.p0.1`, processes)
  }
  for (const p of processes) {
    const n = (casts.get(p) ?? 0) + 1
    casts.set(p, n)
    trace.cast(`${p}#${n}`, 'causal').deliverAll(processes, 'causal', `${p}#${n}`)
  }
  for (const [p, n] of casts) for (let i = 1; i <= n; i++) trace.settle(`${p}#${i}`, 'delivered')
  for (const p of processes) for (const g of ['', ...groups]) trace.settle(`join:${g}`, 'ok', p)
  return trace.quiet(processes).end().lines
}

/** The places of delivery lines. */
export function deliveriesOf(lines: readonly TraceLine[]): number[] {
  return lines.flatMap((line, i) => (line.e === 'deliver' ? [i] : []))
}

/** The delivery line at a place. */
export function deliveryAt(lines: readonly TraceLine[], place: number): DeliverLine {
  const line = lines[place]
  if (line?.e !== 'deliver') throw new RangeError(`line ${place} is no delivery`)
  return line
}
