/** Delays, priorities, tries, dead letters, bounds, times and loops: what a queue can do besides giving items out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, ClosedError, SchemaError, StaleTokenError, UsageError } from '../../../lib/errors.ts'
import {
  type AddOptions,
  type QueueChange,
  type QueueOptions,
  queueKind,
  type SharedQueue,
} from '../../../lib/objects/queue.ts'
import { OP } from '../../../lib/objects/queue-machine.ts'
import type { TakenItem } from '../../../lib/objects/taken-item.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { asked, strings } from './requests.ts'
import { TotalCluster } from './total-cluster.ts'

type Queues = TotalCluster<SharedQueue, QueueOptions<unknown>>

/** A cluster, and the queues of its members by rank. */
function made(
  count: number,
  options: QueueOptions<unknown> = {},
): { cluster: Queues; of: (rank: number) => SharedQueue } {
  const cluster: Queues = new TotalCluster(queueKind, options, count, 1)
  const of = (rank: number): SharedQueue => {
    const member = cluster.primary[rank]
    assert.ok(member)
    return member.handle
  }
  return { cluster, of }
}

function taken(call: { result: unknown }): TakenItem<unknown> {
  assert.notEqual(call.result, 'pending')
  assert.ok(!(call.result instanceof Error), String(call.result))
  return call.result as TakenItem<unknown>
}

test('queue › bad options are a UsageError, and nothing is cast', async () => {
  const { cluster, of } = made(1)
  const bad: AddOptions[] = [
    { priority: Number.NaN },
    { priority: 0.5 },
    { priority: '1' as never },
    { delay: -1 },
    { delay: Number.NaN },
    { delay: Number.POSITIVE_INFINITY },
    { delay: 2 ** 31 },
    { whenFull: 'never' as never },
  ]
  for (const options of bad) await assert.rejects(of(0).add('x', options), UsageError, JSON.stringify(options))
  for (const timeout of [0, -1, Number.NaN, 2 ** 31]) {
    await assert.rejects(of(0).take({ timeout }), UsageError)
    await assert.rejects(
      of(0).process(() => undefined, { timeout }),
      UsageError,
    )
    await assert.rejects(of(0).consume({ timeout }).next(), UsageError)
  }
  for (const retryDelay of [-1, Number.NaN])
    await assert.rejects(
      of(0).process(() => 0, { retryDelay }),
      UsageError,
    )
  await assert.rejects(
    of(0).process(() => 0, { concurrency: 513 }),
    UsageError,
  )
  assert.equal(cluster.primary[0]?.casts, 0)
  for (const options of [{ maxTries: 0 }, { maxTries: 1.5 }, { maxSize: 0 }, { maxSize: 100_001 }, { leaseMs: -1 }])
    assert.throws(() => made(1, options), UsageError, JSON.stringify(options))
})

test('queue › tries and size are part of what the group is', () => {
  const variants = [{}, { maxTries: 3 }, { maxSize: 3 }, { maxTries: 3, maxSize: 3 }].map((o) => queueKind.variant?.(o))
  assert.equal(new Set(variants).size, variants.length)
})

test('queue › a delayed item is taken when its delay is over and not before, also if whoever counted first is gone', async () => {
  for (const isGone of [false, true]) {
    const { cluster, of } = made(3)
    asked(of(1).add('later', { delay: 999.5 }))
    await cluster.rest()
    const take = asked(of(2).take())
    await cluster.advance(400)
    assert.equal(of(0).items[0]?.state, 'delayed')
    const senior = cluster.primary[0]
    if (isGone && senior !== undefined) cluster.end(senior, 'dead')
    await cluster.advance(599)
    assert.equal(take.result, 'pending')
    await cluster.advance(2)
    assert.equal(taken(take).item, 'later')
    assert.deepEqual(cluster.faults, [])
  }
})

test('queue › if the most senior member does not say that a delay is over, the next one does', async () => {
  const { cluster, of } = made(3)
  const [senior] = cluster.primary
  assert.ok(senior)
  asked(of(1).add('later', { delay: 1_000 }))
  await cluster.rest()
  const take = asked(of(2).take())
  await cluster.rest()
  // Its casts are lost for a while.
  senior.loses = 4
  await cluster.advance(1_199)
  assert.equal(take.result, 'pending')
  senior.loses = 1_000
  await cluster.advance(2)
  assert.equal(taken(take).item, 'later')
})

