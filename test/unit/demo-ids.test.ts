/** The demo's ids, where a page has no secure context. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomId } from '../../demo/random-id.ts'

test('demo › ids need no secure context, and no two are the same', (t) => {
  t.mock.method(crypto, 'randomUUID', () => {
    throw new TypeError('crypto.randomUUID is not a function')
  })
  const ids = Array.from({ length: 100 }, randomId)
  assert.equal(new Set(ids).size, ids.length)
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/)
})
