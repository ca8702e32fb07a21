/**
 * The shared queue: total and uniform order, consistent.
 *
 * Every operation takes effect, is readable and returns only when every member of the group's view holds it; none is
 * optimistic. Only the primary component acts. Each item is given to one taker at a time and has exactly one accepted
 * completion; an item whose taker fails, leaves or dies goes back in front, or, after as many tries as the queue allows,
 * among the dead letters.
 */
import {
  BusyError,
  ClosedError,
  StaleTokenError,
  TooLargeError,
  UnknownOutcomeError,
  UsageError,
  ValueError,
} from '../errors.ts'
import { decodeValue, encodeValue } from '../values.ts'
import { agreedSettings, closeMachine } from './agreed.ts'
import { type AtomicOptions, atomicVariant, type Participant } from './atomic.ts'
import { checkFunction } from './check-function.ts'
import { isCount } from './checks.ts'
import { ChangeEvent, type ChangeOrigin, type DeepReadonly, ObjectTarget } from './events.ts'
import type { Ledger } from './ledger.ts'
import { type PartAddOptions, QueuePart } from './parts.ts'
import { checkLimit, checkWait, QueueHands } from './queue-hands.ts'
import type { QueueItem } from './queue-items.ts'
import { type Happening, OP, QUEUE_ITEMS_MAX, type QueueTerms } from './queue-machine.ts'
import type { ObjectKind } from './replica.ts'
import { fits, type StandardSchemaV1, validateForWrite } from './schema.ts'
import type { TakenItem } from './taken-item.ts'
import type { Token } from './token.ts'

/** How a queue is opened. */
export interface QueueOptions<T> extends AtomicOptions {
  /**
   * Types the items and checks them in `add`. A peer's item that does not fit reads as undefined; whoever takes it makes a
   * dead letter of it. Synchronous, and without transforms.
   */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** How long a holder may act on what it last heard, in ms (default 10,000). The same at every member. */
  readonly leaseMs?: number
  /**
   * An item that somebody has had in hand so often, and that is not done, becomes a dead letter: 1 to 1,000,000. All who
   * open the queue give the same. By default items are tried for ever.
   */
  readonly maxTries?: number
  /** So many items wait or are taken, at most: 1 to 100,000, the default. All who open the queue give the same. */
  readonly maxSize?: number
}

/** An item as it is browsed. */
export interface QueueEntry<T> {
  readonly id: string
  /** Undefined if it does not fit the schema that the queue was opened with here. */
  readonly value: DeepReadonly<T>
  /** `delayed`: nobody takes it before its delay is over. */
  readonly state: 'waiting' | 'delayed' | 'taken'
  /** Who holds it; null unless it is taken. */
  readonly taker: string | null
  /** How often somebody has had it in hand, the present time included. */
  readonly attempts: number
  readonly priority: number
}

/** An item that was tried as often as the queue allows, or that is hopeless. */
export interface DeadLetter<T> {
  readonly id: string
  /** As that of an entry. */
  readonly value: DeepReadonly<T>
  readonly attempts: number
  readonly priority: number
  /** Why it failed last, in its taker's words; `''` if it gave none. */
  readonly reason: string
}

/** One step of one item. */
export interface QueueChange extends ChangeOrigin {
  /**
   * `due`: its delay is over. `returned`: it waits again. `dead`: it was tried once too often. `restored`, `dropped`: what
   * somebody did with a dead letter.
   */
  readonly type: 'added' | 'due' | 'taken' | 'returned' | 'done' | 'dead' | 'restored' | 'dropped'
  readonly id: string
  /** For `taken`, `returned`, `dead` and `done`: the token of the grant. */
  readonly token: Token | null
  /**
   * For `taken`, `returned`, `dead` and `done`: who holds the item, or held it. `author` gave it back; null: its holder is
   * gone, or had its time.
   */
  readonly taker: string | null
}

/** An item's taker has ended its work: it is done and gone, or it failed and waits in front, or is a dead letter. */
export class SettledEvent<T = unknown> extends Event {
  readonly id: string
  /** The item itself. */
  readonly value: DeepReadonly<T>
  readonly outcome: 'done' | 'failed'
  /** The process that held it. */
  readonly by: string
  /** What it handed to `done`, if anything. */
  readonly result: unknown
  /** Why it failed, in its words; `''` if it gave none. */
  readonly reason: string
  /** It failed, and is not tried again: it is a dead letter. */
  readonly dead: boolean

