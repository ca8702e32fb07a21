/**
 * One `for await` over what comes in an agreed sequence, with its own bounded buffer.
 */
import { LaggedError } from '../errors.ts'

/** Entries that an iteration may lag behind before it ends with a `LaggedError`. */
export const LAG_MAX = 10_000

/** Head entries that are gone are cut off the buffer once there are so many. */
const CUT_AT = 1024

/** Gives its entries in order, and waits for those to come. Ends with a LaggedError {@link LAG_MAX} entries behind. */
export class Iteration<Entry> implements AsyncIterableIterator<Entry> {
  readonly #source: string
  readonly #release: () => void
  #buffer: Entry[] = []
  #head = 0
  #waiting: { resolve(result: IteratorResult<Entry>): void; reject(error: unknown): void }[] = []
  #isEnded = false
  #error: Error | null = null

  /** @param source what it follows, for the error; `release` is called once, at its end. */
  constructor(source: string, release: () => void) {
    this.#source = source
    this.#release = release
  }

  /** Adds an entry. */
  push(entry: Entry): void {
    if (this.#isEnded) return
    const next = this.#waiting.shift()
    if (next) return next.resolve({ value: entry, done: false })
    if (this.#buffer.length - this.#head >= LAG_MAX) {
      return this.end(new LaggedError(`the iteration is ${LAG_MAX} entries behind its ${this.#source}`))
    }
    this.#buffer.push(entry)
  }

  /** No more come: it ends, or throws the error, once what has come is read. */
  end(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    this.#release()
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error === null) resolve({ value: undefined, done: true })
      else reject(error)
    }
  }

  next(): Promise<IteratorResult<Entry>> {
    if (this.#head < this.#buffer.length) {
      const value = this.#buffer[this.#head] as Entry
      this.#head += 1
      if (this.#head >= CUT_AT || this.#head === this.#buffer.length) {
        this.#buffer = this.#buffer.slice(this.#head)
        this.#head = 0
      }
      return Promise.resolve({ value, done: false })
    }
    if (!this.#isEnded) return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
    const error = this.#error
    this.#error = null
    return error === null ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error)
  }

  return(): Promise<IteratorResult<Entry>> {
    this.#buffer = []
    this.#head = 0
    this.end(null)
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Entry> {
    return this
  }
}
