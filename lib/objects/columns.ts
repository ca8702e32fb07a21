/**
 * Columns: how a saved state holds many like parts in few values.
 *
 * The codec walks a value part by part, in one task of the page: ten thousand entries as arrays of small parts hold the
 * page up for several frames. As columns (numbers in one typed array, texts and byte strings end to end beside their
 * lengths) they cost little more than their copies. What still takes long is made in steps, a task each.
 * Equal parts give equal columns. What is read may come from anyone: a reader throws a ValueError for anything else.
 */
import { assertState, isTotal } from './checks.ts'

/** A step takes so many parts: well below a millisecond on a desktop, a few on a phone. */
export const STEP_PARTS = 2000
/** A step that copies takes so many bytes, and what its last part has more. */
const STEP_BYTES: number = 512 * 1024

/** Whole numbers from 0, all counted exactly. Which array it is depends on the greatest of them alone. */
export type NumberColumn = Uint8Array | Uint16Array | Uint32Array | Float64Array

/** The narrowest column that holds the numbers. */
export function numberColumn(numbers: readonly number[]): NumberColumn {
  let max = 0
  for (const number of numbers) if (number > max) max = number
  if (max < 2 ** 8) return new Uint8Array(numbers)
  if (max < 2 ** 16) return new Uint16Array(numbers)
  return max < 2 ** 32 ? new Uint32Array(numbers) : new Float64Array(numbers)
}

/** Reads a column of whole numbers. */
export function readNumbers(column: unknown): NumberColumn {
  assertState(
    column instanceof Uint8Array ||
      column instanceof Uint16Array ||
      column instanceof Uint32Array ||
      (column instanceof Float64Array && column.every(isTotal)),
    'numbers',
  )
  return column
}

/** Texts end to end, and how many UTF-16 units each has. */
export type TextColumn = readonly [text: string, lengths: NumberColumn]

/** The texts as a column. */
export function textColumn(texts: readonly string[]): TextColumn {
  return [texts.join(''), numberColumn(texts.map(({ length }) => length))]
}

/** Reads a column of texts. */
export function readTexts(text: unknown, lengths: unknown): string[] {
  assertState(typeof text === 'string', 'text')
  const texts: string[] = []
  let at = 0
  for (const length of readNumbers(lengths)) {
    // Engines let a slice keep the whole text alive; joined to something first, it is a copy.
    texts.push(` ${text.slice(at, at + length)}`.slice(1))
    at += length
  }
  // Past the end, slices are empty and the sum can only be too large.
  assertState(at === text.length, 'text lengths')
  return texts
}

/** Byte strings end to end, and how long each is. */
export type BytesColumn = readonly [bytes: Uint8Array, lengths: NumberColumn]

/** The byte strings as a column, made in steps. */
export function* bytesColumn(parts: readonly Uint8Array[]): Generator<undefined, BytesColumn> {
  const lengths = parts.map(({ length }) => length)
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  let since = 0
  for (const [i, part] of parts.entries()) {
    if (i % STEP_PARTS === 0 || at - since > STEP_BYTES) {
      yield
      since = at
    }
    bytes.set(part, at)
    at += part.length
  }
  return [bytes, numberColumn(lengths)]
}

/** Goes all steps at once. */
export function finish<Result>(steps: Iterator<undefined, Result>): Result {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
  }
}

/** Reads a column of byte strings, each a copy. */
export function readParts(bytes: unknown, lengths: unknown): Uint8Array[] {
  assertState(bytes instanceof Uint8Array, 'bytes')
  const parts: Uint8Array[] = []
  let at = 0
  for (const length of readNumbers(lengths)) {
    parts.push(bytes.slice(at, at + length))
    at += length
  }
  assertState(at === bytes.length, 'byte lengths')
  return parts
}
