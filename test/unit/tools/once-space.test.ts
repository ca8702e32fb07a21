/** What is done once in a whole space, in one thread over the memory transport. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTogether } from '../together.ts'

test('once in a space › three ask, one runs; when it leaves before it is done, another does', {
  timeout: 20_000,
}, async (t) => {
  const spaces = await openTogether(t, [{}, {}, {}])
  const runs: string[] = []
  let tellBegun: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    tellBegun = resolve
  })
  const results = spaces.map((space) =>
    space.once('seed', ({ signal }) => {
      runs.push(space.self)
      tellBegun()
      // The first never ends by itself.
      if (runs.length > 1) return `by ${space.self}`
      return new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }),
  )
  for (const result of results) result.catch(() => undefined)
  await begun
  const first = spaces.findIndex(({ self }) => self === runs[0])
  await spaces[first]?.close()
  await assert.rejects(results[first] ?? Promise.resolve(), { name: 'ClosedError' })
  const rest = await Promise.all(results.filter((_, i) => i !== first))
  assert.equal(runs.length, 2)
  assert.deepEqual(rest, [`by ${runs[1]}`, `by ${runs[1]}`])
  const others = spaces.filter((_, i) => i !== first)
  const decided = await Promise.all(others.map((space) => space.propose('key', space.self)))
  assert.equal(decided[0], decided[1])
  assert.equal(await others[0]?.once('key', () => 'not run'), decided[0])
  assert.equal(await others[0]?.forgetOnce('key'), true)
  assert.equal(await others[1]?.once('key', () => 'run'), 'run')
})
