/** The locks of a space: what the Web Locks API says, rule by rule, and what is added to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, StaleTokenError, TooLargeError, UsageError } from '../../../lib/errors.ts'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import type { Lock } from '../../../lib/tools/lock.ts'
import { type LockReplica, type LocksOptions, locksKind } from '../../../lib/tools/lock-replica.ts'
import { LOCK_NAME_MAX } from '../../../lib/tools/lock-request.ts'
import { LockManager, type LockOptions } from '../../../lib/tools/locks.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'

type Member = TotalMember<LockReplica>

/** One request, as a test sees it. */
interface Asked {
  /** What the callback was given; undefined while it has not been called. */
  lock: Lock | null | undefined
  /** `pending`, or what came of it. */
  result: unknown
  /** Ends the callback, with that as its result. */
  end(result?: unknown): void
  fail(reason: unknown): void
}

function ask(locks: LockManager, name: string, options: LockOptions = {}): Asked {
  let end: (result?: unknown) => void = () => undefined
  let fail: (reason: unknown) => void = () => undefined
  const work = new Promise<unknown>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  const asked: Asked = { lock: undefined, result: 'pending', end, fail }
  const callback = (lock: Lock | null): unknown => {
    asked.lock = lock
    return lock === null ? 'none' : work
  }
  locks.request(name, options, callback).then(
    (value) => {
      asked.result = value
    },
    (error: unknown) => {
      asked.result = error
    },
  )
  return asked
}

function made(count: number, seed = 1) {
  const cluster = new TotalCluster<LockReplica, LocksOptions>(locksKind, {}, count, seed)
  const managers = new Map<string, LockManager>()
  const managerOf = (member: Member): LockManager => {
    const known = managers.get(member.id) ?? new LockManager(() => Promise.resolve(member.handle))
    managers.set(member.id, known)
    return known
  }
  const members = [...cluster.primary]
  const of = (index: number): LockManager => managerOf(members[index] as Member)
  return { cluster, members, of, managerOf, rest: () => cluster.advance(200) }
}

function lockOf(asked: Asked | undefined): Lock {
  if (!asked?.lock) throw new Error('no lock was granted')
  return asked.lock
}

function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : String(error)
}

async function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => nameOf(error),
  )
}

const nothing = (): undefined => undefined

// The specification, section 3.2: request

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
  assert.ok(asked.lock)
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
  assert.ok(inner.lock)
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
  assert.ok(behind.lock)
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
  assert.ok(now.lock)
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
  assert.ok(thief.lock)
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
  assert.ok(waiting.lock)
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
  assert.ok(third.lock)
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
  assert.ok(thief.lock)
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
  assert.ok(behind.lock)
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
  assert.ok(next.lock)
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
  assert.ok(next.lock)
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
  assert.ok(next.lock)
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
  assert.deepEqual(read, ['ifAvailable', 'mode', 'signal', 'steal'])
})

// The specification, section 3.4: query

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

// What is added

test('locks › each grant has a token higher than all before it', async () => {
  const { of, rest, cluster, members } = made(3)
  const tokens: Token[] = []
  for (let i = 0; i < 6; i += 1) {
    if (i === 3) cluster.end(members[2] as Member, 'left')
    const asked = ask(of(i % 2), 'x')
    await rest()
    tokens.push((asked.lock as Lock).token)
    asked.end()
    await rest()
  }
  for (const [i, token] of tokens.slice(1).entries()) assert.ok(compareTokens(tokens[i] as Token, token) < 0)
})

for (const how of ['left', 'dead'] as const) {
  test(`locks › what a process that is ${how} held and waited for is free at once`, async () => {
    const { of, rest, cluster, members } = made(3)
    ask(of(0), 'x')
    await rest()
    ask(of(0), 'x')
    await rest()
    const next = ask(of(1), 'x')
    await rest()
    cluster.end(members[0] as Member, how)
    await rest()
    assert.ok(next.lock)
  })
}

test('locks › who is cut off holds its lock for a lease; nobody else has it before, and somebody has it after', async () => {
  const { of, cluster, rest, members } = made(3)
  const held = ask(of(0), 'x')
  await rest()
  const { signal } = lockOf(held)
  const next = ask(of(1), 'x')
  await rest()
  cluster.cutOff(members[0] as Member)
  await cluster.advance(9_900)
  assert.deepEqual([signal.aborted, next.lock], [false, undefined])
  await cluster.advance(200)
  assert.ok(signal.reason instanceof StaleTokenError)
  assert.equal(next.lock, undefined)
  await cluster.advance(1_200)
  assert.ok(next.lock)
  // The callback's result is no less its result.
  held.end('late')
  await rest()
  assert.equal(held.result, 'late')
})

