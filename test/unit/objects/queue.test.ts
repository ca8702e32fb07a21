/** The shared queue, on processes that crash, leave, are cut off and come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BusyError,
  ClosedError,
  NotPrimaryError,
  StaleTokenError,
  UnknownOutcomeError,
  UsageError,
  ValueError,
} from '../../../lib/errors.ts'
import {
  type QueueChange,
  type QueueOptions,
  queueKind,
  type SettledEvent,
  type SharedQueue,
} from '../../../lib/objects/queue.ts'
import { QUEUE_TAKES_MAX } from '../../../lib/objects/queue-machine.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { makeRandom, pick } from './cluster.ts'
import { TotalCluster, type TotalMember } from './total-cluster.ts'

type Member = TotalMember<SharedQueue>
type Queues = TotalCluster<SharedQueue, QueueOptions<unknown>>

function makeCluster(count: number, seed = 1, options: QueueOptions<unknown> = {}): Queues {
  return new TotalCluster(queueKind, options, count, seed)
}

function at(cluster: Queues, rank: number): Member {
  const member = cluster.primary[rank]
  assert.ok(member)
  return member
}

/** What a promise has come to by now; undefined while it is open. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => Object.assign(seen, { value }),
    (error: unknown) => Object.assign(seen, { error }),
  )
  return seen
}

/** The takes that wait in the delivered state. */
function waitingTakes(cluster: Queues): unknown {
  return (at(cluster, 0).handle.hands.machine.save() as unknown[])[4]
}

/** Adds one item and lets a member take it. */
async function takeOne(cluster: Queues, member: Member) {
  const taken = watch(member.handle.take())
  watch(at(cluster, 0).handle.add('job'))
  await cluster.rest()
  assert.ok(taken.value)
  return taken.value
}

test('queue › no item is lost and each has one accepted completion, whoever crashes, leaves, is cut off or comes back', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const cluster = makeCluster(4, seed)
    const random = makeRandom(seed * 101)
    const observer = at(cluster, 0)
    const settled: SettledEvent[] = []
    const tokens: (readonly [string, number])[] = []
    observer.handle.addEventListener('settled', (event) => settled.push(event))
    observer.handle.addEventListener('change', ({ changes }) => {
      for (const { type, token } of changes) if (type === 'taken' && token) tokens.push([token[1], token[2]])
    })
    const work = (member: Member): void => {
      const job = async (item: unknown): Promise<unknown> => {
        await new Promise<void>((resolve) => member.replica && timer(member, resolve))
        if (random() < 0.1) throw new Error('not today')
        return item
      }
      watch(member.handle.process(job, { concurrency: 1 + Math.floor(random() * 3) }))
    }
    const timer = (_member: Member, fn: () => void): void => {
      waiting.push(fn)
    }
    const waiting: (() => void)[] = []
    for (const member of cluster.primary) work(member)
    const added: { value?: { readonly id: string }; error?: unknown }[] = []
    const away: Member[] = []
    for (let step = 0; step < 150; step++) {
      const dice = random()
      const others = cluster.primary.filter((member) => member !== observer)
      if (dice < 0.3) added.push(watch(observer.handle.add(step)))
      else if (dice < 0.7) cluster.step()
      else if (dice < 0.85) waiting.splice(Math.floor(random() * waiting.length), 1)[0]?.()
      else if (dice < 0.88 && others.length > 1) {
        const member = pick(random, others)
        cluster.cutOff(member)
        away.push(member)
      } else if (dice < 0.91 && others.length > 2)
        cluster.end(pick(random, others), pick(random, ['left', 'dead', 'expelled']))
      else if (dice < 0.95) {
        const member = away.pop()
        if (member) cluster.join(member)
        else if (cluster.primary.length < 6) work(cluster.join(`j${step}`))
      } else await cluster.advance(random() * 4_000)
      if (random() < 0.2) await new Promise((resolve) => setImmediate(resolve))
    }
    for (const member of away) cluster.join(member)
    for (let round = 0; round < 500 && (observer.handle.size > 0 || round < 2); round++) {
      await cluster.advance(2_000)
      for (const fn of waiting.splice(0)) fn()
    }
    await cluster.rest()
    const done = settled.filter(({ outcome }) => outcome === 'done')
    assert.equal(observer.handle.size, 0, `seed ${seed}: items are stuck`)
    assert.deepEqual(
      done.map(({ id }) => Number(id)).sort((a, b) => a - b),
      added.map((_, i) => i + 1),
      `seed ${seed}`,
    )
    for (const { value } of added) assert.ok(value, `seed ${seed}: an add has no answer`)
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    assert.deepEqual(cluster.faults, [])
    for (let i = 1; i < tokens.length; i++) {
      const [[view = '', n = 0] = [], [nextView = '', nextN = 0] = []] = [tokens[i - 1], tokens[i]]
      const epochs = Number.parseInt(nextView, 10) - Number.parseInt(view, 10)
      assert.ok(epochs > 0 || (epochs === 0 && nextN > n), `seed ${seed}: a token is not above the one before`)
    }
  }
})

