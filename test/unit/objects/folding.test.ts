/** Folding: what departed members leave behind goes, and nobody can see it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CounterOptions, counterKind, type SharedCounter } from '../../../lib/objects/counter.ts'
import { CounterState } from '../../../lib/objects/counter-state.ts'
import { keyOf } from '../../../lib/objects/lineage.ts'
import { encodeValue } from '../../../lib/values.ts'
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

const GUESTS = Number(process.env['FOLD_GUESTS'] ?? 200)

type Counters = Sharers<SharedCounter, CounterOptions>
type Counter = Sharer<SharedCounter>

function counters(seed: number): Counters {
  return new Sharers(subject.kind, subject.options, makeRandom(seed))
}

function add(sharers: Counters, sharer: Counter | undefined, n: number): void {
  assert.ok(sharer)
  sharers.act(sharer, (counter) => counter.add(n))
}

const subject: Subject<SharedCounter, CounterOptions> = {
  kind: counterKind,
  options: { forgetAfterMs: FORGET_AFTER_MS },
  act: (counter, n, random) => counter.add(random() < 0.7 ? n : -n),
  look: ({ value }) => value,
  names: (saved) => saved as unknown[],
  fault: /^counter-fold /,
}

test('folding › a counter that folds counts as one that never does, or reports it, whatever comes between', () => {
  let reported = 0
  let folded = 0
  fc.assert(
    fc.property(courses, (course) => {
      const sharers = run(subject, course)
      if (course.pace === 0) assert.deepEqual(sharers.faults, [], `seed ${course.seed}`)
      reported += sharers.faults.length > 0 ? 1 : 0
      const sums = sharers.whole.some(({ copies }) =>
        (copies[0].replica.save() as unknown[]).some(
          (part) => Array.isArray(part) && (part[2] as number[][]).some((each) => (each[2] ?? 0) > 0),
        ),
      )
      folded += sums ? 1 : 0
    }),
    { includeErrorInReport: true, numRuns: Number(process.env['FOLD_RUNS'] ?? 80) },
  )
  if (process.env['FOLD_RUNS']) console.log({ reported, folded })
})

test('folding › however many come, count and leave, what stays is what is left of the last ones', () => {
  const sharers = counters(1)
  for (let i = 0; i < 2; i += 1) sharers.join(sharers.parts[0] ?? [])
  sharers.change(sharers.parts)
  let largest = 0
  for (let i = 1; i <= GUESTS; i += 1) {
    const guest = sharers.join(sharers.parts[0] ?? [])
    sharers.drain()
    add(sharers, guest, i)
    sharers.drain()
    sharers.remove(guest, pick(makeRandom(i), ['left', 'dead', 'silent'] as const))
    sharers.pass(FORGET_AFTER_MS / 5)
    sharers.change(sharers.parts)
    sharers.drain()
    largest = Math.max(largest, sizeOf(sharers.whole[0], 0))
  }
  compare(subject, sharers, 'at the end')
  assert.deepEqual(sharers.faults, [])
  // About 12 guests: those of the last 50 ms, and who is about to be summed up.
  assert.ok(largest < 1_500, `${largest} bytes`)
  assert.ok(sizeOf(sharers.whole[0], 1) > 20 * GUESTS)
  if (process.env['FOLD_GUESTS']) console.log({ largest, unfolded: sizeOf(sharers.whole[0], 1) })
})

function sizeOf(sharer: Counter | undefined, which: 0 | 1): number {
  return encodeValue(sharer?.copies[which].replica.save()).length
}

/** Three count, the third leaves, and so on. */
function meetAgain(during: (sharers: Counters, all: readonly Counter[]) => Counter[], isLate: boolean): Counters {
  return meet(subject, { act: (sharers, sharer, i) => count(sharers, sharer, 10 ** i), during, isLate })
}

function count(sharers: Counters, sharer: Counter | undefined, n: number): void {
  add(sharers, sharer, n)
  sharers.drain()
}

