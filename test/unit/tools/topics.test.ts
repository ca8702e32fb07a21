/** `space.topics`, over spaces in one thread. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import { BusyError, ClosedError, UsageError, ValueError } from '../../../lib/errors.ts'
import type { StandardSchemaV1 } from '../../../lib/objects/schema.ts'
import { openSpace } from '../../../lib/open-space.ts'
import type { Space } from '../../../lib/space.ts'
import { Subscription, type TopicMessage } from '../../../lib/tools/subscription.ts'
import { TopicHub } from '../../../lib/tools/topic-hub.ts'
import { KEPT_BYTES_MAX, laneKind, type TopicLane } from '../../../lib/tools/topic-lane.ts'
import { TopicPattern } from '../../../lib/tools/topic-names.ts'
import { encodeValue } from '../../../lib/values.ts'
import { until } from '../until.ts'

const timeout = 60_000

async function openSpaces(t: TestContext, count: number): Promise<Space[]> {
  const hub = new MemoryHub()
  const open = () => openSpace('topics', { worker: false, foundAfterMs: 20, transports: [memory({ hub })] })
  const spaces = await Promise.all(Array.from({ length: count }, open))
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(spaces.map((space) => until(space, 'view', () => space.members.length === count)))
  return spaces
}

/** The values that a subscription is told of; `heard.until(n)` waits for so many. */
class Heard {
  readonly messages: TopicMessage[] = []
  #waiting: { count: number; resolve: () => void }[] = []

