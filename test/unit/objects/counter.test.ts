/** The shared counter, on processes that split, heal and join at random. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError, ValueError } from '../../../lib/errors.ts'
import {
  type CounterChange,
  type CounterOptions,
  counterKind,
  type SharedCounter,
} from '../../../lib/objects/counter.ts'
import { Cluster, makeRandom, pick } from './cluster.ts'

function makeCluster(count: number, seed: number): Cluster<SharedCounter, CounterOptions> {
  return new Cluster(counterKind, {}, count, seed)
}

function first(cluster: Cluster<SharedCounter, CounterOptions>, index = 0): SharedCounter {
  const member = cluster.members[index]
  assert.ok(member)
  return member.handle
}

test('counter › every step counts exactly once through splits, heals, promoted casts and joins', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const cluster = makeCluster(3, seed)
    const random = makeRandom(seed * 31)
    let expected = 0
    const act = (counter: SharedCounter): void => {
      const n = Math.floor(random() * 21) - 10
      counter.add(n)
      expected += n
    }
    for (let step = 0; step < 100; step++) {
      const dice = random()
      if (dice < 0.4) act(pick(random, cluster.members).handle)
      else if (dice < 0.88) cluster.deliverOne()
      else if (dice < 0.93) cluster.split()
      else if (dice < 0.98) cluster.heal(({ handle }) => act(handle), Math.floor(random() * 4))
      else if (cluster.members.length < 5) cluster.join(`j${step}`)
    }
    cluster.healAll()
    for (const { handle } of cluster.members) assert.equal(handle.value, expected, `seed ${seed}`)
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    assert.deepEqual(cluster.faults, [])
  }
})

test('counter › a step whose cast is lost is told again, and counts exactly once', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const cluster = makeCluster(3, seed)
    const random = makeRandom(seed * 37)
    let expected = 0
    for (let step = 0; step < 100; step++) {
      const dice = random()
      const member = pick(random, cluster.members)
      if (dice < 0.4) {
        member.handle.add(step)
        expected += step
      } else if (dice < 0.55) cluster.toggleLosses(member)
      else if (dice < 0.9) cluster.deliverOne()
      else if (dice < 0.95) cluster.split()
      else cluster.heal(() => undefined, 0)
    }
    for (const member of cluster.members) if (member.lost !== null) cluster.toggleLosses(member)
    cluster.healAll()
    for (const { handle } of cluster.members) assert.equal(handle.value, expected, `seed ${seed}`)
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
  }
})

test('counter › a step whose cast was refused, or cannot be told again, is taken back', () => {
  const cluster = makeCluster(2, 1)
  const [member] = cluster.members
  assert.ok(member)
  const deltas: number[] = []
  member.handle.addEventListener('change', ({ changes }) => deltas.push(...changes.map(({ delta }) => delta)))
  member.handle.add(1)
  member.lost = []
  member.handle.add(2)
  member.replica.settle()
  assert.equal(member.handle.value, 3)
  cluster.tellLost(member, 'refused')
  assert.equal(member.handle.value, 1)
  assert.deepEqual(deltas, [3, -2])
  member.handle.add(4)
  cluster.drain()
  assert.deepEqual([member.handle.value, first(cluster, 1).value], [5, 5])
})

test('counter › an own step shows at once and is not in a snapshot before its delivery', () => {
  const cluster = makeCluster(2, 1)
  const [empty] = cluster.states()
  assert.equal(first(cluster).add(), 1)
  assert.equal(first(cluster).snapshot, 1)
  assert.equal(first(cluster, 1).value, 0)
  assert.equal(cluster.states()[0], empty)
  cluster.drain()
  assert.equal(first(cluster, 1).value, 1)
})

test('counter › one event sums up what each author has added, own steps only once', () => {
  const cluster = makeCluster(2, 1)
  const events: (readonly CounterChange[])[] = []
  first(cluster).addEventListener('change', (event) => events.push(event.changes))
  first(cluster).add(2)
  first(cluster).add(3)
  cluster.members[0]?.replica.settle()
  assert.deepEqual(events, [[{ author: 'p0', delta: 5, value: 5, local: true }]])
  cluster.drain()
  assert.equal(events.length, 1)
  first(cluster, 1).add(-1)
  cluster.drain()
  assert.deepEqual(events[1], [{ author: 'p1', delta: -1, value: 4, local: false }])
})

test('counter › only safe integers count, up to the last', () => {
  const counter = first(makeCluster(1, 1))
  for (const bad of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1' as unknown as number]) {
    assert.throws(() => counter.add(bad), UsageError)
  }
  counter.add(Number.MAX_SAFE_INTEGER)
  assert.throws(() => counter.add(1), UsageError)
  assert.equal(counter.value, Number.MAX_SAFE_INTEGER)
  counter.add(-1)
  assert.equal(counter.value, Number.MAX_SAFE_INTEGER - 1)
})

test('counter › malformed operations and states change nothing', () => {
  const cluster = makeCluster(1, 1)
  const replica = cluster.members[0]?.replica
  const before = cluster.states()
  const info = { author: 'evil', local: false, n: 1, view: 'v', index: 1 }
  for (const op of [
    null,
    [],
    [0, 0, 1, 1],
    [0, 1, -1, 0],
    [0, 1, 0, 0.5],
    [-1, 1, 1, 0],
    [0, 1, 2],
    [0, 1, 2, 3, 4],
    [0, 1, '1', 0],
  ]) {
    assert.equal(replica?.apply(op, info), false, JSON.stringify(op))
  }
  for (const state of [
    null,
    [1],
    ['p/0', 1, 2],
    ['q/0', 1, 1, 1, 'p/0', 1, 1, 1],
    ['p/0', 0, 1, 1],
    ['p', 1, 1, 1],
    ['p/-1', 1, 1, 1],
  ]) {
    assert.throws(() => replica?.load(state), ValueError)
    assert.throws(() => replica?.merge?.(state), ValueError)
  }
  assert.deepEqual(cluster.states(), before)
})

test('counter › what an earlier opening counted stays, also where it is united with a later one', () => {
  const { members } = makeCluster(1, 1)
  const replica = members[0]?.replica
  const info = { author: 'p', local: false, n: 1, view: 'v', index: 1 }
  replica?.apply([0, 1, 10, 0], info)
  replica?.apply([7, 1, 1, 0], info)
  replica?.merge?.(['p/7', 2, 3, 0])
  assert.deepEqual(replica?.save(), ['p/0', 1, 10, 0, 'p/7', 2, 3, 0])
})
