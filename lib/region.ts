/**
 * Regions: asynchronous handlers of events that enter a critical section one at a time, in the order of the events.
 *
 * The event counts of Horus, in which each upcall has a number and a thread of its own. Here a thread is one call of a
 * handler. It may enter once, by `run`; the turn of its event passes when what it ran has settled, when it says that it
 * will not run (`skip`), or when its promise settles without it having run. So nothing has to be marked by hand, and an
 * event that nobody cares for holds nobody up.
 *
 * Nobody waits for a handler but those of later events in the same region: neither the kernel, nor the group, nor its
 * other listeners, nor other regions.
 */
import { ClosedError, LaggedError, UsageError } from './errors.ts'
import type { EventNumbers, Followers, NumberedEvent, NumberedSource } from './event-numbers.ts'

/** Events whose turns may be outstanding before a region ends with a `LaggedError`. */
export const PENDING_MAX = 10_000

/** Passed turns are let go in heaps of so many. */
const HEAP = 1024

/** What `run` takes besides the event. */
export interface RegionRunOptions {
  /** Gives up waiting for the turn, which passes. What has begun is not stopped. */
  readonly signal?: AbortSignal
}

/** One event's turn. `open`: its handler is at work and has not asked to enter. */
interface Turn {
  stage: 'open' | 'waiting' | 'inside' | 'passed'
  /** Lets in who waits, or (with an error) sends it away. */
  answer: ((refusal: { readonly error: unknown } | null) => void) | null
}

/** A critical section that handlers enter in the order of their events. Made by `space.region`. */
export class Region {
  readonly #numbers: EventNumbers
  readonly #report: (error: unknown) => void
  readonly #sources = new Map<object, () => void>()
  /** By event; whoever has let go of the event cannot ask for its turn either. */
  readonly #turns = new WeakMap<object, Turn>()
  /** In the order of the events; before `#head` all have passed. */
  #queue: Turn[] = []
  #head = 0
  #end: { readonly error: ClosedError | LaggedError } | null = null
  #closed: Promise<void> | null = null
  #settleClosed: (() => void) | null = null

  /** Use `space.region`. */
  constructor(numbers: EventNumbers, report: (error: unknown) => void = reportUnhandled) {
    this.#numbers = numbers
    this.#report = report
  }

  /** How many events were told whose turns are outstanding, from the earliest such on. */
  get pending(): number {
    return this.#queue.length - this.#head
  }

