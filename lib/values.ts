/**
 * The values that casts, states and objects carry, and their bytes.
 *
 * The set: undefined, null, boolean, number (NaN, ±Infinity, -0 kept), bigint, string (lone surrogates kept), Date,
 * Map, Set, array, plain object, ArrayBuffer and typed arrays (kind kept), Error (name, message, cause), RegExp.
 * As with `structuredClone`, getters are read and symbol or non-enumerable keys are not part of a value. Unlike it,
 * something met twice is written twice, a view takes only its own bytes along, and instances of classes, holes,
 * circles and everything with identity are refused with the path.
 *
 * Deterministic CBOR (RFC 8949) with tags, read by cborg's tokenizer (values-decode.ts) and written as cborg would
 * (values-writer.ts).
 */
import { withEncoded } from './values-encode.ts'

export { decodeValue } from './values-decode.ts'
export { encodeValue } from './values-encode.ts'

/**
 * A fast digest of bytes, 16 hex digits, for comparing states and payloads in traces.
 * Not cryptographic: a peer can make two values collide at will.
 */
export function hashBytes(bytes: Uint8Array): string {
  // Two multiply-xor lanes over the same bytes with different constants, mixed at the end (after cyrb53).
  let a = 0xdeadbeef ^ bytes.length
  let b = 0x41c6ce57 ^ bytes.length
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] ?? 0
    a = Math.imul(a ^ byte, 2_654_435_761)
    b = Math.imul(b ^ byte, 1_597_334_677)
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909)
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909)
  return hex(a, b)
}

/** The digest of a value's encoding. Throws what `encodeValue` throws. */
export function hashValue(value: unknown): string {
  return withEncoded(value, hashBytes)
}

/** 16 hex digits in one call: a number beyond 2 ** 31 is slow to write as text. */
function hex(a: number, b: number): string {
  return String.fromCharCode(
    digit(a >>> 28),
    digit(a >>> 24),
    digit(a >>> 20),
    digit(a >>> 16),
    digit(a >>> 12),
    digit(a >>> 8),
    digit(a >>> 4),
    digit(a),
    digit(b >>> 28),
    digit(b >>> 24),
    digit(b >>> 20),
    digit(b >>> 16),
    digit(b >>> 12),
    digit(b >>> 8),
    digit(b >>> 4),
    digit(b),
  )
}

/** The character code of the lowest four bits. */
function digit(word: number): number {
  const nibble = word & 15
  return nibble < 10 ? 48 + nibble : 87 + nibble
}