test('queue › who comes back counts on; who has just come counts from then', async () => {
  for (const isNew of [false, true]) {
    const { cluster, of } = made(3)
    const [, , third] = cluster.primary
    assert.ok(third)
    asked(of(0).add('later', { delay: 1_000 }))
    await cluster.rest()
    await cluster.advance(300)
    if (!isNew) cluster.cutOff(third)
    await cluster.advance(300)
    const last = cluster.join(isNew ? 'new' : third)
    for (const member of cluster.primary.filter((each) => each !== last)) cluster.end(member, 'left')
    const take = asked(of(0).take())
    await cluster.rest()
    await cluster.advance(isNew ? 999 : 399)
    assert.equal(take.result, 'pending')
    await cluster.advance(2)
    assert.equal(taken(take).item, 'later')
  }
})

test('queue › higher priorities first, and what failed before what nobody has tried', async () => {
  const { cluster, of } = made(2)
  for (const [item, priority] of [
    ['b', 0],
    ['a', 3],
    ['c', 0],
  ] as const)
    asked(of(0).add(item, { priority }))
  await cluster.rest()
  assert.deepEqual(
    of(1).items.map(({ value, priority }) => [value, priority]),
    [
      ['b', 0],
      ['a', 3],
      ['c', 0],
    ],
  )
  const order: unknown[] = []
  for (let i = 0; i < 4; i++) {
    const take = asked(of(1).take())
    await cluster.rest()
    const item = taken(take)
    order.push(item.item)
    asked(i === 1 ? item.fail() : item.done())
    await cluster.rest()
  }
  assert.deepEqual(order, ['a', 'b', 'b', 'c'])
})

test('queue › what always fails is a dead letter after so many tries, told and readable everywhere; put back, it is as new', async () => {
  const { cluster, of } = made(2, { maxTries: 3 })
  const changes: QueueChange[] = []
  const settled: unknown[] = []
  of(0).addEventListener('change', (event) => changes.push(...event.changes))
  of(0).addEventListener('settled', ({ outcome, reason, dead }) => settled.push([outcome, reason, dead]))
  const tries: number[] = []
  asked(
    of(1).process((_, { attempts }) => {
      tries.push(attempts)
      throw new Error(`no ${attempts}`)
    }),
  )
  asked(of(0).add('poison', { priority: 2 }))
  await cluster.advance(1_000)
  assert.deepEqual(tries, [1, 2, 3])
  assert.deepEqual(settled, [
    ['failed', 'no 1', false],
    ['failed', 'no 2', false],
    ['failed', 'no 3', true],
  ])
  assert.deepEqual(of(0).dead, [{ id: '1', value: 'poison', attempts: 3, priority: 2, reason: 'no 3' }])
  assert.deepEqual(of(1).dead, of(0).dead)
  assert.equal(of(0).dead, of(0).dead)
  assert.deepEqual([of(0).size, of(0).items], [0, []])
  const none = [asked(of(0).restore('9')), asked(of(0).drop('x'))]
  const restored = asked(of(0).restore('1'))
  await cluster.advance(1_000)
  assert.deepEqual([none.map(({ result }) => result), restored.result], [[false, false], true])
  assert.deepEqual(tries, [1, 2, 3, 1, 2, 3])
  const dropped = asked(of(1).drop('1'))
  await cluster.rest()
  assert.deepEqual([dropped.result, of(0).dead], [true, []])
  assert.deepEqual(
    changes
      .filter(({ type }) => type !== 'taken' && type !== 'returned')
      .map(({ type, author, taker }) => [type, author, taker]),
    [
      ['added', 'p0', null],
      ['dead', 'p1', 'p1'],
      ['restored', 'p0', null],
      ['dead', 'p1', 'p1'],
      ['dropped', 'p1', null],
    ],
  )
})

test('queue › what is hopeless is a dead letter at once', async () => {
  const { cluster, of } = made(2)
  asked(of(0).add('x'))
  const take = asked(of(1).take())
  await cluster.rest()
  asked(taken(take).fail('never', { dead: true }))
  await cluster.rest()
  assert.deepEqual([of(0).size, of(0).dead[0]?.reason], [0, 'never'])
})

test('queue › a full queue lets adds wait for room, up to their signal, or refuses them, as their callers chose', async () => {
  const { cluster, of } = made(2, { maxSize: 1 })
  asked(of(0).add('a'))
  await cluster.rest()
  const stop = new AbortController()
  const refused = asked(of(0).add('no', { whenFull: 'reject' }))
  const given = asked(of(0).add('up', { signal: stop.signal }))
  const waiting = asked(of(1).add('b'))
  await cluster.advance(60_000)
  assert.ok(refused.result instanceof BusyError)
  assert.deepEqual([given.result, waiting.result, of(1).size], ['pending', 'pending', 1])
  stop.abort('enough')
  const take = asked(of(0).take())
  await cluster.rest()
  assert.equal(given.result, 'enough')
  assert.equal(waiting.result, 'pending')
  asked(taken(take).done())
  await cluster.rest()
  assert.deepEqual([waiting.result, of(0).items.map(({ value }) => value)], [{ id: '2' }, ['b']])
})

