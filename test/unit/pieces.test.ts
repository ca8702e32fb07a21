/**
 * Frames in pieces.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JOINED_BYTES_MAX, Joiner, PIECE_BYTES_MAX, split } from '../../lib/pieces.ts'

for (const size of [0, 1, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 3 * PIECE_BYTES_MAX, JOINED_BYTES_MAX]) {
  test(`pieces › a frame of ${size} bytes arrives as it was sent`, () => {
    const frame = Uint8Array.from({ length: size }, (_, i) => (i * 7) & 255)
    const joiner = new Joiner()
    const messages = split(frame)
    assert.equal(messages.length, Math.max(1, Math.ceil(size / PIECE_BYTES_MAX)))
    for (const [i, message] of messages.entries()) {
      assert.ok(message.length <= 64 * 1024)
      const result = joiner.take(message)
      if (i < messages.length - 1) assert.equal(result, null)
      else assert.deepEqual(result, frame)
    }
  })
}

test('pieces › more than the bound is a fault, and the next frame is taken', () => {
  const joiner = new Joiner()
  const results = split(new Uint8Array(JOINED_BYTES_MAX + 1)).map((message) => joiner.take(message))
  assert.deepEqual(results.at(-1), { fault: 'frame-too-long' })
  assert.deepEqual(joiner.take(Uint8Array.of(0, 5)), Uint8Array.of(5))
})

test('pieces › malformed messages are faults', () => {
  assert.deepEqual(new Joiner().take(new Uint8Array(0)), { fault: 'piece-malformed' })
  assert.deepEqual(new Joiner().take(Uint8Array.of(3)), { fault: 'piece-malformed' })
  assert.deepEqual(new Joiner().take(Uint8Array.of(1)), { fault: 'piece-empty' })
  assert.deepEqual(new Joiner().take(new Uint8Array(PIECE_BYTES_MAX + 2)), { fault: 'piece-too-long' })
  const joiner = new Joiner()
  joiner.take(Uint8Array.of(1, 1))
  assert.deepEqual(joiner.take(Uint8Array.of(0, 1)), { fault: 'piece-missing' })
})
