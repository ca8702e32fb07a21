/** Folding: what departed members leave behind goes, and nobody can see it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CounterOptions, counterKind, type SharedCounter } from '../../../lib/objects/counter.ts'
import { CounterState, keyOf } from '../../../lib/objects/counter-state.ts'
import { encodeValue } from '../../../lib/values.ts'
import { makeRandom, pick } from './cluster.ts'
import { type Sharer, Sharers } from './sharers.ts'

const FORGET_AFTER_MS = 50
const GUESTS = Number(process.env['FOLD_GUESTS'] ?? 200)

type Counters = Sharers<SharedCounter, CounterOptions>
type Counter = Sharer<SharedCounter>

function counters(seed: number): Counters {
  return new Sharers(counterKind, { forgetAfterMs: FORGET_AFTER_MS }, makeRandom(seed))
}

function add(sharers: Counters, sharer: Counter | undefined, n: number): void {
  assert.ok(sharer)
  sharers.act(sharer, (counter) => counter.add(n))
}

/** The names that a state has. */
function keysOf(sharer: Counter | undefined): string[] {
  return ((sharer?.copies[0].replica.save() ?? []) as unknown[]).filter((part) => typeof part === 'string')
}

interface Course {
  readonly seed: number
  readonly steps: number
  /** How fast time passes: parts come back before, or long after, what they have is summed up. */
  readonly pace: number
  readonly deafness: number
}

/** A random history; after every step, what is shown is what the reference shows, or it was reported. */
function run({ seed, steps, pace, deafness }: Course): Counters {
  const random = makeRandom(seed)
  const sharers = counters(seed + 1)
  for (let i = 0; i < 3; i += 1) sharers.join(sharers.parts[0] ?? [])
  sharers.drain()
  let n = 0
  const part = (): Counter[] => pick(random, sharers.parts)
  for (let step = 0; step < steps; step += 1) {
    const dice = random()
    if (sharers.all.size === 0) sharers.join([])
    sharers.pass(Math.floor(random() * pace))
    if (dice < 0.35) {
      if (sharers.awake.length === 0) continue
      n += 1
      add(sharers, pick(random, sharers.awake), random() < 0.7 ? n : -n)
    } else if (dice < 0.66) sharers.step()
    else if (dice < 0.76) sharers.change([part()], [], deafness)
    else if (dice < 0.8) {
      const whole = part()
      const side = whole.filter(() => random() < 0.3)
      if (side.length > 0 && side.length < whole.length) {
        sharers.change([whole.filter((sharer) => !side.includes(sharer))])
        if (random() < 0.8) sharers.change([side])
      }
    } else if (dice < 0.88) {
      const [a, b] = [part(), part()]
      if (a !== b && a[0]?.view !== b[0]?.view) sharers.change([a, b], [], deafness)
    } else if (dice < 0.94) {
      if (sharers.all.size < 6) {
        const again = random() < 0.4 && sharers.closers.length > 0 ? pick(random, sharers.closers) : null
        sharers.join(random() < 0.1 ? [] : part(), again)
      }
    } else if (sharers.all.size > 1) {
      const gone = pick(random, part())
      sharers.remove(gone, gone.isClosed ? 'dead' : pick(random, ['left', 'dead', 'closed', 'silent'] as const))
    }
    compare(sharers, `seed ${seed}, step ${step}`)
  }
  return sharers
}

function compare(sharers: Counters, what: string): void {
  for (const fault of sharers.faults) assert.match(fault, /^counter-fold /, what)
  if (sharers.faults.length > 0) return
  for (const { id, copies } of sharers.whole) {
    const [main, reference] = copies
    assert.equal(main.handle.value, reference.handle.value, `${what}: ${id}`)
  }
}

/** Unites all parts, delivers everything, and lets views come and go. */
function rest(sharers: Counters, what: string): void {
  while (sharers.parts.length > 1) {
    sharers.change(sharers.parts.slice(0, 2))
    sharers.drain()
    compare(sharers, what)
  }
  sharers.drain()
  for (let i = 0; i < 4; i += 1) {
    sharers.pass(FORGET_AFTER_MS * 2)
    sharers.drain()
    sharers.change(sharers.parts)
    sharers.drain()
    compare(sharers, what)
  }
  const states = sharers.whole.map(({ copies: [{ replica }] }) =>
    Buffer.from(encodeValue(replica.save())).toString('hex'),
  )
  assert.equal(new Set(states).size, Math.min(1, sharers.all.size), `${what}: states differ`)
}

const courses = fc.record({
  seed: fc.nat(),
  steps: fc.constant(120),
  pace: fc.constantFrom(0, 2, 4, 8, 30),
  deafness: fc.constantFrom(0, 0.2, 0.5),
})

test('folding › a counter that folds counts as one that never does, or reports it, whatever comes between', () => {
  let reported = 0
  let folded = 0
  fc.assert(
    fc.property(courses, (course) => {
      const sharers = run(course)
      rest(sharers, `seed ${course.seed}`)
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
  compare(sharers, 'at the end')
  assert.deepEqual(sharers.faults, [])
  // About 12 guests: those of the last 50 ms, and who is about to be summed up.
  assert.ok(largest < 1_500, `${largest} bytes`)
  assert.ok(sizeOf(sharers.whole[0], 1) > 20 * GUESTS)
  if (process.env['FOLD_GUESTS']) console.log({ largest, unfolded: sizeOf(sharers.whole[0], 1) })
})

function sizeOf(sharer: Counter | undefined, which: 0 | 1): number {
  return encodeValue(sharer?.copies[which].replica.save()).length
}

/** Three count, the third leaves. Then `during`, in which others may be cut off; who stays forgets; all meet again. */
function meetAgain(during: (sharers: Counters, all: readonly Counter[]) => Counter[], isLate: boolean): Counters {
  const sharers = counters(1)
  const all = [0, 1, 2].map(() => sharers.join(sharers.parts[0] ?? []))
  sharers.drain()
  sharers.change([all])
  for (const [i, sharer] of all.entries()) count(sharers, sharer, 10 ** i)
  const [, , guest] = all
  assert.ok(guest)
  sharers.remove(guest, 'closed')
  const ours = during(sharers, all.slice(0, 2))
  for (let i = 0; i < 4; i += 1) {
    if (isLate) sharers.pass(FORGET_AFTER_MS * 2)
    sharers.drain()
    sharers.change([ours])
    sharers.drain()
  }
  if (isLate) assert.ok(!keysOf(ours[0]).some((key) => key.startsWith(`${guest.id}/`)), 'the guest is summed up')
  sharers.change(sharers.parts)
  sharers.drain()
  compare(sharers, 'after all')
  return sharers
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
