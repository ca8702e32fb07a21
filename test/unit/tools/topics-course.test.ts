/** Lanes through splits, heals and newcomers, in whatever order casts come: what is kept, and who is told of what. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { Subscription, type TopicMessage } from '../../../lib/tools/subscription.ts'
import { laneKind, type TopicLane } from '../../../lib/tools/topic-lane.ts'
import { type TopicOrder, TopicPattern } from '../../../lib/tools/topic-names.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { Cluster, makeRandom, pick } from '../objects/cluster.ts'

const TOPICS = ['a', 'a.b', 'a.c']
const CLEARS = new Uint8Array(0)

/** Each member has a clock of its own. */
function ownClocks(order: TopicOrder): ObjectKind<TopicLane, object> {
  const kind = laneKind(order)
  return { ...kind, create: (port) => kind.create(port, { clock: { now: 0 }, onEnd: () => undefined }) }
}

/** What a subscription to all topics is told at a lane. */
function follow(lane: TopicLane, last: number): TopicMessage[] {
  const told: TopicMessage[] = []
  const parts = { fn: (message: TopicMessage) => void told.push(message), last, release: () => undefined }
  lane.add(new Subscription(new TopicPattern('**'), parts), false)
  return told
}

/** The values that a state of a lane holds. */
function valuesIn(saved: unknown): unknown[] {
  const topics = saved as [string, [number, string, number, Uint8Array, number][]][]
  return topics.flatMap(([, list]) => list.flatMap(([, , , bytes]) => (bytes.length > 0 ? [decodeValue(bytes)] : [])))
}

for (const order of ['fifo', 'causal'] as const) {
  test(`topics › ${order}: all keep the same after splits and heals, are told of it, and of nothing twice`, () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const cluster = new Cluster(ownClocks(order), {}, 4, seed)
      const random = makeRandom(seed)
      const first = [...cluster.members]
      const told = new Map(first.map(({ id, handle }) => [id, follow(handle, 5)]))
      let count = 0
      const publish = (lane: TopicLane): void => {
        const topic = pick(random, TOPICS)
        const isClearing = random() < 0.1
        count += isClearing ? 0 : 1
        const bytes = isClearing ? CLEARS : encodeValue(count)
        void lane.publish({ topic, bytes, keep: isClearing ? 1 : Math.floor(random() * 6) })
      }
      for (let step = 0; step < 120; step += 1) {
        const dice = random()
        if (dice < 0.35) publish(pick(random, cluster.members).handle)
        else if (dice < 0.88) cluster.deliverOne()
        else if (dice < 0.94) cluster.split()
        else cluster.heal(({ handle }) => publish(handle), Math.floor(random() * 3))
      }
      const late = cluster.join('late')
      cluster.healAll()
      assert.deepEqual(cluster.faults, [])
      assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}`)
      const kept = valuesIn(late.replica.save())
      for (const [id, messages] of told) {
        const values = messages.map(({ value }) => value)
        assert.equal(new Set(values).size, values.length, `seed ${seed}: ${id} was told of something twice`)
        for (const value of kept) assert.ok(values.includes(value), `seed ${seed}: ${id} was not told of ${value}`)
        for (const { from, local } of messages) assert.equal(local, from === id)
      }
      // Whoever has been told of all publishes something newer.
      void pick(random, first).handle.publish({ topic: 'a', bytes: encodeValue('newest'), keep: 1 })
      cluster.drain()
      for (const { replica } of cluster.members) {
        const topic = (replica.save() as [string, unknown[]][]).find(([name]) => name === 'a')
        assert.equal(topic?.[1].length, 1, `seed ${seed}`)
        assert.ok(valuesIn(replica.save()).includes('newest'), `seed ${seed}`)
      }
    }
  })
}
