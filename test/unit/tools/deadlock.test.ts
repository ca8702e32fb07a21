/** Deadlocks: who waits for ever is told, with whom it waits in a circle; nobody else is. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DeadlockError } from '../../../lib/tool-errors.ts'
import type { Lock } from '../../../lib/tools/lock.ts'
import { type LockReplica, type LocksOptions, locksKind } from '../../../lib/tools/lock-replica.ts'
import { LockManager } from '../../../lib/tools/locks.ts'
import {
  type AcquireOptions,
  type Permit,
  type SemaphoreOptions,
  type SharedSemaphore,
  semaphoreKind,
} from '../../../lib/tools/semaphore.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'
import { type Asked, ask, lockOf, made, rejection } from './lock-askers.ts'

function deadlockOf(result: unknown): DeadlockError {
  assert.ok(result instanceof DeadlockError, String(result))
  return result
}

/** Who waits for what, and for whom. */
function edgesOf(result: unknown): string[] {
  return deadlockOf(result).cycle.map(({ clientId, name, heldBy, behind }) => {
    return `${clientId} ${name} ${behind === null ? heldBy.map((each) => each.clientId).join('+') : `after ${behind}`}`
  })
}

const pending = (...asked: Asked[]): boolean =>
  asked.every(({ lock, result }) => lock === undefined && result === 'pending')

/** Processes that each hold a lock of their own: p0 has l0, and so on. */
async function eachHolding(count: number) {
  const all = made(count)
  const held: Asked[] = []
  for (let i = 0; i < count; i += 1) held.push(ask(all.of(i), `l${i}`))
  await all.rest()
  /** Asks for the lock of another while holding the own one. */
  const want = async (who: number, whose: number): Promise<Asked> => {
    const asked = ask(all.of(who), `l${whose}`, { holding: [lockOf(held[who])] })
    await all.rest()
    return asked
  }
  return { ...all, held, want }
}

for (const count of [2, 3, 5]) {
  test(`deadlock › a circle of ${count}: the youngest is refused, and the others go on`, async () => {
    const { held, want, rest, cluster } = await eachHolding(count)
    const asked: Asked[] = []
    for (let i = 0; i < count; i += 1) asked.push(await want(i, (i + 1) % count))
    const last = asked.pop() as Asked
    assert.ok(pending(...asked))
    const circle = Array.from({ length: count }, (_, i) => `p${i} l${(i + 1) % count} p${(i + 1) % count}`)
    assert.deepEqual(edgesOf(last.result), [circle.at(-1), ...circle.slice(0, -1)])
    const error = deadlockOf(last.result)
    assert.deepEqual([error.code, error.definite, error.docs], ['deadlock', true, 'docs/errors.md#deadlock'])
    assert.deepEqual(error.cycle[0]?.heldBy[0]?.token, lockOf(held[0]).token)
    assert.match(error.message, /p0 waits for lock "l1", held by p1/)
    held[count - 1]?.end()
    await rest()
    for (const [i, each] of asked.entries()) assert.equal(each.lock === undefined, i !== count - 2)
    assert.equal(new Set(cluster.states()).size, 1)
  })
}

test('deadlock › the code has its section', () => {
  assert.match(
    readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8'),
    /\n## deadlock\n`DeadlockError`/,
  )
})

test('deadlock › what a process holds for unrelated reasons makes no deadlock', async () => {
  const { of, rest, held } = await eachHolding(2)
  const asked = [ask(of(0), 'l1'), ask(of(1), 'l0')]
  await rest()
  assert.ok(pending(...asked))
  held[0]?.end()
  await rest()
  assert.ok(asked[1]?.lock)
})

test('deadlock › a lock that is asked for again while it is held', async () => {
  const { of, rest, held } = await eachHolding(1)
  const asked = ask(of(0), 'l0', { holding: [lockOf(held[0])] })
  await rest()
  assert.deepEqual(edgesOf(asked.result), ['p0 l0 p0'])
})

