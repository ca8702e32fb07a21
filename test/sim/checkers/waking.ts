/**
 * When processes are not suspended: neither frozen, nor their pages blocked, nor their timers throttled; and what their clocks
 * show of it.
 */
import type { LineOf } from '../../../lib/testing/trace.ts'
import { pushTo } from './collections.ts'
import type { Process } from './model.ts'
import type { Run } from './run.ts'

interface Span {
  readonly from: number
  readonly to: number
}

/** What happens as a page wakes happens so much later at most, since times in traces are rounded. */
const TICK = 0.02

/** A clock that stood still, up to a moment. */
interface Standstill {
  readonly at: number
  readonly ms: number
}

/** The waking times of all processes, by the clock of the world. */
export class Waking {
  readonly #run: Run
  readonly #blocked = new Map<string, Span[]>()
  readonly #stood = new Map<string, Standstill[]>()
  readonly #clocks = new Map<string, NonNullable<LineOf<'start'>['clock']>>()

  constructor(run: Run) {
    this.#run = run
    for (const event of ['stall', 'pause', 'throttle'] as const) {
      for (const { data, t } of run.of(event)) pushTo(this.#blocked, data.q, { from: t, to: t + data.ms + TICK })
    }
    for (const { process, data } of run.of('start')) {
      if (process !== null && data.clock !== undefined) this.#clocks.set(process.id, data.clock)
    }
    for (const { data, t } of run.of('thaw')) {
      if (data.stood !== undefined) pushTo(this.#stood, data.q, { at: t, ms: data.stood })
    }
  }

  /** For how long of that stretch are all of them awake? */
  together(processes: readonly Process[], from: number, to: number): number {
    const spans = processes.flatMap((process) => this.#asleep(process)).sort((a, b) => a.from - b.from)
    let at = from
    let time = 0
    for (const span of spans) {
      if (span.to <= at) continue
      if (span.from >= to) break
      time += Math.max(0, span.from - at)
      at = span.to
    }
    return time + Math.max(0, to - at)
  }

  /** For how long has its clock stood still, up to moments after which all of them were awake for so long until `to`, at most? */
  stood({ id }: Process, processes: readonly Process[], most: number, to: number): number {
    let sum = 0
    for (const { at, ms } of this.#stood.get(id) ?? []) {
      if (at <= to && this.together(processes, at, to) <= most) sum += ms
    }
    return sum
  }

  /** What its clock calls `own`, at `now` or before: when was that? */
  worldTime({ id }: Process, own: number, now: number): number {
    const { offset, rate } = this.#clocks.get(id) ?? { offset: 0, rate: 1 }
    let time = (own - offset) / rate
    for (const { at, ms } of this.#stood.get(id) ?? []) if (at <= now && time > at - ms) time += ms
    return time
  }

  #asleep({ id, frozen }: Process): Span[] {
    const spans = frozen.map(({ from, to }) => ({ from: from.t, to: to?.t ?? this.#run.end.t }))
    return [...spans, ...(this.#blocked.get(id) ?? [])]
  }
}
