/** Segments of states: cut by content, named by digests, listed, looked for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  areRanges,
  decodeList,
  encodeEnd,
  encodeEntries,
  encodeHead,
  Search,
} from '../../../lib/kernel/segment-list.ts'
import {
  digestOf,
  drawKey,
  type Key,
  prime,
  Segmenter,
  type SegmentList,
  segmentBytesMax,
  segmentBytesMin,
} from '../../../lib/kernel/segments.ts'

const key: Key = [3, 5, 7, 11]

function listOf(bytes: Uint8Array, by: Key = key, budget = Number.POSITIVE_INFINITY): SegmentList {
  const segmenter = new Segmenter(bytes, by)
  while (!segmenter.go(budget));
  return segmenter.list
}

/** As it travels. */
function encodeList(list: SegmentList): Uint8Array {
  const parts = [encodeHead(list.key, list.bytes), encodeEntries(list, 0), encodeEnd(list.check)]
  return new Uint8Array(Buffer.concat(parts))
}

function searched(list: SegmentList, ...bases: Uint8Array[]): Search {
  const search = new Search(list, bases)
  while (!search.go(1_000));
  return search
}

/** Up to 30 kB: some of it like chance, some of it all the same. */
const content = fc
  .array(
    fc.oneof(
      fc.uint8Array({ minLength: 0, maxLength: 3_000 }),
      fc.nat(3_000).map((n) => new Uint8Array(n)),
    ),
    {
      minLength: 1,
      maxLength: 10,
    },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)))

test('segments › their lengths add up, within the bounds, and it is all one in how many steps they were cut', () => {
  fc.assert(
    fc.property(content, fc.integer({ min: 1, max: 5_000 }), (bytes, budget) => {
      const list = listOf(bytes)
      assert.deepEqual(listOf(bytes, key, budget), list)
      assert.equal(
        list.lengths.reduce((sum, length) => sum + length, 0),
        bytes.length,
      )
      for (const [i, length] of list.lengths.entries()) {
        assert.ok(length <= segmentBytesMax)
        assert.ok(length >= segmentBytesMin || i === list.lengths.length - 1)
      }
    }),
  )
})

test('segments › a digest is the polynomial modulo the prime', () => {
  const random = fc.integer({ min: 1, max: prime - 1 })
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), random, random, (bytes, a, b) => {
      const value = (point: number): bigint => {
        let sum = BigInt(bytes.length)
        for (let at = 0; at < bytes.length; at += 3) {
          const word = (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256 + (bytes[at + 2] ?? 0) * 65_536
          sum = (sum * BigInt(point) + BigInt(word)) % BigInt(prime)
        }
        return sum
      }
      const digest = digestOf(bytes, 0, bytes.length, [a, b, 1, 1])
      assert.equal(BigInt(digest), value(a) * 2n ** 26n + value(b))
    }),
  )
})

test('segments › keys are within the prime, whatever is drawn', () => {
  assert.deepEqual(
    drawKey(() => 0),
    [1, 1, 1, 1],
  )
  for (const point of drawKey(() => 1 - 2 ** -53)) assert.ok(point < prime)
})

test('segments › a list comes back from its bytes', () => {
  fc.assert(
    fc.property(content, (bytes) => {
      const list = listOf(bytes, drawKey(Math.random))
      if (bytes.length > 0) assert.deepEqual(decodeList(encodeList(list), bytes.length), list)
    }),
  )
})

test('segments › what is no list, or of too large a state, is refused', () => {
  const good = encodeList(listOf(new Uint8Array(10_000)))
  assert.notEqual(decodeList(good, 10_000), null)
  assert.equal(decodeList(good, 9_999), null)
  assert.equal(decodeList(good.subarray(0, good.length - 1), 10_000), null)
  assert.equal(decodeList(good.subarray(0, 27), 10_000), null)
  assert.equal(decodeList(new Uint8Array(0), 10_000), null)
  for (const [at, byte] of [
    [0, 0],
    [3, 255],
    [16, 99],
    [21, 0],
    [21, 255],
  ] as const) {
    const bad = good.slice()
    bad[at] = byte
    assert.equal(decodeList(bad, 100_000), null, `byte ${at}`)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeList(bytes, 1_000)
    }),
  )
})

test('segments › what is held and what is wanted is the whole state', () => {
  fc.assert(
    fc.property(content, content, fc.nat(30_000), fc.integer({ min: 1, max: 4 }), (bytes, more, at, max) => {
      if (bytes.length === 0) return
      const list = listOf(bytes)
      const changed = new Uint8Array([...bytes.subarray(0, at), ...more.subarray(0, 100), ...bytes.subarray(at)])
      const search = searched(list, changed)
      const ranges = search.wanted(max)
      assert.ok(areRanges(ranges, list.lengths.length) && ranges.length <= max * 2)
      let start = 0
      for (const [i, length] of list.lengths.entries()) {
        const isWanted = ranges.some((first, r) => r % 2 === 0 && i >= first && i < first + (ranges[r + 1] ?? 0))
        if (!isWanted) assert.deepEqual(search.held(i), bytes.subarray(start, start + length))
        start += length
      }
      assert.deepEqual(searched(list, bytes).wanted(max), [])
      assert.deepEqual(searched(list).wanted(max), [0, list.lengths.length])
    }),
  )
})

test('segments › ranges that overlap, go back or beyond the end make no sense', () => {
  assert.ok(areRanges([], 3) && areRanges([0, 3], 3) && areRanges([0, 1, 1, 1, 2, 1], 3))
  for (const bad of [[0], [0, 4], [1, 1, 0, 1], [0, 2, 1, 1], [3, 1], [0, 0]]) assert.ok(!areRanges(bad, 3))
})