  readonly take = (message: TopicMessage): void => {
    this.messages.push(message)
    for (const { count, resolve } of this.#waiting) if (this.messages.length >= count) resolve()
  }

  get values(): unknown[] {
    return this.messages.map(({ value }) => value)
  }

  until(count: number): Promise<void> {
    if (this.messages.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }
}

test('topics › who subscribed to a name or a pattern is told, in the order of the sender, and nobody else', {
  timeout,
}, async (t) => {
  const [a, b, c] = (await openSpaces(t, 3)) as [Space, Space, Space]
  const exact = new Heard()
  const pattern = new Heard()
  const deep = new Heard()
  const other = new Heard()
  await b.topics.subscribe('chat.room-1', exact.take)
  await c.topics.subscribe('chat.*', pattern.take)
  await c.topics.subscribe('**.typing', deep.take)
  await c.topics.subscribe('news.**', other.take)
  const room = a.topic<string>('chat.room-1')
  for (let i = 0; i < 20; i += 1) void room.publish(`m${i}`)
  // A topic that nobody has heard of before is found with its first message.
  await a.topics.publish('chat.room-2', 'new')
  await a.topics.publish('chat.room-2.typing', 'deep')
  await a.topics.publish('chat.room-1', 'last', { order: 'causal' })
  await Promise.all([exact.until(21), pattern.until(22), deep.until(1)])
  const expected = Array.from({ length: 20 }, (_, i) => `m${i}`)
  assert.deepEqual(exact.values.slice(0, 20), expected)
  assert.equal(exact.values.length, 21)
  assert.deepEqual(
    pattern.messages.filter(({ topic }) => topic === 'chat.room-2').map(({ value }) => value),
    ['new'],
  )
  assert.deepEqual(deep.values, ['deep'])
  assert.deepEqual(other.values, [])
  const [first] = exact.messages
  assert.deepEqual(first, { topic: 'chat.room-1', value: 'm0', from: a.self, local: false, isKept: false })
})

test('topics › a publisher that has subscribed hears itself; each subscription has a copy of its own', {
  timeout,
}, async (t) => {
  const [a] = (await openSpaces(t, 1)) as [Space]
  const [one, two] = [new Heard(), new Heard()]
  await a.topics.subscribe('x', one.take)
  await a.topics.subscribe('x', two.take)
  const value = { list: [1] }
  const published = a.topics.publish('x', value)
  value.list.push(2)
  await published
  assert.deepEqual(one.values, [{ list: [1] }])
  assert.deepEqual(two.values, [{ list: [1] }])
  assert.notEqual(one.values[0], two.values[0])
  assert.equal(one.messages[0]?.local, true)
})

test('topics › who comes later is told of what was kept, the last first so many of each topic', {
  timeout,
}, async (t) => {
  const [a, b] = (await openSpaces(t, 2)) as [Space, Space]
  const room = a.topic('chat.room-1', { keep: 5 })
  for (let i = 0; i < 8; i += 1) void room.publish(i)
  await a.topics.publish('chat.room-2', 'only', { keep: 1, order: 'causal' })
  await a.topics.publish('chat.room-3', 'not kept')
  const heard = new Heard()
  await b.topics.subscribe('chat.*', heard.take, { last: 3 })
  assert.deepEqual(heard.values, [5, 6, 7, 'only'])
  assert.ok(heard.messages.every(({ isKept, local }) => isKept && !local))
  const none = new Heard()
  await b.topics.subscribe('chat.*', none.take)
  assert.deepEqual(none.values, [])
  await room.publish(8)
  await heard.until(5)
  assert.deepEqual(heard.messages[4], { topic: 'chat.room-1', value: 8, from: a.self, local: false, isKept: false })
  await room.clear()
  const late = new Heard()
  await a.topics.subscribe('chat.room-1', late.take, { last: 10 })
  assert.deepEqual(late.values, [])
  await a.topics.subscribe('chat.room-2', late.take, { last: 10 })
  assert.deepEqual(late.values, ['only'])
})

test('topics › a subscription without a function is iterated over, from what was kept on', { timeout }, async (t) => {
  const [a, b] = (await openSpaces(t, 2)) as [Space, Space]
  await a.topics.publish('x', 1, { keep: 2 })
  const subscription: Subscription<number> = await b.topics.subscribe<number>('x', { last: 2 })
  await a.topics.publish('x', 2)
  await a.topics.publish('x', 3)
  const values: number[] = []
  for await (const { value } of subscription) {
    values.push(value)
    if (value === 3) subscription.close()
  }
  assert.deepEqual(values, [1, 2, 3])
  assert.ok(subscription.closed)
})

test('topics › a subscription that is closed or aborted is told of nothing more', { timeout }, async (t) => {
  const [a] = (await openSpaces(t, 1)) as [Space]
  const heard = new Heard()
  const control = new AbortController()
  const closed = await a.topics.subscribe('x', heard.take)
  const aborted = await a.topics.subscribe('**', heard.take, { signal: control.signal })
  let closes = 0
  for (const each of [closed, aborted]) each.addEventListener('close', () => (closes += 1))
  closed.close()
  closed.close()
  control.abort()
  await a.topics.publish('x', 1)
  assert.deepEqual(heard.values, [])
  assert.equal(closes, 2)
  const reason = new Error('no more')
  await assert.rejects(a.topics.subscribe('x', { signal: AbortSignal.abort(reason) }), reason)
})

test('topics › bad input is refused at the one who gave it', { timeout }, async (t) => {
  const [a] = (await openSpaces(t, 1)) as [Space]
  await assert.rejects(a.topics.publish('a.*', 1), UsageError)
  await assert.rejects(a.topics.publish('', 1), UsageError)
  await assert.rejects(
    a.topics.publish('x', () => 1),
    ValueError,
  )
  await assert.rejects(a.topics.publish('x', 1, { keep: -1 }), UsageError)
  await assert.rejects(a.topics.publish('x', 1, { keep: 1_001 }), UsageError)
  await assert.rejects(a.topics.publish('x', 1, { order: 'total' as 'fifo' }), UsageError)
  await assert.rejects(a.topics.subscribe('a..b'), UsageError)
  await assert.rejects(a.topics.subscribe('a*'), UsageError)
  await assert.rejects(a.topics.subscribe('a', { last: 0.5 }), UsageError)
  await assert.rejects(a.topics.subscribe('a', 'fn' as unknown as () => void), UsageError)
  await assert.rejects(a.topic('a.**').publish(1), UsageError)
  await a.close()
  await assert.rejects(a.topics.publish('x', 1), ClosedError)
  await assert.rejects(a.topics.subscribe('x'), ClosedError)
})

test('topics › when the space is closed, subscriptions end, and what waits rejects', { timeout }, async (t) => {
  const [a] = (await openSpaces(t, 1)) as [Space]
  const subscription = await a.topics.subscribe('x')
  const ended = assert.rejects(subscription[Symbol.asyncIterator]().next(), ClosedError)
  await a.close()
  await ended
  assert.ok(subscription.closed)
})

/** A hub whose lanes are ordinary groups of the space; their timers fire when the test says so. */
function makeHub(space: Space): { hub: TopicHub; lanes: TopicLane[]; fire: () => void } {
  const lanes: TopicLane[] = []
  const timers = new Set<() => void>()
  const after = (_ms: number, fn: () => void) => {
    timers.add(fn)
    return () => timers.delete(fn)
  }
  const hub = new TopicHub(async (kind, name, options) => {
    const lane = await space.open(kind, name.replace('tutti:', 'test:'), options)
    Object.defineProperty(lane.port, 'after', { value: after, configurable: true })
    lanes.push(lane)
    return lane
  })
  const fire = (): void => {
    const due = [...timers]
    timers.clear()
    for (const fn of due) fn()
  }
  return { hub, lanes, fire }
}

/** Lets what is under way go on until something is so. */
async function turnsUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve))
}

