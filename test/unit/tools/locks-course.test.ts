/** Locks at random: losses, drops, processes that are cut off, come back, join, leave and die. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import type { Lock } from '../../../lib/tools/lock.ts'
import type { LockOptions } from '../../../lib/tools/locks.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { type Member, made, nameOf } from './lock-askers.ts'

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
