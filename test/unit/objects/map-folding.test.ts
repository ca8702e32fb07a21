/** Folding of maps: what departed members leave behind goes from the context, and nobody can see it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { keyOf } from '../../../lib/objects/lineage.ts'
import { type MapOptions, mapKind, type SharedMap } from '../../../lib/objects/map.ts'
import { MapState } from '../../../lib/objects/map-state.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { makeRandom, pick } from './cluster.ts'
import {
  castAfterRefusal,
  compare,
  courses,
  FORGET_AFTER_MS,
  meetAgain as meet,
  run,
  type Subject,
} from './folding-course.ts'
import { type Sharer, Sharers } from './sharers.ts'

const GUESTS = Number(process.env['FOLD_GUESTS'] ?? 500)

type Maps = Sharers<SharedMap, MapOptions<unknown>>
type Holder = Sharer<SharedMap>

const KEYS = ['a', 'b', 'c', 'd']

const subject: Subject<SharedMap, MapOptions<unknown>> = {
  kind: mapKind,
  options: { forgetAfterMs: FORGET_AFTER_MS },
  act(map, n, random) {
    const dice = random()
    if (dice < 0.65) map.set(pick(random, KEYS), n)
    else if (dice < 0.97) map.delete(pick(random, KEYS))
    else map.clear()
  },
  look: (map) => [...map.entries()],
  names: (saved) => (saved as unknown[][])[0] ?? [],
  fault: /^map-fold /,
}

test('map folding › a map that folds shows what one shows that never does, or reports it, whatever comes between', () => {
  let reported = 0
  let folded = 0
  fc.assert(
    fc.property(courses, (course) => {
      const sharers = run(subject, course)
      if (course.pace === 0) assert.deepEqual(sharers.faults, [], `seed ${course.seed}`)
      reported += sharers.faults.length > 0 ? 1 : 0
      folded += sharers.whole.some(({ copies }) => horizons(copies[0].replica.save()).some((each) => each > 0)) ? 1 : 0
    }),
    { includeErrorInReport: true, numRuns: Number(process.env['FOLD_RUNS'] ?? 80) },
  )
  if (process.env['FOLD_RUNS']) console.log({ reported, folded })
})

function horizons(saved: unknown): number[] {
  const lineages = ((saved as unknown[])[8] as unknown[])[4] as unknown[][]
  return lineages.map((each) => each[2] as number)
}

/** One operation, delivered to all of its part. */
function act(sharers: Maps, sharer: Holder | undefined, operate: (map: SharedMap) => void): void {
  assert.ok(sharer)
  sharers.act(sharer, operate)
  sharers.drain()
}

function write(sharers: Maps, sharer: Holder | undefined, key: string, value: unknown): void {
  act(sharers, sharer, (map) => map.set(key, value))
}

function look(sharers: Maps): unknown {
  const [first, ...others] = sharers.whole.map(({ copies }) => Object.fromEntries(copies[0].handle.entries()))
  for (const other of others) assert.deepEqual(other, first)
  return first
}

/** The three write `k0`, `k1` and `k2`; the third leaves, and so on. */
function meetAgain(isLate: boolean, during: (sharers: Maps, all: readonly Holder[]) => Holder[]): Maps {
  return meet(subject, { act: (sharers, sharer, i) => write(sharers, sharer, `k${i}`, i), during, isLate })
}

