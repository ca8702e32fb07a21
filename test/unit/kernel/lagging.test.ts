/** Lagging: an application that consumes nothing for long is put out of the way of whoever it holds up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits, type Limits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

/** Small limits: a backlog of four casts, and a window of eight more. */
const small: Partial<Limits> = {
  castBytesMax: 100_000,
  pieceBytes: 1_000,
  frameFillBytes: 2_000,
  windowBytes: 8_500,
  backlogBytesMax: 4_000,
}
const { lagMs, heartbeatMs } = defaultLimits
const SIZE = 1_000
const ALL = ['a', 'b', 'c']

/** The application of one does not consume, and another casts more than it may leave unconsumed, and something besides. */
function holdUp(laggard: string, sender: string): Cluster {
  const cluster = new Cluster(ALL, {}, small)
  cluster.stalled.add(laggard)
  for (let i = 0; i < 30; i += 1) cluster.cast(sender, SIZE)
  return cluster
}

const kernelOf = (cluster: Cluster, id: string) => {
  const kernel = cluster.kernels.get(id)
  assert.ok(kernel)
  return kernel
}

for (const [laggard, sender] of [
  ['c', 'a'],
  ['a', 'c'],
  ['b', 'a'],
] as const) {
  test(`lagging › ${laggard}, which holds up ${sender}, is put out after lagMs, and the others go on`, () => {
    const cluster = holdUp(laggard, sender)
    const others = ALL.filter((id) => id !== laggard)
    cluster.run(lagMs - 500)
    assert.ok(cluster.seen(sender).delivered.length < 30)
    assert.equal(cluster.seen(sender).members.length, 3)
    const { now } = cluster
    cluster.until(() => others.every((id) => cluster.seen(id).members.join() === others.join()))
    // It finds out with its next heartbeat; the flush takes three round trips, and failures are gathered before it.
    assert.ok(cluster.now - now <= 500 + heartbeatMs + 150, `${cluster.now - now} ms`)
    for (const id of others) {
      const { away, expelled } = kernelOf(cluster, id).era.view
      assert.deepEqual([away.map((each) => each.id), expelled], [[laggard], []])
    }
    cluster.run(200)
    for (const id of others) assert.equal(cluster.seen(id).delivered.length, 30)
    // Its application has not been given more than the backlog, and what one sender was granted.
    assert.ok(cluster.seen(laggard).delivered.length <= 12, `${cluster.seen(laggard).delivered.length}`)
  })
}

test('lagging › one that goes on after a minute is back by itself, and was away: nobody has failed', () => {
  const cluster = holdUp('c', 'a')
  cluster.until(() => cluster.seen('a').members.length === 2)
  cluster.cast('c', 10)
  const { length } = cluster.lines
  cluster.run(59_000)
  assert.equal(cluster.seen('a').members.length, 2)
  // It has done nothing meanwhile, and told its application nothing.
  assert.deepEqual(
    cluster.lines.slice(length).filter((line) => line.p === 'c' && line['e'] !== 'gc'),
    [],
  )
  assert.equal(cluster.seen('c').members.length, 3)
  cluster.catchUp('c')
  cluster.until(() => cluster.seen('c').members.length === 1)
  const { view } = kernelOf(cluster, 'c').era
  assert.deepEqual(view.expelled, [])
  assert.ok(view.wasAwayMs > 59_000 + lagMs)
  cluster.until(() => cluster.seen('c').members.length === 3)
  assert.ok(kernelOf(cluster, 'c').era.view.wasAwayMs > 59_000 + lagMs)
  assert.equal(kernelOf(cluster, 'a').era.view.wasAwayMs, 0)
  assert.deepEqual(kernelOf(cluster, 'a').era.view.away, [])
  assert.ok(cluster.seen('c').delivered.includes('c#1'))
  cluster.cast('a', 10)
  cluster.run(1_000)
  for (const id of ALL) assert.equal(cluster.seen(id).delivered.at(-1), 'a#31')
  for (const id of ALL) assert.deepEqual(cluster.seen(id).faults, [])
})

test('lagging › one is not put out whose backlog is full, but that nobody waits for', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.stalled.add('c')
  for (let i = 0; i < 6; i += 1) cluster.cast('a', SIZE)
  cluster.run(20_000)
  assert.ok(kernelOf(cluster, 'c').backlogBytes > 4_000)
  assert.equal(cluster.seen('a').members.length, 3)
  assert.equal(kernelOf(cluster, 'c').isFenced, false)
})