test('topics › a publisher leaves a lane that it needs no more, unless it keeps what is its own', {
  timeout,
}, async (t) => {
  const [a, b] = (await openSpaces(t, 2)) as [Space, Space]
  const { hub, lanes, fire } = makeHub(a)
  const other = makeHub(b)
  const bytes = encodeValue(1)
  await hub.publish('x', bytes, {})
  const [lane] = lanes
  assert.ok(lane)
  assert.equal(lane.isEnded, false)
  // Published again before it has left: it stays for another while.
  await hub.publish('x', bytes, {})
  assert.equal(lanes.length, 1)
  fire()
  await turnsUntil(() => lane.isEnded)
  // The next publication joins it anew.
  await hub.publish('x', encodeValue(2), { keep: 1 })
  const again = lanes[1]
  assert.ok(again)
  fire()
  assert.notEqual(again.port.phase, 'leaving')
  const heard = new Heard()
  const subscription = await other.hub.subscribe('x', heard.take, { last: 1 })
  assert.deepEqual(heard.values, [2])
  fire()
  assert.notEqual(again.port.phase, 'leaving', 'it cannot know for how long others keep it')
  await other.hub.publish('x', encodeValue(3), { keep: 1 })
  await turnsUntil(() => !again.keepsOwn)
  fire()
  await turnsUntil(() => again.isEnded)
  // Whoever subscribes is not left out while it does.
  other.fire()
  const own = other.lanes.find((each) => each.port.name.includes('fifo'))
  assert.equal(own?.port.phase, 'open')
  subscription.close()
})

test('topics › what a peer publishes that is no publication is ignored, the same at all', { timeout }, async (t) => {
  const [a, b] = (await openSpaces(t, 2)) as [Space, Space]
  const clock = { now: 0 }
  const options = { clock, onEnd: () => undefined }
  const [lane, other] = await Promise.all([
    a.open(laneKind('fifo'), 'l', options),
    b.open(laneKind('fifo'), 'l', options),
  ])
  const faults: string[] = []
  b.addEventListener('fault', ({ faultCode }) => faults.push(faultCode))
  const bytes = encodeValue(1)
  const bad = [
    null,
    [1, 'x', bytes],
    [0, 'x', bytes, 0],
    [1, 'x.*', bytes, 0],
    [1, 'x', 'text', 0],
    [1, 'x', bytes, -1],
    [1, 'x', bytes, 1_001],
    [1, 'x', new Uint8Array([0xff]), 1],
  ]
  for (const op of bad) lane.port.cast(op)
  await lane.publish({ topic: 'x', bytes, keep: 1 })
  await turnsUntil(() => (other.save() as unknown[]).length > 0)
  assert.equal(faults.length, bad.length)
  assert.deepEqual(other.save(), lane.save())
})

