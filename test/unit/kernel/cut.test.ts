/** Which of a group's views a member is told of at a cut. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupOptions } from '../../../lib/kernel/api.ts'
import { type GroupHistory, lastTold, lastView, membersAt, planCut, uniteGroups } from '../../../lib/kernel/cut.ts'
import type { GroupInstall, GroupRow, Row } from '../../../lib/kernel/frame.ts'
import { noStatus } from '../../../lib/kernel/state-plan.ts'

const causal: GroupOptions = {
  order: 'causal',
  uniform: false,
  strong: false,
  consistency: 'available',
  state: true,
  kind: 'map',
}
const uniform: GroupOptions = {
  order: 'total',
  uniform: true,
  strong: false,
  consistency: 'consistent',
  state: true,
  kind: 'queue',
}

function install(options: GroupOptions, change: Partial<GroupInstall>): GroupInstall {
  return {
    gid: 0,
    gn: 1,
    name: 'g',
    options,
    members: ['a', 'b', 'n'],
    joined: ['n'],
    left: [],
    counts: [0, 4, 1, 7],
    orderEnd: 0,
    orderBy: 0,
    orderSeq: 0,
    past: [],
    plan: [],
    missing: null,
    ...change,
  }
}

function rowOf(options: GroupOptions, gn: number, change: Partial<GroupRow> = {}): GroupRow {
  const status = { ...noStatus, isWhole: true }
  return {
    gid: 0,
    name: 'g',
    options,
    members: ['a', 'b'],
    viewId: '2.a.0',
    installs: [],
    gn,
    next: 0,
    released: [],
    status,
    ...change,
  }
}

/** The newcomer's row: in the view that it entered with, without a state. */
function newcomer(view: GroupInstall, change: Partial<GroupRow> = {}): GroupRow {
  return rowOf(view.options, view.gn, {
    members: null,
    viewId: null,
    installs: [view],
    status: noStatus,
    ...change,
  })
}

function flushRow(from: string, groups: readonly GroupRow[], removed: Row['removed'] = []): Row {
  const votes = { last: null, attempt: null }
  const rest = { removed, marked: [], readies: [], departed: [], remembered: [], away: [], asked: [] }
  const own = { name: '', origin: '', votes, line: null, generation: 0, voiceFrom: 0, lamport: 0 }
  return { from, view: '2.a', ...own, ...rest, groups, weight: 1, isWitness: false, quietMs: 0 }
}

function historyOf(...groups: readonly GroupRow[]): GroupHistory {
  const history = uniteGroups(groups.map((group, at) => flushRow(`r${at}`, [group]))).get(0)
  assert.ok(history)
  return history
}

test('cut › a group view that nobody who comes along has installed is told only to whoever enters with it', () => {
  const view = install(causal, {})
  const history = historyOf(rowOf(causal, 0, { installs: [view] }), newcomer(view))
  for (const isPrimary of [true, false]) {
    assert.equal(lastTold(history, 'a', 0, isPrimary), 0)
    assert.equal(lastTold(history, 'n', 1, isPrimary), 1)
    // Its install has not come yet.
    assert.equal(lastTold(history, 'n', 0, isPrimary), 1)
  }
})

test('cut › a group view that somebody who comes along has installed is told to all', () => {
  const view = install(causal, {})
  const history = historyOf(rowOf(causal, 0, { installs: [view] }), rowOf(causal, 1, { installs: [view] }))
  assert.equal(lastTold(history, 'a', 0, false), 1)
})

test('cut › who has gone on from the group view that it entered with has installed the next', () => {
  const [first, second] = [install(causal, {}), install(causal, { gn: 2, joined: ['m'], members: ['a', 'n', 'm'] })]
  const behind = rowOf(causal, 1, { installs: [first, second] })
  const ahead = newcomer(first, { gn: 2, installs: [first, second] })
  assert.equal(lastTold(historyOf(behind, ahead), 'a', 1, false), 2)
  const both = historyOf(behind, newcomer(first, { installs: [first, second] }), newcomer(second))
  assert.equal(lastTold(both, 'a', 1, false), 1)
  assert.equal(lastTold(both, 'n', 1, false), 1)
  assert.equal(lastTold(both, 'm', 2, false), 2)
})

