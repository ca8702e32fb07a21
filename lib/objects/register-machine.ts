/**
 * The state machine of a register: one value, and how often it was written.
 *
 * Answers are versions, never values: an answer is kept until its process asks for something else, and whoever is told
 * reads the value from the state, which is as new as the answer or newer.
 */
import { readStored, type StoredValue, sameBytes } from './agreed.ts'
import type { TakingPart } from './atomic-machine.ts'
import { assertState, isAuthor, isCount, isTotal } from './checks.ts'
import type { Answer, Caller } from './state-machine.ts'

/** The requests, by their first element: `[read]`, `[write, bytes]`, `[compareAndSet, version, bytes]`. */
export const REGISTER_OP = { read: 0, write: 1, compareAndSet: 2 } as const

/** What was written last. */
export interface Written extends StoredValue {
  /** How often the register has been written, this time included. */
  readonly version: number
  /** The process that wrote it. */
  readonly author: string
}

/** One value. A request is answered with the version after it, or 0 if the version was another than it expected. */
export class RegisterMachine implements TakingPart {
  /** Null: nothing was ever written. The same object until something is. */
  written: Written | null = null

  get version(): number {
    return this.written?.version ?? 0
  }

  apply(body: unknown, caller: Caller): Answer | null {
    if (!Array.isArray(body)) return null
    switch (body[0]) {
      case REGISTER_OP.read:
        return body.length === 1 ? [true, this.version] : null
      case REGISTER_OP.write:
        return body.length === 2 ? this.#write(body[1], caller, null) : null
      case REGISTER_OP.compareAndSet:
        return body.length === 3 && isTotal(body[1]) ? this.#write(body[2], caller, body[1]) : null
      default:
        return null
    }
  }

  /** Writes, if the version is as expected. Whether a request is malformed does not depend on the state. */
  #write(bytes: unknown, { process }: Caller, expected: number | null): Answer | null {
    const stored = readStored(bytes)
    if (stored === null) return null
    if (expected !== null && expected !== this.version) return [true, 0]
    this.written = { ...stored, version: this.version + 1, author: process }
    return [true, this.version]
  }

  /** Null, or `[version, author, bytes]`. */
  /** `[the version that was read, or null, bytes or null]`. */
  check(part: unknown): Answer | null {
    if (!Array.isArray(part) || part.length !== 2) return null
    const [expected, bytes] = part as unknown[]
    if (!(expected === null || isTotal(expected)) || !(bytes === null || readStored(bytes) !== null)) return null
    return [true, expected === null || expected === this.version]
  }

  carryOut(part: unknown, caller: Caller): void {
    const [, bytes] = part as readonly unknown[]
    if (bytes !== null) this.#write(bytes, caller, null)
  }

  save(): unknown {
    return this.written === null ? null : [this.written.version, this.written.author, this.written.bytes]
  }

  load(saved: unknown): void {
    const written = saved === null ? null : readWritten(saved)
    const known = this.written
    const isSame =
      known?.version === written?.version &&
      known?.author === written?.author &&
      (known === null || written === null || sameBytes(known.bytes, written.bytes))
    if (!isSame) this.written = written
  }
}

function readWritten(saved: unknown): Written {
  assertState(Array.isArray(saved) && saved.length === 3, 'register')
  const [version, author] = saved as unknown[]
  const stored = readStored(saved[2])
  assertState(isCount(version) && isAuthor(author) && stored !== null, 'register')
  return { ...stored, version, author }
}
