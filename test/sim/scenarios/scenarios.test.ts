/** Plays every hand-written scenario; each holds, and each names what motivates it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scripts } from './all.ts'
import { perform } from './script.ts'

/** At least so many, without those that are still to do. */
const SCENARIOS_MIN = 121

test('scenarios › each has a name of its own and says what motivates it', () => {
  assert.ok(scripts.filter(({ todo }) => todo === undefined).length >= SCENARIOS_MIN)
  assert.equal(new Set(scripts.map(({ name }) => name)).size, scripts.length)
  for (const { name, cites } of scripts) {
    assert.match(
      name,
      /^vsync: (views|suspect|flush|merge|primary|xfer|order|uniform|strong|gbcast|queue|freeze|away|lagging|join|votes|folding): ./,
    )
    assert.ok(cites.length > 0, name)
  }
})

for (const script of scripts) {
  test(`scenarios › ${script.name}`, { todo: script.todo ?? false }, async () => {
    assert.deepEqual(await perform(script), [])
  })
}