test('queue › retries wait as long as they should; a delay that cannot be had is none, and is reported', async () => {
  const { cluster, of } = made(1, { maxTries: 4 })
  const at: number[] = []
  const stop = new AbortController()
  const retryDelay = (attempts: number): number => (attempts === 3 ? Number.NaN : attempts * 100)
  asked(
    of(0).process(
      () => {
        at.push(cluster.now)
        throw Object.create(null)
      },
      { retryDelay, signal: stop.signal },
    ),
  )
  asked(of(0).add('x'))
  await cluster.rest()
  await cluster.advance(5_000)
  assert.deepEqual(at, [0, 100, 300, 300])
  assert.deepEqual(cluster.faults, ['queue-retry-delay'])
  assert.deepEqual(
    of(0).dead.map(({ reason }) => reason),
    [''],
  )
})

test('queue › an item goes back when its time is over, after its holder was told; extended, it stays', async () => {
  const { cluster, of } = made(3)
  asked(of(0).add('x'))
  const take = asked(of(1).take({ timeout: 1_000 }))
  await cluster.rest()
  const next = asked(of(2).take())
  await cluster.advance(900)
  const item = taken(take)
  const extended = asked(item.extend())
  await cluster.rest()
  await cluster.advance(900)
  assert.deepEqual([extended.result, item.isLost], [undefined, false])
  asked(item.extend(2_000))
  await cluster.rest()
  await cluster.advance(1_999)
  assert.equal(item.isLost, false)
  await cluster.advance(1)
  assert.ok(item.signal.reason instanceof StaleTokenError)
  assert.equal(next.result, 'pending')
  await cluster.advance(201)
  assert.deepEqual([taken(next).item, taken(next).attempts], ['x', 2])
  const late = [asked(item.done()), asked(item.fail()), asked(item.extend())]
  await cluster.rest()
  for (const { result } of late) assert.ok(result instanceof StaleTokenError)
  assert.equal(of(0).items[0]?.taker, 'p2')
})

test('queue › the time for the work counts from when the grant was delivered, though the page was blocked and hears of it late', async () => {
  const { cluster, of } = made(2)
  const take = asked(of(1).take({ timeout: 1_000 }))
  await cluster.rest()
  cluster.blockedMs = 400
  asked(of(0).add('x'))
  await cluster.rest()
  cluster.blockedMs = 0
  const item = taken(take)
  await cluster.advance(599)
  assert.equal(item.isLost, false)
  await cluster.advance(1)
  assert.equal(item.isLost, true)
})

test('queue › who is granted an item by a state, and cannot know since when its time runs, has it granted anew', async () => {
  const { cluster, of } = made(2)
  const take = asked(of(1).take({ timeout: 1_000 }))
  await cluster.rest()
  const [first, second] = cluster.primary
  assert.ok(first && second)
  // What grants it is not delivered to the second one, whom the state of the first one tells of it later.
  cluster.primary = [first]
  asked(of(0).add('x'))
  await cluster.rest()
  await cluster.advance(500)
  assert.equal(of(0).items[0]?.taker, 'p1')
  cluster.primary = [first, second]
  second.position = first.position
  second.replica.load(decodeValue(encodeValue(first.replica.save())))
  second.replica.view(second.view)
  second.replica.settle()
  await cluster.rest()
  const item = taken(take)
  await cluster.advance(999)
  assert.deepEqual([item.isLost, of(0).items[0]?.taker], [false, 'p1'])
  await cluster.advance(1)
  assert.equal(item.isLost, true)
})

test('queue › done twice, failed after it is done, done under way: the first one counts, the others are stale', async () => {
  const { cluster, of } = made(2)
  asked(of(0).add('x'))
  const take = asked(of(1).take())
  await cluster.rest()
  const item = taken(take)
  const calls = [asked(item.done('one')), asked(item.done('two')), asked(item.fail())]
  assert.equal(item.isEnding, true)
  await cluster.rest()
  assert.equal(calls[0]?.result, undefined)
  for (const { result } of calls.slice(1)) assert.ok(result instanceof StaleTokenError)
  await assert.rejects(item.fail('x', { delay: -1 }), UsageError)
  await assert.rejects(item.extend(0), UsageError)
})