test('queue › add returns only when delivered, and items are taken in the order in which they were added', async () => {
  const cluster = makeCluster(2)
  const { handle } = at(cluster, 0)
  const added = watch(handle.add('a'))
  watch(handle.add('b'))
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([added, handle.size], [{}, 0])
  await cluster.rest()
  assert.deepEqual(added, { value: { id: '1' } })
  const taken = [watch(at(cluster, 1).handle.take()), watch(at(cluster, 1).handle.take())]
  await cluster.rest()
  assert.deepEqual(
    taken.map(({ value }) => value?.item),
    ['a', 'b'],
  )
  assert.deepEqual(
    handle.items.map(({ id, state, taker, attempts }) => [id, state, taker, attempts]),
    [
      ['1', 'taken', 'p1', 1],
      ['2', 'taken', 'p1', 1],
    ],
  )
  assert.equal(handle.items, handle.snapshot)
})

test('queue › what fails goes back in front with its count, and both outcomes are told everywhere', async () => {
  const cluster = makeCluster(2)
  const [a, b] = [at(cluster, 0).handle, at(cluster, 1).handle]
  const settled: unknown[] = []
  const changes: QueueChange[] = []
  b.addEventListener('settled', ({ id, value, outcome, by, result, reason }) =>
    settled.push([id, value, outcome, by, result, reason]),
  )
  b.addEventListener('change', (event) => changes.push(...event.changes))
  for (const item of ['x', 'y']) watch(a.add(item))
  const first = watch(a.take())
  await cluster.rest()
  const failed = watch(first.value?.fail(new Error('broken')) ?? Promise.reject())
  await cluster.rest()
  assert.ok('value' in failed)
  const again = watch(a.take())
  await cluster.rest()
  assert.deepEqual([again.value?.item, again.value?.attempts], ['x', 2])
  watch(again.value?.done({ ok: true }) ?? Promise.reject())
  await cluster.rest()
  assert.deepEqual(settled, [
    ['1', 'x', 'failed', 'p0', undefined, 'broken'],
    ['1', 'x', 'done', 'p0', { ok: true }, ''],
  ])
  assert.deepEqual(
    changes.map(({ type, id, author, taker, local }) => [type, id, author, taker, local]),
    [
      ['added', '1', 'p0', null, false],
      ['added', '2', 'p0', null, false],
      ['taken', '1', 'p0', 'p0', false],
      ['returned', '1', 'p0', 'p0', false],
      ['taken', '1', 'p0', 'p0', false],
      ['done', '1', 'p0', 'p0', false],
    ],
  )
})

for (const how of ['left', 'dead'] as const) {
  test(`queue › what a member held that is ${how} goes to the next taker at once`, async () => {
    const cluster = makeCluster(3)
    const taken = await takeOne(cluster, at(cluster, 2))
    const next = watch(at(cluster, 1).handle.take())
    await cluster.rest()
    assert.deepEqual(next, {})
    const returned: unknown[] = []
    at(cluster, 1).handle.addEventListener('change', ({ changes }) => {
      for (const { type, author, taker } of changes) if (type === 'returned') returned.push([author, taker])
    })
    cluster.end(at(cluster, 2), how)
    assert.deepEqual(returned, [[null, 'p2']])
    await cluster.rest()
    assert.equal(next.value?.id, taken.id)
    assert.notDeepEqual(next.value?.token, taken.token)
  })
}

test('queue › what a vanished member held waits 1.1 lease, also when the most senior member changes meanwhile', async () => {
  const cluster = makeCluster(4)
  await takeOne(cluster, at(cluster, 3))
  const next = watch(at(cluster, 2).handle.take())
  await cluster.rest()
  cluster.end(at(cluster, 3), 'expelled')
  await cluster.advance(6_000)
  cluster.end(at(cluster, 0), 'left')
  await cluster.advance(4_999)
  assert.deepEqual(next, {})
  await cluster.advance(2)
  assert.ok(next.value)
})

