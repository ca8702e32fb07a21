/**
 * The shared queue: total and uniform order, consistent.
 *
 * Every operation takes effect, is readable and returns only when every member of the group's view holds it; none is
 * optimistic. Only the primary component acts. Each item is given to one taker at a time and has exactly one accepted
 * completion; an item whose taker fails, leaves or dies goes back in front.
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
import { encodeValue } from '../values.ts'
import { ChangeEvent, type ChangeOrigin, type DeepReadonly, ObjectTarget } from './events.ts'
import { QUEUE_DEFAULTS, QueueReplica, RETRY_MS, readResult } from './queue-replica.ts'
import type { Happening, QueueItem } from './queue-state.ts'
import type { ObjectKind } from './replica.ts'
import { type StandardSchemaV1, validateForWrite } from './schema.ts'
import type { TakenItem } from './taken-item.ts'
import type { Token } from './token.ts'

/** How a queue is opened. */
export interface QueueOptions<T> {
  /** Types the items and checks them in `add`. Synchronous, and without transforms. */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** Outside the primary component: calls wait (the default), up to their signal, or reject with NotPrimaryError. */
  readonly whenNotPrimary?: 'wait' | 'reject'
  /** How long a holder may act on what it last heard, in ms (default 10,000). The same at every member. */
  readonly leaseMs?: number
}

/** An item as it is browsed. */
export interface QueueEntry<T> {
  readonly id: string
  readonly value: DeepReadonly<T>
  readonly state: 'waiting' | 'taken'
  /** Who holds it; null while it waits. */
  readonly taker: string | null
  /** How often it was given to a taker, the present one included. */
  readonly attempts: number
}

/** One step of one item. */
export interface QueueChange extends ChangeOrigin {
  readonly type: 'added' | 'taken' | 'returned' | 'done'
  readonly id: string
  /** For `taken`, `returned` and `done`: the token of the grant. */
  readonly token: Token | null
  /** For `taken`, `returned` and `done`: who holds the item, or held it. `author` gave it back; null: it vanished. */
  readonly taker: string | null
}

/** An item's taker has ended its work: it is done and gone, or it failed and waits in front. */
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

  constructor(about: Pick<SettledEvent<T>, 'id' | 'value' | 'outcome' | 'by' | 'result' | 'reason'>) {
    super('settled')
    this.id = about.id
    this.value = about.value
    this.outcome = about.outcome
    this.by = about.by
    this.result = about.result
    this.reason = about.reason
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
  /** Aborts when the item is no longer this process's, or may no longer be. */
  readonly signal: AbortSignal
}

/** How `process` works. */
export interface ProcessOptions {
  /** How many items at a time, 1 to 1,024; by default 1. */
  readonly concurrency?: number
  /** Stops taking; what is under way is finished first. */
  readonly signal?: AbortSignal
}

/** What a call may be given. */
export interface CallOptions {
  /** Takes the call back while it is still waiting here; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

const CONCURRENCY_MAX = 1_024

/** A shared queue as the application holds it. */
export class SharedQueue<T = unknown> extends ObjectTarget<QueueEvents<T>> {
  readonly #replica: QueueReplica
  readonly #schema: StandardSchemaV1 | undefined
  readonly #entries = new WeakMap<QueueItem, QueueEntry<T>>()
  #snapshot: readonly QueueEntry<T>[] = []
  #snapshotVersion = -1
  readonly #closed = new AbortController()

