/**
 * What the function of a total map's transaction sees: the map as it was when it began, with its own writes on top.
 */
import { UsageError } from '../errors.ts'
import type { DeepReadonly } from './events.ts'
import type { TotalEntry } from './total-map-machine.ts'

/** What is there when a transaction runs. */
export interface SeenEntry extends TotalEntry {
  /**
   * If an earlier step of the same request writes it, which `version` names: the version that it gets unless somebody comes
   * in between.
   */
  readonly foretold?: number
}

/** How it reaches the map. */
interface Source<V> {
  /** What is there. Throws what a wrong key is refused with. */
  read(key: string): SeenEntry | undefined
  /** Do reads show it? */
  isShown(entry: TotalEntry | undefined): boolean
  /** What reads show of it. */
  value(entry: TotalEntry | undefined): DeepReadonly<V> | undefined
  /** Throws what a wrong value is refused with. */
  encode(value: V): Uint8Array
}

interface Write<V> {
  /** Null: a delete. */
  readonly bytes: Uint8Array | null
  readonly value: DeepReadonly<V> | undefined
}

/** Reads and writes of one run of a transaction. Not to be used after it. */
export class Transaction<V = unknown> {
  readonly #source: Source<V>
  readonly #versions = new Map<string, number>()
  readonly #written = new Map<string, Write<V>>()
  /** By key: the version that was told of it, where that is foretold. */
  readonly #foretold = new Map<string, number>()
  #isOver = false

  /** Made by `TotalMap.transaction`. */
  constructor(source: Source<V>) {
    this.#source = source
  }

  /** The value under a key, own writes included. Throws UsageError, TooLargeError: the key. */
  get(key: string): DeepReadonly<V> | undefined {
    const entry = this.#read(key)
    const write = this.#written.get(key)
    return write === undefined ? this.#source.value(entry) : write.value
  }

  /** Is there anything under the key, own writes included? Throws as `get` does. */
  has(key: string): boolean {
    const entry = this.#read(key)
    const write = this.#written.get(key)
    return write === undefined ? this.#source.isShown(entry) : write.bytes !== null
  }

  /** Writes a key, when the transaction takes effect. Throws as `get` does, and ValueError, SchemaError. */
  set(key: string, value: V): this {
    this.#check(key)
    this.#written.set(key, { bytes: this.#source.encode(value), value: value as DeepReadonly<V> })
    return this
  }

  /** Deletes a key, when the transaction takes effect. True if there is anything under it. Throws as `get` does. */
  delete(key: string): boolean {
    const isThere = this.has(key)
    this.#written.set(key, { bytes: null, value: undefined })
    return isThere
  }

  #read(key: string): SeenEntry | undefined {
    const entry = this.#check(key)
    if (!this.#written.has(key) && !this.#versions.has(key)) this.#versions.set(key, entry?.version ?? 0)
    return entry
  }

  #check(key: string): SeenEntry | undefined {
    if (this.#isOver) throw new UsageError('the transaction is over: its function has returned')
    return this.#source.read(key)
  }

  /** @internal Calls the function, once. */
  run<Result>(fn: (view: this) => Result): Result {
    try {
      const result = fn(this)
      if (typeof (result as { then?: unknown } | null | undefined)?.then !== 'function') return result
      // Whatever comes of it is told by the error below.
      Promise.resolve(result).catch(() => undefined)
      throw new UsageError('the function of a transaction must not be async')
    } finally {
      this.#isOver = true
    }
  }

  /** @internal It is over. */
  end(): void {
    this.#isOver = true
  }

  /** @internal The version of what is under the key; foretold, if an earlier step of the same request writes it. */
  versionOf(key: string): number {
    const entry = this.#read(key)
    if (entry?.foretold === undefined) return entry?.version ?? 0
    this.#foretold.set(key, entry.foretold)
    return entry.foretold
  }

  /** @internal Key, version or step, …. */
  reads(): unknown[] {
    return [...this.#versions, ...this.#foretold].flat()
  }

  /** @internal Key, bytes or null, …. */
  writes(): unknown[] {
    return [...this.#written].flatMap(([key, { bytes }]) => [key, bytes])
  }
}
