/** What locks have beyond the Web Locks API: tokens, leases, and what becomes of them when processes come and go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, TooLargeError, UsageError } from '../../../lib/errors.ts'
import type { OpInfo } from '../../../lib/objects/replica.ts'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import type { Lock } from '../../../lib/tools/lock.ts'
import type { LockReplica } from '../../../lib/tools/lock-replica.ts'
import { LOCK_NAME_MAX } from '../../../lib/tools/lock-request.ts'
import { LockManager } from '../../../lib/tools/locks.ts'
import { ask, lockOf, type Member, made, nameOf, nothing, rejection } from './lock-askers.ts'

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
    lockOf(next)
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
  assert.equal(nameOf(signal.reason), 'StaleTokenError')
  assert.equal(next.lock, undefined)
  await cluster.advance(1_200)
  lockOf(next)
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
    lockOf(next)
  }
})

test('locks › a lock that was stolen while its holder was cut off is lost when it is back', async () => {
  const { of, cluster, rest, members } = made(3)
  const held = ask(of(0), 'x')
  await rest()
  cluster.cutOff(members[0] as Member)
  const thief = ask(of(1), 'x', { steal: true })
  await rest()
  lockOf(thief)
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
  lockOf(waiting)
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
  lockOf(other)
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
  lockOf(next)
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
  lockOf(waiting)
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
  assert.equal(nameOf(signal.reason), 'StaleTokenError')
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
  lockOf(next)
})

test('locks › what is granted to this process after a state was taken over, and had its end before, is given back', async () => {
  const { of, cluster, rest, members } = made(2)
  const older = members[1]?.replica.save()
  const kept: [op: unknown, info: OpInfo][] = []
  const { replica } = members[0] as Member
  const { apply } = replica
  replica.apply = (op, info) => {
    kept.push([op, info])
    return apply.call(replica, op, info)
  }
  const held = ask(of(0), 'x')
  await rest()
  replica.apply = apply
  held.end()
  await rest()
  for (const { replica } of members) {
    replica.load(older)
    replica.settle()
  }
  // Longer than it looks for what a state says.
  await cluster.advance(1_000)
  for (const { replica } of members) {
    for (const [op, info] of kept) replica.apply(op, info)
    replica.settle()
  }
  const next = ask(of(1), 'x')
  await cluster.advance(1_000)
  lockOf(next)
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
  lockOf(more)
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
  lockOf(asked)
})
