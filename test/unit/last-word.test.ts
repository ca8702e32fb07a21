/**
 * What a page says for its process when both go away: kept before a vote is given, and a proof of death to whoever hears it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VoteRecord } from '../../lib/kernel/api.ts'
import { decodeFrame, encodeFrame } from '../../lib/kernel/codec.ts'
import { keepWord, readWord } from '../../lib/last-word.ts'
import type { Transport } from '../../lib/ports/transport.ts'

const self = 'A'.repeat(22)
const other = 'B'.repeat(22)
const codec = { encode: encodeFrame, decode: decodeFrame }
const record: VoteRecord = {
  last: { line: 'line', id: `7.${self}`, members: [self, other], weights: [1, 2] },
  attempt: { line: 'line', id: `8.${other}`, members: [other] },
}

function keeper(words: Uint8Array[]): Transport {
  return {
    type: 'keeper',
    preference: 1,
    start: () => undefined,
    stop: () => undefined,
    keepWord(word) {
      words.push(word)
      return Promise.resolve()
    },
  }
}

test('last word › what is kept is the vote record, and is read as it was', async () => {
  const words: Uint8Array[] = []
  await Promise.all(keepWord({ self, codec, transports: [keeper(words), keeper(words)] }, record))
  assert.equal(words.length, 2)
  for (const word of words) assert.deepEqual(readWord(codec, word), { record })
})

test('last word › one that has voted for nothing is proven dead all the same', () => {
  assert.deepEqual(readWord(codec, new Uint8Array(0)), { record: { last: null, attempt: null } })
})

test('last word › it is not kept where no transport may have to say it', () => {
  const { keepWord: _, ...silent } = keeper([])
  assert.deepEqual(keepWord({ self, codec, transports: [silent] }, record), [])
})

test('last word › what is none proves nothing', () => {
  assert.deepEqual(readWord(codec, Uint8Array.of(1, 2, 3)), { fault: 'bad-version' })
  const suspend = encodeFrame({
    t: 'control',
    session: 0,
    no: 0,
    ack: { session: 0, no: 0 },
    messages: [{ k: 'suspend' }],
  })
  assert.deepEqual(readWord(codec, suspend), { fault: 'bad-word' })
  const bulk = encodeFrame({ t: 'bulk', session: 0, no: 0, ack: { session: 0, no: 0 }, chunk: null })
  assert.deepEqual(readWord(codec, bulk), { fault: 'bad-word' })
})