test('queue › a member that comes back before the expiry keeps what it held; a later expiry does not hit it', async () => {
  const cluster = makeCluster(3)
  const holder = at(cluster, 2)
  const taken = await takeOne(cluster, holder)
  cluster.cutOff(holder)
  await cluster.advance(8_000)
  cluster.join(holder)
  await cluster.advance(20_000)
  assert.equal(taken.signal.aborted, false)
  const done = watch(taken.done())
  await cluster.rest()
  assert.ok('value' in done)
  assert.equal(holder.handle.size, 0)
})

test('queue › a signal that is asked for only after the lease has run out is aborted with the reason', async () => {
  const cluster = makeCluster(3)
  const holder = at(cluster, 2)
  const taken = await takeOne(cluster, holder)
  cluster.cutOff(holder)
  await cluster.advance(10_001)
  assert.ok(taken.signal.aborted)
  assert.ok(taken.signal.reason instanceof StaleTokenError)
})

test('queue › a member that is cut off again gets a whole lease again', async () => {
  const cluster = makeCluster(3)
  const holder = at(cluster, 2)
  await takeOne(cluster, holder)
  cluster.cutOff(holder)
  await cluster.advance(8_000)
  cluster.join(holder)
  cluster.cutOff(holder)
  await cluster.advance(8_000)
  assert.equal(at(cluster, 0).handle.items[0]?.taker, 'p2')
  await cluster.advance(3_001)
  assert.equal(at(cluster, 0).handle.items[0]?.taker, null)
})

test('queue › a holder that is cut off stops after its lease, before the others give the item away; its completion is stale', async () => {
  const cluster = makeCluster(3)
  const holder = at(cluster, 2)
  const taken = await takeOne(cluster, holder)
  const next = watch(at(cluster, 1).handle.take())
  cluster.cutOff(holder)
  await cluster.advance(9_999)
  assert.equal(taken.signal.aborted, false)
  await cluster.advance(2)
  assert.ok(taken.signal.reason instanceof StaleTokenError)
  assert.deepEqual(next, {})
  await cluster.advance(1_000)
  assert.ok(next.value)
  const late = watch(taken.done('late'))
  await cluster.rest()
  assert.deepEqual(late, {})
  cluster.join(holder)
  await cluster.rest()
  assert.ok(late.error instanceof StaleTokenError)
  const good = watch(next.value.done('good'))
  await cluster.rest()
  assert.ok('value' in good)
})

test('queue › an aborted take leaves no waiting take behind, and what it was granted meanwhile goes back', async () => {
  const cluster = makeCluster(2)
  const [a, b] = [at(cluster, 0).handle, at(cluster, 1).handle]
  const controllers = [new AbortController(), new AbortController(), new AbortController()]
  const takes = controllers.map(({ signal }) => watch(a.take({ signal })))
  controllers[0]?.abort('unsent')
  await new Promise((resolve) => setImmediate(resolve))
  cluster.step()
  cluster.step()
  controllers[1]?.abort('under way')
  await cluster.rest()
  controllers[2]?.abort('waiting')
  await cluster.rest()
  assert.deepEqual(
    takes.map(({ error }) => error),
    ['unsent', 'under way', 'waiting'],
  )
  assert.deepEqual(waitingTakes(cluster), [])
  watch(b.add('x'))
  await cluster.rest()
  assert.equal(b.items[0]?.state, 'waiting')
  const next = watch(b.take())
  await cluster.rest()
  assert.equal(next.value?.item, 'x')
})

test('queue › what is granted to somebody just back is handed out when the others have answered, with a lease', async () => {
  const cluster = makeCluster(3)
  const [observer, , member] = [at(cluster, 0), at(cluster, 1), at(cluster, 2)]
  cluster.cutOff(member)
  const taken = watch(member.handle.take())
  watch(observer.handle.add('job'))
  await cluster.advance(15_000)
  member.answeredAt = 0
  cluster.join(member)
  await cluster.advance(200)
  assert.equal(observer.handle.items[0]?.taker, member.id)
  assert.deepEqual(taken, {})
  member.answeredAt = null
  await cluster.advance(100)
  assert.equal(taken.value?.isLost, false)
  watch(taken.value?.done() ?? Promise.resolve())
  await cluster.rest()
  assert.equal(observer.handle.size, 0)
})