for (const isLate of [false, true]) {
  const when = isLate ? 'after it was summed up' : 'before it is summed up'

  test(`folding › what a part brings that nobody awaits is counted once, ${when}`, () => {
    const sharers = meetAgain((sharers, [a, p]) => {
      assert.ok(a && p)
      sharers.change([[a, p]])
      const b = sharers.join([])
      count(sharers, b, 1_000)
      // `p` goes elsewhere, and dies there before it was missed: its things are with `b` now.
      sharers.change([[p], [b]])
      sharers.drain()
      sharers.remove(p, 'dead')
      sharers.change([[b]])
      return [a]
    }, isLate)
    assert.deepEqual(sharers.faults, [])
    for (const { copies } of sharers.whole) assert.equal(copies[0].handle.value, 1_111)
  })

  test(`folding › what a part brings of one who closed the object there and is back is counted once, ${when}`, () => {
    const sharers = meetAgain((sharers, [a, p]) => {
      assert.ok(a && p)
      sharers.change([[a, p]])
      const b = sharers.join([])
      count(sharers, b, 1_000)
      sharers.change([[p], [b]])
      sharers.drain()
      sharers.change([[a]])
      sharers.remove(p, 'closed')
      sharers.change([[b]])
      const again = sharers.join([], p.id)
      count(sharers, again, 10_000)
      sharers.change([[a], [again]])
      sharers.drain()
      sharers.remove(again, 'closed')
      sharers.change([[a]])
      return [a]
    }, isLate)
    assert.deepEqual(sharers.faults, [])
    for (const { copies } of sharers.whole) assert.equal(copies[0].handle.value, 11_111)
  })

  test(`folding › who was away with others, some of whom are gone, comes back with what all of them counted, ${when}`, () => {
    const sharers = meetAgain((sharers, [a, p]) => {
      assert.ok(a && p)
      const c = sharers.join([a, p])
      const d = sharers.join([a, p, c])
      sharers.drain()
      sharers.change([[a, p, c, d]])
      count(sharers, d, 1_000)
      sharers.change([[a, p, c, d]])
      sharers.change([[a, p, c]])
      sharers.change([[d]])
      const e = sharers.join([d])
      sharers.drain()
      count(sharers, e, 10_000)
      count(sharers, d, 100_000)
      sharers.remove(e, 'silent')
      sharers.change([[d]])
      return [a, p, c]
    }, isLate)
    assert.deepEqual(sharers.faults, [])
    for (const { copies } of sharers.whole) assert.equal(copies[0].handle.value, 111_111)
  })
}

test('folding › what was counted last before a part was cut off, and comes when the rest is summed up, is reported', () => {
  const sharers = meetAgain((sharers, [a, p]) => {
    assert.ok(a && p)
    const c = sharers.join([a, p])
    sharers.drain()
    sharers.change([[a, p, c]])
    count(sharers, c, 1_000)
    sharers.change([[a, p, c]])
    // Nobody else gets this one.
    sharers.act(c, (counter) => counter.add(10_000))
    sharers.change([[c]])
    sharers.change([[a, p]])
    return [a, p]
  }, true)
  assert.notEqual(sharers.faults.length, 0)
  for (const { copies } of sharers.whole) assert.equal(copies[0].handle.value, 1_111)
})

test('folding › an operation of an opening that is summed up is not counted, and reported', () => {
  const state = new CounterState()
  const view = (space: string, after: string | null, members: string[]): void =>
    state.install({ members, primary: true }, { space, after, isSettled: true })
  view('1.a', null, ['a', 'x'])
  const key = keyOf('x', 3, state.home)
  assert.ok(state.take(key, { k: 1, up: 5, down: 0 }))
  view('2.a', '1.a', ['a'])
  state.forget('1.a', 2)
  view('3.a', '2.a', ['a'])
  assert.equal(state.sum(), 5)
  assert.deepEqual([...state.keys()], [])
  assert.equal(state.take(key, { k: 2, up: 6, down: 0 }), false)
  assert.equal(state.sum(), 5)
})

for (const whose of ['somebody who is back', 'a member that has waited since before the mark'] as const) {
  test(`folding › members that hear of what is due before or after an operation of ${whose} end with the same`, () => {
    const states = [true, false].map((isOpFirst) => {
      const state = new CounterState()
      const view = (space: string, after: string | null, members: string[], isSettled = true): void =>
        state.install({ members, primary: true }, { space, after, isSettled })
      view('1.a', null, ['a', 'g', 'x'])
      const key = keyOf('x', 0, state.home)
      assert.ok(state.take(keyOf('g', 0, state.home), { k: 1, up: 5, down: 0 }))
      if (whose === 'somebody who is back') {
        assert.ok(state.take(key, { k: 1, up: 10, down: 0 }))
        view('2.a', '1.a', ['a'])
        view('3.a', '2.a', ['a', 'x'], false)
      } else view('2.a', '1.a', ['a', 'x'])
      // In the view that is in force now, one more of `x` is under way, and that the marks of view 2 are due.
      if (!isOpFirst) state.forget('1.a', 2)
      assert.ok(state.take(key, { k: 2, up: 110, down: 0 }))
      if (isOpFirst) state.forget('1.a', 2)
      view('4.a', whose === 'somebody who is back' ? '3.a' : '2.a', ['a', 'x'])
      return state
    })
    const [one, other] = states.map((state) => state.save())
    assert.deepEqual(one, other)
    assert.equal(states[0]?.sum(), whose === 'somebody who is back' ? 15 : 5)
  })
}

test('folding › a process that could not count before the horizon counts after it', () => {
  const { kind, options } = subject
  const own = castAfterRefusal(kind, options, { act: (counter) => counter.add(2), theirs: [3, 1, 5, 0, 1, '1.a'] })
  assert.deepEqual(own, [0, 1, 2, 0, 3, '1.a'])
})
