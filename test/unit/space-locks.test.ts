/** The locks of real spaces in one thread, over the memory transport. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { ClosedError, GroupMismatchError, KindMismatchError, StaleTokenError, UsageError } from '../../lib/errors.ts'
import { openSpace } from '../../lib/open-space.ts'
import type { Space } from '../../lib/space.ts'
import { DeadlockError } from '../../lib/tool-errors.ts'
import type { Lock } from '../../lib/tools/lock.ts'
import type { Permit } from '../../lib/tools/semaphore.ts'
import { until } from './until.ts'

async function openSpaces(t: TestContext, count: number): Promise<readonly Space[]> {
  const hub = new MemoryHub()
  const options = { worker: false, foundAfterMs: 20, transports: [memory({ hub })] } as const
  const spaces = await Promise.all(Array.from({ length: count }, () => openSpace('test', options)))
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(
    spaces.map((space) => until(space, 'view', () => space.members.length === count && space.view.primary)),
  )
  return spaces
}

/** Asks for a lock; resolves when it is granted. */
function hold(space: Space, name: string): Promise<{ lock: Lock; end: () => void; result: Promise<unknown> }> {
  return new Promise((resolve, reject) => {
    const result = space.locks.request(name, (lock) => {
      if (lock === null) throw new Error('no lock')
      return new Promise<void>((end) => resolve({ lock, end, result }))
    })
    result.catch(reject)
  })
}

test('space › locks pass from one process to the next, whichever asked first', { timeout: 10_000 }, async (t) => {
  const spaces = await openSpaces(t, 3)
  let inside = 0
  let most = 0
  const order: number[] = []
  const all = spaces.flatMap((space, i) =>
    Array.from({ length: 5 }, () =>
      space.locks.request('x', async () => {
        inside += 1
        most = Math.max(most, inside)
        order.push(i)
        await new Promise((resolve) => setImmediate(resolve))
        inside -= 1
        return space.self
      }),
    ),
  )
  assert.deepEqual(
    (await Promise.all(all)).map((self) => spaces.findIndex((space) => space.self === self)),
    [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2],
  )
  assert.equal(most, 1)
  assert.equal(order.length, 15)
})

test('space › closing: what is held is lost before the others get it; the callback goes on', {
  timeout: 10_000,
}, async (t) => {
  const [a, b] = (await openSpaces(t, 2)) as [Space, Space]
  const held = await hold(a, 'x')
  const { signal } = held.lock
  const next = hold(b, 'x')
  const seen: boolean[] = []
  const looked = next.then(() => seen.push(signal.aborted))
  assert.deepEqual(
    (await b.locks.query()).held.map(({ clientId }) => clientId),
    [a.self],
  )
  const closed = a.close()
  assert.ok(signal.reason instanceof StaleTokenError)
  await assert.rejects(
    a.locks.request('x', () => 1),
    { name: 'InvalidStateError' },
  )
  await Promise.all([closed, looked])
  assert.deepEqual(seen, [true])
  held.end()
  await held.result
  await assert.rejects(a.locks.query(), { name: 'InvalidStateError' })
})

test('space › the locks of a space that was closed before anybody used them are closed', {
  timeout: 10_000,
}, async (t) => {
  const [space] = (await openSpaces(t, 1)) as [Space]
  await space.close()
  assert.equal(space.locks, space.locks)
  await assert.rejects(
    space.locks.request('x', () => 1),
    { name: 'InvalidStateError' },
  )
})

test('space › a space that is killed loses its locks; what it asked for is refused', { timeout: 10_000 }, async (t) => {
  const [space] = (await openSpaces(t, 1)) as [Space]
  const held = await hold(space, 'x')
  const waiting = space.locks.request('x', () => 1)
  space.kill()
  await assert.rejects(waiting, { name: 'InvalidStateError' })
  assert.ok(held.lock.signal.reason instanceof StaleTokenError)
})