test('queue › nor is it handed out as long as another state is to come, which may have given it away', async () => {
  const cluster = makeCluster(2)
  const [observer, member] = [at(cluster, 0), at(cluster, 1)]
  const taken = watch(member.handle.take())
  await cluster.rest()
  // It sleeps; the grant is delivered when it is awake.
  await cluster.advance(20_000)
  member.answeredAt = 0
  watch(observer.handle.add('job'))
  await cluster.rest()
  // Answered again, and in a view of which it has not been told, as its state is to be replaced.
  member.answeredAt = null
  const { view } = member
  member.view = { ...view, id: '99.p0.0' }
  await cluster.advance(500)
  assert.deepEqual(taken, {})
  member.view = view
  await cluster.advance(100)
  assert.equal(taken.value?.isLost, false)
})

test('queue › what such a grant was taken back by, or given up, is asked for again, or given back', async () => {
  for (const isAborted of [true, false]) {
    const cluster = makeCluster(3)
    const [observer, , member] = [at(cluster, 0), at(cluster, 1), at(cluster, 2)]
    cluster.cutOff(member)
    const controller = new AbortController()
    const taken = watch(member.handle.take({ signal: controller.signal }))
    watch(observer.handle.add('job'))
    await cluster.advance(15_000)
    member.answeredAt = 0
    cluster.join(member)
    await cluster.advance(200)
    assert.equal(observer.handle.items[0]?.taker, member.id)
    if (isAborted) controller.abort(new Error('enough'))
    else {
      // Away once more, for so long that the item goes to somebody else.
      cluster.cutOff(member)
      await cluster.advance(12_000)
      assert.equal(observer.handle.items[0]?.state, 'waiting')
      cluster.join(member)
      member.answeredAt = null
    }
    await cluster.advance(1_000)
    assert.equal(observer.handle.items[0]?.state, isAborted ? 'waiting' : 'taken')
    assert.equal(taken.value?.isLost, isAborted ? undefined : false)
  }
})

test('queue › takes of a member that was cut off wait on when it is back', async () => {
  const cluster = makeCluster(3)
  const member = at(cluster, 2)
  const take = watch(member.handle.take())
  await cluster.rest()
  cluster.cutOff(member)
  await cluster.rest()
  cluster.join(member)
  await cluster.rest()
  watch(at(cluster, 0).handle.add('x'))
  await cluster.rest()
  assert.equal(take.value?.item, 'x')
})

test('queue › outside the primary component calls wait up to their signal, or reject if the queue was opened so', async () => {
  const waiting = makeCluster(2)
  const cut = at(waiting, 1)
  waiting.cutOff(cut)
  const controller = new AbortController()
  const kept = watch(cut.handle.add('kept'))
  const dropped = watch(cut.handle.add('dropped', { signal: controller.signal }))
  await waiting.advance(60_000)
  controller.abort('enough')
  await waiting.rest()
  assert.deepEqual([kept, dropped], [{}, { error: 'enough' }])
  waiting.join(cut)
  await waiting.rest()
  assert.ok(kept.value)

  const rejecting = makeCluster(2, 1, { whenNotPrimary: 'reject' })
  const other = at(rejecting, 1)
  rejecting.cutOff(other)
  for (const call of [other.handle.add(1), other.handle.take()]) {
    await assert.rejects(call, (error) => error instanceof NotPrimaryError && error.missing.join() === 'p0')
  }
})

test('queue › what has not been sent when the primary component is lost is refused, where calls reject', async () => {
  for (const whenNotPrimary of ['wait', 'reject'] as const) {
    const cluster = makeCluster(2, 1, { whenNotPrimary })
    const cut = at(cluster, 1)
    const { signal } = new AbortController()
    const calls = [cut.handle.add(1), cut.handle.take(), cut.handle.add(2, { signal }), cut.handle.take({ signal })]
    const seen = calls.map(watch)
    cluster.cutOff(cut)
    await cluster.rest()
    const refused = seen.filter(({ error }) => error instanceof NotPrimaryError && error.missing.join() === 'p0')
    assert.deepEqual([refused.length, cut.queued.length], whenNotPrimary === 'reject' ? [4, 0] : [0, 4])
    cluster.join(cut)
    await cluster.rest()
    assert.equal(cut.handle.size, whenNotPrimary === 'reject' ? 0 : 2)
  }
})

