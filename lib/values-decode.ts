/**
 * From bytes to a value. The bytes may come from anyone: every length is checked against what is left before
 * anything is built, nesting is bounded, lengths must be written in their shortest form, and nothing may follow.
 *
 * cborg's tokenizer reads the tokens; the tree is built here, because the decoder of a hostile peer's bytes must own
 * its limits, and because the tokenizer is lax about text (see `Reader.text`).
 */
import { type Token, Tokenizer, Type } from 'cborg'
import { TuttiError, ValueError } from './errors.ts'
import {
  ERROR_NAME_MAX,
  isRegExpFlags,
  isWellFormed,
  NATIVE_ERRORS,
  regexpStandIns,
  TAG_ARRAY_BUFFER,
  TAG_BIGINT,
  TAG_DATE,
  TAG_ERROR,
  TAG_ILL_FORMED,
  TAG_MAP,
  TAG_NEGATIVE_BIGINT,
  TAG_REGEXP,
  TAG_SET,
  TYPED_ARRAYS,
  type TypedArrayKind,
  VALUE_DEPTH_MAX,
} from './values-tags.ts'

/**
 * Decodes what `encodeValue` wrote. Everything in the answer is fresh; nothing refers to `bytes`.
 * Throws a `ValueError`, and nothing else, for any other bytes.
 */
export function decodeValue(bytes: Uint8Array): unknown {
  try {
    const reader = new Reader(bytes)
    const value = reader.value(0)
    if (reader.left() > 0) throw new ValueError('bytes follow the value')
    return value
  } catch (thrown) {
    if (thrown instanceof TuttiError) throw thrown
    throw new ValueError('malformed bytes', '', { cause: thrown })
  }
}

const OPTIONS = { strict: true, allowIndefinite: false } as const

const TYPED_ARRAY_KINDS: ReadonlyMap<number, TypedArrayKind> = new Map(TYPED_ARRAYS.map((kind) => [kind.tag, kind]))

/** Made at first use: importing this module touches no platform object. */
let utf8: TextDecoder | undefined

class Reader {
  private readonly data: Uint8Array
  private readonly tokenizer: Tokenizer

  constructor(bytes: Uint8Array) {
    // A bare Uint8Array: a Buffer's slice would share memory with the frame.
    this.data = bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    this.tokenizer = new Tokenizer(this.data, OPTIONS)
  }

  /** Bytes not yet read. */
  left(): number {
    return this.data.length - this.tokenizer.pos()
  }

  value(depth: number): unknown {
    const token = this.next()
    const { type } = token
    if (type === Type.string) return this.text(token)
    if (type === Type.uint || type === Type.negint) return integer(token.value)
    if (type === Type.float) return float(token.value)
    if (type === Type.bytes) return copy(token.value as Uint8Array)
    if (type === Type.array) return this.elements(token, depth)
    if (type === Type.map) return this.plain(token, depth)
    if (type === Type.tag) return this.tagged(token.value, depth)
    if (type === Type.break) throw new ValueError('unexpected break')
    return token.value
  }

  private next(): Token {
    if (this.tokenizer.done()) throw new ValueError('bytes end within a value')
    return this.tokenizer.next()
  }

  /**
   * cborg replaces malformed UTF-8 and drops a leading byte-order mark. Whenever that could have happened
   * (the text is not as long as its bytes, or holds a replacement character), decode again and strictly.
   */
  private text(token: Token): string {
    const text = token.value as string
    const encoded = token.encodedLength ?? 0
    const length = encoded - headLength(encoded)
    if (text.length === length && !text.includes('\uFFFD')) return text
    utf8 ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    const end = this.tokenizer.pos()
    return utf8.decode(this.data.subarray(end - length, end))
  }

  /** The length a container claims, once it is certain that the bytes left could hold it. */
  private count(token: Token, perItem: number, depth: number): number {
    const count: unknown = token.value
    if (typeof count !== 'number' || count * perItem > this.left()) throw new ValueError('bytes end within a value')
    if (depth >= VALUE_DEPTH_MAX) throw new ValueError(`value is nested deeper than ${VALUE_DEPTH_MAX}`)
    return count
  }

  private elements(token: Token, depth: number): unknown[] {
    const count = this.count(token, 1, depth)
    const array: unknown[] = []
    for (let i = 0; i < count; i++) array.push(this.value(depth + 1))
    return array
  }

