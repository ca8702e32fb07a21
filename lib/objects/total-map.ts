/**
 * The total map: total and uniform order, consistent; `Map`-shaped in its reads.
 *
 * Reads are synchronous, of what was delivered here. A write takes effect, is readable and returns only when every member
 * of the group's view holds it; several keys can be read and written as one. Only the primary component writes. Iteration
 * is in the order in which keys were first written, which is the same everywhere.
 */

import { TooLargeError, UsageError } from '../errors.ts'
import { encodeValue } from '../values.ts'
import { agreedSettings, closeMachine, sameBytes, toUsageError } from './agreed.ts'
import { type AtomicOptions, atomicReplica, atomicVariant, type Part, type Participant } from './atomic.ts'
import { checkFunction } from './check-function.ts'
import { isTotal } from './checks.ts'
import { ChangeEvent, type DeepReadonly, ObjectTarget } from './events.ts'
import { Fitting } from './fitting.ts'
import type { Ledger } from './ledger.ts'
import type { MachineReplica } from './machine-replica.ts'
import type { MapChange, MapEvents } from './map.ts'
import { OvertakenTransactions } from './overtaken.ts'
import type { CallOptions } from './queue.ts'
import type { CompareAndSetResult, RegisterSnapshot } from './register.ts'
import type { GroupPort, ObjectKind } from './replica.ts'
import { type StandardSchemaV1, validateForWrite } from './schema.ts'
import type { Machine } from './state-machine.ts'
import { type Committed, KEY_LENGTH_MAX, TOTAL_MAP_OP, type TotalEntry, TotalMapMachine } from './total-map-machine.ts'
import { type SeenEntry, Transaction } from './transaction.ts'

/** How a total map is opened: with `consistency: 'total'`. */
export interface TotalMapOptions<V> extends AtomicOptions {
  /** All who open the map give it, or none does: without it, the map is a causal one, which merges. */
  readonly consistency: 'total'
  /** As for a causal map: a write that does not fit is a `SchemaError`, a peer's value that does not is hidden. */
  readonly schema?: StandardSchemaV1<unknown, V>
}

interface Touched {
  readonly before: TotalEntry | undefined
  author: string | null
}

/** A total map as the application holds it. */
export class TotalMap<V = unknown> extends ObjectTarget<MapEvents<V>> {
  readonly #replica: MachineReplica<Machine>
  readonly #ledger: Ledger | null
  readonly #machine = new TotalMapMachine()
  readonly #schema: StandardSchemaV1 | undefined
  readonly #fitting: Fitting
  readonly #overtaken: OvertakenTransactions<V>
  /** Since the last event. */
  readonly #touched = new Map<string, Touched>()
  /** Null when it has to be made anew. */
  #snapshot: ReadonlyMap<string, DeepReadonly<V>> | null = null