  constructor(about: Pick<SettledEvent<T>, 'id' | 'value' | 'outcome' | 'by' | 'result' | 'reason' | 'dead'>) {
    super('settled')
    this.id = about.id
    this.value = about.value
    this.outcome = about.outcome
    this.by = about.by
    this.result = about.result
    this.reason = about.reason
    this.dead = about.dead
  }
}

/** The events of a queue. */
export interface QueueEvents<T = unknown> {
  /** Without changes if the whole state was replaced by another member's: then only the items tell. */
  readonly change: ChangeEvent<QueueChange>
  readonly settled: SettledEvent<T>
}

/** What a job is told besides its item. */
export interface JobContext {
  readonly id: string
  readonly token: Token
  readonly attempts: number
  readonly priority: number
  /** Aborts when the item is no longer this process's, or may no longer be. */
  readonly signal: AbortSignal
  /** The work goes on: see `TakenItem.extend`. */
  readonly extend: (ms?: number) => Promise<void>
}

/** What a call may be given. */
export interface CallOptions {
  /** Takes the call back while it is still waiting here; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** How an item is added. */
export interface AddOptions extends CallOptions {
  /**
   * Nobody takes it for so long, in ms: 0 (the default) to 2,147,483,647. It is counted by the members' clocks from when they
   * hold the item: never shorter, and longer if those who counted are gone.
   */
  readonly delay?: number
  /** A safe integer, by default 0: higher ones are taken first. */
  readonly priority?: number
  /** While the queue is full: `add` waits for room (the default), up to its signal, or rejects with BusyError. */
  readonly whenFull?: 'wait' | 'reject'
}

/** How an item is taken. */
export interface TakeOptions extends CallOptions {
  /**
   * How long the work may take, in ms: above 0, to 2,147,483,647. Then the item goes back, and that was one try, unless it
   * was extended. By default as long as it takes.
   */
  readonly timeout?: number
}

/** How `process` works. */
export interface ProcessOptions {
  /** How many items at a time, 1 to 512; by default 1. */
  readonly concurrency?: number
  /** Stops taking; what is under way is finished first. */
  readonly signal?: AbortSignal
  /** As that of `take`. */
  readonly timeout?: number
  /** What failed is not taken again for so long, in ms; a function is given how often it was tried. By default 0. */
  readonly retryDelay?: number | ((attempts: number) => number)
}

/** How long a holder may act on what it last heard, in ms. */
const LEASE_MS = 10_000
const CONCURRENCY_MAX = 512
const TRIES_MAX = 1_000_000

/** A shared queue as the application holds it. `for await` over it is `consume()`. */
export class SharedQueue<T = unknown> extends ObjectTarget<QueueEvents<T>> {
  readonly #hands: QueueHands
  readonly #schema: StandardSchemaV1 | undefined
  readonly #ledger: Ledger | null
  readonly #entries = new WeakMap<QueueItem, QueueEntry<T>>()
  #snapshot: readonly QueueEntry<T>[] = []
  #dead: readonly DeadLetter<T>[] = []
  #snapshotVersion = -1
  #happened: Exclude<Happening, { type: 'replaced' }>[] = []
  #isReplaced = false

  /** Made by {@link queueKind}. */
  constructor(hands: QueueHands, schema: StandardSchemaV1 | undefined, ledger: Ledger | null = null) {
    super()
    this.#hands = hands
    this.#ledger = ledger
    this.#schema = schema
    hands.watch = (happening) => {
      if (happening.type === 'replaced') this.#isReplaced = true
      else this.#happened.push(happening)
    }
    hands.changed = () => this.#emit()
  }

  /** @internal */
  get hands(): QueueHands {
    return this.#hands
  }