test('queue › what was sent when the primary component is lost ends as unknown, where calls reject, and counts once', async () => {
  const cluster = makeCluster(3, 1, { whenNotPrimary: 'reject' })
  const cut = at(cluster, 2)
  const added = watch(cut.handle.add('x'))
  await new Promise((resolve) => setImmediate(resolve))
  // It has its place in the order, and nobody has delivered it.
  cluster.step()
  assert.equal(cut.queued.length, 0)
  const take = watch(cut.handle.take())
  cluster.cutOff(cut)
  await cluster.rest()
  assert.ok(added.error instanceof UnknownOutcomeError)
  assert.ok(take.error instanceof NotPrimaryError)
  cluster.join(cut)
  await cluster.advance(1_000)
  assert.equal(cut.handle.size, 1)
  assert.deepEqual(waitingTakes(cluster), [])
  const next = watch(cut.handle.add('y'))
  await cluster.rest()
  assert.deepEqual(next, { value: { id: '2' } })
})

for (const how of ['done', 'failed'] as const) {
  test(`queue › process tells that a job is ${how} once it can, also where calls reject meanwhile`, async () => {
    const cluster = makeCluster(2, 1, { whenNotPrimary: 'reject' })
    const worker = at(cluster, 1)
    const settled: string[] = []
    at(cluster, 0).handle.addEventListener('settled', ({ outcome }) => settled.push(outcome))
    let end: () => void = () => undefined
    const job = (): Promise<void> =>
      new Promise((resolve, reject) => {
        end = () => (how === 'done' ? resolve() : reject(new Error('no')))
      })
    const processing = watch(worker.handle.process(job))
    watch(at(cluster, 0).handle.add('x'))
    await cluster.rest()
    cluster.cutOff(worker)
    end()
    await cluster.rest()
    assert.deepEqual([processing, settled], [{}, []])
    cluster.join(worker)
    await cluster.rest()
    assert.deepEqual([processing, settled], [{}, [how]])
  })
}

test('queue › process ends when its signal aborts, after what is under way', async () => {
  const cluster = makeCluster(1)
  const { handle } = at(cluster, 0)
  const controller = new AbortController()
  let finish: () => void = () => undefined
  const job = (): Promise<void> =>
    new Promise((resolve) => {
      finish = resolve
    })
  const ended = watch(handle.process(job, { concurrency: 2, signal: controller.signal }))
  watch(handle.add('x'))
  await cluster.rest()
  controller.abort()
  await cluster.rest()
  assert.deepEqual(ended, {})
  finish()
  await cluster.rest()
  assert.ok('value' in ended)
  assert.equal(handle.size, 0)
  await assert.rejects(handle.process(job, { concurrency: 0 }), UsageError)
})

test('queue › a close that leaves other openers stops nothing; the end of the group ends takes, process and signals', async () => {
  const cluster = makeCluster(2)
  const { handle } = at(cluster, 1)
  const taken = await takeOne(cluster, at(cluster, 1))
  const take = watch(handle.take())
  const ended = watch(handle.process(() => undefined))
  await cluster.rest()
  // The cluster's port does not leave: as if another opener held the handle.
  await handle.close()
  await cluster.rest()
  assert.deepEqual([take, ended, taken.signal.aborted], [{}, {}, false])
  handle.handleEnd()
  await cluster.rest()
  assert.ok(take.error instanceof ClosedError)
  assert.ok('value' in ended)
  assert.ok(taken.signal.reason instanceof StaleTokenError)
})

for (const how of ['done', 'fail'] as const) {
  test(`queue › process tells a lost ${how} again under the same token, and it counts once`, async () => {
    const cluster = makeCluster(2)
    const worker = at(cluster, 1)
    const controller = new AbortController()
    const settled: string[] = []
    at(cluster, 0).handle.addEventListener('settled', ({ outcome }) => settled.push(outcome))
    const job = (): void => {
      controller.abort()
      worker.loses = 2
      if (how === 'fail') throw new Error('no')
    }
    const ended = watch(worker.handle.process(job, { signal: controller.signal }))
    watch(at(cluster, 0).handle.add('x'))
    await cluster.rest()
    assert.deepEqual([ended, settled], [{}, []])
    await cluster.advance(1_000)
    assert.ok('value' in ended)
    assert.deepEqual(settled, [how === 'done' ? 'done' : 'failed'])
    assert.deepEqual(
      at(cluster, 0).handle.items.map(({ state }) => state),
      how === 'done' ? [] : ['waiting'],
    )
  })
}