  /** Made by {@link queueKind}. */
  constructor(replica: QueueReplica, schema: StandardSchemaV1 | undefined) {
    super()
    this.#replica = replica
    this.#schema = schema
    replica.emit = (happened, isReplaced) => this.#emit(happened, isReplaced)
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  /** How many items there are, waiting and taken. */
  get size(): number {
    return this.#replica.state.items.size
  }

  /** All items in the order in which they were added; the same array until something changes. */
  get items(): readonly QueueEntry<T>[] {
    const { items, version } = this.#replica.state
    if (version !== this.#snapshotVersion) {
      this.#snapshot = [...items.values()].map((item) => this.#entry(item))
      this.#snapshotVersion = version
    }
    return this.#snapshot
  }

  /** The same as `items`. */
  get snapshot(): readonly QueueEntry<T>[] {
    return this.items
  }

  /**
   * Puts an item at the end. Resolves when every member holds it.
   * Rejects with ValueError, SchemaError, TooLargeError, BusyError (also: the queue is full), NotPrimaryError,
   * UnknownOutcomeError, ClosedError, or the signal's reason.
   */
  async add(item: T, options: CallOptions = {}): Promise<{ readonly id: string }> {
    const bytes = encodeValue(validateForWrite(this.#schema, item))
    const id = await this.#replica.add(bytes, options.signal)
    return { id: String(id) }
  }

  /** Waits for an item and takes it. Rejects with NotPrimaryError, BusyError, ClosedError, or the signal's reason. */
  take(options: CallOptions = {}): Promise<TakenItem<T>> {
    return this.#replica.take(options.signal) as Promise<TakenItem<T>>
  }

  /**
   * Takes item after item and calls `fn`: if it returns, the item is done with that result; if it throws, the item
   * failed and goes back in front. How it ended is told as soon as it can be, whatever `whenNotPrimary` says. Resolves
   * once the signal has aborted or the queue is closed, and all work here is ended. Rejects with UsageError, or what
   * `take` rejects with.
   */
  async process(
    fn: (item: DeepReadonly<T>, context: JobContext) => unknown,
    options: ProcessOptions = {},
  ): Promise<void> {
    const { concurrency = 1, signal } = options
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > CONCURRENCY_MAX) {
      throw new UsageError(`concurrency must be a whole number from 1 to ${CONCURRENCY_MAX}`)
    }
    const stop = new AbortController()
    const onAbort = (): void => stop.abort(signal?.reason)
    if (signal?.aborted) return
    signal?.addEventListener('abort', onAbort)
    const work = async (): Promise<void> => {
      try {
        while (!stop.signal.aborted) {
          const taken = await this.#takeNext(stop.signal)
          if (taken === null) return
          await this.#run(taken, fn)
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
   * Leaves the group, once every opener here has closed it. What this process holds goes back, open takes reject with
   * ClosedError. Reads keep showing the last state.
   */
  close(): Promise<void> {
    const { port } = this.#replica
    const closed = port.close()
    if (port.phase === 'leaving' || port.phase === 'ended') this.#stop()
    return closed
  }

  #stop(): void {
    this.#replica.stop()
    this.#closed.abort()
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#stop()
    this.#replica.end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The next item, or null if there will be none. */
  async #takeNext(signal: AbortSignal): Promise<TakenItem<T> | null> {
    for (;;) {
      try {
        return await this.take({ signal })
      } catch (error) {
        if (signal.aborted || error instanceof ClosedError) return null
        if (!(error instanceof BusyError)) throw error
        await this.#pause()
      }
    }
  }

  async #run(taken: TakenItem<T>, fn: (item: DeepReadonly<T>, context: JobContext) => unknown): Promise<void> {
    const { id, token, attempts, signal } = taken
    let result: unknown
    try {
      result = await fn(taken.item, { id, token, attempts, signal })
    } catch (error) {
      await this.#end(() => this.#replica.fail(taken, error, true))
      return
    }
    try {
      await this.#end(() => this.#replica.done(taken, result, true))
    } catch (error) {
      if (!(error instanceof ValueError) && !(error instanceof TooLargeError)) throw error
      // The work is done, only its result cannot travel: doing it again would not help.
      this.#replica.port.fault('queue-result', error)
      await this.#end(() => this.#replica.done(taken, undefined, true))
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
        await this.#pause()
      }
    }
  }

  #pause(): Promise<void> {
    const { signal } = this.#closed
    return new Promise((resolve) => {
      // The clock may end with the group.
      const end = (): void => {
        cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const cancel = this.#replica.port.after(RETRY_MS, end)
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
    })
  }

  #entry(item: QueueItem): QueueEntry<T> {
    let entry = this.#entries.get(item)
    if (entry === undefined) {
      const { id, attempts, grant } = item
      const state = grant === null ? 'waiting' : 'taken'
      entry = { id: String(id), value: item.value as DeepReadonly<T>, state, taker: grant?.taker ?? null, attempts }
      this.#entries.set(item, entry)
    }
    return entry
  }

  #emit(happened: readonly Happening[], isReplaced: boolean): void {
    const changes = happened.flatMap((each) => this.#toChange(each) ?? [])
    if (changes.length > 0 || isReplaced) this.dispatchEvent(new ChangeEvent(changes))
    for (const each of happened) {
      if (each.type !== 'done' && (each.type !== 'returned' || each.failure === null)) continue
      const outcome = each.type === 'done' ? 'done' : 'failed'
      const result = each.type === 'done' ? readResult(each.result) : undefined
      const reason = each.type === 'done' ? '' : (each.failure ?? '')
      const by = each.grant.taker
      const value = each.item.value as DeepReadonly<T>
      this.dispatchEvent(new SettledEvent<T>({ id: String(each.item.id), value, outcome, by, result, reason }))
    }
  }

  #toChange(each: Happening): QueueChange | null {
    if (each.type === 'full' || each.type === 'refused') return null
    if (each.type === 'waiting' || each.type === 'overmuch') return null
    const { token, taker } = each.type === 'added' ? { token: null, taker: null } : each.grant
    const author = each.type === 'added' || each.type === 'returned' ? each.by : each.grant.taker
    const local = author === this.#replica.port.self
    return { type: each.type, id: String(each.item.id), token, taker, author, local }
  }
}

/** Opens a shared queue: `space.open(queueKind, name, options)`, or `space.queue(name, options)` for short. */
export const queueKind: ObjectKind<SharedQueue, QueueOptions<unknown>> = {
  kind: 'queue',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, options) {
    const { whenNotPrimary = QUEUE_DEFAULTS.whenNotPrimary, leaseMs = QUEUE_DEFAULTS.leaseMs } = options
    if (!(leaseMs > 0 && leaseMs < Number.POSITIVE_INFINITY)) throw new UsageError('leaseMs must be a positive number')
    if (whenNotPrimary !== 'wait' && whenNotPrimary !== 'reject') {
      throw new UsageError("whenNotPrimary must be 'wait' or 'reject'")
    }
    const replica = new QueueReplica(port, { whenNotPrimary, leaseMs })
    return { replica, handle: new SharedQueue(replica, options.schema) }
  },
}
