/**
 * Bytes, the smallest pieces of a frame: whole numbers, texts, names of processes and views.
 *
 * Numbers are little-endian base-128 varints up to 2^53 − 1 in their shortest form. A text is its length in UTF-16 units
 * with one byte a unit if all fit, two otherwise (so lone surrogates survive). Texts and process ids that a frame
 * repeats are written once and referred to by number afterwards: flush rows name the same members over and over.
 *
 * The writer trusts its caller and throws for what no receiver would accept: that is a bug here. The reader trusts
 * nobody and never throws: its first fault sticks, stops it, and every later read yields something empty.
 */
import type { ProcessId, ViewId } from './api.ts'
import { isProcessId } from './ids.ts'
import type { Limits } from './limits.ts'

/** What can be wrong with a peer's bytes. */
export type WireFault =
  /** The bytes end before the frame does. */
  | 'truncated'
  /** The frame ends before the bytes do. */
  | 'trailing'
  /** Not the one way to write it: an overlong number, an unknown flag. */
  | 'malformed'
  /** Past a limit. */
  | 'too-large'
  /** Not a process id. */
  | 'bad-id'
  /** A kind of frame, message or item that does not exist. */
  | 'unknown-kind'
  /** Another version of the protocol. */
  | 'bad-version'

/** Longest name, line or kind, in UTF-16 units. */
export const textMax = 256
/** Longest web origin: a host name of 253 characters, a scheme and a port do not fit `textMax`. */
export const originMax = 512

const idBytesMax = 64
const narrowMax = 0xff

// How a view id begins.
const viewNone = 0
const viewOfSpace = 1
const viewOfGroup = 2

/** Appends the pieces of one frame to a growing buffer. */
export class Writer {
  private buffer: Uint8Array
  private at = 0
  private readonly ids: Map<string, number> = new Map()
  private readonly texts: Map<string, number> = new Map()

  /** `size`: the bytes expected; more are found as needed. */
  constructor(size: number) {
    this.buffer = new Uint8Array(size)
  }

  /** What was written, in a buffer of its own and of exactly that size. */
  finish(): Uint8Array {
    return this.at === this.buffer.length ? this.buffer : this.buffer.slice(0, this.at)
  }

  byte(value: number): void {
    if (this.at === this.buffer.length) this.reserve(1)
    this.buffer[this.at++] = value
  }

  flag(value: boolean): void {
    this.byte(value ? 1 : 0)
  }