  /** Made by {@link totalMapKind}. */
  constructor(port: GroupPort, options: TotalMapOptions<unknown>) {
    super()
    this.#schema = options.schema
    this.#fitting = new Fitting(options.schema)
    this.#machine.watch = (key, before, author) => this.#touch(key, before, author)
    this.#ledger = options.ledger ?? null
    const settings = agreedSettings('map', options)
    const hooks = { toError: toUsageError, changed: () => this.#tell() }
    this.#replica = atomicReplica(port, this.#machine, { settings, hooks, options })
    this.#overtaken = new OvertakenTransactions({
      self: port.self,
      versionNow: () => this.#machine.version,
      entry: (key) => this.#machine.entries.get(key),
      begin: (entry) => this.#newTransaction(entry),
      call: (body, signal) => this.#replica.call(body, { signal }),
    })
  }

  /** @internal */
  get replica(): MachineReplica<Machine> {
    return this.#replica
  }

  /** @internal How it takes part in transactions. */
  get participant(): Participant {
    return { replica: this.#replica, ledger: this.#ledger, begin: () => this.#begin() }
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  /** How many commits have changed the map, as far as was delivered here. */
  get version(): number {
    return this.#machine.version
  }

  get size(): number {
    return this.#schema === undefined ? this.#machine.entries.size : this.snapshot.size
  }

  /** The whole map as far as it was delivered here; the same object until something changes. */
  get snapshot(): ReadonlyMap<string, DeepReadonly<V>> {
    if (this.#snapshot === null) {
      const shown = new Map<string, DeepReadonly<V>>()
      for (const [key, entry] of this.#machine.entries) {
        if (this.#isShown(entry)) shown.set(key, entry.value as DeepReadonly<V>)
      }
      this.#snapshot = shown
    }
    return this.#snapshot
  }

  get(key: string): DeepReadonly<V> | undefined {
    return this.#shown(this.#machine.entries.get(key))
  }

  has(key: string): boolean {
    return this.#isShown(this.#machine.entries.get(key))
  }

  /** The number of the commit that wrote what is under the key: for `compareAndSet`. 0 if there is nothing. */
  versionOf(key: string): number {
    return this.#machine.entries.get(key)?.version ?? 0
  }

  keys(): MapIterator<string> {
    return this.snapshot.keys()
  }

  values(): MapIterator<DeepReadonly<V>> {
    return this.snapshot.values()
  }

  entries(): MapIterator<[string, DeepReadonly<V>]> {
    return this.snapshot.entries()
  }

  [Symbol.iterator](): MapIterator<[string, DeepReadonly<V>]> {
    return this.snapshot.entries()
  }

  forEach(fn: (value: DeepReadonly<V>, key: string, map: this) => void, thisArg?: unknown): void {
    for (const [key, value] of this.snapshot) fn.call(thisArg, value, key, this)
  }

  /**
   * Writes a key, whatever is there. Resolves with the version when every member holds it. The value is copied.
   * Rejects with UsageError (key no string), ValueError, SchemaError, TooLargeError (also: a key of more than 4,096
   * characters), NotPrimaryError, BusyError, UnknownOutcomeError, ClosedError, or the signal's reason: if it aborts when
   * the write is under way, it may take effect all the same.
   */
  async set(key: string, value: V, options: CallOptions = {}): Promise<number> {
    checkKey(key)
    const [version] = (await this.#commit([], [key, this.#encode(value)], options)) ?? [0]
    return version
  }

  /** Deletes a key. Resolves with whether there was anything to delete. Rejects as `set` does. */
  async delete(key: string, options: CallOptions = {}): Promise<boolean> {
    checkKey(key)
    const [, deleted] = (await this.#commit([], [key, null], options)) ?? [0, 0]
    return deleted > 0
  }

  /** Deletes every key. Rejects as `set` does. */
  async clear(options: CallOptions = {}): Promise<void> {
    await this.#replica.call([TOTAL_MAP_OP.clear], options)
  }

  /**
   * Writes a key if what is there still has `expectedVersion` ({@link versionOf}; 0: if there is nothing). Resolves with
   * what is there: the own value and its version, or, not `ok`, another's. Rejects as `set` does, and with UsageError
   * unless the version is a whole number from 0.
   */
  async compareAndSet(
    key: string,
    expectedVersion: number,
    value: V,
    options: CallOptions = {},
  ): Promise<CompareAndSetResult<V>> {
    checkKey(key)
    if (!isTotal(expectedVersion)) throw new UsageError('expectedVersion must be a whole number from 0')
    const bytes = this.#encode(value)
    for (;;) {
      const committed = await this.#commit([key, expectedVersion], [key, bytes], options)
      const now = this.versionOf(key)
      if (committed !== null) {
        return { ok: true, ...this.#writtenAs(key, committed[0], value) }
      }
      // It was another, and is as expected by now: that there is nothing can be true again.
      if (now !== expectedVersion) return { ok: false, version: now, value: this.get(key) }
    }
  }

  /**
   * Writes what `fn` makes of the value under a key; if somebody else has written it meanwhile, `fn` is called again with
   * what is there then, until the signal aborts. Resolves with what was written. `fn` should do nothing else.
   * Rejects with what `fn` throws, or as `set` does.
   */
  async update(
    key: string,
    fn: (value: DeepReadonly<V> | undefined, version: number) => V | PromiseLike<V>,
    options: CallOptions = {},
  ): Promise<RegisterSnapshot<V>> {
    checkKey(key)
    for (;;) {
      options.signal?.throwIfAborted()
      const version = this.versionOf(key)
      const made = fn(this.get(key), version)
      const result = await this.compareAndSet(key, version, await made, options)
      if (result.ok) return { value: result.value, version: result.version }
      if (isPromise(made)) continue
      const again = await this.#overtaken.add((view) => this.#updateIn(view, key, fn), options.signal)
      if (again.result !== null) return this.#writtenAs(key, again.version, again.result.value)
    }
  }

  /** Null: it cannot be told yet what comes of it. */
  #updateIn(
    view: Transaction<V>,
    key: string,
    fn: (value: DeepReadonly<V> | undefined, version: number) => V | PromiseLike<V>,
  ): { readonly value: V } | null {
    const value = fn(view.get(key), view.versionOf(key))
    if (!isPromise(value)) {
      view.set(key, value)
      return { value }
    }
    // It is made again, by itself.
    Promise.resolve(value).catch(() => undefined)
    return null
  }

  /** What was written, as it is shown if it is still there. */
  #writtenAs(key: string, version: number, value: V): RegisterSnapshot<V> {
    return { version, value: this.versionOf(key) === version ? this.get(key) : (value as DeepReadonly<V>) }
  }

  /**
   * Reads and writes several keys as one: `fn` gets the map as it is, and its writes take effect, all of them and at once,
   * if nothing that it has read was changed meanwhile; else `fn` is called again on what is there then, until the signal
   * aborts. Resolves with what `fn` returned. One that only reads is told what was there at one moment after the call.
   *
   * `fn` must not be async, and should do nothing else. Rejects with what `fn` throws (then nothing is written), with
   * UsageError if it is async, or as `set` does.
   */
  async transaction<Result>(fn: (view: Transaction<V>) => Result, options: CallOptions = {}): Promise<Result> {
    checkFunction('a transaction', fn)
    options.signal?.throwIfAborted()
    const view = this.#newTransaction()
    const result = view.run(fn)
    const committed = await this.#commit(view.reads(), view.writes(), options)
    return committed !== null ? result : (await this.#overtaken.add(fn, options.signal)).result
  }

  #newTransaction(
    entry: (key: string) => SeenEntry | undefined = (key) => this.#machine.entries.get(key),
  ): Transaction<V> {
    return new Transaction<V>({
      read: (key) => {
        checkKey(key)
        return entry(key)
      },
      isShown: (entry) => this.#isShown(entry),
      value: (entry) => this.#shown(entry),
      encode: (value) => this.#encode(value),
    })
  }

  #begin(): Part {
    const view = this.#newTransaction()
    return {
      view,
      get isReadOnly() {
        return view.writes().length === 0
      },
      get isUsed() {
        return view.reads().length + view.writes().length > 0
      },
      toBody: (isReadOnly) => [view.reads(), isReadOnly ? [] : view.writes()],
      end: () => view.end(),
    }
  }

  async #commit(reads: unknown[], writes: unknown[], options: CallOptions): Promise<Committed> {
    return (await this.#replica.call([TOTAL_MAP_OP.commit, reads, writes], options)) as Committed
  }

  #encode(value: unknown): Uint8Array {
    return encodeValue(validateForWrite(this.#schema, value))
  }

  #isShown(entry: TotalEntry | undefined): entry is TotalEntry {
    return entry !== undefined && this.#fitting.isShown(entry)
  }

  #shown(entry: TotalEntry | undefined): DeepReadonly<V> | undefined {
    return this.#isShown(entry) ? (entry.value as DeepReadonly<V>) : undefined
  }

  #touch(key: string, before: TotalEntry | undefined, author: string | null): void {
    this.#snapshot = null
    const touched = this.#touched.get(key)
    if (touched === undefined) this.#touched.set(key, { before, author })
    else touched.author = author
  }

  #tell(): void {
    const touched = [...this.#touched]
    this.#touched.clear()
    if (!this.isHeard) return
    const changes = touched.flatMap(([key, { before, author }]) => this.#toChange(key, before, author) ?? [])
    if (changes.length > 0) this.dispatchEvent(new ChangeEvent(changes))
  }

  /** Null if it shows nothing new. */
  #toChange(key: string, before: TotalEntry | undefined, deleter: string | null): MapChange<V> | null {
    const entry = this.#machine.entries.get(key)
    const isThere = this.#isShown(entry)
    if (isSameEntry(entry, before) || !(isThere || this.#isShown(before))) return null
    const author = entry?.author ?? deleter
    const local = author === this.#replica.port.self
    const previous = this.#shown(before)
    return { type: isThere ? 'set' : 'delete', key, value: this.#shown(entry), previous, author, local }
  }

  /** Leaves the group, once every opener here has closed it: calls reject then. Reads keep showing the last state. */
  close(): Promise<void> {
    return closeMachine(this.#replica)
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#replica.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function isSameEntry(a: TotalEntry | undefined, b: TotalEntry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.version === b.version && a.author === b.author && sameBytes(a.bytes, b.bytes)
}

function isPromise<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function checkKey(key: unknown): void {
  if (typeof key !== 'string') throw new UsageError('a key of a shared map must be a string')
  if (key.length > KEY_LENGTH_MAX) throw new TooLargeError('the key is too long', key.length, KEY_LENGTH_MAX)
}

/** Opens a total map: `space.open(totalMapKind, name, options)`, or `space.map(name, { consistency: 'total' })` for short. */
export const totalMapKind: ObjectKind<TotalMap, TotalMapOptions<unknown>> = {
  kind: 'total-map',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  variant: atomicVariant,
  terms: ['atomic'],
  create(port, options) {
    const handle = new TotalMap(port, options)
    return { replica: handle.replica, handle }
  },
}
