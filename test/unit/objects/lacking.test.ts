/** What a state lacks of another: merging it does what merging the whole of the other does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CounterReplica, counterKind } from '../../../lib/objects/counter.ts'
import { MapReplica, mapKind } from '../../../lib/objects/map.ts'
import type { Replica } from '../../../lib/objects/replica.ts'
import { lackingIn, scratchPort } from '../../../lib/storage/restoring.ts'
import { decodeValue, encodeValue, hashValue } from '../../../lib/values.ts'
import { Cluster, makeRandom, pick } from './cluster.ts'
import { noMail } from './no-mail.ts'

const port = scratchPort({ self: 'reader', mail: noMail.mail }, 'reader')

function merged(make: () => Replica, state: unknown, other: unknown): string {
  const replica = make()
  replica.load(state)
  if (other !== null) replica.merge?.(other)
  return hashValue(replica.save())
}

/** Checks every ordered pair of the states; returns how many lacked something, and how many did not. */
function check(make: () => Replica, states: readonly string[], what: string): { lacking: number; whole: number } {
  const counts = { lacking: 0, whole: 0 }
  const read = states.map((state) => decodeValue(Buffer.from(state, 'hex')))
  for (const mine of read) {
    for (const theirs of read) {
      const lack = lackingIn(mine, theirs, make)
      const isSame = merged(make, mine, theirs) === hashValue(mine)
      assert.equal(lack === null, isSame, what)
      assert.equal(merged(make, mine, lack), merged(make, mine, theirs), what)
      if (lack !== null) assert.ok(encodeValue(lack).length <= encodeValue(theirs).length + 64, what)
      counts[lack === null ? 'whole' : 'lacking'] += 1
    }
  }
  return counts
}

test('lacking › of maps that were apart: merging it does what merging the whole does', () => {
  const counts = { lacking: 0, whole: 0 }
  for (let seed = 1; seed <= 60; seed += 1) {
    const cluster = new Cluster(mapKind, {}, 3, seed)
    const random = makeRandom(seed * 977)
    for (let step = 0; step < 60; step += 1) {
      const dice = random()
      const { handle } = pick(random, cluster.members)
      if (dice < 0.35) handle.set(pick(random, ['a', 'b', 'c']), step)
      else if (dice < 0.5) handle.delete(pick(random, ['a', 'b', 'c']))
      else if (dice < 0.53) handle.clear()
      else if (dice < 0.93) cluster.deliverOne()
      else if (dice < 0.97) cluster.split()
      else cluster.heal(() => undefined, 0)
    }
    const { lacking, whole } = check(() => new MapReplica(port, {}), cluster.states(), `seed ${seed}`)
    counts.lacking += lacking
    counts.whole += whole
  }
  assert.ok(counts.lacking > 50 && counts.whole > 50, JSON.stringify(counts))
})

test('lacking › of counters that were apart: merging it does what merging the whole does', () => {
  const counts = { lacking: 0, whole: 0 }
  for (let seed = 1; seed <= 40; seed += 1) {
    const cluster = new Cluster(counterKind, {}, 3, seed)
    const random = makeRandom(seed * 983)
    for (let step = 0; step < 50; step += 1) {
      const dice = random()
      if (dice < 0.4) pick(random, cluster.members).handle.add(dice < 0.2 ? -1 : 2)
      else if (dice < 0.93) cluster.deliverOne()
      else cluster.split()
    }
    const { lacking, whole } = check(() => new CounterReplica(port), cluster.states(), `seed ${seed}`)
    counts.lacking += lacking
    counts.whole += whole
  }
  assert.ok(counts.lacking > 50 && counts.whole > 50, JSON.stringify(counts))
})

test('lacking › an object that cannot tell is given the whole of it, or nothing', () => {
  const make = (): Replica => {
    let best = 0
    return {
      apply: () => true,
      view: () => undefined,
      save: () => best,
      load: (state) => {
        best = state as number
      },
      merge: (state) => {
        best = Math.max(best, state as number)
      },
      settle: () => undefined,
    }
  }
  assert.equal(lackingIn(3, 5, make), 5)
  assert.equal(lackingIn(5, 3, make), null)
})