  /** A whole number from 0 to 2^53 − 1. */
  int(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a number for the wire: ${value}`)
    this.reserve(8)
    let rest = value
    // Shifts work on 32 bits only: larger numbers begin with divisions.
    while (rest > 0x7fffffff) {
      this.buffer[this.at++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      this.buffer[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.buffer[this.at++] = rest
  }

  /** A time or another finite number, not negative. */
  float(value: number): void {
    if (!Number.isFinite(value) || value < 0) throw new RangeError(`not a time for the wire: ${value}`)
    this.reserve(8)
    // −0 is written as 0.
    new DataView(this.buffer.buffer, this.at, 8).setFloat64(0, value + 0)
    this.at += 8
  }

  /** Bytes with their length in front. */
  bytes(value: Uint8Array): void {
    this.int(value.length)
    this.raw(value)
  }

  /** A text of at most `max` UTF-16 units. */
  text(value: string, max: number = textMax): void {
    if (value.length > max) throw new RangeError(`a text of ${value.length} units, ${max} are allowed`)
    if (this.wasKnown(this.texts, value)) return
    let isWide = false
    for (let i = 0; i < value.length; i++) isWide ||= value.charCodeAt(i) > narrowMax
    this.int(value.length * 2 + (isWide ? 1 : 0))
    this.reserve(value.length * 2)
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (isWide) this.buffer[this.at++] = unit >>> 8
      this.buffer[this.at++] = unit & 0xff
    }
  }

  id(value: ProcessId): void {
    if (this.wasKnown(this.ids, value)) return
    if (!isProcessId(value)) throw new RangeError(`not a process id: ${JSON.stringify(value)}`)
    this.reserve(value.length + 1)
    this.buffer[this.at++] = value.length
    for (let i = 0; i < value.length; i++) this.buffer[this.at++] = value.charCodeAt(i)
  }

  /** A view id, or null where there may be none. */
  view(value: ViewId | null): void {
    if (value === null) {
      this.byte(viewNone)
      return
    }
    const [epoch = '', coordinator = '', n, more] = value.split('.')
    if (more !== undefined || !isNumeral(epoch) || (n !== undefined && !isNumeral(n))) {
      throw new RangeError(`not a view id: ${JSON.stringify(value)}`)
    }
    this.byte(n === undefined ? viewOfSpace : viewOfGroup)
    this.int(Number(epoch))
    this.id(coordinator)
    if (n !== undefined) this.int(Number(n))
  }

  private raw(value: Uint8Array): void {
    this.reserve(value.length)
    this.buffer.set(value, this.at)
    this.at += value.length
  }

  /** Writes the number of a string that the frame has named before, or 0 ahead of a new one. */
  private wasKnown(table: Map<string, number>, value: string): boolean {
    const known = table.get(value)
    this.int(known ?? 0)
    if (known !== undefined) return true
    table.set(value, table.size + 1)
    return false
  }

  private reserve(more: number): void {
    const need = this.at + more
    if (need <= this.buffer.length) return
    const grown = new Uint8Array(Math.max(need, this.buffer.length * 2))
    grown.set(this.buffer)
    this.buffer = grown
  }
}

/** Is this how `String` writes a number that a varint can carry? */
function isNumeral(text: string): boolean {
  const value = Number(text)
  return Number.isSafeInteger(value) && value >= 0 && String(value) === text
}

/** Takes the pieces of one frame from a peer's bytes. */
export class Reader {
  /** The first thing that was wrong; from then on nothing is left to read. */
  fault: WireFault | null = null
  readonly limits: Limits
  private readonly source: Uint8Array
  private at = 0
  private end: number
  private readonly ids: ProcessId[] = []
  private readonly texts: string[] = []

  constructor(source: Uint8Array, limits: Limits) {
    this.source = source
    this.limits = limits
    this.end = source.length
  }

  /** Gives up. Only the first fault is kept. */
  fail(fault: WireFault): void {
    this.fault ??= fault
    this.at = 0
    this.end = 0
  }

  /** Elements of lists that were not written out, since an earlier list has them. */
  private repeated = 0

  /** So many more are repeated: a few bytes must not make a frame that fills the memory. */
  repeat(count: number): void {
    this.repeated += count
    if (this.repeated > (this.limits.depsMax * this.limits.depsMax) / 2) this.fail('too-large')
  }

  /** Bytes that are left. */
  get left(): number {
    return this.end - this.at
  }

  byte(): number {
    if (this.at < this.end) return this.source[this.at++] ?? 0
    this.fail('truncated')
    return 0
  }

  flag(): boolean {
    const value = this.byte()
    if (value > 1) this.fail('malformed')
    return value === 1
  }

  int(): number {
    let next = this.byte()
    if (next < 0x80) return next
    let value = next & 0x7f
    let scale = 128
    // Eight bytes carry 56 bits. A sum past 2^53 may be rounded, but never to below it.
    for (let i = 1; i < 8; i++) {
      next = this.byte()
      value += (next & 0x7f) * scale
      scale *= 128
      if (next >= 0x80) continue
      // A last byte of 0 (other than a truncated one, reported already) adds nothing: the number is not in its shortest form.
      if (next !== 0 && value <= Number.MAX_SAFE_INTEGER) return value
      break
    }
    this.fail('malformed')
    return 0
  }

  float(): number {
    if (this.left < 8) {
      this.fail('truncated')
      return 0
    }
    const value = new DataView(this.source.buffer, this.source.byteOffset + this.at, 8).getFloat64(0)
    this.at += 8
    if (Number.isFinite(value) && value >= 0 && !Object.is(value, -0)) return value
    this.fail('malformed')
    return 0
  }

  /** A number of things that follow, each of at least one byte: within `max` and within what is left. */
  count(max: number): number {
    const value = this.int()
    if (value <= max && value <= this.left) return value
    this.fail(value > max ? 'too-large' : 'truncated')
    return 0
  }

  /** A view into the received bytes, not a copy. */
  bytes(max: number): Uint8Array {
    const length = this.count(max)
    const start = this.at
    this.at += length
    return this.source.subarray(start, this.at)
  }

  text(max: number = textMax): string {
    const known = this.int()
    const value = known === 0 ? this.newText(max) : this.texts[known - 1]
    if (value !== undefined && value.length <= max) return value
    this.fail(value === undefined ? 'malformed' : 'too-large')
    return ''
  }

  id(): ProcessId {
    const known = this.int()
    const value = known === 0 ? this.newId() : this.ids[known - 1]
    if (value !== undefined) return value
    this.fail('bad-id')
    return ''
  }

  view(): ViewId {
    const view = this.viewOrNull()
    if (view !== null) return view
    this.fail('malformed')
    return ''
  }

  viewOrNull(): ViewId | null {
    const form = this.byte()
    if (form === viewNone) return null
    if (form > viewOfGroup) {
      this.fail('malformed')
      return null
    }
    const epoch = this.int()
    const coordinator = this.id()
    return form === viewOfSpace ? `${epoch}.${coordinator}` : `${epoch}.${coordinator}.${this.int()}`
  }

  private newText(max: number): string {
    const head = this.int()
    const length = Math.floor(head / 2)
    const unitBytes = 1 + (head % 2)
    if (length > max || length * unitBytes > this.left) {
      this.fail(length > max ? 'too-large' : 'truncated')
      return ''
    }
    const units = new Uint16Array(length)
    let largest = 0
    for (let i = 0; i < length; i++) {
      const unit = unitBytes === 1 ? this.byte() : this.byte() * 256 + this.byte()
      units[i] = unit
      largest = Math.max(largest, unit)
    }
    if (unitBytes === 2 && largest <= narrowMax) this.fail('malformed')
    const value: string = Reflect.apply(String.fromCharCode, null, units)
    this.texts.push(value)
    return value
  }

  private newId(): ProcessId {
    const length = this.byte()
    if (length === 0 || length > idBytesMax) {
      this.fail('bad-id')
      return ''
    }
    if (length > this.left) {
      this.fail('truncated')
      return ''
    }
    const start = this.at
    this.at += length
    const value: string = Reflect.apply(String.fromCharCode, null, this.source.subarray(start, this.at))
    if (!isProcessId(value)) this.fail('bad-id')
    this.ids.push(value)
    return value
  }
}
