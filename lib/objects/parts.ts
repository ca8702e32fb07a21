/**
 * What a transaction sees of a register, a bounded counter and a queue. Of a total map it sees a `Transaction`.
 */
import { UsageError } from '../errors.ts'
import type { Part } from './atomic.ts'
import type { DeepReadonly } from './events.ts'
import type { RegisterSnapshot } from './register.ts'

/** A register in a transaction: as it was when it was first read, with what the transaction writes. */
export class RegisterPart<T = unknown> {
  readonly #before: RegisterSnapshot<T>
  readonly #encode: (value: T) => Uint8Array
  #isRead = false
  #written: { readonly bytes: Uint8Array; readonly value: T } | null = null
  #isOver = false

  /** Made by `transact`. */
  constructor(before: RegisterSnapshot<T>, encode: (value: T) => Uint8Array) {
    this.#before = before
    this.#encode = encode
  }

  /** The value, the own one if it was set. Throws UsageError: the transaction is over. */
  get value(): DeepReadonly<T> | undefined {
    checkOpen(this.#isOver)
    if (this.#written !== null) return this.#written.value as DeepReadonly<T>
    this.#isRead = true
    return this.#before.value
  }

  /** Writes it, when the transaction takes effect. Throws ValueError, SchemaError, UsageError. */
  set(value: T): void {
    checkOpen(this.#isOver)
    this.#written = { bytes: this.#encode(value), value }
  }

  /** @internal */
  get part(): Part {
    const own = this
    return {
      view: this,
      get isReadOnly() {
        return own.#written === null
      },
      get isUsed() {
        return own.#isRead || own.#written !== null
      },
      toBody: (isReadOnly) => [
        this.#isRead ? this.#before.version : null,
        isReadOnly ? null : (this.#written?.bytes ?? null),
      ],
      end: () => {
        this.#isOver = true
      },
    }
  }
}

/** A bounded counter in a transaction. One that is only added to may change meanwhile, as long as it stays in its bounds. */
export class CounterPart {
  readonly #before: number
  #isRead = false
  #added = 0
  #isOver = false

  /** Made by `transact`. */
  constructor(before: number) {
    this.#before = before
  }

  /** The value, with what the transaction has added. Throws UsageError: the transaction is over. */
  get value(): number {
    checkOpen(this.#isOver)
    this.#isRead = true
    return this.#before + this.#added
  }

  /**
   * Adds a whole number, when the transaction takes effect; if the sum would leave the bounds then, none of it does. Throws
   * UsageError unless `n`, and the sum of all that is added, is a safe integer.
   */
  add(n: number): void {
    checkOpen(this.#isOver)
    const sum = this.#added + n
    if (!Number.isSafeInteger(n) || !Number.isSafeInteger(sum))
      throw new UsageError('a counter counts in safe integers')
    this.#added = sum
  }

  /** @internal */
  get part(): Part {
    const own = this
    return {
      view: this,
      get isReadOnly() {
        return own.#added === 0
      },
      get isUsed() {
        return own.#isRead || own.#added !== 0
      },
      toBody: (isReadOnly) => [this.#isRead ? this.#before : null, isReadOnly ? 0 : this.#added],
      end: () => {
        this.#isOver = true
      },
    }
  }
}

/** How an item is added in a transaction; as in `add` of a queue. */
export interface PartAddOptions {
  readonly delay?: number
  readonly priority?: number
}

/** A queue in a transaction: items can be added to it. What waits in it is not to be seen. */
export class QueuePart<T = unknown> {
  readonly #encode: (item: T, options: PartAddOptions) => readonly unknown[]
  readonly #adds: (readonly unknown[])[] = []
  #isOver = false

  /** Made by `transact`. */
  constructor(encode: (item: T, options: PartAddOptions) => readonly unknown[]) {
    this.#encode = encode
  }

  /**
   * Adds an item, when the transaction takes effect. There is no waiting for room: if there is none, none of it does
   * (BusyError). At most 256 items. Throws ValueError, SchemaError, UsageError.
   */
  add(item: T, options: PartAddOptions = {}): void {
    checkOpen(this.#isOver)
    if (this.#adds.length >= ADDS_MAX) throw new UsageError(`a transaction adds at most ${ADDS_MAX} items to a queue`)
    this.#adds.push(this.#encode(item, options))
  }

  /** @internal */
  get part(): Part {
    const adds = this.#adds
    return {
      view: this,
      get isReadOnly() {
        return adds.length === 0
      },
      get isUsed() {
        return adds.length > 0
      },
      toBody: (isReadOnly) => (isReadOnly ? [] : adds),
      end: () => {
        this.#isOver = true
      },
    }
  }
}

/** As `QUEUE_ADDS_MAX` of the queue's machine. */
const ADDS_MAX = 256

function checkOpen(isOver: boolean): void {
  if (isOver) throw new UsageError('the transaction is over: its function has returned')
}