test('cut › the first view of a group is told: there was nothing before it', () => {
  const stateless = { ...causal, state: false }
  const first = install(stateless, { members: ['n'], counts: [] })
  const second = install(stateless, { gn: 2, members: ['n', 'm'], joined: ['m'] })
  const history = historyOf(newcomer(first, { installs: [first, second] }), newcomer(second))
  assert.equal(lastTold(history, 'n', 1, false), 1)
  assert.equal(history.released.installed, 1)
})

test('cut › a state tells that a view was installed only where its donor had everything from everybody', () => {
  for (const [options, told] of [
    [causal, 0],
    [uniform, 1],
  ] as const) {
    const view = install(options, {})
    const whole = newcomer(view, { status: { ...noStatus, isWhole: true } })
    assert.equal(lastTold(historyOf(rowOf(options, 0, { installs: [view] }), whole), 'a', 0, false), told)
  }
})

test('cut › a group that all have left, and that begins anew, does not tell that what was before it was delivered', () => {
  // a is in view 0 and has not heard yet that it has left; n has opened the group again, in the same round or later.
  const whole = { status: { ...noStatus, isWhole: true } }
  const anew = (change: Partial<GroupInstall>): GroupInstall => install(uniform, { members: ['n'], ...change })
  const later = install(uniform, { gn: 4, members: ['n', 'm'], joined: ['m'], counts: [2, 3] })
  for (const entered of [anew({ gn: 2, counts: [] }), anew({ gn: 1 })]) {
    const behind = rowOf(uniform, 0, { next: 3 })
    const { released } = historyOf(behind, newcomer(entered, whole))
    assert.deepEqual(
      [...released.whole],
      [
        [0, 0],
        [entered.gn, entered.gn],
      ],
    )
    const on = newcomer(entered, { ...whole, gn: 4, installs: [entered, later] })
    assert.deepEqual(
      [...historyOf(behind, on).released.whole],
      [
        [0, 0],
        [entered.gn, 4],
      ],
    )
  }
  // Whose state comes from somebody who was there: of the view before, and of none that may have been left by all.
  assert.deepEqual([...historyOf(newcomer(later, whole)).released.whole], [[3, 4]])
  assert.deepEqual([...historyOf(newcomer(later)).released.whole], [])
  assert.deepEqual([...historyOf(rowOf(uniform, 4)).released.whole], [[0, 4]])
})

test('cut › what was held back is delivered in the last group view where the line goes on, and nowhere else', () => {
  const history = historyOf(rowOf(uniform, 0, { installs: [install(uniform, {})] }))
  assert.equal(lastTold(history, 'a', 0, true), 1)
  assert.equal(lastTold(history, 'a', 0, false), 0)
})

test('cut › how far a group view was delivered is told by whoever came furthest in it, newcomers included', () => {
  const view = install(uniform, {})
  const { released } = historyOf(rowOf(uniform, 0, { next: 4, installs: [view] }), newcomer(view, { next: 2 }))
  assert.equal(released.installed, 0)
  assert.deepEqual(
    [...released.next],
    [
      [0, 4],
      [1, 2],
    ],
  )
})

test('cut › a newcomer does not tell of what its view began with as delivered', () => {
  const options = { ...causal, uniform: true }
  const view = install(options, { counts: [0, 3, 1, 2] })
  const old = rowOf(options, 0, { released: [0, 1], installs: [view] })
  const { released } = historyOf(old, newcomer(view, { released: [0, 4, 1, 2] }))
  assert.deepEqual([...released.last], [[0, 4]])
})