test('space › applications cannot open the groups that are Tutti’s own', { timeout: 10_000 }, async (t) => {
  const [space] = (await openSpaces(t, 1)) as [Space]
  for (const name of ['tutti:locks', 'tutti:', 'tutti:x']) {
    await assert.rejects(space.group(name), UsageError)
    await assert.rejects(space.map(name), UsageError)
  }
  await space.map('tutti')
  await space.locks.request('tutti:locks', () => 1)
  await assert.rejects(space.queue('tutti:locks'), UsageError)
})

test('space › a witness has no locks', { timeout: 10_000 }, async (t) => {
  const witness = await openSpace('test', {
    worker: false,
    witness: true,
    transports: [memory({ hub: new MemoryHub() })],
  })
  t.after(() => witness.kill())
  await assert.rejects(
    witness.locks.request('x', () => 1),
    UsageError,
  )
  await assert.rejects(witness.locks.query(), UsageError)
})

test('space › a semaphore, a barrier and a latch work over real spaces', { timeout: 10_000 }, async (t) => {
  const spaces = await openSpaces(t, 3)
  const barriers = await Promise.all(spaces.map((space) => space.barrier('all', { parties: 3 })))
  const latches = await Promise.all(spaces.map((space) => space.latch('ready', { count: 3 })))
  const semaphores = await Promise.all(spaces.map((space) => space.semaphore('some', { permits: 2 })))
  assert.deepEqual(await Promise.all(barriers.map((barrier) => barrier.arrive())), [1, 1, 1])
  const waits = Promise.all(latches.map((latch) => latch.wait()))
  assert.deepEqual((await Promise.all(latches.map((latch) => latch.countDown()))).sort(), [0, 1, 2])
  await waits
  const permits = await Promise.all(semaphores.slice(0, 2).map((semaphore) => semaphore.acquire()))
  const third = semaphores[2]?.acquire()
  await until(semaphores[2] as EventTarget, 'change', () => semaphores[2]?.snapshot.waiting.length === 1)
  assert.equal(semaphores[2]?.available, 0)
  await permits[0]?.release()
  await (await third)?.release()
  const [space, other] = spaces as [Space, Space, Space]
  await assert.rejects(space.latch('ready', { count: 4 }), KindMismatchError)
  await assert.rejects(space.latch('all', { count: 3 }), KindMismatchError)
  assert.equal(await space.latch('ready', { count: 3 }), latches[0])
  await other.barrier('mine', { parties: 2 })
  await assert.rejects(space.barrier('mine', { parties: 3 }), GroupMismatchError)
  await space.close()
  await assert.rejects(latches[0]?.countDown() ?? Promise.resolve(), ClosedError)
  await assert.rejects(semaphores[0]?.acquire() ?? Promise.resolve(), ClosedError)
})

test('space › a deadlock over a lock and a semaphore of real spaces is told to one of the two; the other goes on', {
  timeout: 20_000,
}, async (t) => {
  const [one, other] = (await openSpaces(t, 2)) as [Space, Space]
  const [mine, theirs] = await Promise.all([one, other].map((space) => space.semaphore('s', { permits: 1 })))
  assert.ok(mine !== undefined && theirs !== undefined)
  const held = await hold(one, 'x')
  const permit = await theirs.acquire()
  const wantsPermit: Promise<Permit> = mine.acquire({ holding: [held.lock] })
  const wantsLock = other.locks.request('x', { holding: [permit] }, () => 'got it')
  const first = await Promise.race([wantsPermit, wantsLock]).then(
    (value) => value,
    (error: unknown) => error,
  )
  assert.ok(first instanceof DeadlockError, String(first))
  const waits = first.cycle.map(({ clientId, kind, heldBy }) => [clientId, kind, heldBy.map((each) => each.clientId)])
  assert.deepEqual(
    waits.sort(([, a], [, b]) => (String(a) < String(b) ? -1 : 1)),
    [
      [other.self, 'lock', [one.self]],
      [one.self, 'semaphore', [other.self]],
    ],
  )
  if (first.cycle[0]?.clientId === one.self) {
    held.end()
    assert.equal(await wantsLock, 'got it')
    await assert.rejects(wantsPermit, DeadlockError)
  } else {
    await permit.release()
    assert.ok((await wantsPermit).token)
    await assert.rejects(wantsLock, DeadlockError)
  }
})
