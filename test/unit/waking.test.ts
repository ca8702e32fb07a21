/** How a page finds out that its machine was asleep. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchJumps } from '../../adapters/simple-peer/waking.ts'

function watched() {
  const clock = { time: 1_000_000, hidden: false, now: () => clock.time, isHidden: () => clock.hidden }
  let woken = 0
  const look = watchJumps(clock, () => {
    woken += 1
  })
  const after = (ms: number): number => {
    clock.time += ms
    look()
    return woken
  }
  return { clock, after }
}

test('waking › a clock that has jumped between two ticks is a sleep, told once', () => {
  const { after } = watched()
  assert.equal(after(5000), 0)
  assert.equal(after(20_000), 0)
  assert.equal(after(20_001), 1)
  assert.equal(after(5000), 1)
})

test('waking › a clock that is set back, and what follows, is no sleep', () => {
  const { after } = watched()
  assert.equal(after(-3_600_000), 0)
  assert.equal(after(5000), 0)
})

test('waking › the slow timers of a hidden page are no sleep, nor is the first tick after it is shown', () => {
  const { clock, after } = watched()
  clock.hidden = true
  assert.equal(after(60_000), 0)
  clock.hidden = false
  assert.equal(after(60_000), 0)
  assert.equal(after(60_000), 1)
  clock.hidden = true
  assert.equal(after(90_001), 2)
})