  /**
   * Resolves when the region is closed; rejects with the LaggedError that ended it, which is reported as an unhandled
   * rejection if nobody has asked for this promise.
   */
  get closed(): Promise<void> {
    this.#closed ??= new Promise((resolve, reject) => {
      this.#settleClosed = () => (this.#end?.error instanceof LaggedError ? reject(this.#end.error) : resolve())
      if (this.#end !== null) this.#settleClosed()
    })
    return this.#closed
  }

  /**
   * Calls `handler` for each event of the source from here on, after the source's listeners, and does not wait for it.
   * What it throws, or rejects with, is reported as an unhandled rejection and harms nobody else; the end of the region
   * is no such error. Returns what ends it; turns that it has given remain.
   *
   * A region follows any number of groups of its space, and the space itself for its views.
   * Throws UsageError (a source of another space, or followed already), ClosedError or LaggedError.
   */
  follow<Event extends NumberedEvent>(source: NumberedSource<Event>, handler: (event: Event) => unknown): () => void {
    if (this.#end !== null) throw this.#end.error
    if (typeof handler !== 'function') throw new UsageError('follow(source, handler): the handler is a function')
    const followers: Followers<Event> | undefined = source?.followers
    if (followers?.numbers !== this.#numbers) {
      throw new UsageError('a region follows groups of its own space, and the space itself')
    }
    if (this.#sources.has(followers)) {
      throw new UsageError('this region follows that already: each event has one turn, so do all in one handler')
    }
    const forget = (): void => {
      if (this.#sources.get(followers) === stop) this.#sources.delete(followers)
    }
    const remove = followers.add((event) => this.#handle(event, handler), forget)
    const stop = (): void => {
      remove()
      forget()
    }
    this.#sources.set(followers, stop)
    return stop
  }

  /**
   * Runs `fn` when the turns of all earlier events have passed, never before this call has returned, and keeps
   * later ones out until it has settled. Gives its result, or rejects with its error, which does not keep others out.
   *
   * Call it once for an event, before its handler's promise settles. What `fn` awaits must not wait for the turn of a
   * later event. Rejects with UsageError (not an event of this region, or its turn was used or has passed), ClosedError,
   * LaggedError, or the signal's reason; `fn` was not called then.
   */
  async run<Result>(
    event: NumberedEvent,
    fn: () => Result | PromiseLike<Result>,
    options: RegionRunOptions = {},
  ): Promise<Result> {
    if (this.#end !== null) throw this.#end.error
    if (typeof fn !== 'function') throw new UsageError('run(event, fn): fn is a function')
    const turn = this.#turnOf(event)
    if (turn.stage === 'passed') {
      throw new UsageError('the turn of this event has passed: run before the promise of its handler settles, and once')
    }
    if (turn.stage !== 'open') throw new UsageError('the turn of this event is taken: do all of it in one run')
    await this.#enter(turn, options.signal)
    try {
      return await fn()
    } finally {
      this.#pass(turn)
    }
  }

  /**
   * Lets later events go first: this one will not be run. Only of use to a handler that has more to do; whoever returns
   * has passed anyway. Throws UsageError if it is none of this region's events, or is being run.
   */
  skip(event: NumberedEvent): void {
    if (this.#end !== null) return
    const turn = this.#turnOf(event)
    if (turn.stage === 'waiting' || turn.stage === 'inside') {
      throw new UsageError('the turn of this event is taken: abort the signal of its run instead')
    }
    this.#pass(turn)
  }

  /** Ends it: no handler is called and nobody is let in any more; who waits gets a ClosedError. Who is inside goes on. */
  close(): void {
    this.#finish(new ClosedError('the region is closed'))
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #handle<Event extends NumberedEvent>(event: Event, handler: (event: Event) => unknown): void {
    if (this.#end !== null) return
    if (this.pending >= PENDING_MAX) {
      return this.#finish(new LaggedError(`the region is ${PENDING_MAX} events behind: an earlier handler hangs`))
    }
    const turn: Turn = { stage: 'open', answer: null }
    this.#turns.set(event, turn)
    this.#queue.push(turn)
    try {
      const result = handler(event)
      if (isThenable(result)) this.#watch(turn, result)
      else this.#leave(turn)
    } catch (error) {
      this.#leave(turn)
      this.#reportOf(error)
    }
  }

  /** Waits for the end of a handler. */
  async #watch(turn: Turn, result: PromiseLike<unknown>): Promise<void> {
    try {
      await result
    } catch (error) {
      this.#reportOf(error)
    }
    this.#leave(turn)
  }

  /** The end of the region is no failure of the handlers that it sends away. */
  #reportOf(error: unknown): void {
    if (error !== this.#end?.error) this.#report(error)
  }

  #turnOf(event: NumberedEvent): Turn {
    const turn = this.#turns.get(event)
    if (turn !== undefined) return turn
    throw new UsageError('this region has no turn for that: pass the very event that its handler was called with')
  }

  #enter(turn: Turn, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#pass(turn)
        reject(signal?.reason)
      }
      turn.stage = 'waiting'
      turn.answer = (refusal) => {
        signal?.removeEventListener('abort', onAbort)
        if (refusal === null) resolve()
        else reject(refusal.error)
      }
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#advance()
    })
  }

  /** The handler is done. What it runs without awaiting it keeps the turn. */
  #leave(turn: Turn): void {
    if (turn.stage === 'open') this.#pass(turn)
  }

  #pass(turn: Turn): void {
    turn.stage = 'passed'
    turn.answer = null
    this.#advance()
  }

  /** Lets in whose turn it is. */
  #advance(): void {
    for (let turn = this.#queue[this.#head]; turn !== undefined; turn = this.#queue[this.#head]) {
      if (turn.stage === 'waiting') {
        turn.stage = 'inside'
        turn.answer?.(null)
      }
      if (turn.stage !== 'passed') return
      this.#head += 1
      if (this.#head >= HEAP || this.#head === this.#queue.length) {
        this.#queue = this.#queue.slice(this.#head)
        this.#head = 0
      }
    }
  }

  #finish(error: ClosedError | LaggedError): void {
    if (this.#end !== null) return
    this.#end = { error }
    for (const stop of [...this.#sources.values()]) stop()
    const turns = this.#queue.slice(this.#head)
    this.#queue = []
    this.#head = 0
    for (const turn of turns) {
      turn.answer?.({ error })
      turn.stage = 'passed'
      turn.answer = null
    }
    if (this.#settleClosed !== null) this.#settleClosed()
    else if (error instanceof LaggedError) this.#report(error)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

/** As the platform does with a rejection that nobody handles. */
function reportUnhandled(error: unknown): void {
  Promise.reject(error)
}
