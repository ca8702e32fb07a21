/** Joins that wait for each other: each group's view ends when a member that is joining the other has delivered its part. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ViewInfo } from '../../../lib/kernel/api.ts'
import type { Core } from '../../../lib/kernel/core.ts'
import { Era } from '../../../lib/kernel/era.ts'
import type { Message } from '../../../lib/kernel/frame.ts'
import type { Groups } from '../../../lib/kernel/groups.ts'
import { Joins } from '../../../lib/kernel/joins.ts'
import { Cluster } from './cluster.ts'

const payload = new Uint8Array(1)

/** `b` is in `g` and joins `h`, `c` is in `h` and joins `g`; each holds what depends on a cast in the other group. */
function makeCircle(): Cluster {
  const options = { uniform: true }
  const cluster = new Cluster(['a', 'b', 'c', 'd'], options)
  cluster.command('c', { type: 'leaveGroup', group: 'g' })
  for (const id of ['a', 'c', 'd']) cluster.join(id, options, 'h')
  cluster.run(500)
  cluster.command(
    'a',
    { type: 'cast', group: 'h', n: 1, payload },
    { type: 'cast', group: 'g', n: 2, payload },
    { type: 'cast', group: 'h', n: 3, payload },
  )
  // These views end with those casts.
  for (const group of ['g', 'h']) cluster.command('d', { type: 'leaveGroup', group })
  // They have come, but not the word that all hold them. The requests reach the coordinator when those views are decided.
  cluster.run(21)
  cluster.join('b', options, 'h')
  cluster.join('c', options, 'g')
  return cluster
}

test('joins › two that wait for each other come about, and what was held back for them is delivered', () => {
  const cluster = makeCircle()
  cluster.run(100)
  const isIn = (id: string, join: string): boolean => cluster.seen(id).joins.includes(join)
  assert.ok(!isIn('b', 'h ok'), 'there is no circle')
  assert.deepEqual(cluster.seen('b').delivered, [])
  cluster.run(1_500)
  assert.ok(isIn('b', 'h ok'))
  assert.equal(cluster.seen('c').joins.filter((join) => join === 'g ok').length, 2)
  assert.deepEqual(cluster.seen('b').delivered, ['a#2'])
  assert.deepEqual(cluster.seen('c').delivered, ['a#1', 'a#3'])
})

test('joins › who is told by another than the coordinator, or without having asked, that nothing is decided, goes on waiting', () => {
  for (const [from, isAsked] of [
    ['a', false],
    ['d', true],
  ] as const) {
    const cluster = makeCircle()
    // The question is lost.
    cluster.tamper = (frame) =>
      frame.t === 'control' ? { ...frame, messages: frame.messages.filter(({ k }) => k !== 'groupSync') } : frame
    cluster.run(50)
    if (isAsked) cluster.until(() => cluster.lines.some(({ e, p }) => e === 'joinsWait' && p === 'b'))
    const { era } = cluster.kernels.get('b') ?? {}
    cluster.kernels.get(from)?.tell('b', { k: 'groupSynced', view: era?.id ?? '' })
    cluster.run(2_000)
    assert.deepEqual(cluster.seen('b').delivered, [], from)
  }
})

const id = '2.a'
const member = (name: string): ViewInfo['members'][number] => ({
  id: name,
  name,
  origin: '',
  weight: 1,
  witness: false,
})
const view: ViewInfo = {
  id,
  spaceView: id,
  members: [member('a'), member('b')],
  primary: true,
  line: null,
  prev: null,
  trans: ['b'],
  missing: [],
  subviews: [],
  joined: [],
  left: [],
  dead: [],
  expelled: [],
  away: [],
  wasAwayMs: 0,
}

/** `b`, which is joining group 1. */
function makeJoiner(): { joins: Joins; told: string[]; receive: (seq: number, dep: number) => void } {
  const era = new Era(view, 2, 'b')
  const told: string[] = []
  const core = { era, trace: () => undefined, tell: (to: string, { k }: Message) => told.push(`${k} to ${to}`) }
  const groups = { hasJoins: true, mightJoin: () => true }
  const joins = new Joins(core as unknown as Core, groups as unknown as Groups)
  const receive = (seq: number, dep: number): void => {
    const cast = { seq, n: seq, gid: 0, gn: 0, lamport: seq, deps: [0, 2, dep], payload, order: null, isGbcast: false }
    era.held[0]?.push({ cast, rank: 0, isDelivered: false, isDropped: false })
    era.received[0] = seq
  }
  return { joins, told, receive }
}

test('joins › what came after the question is not spoken of by the answer', () => {
  const { joins, told, receive } = makeJoiner()
  receive(2, 1)
  joins.beat()
  assert.deepEqual(told, [])
  joins.beat()
  assert.deepEqual(told, ['groupSync to a'])
  receive(4, 3)
  joins.handleAnswer()
  assert.ok(!joins.mightConcern(0, 2, 1))
  assert.ok(joins.mightConcern(0, 2, 3))
  joins.beat()
  joins.beat()
  joins.handleAnswer()
  assert.ok(!joins.mightConcern(0, 2, 3))
})

test('joins › one question is asked at a time, and an answer without one says nothing', () => {
  const { joins, told, receive } = makeJoiner()
  receive(2, 1)
  joins.handleAnswer()
  assert.ok(joins.mightConcern(0, 2, 1))
  for (let i = 0; i < 5; i += 1) joins.beat()
  assert.deepEqual(told, ['groupSync to a'])
})
