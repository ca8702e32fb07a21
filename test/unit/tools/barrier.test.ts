/** Barriers and latches: processes that wait for each other, and for a count. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClosedError, UsageError } from '../../../lib/errors.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { type BarrierOptions, barrierKind, type SharedBarrier } from '../../../lib/tools/barrier.ts'
import { type LatchOptions, latchKind, type SharedLatch } from '../../../lib/tools/latch.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'

function made<Handle, Options>(kind: ObjectKind<Handle, Options>, options: Options, count: number, seed = 1) {
  const cluster = new TotalCluster<Handle, Options>(kind, options, count, seed)
  const members = [...cluster.primary]
  const member = (index: number): TotalMember<Handle> => members[index] as TotalMember<Handle>
  return { cluster, member, of: (index: number): Handle => member(index).handle, rest: () => cluster.advance(200) }
}

const barrier = (parties: number, count: number, seed?: number) =>
  made<SharedBarrier, BarrierOptions>(barrierKind, { parties }, count, seed)
const latch = (initial: number, count: number, seed?: number) =>
  made<SharedLatch, LatchOptions>(latchKind, { count: initial }, count, seed)

/** What a promise has come to; `pending` before. */
function watch(promise: Promise<unknown>): { result: unknown } {
  const watched: { result: unknown } = { result: 'pending' }
  promise.then(
    (value) => {
      watched.result = value
    },
    (error: unknown) => {
      watched.result = error
    },
  )
  return watched
}

test('barrier › nobody goes on before all have arrived, then all do, again and again', async () => {
  const { of, rest } = barrier(3, 3)
  for (const generation of [1, 2]) {
    const early = [watch(of(0).arrive()), watch(of(1).arrive())]
    await rest()
    assert.deepEqual(
      early.map(({ result }) => result),
      ['pending', 'pending'],
    )
    const last = watch(of(2).arrive())
    await rest()
    assert.deepEqual(
      [...early, last].map(({ result }) => result),
      [generation, generation, generation],
    )
  }
  assert.deepEqual(of(0).snapshot, { parties: 3, generation: 2, arrived: [] })
})

test('barrier › a process counts once, however often it arrives', async () => {
  const { of, rest } = barrier(2, 2)
  const twice = [watch(of(0).arrive()), watch(of(0).arrive())]
  await rest()
  assert.deepEqual(of(1).snapshot.arrived, ['p0'])
  const other = watch(of(1).arrive())
  await rest()
  assert.deepEqual(
    [...twice, other].map(({ result }) => result),
    [1, 1, 1],
  )
})

test('barrier › who takes its arrival back, leaves or is cut off has not arrived', async () => {
  const { of, rest, cluster, member } = barrier(2, 4)
  const controller = new AbortController()
  const aborted = watch(of(0).arrive({ signal: controller.signal }))
  await rest()
  controller.abort('enough')
  await rest()
  assert.deepEqual([aborted.result, of(1).snapshot.arrived], ['enough', []])
  watch(of(0).arrive())
  await rest()
  cluster.end(member(0), 'left')
  const away = watch(of(1).arrive())
  await rest()
  cluster.cutOff(member(1))
  const alone = watch(of(2).arrive())
  await rest()
  assert.deepEqual([away.result, alone.result], ['pending', 'pending'])
  cluster.join(member(1))
  await cluster.advance(1_000)
  assert.deepEqual([away.result, alone.result], [1, 1])
})

test('barrier › it tells of changes, and when it is closed', async () => {
  const { of, rest } = barrier(2, 2)
  let changes = 0
  of(1).subscribe(() => {
    changes += 1
  })
  const { snapshot } = of(1)
  assert.equal(of(1).snapshot, snapshot)
  const waiting = watch(of(0).arrive())
  await rest()
  assert.ok(changes > 0)
  assert.notEqual(of(1).snapshot, snapshot)
  of(0).handleEnd()
  await rest()
  assert.equal((waiting.result as Error).name, 'UnknownOutcomeError')
  await assert.rejects(of(0).arrive(), ClosedError)
})