test('locks › a callback that ends while its process is cut off settles once the lock is no longer its own', async () => {
  const { of, cluster, rest, members } = made(3)
  const held = ask(of(0), 'x')
  await rest()
  cluster.cutOff(members[0] as Member)
  held.end('done')
  await cluster.advance(5_000)
  assert.equal(held.result, 'pending')
  await cluster.advance(5_100)
  assert.equal(held.result, 'done')
})

test('locks › who comes back in time keeps its lock; who comes back too late has lost it', async () => {
  for (const [away, isKept] of [
    [5_000, true],
    [12_000, false],
  ] as const) {
    const { of, cluster, rest, members } = made(3)
    const held = ask(of(0), 'x')
    await rest()
    cluster.cutOff(members[0] as Member)
    await cluster.advance(away)
    cluster.join(members[0] as Member)
    await cluster.advance(1_000)
    assert.equal(held.lock?.signal.aborted, !isKept)
    const next = ask(of(1), 'x')
    await rest()
    assert.equal(next.lock === undefined, isKept)
    held.end('done')
    await rest()
    assert.equal(held.result, 'done')
    assert.ok(next.lock)
  }
})

test('locks › a lock that was stolen while its holder was cut off is lost when it is back', async () => {
  const { of, cluster, rest, members } = made(3)
  const held = ask(of(0), 'x')
  await rest()
  cluster.cutOff(members[0] as Member)
  const thief = ask(of(1), 'x', { steal: true })
  await rest()
  assert.ok(thief.lock)
  cluster.join(members[0] as Member)
  await rest()
  assert.equal(held.lock?.signal.aborted, true)
})

test('locks › requests wait outside the primary component, and can be taken back there', async () => {
  const { of, cluster, rest, members } = made(3)
  cluster.cutOff(members[0] as Member)
  const controller = new AbortController()
  const waiting = ask(of(0), 'x')
  const aborted = ask(of(0), 'x', { signal: controller.signal })
  const query = of(0).query()
  await cluster.advance(20_000)
  assert.equal(waiting.lock, undefined)
  controller.abort('enough')
  await rest()
  assert.equal(aborted.result, 'enough')
  cluster.join(members[0] as Member)
  await cluster.advance(1_000)
  assert.ok(waiting.lock)
  assert.equal((await query).held.length, 1)
})

test('locks › a grant that waited while its process slept is used only when the others have answered since', async () => {
  const { of, cluster, members } = made(2)
  const sleeper = members[0] as Member
  const asked = ask(of(0), 'x')
  await new Promise((resolve) => setImmediate(resolve))
  sleeper.answeredAt = cluster.now
  // The clock jumps before anything is delivered: nothing of its lease is left.
  cluster.now += 30_000
  await cluster.rest()
  assert.equal(asked.lock, undefined)
  await cluster.advance(500)
  assert.equal(asked.lock, undefined)
  sleeper.answeredAt = null
  await cluster.advance(500)
  assert.equal(lockOf(asked).signal.aborted, false)
})

test('locks › a grant that is lost before it could be used is asked for again', async () => {
  const { of, cluster, rest, members } = made(3)
  const sleeper = members[0] as Member
  const asked = ask(of(0), 'x')
  await new Promise((resolve) => setImmediate(resolve))
  sleeper.answeredAt = cluster.now
  cluster.now += 30_000
  await cluster.rest()
  cluster.cutOff(sleeper)
  const other = ask(of(1), 'x')
  await cluster.advance(12_000)
  assert.ok(other.lock)
  sleeper.answeredAt = null
  cluster.join(sleeper)
  await cluster.advance(1_000)
  assert.equal(asked.lock, undefined)
  other.end()
  await rest()
  assert.equal(lockOf(asked).signal.aborted, false)
})

test('locks › however much is asked, what was held is given back', async () => {
  const { of, cluster, rest } = made(2)
  const held = ask(of(0), 'x')
  await rest()
  const next = ask(of(1), 'x')
  await rest()
  const queries = Array.from({ length: 1_100 }, () => of(0).query())
  const ends = Promise.allSettled(queries)
  held.end()
  await rest()
  await cluster.advance(1_000)
  const refused = (await ends).filter(({ status }) => status === 'rejected')
  assert.equal(refused.length, 1_100 - 1_024)
  assert.ok(next.lock)
})

test('locks › whoever was away for so long that the others have forgotten it asks again', async () => {
  const { of, cluster, rest, members } = made(3)
  const held = ask(of(1), 'x')
  await rest()
  const waiting = ask(of(0), 'x')
  const [absent, ...others] = members as [Member, Member, Member]
  await rest()
  cluster.cutOff(absent)
  for (const { replica, view } of others) {
    const [, ...rest] = replica.save() as [number, string, number, [string][], unknown]
    const sessions = rest[2].filter(([process]) => process !== absent.id)
    replica.load([Number.parseInt(view.id, 10), rest[0], rest[1], sessions, rest[3]])
    replica.settle()
  }
  cluster.join(absent)
  await cluster.advance(1_000)
  assert.equal(waiting.lock, undefined)
  held.end()
  await rest()
  assert.ok(waiting.lock)
})

