/** Total order, seen from the position that a member has come to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppEvent, GroupOptions, ViewInfo } from '../../../lib/kernel/api.ts'
import type { Core } from '../../../lib/kernel/core.ts'
import { Delivery } from '../../../lib/kernel/delivery.ts'
import { Era } from '../../../lib/kernel/era.ts'
import type { Cast, GroupInstall } from '../../../lib/kernel/frame.ts'
import { type Group, newTotal } from '../../../lib/kernel/group.ts'
import { noStatus } from '../../../lib/kernel/state-plan.ts'

const options: GroupOptions = {
  order: 'total',
  uniform: true,
  strong: false,
  consistency: 'consistent',
  state: true,
  kind: 'log',
}
const members = ['a', 'b'].map((id) => ({ id, name: '', origin: '', weight: 1, witness: false }))
const trans = { joined: [], left: [], dead: [], expelled: [], away: [], wasAwayMs: 0, missing: [], subviews: [] }
const view: ViewInfo = {
  id: '2.a',
  spaceView: '2.a',
  members,
  primary: true,
  line: 'L',
  prev: null,
  trans: [],
  ...trans,
}

/** The next group view, decided: two casts of `a` belong to this one, of which only the first has a position. */
const next: GroupInstall = {
  gid: 0,
  gn: 1,
  name: 'g',
  options,
  members: ['a', 'b'],
  joined: [],
  left: [],
  counts: [0, 3, 1, 0],
  orderEnd: 1,
  orderBy: 0,
  orderSeq: 2,
  past: [],
  plan: [],
  missing: null,
}

function makeGroup(options: GroupOptions): Group {
  return {
    name: 'g',
    options,
    gid: 0,
    gn: 0,
    viewId: '2.a.0',
    untold: null,
    members: ['a', 'b'],
    isClosed: true,
    install: next,
    laterInstalls: [],
    deferredPrepare: null,
    lastOrderSeq: 0,
    installs: [next],
    baseMembers: ['a', 'b'],
    baseViewId: '2.a.0',
    total: newTotal(options, ['a', 'b'], 'b'),
    ownLast: 0,
    deliveredN: new Map(),
    status: noStatus,
    missing: null,
    isTransSignalled: false,
    gbcasts: [],
  }
}

/** `b`, which holds two casts of `a` and the record that gives the first its position. */
function makeMember(groupOptions = options): { era: Era; group: Group; delivery: Delivery; events: string[] } {
  const era = new Era(view, 2, 'b')
  const group = makeGroup(groupOptions)
  era.groups.set(0, group)
  const events: string[] = []
  const app = (event: AppEvent): void => {
    events.push(event.type === 'deliver' ? `${event.from}#${event.n}` : event.type)
  }
  const core = { era, self: 'b', lamport: 0, backlogBytes: 0, app, trace: () => undefined, cutMovers: () => ['a', 'b'] }
  const none = (): undefined => undefined
  const hooks = { installGroup: none, mightConcern: () => false, placedOwn: none, cutOwn: none }
  const delivery = new Delivery(core as unknown as Core, hooks)
  const cast = (seq: number, order: readonly number[] | null): Cast => {
    const n = order === null ? seq : 0
    return { seq, n, gid: 0, gn: 0, lamport: seq, deps: [], payload: new Uint8Array(0), order, isGbcast: false }
  }
  delivery.receive(cast(1, null), 0)
  delivery.receive(cast(2, [0, 0, 1]), 0)
  delivery.receive(cast(3, null), 0)
  return { era, group, delivery, events }
}

test('delivery › a cast that is delivered without a position is told of in the row as one with a position is', () => {
  const { era, group, delivery, events } = makeMember()
  era.learnStable(0, 3)
  group.install = { ...next, gn: 1, counts: [0, 4, 1, 0] }
  era.received[0] = 4
  delivery.pump()
  assert.deepEqual(events, ['a#1', 'a#3'])
  assert.equal(group.total.next, 2)
})

