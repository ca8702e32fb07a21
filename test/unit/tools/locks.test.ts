/** The locks of a space: what the Web Locks API says, rule by rule. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lock } from '../../../lib/tools/lock.ts'
import type { LockOptions } from '../../../lib/tools/locks.ts'
import { type Asked, ask, lockOf, made, nameOf, nothing, rejection } from './lock-askers.ts'

test('locks › the callback is given the lock; the promise settles with what it returns', async () => {
  const { of, rest } = made(2)
  const asked = ask(of(0), 'x')
  await rest()
  assert.equal(asked.lock?.name, 'x')
  assert.equal(asked.lock?.mode, 'exclusive')
  assert.equal(asked.result, 'pending')
  asked.end('done')
  await rest()
  assert.equal(asked.result, 'done')
})

test('locks › what the callback throws or rejects with is the rejection, and the lock is free', async () => {
  const { of, rest } = made(2)
  const thrown = of(0).request('x', () => {
    throw new RangeError('thrown')
  })
  const name = rejection(thrown)
  await rest()
  assert.equal(await name, 'RangeError')
  const asked = ask(of(0), 'x')
  await rest()
  const next = ask(of(1), 'x')
  await rest()
  asked.fail('rejected')
  await rest()
  assert.equal(asked.result, 'rejected')
  assert.equal(next.lock?.name, 'x')
})

test('locks › a callback need return no promise', async () => {
  const { of, rest } = made(1)
  const results = Promise.all([of(0).request('x', () => 7), of(0).request('x', nothing)])
  await rest()
  assert.deepEqual(await results, [7, undefined])
})

test('locks › no callback is called before request returns', async () => {
  const { of, rest } = made(1)
  const asked = ask(of(0), 'x', { ifAvailable: true })
  assert.equal(asked.lock, undefined)
  await rest()
  lockOf(asked)
})

test('locks › an exclusive lock has one holder in the whole space, and goes to the next in line', async () => {
  const { of, rest } = made(3)
  const asked: Asked[] = []
  for (const index of [1, 0, 2]) {
    asked.push(ask(of(index), 'x'))
    await rest()
  }
  for (const [at, each] of asked.entries()) {
    assert.deepEqual(
      asked.map(({ lock }) => lock !== undefined),
      asked.map((_, i) => i <= at),
    )
    each.end()
    await rest()
  }
})

test('locks › requests of one process are granted in the order in which they were made', async () => {
  const { of, rest } = made(1)
  const order: number[] = []
  for (let i = 0; i < 20; i += 1) void of(0).request('x', () => order.push(i))
  await rest()
  assert.deepEqual(order, [...Array(20).keys()])
})

test('locks › a request made in a callback for the same name waits', async () => {
  const { of, rest } = made(1)
  const outer = ask(of(0), 'x')
  await rest()
  const inner = ask(of(0), 'x')
  await rest()
  assert.equal(inner.lock, undefined)
  outer.end()
  await rest()
  lockOf(inner)
})

test('locks › shared ones are held together, an exclusive one waits for all of them, and holds up those behind', async () => {
  const { of, rest } = made(3)
  const shared = [ask(of(0), 'x', { mode: 'shared' }), ask(of(1), 'x', { mode: 'shared' })]
  await rest()
  const exclusive = ask(of(2), 'x')
  await rest()
  const behind = ask(of(0), 'x', { mode: 'shared' })
  await rest()
  assert.deepEqual(
    [...shared, exclusive, behind].map(({ lock }) => lock?.mode),
    ['shared', 'shared', undefined, undefined],
  )
  shared[0]?.end()
  await rest()
  assert.equal(exclusive.lock, undefined)
  shared[1]?.end()
  await rest()
  assert.equal(lockOf(exclusive).mode, 'exclusive')
  assert.equal(behind.lock, undefined)
  exclusive.end()
  await rest()
  lockOf(behind)
})

test('locks › ifAvailable: null if it is held or waited for, and the promise has the callback’s result', async () => {
  const { of, rest } = made(2)
  const held = ask(of(0), 'x')
  await rest()
  const no = ask(of(1), 'x', { ifAvailable: true })
  const free = ask(of(1), 'y', { ifAvailable: true })
  await rest()
  assert.equal(no.lock, null)
  assert.equal(no.result, 'none')
  assert.equal(free.lock?.name, 'y')
  held.end()
  await rest()
  const now = ask(of(1), 'x', { ifAvailable: true })
  await rest()
  lockOf(now)
})

test('locks › a promise that has settled means that the lock is free', async () => {
  const { of, cluster } = made(2)
  const asked = (async () => {
    await of(0).request('x', nothing)
    return of(0).request('x', { ifAvailable: true }, (lock) => lock !== null)
  })()
  await cluster.advance(500)
  assert.equal(await asked, true)
})

test('locks › a steal takes the lock from all who hold it: their promises reject, their callbacks go on', async () => {
  const { of, rest } = made(3)
  const held = [ask(of(0), 'x', { mode: 'shared' }), ask(of(1), 'x', { mode: 'shared' })]
  await rest()
  const waiting = ask(of(0), 'x')
  await rest()
  const { signal } = lockOf(held[1])
  const thief = ask(of(2), 'x', { steal: true })
  await rest()
  assert.deepEqual(
    held.map(({ result }) => nameOf(result)),
    ['AbortError', 'AbortError'],
  )
  assert.equal(nameOf(signal.reason), 'AbortError')
  // Asked for only now.
  assert.equal(nameOf(held[0]?.lock?.signal.reason), 'AbortError')
  lockOf(thief)
  for (const each of held) each.end('late')
  await rest()
  assert.deepEqual(
    held.map(({ result }) => nameOf(result)),
    ['AbortError', 'AbortError'],
  )
  assert.equal(waiting.lock, undefined)
  assert.equal(lockOf(thief).signal.aborted, false)
  thief.end()
  await rest()
  lockOf(waiting)
})

test('locks › what was stolen can be stolen back', async () => {
  const { of, rest } = made(2)
  const first = ask(of(0), 'x', { steal: true })
  await rest()
  const second = ask(of(1), 'x', { steal: true })
  await rest()
  const third = ask(of(0), 'x', { steal: true })
  await rest()
  assert.deepEqual(
    [first, second].map(({ result }) => nameOf(result)),
    ['AbortError', 'AbortError'],
  )
  lockOf(third)
})

test('locks › a lock that is stolen before its callback could be called is refused, and its callback is not called', async () => {
  const { of, cluster, rest } = made(2)
  const first = ask(of(0), 'x', { mode: 'shared' })
  const thief = ask(of(0), 'x', { steal: true })
  // Both are delivered in one go.
  await new Promise((resolve) => setImmediate(resolve))
  while (cluster.step());
  await rest()
  assert.equal(nameOf(first.result), 'AbortError')
  lockOf(thief)
})

test('locks › a signal takes a request back while it waits: with its reason, and those behind go on', async () => {
  const { of, rest } = made(3)
  const held = ask(of(0), 'x', { mode: 'shared' })
  await rest()
  const controller = new AbortController()
  const waiting = ask(of(1), 'x', { signal: controller.signal })
  await rest()
  const behind = ask(of(2), 'x', { mode: 'shared' })
  await rest()
  controller.abort('changed my mind')
  await Promise.resolve()
  assert.equal(waiting.result, 'changed my mind')
  await rest()
  assert.equal(waiting.lock, undefined)
  lockOf(behind)
  held.end()
})

test('locks › a signal that has aborted refuses at once; one that aborts before the request is sent, too', async () => {
  const { of, rest } = made(1)
  assert.equal(await rejection(of(0).request('x', { signal: AbortSignal.abort() }, nothing)), 'AbortError')
  const controller = new AbortController()
  const asked = ask(of(0), 'x', { signal: controller.signal })
  controller.abort('early')
  const next = ask(of(0), 'x')
  await rest()
  assert.equal(asked.result, 'early')
  assert.equal(asked.lock, undefined)
  lockOf(next)
})

test('locks › a signal that aborts when the request has its place, but is not delivered here, gives the lock back', async () => {
  const { of, cluster, rest } = made(2)
  const controller = new AbortController()
  const asked = ask(of(0), 'x', { signal: controller.signal })
  await new Promise((resolve) => setImmediate(resolve))
  // Orders it.
  cluster.step()
  controller.abort('late')
  await rest()
  assert.equal(asked.result, 'late')
  assert.equal(asked.lock, undefined)
  const next = ask(of(1), 'x')
  await rest()
  lockOf(next)
})

test('locks › a signal that aborts while the grant is on its way gives it back unused', async () => {
  const { of, cluster, rest } = made(2)
  const controller = new AbortController()
  const asked = ask(of(0), 'x', { signal: controller.signal })
  await new Promise((resolve) => setImmediate(resolve))
  while (cluster.step());
  // Granted here, but nothing has been told yet.
  controller.abort('late')
  await rest()
  assert.equal(asked.result, 'late')
  assert.equal(asked.lock, undefined)
  const next = ask(of(1), 'x')
  await rest()
  lockOf(next)
})

test('locks › a signal that aborts after the grant changes nothing', async () => {
  const { of, rest } = made(1)
  const controller = new AbortController()
  const asked = ask(of(0), 'x', { signal: controller.signal })
  await rest()
  controller.abort()
  await rest()
  assert.equal(asked.result, 'pending')
  assert.equal(lockOf(asked).signal.aborted, false)
  asked.end('kept')
  await rest()
  assert.equal(asked.result, 'kept')
})

test('locks › what the specification excludes is a NotSupportedError', async () => {
  const { of } = made(1)
  const { signal } = new AbortController()
  const refused: [string, LockOptions][] = [
    ['-', {}],
    ['-x', {}],
    ['x', { steal: true, ifAvailable: true }],
    ['x', { steal: true, mode: 'shared' }],
    ['x', { steal: true, signal }],
    ['x', { ifAvailable: true, signal }],
    ['x', { ifAvailable: true, signal: AbortSignal.abort() }],
  ]
  for (const [name, options] of refused) {
    assert.equal(await rejection(of(0).request(name, options, nothing)), 'NotSupportedError', JSON.stringify(options))
  }
})

test('locks › arguments of a wrong type are a TypeError, as a rejection', async () => {
  const { of } = made(1)
  // biome-ignore lint/suspicious/noExplicitAny: what a caller without types may do
  const request = of(0).request.bind(of(0)) as any
  const wrong: unknown[][] = [
    [],
    ['x'],
    ['x', {}],
    ['x', undefined],
    ['x', nothing, undefined],
    ['x', {}, {}],
    ['x', 7, nothing],
    ['x', 'shared', nothing],
    ['x', { mode: 'greedy' }, nothing],
    ['x', { mode: null }, nothing],
    ['x', { mode: 'Shared' }, nothing],
    ['x', { signal: null }, nothing],
    ['x', { signal: {} }, nothing],
    ['x', { signal: new AbortController() }, nothing],
    ['x', { signal: AbortSignal.prototype }, nothing],
    [Symbol('x'), nothing],
    // Types come first.
    ['-x', { mode: 'greedy' }, nothing],
    ['-x', {}, null],
  ]
  for (const args of wrong) assert.equal(await rejection(request(...args)), 'TypeError', args.map(String).join())
  assert.equal(of(0).request.length, 2)
})

test('locks › arguments are converted as WebIDL does', async () => {
  const { of, cluster } = made(1)
  // biome-ignore lint/suspicious/noExplicitAny: what a caller without types may do
  const request = of(0).request.bind(of(0)) as any
  const nameAndMode = (lock: Lock | null): unknown => [lock?.name, lock?.mode]
  const all = Promise.all([
    request(undefined, nameAndMode),
    request(7, null, nameAndMode),
    request('', undefined, nameAndMode),
    request('\ud800', nothing, nameAndMode),
    request('y', { mode: { toString: () => 'shared' }, steal: 0, ifAvailable: '', signal: undefined }, nameAndMode),
    request({ toString: () => 'z' }, { mode: undefined, other: 1 }, nameAndMode),
  ])
  await cluster.advance(200)
  assert.deepEqual(await all, [
    ['undefined', 'exclusive'],
    ['7', 'exclusive'],
    ['', 'exclusive'],
    ['\ud800', 'exclusive'],
    ['y', 'shared'],
    ['z', 'exclusive'],
  ])
})

test('locks › options are read in the order of their names', async () => {
  const { of, rest } = made(1)
  const read: string[] = []
  const options = new Proxy<LockOptions>({}, { get: (_, key) => void read.push(String(key)) })
  void of(0).request('x', options, nothing)
  await rest()
  assert.deepEqual(read, ['holding', 'ifAvailable', 'mode', 'signal', 'steal'])
})

test('locks › query shows who holds and who waits, in the whole space and in order', async () => {
  const { of, rest, members } = made(2)
  const held = ask(of(0), 'x')
  await rest()
  ask(of(1), 'x', { mode: 'shared' })
  await rest()
  ask(of(1), 'a', { mode: 'shared' })
  await rest()
  ask(of(0), 'x')
  // Made in the same task: it is seen.
  const query = of(0).query()
  await rest()
  const [p0, p1] = members.map(({ id }) => id)
  assert.deepEqual(await query, {
    held: [
      { name: 'x', mode: 'exclusive', clientId: p0 },
      { name: 'a', mode: 'shared', clientId: p1 },
    ],
    pending: [
      { name: 'x', mode: 'shared', clientId: p1 },
      { name: 'x', mode: 'exclusive', clientId: p0 },
    ],
  })
  held.end()
})