test('queue › a handler that does not end keeps its place only: the others go on, and its item goes to somebody else', async () => {
  const { cluster, of } = made(2)
  const done: unknown[] = []
  let isHanging = true
  const job = (item: unknown): unknown => {
    if (item === 'hangs' && isHanging) {
      isHanging = false
      return new Promise(() => undefined)
    }
    done.push(item)
    return item
  }
  asked(of(1).process(job, { concurrency: 2, timeout: 1_000 }))
  asked(of(0).add('hangs'))
  for (const item of ['a', 'b']) asked(of(0).add(item))
  await cluster.rest()
  assert.deepEqual(done, ['a', 'b'])
  await cluster.advance(1_200)
  assert.deepEqual(done, ['a', 'b', 'hangs'])
  assert.equal(of(0).size, 0)
})

test('queue › a job may say that it goes on', async () => {
  const { cluster, of } = made(2)
  let end: () => void = () => undefined
  const job = async (_: unknown, { extend }: { extend: (ms?: number) => Promise<void> }): Promise<void> => {
    await extend(5_000)
    await new Promise<void>((resolve) => {
      end = resolve
    })
  }
  asked(of(1).process(job, { timeout: 1_000 }))
  asked(of(0).add('x'))
  await cluster.advance(4_000)
  assert.equal(of(0).items[0]?.attempts, 1)
  end()
  await cluster.rest()
  assert.equal(of(0).size, 0)
})

test('queue › a loop takes item after item; what it has not ended goes back when it goes on or ends', async () => {
  const { cluster, of } = made(2, { maxTries: 2 })
  for (const item of ['a', 'b', 'c']) asked(of(0).add(item))
  const seen: unknown[] = []
  const loop = async (): Promise<void> => {
    for await (const item of of(1)) {
      seen.push([item.item, item.attempts])
      if (item.item === 'a') await item.done()
      if (item.item === 'c') break
    }
  }
  const looping = asked(loop())
  await cluster.rest()
  assert.equal(looping.result, undefined)
  assert.deepEqual(seen, [
    ['a', 1],
    ['b', 1],
    ['b', 2],
    ['c', 1],
  ])
  assert.deepEqual(
    of(0).dead.map(({ value }) => value),
    ['b'],
  )
  assert.deepEqual(
    of(0).items.map(({ value, state }) => [value, state]),
    [['c', 'waiting']],
  )
})

test('queue › a loop ends with its signal or the queue, and what it throws gives the item back', async () => {
  const { cluster, of } = made(2)
  const stop = new AbortController()
  const run = async (signal?: AbortSignal): Promise<string> => {
    for await (const item of of(1).consume(signal === undefined ? {} : { signal })) {
      if (item.item === 'bad') throw new Error('the body throws')
      await item.done()
    }
    return 'ended'
  }
  const bad = asked(run())
  asked(of(0).add('bad'))
  await cluster.rest()
  assert.match(String(bad.result), /the body throws/)
  assert.equal(of(0).items[0]?.state, 'waiting')
  const take = asked(of(0).take())
  await cluster.rest()
  asked(taken(take).done())
  const loops = [asked(run(stop.signal)), asked(run())]
  await cluster.rest()
  stop.abort()
  await cluster.rest()
  assert.deepEqual(
    loops.map(({ result }) => result),
    ['ended', 'pending'],
  )
  of(1).handleEnd()
  await cluster.rest()
  assert.equal(loops[1]?.result, 'ended')
  await assert.rejects(of(1).add('x'), ClosedError)
})

test('queue › a peer’s item that does not fit the schema reads as undefined, and who takes it makes a dead letter of it', async () => {
  const { cluster, of } = made(2, { schema: strings })
  await assert.rejects(of(0).add(5), SchemaError)
  // By somebody who has opened it without a schema.
  asked(of(0).hands.replica.call([OP.add, encodeValue(5), 0, 0, true]))
  asked(of(0).add('fits'))
  await cluster.rest()
  assert.deepEqual(
    of(1).items.map(({ value }) => value),
    [undefined, 'fits'],
  )
  const take = asked(of(1).take())
  await cluster.rest()
  assert.equal(taken(take).item, 'fits')
  assert.deepEqual(
    of(0).dead.map(({ value, reason }) => [value, reason]),
    [[undefined, 'it does not fit the schema']],
  )
})

test('queue › a megabyte goes through it unchanged', async () => {
  const { cluster, of } = made(2)
  const bytes = new Uint8Array(2 ** 20).map((_, i) => i % 251)
  asked(of(0).add(bytes))
  const take = asked(of(1).take())
  await cluster.rest()
  assert.deepEqual(taken(take).item, bytes)
})