test('locks › who finds itself in another line, outside its primary component, has lost what it held', async () => {
  const { of, cluster, rest, members } = made(3)
  const held = ask(of(0), 'x')
  await rest()
  const [member] = members as [Member]
  cluster.cutOff(member)
  await rest()
  const { signal } = lockOf(held)
  assert.equal(signal.aborted, false)
  member.view = { ...member.view, id: '90.q.0', line: 'other' }
  member.replica.view(member.view)
  member.replica.settle()
  assert.ok(signal.reason instanceof StaleTokenError)
})

test('locks › what a state says is this process’s, of which it knows nothing, is given back', async () => {
  const { of, cluster, rest, members } = made(2)
  const held = ask(of(0), 'x')
  await rest()
  const older = members[1]?.replica.save()
  held.end()
  await rest()
  for (const { replica } of members) {
    replica.load(older)
    replica.settle()
  }
  const next = ask(of(1), 'x')
  await cluster.advance(1_000)
  assert.ok(next.lock)
})

test('locks › closing: held locks are lost first, then requests are refused; callbacks go on', async () => {
  const { of, rest, members } = made(2)
  const held = ask(of(0), 'x')
  await rest()
  const waiting = ask(of(0), 'x')
  await rest()
  const seen: string[] = []
  held.lock?.signal.addEventListener('abort', () =>
    seen.push(`${nameOf(held.lock?.signal.reason)} ${String(waiting.result)}`),
  )
  of(0).close()
  await Promise.resolve()
  assert.deepEqual(seen, ['StaleTokenError pending'])
  assert.equal(nameOf(waiting.result), 'InvalidStateError')
  assert.equal(await rejection(of(0).request('x', nothing)), 'InvalidStateError')
  assert.equal(await rejection(of(0).query()), 'InvalidStateError')
  // Types come first, closed or not.
  assert.equal(await rejection(of(0).request('x', {}, null as never)), 'TypeError')
  held.end('finished')
  await rest()
  assert.equal(held.result, 'finished')
  // A group that ends by itself is no different.
  const other = ask(of(1), 'y')
  members[1]?.handle.handleEnd()
  await rest()
  assert.equal(nameOf(other.result), 'InvalidStateError')
})

test('locks › a process holds and waits for 1,024 locks, and no more; what ends makes room', async () => {
  const { of, cluster } = made(2)
  const asked = Array.from({ length: 1_024 }, (_, i) => ask(of(0), i < 600 ? `x${i}` : 'x0'))
  await cluster.advance(2_000)
  assert.equal(asked.filter(({ lock }) => lock !== undefined).length, 600)
  await assert.rejects(of(0).request('y', nothing), BusyError)
  for (const each of asked) each.end()
  await cluster.advance(5_000)
  assert.equal(asked.filter(({ result }) => result === undefined).length, 1_024)
  const more = ask(of(0), 'y')
  await cluster.advance(200)
  assert.ok(more.lock)
})

test('locks › of a name that is too long nothing is sent', async () => {
  const { of } = made(1)
  await assert.rejects(of(0).request('x'.repeat(LOCK_NAME_MAX + 1), nothing), TooLargeError)
})

test('locks › requests wait for the group in their order; if it cannot be opened, the next one tries again', async () => {
  const { members, rest } = made(1)
  let opened: (replica: LockReplica) => void = () => undefined
  const opening = new Promise<LockReplica>((resolve) => {
    opened = resolve
  })
  const locks = new LockManager(() => opening)
  const order: number[] = []
  for (let i = 0; i < 3; i += 1) void locks.request('x', () => order.push(i))
  opened((members[0] as Member).handle)
  void locks.request('x', () => order.push(3))
  await rest()
  assert.deepEqual(order, [0, 1, 2, 3])

  let tries = 0
  const stubborn = new LockManager(() => {
    tries += 1
    return tries === 1 ? Promise.reject(new UsageError('a witness')) : Promise.resolve((members[0] as Member).handle)
  })
  assert.equal(await rejection(stubborn.request('y', nothing)), 'UsageError')
  const asked = ask(stubborn, 'y')
  await rest()
  assert.ok(asked.lock)
})

// All of it at random

interface Holding {
  readonly member: Member
  readonly name: string
  readonly lock: Lock
  isOver: boolean
}

async function course(seed: number, isStealing: boolean): Promise<void> {
  // Whatever fails, no callback must go on for ever.
  const end = { isOver: false }
  try {
    await run(seed, isStealing, end)
  } finally {
    end.isOver = true
  }
}