for (const isLate of [false, true]) {
  const when = isLate ? 'after it was folded' : 'before it is folded'

  test(`map folding › what a part brings that nobody awaits is there once, and stays deleted, ${when}`, () => {
    const sharers = meetAgain(isLate, (sharers, [a, p]) => {
      assert.ok(a && p)
      sharers.change([[a, p]])
      const b = sharers.join([])
      write(sharers, b, 'b', 3)
      // `p` goes elsewhere, and dies there before it was missed: its things are with `b` now.
      sharers.change([[p], [b]])
      sharers.drain()
      sharers.remove(p, 'dead')
      sharers.change([[b]])
      act(sharers, a, (map) => map.delete('k1'))
      return [a]
    })
    assert.deepEqual(sharers.faults, [])
    assert.deepEqual(look(sharers), { b: 3, k0: 0, k2: 2 })
  })

  test(`map folding › what a part brings of one who closed the map there and is back stays, ${when}`, () => {
    const sharers = meetAgain(isLate, (sharers, [a, p]) => {
      assert.ok(a && p)
      sharers.change([[a, p]])
      const b = sharers.join([])
      write(sharers, b, 'b', 3)
      sharers.change([[p], [b]])
      sharers.drain()
      sharers.change([[a]])
      sharers.remove(p, 'closed')
      sharers.change([[b]])
      const again = sharers.join([], p.id)
      write(sharers, again, 'again', 4)
      write(sharers, again, 'gone', 5)
      sharers.change([[a], [again]])
      sharers.drain()
      act(sharers, a, (map) => map.delete('gone'))
      sharers.remove(again, 'closed')
      sharers.change([[a]])
      return [a]
    })
    assert.deepEqual(sharers.faults, [])
    assert.deepEqual(look(sharers), { again: 4, b: 3, k0: 0, k1: 1, k2: 2 })
  })

  test(`map folding › who was away with others, some of whom are gone, comes back with what all of them wrote, ${when}`, () => {
    const sharers = meetAgain(isLate, (sharers, [a, p]) => {
      assert.ok(a && p)
      const c = sharers.join([a, p])
      const d = sharers.join([a, p, c])
      sharers.drain()
      sharers.change([[a, p, c, d]])
      write(sharers, d, 'd', 3)
      write(sharers, d, 'gone', 3)
      sharers.change([[a, p, c, d]])
      sharers.change([[a, p, c]])
      sharers.change([[d]])
      act(sharers, a, (map) => map.delete('gone'))
      const e = sharers.join([d])
      sharers.drain()
      write(sharers, e, 'e', 4)
      write(sharers, d, 'd', 5)
      sharers.remove(e, 'silent')
      sharers.change([[d]])
      return [a, p, c]
    })
    assert.deepEqual(sharers.faults, [])
    assert.deepEqual(look(sharers), { d: 5, e: 4, k0: 0, k1: 1, k2: 2 })
  })

  test(`map folding › what the departed wrote, and one part deleted, is not brought back by the other, ${when}`, () => {
    for (const isOurs of [false, true]) {
      const sharers = meetAgain(isLate, (sharers, [a, p]) => {
        assert.ok(a && p)
        const c = sharers.join([a, p])
        sharers.drain()
        sharers.change([[a, p, c]])
        sharers.change([[c]])
        sharers.change([[a, p]])
        act(sharers, isOurs ? a : c, (map) => map.delete('k2'))
        return [a, p]
      })
      assert.deepEqual(sharers.faults, [])
      assert.deepEqual(look(sharers), { k0: 0, k1: 1 })
    }
  })

  test(`map folding › of writes of one key in both parts, the same one wins, where one who wrote it before is gone, ${when}`, () => {
    const sharers = meetAgain(isLate, (sharers, [a, p]) => {
      assert.ok(a && p)
      const c = sharers.join([a, p])
      sharers.drain()
      sharers.change([[a, p, c]])
      sharers.change([[c]])
      sharers.change([[a, p]])
      // Both are written over what the guest wrote; one key is deleted here, and written there.
      write(sharers, a, 'k2', 'ours')
      write(sharers, c, 'k2', 'theirs')
      write(sharers, c, 'k2', 'theirs again')
      act(sharers, a, (map) => map.clear())
      write(sharers, a, 'k1', 'ours')
      return [a, p]
    })
    assert.deepEqual(sharers.faults, [])
    assert.deepEqual(look(sharers), { k1: 'ours', k2: 'theirs again' })
  })
}

test('map folding › what was written last before a part was cut off, and comes when the rest is folded, is reported', () => {
  const sharers = meetAgain(true, (sharers, [a, p]) => {
    assert.ok(a && p)
    const c = sharers.join([a, p])
    sharers.drain()
    sharers.change([[a, p, c]])
    write(sharers, c, 'c', 3)
    sharers.change([[a, p, c]])
    // Nobody else gets these.
    sharers.act(c, (map) => map.set('c', 4))
    sharers.change([[c]])
    sharers.change([[a, p]])
    write(sharers, c, 'late', 5)
    const d = sharers.join([c])
    sharers.drain()
    sharers.remove(c, 'silent')
    sharers.change([[d]])
    return [a, p]
  })
  assert.equal(sharers.faults.length, sharers.whole.length)
  assert.deepEqual(look(sharers), { k0: 0, k1: 1, k2: 2, late: 5 })
})

test('map folding › however many come, write one key and leave, the context is that of the last ones', () => {
  const sharers = new Sharers(subject.kind, subject.options, makeRandom(1))
  for (let i = 0; i < 2; i += 1) sharers.join(sharers.parts[0] ?? [])
  sharers.change(sharers.parts)
  let [most, largest] = [0, 0]
  for (let i = 1; i <= GUESTS; i += 1) {
    const guest = sharers.join(sharers.parts[0] ?? [])
    sharers.drain()
    write(sharers, guest, `k${i % 10}`, i)
    sharers.remove(guest, pick(makeRandom(i), ['left', 'dead', 'silent'] as const))
    sharers.pass(FORGET_AFTER_MS / 5)
    sharers.change(sharers.parts)
    sharers.drain()
    const names = subject.names(sharers.whole[0]?.copies[0].replica.save())
    most = Math.max(most, names.length / 2)
    largest = Math.max(largest, sizeOf(sharers.whole[0], 0))
  }
  compare(subject, sharers, 'at the end')
  assert.deepEqual(sharers.faults, [])
  // Those of the last 50 ms, and who is about to be folded.
  assert.ok(most <= 12, `${most} authors`)
  assert.ok(largest < 2_000, `${largest} bytes`)
  assert.ok(sizeOf(sharers.whole[0], 1) > 20 * GUESTS)
  if (process.env['FOLD_GUESTS']) console.log({ most, largest, unfolded: sizeOf(sharers.whole[0], 1) })
})

