/** Semaphores: so many hold one at once, and no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClosedError, UsageError } from '../../../lib/errors.ts'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import {
  type Permit,
  type SemaphoreOptions,
  type SharedSemaphore,
  semaphoreKind,
} from '../../../lib/tools/semaphore.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'
import { nameOf } from './lock-askers.ts'

type Member = TotalMember<SharedSemaphore>

interface Asked {
  permit: Permit | null
  error: unknown
}

function acquire(semaphore: SharedSemaphore, signal?: AbortSignal): Asked {
  const asked: Asked = { permit: null, error: null }
  semaphore.acquire({ signal }).then(
    (permit) => {
      asked.permit = permit
    },
    (error: unknown) => {
      asked.error = error
    },
  )
  return asked
}

function made(permits: number, count: number, seed = 1) {
  const cluster = new TotalCluster<SharedSemaphore, SemaphoreOptions>(semaphoreKind, { permits }, count, seed)
  const members = [...cluster.primary]
  const of = (index: number): SharedSemaphore => (members[index] as Member).handle
  return { cluster, members, of, rest: () => cluster.advance(200) }
}

test('semaphore › so many permits are given at once, the next one when one is back', async () => {
  const { of, rest } = made(2, 3)
  const asked: Asked[] = []
  for (const index of [0, 1, 2]) {
    asked.push(acquire(of(index)))
    await rest()
  }
  assert.deepEqual(
    asked.map(({ permit }) => permit !== null),
    [true, true, false],
  )
  assert.equal(of(2).available, 0)
  let isReleased = false
  asked[1]?.permit?.release().then(() => {
    isReleased = true
  })
  await rest()
  assert.deepEqual([isReleased, asked[2]?.permit?.signal.aborted], [true, false])
  const tokens = asked.map(({ permit }) => permit?.token as Token)
  for (const [i, token] of tokens.slice(1).entries()) assert.ok(compareTokens(tokens[i] as Token, token) < 0)
})

test('semaphore › its snapshot tells who holds and who waits, and stays the same until something changes', async () => {
  const { of, rest } = made(1, 2)
  let changes = 0
  of(1).subscribe(() => {
    changes += 1
  })
  const empty = of(1).snapshot
  assert.equal(of(1).snapshot, empty)
  acquire(of(0))
  await rest()
  acquire(of(1))
  await rest()
  assert.deepEqual(of(1).snapshot, { permits: 1, holders: ['p0'], waiting: ['p1'] })
  assert.ok(changes >= 2)
})

test('semaphore › a signal takes a request back; a process that leaves gives its permits back', async () => {
  const { of, rest, cluster, members } = made(1, 3)
  const held = acquire(of(0))
  await rest()
  const controller = new AbortController()
  const waiting = acquire(of(1), controller.signal)
  const next = acquire(of(2))
  await rest()
  controller.abort('enough')
  await rest()
  assert.deepEqual([held.permit !== null, waiting.error, next.permit], [true, 'enough', null])
  cluster.end(members[0] as Member, 'left')
  await rest()
  assert.notEqual(next.permit, null)
})

test('semaphore › who is cut off has its permit for a lease; released after that, it harms nobody', async () => {
  const { of, rest, cluster, members } = made(1, 3)
  const held = acquire(of(0))
  await rest()
  const { permit } = held
  assert.notEqual(permit, null)
  cluster.cutOff(members[0] as Member)
  const next = acquire(of(1))
  await cluster.advance(10_100)
  assert.deepEqual([nameOf(permit?.signal.reason), next.permit], ['StaleTokenError', null])
  await cluster.advance(1_200)
  assert.notEqual(next.permit, null)
  await permit?.release()
  cluster.join(members[0] as Member)
  await cluster.advance(1_000)
  assert.equal(next.permit?.signal.aborted, false)
  assert.equal(of(2).available, 0)
})

test('semaphore › closed: what is held is lost, what waits rejects with ClosedError', async () => {
  const { of, rest, members } = made(1, 1)
  const held = acquire(of(0))
  const waiting = acquire(of(0))
  await rest()
  const signal = held.permit?.signal
  members[0]?.handle.handleEnd()
  await rest()
  assert.equal(nameOf(signal?.reason), 'StaleTokenError')
  assert.ok(waiting.error instanceof ClosedError, String(waiting.error))
  await held.permit?.release()
})

test('semaphore › closed while a grant that came late waits for the others to confirm it, the request rejects', async () => {
  const { of, cluster, members } = made(1, 2)
  const sleeper = members[0] as Member
  const asked = acquire(of(0))
  await new Promise((resolve) => setImmediate(resolve))
  sleeper.answeredAt = cluster.now
  // Nothing of its lease is left when the grant comes.
  cluster.now += 30_000
  await cluster.rest()
  assert.deepEqual([asked.permit, asked.error], [null, null])
  // No timer of a space runs once it has closed.
  sleeper.handle.handleEnd()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(nameOf(asked.error), 'ClosedError')
})

test('semaphore › permits are a whole number from 1 to 65,536', () => {
  for (const permits of [0, 65_537, 1.5, Number.NaN, '2', undefined]) {
    assert.throws(() => made(permits as number, 1), UsageError, String(permits))
  }
  made(65_536, 1)
})

test('semaphore › at random: never more holders than permits, and everybody gets one in the end', async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = makeRandom(seed)
    const { cluster } = made(2, 4, seed)
    const asked: { readonly member: Member; readonly asked: Asked }[] = []
    const gone = new Set<Member>()
    const live = (): typeof asked =>
      asked.filter(({ member, asked: { permit } }) => permit !== null && !permit.signal.aborted && !gone.has(member))
    const released = new Set<Asked>()
    const check = (): void => {
      const holders = live().filter((each) => !released.has(each.asked))
      assert.ok(holders.length <= 2, `seed ${seed}: ${holders.map(({ member }) => member.id)}`)
    }
    const releaseOne = (): void => {
      const holder = asked.find((each) => each.asked.permit !== null && !released.has(each.asked))
      if (holder === undefined) return
      released.add(holder.asked)
      void holder.asked.permit?.release()
    }
    let away: Member | null = null
    for (let round = 0; round < 30; round += 1) {
      const member = pick(random, cluster.primary)
      if (random() < 0.1) member.loses = 1
      if (random() < 0.1) member.drops = 1
      asked.push({ member, asked: acquire(member.handle) })
      if (random() < 0.1 && away === null) {
        away = member
        cluster.cutOff(member)
      } else if (random() < 0.2 && away !== null) {
        cluster.join(away)
        away = null
      } else if (random() < 0.05 && cluster.primary.length > 2) {
        gone.add(member)
        cluster.end(member, random() < 0.5 ? 'left' : 'dead')
      }
      for (let i = random() * 8; i > 0; i -= 1) cluster.step()
      await new Promise((resolve) => setImmediate(resolve))
      check()
      if (random() < 0.6) releaseOne()
      if (random() < 0.3) await cluster.advance(random() < 0.2 ? 12_000 : 60)
      check()
    }
    if (away !== null) cluster.join(away)
    for (let i = 0; i < 80; i += 1) {
      releaseOne()
      await cluster.advance(300)
      check()
    }
    const open = asked.filter((each) => each.asked.permit === null && !gone.has(each.member))
    assert.equal(open.length, 0, `seed ${seed}`)
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
  }
})
