/**
 * The simulator's only source of chance: seeded, and forkable by name, so that a new draw in one place does not shift
 * the draws of any other.
 */

/** A stream of random numbers (sfc32). The same seed gives the same stream. */
export class Random {
  readonly #seed: string
  #a: number
  #b: number
  #c: number
  #count = 1

  constructor(seed: string) {
    this.#seed = seed
    this.#a = hashText(seed, 0x9e3779b9)
    this.#b = hashText(seed, 0x85ebca6b)
    this.#c = hashText(seed, 0xc2b2ae35)
    for (let i = 0; i < 12; i += 1) this.next()
  }

  /** A stream of its own, told by name; it does not depend on what was drawn here. */
  fork(name: string): Random {
    return new Random(`${this.#seed}/${name}`)
  }

  /** Uniform in [0, 1). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from)
  }

  /** A whole number in [0, below). */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** Exponential with this mean. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  /** One of them; undefined if there is none. */
  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.int(items.length)]
  }

  /** The same items in random order. */
  shuffle<Item>(items: readonly Item[]): Item[] {
    const result = [...items]
    for (let i = result.length - 1; i > 0; i -= 1) {
      const j = this.int(i + 1)
      const item = result[i] as Item
      result[i] = result[j] as Item
      result[j] = item
    }
    return result
  }
}

function hashText(text: string, start: number): number {
  let h = start
  for (let i = 0; i < text.length; i += 1) {
    h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
    h ^= h >>> 15
  }
  return Math.imul(h, 0x2c1b3c6d) | 0
}