test('deadlock › a reader that wants to write waits for itself; without holding what it reads it waits for the others', async () => {
  const { of, rest } = made(2)
  const shared = [ask(of(0), 'x', { mode: 'shared' }), ask(of(1), 'x', { mode: 'shared' })]
  await rest()
  const upgrade = ask(of(0), 'x', { holding: [lockOf(shared[0])] })
  await rest()
  assert.deepEqual(edgesOf(upgrade.result), ['p0 x p0'])
  const writer = ask(of(1), 'x')
  await rest()
  shared[0]?.end()
  shared[1]?.end()
  await rest()
  assert.ok(writer.lock)
})

test('deadlock › a reader behind a writer in line waits for that one', async () => {
  const { of, rest } = made(3)
  const a = ask(of(0), 'a', { mode: 'shared' })
  const b = ask(of(2), 'b')
  await rest()
  const writer = ask(of(1), 'a')
  await rest()
  const reader = ask(of(2), 'a', { mode: 'shared', holding: [lockOf(b)] })
  await rest()
  assert.ok(pending(writer, reader))
  const last = ask(of(0), 'b', { holding: [lockOf(a)] })
  await rest()
  assert.deepEqual(edgesOf(last.result), ['p0 b p2', 'p2 a after p1', 'p1 a p0'])
  a.end()
  await rest()
  assert.ok(writer.lock)
})

test('deadlock › no more, once a holder has given up, is gone, or has taken its request back', async () => {
  for (const how of ['ends', 'dead', 'left', 'expelled', 'aborts'] as const) {
    const { of, rest, held, want, cluster, members } = await eachHolding(2)
    const controller = new AbortController()
    const first = ask(of(0), 'l1', { holding: [lockOf(held[0])], signal: controller.signal })
    await rest()
    if (how === 'ends') held[0]?.end()
    else if (how === 'aborts') controller.abort()
    else if (how === 'expelled') {
      cluster.cutOff(members[0] as TotalMember<LockReplica>)
      await cluster.advance(12_000)
    } else cluster.end(members[0] as TotalMember<LockReplica>, how)
    const second = await want(1, 0)
    if (how !== 'aborts') assert.ok(second.lock, how)
    assert.ok(!(first.result instanceof DeadlockError) && !(second.result instanceof DeadlockError), how)
  }
})

test('deadlock › what is lost counts for nothing; what is of another space, or is no lock, is refused', async () => {
  const { of, rest, held } = await eachHolding(2)
  const mine = lockOf(held[0])
  ask(of(1), 'l0', { steal: true })
  await rest()
  const again = ask(of(0), 'l0', { holding: [mine] })
  await rest()
  assert.ok(pending(again))
  assert.equal(await rejection(of(0).request('y', { holding: [lockOf(held[1])] }, () => 0)), 'UsageError')
  for (const holding of [[{}], [null], 5, ['l0']] as unknown as Lock[][])
    assert.equal(await rejection(of(0).request('y', { holding }, () => 0)), 'TypeError')
  const many = Array.from({ length: 65 }, () => mine)
  assert.equal(await rejection(of(0).request('y', { holding: many }, () => 0)), 'TooLargeError')
  const most = ask(of(0), 'y', { holding: many.slice(1) })
  await rest()
  assert.ok(most.lock)
})

// Semaphores, and what goes over several groups

interface Wanted {
  permit: Permit | null
  error: unknown
}

function acquire(semaphore: SharedSemaphore, options: AcquireOptions = {}): Wanted {
  const wanted: Wanted = { permit: null, error: null }
  semaphore.acquire(options).then(
    (permit) => {
      wanted.permit = permit
    },
    (error: unknown) => {
      wanted.error = error
    },
  )
  return wanted
}

const permitOf = ({ permit }: Wanted): Permit => {
  assert.ok(permit)
  return permit
}

