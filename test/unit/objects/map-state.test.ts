/** The delivered state of a map, operation by operation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MapState } from '../../../lib/objects/map-state.ts'
import { encodeValue } from '../../../lib/values.ts'

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