  private plain(token: Token, depth: number): Record<string, unknown> {
    const count = this.count(token, 2, depth)
    const object: Record<string, unknown> = {}
    for (let i = 0; i < count; i++) {
      const key = this.string()
      if (Object.hasOwn(object, key)) throw new ValueError('a key occurs twice')
      const value = this.value(depth + 1)
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, configurable: true, enumerable: true, writable: true })
      } else object[key] = value
    }
    return object
  }

  /** The next value, which must be a string. */
  private string(): string {
    const token = this.next()
    if (token.type === Type.string) return this.text(token)
    if (token.type === Type.tag && token.value === TAG_ILL_FORMED) return this.illFormed()
    throw new ValueError('a string is expected')
  }

  private bytes(): Uint8Array<ArrayBuffer> {
    const token = this.next()
    if (token.type !== Type.bytes) throw new ValueError('bytes are expected')
    return copy(token.value as Uint8Array)
  }

  private array(perItem: number, depth: number): number {
    const token = this.next()
    if (token.type !== Type.array) throw new ValueError('an array is expected')
    return this.count(token, perItem, depth)
  }

  private tagged(tag: unknown, depth: number): unknown {
    switch (tag) {
      case TAG_BIGINT:
        return this.bigint()
      case TAG_NEGATIVE_BIGINT:
        return -1n - this.bigint()
      case TAG_SET:
        return this.set(depth)
      case TAG_MAP:
        return this.map(depth)
      case TAG_DATE:
        return this.date()
      case TAG_ARRAY_BUFFER:
        return this.bytes().buffer
      case TAG_ILL_FORMED:
        return this.illFormed()
      case TAG_ERROR:
        return this.error(depth)
      case TAG_REGEXP:
        return this.regexp(depth)
      default:
        return this.typedArray(tag)
    }
  }

  private bigint(): bigint {
    const bytes = this.bytes()
    if (bytes[0] === 0) throw new ValueError('a bigint has leading zeros')
    let hex = '0x0'
    for (const byte of bytes) hex += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16)
    return BigInt(hex)
  }

  private set(depth: number): Set<unknown> {
    const count = this.array(1, depth)
    const set = new Set<unknown>()
    for (let i = 0; i < count; i++) set.add(this.value(depth + 1))
    if (set.size !== count) throw new ValueError('an element occurs twice')
    return set
  }

  private map(depth: number): Map<unknown, unknown> {
    const count = this.array(1, depth)
    if (count % 2 === 1) throw new ValueError('a key has no value')
    const map = new Map<unknown, unknown>()
    for (let i = 0; i < count; i += 2) {
      const key = this.value(depth + 1)
      map.set(key, this.value(depth + 1))
    }
    if (map.size * 2 !== count) throw new ValueError('a key occurs twice')
    return map
  }

  private date(): Date {
    const token = this.next()
    const ms: unknown = token.value
    const isNumber = token.type === Type.uint || token.type === Type.negint || token.type === Type.float
    if (!isNumber || typeof ms !== 'number') throw new ValueError('a date is no number')
    const date = new Date(ms)
    // A date keeps whole milliseconds within its range, and NaN: whatever it would alter was never one.
    if (!Object.is(date.getTime(), ms)) throw new ValueError('a date is out of range')
    return date
  }

  private illFormed(): string {
    const bytes = this.bytes()
    if (bytes.length % 2 === 1) throw new ValueError('a string ends within a unit')
    let text = ''
    for (let i = 0; i < bytes.length; i += 2) text += String.fromCharCode((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8))
    if (isWellFormed(text)) throw new ValueError('a well-formed string is tagged as ill-formed')
    return text
  }

  private error(depth: number): Error {
    const count = this.array(1, depth)
    if (count !== 2 && count !== 3) throw new ValueError('an error has a name, a message and perhaps a cause')
    const name = this.string()
    const message = this.string()
    if (name.length > ERROR_NAME_MAX) throw new ValueError('the name of an error is too long')
    const known = Object.hasOwn(NATIVE_ERRORS, name) ? NATIVE_ERRORS[name] : undefined
    const error = new (known ?? Error)(message)
    if (known === undefined) hide(error, 'name', name)
    // Its own stack would tell where it was decoded, which misleads.
    hide(error, 'stack', `${name}: ${message}`)
    if (count === 3) hide(error, 'cause', this.value(depth + 1))
    return error
  }

  private regexp(depth: number): RegExp {
    if (this.array(1, depth) !== 2) throw new ValueError('an expression has a source and flags')
    const source = this.string()
    const flags = this.string()
    if (!isRegExpFlags(flags)) throw new ValueError('an expression has unknown flags')
    let made: RegExp | undefined
    try {
      made = new RegExp(source, flags)
    } catch {
      // Not known to this engine: whether others know it must not decide what this member accepts.
    }
    if (made !== undefined && made.source === source) return made
    const standIn = /(?!)/
    regexpStandIns.set(standIn, { source, flags })
    return standIn
  }

  private typedArray(tag: unknown): ArrayBufferView {
    const kind = typeof tag === 'number' ? TYPED_ARRAY_KINDS.get(tag) : undefined
    if (kind === undefined) throw new ValueError('unknown tag')
    const bytes = this.bytes()
    if (bytes.length % kind.bytesPerElement !== 0) throw new ValueError('a typed array ends within an element')
    return kind.make(bytes.buffer)
  }
}

function integer(value: unknown): number {
  if (typeof value !== 'number') throw new ValueError('an integer is out of range')
  return value
}

/** Floats stand only for what no integer can be. */
function float(value: number): number {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) throw new ValueError('an integer is written as a float')
  return value
}

/** cborg shares its one empty array among all tokens; all others are slices that nobody else has. */
function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.length === 0 ? new Uint8Array(0) : (bytes as Uint8Array<ArrayBuffer>)
}

/** How many of a string's bytes are its head; the head is the shortest possible, so the whole length decides. */
function headLength(encoded: number): number {
  if (encoded <= 24) return 1
  if (encoded <= 257) return 2
  if (encoded <= 65_538) return 3
  return encoded <= 4_294_967_300 ? 5 : 9
}

function hide(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, configurable: true, enumerable: false, writable: true })
}