/** Processes with the locks and two semaphores, each group with an order of its own. */
function several(count: number, permits: readonly [number, number], seed = 1) {
  const tables = new TotalCluster<LockReplica, LocksOptions>(locksKind, {}, count, seed)
  // One semaphore, of whatever name: the names of groups tell them apart.
  const semaphores = permits.map((each, i) => {
    const kind = { ...semaphoreKind, create: renamed(`s${i}`) }
    return new TotalCluster<SharedSemaphore, SemaphoreOptions>(kind, { permits: each }, count, 2 + i)
  })
  const groups: readonly TotalCluster<never, never>[] = [tables, ...semaphores] as never[]
  const managers = tables.primary.map(({ handle }) => new LockManager(() => Promise.resolve(handle)))
  const handles = semaphores.map(({ primary }) => primary.map(({ handle }) => handle))
  for (const of of handles)
    for (const [i, handle] of of.entries())
      handle.tellWaitsTo(async () => tables.primary.find(({ id }) => id === `p${i}`)?.handle as LockReplica)
  const advance = async (ms: number): Promise<void> => {
    for (let at = 0; at < ms; at += 50) for (const group of groups) await group.advance(50)
  }
  return {
    tables,
    semaphores,
    advance,
    rest: () => advance(100),
    locks: managers,
    s: handles as [SharedSemaphore[], SharedSemaphore[]],
  }
}

function renamed(name: string): typeof semaphoreKind.create {
  return (port, options) => {
    const named = new Proxy(port, {
      get: (target, key): unknown => (key === 'name' ? name : Reflect.get(target, key, target)),
    })
    return semaphoreKind.create(named, options)
  }
}

test('deadlock › within a semaphore: only if all its permits are in the circle', async () => {
  const { s, rest } = several(3, [2, 1])
  const held = [acquire(s[0][0] as SharedSemaphore)]
  await rest()
  held.push(acquire(s[0][1] as SharedSemaphore))
  await rest()
  const first = acquire(s[0][0] as SharedSemaphore, { holding: [permitOf(held[0] as Wanted)] })
  await rest()
  assert.deepEqual([first.permit, first.error], [null, null])
  const second = acquire(s[0][1] as SharedSemaphore, { holding: [permitOf(held[1] as Wanted)] })
  await rest()
  assert.deepEqual(edgesOf(second.error), ['p1 s0 p0+p1', 'p0 s0 p0+p1'])
  assert.equal(deadlockOf(second.error).cycle[0]?.kind, 'semaphore')
  void held[1]?.permit?.release()
  await rest()
  assert.ok(first.permit)
})

/** p0 has the lock, p1 the permit; each wants the other. */
async function crossed(permits: readonly [number, number] = [1, 1], seed = 1) {
  const all = several(3, permits, seed)
  const lock = ask(all.locks[0] as LockManager, 'x')
  const permit = acquire(all.s[0][1] as SharedSemaphore)
  await all.rest()
  return { ...all, lock, permit }
}

for (const isLockFirst of [true, false]) {
  test(`deadlock › over a lock and a semaphore; whose wait is known last is refused (${isLockFirst})`, async () => {
    const { locks, s, advance, rest, lock, permit } = await crossed()
    const forPermit = (): Wanted => acquire(s[0][0] as SharedSemaphore, { holding: [lockOf(lock)] })
    const forLock = (): Asked => ask(locks[1] as LockManager, 'x', { holding: [permitOf(permit)] })
    const early = isLockFirst ? { lock: forLock(), permit: null } : { lock: null, permit: forPermit() }
    await advance(500)
    const wantsLock = early.lock ?? forLock()
    const wantsPermit = early.permit ?? forPermit()
    await advance(100)
    if (isLockFirst) assert.deepEqual([wantsPermit.error, wantsLock.result], [null, 'pending'])
    await advance(500)
    if (isLockFirst) {
      assert.deepEqual(edgesOf(wantsPermit.error), ['p0 s0 p1', 'p1 x p0'])
      lock.end()
      await rest()
      assert.ok(wantsLock.lock)
    } else {
      assert.deepEqual(edgesOf(wantsLock.result), ['p1 x p0', 'p0 s0 p1'])
      void permit.permit?.release()
      await rest()
      assert.ok(wantsPermit.permit)
    }
  })
}