  /** @internal How it takes part in transactions. */
  get participant(): Participant {
    const encode = (item: T, { delay = 0, priority = 0 }: PartAddOptions) => this.#encode(item, { delay, priority })
    return { replica: this.#hands.replica, ledger: this.#ledger, begin: () => new QueuePart<T>(encode).part }
  }

  /** The group's name. */
  get name(): string {
    return this.#hands.port.name
  }

  /** How many items there are, waiting, delayed and taken; without dead letters. */
  get size(): number {
    return this.#hands.machine.items.size
  }

  /** All items in the order in which they were added, without taking any; the same array until something changes. */
  get items(): readonly QueueEntry<T>[] {
    this.#look()
    return this.#snapshot
  }

  /** The same as `items`. */
  get snapshot(): readonly QueueEntry<T>[] {
    return this.items
  }

  /** The dead letters, in the order in which they were added; the same array until something changes. */
  get dead(): readonly DeadLetter<T>[] {
    this.#look()
    return this.#dead
  }

  #look(): void {
    const { items, dead, version } = this.#hands.machine
    if (version === this.#snapshotVersion) return
    const byId = (a: QueueItem, b: QueueItem): number => a.id - b.id
    this.#snapshot = [...items.values()].sort(byId).map((item) => this.#entry(item))
    if (dead.size > 0 || this.#dead.length > 0)
      this.#dead = [...dead.values()].sort(byId).map((item) => {
        const { id, attempts, priority, reason } = item
        return { id: String(id), value: this.#valueOf(item), attempts, priority, reason }
      })
    this.#snapshotVersion = version
  }

  /**
   * Puts an item at the end of those of its priority. Resolves when every member holds it. While the queue is full
   * (`maxSize`; or 100,000 items, dead letters included), it waits, or rejects, as `whenFull` says.
   * Rejects with UsageError (an option), ValueError, SchemaError, TooLargeError, BusyError (the queue is full; more than 256
   * adds of this process wait for room; more than 1,024 calls of it are under way), NotPrimaryError, UnknownOutcomeError,
   * ClosedError, or the signal's reason: if it aborts when the call is under way, the item may be added all the same.
   */
  async add(item: T, options: AddOptions = {}): Promise<{ readonly id: string }> {
    const { delay = 0, priority = 0, whenFull = 'wait', signal } = options
    if (whenFull !== 'wait' && whenFull !== 'reject') throw new UsageError("whenFull must be 'wait' or 'reject'")
    const body = [OP.add, ...this.#encode(item, { delay, priority }), whenFull === 'wait']
    return { id: String(await this.#hands.replica.call(body, { signal })) }
  }

  #encode(item: T, { delay, priority }: Required<PartAddOptions>): readonly unknown[] {
    const delayMs = checkWait('delay', delay)
    if (!Number.isSafeInteger(priority)) throw new UsageError('priority must be a safe integer')
    // -0 is no other priority than 0.
    return [encodeValue(validateForWrite(this.#schema, item)), priority + 0, delayMs]
  }

  /**
   * Waits for an item and takes it: of those that may be taken, one of the highest priority; of these, one that was tried
   * before, then the oldest. Rejects with UsageError (the timeout), NotPrimaryError, BusyError (more than 512 takes of this
   * process wait), ClosedError, or the signal's reason.
   */
  async take(options: TakeOptions = {}): Promise<TakenItem<T>> {
    const { signal, timeout } = options
    const limitMs = timeout === undefined ? 0 : checkLimit('timeout', timeout)
    return (await this.#hands.take({ signal, limitMs })) as TakenItem<T>
  }

  /**
   * Takes item after item and calls `fn`: if it returns, the item is done with that result; if it throws, the item
   * failed and goes back in front. How it ended is told as soon as it can be, whatever `whenNotPrimary` says. An `fn` that
   * does not end keeps its place among `concurrency`, even when its item is lost: it should heed its signal. Resolves
   * once the signal has aborted or the queue is closed, and all work here is ended. Rejects with UsageError, or what
   * `take` rejects with.
   */
  async process(
    fn: (item: DeepReadonly<T>, context: JobContext) => unknown,
    options: ProcessOptions = {},
  ): Promise<void> {
    checkFunction('what `process` calls with each item', fn)
    const { concurrency = 1, signal, timeout, retryDelay = 0 } = options
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > CONCURRENCY_MAX) {
      throw new UsageError(`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}`)
    }
    const limitMs = timeout === undefined ? 0 : checkLimit('timeout', timeout)
    if (typeof retryDelay !== 'function') checkWait('retryDelay', retryDelay)
    const delayOf = (attempts: number): number =>
      typeof retryDelay === 'function' ? checkWait('retryDelay', retryDelay(attempts)) : retryDelay
    const stop = new AbortController()
    const onAbort = (): void => stop.abort(signal?.reason)
    if (signal?.aborted) return
    signal?.addEventListener('abort', onAbort)
    const work = async (): Promise<void> => {
      try {
        while (!stop.signal.aborted) {
          const taken = await this.#takeNext(stop.signal, limitMs)
          if (taken === null) return
          await this.#run(taken, fn, delayOf)
        }
      } finally {
        stop.abort()
      }
    }
    const ends = await Promise.allSettled(Array.from({ length: concurrency }, work))
    signal?.removeEventListener('abort', onAbort)
    const failed = ends.find((end) => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /**
   * Takes item after item, one at a time: the loop's body says how each ended, by `done` or `fail`. One of which it has said
   * neither goes back when the loop goes on or ends, which counts as a try. Ends when the signal aborts or the queue is
   * closed. Throws what `take` rejects with.
   */
  async *consume(options: TakeOptions = {}): AsyncGenerator<TakenItem<T>, void, undefined> {
    const { signal = new AbortController().signal, timeout } = options
    const limitMs = timeout === undefined ? 0 : checkLimit('timeout', timeout)
    for (;;) {
      const taken = await this.#takeNext(signal, limitMs)
      if (taken === null) return
      try {
        yield taken
      } finally {
        if (!taken.isEnding) this.#hands.giveBack(taken)
      }
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<TakenItem<T>, void, undefined> {
    return this.consume()
  }

  /**
   * Puts a dead letter back: it waits as if it had never been tried. Resolves with false if there is none of that id.
   * Rejects with BusyError (the queue is full), NotPrimaryError, UnknownOutcomeError, ClosedError, or the signal's reason.
   */
  restore(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.#askOfDead(OP.restore, id, options)
  }

  /** Drops a dead letter for good. Resolves with false if there is none of that id. Rejects as `restore` does. */
  drop(id: string, options: CallOptions = {}): Promise<boolean> {
    return this.#askOfDead(OP.drop, id, options)
  }

  async #askOfDead(op: number, id: string, { signal }: CallOptions): Promise<boolean> {
    const number = typeof id === 'string' ? Number(id) : id
    if (!isCount(number)) return false
    return (await this.#hands.replica.call([op, number], { signal })) as boolean
  }

  /**
   * Leaves the group, once every opener here has closed it. What this process holds goes back, open takes reject with
   * ClosedError. Reads keep showing the last state.
   */
  close(): Promise<void> {
    const closed = closeMachine(this.#hands.replica)
    const { phase } = this.#hands.port
    if (phase === 'leaving' || phase === 'ended') this.#hands.stop()
    return closed
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#hands.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The next item, or null if there will be none. */
  async #takeNext(signal: AbortSignal, limitMs: number): Promise<TakenItem<T> | null> {
    for (;;) {
      try {
        return (await this.#hands.take({ signal, limitMs })) as TakenItem<T>
      } catch (error) {
        if (signal.aborted || error instanceof ClosedError) return null
        if (!(error instanceof BusyError)) throw error
        await this.#hands.pause(signal)
      }
    }
  }

  async #run(
    taken: TakenItem<T>,
    fn: (item: DeepReadonly<T>, context: JobContext) => unknown,
    delayOf: (attempts: number) => number,
  ): Promise<void> {
    const hands = this.#hands
    const { id, token, attempts, priority, signal } = taken
    let result: unknown
    try {
      result = await fn(taken.item, { id, token, attempts, priority, signal, extend: (ms) => taken.extend(ms) })
    } catch (error) {
      const delay = this.#delayOrNone(() => delayOf(attempts))
      await this.#end(() => hands.fail(taken, error, { delay }, true))
      return
    }
    try {
      await this.#end(() => hands.done(taken, result, true))
    } catch (error) {
      if (!(error instanceof ValueError) && !(error instanceof TooLargeError)) throw error
      // The work is done, only its result cannot travel: doing it again would not help.
      hands.port.fault('queue-result', error)
      await this.#end(() => hands.done(taken, undefined, true))
    }
  }

  /** The application says how long; if it cannot, the item must go back all the same. */
  #delayOrNone(delayOf: () => number): number {
    try {
      return delayOf()
    } catch (error) {
      this.#hands.port.fault('queue-retry-delay', error)
      return 0
    }
  }

  /**
   * Tells the others how a job ended. If nobody can tell whether they heard, it is told again under the same token: it
   * counts once. A stale token then says that they did, or that they have given the item away: the end too.
   */
  async #end(tell: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await tell()
        return
      } catch (error) {
        if (error instanceof StaleTokenError || error instanceof ClosedError) return
        if (!(error instanceof BusyError || error instanceof UnknownOutcomeError)) throw error
        await this.#hands.pause()
      }
    }
  }

  #valueOf({ value }: QueueItem): DeepReadonly<T> {
    return (fits(this.#schema, value) ? value : undefined) as DeepReadonly<T>
  }

  #entry(item: QueueItem): QueueEntry<T> {
    let entry = this.#entries.get(item)
    if (entry === undefined) {
      const { id, attempts, priority, grant, delay } = item
      const state = grant !== null ? 'taken' : delay !== null ? 'delayed' : 'waiting'
      const taker = grant?.taker ?? null
      entry = { id: String(id), value: this.#valueOf(item), state, taker, attempts, priority }
      this.#entries.set(item, entry)
    }
    return entry
  }

  #emit(): void {
    const happened = this.#happened
    const isReplaced = this.#isReplaced
    this.#happened = []
    this.#isReplaced = false
    const changes = happened.flatMap((each) => this.#toChange(each) ?? [])
    if (changes.length > 0 || isReplaced) this.dispatchEvent(new ChangeEvent(changes))
    for (const each of happened) {
      if (each.type === 'done') {
        const result = each.result === null ? undefined : decodeValue(each.result)
        this.#tellSettled(each, { outcome: 'done', result, reason: '', dead: false })
      } else if ((each.type === 'returned' || each.type === 'dead') && each.failure !== null)
        this.#tellSettled(each, {
          ...{ outcome: 'failed', result: undefined },
          ...{ reason: each.failure, dead: each.type === 'dead' },
        })
    }
  }

  #tellSettled(
    { item, grant }: Extract<Happening, { type: 'done' | 'returned' | 'dead' }>,
    how: Pick<SettledEvent<T>, 'outcome' | 'result' | 'reason' | 'dead'>,
  ): void {
    const value = this.#valueOf(item)
    this.dispatchEvent(new SettledEvent<T>({ id: String(item.id), value, by: grant.taker, ...how }))
  }

  #toChange(each: Exclude<Happening, { type: 'replaced' }>): QueueChange | null {
    if (each.type === 'extended') return null
    const { token, taker } = 'grant' in each ? each.grant : { token: null, taker: null }
    const author = each.type === 'due' ? null : 'by' in each ? each.by : each.grant.taker
    const local = author === this.#hands.port.self
    return { type: each.type, id: String(each.item.id), token, taker, author, local }
  }
}

/** Checks what all who open the queue must share. Throws a UsageError. */
function termsOf({ maxTries, maxSize = QUEUE_ITEMS_MAX }: QueueOptions<unknown>): QueueTerms {
  if (maxTries !== undefined && !(isCount(maxTries) && maxTries <= TRIES_MAX))
    throw new UsageError(`maxTries must be a whole number from 1 to ${TRIES_MAX}`)
  if (!isCount(maxSize) || maxSize > QUEUE_ITEMS_MAX)
    throw new UsageError(`maxSize must be a whole number from 1 to ${QUEUE_ITEMS_MAX}`)
  return { maxTries: maxTries ?? 0, maxSize }
}

/** Opens a shared queue: `space.open(queueKind, name, options)`, or `space.queue(name, options)` for short. */
export const queueKind: ObjectKind<SharedQueue, QueueOptions<unknown>> = {
  kind: 'queue',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  terms: ['maxTries', 'maxSize', 'atomic'],
  variant(options) {
    const { maxTries, maxSize } = termsOf(options)
    return ` ${maxTries} ${maxSize}${atomicVariant(options)}`
  },
  create(port, options) {
    const { schema, leaseMs = LEASE_MS } = options
    if (!(leaseMs > 0 && leaseMs < Number.POSITIVE_INFINITY)) throw new UsageError('leaseMs must be a positive number')
    const settings = { ...agreedSettings('queue', options), leaseMs }
    const hands = new QueueHands(port, { ...settings, terms: termsOf(options), schema, options })
    return { replica: hands.replica, handle: new SharedQueue(hands, schema, options.ledger) }
  },
}