test('lagging › one that consumes a little now and then is only slow', () => {
  const cluster = holdUp('c', 'a')
  for (let i = 1; i < 8; i += 1) {
    cluster.run(lagMs - 1_000)
    cluster.catchUp('c', cluster.seen('c').delivered.length * SIZE - 100 * i)
    cluster.stalled.add('c')
  }
  assert.ok(cluster.seen('a').delivered.length < 30)
  assert.equal(cluster.seen('a').members.length, 3)
})

test('lagging › it is back only once half of the backlog is consumed', () => {
  const cluster = holdUp('c', 'a')
  cluster.until(() => cluster.seen('a').members.length === 2)
  cluster.catchUp('c', 2_100)
  cluster.stalled.add('c')
  cluster.run(5_000)
  assert.equal(cluster.seen('a').members.length, 2)
  cluster.catchUp('c', 2_000)
  cluster.until(() => cluster.seen('a').members.length === 3)
})

test('lagging › neither what its page says of a freeze nor a gap in its clock brings it back', () => {
  const cluster = holdUp('c', 'a')
  cluster.until(() => cluster.seen('a').members.length === 2)
  const kernel = kernelOf(cluster, 'c')
  cluster.command('c', { type: 'suspend' })
  cluster.kernels.delete('c')
  cluster.run(8_000)
  cluster.kernels.set('c', kernel)
  cluster.command('c', { type: 'resume' })
  cluster.run(8_000)
  assert.equal(cluster.seen('a').members.length, 2)
  assert.equal(cluster.seen('c').members.length, 3)
  cluster.catchUp('c')
  cluster.until(() => cluster.seen('a').members.length === 3)
  assert.deepEqual(kernelOf(cluster, 'c').era.view.expelled, [])
})

test('lagging › the time in which its kernel slept too is not counted', () => {
  const cluster = holdUp('c', 'a')
  cluster.run(lagMs - 1_500)
  const kernel = kernelOf(cluster, 'c')
  cluster.kernels.delete('c')
  cluster.run(2_000)
  cluster.kernels.set('c', kernel)
  cluster.run(lagMs - 500)
  assert.equal(cluster.seen('a').members.length, 3)
  cluster.run(1_500)
  assert.equal(cluster.seen('a').members.length, 2)
})

test('lagging › one whose paths are made anew is not taken for one that is back', () => {
  const cluster = holdUp('c', 'a')
  cluster.until(() => cluster.lines.some((line) => line['e'] === 'suspend'))
  for (const other of ['a', 'b']) cluster.reset('c', other)
  cluster.run(300)
  assert.equal(cluster.seen('a').members.length, 2)
  for (const other of ['a', 'b']) cluster.reset('c', other)
  cluster.run(8_000)
  assert.equal(cluster.seen('a').members.length, 2)
  cluster.catchUp('c')
  cluster.until(() => cluster.seen('a').members.length === 3)
})

test('lagging › what its application cast before is not lost, whether the others hold it or not', () => {
  const cluster = holdUp('c', 'a')
  cluster.run(100)
  cluster.cast('c', 10)
  cluster.run(lagMs - 800)
  assert.ok(cluster.seen('b').delivered.includes('c#1'))
  cluster.until(() => kernelOf(cluster, 'c').isFenced)
  cluster.cast('c', 10)
  cluster.run(20_000)
  cluster.catchUp('c')
  cluster.until(() => cluster.seen('a').members.length === 3)
  cluster.run(500)
  const own = cluster.seen('c').delivered.filter((m) => m.startsWith('c'))
  assert.deepEqual(own, ['c#1', 'c#2'])
  assert.deepEqual(cluster.seen('c').ends, [])
})

test('lagging › all that lag let the sender go on alone, and come back one by one', () => {
  const cluster = new Cluster(ALL, {}, small)
  for (const id of ['b', 'c']) cluster.stalled.add(id)
  for (let i = 0; i < 30; i += 1) cluster.cast('a', SIZE)
  cluster.until(() => cluster.seen('a').members.length === 1)
  cluster.run(100)
  assert.equal(cluster.seen('a').delivered.length, 30)
  cluster.catchUp('c')
  cluster.until(() => cluster.seen('a').members.length === 2)
  cluster.catchUp('b')
  cluster.until(() => cluster.seen('a').members.length === 3)
})

test('lagging › one that leaves meanwhile is gone at once', () => {
  const cluster = holdUp('c', 'a')
  cluster.until(() => cluster.seen('a').members.length === 2)
  cluster.command('c', { type: 'leave', quick: true })
  cluster.until(() => kernelOf(cluster, 'a').era.view.away.length === 0)
  assert.deepEqual(cluster.seen('a').members, ['a', 'b'])
})