test('queue › what everybody drops, or what others may have, is asked again, and counts once', async () => {
  const cluster = makeCluster(2)
  const member = at(cluster, 1)
  member.drops = 2
  const added = watch(member.handle.add('x'))
  await cluster.rest()
  await cluster.advance(1_000)
  assert.deepEqual(added, { value: { id: '1' } })
  assert.equal(at(cluster, 0).handle.items.length, 1)
  member.loses = 1
  const again = watch(member.handle.add('y'))
  await cluster.rest()
  await cluster.advance(1_000)
  assert.deepEqual(again, { value: { id: '2' } })
  assert.equal(at(cluster, 0).handle.items.length, 2)
})

test('queue › what was completed in a line that is lost, and is this process’s in the other one, goes back', async () => {
  const cluster = makeCluster(2)
  const holder = at(cluster, 1)
  const taken = await takeOne(cluster, holder)
  const before = encodeValue(holder.replica.save())
  watch(taken.done())
  await cluster.rest()
  assert.equal(holder.handle.size, 0)
  // The state of those who have not heard of it takes the place of this one.
  for (const { replica, view } of cluster.primary) {
    replica.load(decodeValue(before))
    replica.view(view)
    replica.settle()
  }
  assert.equal(holder.handle.items[0]?.taker, holder.id)
  await cluster.advance(1_000)
  assert.equal(holder.handle.items[0]?.state, 'waiting')
  assert.equal(new Set(cluster.states()).size, 1)
})

test('queue › a lost give-back is sent again', async () => {
  const cluster = makeCluster(2)
  const member = at(cluster, 1)
  const controller = new AbortController()
  watch(member.handle.take({ signal: controller.signal }))
  await cluster.rest()
  // The untake is lost, so the item is granted to a take that nobody knows; then its return is lost twice.
  member.loses = 3
  controller.abort('enough')
  watch(at(cluster, 0).handle.add('x'))
  await cluster.rest()
  assert.equal(at(cluster, 0).handle.items[0]?.taker, 'p1')
  await cluster.advance(1_000)
  assert.equal(member.loses, 0)
  assert.equal(at(cluster, 0).handle.items[0]?.taker, null)
})

test('queue › a result that cannot travel completes the item without it and is reported', async () => {
  const cluster = makeCluster(1)
  const { handle } = at(cluster, 0)
  watch(handle.process(() => () => 'no value'))
  watch(handle.add('x'))
  await cluster.rest()
  assert.equal(handle.size, 0)
  assert.deepEqual(cluster.faults, ['queue-result'])
})

test('queue › an item outside the value set is a ValueError and nothing is cast', async () => {
  const cluster = makeCluster(1)
  const member = at(cluster, 0)
  await assert.rejects(
    member.handle.add({ a: [Symbol('s')] }),
    (error) => error instanceof ValueError && error.path === '.a[0]',
  )
  assert.equal(member.casts, 0)
})

test('queue › so many takes of a process wait, and not one more; nobody is at fault', async () => {
  const cluster = makeCluster(2)
  const { handle } = at(cluster, 0)
  const stop = new AbortController()
  for (let i = 0; i < QUEUE_TAKES_MAX; i++) watch(handle.take({ signal: stop.signal }))
  const others = watch(at(cluster, 1).handle.take())
  const early = watch(handle.take())
  await cluster.rest()
  assert.ok(early.error instanceof BusyError)
  assert.deepEqual(others, {})
  // Those that are taken back, and of which that is lost, count as well.
  at(cluster, 0).loses = QUEUE_TAKES_MAX
  stop.abort()
  const late = watch(handle.take())
  await cluster.rest()
  assert.ok(late.error instanceof BusyError)
  assert.deepEqual(cluster.faults, [])
  await cluster.advance(1_000)
  assert.equal((waitingTakes(cluster) as unknown[]).length, 1)
})

test('queue › calls that change no item emit no event', async () => {
  const cluster = makeCluster(2)
  const { handle } = at(cluster, 0)
  const changes: number[] = []
  handle.addEventListener('change', (event) => changes.push(event.changes.length))
  watch(handle.take())
  await cluster.rest()
  assert.deepEqual(changes, [])
  watch(at(cluster, 1).handle.add('x'))
  await cluster.rest()
  assert.deepEqual(changes, [2])
  const returning = at(cluster, 1)
  cluster.cutOff(returning)
  const seen: number[] = []
  returning.handle.addEventListener('change', (event) => seen.push(event.changes.length))
  cluster.join(returning)
  // Its whole state was replaced: whoever reads must read anew.
  assert.deepEqual(seen, [0])
})