test('cut › a cut for gbcasts is no view, and stands for those just before it that are not listed', () => {
  const joined = install(causal, { gn: 1 })
  const cutOf = (gn: number): GroupInstall => install(causal, { gn, joined: [], plan: null })
  const left = install(causal, { gn: 6, members: ['a', 'n'], joined: [], left: ['b'] })
  // Who knows the fourth has installed the third, whatever it was; of the fifth nobody here has heard.
  const history = historyOf(
    rowOf(causal, 4, { installs: [joined, cutOf(4)] }),
    rowOf(causal, 3, { installs: [joined, cutOf(3)] }),
    newcomer(left),
  )
  assert.deepEqual(membersAt(history, 0), ['a', 'b'])
  for (const gn of [1, 2, 3, 4]) assert.deepEqual(membersAt(history, gn), ['a', 'b', 'n'], `after ${gn}`)
  assert.equal(membersAt(history, 5), null)
  assert.deepEqual(membersAt(history, 6), ['a', 'n'])
  assert.equal(membersAt(history, 7), null)
  assert.deepEqual(
    [0, 1, 2, 4, 5, 6, 7].map((gn) => lastView(history, gn)),
    [0, 1, 1, 1, 1, 6, 6],
  )
})

test('cut › nothing is lost with what its sender cast in a group that those who are here entered after it had left', () => {
  // p has left group 1 after its cast 6 and its record 7; j entered it then. p's cast 9 in group 0 comes after those.
  const dropped = (past: readonly number[]): readonly string[] => {
    const entered = install(uniform, { gid: 1, gn: 3, members: ['j'], joined: ['j'], counts: [], past })
    const groups = [rowOf(uniform, 0, { members: ['p', 'j'] }), { ...newcomer(entered), gid: 1, name: 'h' }]
    const cast = { seq: 9, gid: 0, gn: 0, isOrder: false, deps: [0, 2, 6, 0, 3, 7], delivered: false }
    const row = flushRow('j', groups, [{ sender: 'p', stable: 5, held: [cast] }])
    return [...planCut([row], ['p', 'j'], 'j').dropped]
  }
  assert.deepEqual(dropped([0, 0, 6, 0, 1, 7]), [])
  // Of the view that j is in, it would be lost.
  assert.deepEqual(dropped([0, 0, 4, 0, 1, 7]), ['p#9'])
  assert.deepEqual(dropped([0, 0, 6, 0, 1, 5]), ['p#9'])
})

test('cut › a loss that concerns none of those who get a cast does not lose it', () => {
  // p's cast 9 in group 0 comes after its cast 8 in group 1, which nobody has; only who is in both would miss that.
  const dropped = (members: readonly string[]): readonly string[] => {
    const groups = [rowOf(uniform, 0, { members }), { ...rowOf(causal, 0, { members: ['p', 'k'] }), gid: 1, name: 'h' }]
    const cast = { seq: 9, gid: 0, gn: 0, isOrder: false, deps: [0, 2, 8], delivered: false }
    const held = { sender: 'p', stable: 5, held: [cast] }
    const rows = [flushRow('j', groups, [held]), flushRow('k', groups, [{ ...held, held: [] }])]
    return [...planCut(rows, ['p', 'j', 'k'], 'j').dropped]
  }
  assert.deepEqual(dropped(['p', 'j']), [])
  assert.deepEqual(dropped(['p', 'j', 'k']), ['p#9'])
})

test('cut › how far somebody has come in a domain counts in all groups of it, also in one that it is about to enter', () => {
  const total: GroupOptions = { ...causal, order: 'total', domain: 'one' }
  const of = (gid: number, options: GroupOptions, released: readonly number[]): GroupRow =>
    rowOf(options, 0, { gid, name: `g${gid}`, options, released })
  const other: GroupOptions = { ...total, domain: 'other' }
  const histories = uniteGroups([
    flushRow('a', [of(1, total, [0, 300]), of(2, total, [0, 300]), of(3, other, [0, 50]), of(4, causal, [])]),
    flushRow('b', [of(2, total, [1, 900]), of(3, other, [])]),
  ])
  const lastOf = (gid: number): unknown => [...(histories.get(gid)?.released.last ?? [])]
  const both = [
    [0, 300],
    [1, 900],
  ]
  assert.deepEqual([1, 2, 3, 4].map(lastOf), [both, both, [[0, 50]], []])
})
