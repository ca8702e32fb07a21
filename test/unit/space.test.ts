/**
 * Spaces in one thread, over the memory transport: the whole library without a browser.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { ClosedError, GroupMismatchError, KindMismatchError, TooLargeError, UsageError } from '../../lib/errors.ts'
import { counterKind } from '../../lib/objects/counter.ts'
import { openSpace, openSpaceWith, type SpaceOptions } from '../../lib/open-space.ts'
import { CAST_SIZE_MAX } from '../../lib/own-casts.ts'
import { makePlatform, type Platform } from '../../lib/platform.ts'
import type { Link, TransportHost, TransportSpec } from '../../lib/ports/transport.ts'
import type { Space } from '../../lib/space.ts'
import { encodeValue } from '../../lib/values.ts'
import { FakeWorker } from './fake-worker.ts'
import { until } from './until.ts'

async function openSpaces(t: TestContext, count: number, options: SpaceOptions = {}): Promise<readonly Space[]> {
  const hub = new MemoryHub()
  const open = (name: string): Promise<Space> =>
    openSpace('test', { name, worker: false, foundAfterMs: 20, transports: [memory({ hub })], ...options })
  const spaces = await Promise.all(Array.from({ length: count }, (_, i) => open(`member ${i}`)))
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(
    spaces.map((space) => until(space, 'view', () => space.members.length === count && space.view.primary)),
  )
  return spaces
}

const first = <T>(list: readonly T[]): T => at(list, 0)
function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Error(`nothing at ${index}`)
  return item
}

test('space › one alone opens, is primary and closes', { timeout: 10_000 }, async (t) => {
  const space = first(await openSpaces(t, 1))
  assert.equal(space.status, 'alone')
  assert.equal(space.coordinator, space.self)
  assert.deepEqual(
    space.members.map(({ id, name, connection }) => [id, name, connection]),
    [[space.self, 'member 0', 'self']],
  )
  await space.close()
  assert.equal(space.status, 'closed')
  await assert.rejects(space.map('late'), ClosedError)
})

for (const count of [2, 3]) {
  test(`space › ${count} agree on the view, and share a map and a counter`, { timeout: 10_000 }, async (t) => {
    const spaces = await openSpaces(t, count)
    assert.equal(new Set(spaces.map((space) => space.view.id)).size, 1)
    for (const space of spaces) {
      assert.equal(space.status, 'together')
      assert.equal(space.members.filter(({ connection }) => connection === 'memory').length, count - 1)
    }
    const maps = await Promise.all(spaces.map((space) => space.map<number>('map')))
    for (const [i, map] of maps.entries()) map.set(`key ${i}`, i)
    await Promise.all(maps.map((map) => until(map, 'change', () => map.size === count)))
    for (const map of maps) assert.equal(map.get('key 1'), 1)

    const counters = await Promise.all(spaces.map((space) => space.counter('plays')))
    for (const counter of counters) counter.add(2)
    await Promise.all(counters.map((counter) => until(counter, 'change', () => counter.value === 2 * count)))
  })
}

test('space › a latecomer gets the state', { timeout: 10_000 }, async (t) => {
  const hub = new MemoryHub()
  const options = { worker: false, foundAfterMs: 20, transports: [memory({ hub })] }
  const early = await openSpace('test', options)
  t.after(() => early.kill())
  const map = await early.map<string>('map')
  map.set('a', 'x'.repeat(50_000))
  map.set('b', 'y'.repeat(50_000))
  const late = await openSpace('test', options)
  t.after(() => late.kill())
  const copy = await late.map<string>('map')
  await until(copy, 'change', () => copy.size === 2)
  assert.deepEqual(copy.get('a'), 'x'.repeat(50_000))
})

test('space › a cast and a map value of 5 MiB arrive whole, between small ones', { timeout: 30_000 }, async (t) => {
  const spaces = await openSpaces(t, 3)
  const big = Uint8Array.from({ length: 5 * 1024 * 1024 }, (_, i) => (i * 7 + (i >> 11)) & 255)
  const groups = await Promise.all(spaces.map((space) => space.group('chat', { order: 'total' })))
  const maps = await Promise.all(spaces.map((space) => space.map<unknown>('map')))
  const lists = groups.map((group) => {
    const list: unknown[] = []
    group.addEventListener('cast', ({ entry }) => list.push(entry.value))
    return list
  })
  await Promise.all(groups.map((group) => until(group, 'view', () => group.view?.members.length === 3)))
  first(groups).cast('before')
  const receipt = first(groups).cast(big)
  first(groups).cast('after')
  first(maps).set('big', big)
  first(maps).set('small', 1)
  await Promise.all(groups.map((group, i) => until(group, 'cast', () => lists[i]?.length === 3)))
  for (const seen of lists) {
    assert.deepEqual([seen[0], seen[2]], ['before', 'after'])
    assert.ok(Buffer.from(seen[1] as Uint8Array).equals(Buffer.from(big)))
  }
  await receipt.stable
  await Promise.all(maps.map((map) => until(map, 'change', () => map.get('small') === 1)))
  for (const map of maps) assert.ok(Buffer.from(map.get('big') as Uint8Array).equals(Buffer.from(big)))
})

test('space › the largest cast is delivered, one byte more is a TooLargeError', { timeout: 60_000 }, async (t) => {
  const spaces = await openSpaces(t, 2)
  const groups = await Promise.all(spaces.map((space) => space.group('chat', { order: 'causal' })))
  const [a, b] = [first(groups), at(groups, 1)]
  await until(a, 'view', () => a.view?.members.length === 2)
  const overhead = encodeValue(new Uint8Array(CAST_SIZE_MAX)).length - CAST_SIZE_MAX
  assert.throws(
    () => a.cast(new Uint8Array(CAST_SIZE_MAX - overhead + 1)),
    (error) => error instanceof TooLargeError && error.size === CAST_SIZE_MAX + 1 && error.sizeMax === CAST_SIZE_MAX,
  )
  a.cast(new Uint8Array(CAST_SIZE_MAX - overhead).fill(7))
  for await (const event of b) {
    if (event.type !== 'cast') continue
    const value = event.value as Uint8Array
    assert.equal(value.length, CAST_SIZE_MAX - overhead)
    assert.ok(value.every((byte) => byte === 7))
    break
  }
})

test('space › a queue gives each item to one taker, and takes its completion', { timeout: 10_000 }, async (t) => {
  const spaces = await openSpaces(t, 2)
  const queues = await Promise.all(spaces.map((space) => space.queue<string>('jobs')))
  const [mine, yours] = [first(queues), at(queues, 1)]
  await mine.add('one')
  await mine.add('two')
  const [a, b] = await Promise.all([mine.take(), yours.take()])
  assert.deepEqual([a.item, b.item].sort(), ['one', 'two'])
  await Promise.all([a.done(), b.done()])
  await Promise.all(queues.map((queue) => until(queue, 'change', () => queue.size === 0)))
})

test('space › an item goes to someone else when its taker dies', { timeout: 20_000 }, async (t) => {
  const spaces = await openSpaces(t, 3)
  const queues = await Promise.all(spaces.map((space) => space.queue<string>('jobs', { leaseMs: 500 })))
  await first(queues).add('one')
  assert.equal((await at(queues, 2).take()).item, 'one')
  at(spaces, 2).kill()
  const again = await at(queues, 1).take()
  assert.equal(again.item, 'one')
  await again.done()
})

test('space › a group delivers casts to all, in one order', { timeout: 10_000 }, async (t) => {
  const spaces = await openSpaces(t, 3)
  const groups = await Promise.all(spaces.map((space) => space.group('chat', { order: 'total' })))
  await Promise.all(groups.map((group) => until(group, 'view', () => group.view?.members.length === 3)))
  const seen = groups.map((group) => {
    const list: unknown[] = []
    group.addEventListener('cast', ({ entry }) => list.push(entry.value))
    return list
  })
  const receipts = groups.flatMap((group, i) => [group.cast(`${i} a`), group.cast(`${i} b`)])
  await Promise.all(receipts.map(({ stable }) => stable))
  await Promise.all(groups.map((group, i) => until(group, 'cast', () => seen[i]?.length === 6)))
  assert.deepEqual(seen[1], seen[0])
  assert.deepEqual(seen[2], seen[0])
})

test('space › a minority waits until it gives up the missing, and goes on from what it has', {
  timeout: 20_000,
}, async (t) => {
  const spaces = await openSpaces(t, 3)
  const [one, two, three] = [first(spaces), at(spaces, 1), at(spaces, 2)]
  const rest = spaces.find((space) => space.self !== one.coordinator) ?? three
  const jobs = await Promise.all(spaces.map((space) => space.queue<string>('jobs')))
  await first(jobs).add('a job')
  const queue = jobs[spaces.indexOf(rest)]
  assert.ok(queue)
  const { line } = rest.view
  for (const space of [one, two, three]) if (space !== rest) space.kill()
  await until(rest, 'view', () => rest.members.length === 1)
  assert.equal(rest.status, 'degraded')
  await assert.rejects(queue.add('no', { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' })
  const aborted = rest.refound({ signal: AbortSignal.abort(new Error('not yet')) })
  await assert.rejects(aborted, /not yet/)
  assert.equal(rest.view.primary, false)

  await rest.refound()
  assert.equal(rest.view.primary, true)
  assert.notEqual(rest.view.line, line)
  const item = await queue.take()
  assert.equal(item.item, 'a job')
  await item.done()
  await rest.refound()
})

test('space › leaving is told as left, dying as expelled', { timeout: 20_000 }, async (t) => {
  const spaces = await openSpaces(t, 3)
  const [stays, leaves, dies] = [first(spaces), at(spaces, 1), at(spaces, 2)]
  await leaves.close()
  await until(stays, 'view', () => stays.view.left.includes(leaves.self))
  dies.kill()
  assert.equal(dies.status, 'closed')
  await until(stays, 'view', () => stays.view.expelled.includes(dies.self))
  assert.equal(stays.members.length, 1)
})

test('space › whoever says goodbye leaves the other alone, not in search of it', { timeout: 10_000 }, async (t) => {
  const [stays, leaves] = await openSpaces(t, 2)
  assert.ok(stays !== undefined && leaves !== undefined)
  const seen: string[] = []
  stays.addEventListener('status', ({ status }) => seen.push(status))
  await leaves.close()
  await until(stays, 'status', () => stays.status === 'alone')
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepEqual(seen, ['alone'])
})

test('space › members agree on whether a group is strong', { timeout: 10_000 }, async (t) => {
  const [one, other] = await openSpaces(t, 2)
  const strong = await one?.group('g', { strong: true })
  await assert.rejects(async () => one?.group('g'), GroupMismatchError)
  await assert.rejects(async () => other?.group('g'), GroupMismatchError)
  const theirs = await other?.group('g', { strong: true })
  assert.ok(strong !== undefined && theirs !== undefined)
  // A cast that is made before the view with both is told is refused.
  for (const group of [strong, theirs]) await until(group, 'view', () => group.view?.members.length === 2)
  await strong.cast('hi').stable
  await theirs.cast('hello').stable
})

test('space › members agree on the engine of a total group, and only total groups have one', {
  timeout: 10_000,
}, async (t) => {
  const [one, other] = await openSpaces(t, 2)
  assert.ok(one !== undefined && other !== undefined)
  const options = { order: 'total', engine: 'round-robin' } as const
  const mine = await one.group('g', options)
  await assert.rejects(one.group('g', { order: 'total' }), GroupMismatchError)
  await assert.rejects(other.group('g', { order: 'total', engine: 'moving' }), GroupMismatchError)
  const theirs = await other.group('g', options)
  other.setBusy(true)
  await Promise.all([mine.cast('hi').stable, theirs.cast('hello').stable])
  // `sequencer` is what a group has that names none.
  await one.group('h', { order: 'total' })
  await other.group('h', { order: 'total', engine: 'sequencer' })
  await assert.rejects(one.group('c', { engine: 'moving' }), UsageError)
  await assert.rejects(one.group('t', { order: 'total', engine: 'token' as never }), UsageError)
})

test('space › members agree on whether a counter folds', { timeout: 10_000 }, async (t) => {
  const [one, other] = await openSpaces(t, 2)
  assert.ok(one !== undefined && other !== undefined)
  await one.counter('c', { forgetAfterMs: 60_000 })
  await assert.rejects(other.counter('c'), GroupMismatchError)
  await assert.rejects(one.counter('c'), KindMismatchError)
  const theirs = await other.counter('c', { forgetAfterMs: 1_000 })
  assert.equal(theirs.add(2), 2)
  await assert.rejects(one.counter('m', { forgetAfterMs: 0 }), UsageError)
})

test('space › what is opened without options, or with what is no object, is refused', {
  timeout: 10_000,
}, async (t) => {
  const [space] = await openSpaces(t, 1)
  assert.ok(space !== undefined)
  const none = undefined as never
  const refused = [
    () => space.semaphore('s', none),
    () => space.barrier('b', none),
    () => space.latch('l', none),
    () => space.open(counterKind, 'c', none),
    () => space.semaphore('s', {} as never),
    () => space.barrier('b', {} as never),
    () => space.latch('l', {} as never),
    () => space.map('m', null as never),
    () => space.counter('c', 'min' as never),
    () => space.queue('q', null as never),
    () => space.register('r', null as never),
    () => space.group('g', null as never),
  ]
  for (const open of refused) await assert.rejects(open(), UsageError, String(open))
  await assert.rejects(space.semaphore('s', none), /"s" are an object, and none were given/)
})

test('space › members agree on whether a map folds', { timeout: 10_000 }, async (t) => {
  const [one, other] = await openSpaces(t, 2)
  assert.ok(one !== undefined && other !== undefined)
  const mine = await one.map('m', { forgetAfterMs: 60_000 })
  await assert.rejects(other.map('m'), GroupMismatchError)
  await assert.rejects(one.map('m'), KindMismatchError)
  const theirs = await other.map('m', { forgetAfterMs: 1_000 })
  assert.equal(theirs.set('k', 1).get('k'), 1)
  const seen = new Promise<string | null>((resolve) => {
    mine.addEventListener('change', ({ changes }) => resolve(changes[0]?.author ?? null), { once: true })
  })
  theirs.set('k', 2)
  assert.equal(await seen, other.self)
  await assert.rejects(one.map('n', { forgetAfterMs: 0 }), UsageError)
})

test('space › members agree on whether a group is strict', { timeout: 10_000 }, async (t) => {
  const [one, other] = await openSpaces(t, 2)
  assert.ok(one !== undefined && other !== undefined)
  const mine = await one.group('g', { strict: true })
  await assert.rejects(one.group('g'), GroupMismatchError)
  await assert.rejects(other.group('g', { strict: false }), GroupMismatchError)
  const theirs = await other.group('g', { strict: true })
  await (await one.group('h', { strict: false })).cast('before').stable
  await Promise.all([mine.cast('hi').stable, theirs.cast('hello').stable])
})

test('space › members agree on the domain of a total group, which has no engine and no gbcasts', {
  timeout: 10_000,
}, async (t) => {
  const [one, other] = await openSpaces(t, 2)
  assert.ok(one !== undefined && other !== undefined)
  const options = { order: 'total', domain: 'd' } as const
  const mine = await one.group('g', options)
  await assert.rejects(one.group('g', { order: 'total' }), GroupMismatchError)
  await assert.rejects(other.group('g', { order: 'total', domain: 'e' }), GroupMismatchError)
  const theirs = await other.group('g', options)
  const more = await other.group('h', options)
  await Promise.all([mine.cast('hi').stable, theirs.cast('hello').stable, more.cast('alone').stable])
  assert.throws(() => mine.cast('all at once', { service: 'gbcast' }), UsageError)
  await assert.rejects(one.group('c', { domain: 'd' }), UsageError)
  await assert.rejects(one.group('r', { ...options, engine: 'round-robin' }), UsageError)
  for (const domain of ['', 'n'.repeat(257), 7 as never]) {
    await assert.rejects(one.group('n', { order: 'total', domain }), UsageError)
  }
})

test('space › one name is one handle, closed as often as it was opened', { timeout: 10_000 }, async (t) => {
  const space = first(await openSpaces(t, 1))
  const [a, b] = await Promise.all([space.map('m'), space.map('m')])
  assert.equal(a, b)
  await assert.rejects(space.counter('m'), KindMismatchError)
  await space.group('g', { order: 'fifo' })
  await assert.rejects(space.group('g', { order: 'causal' }), GroupMismatchError)
  await a.close()
  b.set('still', true)
  await b.close()
  assert.throws(() => b.set('still', true), ClosedError)
  assert.notEqual(await space.map('m'), a)
})

test('space › wrong options are refused by a message that names the remedy', async () => {
  const wrong: readonly (readonly [unknown, object, RegExp])[] = [
    ['', {}, /1 to 256/],
    ['x', { transport: [] }, /there are transports/],
    ['x', { transports: 'tabs' }, /tabs\(\)/],
    ['x', { worker: 'yes' }, /true, false, or a function/],
    ['x', { foundAfterMs: -1 }, /found: false/],
    ['x', { name: 'n'.repeat(65) }, /64/],
    ['x', { worker: false }, /tutti\/adapters\/memory/],
  ]
  for (const [name, options, message] of wrong) {
    await assert.rejects(openSpace(name as string, options), (error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, message)
      return true
    })
  }
})

test('space › an aborted signal ends the opening', async () => {
  const controller = new AbortController()
  const opening = openSpace('test', { worker: false, transports: [memory()], signal: controller.signal })
  controller.abort(new Error('no more'))
  await assert.rejects(opening, /no more/)
})

test('space › an aborted signal does not wait for a worker that loads', { timeout: 10_000 }, async () => {
  const controller = new AbortController()
  const warnings: string[] = []
  const worker = new FakeWorker({ isStuck: true })
  const opening = openSpace('test', {
    worker: () => worker.asWorker,
    transports: [memory()],
    signal: controller.signal,
    logger: { warn: (message) => warnings.push(message) },
  })
  setImmediate(() => controller.abort(new Error('no more')))
  const start = performance.now()
  await assert.rejects(opening, /no more/)
  assert.ok(performance.now() - start < 1000)
  assert.ok(worker.isTerminated)
  assert.deepEqual(warnings, [])
})

for (const [mode, worker] of [
  ['in thread', () => false as const],
  ['in a worker', (hub: MemoryHub) => () => new FakeWorker({ hub }).asWorker],
] as const) {
  test(`space › a page that is left says goodbye and is closed, the kernel ${mode}`, { timeout: 10_000 }, async (t) => {
    const hub = new MemoryHub()
    let hide = (): void => undefined
    const platform: Platform = {
      ...makePlatform(),
      onPageHide(fn) {
        hide = fn
        return () => undefined
      },
    }
    const options = { foundAfterMs: 20, transports: [memory({ hub })] }
    const other = await openSpace('test', { ...options, worker: false })
    const said: boolean[] = []
    const half: TransportSpec['page'] = ({ leaving }) => {
      leaving(() => said.push(true))
      return () => undefined
    }
    const halved = { ...options, transports: [{ ...memory({ hub }), page: half }], worker: worker(hub) }
    const page = await openSpaceWith('test', halved, { platform })
    t.after(() => {
      other.kill()
      page.kill()
    })
    await until(other, 'view', () => other.members.length === 2)
    await until(page, 'view', () => page.members.length === 2)
    const map = await page.map('map')
    page.suspending()
    page.resumed()
    assert.deepEqual(said, [])
    const seen: string[] = []
    page.addEventListener('status', ({ status }) => seen.push(status))
    page.addEventListener('view', () => seen.push('view'))
    hide()
    // The page's half of a transport is told in the same task; within one thread there is no such half.
    assert.deepEqual(said, mode === 'in a worker' ? [true] : [])
    assert.deepEqual(seen, ['closed'])
    const isHidden = (error: unknown): boolean => error instanceof ClosedError && error.reason === 'hidden'
    assert.throws(() => map.set('late', 1), isHidden)
    await assert.rejects(page.map('late'), isHidden)
    await until(other, 'view', () => other.view.left.includes(page.self))
    await page.close()
    assert.deepEqual(seen, ['closed'])
    const again = await openSpaceWith('test', { ...options, worker: worker(hub) }, { platform })
    t.after(() => again.kill())
    await until(again, 'view', () => again.members.length === 2)
    assert.notEqual(again.self, page.self)
  })

  test(`space › a page that is frozen is away for the others at once, the kernel ${mode}`, {
    timeout: 10_000,
  }, async (t) => {
    const hub = new MemoryHub()
    let freeze = (): void => undefined
    let resume = (): void => undefined
    const platform: Platform = {
      ...makePlatform(),
      onFreeze(onFreeze, onResume) {
        freeze = onFreeze
        resume = onResume
        return () => undefined
      },
    }
    const options = { foundAfterMs: 20, transports: [memory({ hub })] }
    const page = await openSpaceWith('test', { ...options, worker: worker(hub), name: 'Ann' }, { platform })
    t.after(() => page.kill())
    await until(page, 'view', () => page.view.primary)
    const others = await Promise.all([1, 2].map(() => openSpace('test', { ...options, worker: false })))
    t.after(() => others.forEach((each) => void each.kill()))
    const [other = page] = others
    await until(other, 'view', () => other.members.length === 3)
    // A coordinator is needed, so it does not stay until something waits for it.
    assert.equal(other.coordinator, page.self)
    freeze()
    await until(other, 'view', () => other.view.away.length === 1)
    const [ann] = other.view.away
    assert.deepEqual([ann?.id, ann?.name, ann?.since], [page.self, 'Ann', other.view.id])
    assert.deepEqual(other.view.expelled, [])
    resume()
    await until(other, 'view', () => other.members.length === 3)
    assert.deepEqual(other.view.away, [])
    await until(page, 'view', () => page.members.length === 3)
    assert.deepEqual(page.view.expelled, [])
  })
}

test('space › a queue opened before the line was founded works once it is', { timeout: 10_000 }, async (t) => {
  const transports = [memory({ hub: new MemoryHub() })]
  const space = await openSpace('test', { worker: false, foundAfterMs: 200, transports })
  t.after(() => space.kill())
  const queue = await space.queue<string>('jobs')
  assert.equal(space.view.primary, false)
  const [taken] = await Promise.all([queue.take(), queue.add('one')])
  assert.equal(taken.item, 'one')
})

/** A transport that does what the test says. */
function handMade(): { readonly spec: TransportSpec; readonly host: () => TransportHost } {
  let host: TransportHost | undefined
  const spec: TransportSpec = {
    type: 'hand-made',
    options: {},
    create: () => ({
      type: 'hand-made',
      preference: 1,
      start(started) {
        host = started
        started.searched()
      },
      stop: () => undefined,
    }),
  }
  return {
    spec,
    host() {
      assert.ok(host !== undefined)
      return host
    },
  }
}

