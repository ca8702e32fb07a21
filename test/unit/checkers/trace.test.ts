import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareViewIds, parseMessageId, parseViewId } from '../../../lib/testing/trace-names.ts'
import { formatTrace, parseTrace } from '../../../lib/testing/trace-text.ts'
import { trio } from './builder.ts'

test('a trace survives being written and read', () => {
  const { lines } = trio().cast('a#1', 'g').deliver('b', 'g', 'a#1').end()
  assert.deepEqual(parseTrace(formatTrace(lines)), lines)
})

test('empty lines are skipped and unknown events kept', () => {
  assert.deepEqual(parseTrace('\n{"t":1,"e":"later-version"}\n\n'), [{ t: 1, e: 'later-version' }])
})

test('a broken line is named', () => {
  assert.throws(() => parseTrace('{"t":1,"e":"end"}\n{"t":'), /line 2 is not JSON/)
  for (const bad of ['1', 'null', '[]', '{"e":"end"}', '{"t":"1","e":"end"}', '{"t":1,"e":2}']) {
    assert.throws(() => parseTrace(`${bad}\n`), /line 1 is not an event/)
  }
})

test('views are ordered by epoch, then by number', () => {
  assert.deepEqual(parseViewId('12.x_y-z.3'), { epoch: 12, coordinator: 'x_y-z', n: 3 })
  assert.deepEqual(parseViewId('12.x'), { epoch: 12, coordinator: 'x', n: 0 })
  assert.ok(compareViewIds('9.z.7', '10.a.1') < 0)
  assert.ok(compareViewIds('9.a.10', '9.a.9') > 0)
  assert.equal(compareViewIds('9.a.1', '9.a.1'), 0)
})

test('a cast is named by its sender and number', () => {
  assert.deepEqual(parseMessageId('a-b#12'), { sender: 'a-b', n: 12 })
})
