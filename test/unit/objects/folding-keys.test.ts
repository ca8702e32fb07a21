/** Under which key a process acts in an object that folds: as few as can be, and none that is folded under its hands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError } from '../../../lib/errors.ts'
import { type CounterOptions, counterKind, type SharedCounter } from '../../../lib/objects/counter.ts'
import { type MapOptions, mapKind, type SharedMap } from '../../../lib/objects/map.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { encodeValue } from '../../../lib/values.ts'
import { Alone } from './alone.ts'
import { makeRandom } from './cluster.ts'
import { FORGET_AFTER_MS } from './folding-course.ts'
import { type Sharer, Sharers } from './sharers.ts'

const options = { forgetAfterMs: FORGET_AFTER_MS }

interface Subject<Handle, Options> {
  readonly kind: ObjectKind<Handle, Options>
  act(handle: Handle): void
  look(handle: Handle): unknown
  /** How many keys a state has by name. */
  names(saved: unknown): number
  /** An operation of another, under `3/1/1.a`. */
  readonly theirs: readonly unknown[]
  /** What is shown once both are delivered. */
  readonly both: unknown
}

const maps: Subject<SharedMap, MapOptions<unknown>> = {
  kind: mapKind,
  act: (map) => map.set('k', 'mine'),
  look: (map) => Object.fromEntries(map.entries()),
  names: (saved) => ((saved as unknown[][])[0]?.length ?? 0) / 2,
  theirs: [0, 1, 'l', 1, encodeValue('x'), [], '3/1/1.a'],
  both: { k: 'mine', l: 'x' },
}

const counters: Subject<SharedCounter, CounterOptions> = {
  kind: counterKind,
  act: (counter) => counter.add(5),
  look: ({ value }) => value,
  names: (saved) => (saved as unknown[]).filter((part) => typeof part === 'string').length,
  theirs: [3, 1, 1, 0, 1, '1.a'],
  both: 6,
}

function describe<Handle, Options>(subject: Subject<Handle, Options>, objectOptions: Options): void {
  const { kind, act, look, names, theirs, both } = subject
  const what = `folding keys › ${kind.kind}`

  /** Three, of whom the first acts each time that they have met; how many names there are in the end. */
  function meetOften(part: (sharers: Sharers<Handle, Options>, all: Sharer<Handle>[]) => void): number {
    const sharers = new Sharers(kind, objectOptions, makeRandom(1))
    const all = [0, 1, 2].map(() => sharers.join(sharers.parts[0] ?? []))
    sharers.drain()
    sharers.change([all])
    for (let i = 0; i < 20; i += 1) {
      for (const sharer of all.slice(0, 2)) sharers.act(sharer, act)
      sharers.drain()
      part(sharers, all)
      sharers.change(sharers.parts)
      sharers.drain()
    }
    for (let i = 0; i < 4; i += 1) {
      sharers.pass(FORGET_AFTER_MS * 2)
      sharers.drain()
      sharers.change(sharers.parts)
      sharers.drain()
    }
    assert.deepEqual(sharers.faults, [])
    const [first] = all
    return names(first?.copies[0].replica.save())
  }

  test(`${what}: however often another is away and comes back, who stays has one name`, () => {
    const count = meetOften((sharers, [a, b, c]) => {
      assert.ok(a && b && c)
      sharers.change([[a, b]])
      sharers.change([[c]])
    })
    assert.equal(count, 2)
  })

  test(`${what}: however often all are out of the primary component and meet again, what is left is a name each`, () => {
    const count = meetOften((sharers, [a, b, c]) => {
      assert.ok(a && b && c)
      for (const each of [c, a, b]) sharers.change([[each]])
    })
    assert.ok(count <= 4, `${count}`)
  })

  for (const how of ['there is no room for it', 'it is refused later'] as const) {
    test(`${what}: what is done under way to a view that folds is not lost, though something was tried long ago: ${how}`, () => {
      const one = new Alone(kind, objectOptions)
      one.view('1.a', null, ['a', 'b', 'x'])
      one.isBusy = how === 'there is no room for it'
      if (one.isBusy) assert.throws(() => act(one.handle), BusyError)
      else {
        act(one.handle)
        one.replica.lost?.(1, 'refused')
      }
      one.isBusy = false
      one.deliver(theirs, 'x')
      one.view('2.a', '1.a', ['a', 'b'])
      one.deliver(['forget', '1.a', 2], 'b')
      act(one.handle)
      one.view('3.a', '2.a', ['a', 'b'])
      one.deliver(one.casts.at(-1))
      assert.deepEqual(one.faults, [])
      assert.deepEqual(look(one.handle), both)
    })
  }

  test(`${what}: who was refused once is cut off for a moment, and brings what it did before that`, () => {
    const [p, a] = ['p', 'a'].map((self) => new Alone(kind, objectOptions, self))
    assert.ok(p && a)
    for (const one of [p, a]) one.view('1.a', null, ['a', 'b', 'p', 'x'])
    p.isBusy = true
    assert.throws(() => act(p.handle), BusyError)
    p.isBusy = false
    for (const one of [p, a]) one.deliver(theirs, 'x')
    for (const one of [p, a]) one.view('2.a', '1.a', ['a', 'b', 'p'])
    act(p.handle)
    p.deliver(p.casts[0])
    // The others had waited, and fold what `x` did.
    p.view('2.p', null, ['p'], true, false)
    a.view('3.a', '2.a', ['a', 'b'])
    a.deliver(['forget', '1.a', 2])
    a.view('4.a', '3.a', ['a', 'b'])
    for (const one of [p, a]) one.view('5.a', '4.a', ['a', 'b', 'p'], false)
    const [theirState, ours] = [p.save(), a.save()]
    p.unite(ours)
    a.unite(theirState)
    for (const one of [p, a]) {
      assert.deepEqual(one.faults, [])
      assert.deepEqual(look(one.handle), both)
    }
  })
}

