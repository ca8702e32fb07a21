/** The travelling state of a consistent group. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValueError } from '../../lib/errors.ts'
import type { KeptEvent } from '../../lib/kept-events.ts'
import { packState, unpackState } from '../../lib/travelling-state.ts'
import { encodeValue } from '../../lib/values.ts'
import { actedIn } from './stored-groups.ts'

const view = {
  id: '2.a.0',
  members: ['a', 'b'],
  primary: false,
  line: 'L',
  missing: [],
  joined: [],
  left: [],
  dead: ['c'],
  expelled: [],
}
const kept: KeptEvent[] = [
  view,
  { payload: Uint8Array.of(1, 2), info: { author: 'b', local: true, n: 7, view: '2.a.0', index: 3 } },
]

test('travelling state › comes apart as it was put together, with authors seen from the receiver', () => {
  const state = encodeValue(['state'])
  const cut = new Map([['b', 6]])
  const restoration = null
  const whole = { state, kept, cut, restoration, held: [], acted: null }
  assert.deepEqual(unpackState(packState(whole), 'b'), whole)
  const [, cast] = unpackState(packState(whole), 'a').kept
  assert.equal(cast !== undefined && 'info' in cast && cast.info.local, false)
})

test('travelling state › what waits for what was stored goes with it', () => {
  const held = [{ payload: Uint8Array.of(3), info: { author: 'a', local: true, n: 8, view: '3.a.0', index: 1 } }]
  const whole = { state: encodeValue(1), kept: [], cut: new Map(), restoration: [true, 0], held, acted: null }
  assert.deepEqual(unpackState(packState(whole), 'a'), whole)
})

test('travelling state › how far it has come goes with it where no primary view says that', () => {
  const acted = { ...actedIn('3.a.0', 4, 'a', 'b'), birth: '1.a.0 0', past: [] }
  for (const restoration of [null, [true, 0]]) {
    const whole = { state: encodeValue(1), kept: [], cut: new Map(), restoration, held: [], acted }
    assert.deepEqual(unpackState(packState(whole), 'a'), whole)
  }
})

test('travelling state › anything else is a ValueError', () => {
  const whole = packState({ state: encodeValue(1), kept, cut: new Map(), restoration: null, held: [], acted: null })
  for (let length = 0; length < whole.length - 1; length += 1) {
    assert.throws(() => unpackState(whole.subarray(0, length), 'a'), ValueError, String(length))
  }
  const heads = [
    1,
    [1, []],
    [[], [1]],
    [[['a']], []],
    [[], [['a', 1, 'v', 1, 'x']]],
    [[], [{ ...view, dead: [1] }]],
    [[], [], [true], [1]],
    [[], [], null, [], ['far']],
  ]
  for (const head of heads) {
    const bytes = encodeValue(head)
    const packed = new Uint8Array(4 + bytes.length)
    new DataView(packed.buffer).setUint32(0, bytes.length, true)
    packed.set(bytes, 4)
    assert.throws(() => unpackState(packed, 'a'), ValueError, JSON.stringify(head))
  }
})
