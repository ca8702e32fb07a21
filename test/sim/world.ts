/**
 * The world of one run: virtual time, and what happens next.
 *
 * Application code makes promises (a queue's `take`), so the loop lets microtasks run after every task of a page; all
 * else is synchronous. Nothing here reads a clock.
 */
import { Due, Heap } from './heap.ts'
import type { Scenario } from './scenario.ts'
import { Trace } from './trace.ts'

/** What went wrong besides what checkers see. */
export interface WorldFailure {
  readonly property: 'exception' | 'fault' | 'livelock' | 'fold'
  readonly message: string
}

/** More inputs than any honest run has. */
const EVENTS_MAX = 300_000
/** More happenings than can be at one instant. */
const INSTANT_MAX = 20_000
/** Rounds of microtasks after a task of a page; what takes longer runs after the next. */
const MICROTASK_ROUNDS = 4
/** The same where several promises are waited for one inside the other: with fewer, a page at rest would stop half-way. */
const SNAPSHOT_ROUNDS = 32

/** Virtual time, the queue of what is due, the trace. */
export class World {
  readonly scenario: Scenario
  readonly trace: Trace = new Trace()
  isExcused = false
  readonly failures: WorldFailure[] = []
  now = 0
  /** Inputs that kernels have processed. */
  events = 0
  readonly #heap = new Heap()
  #tasks: (() => void)[] = []
  readonly #rounds: number
  #isPageTouched = false
  #isBroken = false
  /** What has happened at the present instant. */
  #instant = 0

  constructor(scenario: Scenario) {
    this.scenario = scenario
    const { workload } = scenario.options
    this.#rounds = workload === 'snapshots' || workload === 'kept' ? SNAPSHOT_ROUNDS : MICROTASK_ROUNDS
  }

  /** Schedules `due`, never before `t`; times in the past are now. Time goes in steps of 10 µs, so that traces read well. */
  at(t: number, due: Due): void {
    this.#heap.push(Math.max(this.now, ceilTime(t)), due)
  }

  /** Schedules a call. */
  call(t: number, fn: () => void): void {
    this.at(t, new Call(fn))
  }

  /** Notes that code of a page runs: its microtasks and scheduled tasks come before anything else. */
  touchPage(): void {
    this.#isPageTouched = true
  }

  /** Runs `fn` at the end of the present task of a page. */
  schedule(fn: () => void): void {
    this.#isPageTouched = true
    this.#tasks.push(fn)
  }

  /** Somebody was away for longer than what it had is kept apart, and an object said so: it need not show what twins do. */
  excuse(): boolean {
    const isShort = this.scenario.seed % 2 === 0
    this.isExcused ||= isShort
    return isShort
  }

  /** Notes a failure. The run ends soon: after a broken invariant the rest means nothing. */
  fail(property: WorldFailure['property'], message: string): void {
    if (this.failures.length < 20) this.failures.push({ property, message })
    if (property !== 'fault') this.#isBroken = true
  }

  /** Lets time pass until `end`. */
  async run(end: number): Promise<void> {
    while (this.#goOn(end)) {
      while (this.#isPageTouched) {
        this.#isPageTouched = false
        for (let round = 0; round < this.#rounds; round += 1) await null
        const tasks = this.#tasks
        if (tasks.length === 0) continue
        this.#tasks = []
        for (const task of tasks) task()
      }
      await null
    }
    this.now = Math.max(this.now, end)
  }

  /** Lets one thing after another happen until code of a page has run. False: that was the end. */
  #goOn(end: number): boolean {
    while (this.#heap.nextTime <= end && !this.#isBroken) {
      const due = this.#heap.pop()
      if (due === undefined) return false
      this.#instant = due.t > this.now ? 0 : this.#instant + 1
      if (this.#instant > INSTANT_MAX || this.events > EVENTS_MAX) {
        this.fail('livelock', `no end in sight at ${this.now} ms after ${this.events} events: ${due.constructor.name}`)
        return false
      }
      this.now = due.t
      due.fire()
      if (this.#isPageTouched) return true
    }
    return false
  }
}

/** The first step of time that is not before `t`. */
export function ceilTime(t: number): number {
  const steps = Math.round(t * 100)
  return steps / 100 < t ? (steps + 1) / 100 : steps / 100
}

class Call extends Due {
  readonly #fn: () => void

  constructor(fn: () => void) {
    super()
    this.#fn = fn
  }

  override fire(): void {
    this.#fn()
  }
}
