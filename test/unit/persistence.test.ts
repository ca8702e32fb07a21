/**
 * Stored objects in spaces of one thread: opened again with what they had, on a store that fails as stores do.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, MemoryStore, memory, memoryStorage } from '../../adapters/memory/index.ts'
import { ClosedError, StorageError, UsageError } from '../../lib/errors.ts'
import { openSpace } from '../../lib/open-space.ts'
import type { Space } from '../../lib/space.ts'
import { until } from './until.ts'

interface Site {
  readonly store: MemoryStore
  readonly hub: MemoryHub
}

function open(t: TestContext, { store, hub }: Site): Promise<Space> {
  const opening = openSpace('stored', {
    worker: false,
    foundAfterMs: 20,
    transports: [memory({ hub })],
    storage: memoryStorage(store),
  })
  t.after(() => opening.then((space) => space.kill()))
  return opening
}

const site = (store = new MemoryStore(), hub = new MemoryHub()): Site => ({ store, hub })

test('persistence › what was durable is there when the space is opened again, alone', async (t) => {
  const here = site()
  const first = await open(t, here)
  const map = await first.map<number>('todos')
  const counter = await first.counter('plays')
  const tags = await first.set<string>('tags')
  map.set('a', 1).set('b', 2)
  map.delete('a')
  counter.add(5)
  tags.add('x')
  await first.durable()
  first.kill()

  const second = await open(t, here)
  assert.notEqual(second.self, first.self)
  const again = await second.map<number>('todos')
  assert.deepEqual([...again], [['b', 2]])
  assert.equal((await second.counter('plays')).value, 5)
  assert.deepEqual([...(await second.set<string>('tags'))], ['x'])
  again.set('c', 3)
  ;(await second.counter('plays')).add(2)
  await second.durable()
  await second.close()

  const third = await open(t, here)
  assert.deepEqual(
    [...(await third.map<number>('todos'))],
    [
      ['b', 2],
      ['c', 3],
    ],
  )
  assert.equal((await third.counter('plays')).value, 7)
})

test('persistence › who comes back to others brings what it had not sent, once', async (t) => {
  const hub = new MemoryHub()
  const other = await open(t, site(new MemoryStore(), hub))
  const theirs = await other.map<number>('todos')
  const theirCount = await other.counter('plays')
  theirs.set('theirs', 1)
  theirCount.add(10)

  const store = new MemoryStore()
  const apart = await open(t, site(store))
  ;(await apart.map<number>('todos')).set('mine', 2)
  ;(await apart.counter('plays')).add(1)
  await apart.durable()
  apart.kill()

  const back = await open(t, site(store, hub))
  await until(back, 'view', () => back.view.members.length === 2)
  const mine = await back.map<number>('todos')
  const count = await back.counter('plays')
  assert.deepEqual([...mine.keys()], ['mine', 'theirs'])
  assert.equal(count.value, 11)
  await until(theirs, 'change', () => theirs.size === 2)
  await until(theirCount, 'change', () => theirCount.value === 11)

  // Once more: it has nothing that they lack.
  await back.durable()
  back.kill()
  const again = await open(t, site(store, hub))
  await until(again, 'view', () => again.view.members.length >= 2)
  assert.equal((await again.counter('plays')).value, 11)
  assert.equal(theirCount.value, 11)
})

test('persistence › what is stored at any write is what one process had had, up to what it was told is durable', async (t) => {
  const moments: { readonly store: MemoryStore; readonly durable: number }[] = []
  const store = new MemoryStore()
  let durable = 0
  store.beforeWrite = () => {
    // As a crash between two writes leaves it.
    moments.push({ store: store.clone(), durable })
  }
  const hub = new MemoryHub()
  const writer = await open(t, site(store, hub))
  const other = await open(t, site(new MemoryStore(), hub))
  const mine = await writer.map<number>('n')
  const theirs = await other.map<number>('n')
  await until(writer, 'view', () => writer.view.members.length === 2)
  for (let n = 1; n <= 60; n += 1) {
    const map = n % 3 === 0 ? theirs : mine
    await until(map, 'change', () => n === 1 || map.has(String(n - 1)))
    map.set(String(n), n)
    if (n % 7 !== 0) continue
    await writer.durable()
    durable = mine.size
  }
  await until(mine, 'change', () => mine.size === 60)
  await writer.durable()
  store.beforeWrite = () => undefined
  moments.push({ store: store.clone(), durable: mine.size })
  assert.ok(moments.length > 20, `${moments.length} writes`)
  for (const { store: left, durable } of moments) {
    const again = await open(t, site(left))
    const keys = [...(await again.map<number>('n')).keys()].map(Number).sort((a, b) => a - b)
    // Each key was written by somebody who had seen the one before.
    assert.deepEqual(
      keys,
      keys.map((_, i) => i + 1),
    )
    assert.ok(keys.length >= durable, `${keys.length} of ${durable} that were durable`)
    again.kill()
  }
  assert.equal(moments.at(-1)?.durable, 60)
})

test('persistence › a store that is full leaves everything running, says so once, and is used again later', async (t) => {
  const here = site()
  const space = await open(t, here)
  const map = await space.map<number>('todos')
  const counter = await space.counter('plays')
  map.set('a', 1)
  await space.durable()
  const events: string[] = []
  space.addEventListener('storage', ({ group, reason, error }) => events.push(`${group} ${reason} ${error.code}`))
  here.store.failing = 'quota'
  map.set('b', 2)
  counter.add(1)
  await assert.rejects(space.durable(), (error) => error instanceof StorageError && error.reason === 'quota')
  await assert.rejects(space.durable(), StorageError)
  map.set('c', 3)
  assert.deepEqual([map.size, counter.value, events], [3, 1, ['null quota storage']])
})

test('persistence › where storage is denied, objects open all the same, and nothing counts as durable', async (t) => {
  const here = site()
  here.store.failing = 'denied'
  const space = await open(t, here)
  const events: string[] = []
  space.addEventListener('storage', ({ reason }) => events.push(reason))
  const map = await space.map<number>('todos')
  map.set('a', 1)
  await assert.rejects(space.durable(), (error) => error instanceof StorageError && error.reason === 'denied')
  assert.deepEqual([map.get('a'), events], [1, ['denied']])
})

test('persistence › two processes that start from one copied store count once what it has', async (t) => {
  const here = site()
  const first = await open(t, here)
  ;(await first.counter('plays')).add(5)
  ;(await first.map<number>('todos')).set('a', 1)
  await first.durable()
  first.kill()
  const hub = new MemoryHub()
  const spaces = [await open(t, site(here.store.clone(), hub)), await open(t, site(here.store.clone(), hub))] as const
  // Opened apart, and met afterwards, or the other way around: it is the same.
  const counters = await Promise.all(spaces.map((space) => space.counter('plays')))
  await Promise.all(spaces.map((space) => until(space, 'view', () => space.view.members.length === 2)))
  const maps = await Promise.all(spaces.map((space) => space.map<number>('todos')))
  for (const counter of counters) counter.add(1)
  await Promise.all(counters.map((counter) => until(counter, 'change', () => counter.value === 7)))
  for (const map of maps) assert.deepEqual([...map], [['a', 1]])
})

test('persistence › presence, folding objects, plain groups, and what waits for who is present are not stored', async (t) => {
  const { store, hub } = site()
  const space = await open(t, { store, hub })
  ;(await space.presence<string>('people')).set('here')
  ;(await space.map('folding', { forgetAfterMs: 1000 })).set('a', 1)
  ;(await space.group('chat')).cast('hi')
  await space.semaphore('two', { permits: 2 })
  await space.locks.request('baton', () => undefined)
  await space.durable()
  assert.deepEqual([...store.entries.keys()], [])
})

test('persistence › an object that is closed and opened again in one process goes on from what it had', async (t) => {
  const here = site()
  const space = await open(t, here)
  const map = await space.map<number>('todos')
  map.set('a', 1)
  await space.durable()
  await map.close()
  const again = await space.map<number>('todos')
  assert.deepEqual([...again], [['a', 1]])
  again.set('b', 2)
  await space.durable()
  assert.equal([...here.store.entries.keys()].filter((key) => key.endsWith('/h')).length, 1)
})

test('persistence › durable rejects where nothing is stored, and in a space that is closed', async (t) => {
  const bare = await openSpace('bare', {
    worker: false,
    foundAfterMs: 20,
    transports: [memory({ hub: new MemoryHub() })],
  })
  t.after(() => bare.kill())
  await assert.rejects(bare.durable(), UsageError)
  const space = await open(t, site())
  await space.close()
  await assert.rejects(space.durable(), ClosedError)
})

test('persistence › an option that is no storage is refused at once', async () => {
  for (const storage of [memoryStorage, {}, null]) {
    const options = { worker: false, storage } as unknown as Parameters<typeof openSpace>[1]
    await assert.rejects(openSpace('x', options), UsageError)
  }
  const witness = { worker: false, witness: true, storage: memoryStorage(new MemoryStore()) }
  await assert.rejects(openSpace('x', witness), UsageError)
  const unknown = { worker: false, storage: { type: 'paper', options: {} }, transports: [memory()] }
  await assert.rejects(openSpace('x', unknown), UsageError)
})
