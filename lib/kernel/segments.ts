/**
 * A state in segments: cut where its content says so, each named by a digest.
 *
 * Two states that are alike are cut alike wherever they are, whatever was put in or left out before: so whoever holds
 * most of a state, or another that is like it, needs only the segments that it lacks.
 *
 * A digest is the value of a polynomial, whose coefficients are the segment's bytes, at two points modulo a prime. The
 * points (the *key*) are drawn anew for every list of segments, after the content is there. Two segments of one length,
 * whoever made them, have the same digest for less than one key in 2^31: two polynomials of degree 1,366 agree at no more
 * points than that. So neither accident nor content that is made to collide does harm; a member that lies may. The whole
 * is verified at two more points.
 *
 * Bounds: a segment {@link segmentBytesMax}; a step of {@link Segmenter.go} takes what its caller allows.
 * Source: content-defined chunking, of LBFS (Muthitacharoen, Chen, Mazières 2001); gear hash of Ddelta (Xia et al. 2014).
 */

/** The shortest segment; only the last may be shorter. */
export const segmentBytesMin = 256
/** The longest. */
export const segmentBytesMax = 4_096
/** A cut comes where that many upper bits of the rolling hash are zero: every 1,024 bytes past the shortest. */
const cutBits = 10

/** The largest prime below 2^26: products of two numbers below it are exact. */
export const prime = 67_108_859

/** Two points for the digests, two for the whole; from 1 to `prime - 1`. */
export type Key = readonly [number, number, number, number]

/** Draws a key. */
export function drawKey(random: () => number): Key {
  const draw = (): number => 1 + Math.floor(random() * (prime - 1))
  return [draw(), draw(), draw(), draw()]
}

/** Lengths and digests of a state's segments, in order, and what the whole is verified by. */
export interface SegmentList {
  readonly key: Key
  readonly bytes: number
  readonly lengths: readonly number[]
  readonly digests: readonly number[]
  readonly check: number
}

/** Cuts bytes into segments, a little at a time. */
export class Segmenter {
  readonly bytes: Uint8Array
  readonly key: Key
  readonly lengths: number[] = []
  readonly digests: number[] = []
  /** Of what is cut so far. */
  check = 0
  private at = 0

  constructor(bytes: Uint8Array, key: Key) {
    this.bytes = bytes
    this.key = key
  }

  /** Goes on for that many bytes, or a segment more. True once there is no more. */
  go(budget: number): boolean {
    const { bytes, key } = this
    const until = this.at + budget
    while (this.at < bytes.length && this.at < until) {
      const end = segmentEnd(bytes, this.at)
      this.lengths.push(end - this.at)
      this.digests.push(digestOf(bytes, this.at, end, key))
      this.check = foldCheck(bytes, this.at, end, this)
      this.at = end
    }
    return this.at === bytes.length
  }

  /** Once there is no more. */
  get list(): SegmentList {
    const { key, lengths, digests, check } = this
    return { key, bytes: this.bytes.length, lengths, digests, check }
  }
}

/** Where the segment that begins at `start` ends. */
function segmentEnd(bytes: Uint8Array, start: number): number {
  const last = Math.min(bytes.length, start + segmentBytesMax)
  let rolling = 0
  // The hash is of the last 32 bytes: those before the shortest end do not count.
  for (let at = start + segmentBytesMin - 32; at < last; at += 1) {
    rolling = ((rolling << 1) + (gear[bytes[at] ?? 0] ?? 0)) | 0
    if (rolling >>> (32 - cutBits) === 0 && at + 1 - start >= segmentBytesMin) return at + 1
  }
  return last
}

/** The digest of a segment: a whole number below 2^52. Its length is the first coefficient. */
export function digestOf(bytes: Uint8Array, from: number, to: number, [a, b]: Key): number {
  return evaluate(bytes, from, to, { a, b, start: (to - from) * (2 ** 26 + 1) })
}

/** What the whole is verified by, after one segment more. */
export function foldCheck(
  bytes: Uint8Array,
  from: number,
  to: number,
  { key, check }: { readonly key: Key; readonly check: number },
): number {
  return evaluate(bytes, from, to, { a: key[2], b: key[3], start: check })
}

interface Points {
  readonly a: number
  readonly b: number
  /** The value of what comes before. */
  readonly start: number
}

/** Three bytes are a coefficient. Whole numbers below 2^53 throughout, so exact everywhere. */
function evaluate(bytes: Uint8Array, from: number, to: number, { a, b, start }: Points): number {
  let x = Math.floor(start / 2 ** 26)
  let y = start % 2 ** 26
  for (let at = from; at < to; at += 3) {
    // What is past the end is another segment's: it does not count.
    const second = at + 1 < to ? (bytes[at + 1] ?? 0) : 0
    const third = at + 2 < to ? (bytes[at + 2] ?? 0) : 0
    const word = (bytes[at] ?? 0) | (second << 8) | (third << 16)
    x = reduce(x * a + word)
    y = reduce(y * b + word)
  }
  return x * 2 ** 26 + y
}

/** Modulo the prime, for less than 2^53. A quotient by multiplication is off by one at most. */
function reduce(value: number): number {
  const rest = value - Math.floor(value * (1 / prime)) * prime
  return rest < 0 ? rest + prime : rest >= prime ? rest - prime : rest
}

/** A number for each byte; the same at everybody. */
const gear: Int32Array = makeGear()

function makeGear(): Int32Array {
  const table = new Int32Array(256)
  let state = 0x9e3779b9
  for (let i = 0; i < 256; i += 1) {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    table[i] = mixed ^ (mixed >>> 14)
  }
  return table
}
