/** Ballots of a whole space, in one thread over the memory transport. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import { openSpace } from '../../../lib/open-space.ts'
import { VoteError } from '../../../lib/tool-errors.ts'
import { until } from '../until.ts'

test('ballot of a space › who opened it leaves; the others decide it, and who never took part abstains by leaving', {
  timeout: 20_000,
}, async (t) => {
  const transports = [memory({ hub: new MemoryHub() })]
  const open = () => openSpace('test', { worker: false, foundAfterMs: 20, transports })
  const spaces = await Promise.all([open(), open(), open(), open()])
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(spaces.map((space) => until(space, 'view', () => space.members.length === 4 && space.view.primary)))
  const [a, b, c, absent] = spaces
  assert.ok(a && b && c && absent)
  const waiting = b.ballot('piece')
  const opened = await a.ballot('piece', { choices: ['Bach', 'Monk'], rule: 'unanimity' })
  assert.deepEqual([...opened.electorate].sort(), spaces.map(({ self }) => self).sort())
  await opened.vote('Monk')
  const ballots = [await waiting, await c.ballot('piece', { choices: ['Bach', 'Monk'], rule: 'unanimity' })]
  await a.close()
  await Promise.all(ballots.map((ballot) => ballot.vote('Monk')))
  assert.equal(ballots[0]?.snapshot.decision, null)
  // It has never opened the ballot: that it is gone is known from the space.
  await absent.close()
  const [first, second] = await Promise.all(ballots.map(({ decision }) => decision))
  assert.deepEqual(first, second)
  assert.deepEqual(first, {
    outcome: 'Monk',
    votes: { [a.self]: 'Monk', [b.self]: 'Monk', [c.self]: 'Monk' },
    view: first?.view,
  })
  await assert.rejects(ballots[0]?.vote('Bach') ?? Promise.resolve(), VoteError)
})
