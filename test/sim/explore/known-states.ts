/**
 * The states that are known, by fingerprint: an open-addressing table, because a `Map` of so many numbers takes several
 * times the memory.
 */

/** What is known of a state: nothing; it waits to be explored; it is explored. */
export type Knowledge = 0 | 1 | 2

/** Share of slots that may be taken. */
const LOAD_MAX = 0.6

/** A table of whole numbers from 1. */
export class KnownStates {
  size = 0
  #keys = new Float64Array(1 << 16)
  #values = new Uint8Array(1 << 16)

  get(key: number): Knowledge {
    return this.#values[this.#slot(key)] as Knowledge
  }

  set(key: number, value: Knowledge): void {
    const slot = this.#slot(key)
    if (this.#keys[slot] === 0) this.size += 1
    this.#keys[slot] = key
    this.#values[slot] = value
    if (this.size > this.#keys.length * LOAD_MAX) this.#grow()
  }

  /** Where the key is, or would be. */
  #slot(key: number): number {
    const mask = this.#keys.length - 1
    // Fingerprints are spread evenly.
    let slot = (key % 0x7fffffff) & mask
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    this.#keys = new Float64Array(keys.length * 2)
    this.#values = new Uint8Array(keys.length * 2)
    keys.forEach((key, at) => {
      if (key === 0) return
      const slot = this.#slot(key)
      this.#keys[slot] = key
      this.#values[slot] = values[at] ?? 0
    })
  }
}
