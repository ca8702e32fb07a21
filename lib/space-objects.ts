/**
 * How a space opens its shared objects, each loaded when first opened.
 */
import { UsageError } from './errors.ts'
import type { SpaceEventMap } from './events.ts'
import { checkOptions } from './names.ts'
import type { AtomicOptions } from './objects/atomic.ts'
import type { BoundedCounter, BoundedCounterOptions } from './objects/bounded-counter.ts'
import type { CounterOptions, SharedCounter } from './objects/counter.ts'
import { TypedTarget } from './objects/events.ts'
import type { Ledger } from './objects/ledger.ts'
import type { MapOptions, SharedMap } from './objects/map.ts'
import type { Presence, PresenceOptions } from './objects/presence.ts'
import type { QueueOptions, SharedQueue } from './objects/queue.ts'
import type { RegisterOptions, SharedRegister } from './objects/register.ts'
import type { ObjectKind } from './objects/replica.ts'
import type { SetOptions, SharedSet } from './objects/set.ts'
import type { TotalMap, TotalMapOptions } from './objects/total-map.ts'
import { unlessAborted } from './objects/unless-aborted.ts'
import type { BarrierOptions, SharedBarrier } from './tools/barrier.ts'
import type { LatchOptions, SharedLatch } from './tools/latch.ts'
import type { SemaphoreOptions, SharedSemaphore } from './tools/semaphore.ts'
import type { WaitTable } from './tools/wait-teller.ts'

/** What every `open` takes besides the object's own options. */
export interface OpenOptions {
  /** Gives up waiting for the object. */
  readonly signal?: AbortSignal
}

/** The part of a space that opens objects. */
export abstract class SpaceObjects extends TypedTarget<SpaceEventMap> {
  /**
   * Opens an object of any kind. Resolves when this process is a member and the state is whole.
   * The same name, kind and options again give the same handle; it leaves when it was closed as often as it was opened.
   * Rejects with UsageError (name; or this process is a witness), KindMismatchError, GroupMismatchError, ClosedError, or the signal's reason.
   */
  abstract open<Handle, Options extends object>(
    kind: ObjectKind<Handle, Options>,
    name: string,
    options: Options & OpenOptions,
  ): Promise<Handle>