async function run(seed: number, isStealing: boolean, end: { readonly isOver: boolean }): Promise<void> {
  const random = makeRandom(seed)
  const { cluster, managerOf } = made(4, seed)
  const holdings: Holding[] = []
  const asked: { readonly member: Member; outcome: unknown }[] = []
  const gone = new Set<Member>()
  const highest = new Map<string, Token>()
  const aborts: AbortController[] = []
  let away: Member | null = null
  let born = 4

  const check = (): void => {
    for (const name of ['x', 'y']) {
      const live = holdings.filter(
        (each) => each.name === name && !each.isOver && !gone.has(each.member) && !each.lock.signal.aborted,
      )
      if (!isStealing && live.length > 1 && live.some(({ lock }) => lock.mode === 'exclusive'))
        assert.fail(
          `seed ${seed}: ${live.map(({ member, lock }) => `${member.id} ${lock.mode} ${lock.token}`)} hold ${name}`,
        )
    }
  }
  const request = (member: Member): void => {
    const name = random() < 0.7 ? 'x' : 'y'
    const kind = random()
    const controller = new AbortController()
    const options: LockOptions =
      isStealing && kind < 0.1
        ? { steal: true }
        : {
            mode: random() < 0.4 ? 'shared' : 'exclusive',
            ...(kind < 0.2 ? { ifAvailable: true } : kind < 0.4 ? { signal: controller.signal } : {}),
          }
    const entry: { readonly member: Member; outcome: unknown } = { member, outcome: 'pending' }
    asked.push(entry)
    const until = cluster.now + random() * 60
    const callback = async (lock: Lock | null): Promise<string> => {
      if (lock === null) return 'none'
      const holding: Holding = { member, name, lock, isOver: false }
      holdings.push(holding)
      check()
      if (!isStealing && lock.mode === 'exclusive') {
        const before = highest.get(name)
        assert.ok(
          before === undefined || compareTokens(before, lock.token) < 0,
          `seed ${seed}: ${before}, ${lock.token}`,
        )
        highest.set(name, lock.token)
      }
      while (cluster.now < until && !end.isOver) await new Promise((resolve) => setImmediate(resolve))
      holding.isOver = true
      return 'done'
    }
    managerOf(member)
      .request(name, options, callback)
      .then(
        (value) => {
          entry.outcome = value
        },
        (error: unknown) => {
          entry.outcome = nameOf(error)
        },
      )
    if (random() < 0.5) aborts.push(controller)
  }

  for (let round = 0; round < 40; round += 1) {
    const member = pick(random, cluster.primary)
    if (random() < 0.1) member.loses = 1
    if (random() < 0.1) member.drops = 1
    request(member)
    const what = random()
    if (what < 0.1 && away === null) {
      away = member
      cluster.cutOff(member)
      request(member)
    } else if (what < 0.25 && away !== null) {
      cluster.join(away)
      away = null
    } else if (what < 0.3 && cluster.primary.length > 2) {
      gone.add(member)
      cluster.end(member, random() < 0.5 ? 'left' : 'dead')
    } else if (what < 0.35) {
      cluster.join(`p${born}`)
      born += 1
    }
    for (let i = random() * 8; i > 0; i -= 1) {
      cluster.step()
      check()
      if (random() < 0.1) aborts.shift()?.abort('aborted')
    }
    await new Promise((resolve) => setImmediate(resolve))
    check()
    if (random() < 0.4) await cluster.advance(random() < 0.1 ? 12_000 : 30)
    check()
  }
  if (away !== null) cluster.join(away)
  await cluster.advance(30_000)
  for (let i = 0; i < 20; i += 1) await cluster.advance(1_000)
  const open = asked.filter(({ member, outcome }) => outcome === 'pending' && !gone.has(member))
  assert.equal(open.length, 0, `seed ${seed}: ${open.map(({ member }) => member.id)} wait for ever`)
  const allowed = new Set(['done', 'none', 'aborted', ...(isStealing ? ['AbortError'] : [])])
  for (const { member, outcome } of asked) {
    if (!gone.has(member)) assert.ok(allowed.has(String(outcome)), `seed ${seed}: ${String(outcome)}`)
  }
  assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
  const { held, pending } = await (async () => {
    const query = managerOf(pick(random, cluster.primary)).query()
    await cluster.advance(200)
    return query
  })()
  assert.deepEqual([held, pending], [[], []], `seed ${seed}`)
  assert.deepEqual(cluster.faults, [], `seed ${seed}`)
}

test('locks › at random: one exclusive holder at most, rising tokens, everything granted in the end, equal states', async () => {
  for (let seed = 1; seed <= 60; seed += 1) await course(seed, false)
})

test('locks › at random, with steals: everything is settled in the end, and states are equal', async () => {
  for (let seed = 101; seed <= 140; seed += 1) await course(seed, true)
})