describe(maps, options)
describe(counters, options)

/** `p` has written `k`, and again when it was cut off; the others have folded it, and are back. */
function foldedMeanwhile(write: (map: SharedMap) => void): Alone<SharedMap, MapOptions<unknown>> {
  const [p, a] = ['p', 'a'].map((self) => new Alone(mapKind, options, self))
  assert.ok(p && a)
  for (const one of [p, a]) one.view('1.a', null, ['a', 'p'])
  p.handle.set('k', 'first')
  for (const one of [p, a]) one.deliver(p.casts[0], 'p')
  write(p.handle)
  a.view('2.a', '1.a', ['a'])
  a.deliver(['forget', '1.a', 2])
  a.view('3.a', '2.a', ['a'])
  p.view('2.p', null, ['p'], true, false)
  p.view('4.a', '3.a', ['a', 'p'], false)
  p.unite(a.save())
  return p
}

test('folding keys › map: a write that is pending when its key is folded is not shown, cast again if it is lost, and reported', () => {
  const p = foldedMeanwhile((map) => map.set('k', 'second'))
  assert.equal(p.handle.get('k'), 'first')
  p.replica.lost?.(2, 'lost')
  assert.deepEqual(p.casts[2], p.casts[1])
  assert.equal(p.handle.get('k'), 'first')
  assert.deepEqual(p.faults, [])
  p.deliver(p.casts[2])
  assert.deepEqual(p.faults, ['map-fold'])
  assert.equal(p.handle.get('k'), 'first')
  // It is done with.
  p.replica.lost?.(3, 'lost')
  assert.equal(p.casts.length, 3)
})

test('folding keys › map: a delete that is pending when its key is folded is done, and cast again if it is lost', () => {
  const p = foldedMeanwhile((map) => map.delete('k'))
  assert.equal(p.handle.has('k'), false)
  p.replica.lost?.(2, 'lost')
  assert.deepEqual(p.casts[2], p.casts[1])
  p.deliver(p.casts[2])
  assert.equal(p.handle.has('k'), false)
  assert.deepEqual(p.faults, [])
})

test('folding keys › map: what is written over a write that comes too late is shown, and what was there before', () => {
  const p = foldedMeanwhile((map) => map.set('k', 'second').set('l', 'too late'))
  assert.deepEqual([...p.handle.keys()], ['k'])
  p.handle.set('k', 'third')
  assert.equal(p.handle.get('k'), 'third')
  for (const op of p.casts.slice(1)) p.deliver(op)
  assert.deepEqual([...p.handle.entries()], [['k', 'third']])
})
