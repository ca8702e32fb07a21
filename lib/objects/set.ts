/**
 * The shared set: causal, available, `Set`-shaped; values are compared by what they are, not by identity.
 *
 * It is a shared map whose keys are the values, as their encoding: two values are one if they are encoded alike. Adding
 * wins: a delete removes what its author had seen, and a value that was added meanwhile, or added again, stays.
 * Iteration is in the order of the encodings, which is the same everywhere.
 */
import { TooLargeError } from '../errors.ts'
import { decodeValue, encodeValue } from '../values.ts'
import { ChangeEvent, type ChangeOrigin, type DeepReadonly, ObjectTarget } from './events.ts'
import { foldingVariant } from './forget-watch.ts'
import { type MapChange, type MapOptions, MapReplica } from './map.ts'
import type { ObjectKind } from './replica.ts'
import { fits, type StandardSchemaV1, validateForWrite } from './schema.ts'

/** How a set is opened. */
export interface SetOptions<T> extends Pick<MapOptions<T>, 'forgetAfterMs'> {
  /**
   * Types and checks the values. One that does not fit is a `SchemaError`; a peer's that does not fit is kept in the
   * state but hidden from reads. Synchronous, and without transforms.
   */
  readonly schema?: StandardSchemaV1<unknown, T>
}

/** A value has come or gone. */
export interface SetChange<T> extends ChangeOrigin {
  readonly type: 'add' | 'delete'
  readonly value: DeepReadonly<T>
}

/** The events of a set. */
export interface SetEvents<T> {
  readonly change: ChangeEvent<SetChange<T>>
}

/** Bytes of a value's encoding, at most: it is a name as well as a value. */
const VALUE_BYTES_MAX = 65_536

/** What is under every key. */
const PRESENT = null

/** A value of the set; null: what is under the key is none, or does not fit. */
type Element = { readonly value: unknown } | null

/** A shared set as the application holds it. Reads are synchronous. */
export class SharedSet<T = unknown> extends ObjectTarget<SetEvents<T>> {
  readonly #replica: MapReplica
  readonly #schema: StandardSchemaV1 | undefined
  /** By key, decoded once. */
  #elements = new Map<string, Element>()
  #keys: ReadonlyMap<string, unknown> | null = null
  #snapshot: ReadonlySet<DeepReadonly<T>> = new Set()

  /** Made by {@link setKind}. */
  constructor(replica: MapReplica, schema: StandardSchemaV1 | undefined) {
    super()
    this.#replica = replica
    this.#schema = schema
    replica.emit = (changes) => this.#tell(changes)
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  get size(): number {
    return this.snapshot.size
  }

  /**
   * The whole set as it is now; the same object until something changes. It is a plain `Set`: its own `has` compares
   * objects by identity.
   */
  get snapshot(): ReadonlySet<DeepReadonly<T>> {
    const keys = this.#replica.snapshot()
    if (keys === this.#keys) return this.#snapshot
    this.#keys = keys
    const elements = new Map<string, Element>()
    const shown: DeepReadonly<T>[] = []
    for (const key of keys.keys()) {
      const element = this.#element(key)
      elements.set(key, element)
      if (element !== null) shown.push(element.value as DeepReadonly<T>)
    }
    this.#elements = elements
    this.#snapshot = new Set(shown)
    return this.#snapshot
  }

  /** Is there a value that is encoded like this one? False for what is no value. */
  has(value: T): boolean {
    let key: string
    try {
      key = toKey(encodeValue(normal(value)))
    } catch {
      return false
    }
    return this.#replica.visible.has(key) && this.#element(key) !== null
  }

  /**
   * Adds a value, here at once and in causal order everywhere, also if it is there already: so that it stays, if somebody
   * else deletes it meanwhile. The value is copied.
   * Throws ValueError, SchemaError, TooLargeError (above 64 KiB encoded), BusyError, ClosedError; then nothing was added.
   */
  add(value: T): this {
    const bytes = encodeValue(normal(validateForWrite(this.#schema, value)))
    if (bytes.length > VALUE_BYTES_MAX) {
      throw new TooLargeError('the value is too large for a set', bytes.length, VALUE_BYTES_MAX)
    }
    this.#replica.set(toKey(bytes), PRESENT)
    return this
  }

  /** Deletes the value that is encoded like this one; false if there is none. Throws as `add` does. */
  delete(value: T): boolean {
    return this.#replica.delete(toKey(encodeValue(normal(value))))
  }

  /** Deletes every value that is here now, as one operation; what others add meanwhile stays. */
  clear(): void {
    this.#replica.clear()
  }

  values(): SetIterator<DeepReadonly<T>> {
    return this.snapshot.values()
  }

  keys(): SetIterator<DeepReadonly<T>> {
    return this.snapshot.keys()
  }

  entries(): SetIterator<[DeepReadonly<T>, DeepReadonly<T>]> {
    return this.snapshot.entries()
  }

  [Symbol.iterator](): SetIterator<DeepReadonly<T>> {
    return this.snapshot.values()
  }

  forEach(fn: (value: DeepReadonly<T>, key: DeepReadonly<T>, set: this) => void, thisArg?: unknown): void {
    for (const value of this.snapshot) fn.call(thisArg, value, value, this)
  }

  #element(key: string): Element {
    let element = this.#elements.get(key)
    if (element === undefined) {
      element = readElement(key, this.#schema)
      this.#elements.set(key, element)
    }
    return element
  }

  #tell(changes: readonly MapChange<unknown>[]): void {
    const told: SetChange<T>[] = []
    for (const { type, key, previous, author, local } of changes) {
      const element = this.isHeard ? this.#element(key) : null
      // Else what has come and gone would stay here until the next snapshot.
      if (type === 'delete') this.#elements.delete(key)
      // Added again: it was there.
      if (element === null || (type === 'set' && previous !== undefined)) continue
      told.push({ type: type === 'set' ? 'add' : 'delete', value: element.value as DeepReadonly<T>, author, local })
    }
    if (told.length > 0) this.dispatchEvent(new ChangeEvent(told))
  }

  /** Leaves the group. Reads keep showing the last state. */
  close(): Promise<void> {
    return this.#replica.port.close()
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#replica.end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** As in a `Set`, −0 is 0. */
function normal(value: unknown): unknown {
  return value === 0 ? 0 : value
}

/** One character a byte: their order is that of the bytes. */
function toKey(bytes: Uint8Array): string {
  let key = ''
  for (let at = 0; at < bytes.length; at += 1_024) key += String.fromCharCode(...bytes.subarray(at, at + 1_024))
  return key
}

/** Null unless it is what {@link toKey} makes of a value: two keys must never show the same one. */
function readElement(key: string, schema: StandardSchemaV1 | undefined): Element {
  try {
    const value = decodeValue(Uint8Array.from(key, (character) => character.charCodeAt(0)))
    if (toKey(encodeValue(normal(value))) !== key || !fits(schema, value)) return null
    return { value }
  } catch {
    return null
  }
}

/** Opens a shared set: `space.open(setKind, name, options)`, or `space.set(name, options)` for short. */
export const setKind: ObjectKind<SharedSet, SetOptions<unknown>> = {
  kind: 'set',
  order: 'causal',
  uniform: false,
  consistency: 'available',
  variant: foldingVariant,
  create(port, { schema, forgetAfterMs }) {
    const replica = new MapReplica(port, forgetAfterMs === undefined ? {} : { forgetAfterMs })
    return { replica, handle: new SharedSet(replica, schema) }
  },
}