test('barrier › at random: in each generation so many different processes were inside, and states are equal', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = makeRandom(seed)
    const { cluster } = barrier(3, 5, seed)
    const passed = new Map<number, Set<string>>()
    let away: TotalMember<SharedBarrier> | null = null
    for (let round = 0; round < 40; round += 1) {
      const member = pick(random, cluster.primary)
      if (random() < 0.1) member.loses = 1
      if (random() < 0.1) member.drops = 1
      const controller = new AbortController()
      member.handle.arrive({ signal: controller.signal }).then(
        (generation) => passed.set(generation, (passed.get(generation) ?? new Set()).add(member.id)),
        () => undefined,
      )
      if (random() < 0.1 && away === null) {
        away = member
        cluster.cutOff(member)
      } else if (random() < 0.3 && away !== null) {
        cluster.join(away)
        away = null
      }
      for (let i = random() * 8; i > 0; i -= 1) cluster.step()
      if (random() < 0.1) controller.abort()
      await new Promise((resolve) => setImmediate(resolve))
      if (random() < 0.3) await cluster.advance(60)
    }
    if (away !== null) cluster.join(away)
    await cluster.advance(2_000)
    await cluster.advance(2_000)
    // An arrival that was taken back as all went on has counted.
    for (const [generation, processes] of passed) assert.ok(processes.size <= 3, `seed ${seed}, ${generation}`)
    const { generation, arrived } = (cluster.primary[0] as TotalMember<SharedBarrier>).handle.snapshot
    assert.ok(arrived.length < 3, `seed ${seed}`)
    assert.ok(passed.size > 0 && Math.max(...passed.keys()) <= generation, `seed ${seed}`)
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
  }
})

test('latch › opens at zero for all who wait, and stays open', async () => {
  const { of, rest } = latch(2, 3)
  const waiting = [watch(of(0).wait()), watch(of(1).wait())]
  const first = watch(of(2).countDown())
  await rest()
  assert.deepEqual([first.result, of(0).count, waiting[0]?.result], [1, 1, 'pending'])
  const second = watch(of(0).countDown())
  await rest()
  assert.deepEqual(
    [second.result, ...waiting.map(({ result }) => result), watch(of(2).wait()).result],
    [0, undefined, undefined, 'pending'],
  )
  const late = [watch(of(2).wait()), watch(of(2).countDown())]
  await rest()
  assert.deepEqual(
    late.map(({ result }) => result),
    [undefined, 0],
  )
  assert.deepEqual(of(1).snapshot, { count: 0 })
})

test('latch › a wait can be taken back; a count goes on when its process is gone', async () => {
  const { of, rest, cluster, member } = latch(2, 3)
  const controller = new AbortController()
  const aborted = watch(of(1).wait({ signal: controller.signal }))
  const waiting = watch(of(1).wait())
  watch(of(0).countDown())
  await rest()
  controller.abort('enough')
  cluster.end(member(0), 'dead')
  await rest()
  assert.deepEqual([aborted.result, of(1).count], ['enough', 1])
  watch(of(2).countDown())
  await rest()
  assert.equal(waiting.result, undefined)
})

test('latch › at random: each count is counted once, whatever becomes of its cast', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = makeRandom(seed)
    const { cluster } = latch(1_000, 4, seed)
    let made = 0
    let away: TotalMember<SharedLatch> | null = null
    for (let round = 0; round < 40; round += 1) {
      const member = pick(random, cluster.primary)
      if (random() < 0.1) member.loses = 1
      if (random() < 0.1) member.drops = 1
      watch(member.handle.countDown())
      made += 1
      if (random() < 0.15 && away === null) {
        away = member
        cluster.cutOff(member)
      } else if (random() < 0.3 && away !== null) {
        cluster.join(away)
        away = null
      }
      for (let i = random() * 8; i > 0; i -= 1) cluster.step()
      await new Promise((resolve) => setImmediate(resolve))
      if (random() < 0.3) await cluster.advance(60)
    }
    if (away !== null) cluster.join(away)
    await cluster.advance(2_000)
    await cluster.advance(2_000)
    for (const { handle } of cluster.primary) assert.equal(handle.count, 1_000 - made, `seed ${seed}`)
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
  }
})

test('barrier, latch › options and states that cannot be are refused', () => {
  for (const bad of [0, 1.5, Number.NaN, -1, '2', undefined]) {
    assert.throws(() => barrier(bad as number, 1), UsageError, String(bad))
    assert.throws(() => latch(bad as number, 1), UsageError, String(bad))
  }
  assert.throws(() => barrier(1_025, 1), UsageError)
  for (const { replica } of [barrier(2, 1).member(0), latch(2, 1).member(0)]) {
    const [forgotten, view, n, sessions] = replica.save() as unknown[]
    for (const state of [null, [], [-1, []], [1, null], [1, [[1, 1]]], [1, [['p', 0]]], [1, [['p']]]]) {
      assert.throws(() => replica.load([forgotten, view, n, sessions, state]), /malformed state/)
    }
  }
})