test('topics › a lane that keeps all that it can refuses more, but not what clears it', { timeout }, async (t) => {
  const [a] = (await openSpaces(t, 1)) as [Space]
  const lane = await a.open(laneKind('fifo'), 'l', { clock: { now: 0 }, onEnd: () => undefined })
  const half = encodeValue(new Uint8Array(KEPT_BYTES_MAX / 2 - 100))
  await lane.publish({ topic: 'x', bytes: half, keep: 1 })
  await lane.publish({ topic: 'y', bytes: half, keep: 1 })
  const small = encodeValue('a'.repeat(300))
  await assert.rejects(lane.publish({ topic: 'z', bytes: small, keep: 1 }), BusyError)
  await lane.publish({ topic: 'z', bytes: small, keep: 0 })
  await lane.publish({ topic: 'y', bytes: new Uint8Array(0), keep: 1 })
  await lane.publish({ topic: 'z', bytes: small, keep: 1 })
})

test('topics › what is kept elsewhere when parts unite is told to who asked for it', { timeout }, async (t) => {
  const [a, b] = (await openSpaces(t, 2)) as [Space, Space]
  const [clockA, clockB] = [{ now: 0 }, { now: 0 }]
  const onEnd = () => undefined
  const lane = await a.open(laneKind('fifo'), 'l', { clock: clockA, onEnd })
  const part = await b.open(laneKind('fifo'), 'm', { clock: clockB, onEnd })
  for (let i = 0; i < 4; i += 1) await part.publish({ topic: 'x', bytes: encodeValue(i), keep: 10 })
  await lane.publish({ topic: 'x', bytes: encodeValue('own'), keep: 10 })
  const heard = new Heard()
  const deaf = new Heard()
  const release = () => undefined
  lane.add(new Subscription(new TopicPattern('x'), { fn: heard.take, last: 2, release }), true)
  lane.add(new Subscription(new TopicPattern('*'), { fn: deaf.take, last: 0, release }), false)
  lane.merge(part.save())
  lane.settle()
  assert.deepEqual(heard.values, [2, 3])
  assert.ok(heard.messages.every(({ isKept }) => isKept))
  assert.deepEqual(deaf.values, [])
  lane.merge(part.save())
  lane.settle()
  assert.deepEqual(heard.values, [2, 3], 'told once')
  assert.ok(clockA.now >= 4, 'what is published next is newer')
})

test('topics › what does not fit the schema of a topic is not published, and not told to who subscribed with it', {
  timeout,
}, async (t) => {
  const [a, b] = (await openSpaces(t, 2)) as [Space, Space]
  const short: StandardSchemaV1<unknown, string> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'string' ? { value } : { issues: [{ message: 'no text', path: undefined }] },
    },
  }
  const typed = a.topic('chat.room', { schema: short, keep: 2 })
  const [heard, early, all] = [new Heard(), new Heard(), new Heard()]
  await typed.subscribe(heard.take)
  await b.topics.subscribe('chat.*', all.take)
  await assert.rejects(typed.publish(7 as never), { code: 'schema' })
  await b.topic('chat.room', { keep: 2 }).publish(8)
  await b.topics.publish('chat.room', 'hi', { keep: 2 })
  await Promise.all([heard.until(1), all.until(2)])
  assert.deepEqual([heard.values, all.values], [['hi'], [8, 'hi']])
  // Of what is kept, too; and to a pattern.
  await b.topics.subscribe('chat.**', early.take, { schema: short, last: 2 })
  await typed.publish('ho')
  await early.until(2)
  assert.deepEqual(early.values, ['hi', 'ho'])
})
