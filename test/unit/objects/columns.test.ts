/** Columns: what goes in comes out, and nothing else does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValueError } from '../../../lib/errors.ts'
import {
  bytesColumn,
  finish,
  numberColumn,
  readNumbers,
  readParts,
  readTexts,
  textColumn,
} from '../../../lib/objects/columns.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'

/** Through the codec, as from a peer. */
const travelled = (value: unknown): unknown => decodeValue(encodeValue(value))

test('columns › numbers take the narrowest array that holds the greatest', () => {
  for (const [max, kind] of [
    [0, Uint8Array],
    [255, Uint8Array],
    [256, Uint16Array],
    [65_535, Uint16Array],
    [65_536, Uint32Array],
    [4_294_967_295, Uint32Array],
    [4_294_967_296, Float64Array],
    [Number.MAX_SAFE_INTEGER, Float64Array],
  ] as const) {
    const column = numberColumn([0, max, 1])
    assert.equal(column.constructor, kind, `${max}`)
    assert.deepEqual([...readNumbers(travelled(column))], [0, max, 1])
  }
  assert.deepEqual(numberColumn([]), new Uint8Array(0))
})

test('columns › texts keep every UTF-16 unit, also where halves of a pair meet', () => {
  for (const texts of [[], [''], ['', 'a', ''], ['\uD83D', '\uDE00'], ['a\uD83D', '\uDE00\uDE00'], ['\uFEFFä', '漢']]) {
    const [text, lengths] = travelled(textColumn(texts)) as unknown[]
    assert.deepEqual(readTexts(text, lengths), texts)
  }
})

test('columns › byte strings come back as copies', () => {
  const parts = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3), new Uint8Array(300_000).fill(7)]
  const [bytes, lengths] = finish(bytesColumn(parts))
  const read = readParts(bytes, lengths)
  assert.deepEqual(read, parts)
  bytes.fill(0)
  assert.deepEqual(read, parts)
  for (const part of read) assert.equal(part.buffer.byteLength, part.length)
  assert.deepEqual(readParts(...finish(bytesColumn([]))), [])
})

test('columns › joining bytes goes in steps, by count and by size', () => {
  const steps = (parts: readonly Uint8Array[]): number => [...bytesColumn(parts)].length
  assert.equal(steps(Array.from({ length: 5000 }, () => Uint8Array.of(1))), 3)
  assert.ok(steps(Array.from({ length: 64 }, () => new Uint8Array(65_536))) >= 7)
})

test('columns › lengths that do not fit, and what is no column, are a ValueError', () => {
  const numbers: unknown[] = [
    null,
    1,
    [1],
    'a',
    Int8Array.of(1),
    Float32Array.of(1),
    BigUint64Array.of(1n),
    new Uint8ClampedArray(1),
    Float64Array.of(-1),
    Float64Array.of(0.5),
    Float64Array.of(Number.NaN),
    Float64Array.of(Number.POSITIVE_INFINITY),
    Float64Array.of(2 ** 53),
  ]
  for (const column of numbers) assert.throws(() => readNumbers(column), ValueError)
  const lengths: unknown[] = [
    ...numbers,
    Uint8Array.of(),
    Uint8Array.of(1),
    Uint8Array.of(3),
    Uint8Array.of(1, 2),
    Uint32Array.of(4_294_967_295, 3),
    Float64Array.of(Number.MAX_SAFE_INTEGER),
  ]
  for (const each of lengths) {
    assert.throws(() => readTexts('ab', each), ValueError)
    assert.throws(() => readParts(Uint8Array.of(1, 2), each), ValueError)
  }
  assert.throws(() => readTexts(Uint8Array.of(1), Uint8Array.of(1)), ValueError)
  assert.throws(() => readParts('a', Uint8Array.of(1)), ValueError)
  assert.throws(() => readParts(Uint16Array.of(1), Uint8Array.of(1)), ValueError)
})
