/** Services while whoever runs a call is killed; `npm run sim:calls` is the same, for long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCourse } from '../../sim/calls-course.ts'

for (const seed of [1, 2]) {
  test(`service › 200 calls while runners are killed have one outcome each, and no caller is left waiting (${seed})`, async () => {
    const { breaches, kills, runs, calls, ofClients, replies, unheard, errors } = await runCourse({
      calls: 200,
      seed,
      killChance: 0.05,
    })
    assert.deepEqual(breaches, [])
    assert.ok(kills > 5, `${kills} kills`)
    // What a killed runner had begun was begun again.
    assert.ok(runs > calls - unheard)
    assert.ok(Math.abs(ofClients - calls / 2) < calls / 20)
    assert.deepEqual([replies + unheard, errors], [calls, {}])
  })
}