  /**
   * Opens a shared map: causal, goes on in every part of a split, merges. With `consistency: 'total'`, a total map: only
   * the primary component writes, its writers return promises, and several keys can be written as one.
   */
  map<Value = unknown>(name: string, options: TotalMapOptions<Value> & OpenOptions): Promise<TotalMap<Value>>
  map<Value = unknown>(name: string, options?: MapOptions<Value> & OpenOptions): Promise<SharedMap<Value>>
  async map<Value>(
    name: string,
    options: (MapOptions<Value> | TotalMapOptions<Value>) & OpenOptions = {},
  ): Promise<SharedMap<Value> | TotalMap<Value>> {
    checkOptions(name, options)
    if ('consistency' in options && options.consistency !== undefined) {
      if (options.consistency !== 'total') throw new UsageError("consistency must be 'total', or left out")
      const { totalMapKind } = await import('./objects/total-map.ts')
      return (await this.open(totalMapKind, name, await this.#withLedger(name, options))) as TotalMap<Value>
    }
    const { mapKind } = await import('./objects/map.ts')
    return (await this.open(mapKind, name, options)) as SharedMap<Value>
  }

  /**
   * Opens a shared counter: fifo, goes on in every part of a split, adds up. With `min` or `max`, a bounded counter: only
   * the primary component counts, its steps return promises, and it never leaves its bounds.
   */
  counter(name: string, options: BoundedCounterOptions & OpenOptions): Promise<BoundedCounter>
  counter(name: string, options?: CounterOptions & OpenOptions): Promise<SharedCounter>
  async counter(
    name: string,
    options: (CounterOptions | BoundedCounterOptions) & OpenOptions = {},
  ): Promise<SharedCounter | BoundedCounter> {
    checkOptions(name, options)
    if ('min' in options || 'max' in options) {
      const { boundedCounterKind } = await import('./objects/bounded-counter.ts')
      return this.open(boundedCounterKind, name, await this.#withLedger(name, options))
    }
    const { counterKind } = await import('./objects/counter.ts')
    return this.open(counterKind, name, options)
  }

  /** Opens a shared queue: total and uniform, acts in the primary component; one accepted completion for each item. */
  async queue<Item = unknown>(
    name: string,
    options: QueueOptions<Item> & OpenOptions = {},
  ): Promise<SharedQueue<Item>> {
    const { queueKind } = await import('./objects/queue.ts')
    const given = options as QueueOptions<unknown> & OpenOptions
    return (await this.open(queueKind, name, await this.#withLedger(name, given))) as SharedQueue<Item>
  }

  /** Opens a shared register: one value, total and uniform, written by the primary component only; `compareAndSet`. */
  async register<Value = unknown>(
    name: string,
    options: RegisterOptions<Value> & OpenOptions = {},
  ): Promise<SharedRegister<Value>> {
    const { registerKind } = await import('./objects/register.ts')
    return (await this.open(registerKind, name, await this.#withLedger(name, options))) as SharedRegister<Value>
  }

  /** Opens a shared set: causal, goes on in every part of a split, merges; adding wins over deleting. */
  async set<Value = unknown>(name: string, options: SetOptions<Value> & OpenOptions = {}): Promise<SharedSet<Value>> {
    const { setKind } = await import('./objects/set.ts')
    return (await this.open(setKind, name, options)) as SharedSet<Value>
  }

  /** Opens presence: what each member says of itself, for as long as it is in the view. Fifo, goes on in every part of a split. */
  async presence<Value = unknown>(
    name: string,
    options: PresenceOptions<Value> & OpenOptions = {},
  ): Promise<Presence<Value>> {
    const { presenceKind } = await import('./objects/presence.ts')
    return (await this.open(presenceKind, name, options)) as Presence<Value>
  }

  /** Opens a semaphore: so many permits, each held by one at a time. Acts in the primary component. */
  async semaphore(name: string, options: SemaphoreOptions & OpenOptions): Promise<SharedSemaphore> {
    const { semaphoreKind } = await import('./tools/semaphore.ts')
    const semaphore = await this.open(semaphoreKind, name, options)
    semaphore.tellWaitsTo(() => this.waitTable())
    return semaphore
  }

  /** Who opens an object that takes part in transactions is a member of the ledger before. */
  async #withLedger<Options extends AtomicOptions & OpenOptions>(name: string, options: Options): Promise<Options> {
    checkOptions(name, options)
    if (options.atomic === undefined) return options
    if (typeof options.atomic !== 'boolean') throw new UsageError('atomic must be true or false')
    if (!options.atomic) return { ...options, atomic: false }
    options.signal?.throwIfAborted()
    return { ...options, ledger: await unlessAborted(this.ledger(), options.signal) }
  }

  /** What decides transactions over several objects: opened with the first object that takes part in them. */
  protected abstract ledger(): Promise<Ledger>

  /** The table that is told who waits for what, so that deadlocks over several groups are seen. */
  protected abstract waitTable(): Promise<WaitTable>

  /** Opens a barrier: so many processes wait for each other, again and again. Acts in the primary component. */
  async barrier(name: string, options: BarrierOptions & OpenOptions): Promise<SharedBarrier> {
    const { barrierKind } = await import('./tools/barrier.ts')
    return this.open(barrierKind, name, options)
  }

  /** Opens a latch: once counted down to zero, it is open. Acts in the primary component. */
  async latch(name: string, options: LatchOptions & OpenOptions): Promise<SharedLatch> {
    const { latchKind } = await import('./tools/latch.ts')
    return this.open(latchKind, name, options)
  }
}