test('deadlock › over two semaphores, and no lock', async () => {
  const { s, advance, rest } = several(3, [1, 1])
  const held = [acquire(s[0][0] as SharedSemaphore), acquire(s[1][1] as SharedSemaphore)]
  await rest()
  const first = acquire(s[1][0] as SharedSemaphore, { holding: [permitOf(held[0] as Wanted)] })
  await advance(300)
  const second = acquire(s[0][1] as SharedSemaphore, { holding: [permitOf(held[1] as Wanted)] })
  await advance(500)
  assert.deepEqual(edgesOf(second.error), ['p1 s0 p0', 'p0 s1 p1'])
  void held[1]?.permit?.release()
  await rest()
  assert.ok(first.permit)
})

test('deadlock › over a lock and a semaphore with a permit that is not in the circle: none', async () => {
  const { locks, s, advance, rest, lock, permit, tables } = await crossed([2, 1])
  const other = acquire(s[0][2] as SharedSemaphore)
  await rest()
  const wantsLock = ask(locks[1] as LockManager, 'x', { holding: [permitOf(permit)] })
  const wantsPermit = acquire(s[0][0] as SharedSemaphore, { holding: [lockOf(lock)] })
  await advance(2_000)
  assert.deepEqual([wantsLock.result, wantsPermit.error], ['pending', null])
  assert.equal(tables.primary[0]?.handle.replica.machine.suspicion, null)
  void other.permit?.release()
  await rest()
  assert.ok(wantsPermit.permit)
  wantsPermit.permit?.release()
  lock.end()
  await rest()
  assert.ok(wantsLock.lock)
})

for (const how of ['takes its request back', 'breaks its word', 'dies', 'is cut off'] as const) {
  test(`deadlock › over groups: none, if one in the circle ${how} before it has heard of the suspicion`, async () => {
    let count = 0
    for (let seed = 1; seed <= 20; seed += 1) {
      const { locks, s, advance, rest, lock, permit, tables, semaphores } = await crossed([1, 1], seed)
      const controller = new AbortController()
      const { signal } = controller
      const wantsLock = ask(locks[1] as LockManager, 'x', { holding: [permitOf(permit)], signal })
      const wantsPermit = acquire(s[0][0] as SharedSemaphore, { holding: [lockOf(lock)] })
      await rest()
      // It is told, and the table of locks has not yet delivered that.
      for (let i = 0; i < 5; i += 1) for (const group of semaphores) await group.advance(50)
      const suspects = (i: number): boolean => tables.primary[i]?.handle.replica.machine.suspicion !== null
      while (![0, 1, 2].some(suspects) && tables.step());
      assert.ok([0, 1, 2].some(suspects))
      if (suspects(1)) continue
      count += 1
      if (how === 'takes its request back') controller.abort()
      else if (how === 'breaks its word') void permit.permit?.release()
      else {
        const end = how === 'dies' ? 'dead' : 'expelled'
        for (const group of [tables, ...semaphores]) group.end(group.primary[1] as never, end)
      }
      await advance(14_000)
      assert.equal(wantsPermit.error, null, `seed ${seed}`)
      assert.equal(wantsPermit.permit === null, how === 'takes its request back', `seed ${seed}`)
      assert.ok(!(wantsLock.result instanceof DeadlockError), `seed ${seed}`)
      assert.ok(!suspects(0))
    }
    assert.ok(count >= 5, `${count} of 20`)
  })
}

test('deadlock › a suspicion is part of the state: who comes in the middle comes to the same verdict', async () => {
  const { locks, s, tables, lock, permit, rest } = await crossed()
  const wantsPermit = acquire(s[0][0] as SharedSemaphore, { holding: [lockOf(lock)] })
  const wantsLock = ask(locks[1] as LockManager, 'x', { holding: [permitOf(permit)] })
  await rest()
  await tables.advance(50)
  // Someone loads the state after each step, whatever is suspected.
  const states = new Set<string>()
  for (let i = 0; i < 12; i += 1) {
    await rest()
    const newcomer = tables.join(`n${i}`)
    assert.equal(new Set(tables.states()).size, 1)
    states.add(tables.states()[0] ?? '')
    tables.end(newcomer, 'left')
  }
  await rest()
  assert.ok([wantsPermit.error, wantsLock.result].filter((each) => each instanceof DeadlockError).length === 1)
  assert.ok(states.size > 2)
})
