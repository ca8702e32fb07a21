/**
 * Writes CBOR items (RFC 8949, deterministic: shortest heads, shortest floats) into a buffer that grows.
 *
 * What casts are made of (integers, text, bytes, containers) is written here; a float that has a shorter form is left
 * to cborg, whose bytes all of them are: a test writes every item a second time with it.
 */
import { encode, Token, Type } from 'cborg'

/** The major types, in the place of a head where they stand. */
export const MAJOR = { uint: 0x00, negint: 0x20, bytes: 0x40, text: 0x60, array: 0x80, map: 0xa0, tag: 0xc0 } as const

/** Items that are one byte. */
export const SIMPLE = { false: 0xf4, true: 0xf5, null: 0xf6, undefined: 0xf7 } as const

/** A head is at most this long. */
const HEAD_BYTES_MAX = 9
/** Text up to this length is tried unit by unit, which is faster than to call the platform. */
const SHORT_TEXT_MAX = 128
const FIRST_BYTES = 512

/** cborg is asked to encode this; its type encoder answers with the token that is meant. */
const CARRIER: object = Object.freeze({})

/** Made at first use: importing this module touches no platform object. */
let utf8: TextEncoder | undefined

/** Where items go. Emptied by {@link reset}, it can be used again. */
export class CborWriter {
  private buffer = new Uint8Array(FIRST_BYTES)
  private view = new DataView(this.buffer.buffer)
  private at = 0

  /** Bytes that it has room for without growing. */
  get capacity(): number {
    return this.buffer.length
  }

  /** Forgets what was written. */
  reset(): void {
    this.at = 0
  }

  /** What was written, as a buffer of the caller's own. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.at)
  }

  /** What was written, in place: not to be kept. */
  peek(): Uint8Array {
    return this.buffer.subarray(0, this.at)
  }

  /** One of {@link SIMPLE}. */
  simple(byte: number): void {
    this.room(1)
    this.buffer[this.at++] = byte
  }

  /** The head of an item: a type of {@link MAJOR} and its number, a safe integer from 0. */
  head(major: number, number: number): void {
    this.room(HEAD_BYTES_MAX)
    const { buffer, view } = this
    if (number < 24) buffer[this.at++] = major | number
    else if (number < 0x100) {
      buffer[this.at++] = major | 24
      buffer[this.at++] = number
    } else if (number < 0x10000) {
      buffer[this.at++] = major | 25
      view.setUint16(this.at, number)
      this.at += 2
    } else if (number < 0x1_0000_0000) {
      buffer[this.at++] = major | 26
      view.setUint32(this.at, number)
      this.at += 4
    } else {
      buffer[this.at++] = major | 27
      view.setUint32(this.at, Math.floor(number / 0x1_0000_0000))
      view.setUint32(this.at + 4, number % 0x1_0000_0000)
      this.at += 8
    }
  }

  /** A float, in the shortest form that keeps it. */
  float(number: number): void {
    if (Math.fround(number) === number || Number.isNaN(number)) {
      this.append(encode(CARRIER, { typeEncoders: { Object: () => new Token(Type.float, number) } }))
      return
    }
    this.room(HEAD_BYTES_MAX)
    this.buffer[this.at++] = 0xfb
    this.view.setFloat64(this.at, number)
    this.at += 8
  }

  /** A byte string. */
  bytes(bytes: Uint8Array, length: number): void {
    this.head(MAJOR.bytes, length)
    this.append(bytes, length)
  }

  /** Text of ASCII only, if it is short. False: nothing was written. */
  shortText(text: string): boolean {
    const { length } = text
    if (length > SHORT_TEXT_MAX) return false
    const start = this.at
    this.head(MAJOR.text, length)
    this.room(length)
    const { buffer } = this
    let at = this.at
    for (let i = 0; i < length; i += 1) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) {
        this.at = start
        return false
      }
      buffer[at++] = unit
    }
    this.at = at
    return true
  }

  /** Any well-formed text. */
  text(text: string): void {
    utf8 ??= new TextEncoder()
    const bytes = utf8.encode(text)
    this.head(MAJOR.text, bytes.length)
    this.append(bytes)
  }

  private append(bytes: Uint8Array, length: number = bytes.length): void {
    this.room(length)
    this.buffer.set(bytes, this.at)
    this.at += length
  }

  private room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return
    const grown = new Uint8Array(Math.max(this.at + bytes, this.buffer.length * 2))
    grown.set(this.buffer)
    this.buffer = grown
    this.view = new DataView(grown.buffer)
  }
}
