/**
 * Fingerprints: one number for the whole content of a value, so that equal states are known again.
 *
 * Two lanes of 32 bits, of which 52 make a whole number: among ten million states two different ones share a number with
 * a chance of about one in a hundred. Texts count by the place in which they were first seen, so they never collide.
 */

/** Fields whose order of insertion nothing depends on: the kernel looks their entries up, or sorts what it takes from them. */
const UNORDERED: ReadonlySet<string> = new Set([
  'eovFrom',
  'links',
  'moved',
  'peers',
  'ready',
  'reports',
  'rows',
  'seen',
  'waiting',
])

const NOTHING: ReadonlySet<string> = new Set()

/** Of what is frozen. */
const frozen = new WeakMap<object, number>()

const texts = new Map<string, number>()

function numberOf(text: string): number {
  let known = texts.get(text)
  if (known === undefined) {
    known = texts.size + 1
    texts.set(text, known)
  }
  return known
}

/** Takes in values; objects to which `skip` says yes count as nothing. */
export class Fingerprint {
  #a = 0x2545f491
  #b = 0x6c078965
  readonly #skip: (value: object) => boolean

  constructor(skip: (value: object) => boolean = () => false) {
    this.#skip = skip
  }

  /** The number. */
  get value(): number {
    let a = this.#a
    let b = this.#b
    a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909)
    b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909)
    return (b >>> 12) * 2 ** 32 + (a >>> 0)
  }

  /** A number of 32 bits. */
  mix(x: number): void {
    this.#a = Math.imul(this.#a ^ x, 0x9e3779b1)
    this.#a ^= this.#a >>> 15
    this.#b = Math.imul((this.#b << 7) ^ (this.#b >>> 25) ^ x, 0x85ebca6b)
    this.#b ^= this.#b >>> 13
  }

  /** A fingerprint, or another whole number of up to 53 bits. */
  whole(x: number): void {
    this.mix(x | 0)
    this.mix(Math.floor(x / 2 ** 32) | 0)
  }

  /** Anything that a kernel, a frame or a line of the trace holds. No cycles but through what is skipped. */
  take(value: unknown): void {
    switch (typeof value) {
      case 'string':
        this.mix(3)
        this.mix(numberOf(value))
        return
      case 'number':
        if ((value | 0) === value) this.mix(value)
        else {
          this.mix(5)
          this.mix(numberOf(String(value)))
        }
        return
      case 'boolean':
        this.mix(value ? 7 : 11)
        return
      case 'object':
        if (value === null) this.mix(13)
        else this.#object(value)
        return
      default:
        this.mix(17)
    }
  }

  /** The fields of an object, by name, but those of `except`. */
  fields(object: object, except: ReadonlySet<string> = NOTHING): void {
    for (const name of Object.keys(object)) {
      if (except.has(name)) continue
      const value: unknown = (object as Readonly<Record<string, unknown>>)[name]
      this.mix(numberOf(name))
      if (UNORDERED.has(name) && (value instanceof Map || value instanceof Set)) this.#unordered(value)
      else this.take(value)
    }
  }

  #object(object: object): void {
    if (this.#skip(object)) return this.mix(19)
    // By itself, whether it is frozen or not: equal content must count as equal.
    let known = frozen.get(object)
    if (known === undefined) {
      const fingerprint = new Fingerprint(this.#skip)
      fingerprint.content(object)
      known = fingerprint.value
      if (Object.isFrozen(object)) frozen.set(object, known)
    }
    this.whole(known)
  }

  /** What is in an object. */
  private content(object: object): void {
    if (Array.isArray(object)) {
      this.mix(23)
      this.mix(object.length)
      for (const value of object) this.take(value)
    } else if (object instanceof Uint8Array) {
      this.mix(29)
      this.mix(object.length)
      for (const byte of object) this.mix(byte)
    } else if (object instanceof Map) {
      this.mix(31)
      this.mix(object.size)
      for (const [key, value] of object) {
        this.take(key)
        this.take(value)
      }
    } else if (object instanceof Set) {
      this.mix(37)
      this.mix(object.size)
      for (const value of object) this.take(value)
    } else this.fields(object)
  }

  /** The sum does not depend on the order. */
  #unordered(entries: ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>): void {
    let low = 0
    let high = 0
    for (const entry of entries) {
      const one = new Fingerprint(this.#skip)
      one.take(entry)
      low = (low + one.value) | 0
      high = (high + Math.floor(one.value / 2 ** 32)) | 0
    }
    this.mix(entries.size)
    this.mix(low)
    this.mix(high)
  }
}

/** The fingerprint of one value. */
export function fingerprintOf(value: unknown): number {
  const fingerprint = new Fingerprint()
  fingerprint.take(value)
  return fingerprint.value
}

/** One number for several, in this order. */
export function combine(...numbers: readonly number[]): number {
  const fingerprint = new Fingerprint()
  for (const number of numbers) fingerprint.whole(number)
  return fingerprint.value
}
