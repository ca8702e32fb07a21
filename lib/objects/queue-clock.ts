/**
 * The clock of a queue at one process: says when a delay is over, or the time for the work on an item.
 *
 * The state must not read a clock, so that is a request as any other, and the first one counts. Each member counts from when
 * it saw the countdown begin, so nobody is early. Lest all of them ask at once, each waits a little longer than those of a
 * higher rank: usually the most senior one asks, and if it is asleep, or its page is throttled, the next one does. What must
 * be back is given a tenth more, so that its holder, which counts as well, has stopped by then.
 */
import { Heap } from './heap.ts'
import type { Countdown } from './queue-items.ts'
import { DUE_MAX, OP, type QueueMachine } from './queue-machine.ts'
import type { GroupPort } from './replica.ts'

/** A member waits so much longer than the one that is senior to it, in ms. */
const RANK_MS = 200
/** Before what could not be asked is asked again, in ms. */
const RETRY_MS = 50
/** What must be back is given that much more: clocks run at different speeds, and news takes a while. */
const SLACK = 1.1
/** Countdowns that have ended otherwise are forgotten when they are more than the others, and than this. */
const SPARE = 64

interface Due {
  readonly key: string
  /** By this process's clock. */
  readonly at: number
}

/** What the clock needs of the queue's replica. */
export interface ClockCalls {
  /** Makes a request, which waits for the primary component. */
  ask(body: unknown): Promise<unknown>
  /** Is the state here that of the view that this process is in? */
  isActing(): boolean
}

/** One process's watch over what the state counts down. */
export class QueueClock {
  readonly #port: GroupPort
  readonly #machine: QueueMachine
  readonly #calls: ClockCalls
  /** When each countdown was seen to begin, by this process's clock. */
  #begun = new Map<string, number>()
  readonly #due = new Heap<Due>((a, b) => a.at - b.at)
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(port: GroupPort, machine: QueueMachine, calls: ClockCalls) {
    this.#port = port
    this.#machine = machine
    this.#calls = calls
    machine.counting = (countdown, isDelay) => this.#begin(countdown, isDelay)
  }

  /** How long that countdown has been under way here, in ms; 0 if it is not known here. */
  elapsed(key: string): number {
    const begun = this.#begun.get(key)
    return begun === undefined ? 0 : this.#port.now() - begun
  }

  #begin({ key, ms }: Countdown, isDelay: boolean, begun: number = this.#port.now()): void {
    this.#begun.set(key, begun)
    this.#due.push({ key, at: begun + (isDelay ? ms : ms * SLACK) })
  }

  /** A batch of deliveries is over. `isLoaded`: the state was replaced. */
  settled(isLoaded: boolean): void {
    const isFull = this.#due.size > 2 * this.#machine.countdownCount + SPARE
    if (isLoaded || isFull) this.#beginAnew()
    if (this.#due.size > 0) this.#arm()
  }

  /** Counts what the state counts; what was not known before, from now. */
  #beginAnew(): void {
    const known = this.#begun
    this.#begun = new Map()
    this.#due.clear()
    for (const { countdown, isDelay } of this.#machine.countdowns())
      this.#begin(countdown, isDelay, known.get(countdown.key))
  }

  /** The queue is closed. */
  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #arm(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#forgetEnded()
    const first = this.#due.peek()
    const rank = this.#rank()
    // With the next primary view it is looked at again.
    if (first === undefined || rank < 0 || this.#isStopped) return
    const wait = Math.max(0, first.at + rank * RANK_MS - this.#port.now())
    this.#cancel = this.#port.after(wait, () => {
      this.#cancel = null
      this.#report()
    })
  }

  /** Those that somebody has reported, or that are not waited for any more. */
  #forgetEnded(): void {
    for (let first = this.#due.peek(); first !== undefined && !this.#machine.isCounting(first.key); ) {
      this.#begun.delete(first.key)
      this.#due.pop()
      first = this.#due.peek()
    }
  }

  /** Its rank in the primary component; negative elsewhere. */
  #rank(): number {
    const { view, self } = this.#port
    return view?.primary === true && this.#calls.isActing() ? view.members.indexOf(self) : -1
  }

  #report(): void {
    const rank = this.#rank()
    const keys: string[] = []
    for (let first = this.#due.peek(); first !== undefined && rank >= 0 && keys.length < DUE_MAX; ) {
      if (first.at + rank * RANK_MS > this.#port.now()) break
      this.#due.pop()
      if (this.#machine.isCounting(first.key)) keys.push(first.key)
      else this.#begun.delete(first.key)
      first = this.#due.peek()
    }
    if (keys.length > 0) this.#ask(keys)
    this.#arm()
  }

  #ask(keys: readonly string[]): void {
    this.#calls.ask([OP.due, keys]).then(
      () => {
        for (const key of keys) this.#begun.delete(key)
      },
      () => {
        // Too many calls are open here, or it was forgotten: whether it counted, the state says.
        for (const key of keys) this.#due.push({ key, at: this.#port.now() + RETRY_MS })
        this.#arm()
      },
    )
  }
}
