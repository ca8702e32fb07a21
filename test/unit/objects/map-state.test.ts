/** The delivered state of a map, operation by operation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MapState } from '../../../lib/objects/map-state.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'

const bytes = encodeValue('x')

test('map state › an operation whose own dot is known still removes what it overwrites', () => {
  // b's write replaces c's second, which replaces c's first.
  const first = [0, 1, 'k', 1, bytes, []]
  for (const second of [
    [0, 2, 'k', 2, bytes, ['c', 1]],
    [1, 2, 'k', ['c', 1]],
    [2, 2, ['c', [1, 1]]],
  ]) {
    const third = [0, 1, 'k', 3, bytes, ['c', 2]]
    const whole = new MapState()
    whole.apply(first, 'c', undefined)
    whole.apply(second, 'c', undefined)
    whole.apply(third, 'b', undefined)
    const part = new MapState()
    part.apply(first, 'c', undefined)
    const late = new MapState()
    late.apply(third, 'b', undefined)
    late.merge(part)
    late.apply(second, 'c', undefined)
    assert.deepEqual(late.save(), whole.save(), JSON.stringify(second))
    // And once more: nothing is touched, nothing comes back.
    assert.deepEqual(late.apply(second, 'c', undefined), [])
    assert.deepEqual(late.apply(first, 'c', undefined), [])
    assert.deepEqual(late.save(), whole.save())
  }
})

/** Keys, authors and numbers of all sizes, and keys that several have written at once. */
function makeLarge(): MapState {
  const state = new MapState()
  const keys = ['', 'a', '\uD83D', '\uDE00', '\uD83D\uDE00', '\u{1F600}b', '__proto__', 'ä'.repeat(300)]
  for (let i = 0; i < 6000; i++) keys.push(`key ${(i * 7919) % 6000}`)
  for (const [i, key] of keys.entries()) {
    state.apply([0, i + 1, key, i < 9 ? 2 ** 40 : 1, encodeValue([i, 'x'.repeat(i % 300)]), []], 'b', undefined)
    if (i % 10 === 0) state.apply([0, 2 ** 45 + i, key, 1, encodeValue(i), []], 'a', undefined)
  }
  return state
}

test('map state › what is saved is loaded again, to the byte', () => {
  const state = makeLarge()
  const bytes = encodeValue(state.save())
  const loaded = MapState.load(decodeValue(bytes))
  assert.deepEqual(encodeValue(loaded.save()), bytes)
  assert.deepEqual([...loaded.keys()].sort(), [...state.keys()].sort())
  for (const key of state.keys()) assert.deepEqual(loaded.entries(key), state.entries(key))
  assert.equal(loaded.entries('').length, 2)
})

test('map state › saving in steps gives the state as it was at the call, whatever is applied between them', () => {
  const state = makeLarge()
  const before = state.save()
  const steps = state.saveInSteps()
  state.apply([0, 10_000, 'key 7', 9, encodeValue('new'), ['b', 7]], 'b', undefined)
  let step = steps.next()
  let count = 1
  for (; !step.done; step = steps.next()) {
    count += 1
    state.apply([0, 10_000 + count, `key ${count}`, 9, encodeValue('new'), ['b', count + 8]], 'b', undefined)
    state.apply([0, 20_000 + count, `new ${count}`, 1, encodeValue('new'), []], 'b', undefined)
    state.apply([1, 30_000 + count, 'a', ['b', 2]], 'b', undefined)
  }
  assert.ok(count > 6, `${count} steps`)
  assert.deepEqual(step.value, before)
  assert.notDeepEqual(state.save(), before)
})
