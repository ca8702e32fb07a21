/**
 * State vectors and deletions, as Yjs writes them (version 1 of its encoding, the same in `yjs` 13 and `@y/y` 14):
 * how far one has come by client, and which ranges are deleted. Read only to be compared: what is sent is Yjs's own.
 */

/** Per client the clock of the first operation that is not there. */
export type StateVector = ReadonlyMap<number, number>

/** Per client the deleted ranges, ascending: `[from, to)` one after another. */
export type Deletions = ReadonlyMap<number, readonly number[]>

/** A whole number of up to 53 bits. */
const VAR_UINT_BYTES_MAX = 8

class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  varUint(): number {
    let value = 0
    let factor = 1
    for (let i = 0; i < VAR_UINT_BYTES_MAX; i += 1) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw new TypeError('the bytes end early')
      this.#at += 1
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
    throw new TypeError('a number of more than 53 bits')
  }
}

/** Reads a state vector. Throws a TypeError if it is none. */
export function readStateVector(bytes: Uint8Array): StateVector {
  const reader = new Reader(bytes)
  const vector = new Map<number, number>()
  for (let left = reader.varUint(); left > 0; left -= 1) vector.set(reader.varUint(), reader.varUint())
  return vector
}

/** Reads the deletions of an update without structs. Throws a TypeError if it has any, or is none. */
export function readDeletions(update: Uint8Array): Deletions {
  const reader = new Reader(update)
  if (reader.varUint() !== 0) throw new TypeError('an update with structs')
  const deletions = new Map<number, number[]>()
  for (let clients = reader.varUint(); clients > 0; clients -= 1) {
    const client = reader.varUint()
    const ranges: number[] = []
    for (let left = reader.varUint(); left > 0; left -= 1) {
      const from = reader.varUint()
      const to = from + reader.varUint()
      // Neighbours are one.
      if (ranges.at(-1) === from) ranges[ranges.length - 1] = to
      else ranges.push(from, to)
    }
    deletions.set(client, ranges)
  }
  return deletions
}

/** Does the first go beyond the second, for a client that counts? */
export function isAhead(a: StateVector, b: StateVector, counts: (client: number) => boolean): boolean {
  for (const [client, clock] of a) if (clock > (b.get(client) ?? 0) && counts(client)) return true
  return false
}

/** Does the first delete anything that the second does not? */
export function deletesMore(a: Deletions, b: Deletions): boolean {
  for (const [client, ranges] of a) {
    const others = b.get(client) ?? []
    let at = 0
    for (let i = 0; i < ranges.length; i += 2) {
      const [from, to] = [ranges[i] ?? 0, ranges[i + 1] ?? 0]
      while (at < others.length && (others[at + 1] ?? 0) < to) at += 2
      if (at >= others.length || (others[at] ?? 0) > from) return true
    }
  }
  return false
}

/** A digest of 53 bits: two documents that have the same deletions have the same. Chance, not malice, is what it is for. */
export function digest(bytes: Uint8Array): number {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x9e3779b1)
    b = Math.imul(b ^ byte, 0x5f356495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return 0x100000000 * (0x1fffff & b) + (a >>> 0)
}

/** Writes a state vector. */
export function writeStateVector(vector: StateVector): Uint8Array {
  const bytes: number[] = []
  const varUint = (value: number): void => {
    while (value >= 0x80) {
      bytes.push((value % 0x80) | 0x80)
      value = Math.floor(value / 0x80)
    }
    bytes.push(value)
  }
  varUint(vector.size)
  for (const [client, clock] of vector) {
    varUint(client)
    varUint(clock)
  }
  return Uint8Array.from(bytes)
}