test('space › one that others take for dead closes, and says so', { timeout: 10_000 }, async () => {
  const { spec, host } = handMade()
  const space = await openSpace('test', { worker: false, foundAfterMs: 0, transports: [spec] })
  const queue = await space.queue<string>('jobs')
  const codes: string[] = []
  space.addEventListener('problem', ({ error }) => codes.push(error.code))
  const taking = queue.take()
  host().superseded({ code: 'tabs-lock-lost', message: 'the lock is gone' })
  await assert.rejects(taking, ClosedError)
  assert.equal(space.status, 'closed')
  assert.deepEqual(codes, ['transport', 'closed'])
  await assert.rejects(space.map('late'), (error) => error instanceof ClosedError && error.reason === 'superseded')
  await space.close()
})

test('space › what a peer does wrong is told and counted once', { timeout: 10_000 }, async (t) => {
  const { spec, host } = handMade()
  const space = await openSpace('test', { worker: false, transports: [spec] })
  t.after(() => space.kill())
  const faults: unknown[] = []
  space.addEventListener('fault', ({ peer, faultCode, count }) => faults.push([peer, faultCode, count]))
  const isClosed = new Promise<void>((resolve) => {
    const link: Link = {
      peer: 'liar',
      send: () => undefined,
      bufferedAmount: () => 0,
      close() {
        host().linkDown(link)
        resolve()
      },
    }
    host().linkUp(link)
    host().receive(link, 'data', Uint8Array.of(0, 255, 255, 255))
  })
  await isClosed
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(faults.length, 1)
  assert.deepEqual(faults[0], ['liar', (faults[0] as unknown[])[1], 1])
})