function sizeOf(sharer: Holder | undefined, which: 0 | 1): number {
  return encodeValue(sharer?.copies[which].replica.save()).length
}

const bytes = encodeValue('x')

/** `x` has written `k` and `l`, and is folded; `view(3)` is in force. */
function folded(): { readonly state: MapState; readonly author: string } {
  const state = MapState.folding()
  const view = (space: string, after: string | null, members: string[]): void =>
    state.folded?.lineages.install({ members, primary: true }, { space, after, isSettled: true })
  view('1.a', null, ['a', 'x'])
  const author = keyOf('x', 3, state.folded?.lineages.home)
  state.apply([0, 1, 'k', 1, bytes, []], author, undefined)
  state.apply([0, 2, 'l', 1, bytes, []], author, undefined)
  view('2.a', '1.a', ['a'])
  state.folded?.lineages.forget('1.a', 2)
  view('3.a', '2.a', ['a'])
  return { state, author }
}

test('map folding › an operation of an opening that is folded writes nothing, and is reported; what is known is not', () => {
  const { state, author } = folded()
  assert.deepEqual(state.context.authors(), [])
  assert.deepEqual([...state.keys()], ['k', 'l'])
  assert.deepEqual(state.apply([0, 1, 'k', 1, bytes, []], author, undefined), [])
  assert.deepEqual([...(state.folded?.lost ?? [])], [])
  assert.deepEqual(state.apply([0, 3, 'k', 2, bytes, [author, 1]], author, undefined), [])
  assert.deepEqual([...(state.folded?.lost ?? [])], [author])
  assert.equal(state.entries('k')[0]?.k, 1)
  // Deletes need not be told apart.
  assert.deepEqual(state.apply([1, 4, 'k', [author, 1]], author, undefined), ['k'])
  assert.deepEqual(state.apply([2, 1, [author, [2, 2]]], keyOf('a', 0), undefined), ['l'])
  assert.deepEqual(state.context.authors(), [keyOf('a', 0)])
})

test('map folding › a state that folds is loaded again, to the byte; another one is refused', () => {
  const { state } = folded()
  const saved = encodeValue(state.save())
  assert.deepEqual(encodeValue(MapState.load(decodeValue(saved), true).save()), saved)
  assert.throws(() => MapState.load(decodeValue(saved)), /malformed/)
  assert.throws(() => MapState.load(new MapState().save(), true), /malformed/)
  for (const at of [0, 1, 2, 3, 4]) {
    const parts = decodeValue(saved) as unknown[][]
    if (parts[8] !== undefined) parts[8][at] = 'nonsense'
    assert.throws(() => MapState.load(parts, true), /malformed/, `${at}`)
  }
  // Without what is folded, its entries are of nobody.
  const parts = decodeValue(saved) as unknown[][]
  if (parts[8] !== undefined) parts[8] = [parts[8][0], [], [], null, []]
  assert.throws(() => MapState.load(parts, true), /outside the context/)
})

test('map folding › a process that could not write before the horizon writes after it', () => {
  const { kind, options } = subject
  const theirs = [0, 1, 'k', 1, bytes, [], '3/1/1.a']
  const own = castAfterRefusal(kind, options, { act: (map) => map.set('k', 'x'), theirs })
  assert.deepEqual(own, [0, 1, 'k', 2, bytes, ['x/3/1/1.a', 1], '0/3/1.a'])
})

test('map folding › a malformed operation is refused', () => {
  const sharers = new Sharers(subject.kind, subject.options, makeRandom(1))
  const { replica } = sharers.join([]).copies[0]
  const info = { author: 'x', local: false, n: 1, view: 'v', index: 1 }
  for (const op of [
    null,
    [0, 1, 'k', 1, bytes, []],
    [0, 1, 'k', 1, bytes, [], 'x'],
    [0, 1, 'k', 1, bytes, [], '3/0/1.a'],
    [0, 1, 'k', 1, bytes, ['x', 1], '3'],
    [2, 1, ['x', [1, 1]], '3'],
    ['forget', '1.a'],
    ['forget', 'a', 1],
    ['forget', '1.a', 0],
  ]) {
    assert.equal(replica.apply(op, info), false, JSON.stringify(op))
  }
  assert.ok(replica.apply([0, 1, 'k', 1, bytes, ['x/3', 7], '3'], info))
})
