/** A few rounds of Yjs's random workload; `npm run yjs:rounds` runs a thousand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rounds } from './rounds.ts'

test('yjs › after random edits, crashes, joins and splits all documents are equal, and nothing is pending', {
  timeout: 60_000,
}, async () => {
  const rounds = await Rounds.start(1)
  for (let i = 0; i < 30; i += 1) await rounds.round()
  const { crashes, joins, splits, disconnects } = rounds.counts
  assert.ok(Math.min(crashes, joins, splits, disconnects) > 0, JSON.stringify(rounds.counts))
})