test('delivery › at a cut, what somebody who comes along has delivered without a position comes before the signal', () => {
  for (const [position, expected] of [
    [2, ['a#1', 'a#3']],
    [1, ['a#1', 'trans', 'a#3']],
  ] as const) {
    const { era, group, delivery, events } = makeMember()
    group.install = null
    const released = new Map([[0, { installed: 0, whole: new Map(), next: new Map([[0, position]]), last: new Map() }]])
    era.cut = { isPrimary: true, released, stable: [], lastTold: new Map([[0, 0]]) }
    delivery.pump()
    assert.deepEqual(events, expected)
  }
})

test('delivery › at a cut, what is of a group view that somebody has delivered all of comes before the signal', () => {
  // The second is of a group that all have left, and that has begun anew since: nothing of what is here was delivered.
  for (const [whole, expected] of [
    [new Map([[0, 1]]), ['a#1', 'a#3']],
    [new Map([[1, 3]]), ['trans', 'a#1', 'a#3']],
    [new Map([[0, 0]]), ['trans', 'a#1', 'a#3']],
  ] as const) {
    const { era, group, delivery, events } = makeMember()
    group.install = null
    const released = new Map([[0, { installed: 3, whole, next: new Map(), last: new Map() }]])
    era.cut = { isPrimary: true, released, stable: [], lastTold: new Map([[0, 0]]) }
    delivery.pump()
    assert.deepEqual(events, expected)
  }
})

test('delivery › at a cut, what somebody has delivered of a uniform group without positions comes before the signal', () => {
  // It is told as delivered, or as held by all.
  const cases = (['fifo', 'causal'] as const).flatMap((order) => [
    { order, last: new Map([[1, 1]]), stable: [] },
    { order, last: new Map(), stable: [0, 1] },
  ])
  for (const { order, last, stable } of cases) {
    const { era, group, delivery, events } = makeMember({ ...options, order })
    group.install = null
    era.cut = {
      isPrimary: true,
      released: new Map([[0, { installed: 0, whole: new Map(), next: new Map(), last }]]),
      stable,
      lastTold: new Map([[0, 0]]),
    }
    const cast = { seq: 1, n: 1, gid: 0, gn: 0, lamport: 9, deps: [], payload: new Uint8Array(0), order: null }
    delivery.receive({ ...cast, isGbcast: false }, 1)
    delivery.pump()
    assert.deepEqual(events, ['b#1', 'trans', 'a#1', 'a#3'])
  }
})

test('delivery › at a cut, a gbcast comes after the signal if nobody has delivered it, though all hold it', () => {
  for (const [last, expected] of [
    [new Map(), ['a#1', 'a#3', 'trans', 'b#1']],
    [new Map([[1, 1]]), ['a#1', 'a#3', 'b#1']],
  ] as const) {
    const { era, group, delivery, events } = makeMember({ ...options, order: 'causal' })
    group.install = null
    era.cut = {
      isPrimary: true,
      released: new Map([[0, { installed: 0, whole: new Map(), next: new Map(), last }]]),
      stable: [3, 1],
      lastTold: new Map([[0, 0]]),
    }
    const cast = { seq: 1, n: 1, gid: 0, gn: 0, lamport: 9, deps: [], payload: new Uint8Array(0), order: null }
    delivery.receive({ ...cast, isGbcast: true }, 1)
    delivery.pump()
    assert.deepEqual(events, expected)
  }
})

test('delivery › what was forwarded before what it depends on has come waits for that, also at a cut', () => {
  const { era, group, delivery, events } = makeMember({ ...options, order: 'causal', uniform: false })
  group.install = null
  const cast = { gid: 0, gn: 0, payload: new Uint8Array(0), order: null, isGbcast: false }
  delivery.receiveForwarded({ ...cast, seq: 5, n: 5, lamport: 5, deps: [0, 0, 4] }, 0)
  delivery.receive({ ...cast, seq: 4, n: 4, lamport: 6, deps: [] }, 0)
  delivery.receive({ ...cast, seq: 5, n: 5, lamport: 5, deps: [0, 0, 4] }, 0)
  assert.equal(era.doneUpTo(0), 0)
  const released = new Map([[0, { installed: 0, whole: new Map(), next: new Map(), last: new Map() }]])
  era.cut = { isPrimary: true, released, stable: [], lastTold: new Map([[0, 0]]) }
  delivery.pump()
  assert.deepEqual(events, ['a#1', 'a#3', 'a#4', 'a#5'])
  assert.equal(era.doneUpTo(0), 5)
})
