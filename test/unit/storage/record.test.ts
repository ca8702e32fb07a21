/** Stored records: whole ones are read, and nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { castsOf, encodeLogEvent, type LogEvent, readLogEvent } from '../../../lib/storage/log-event.ts'
import { encodeRecord, joinBytes, RECORD_VERSION, readRecords } from '../../../lib/storage/record.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const payload = fc.uint8Array({ maxLength: 40 })
const count = fc.nat(1_000_000)
const logEvent: fc.Arbitrary<LogEvent> = fc.oneof(
  fc
    .tuple(fc.string(), count, fc.string(), count, payload)
    .map(([from, n, view, index, payload]) => ({ type: 'cast' as const, from, n, view, index, payload })),
  fc.tuple(count, payload).map(([n, payload]) => ({ type: 'own' as const, n, payload })),
  fc.tuple(count, fc.string(), count).map(([n, view, index]) => ({ type: 'delivered' as const, n, view, index })),
  count.map((n) => ({ type: 'refused' as const, n })),
)

test('record › what is logged is read as it was written, lone surrogates too', () => {
  fc.assert(
    fc.property(fc.array(logEvent), (events) => {
      const { records, fault } = readRecords(joinBytes(events.map(encodeLogEvent)))
      assert.equal(fault, null)
      assert.deepEqual(records.map(readLogEvent), events)
    }),
  )
  const odd: LogEvent = { type: 'cast', from: '\uD800', n: 1, view: '1.x', index: 1, payload: bytes() }
  const [record] = readRecords(encodeLogEvent(odd)).records
  assert.deepEqual(record && readLogEvent(record), odd)
})

test('record › a record that ends early is truncated, and those before it are read', () => {
  const whole = encodeRecord({ kind: 3, fields: ['o', 1], bytes: bytes(1, 2, 3) })
  for (let length = 0; length < whole.length; length += 1) {
    const { records, fault } = readRecords(joinBytes([whole, whole.subarray(0, length)]))
    assert.equal(records.length, 1)
    assert.equal(fault, length === 0 ? null : 'truncated')
  }
})

test('record › no changed byte passes', () => {
  const whole = encodeRecord({ kind: 3, fields: ['o', 1], bytes: bytes(1, 2, 3) })
  for (let at = 0; at < whole.length; at += 1) {
    for (const change of [1, 0x80, 0xff]) {
      const changed = whole.slice()
      changed[at] = (changed[at] ?? 0) ^ change
      const { records, fault } = readRecords(changed)
      assert.equal(records.length, 0, `byte ${at} changed by ${change} is read`)
      // One that claims a later version is left alone, whatever else is wrong with it.
      const isNewer = at === 3 && (changed[3] ?? 0) > RECORD_VERSION
      if (isNewer) assert.equal(fault, 'newer')
      else assert.ok(fault === 'corrupt' || fault === 'truncated')
    }
  }
})

test('record › of a log, what was delivered comes first, then what its writer cast; what was refused does not', () => {
  const casts = castsOf('me', [
    { type: 'own', n: 1, payload: bytes(1) },
    { type: 'own', n: 2, payload: bytes(2) },
    { type: 'cast', from: 'you', n: 7, view: 'v', index: 1, payload: bytes(7) },
    { type: 'delivered', n: 1, view: 'v', index: 2 },
    { type: 'own', n: 3, payload: bytes(3) },
    { type: 'refused', n: 2 },
  ])
  assert.deepEqual(
    casts.map(({ from, n }) => `${from}#${n}`),
    ['you#7', 'me#1', 'me#3'],
  )
})
