/**
 * The tabs transport at a site where others were before, on stand-ins for Web Locks and IndexedDB.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createTabsTransport } from '../../adapters/broadcast-channel/worker-half.ts'
import type { VoteRecord } from '../../lib/kernel/api.ts'
import type { Transport } from '../../lib/ports/transport.ts'

interface Held {
  readonly name: string
  readonly mode: LockMode
}

/** Web Locks of one browser, without waiting: whatever is not free is refused, or never granted. */
class Locks {
  readonly held = new Set<Held>()

  async request(name: string, options: LockOptions, use: (lock: Held | null) => unknown): Promise<unknown> {
    const { mode = 'exclusive' } = options
    const isFree = [...this.held].every((lock) => lock.name !== name || (lock.mode === 'shared' && mode === 'shared'))
    if (!isFree) return options.ifAvailable === true ? use(null) : new Promise(() => undefined)
    const lock = { name, mode }
    this.held.add(lock)
    try {
      return await use(lock)
    } finally {
      this.held.delete(lock)
    }
  }

  async query(): Promise<{ readonly held: readonly Held[] }> {
    return { held: [...this.held] }
  }
}

/** IndexedDB of one browser, with one store. */
class Storage {
  readonly values = new Map<string, unknown>()
  /** Requests of these kinds fail. */
  readonly failing = new Set<string>()
  readonly durabilities = new Set<unknown>()

  open(): object {
    const database = {
      createObjectStore: () => undefined,
      transaction: (_store: string, mode: string, { durability }: { readonly durability?: string }) => {
        if (mode === 'readwrite') this.durabilities.add(durability)
        return this.#transaction()
      },
    }
    return settled({ result: database })
  }

  #transaction(): object {
    const ask = (kind: string, act: () => unknown): object => {
      if (this.failing.has(kind)) throw new DOMException('full', 'QuotaExceededError')
      return settled({ result: act() })
    }
    const store = {
      put: (value: unknown, key: string) => ask('put', () => this.values.set(key, structuredClone(value))),
      get: (key: string) => ask('get', () => this.values.get(key)),
      delete: (key: string) => ask('delete', () => this.values.delete(key)),
      getAllKeys: () => ask('keys', () => [...this.values.keys()]),
    }
    const transaction = { objectStore: () => store, oncomplete: (): void => undefined }
    setImmediate(() => transaction.oncomplete())
    return transaction
  }
}

function settled<Result extends object>(result: Result): Result {
  const request = { ...result, onsuccess: (): void => undefined }
  queueMicrotask(() => request.onsuccess())
  return request
}

interface Opened {
  readonly transport: Transport
  /** What its host was told: `dead a`, `searched`, codes of problems. */
  readonly told: string[]
  readonly records: Map<string, VoteRecord | null>
  readonly searched: Promise<void>
}

let spaces = 0

/** One browser, and what opens a process of one space in it. */
function browser(t: TestContext) {
  const locks = new Locks()
  const storage = new Storage()
  replace(t, 'navigator', { locks })
  replace(t, 'indexedDB', storage)
  spaces += 1
  const space = `again-${process.pid}-${spaces}`
  const open = (self: string): Opened => {
    const told: string[] = []
    const records = new Map<string, VoteRecord | null>()
    const transport = createTabsTransport({})
    t.after(() => transport.stop())
    const searched = new Promise<void>((resolve) => {
      transport.start({
        self,
        space,
        origin: '',
        linkUp: () => undefined,
        linkDown: () => undefined,
        receive: () => undefined,
        dead: (peer, record) => {
          told.push(`dead ${peer}`)
          records.set(peer, record)
        },
        lastWord: () => undefined,
        searched: () => {
          told.push('searched')
          resolve()
        },
        problem: ({ code }) => told.push(code),
        superseded: ({ code }) => told.push(`superseded ${code}`),
        reaches: () => false,
      })
    })
    return { transport, told, records, searched }
  }
  return { locks, storage, open }
}

function replace(t: TestContext, name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name)
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  t.after(() => {
    if (before === undefined) Reflect.deleteProperty(globalThis, name)
    else Object.defineProperty(globalThis, name, before)
  })
}

const recordOf = (id: string): VoteRecord => ({ last: { line: 'L', id, members: ['a', 'b'] }, attempt: null })
const weighed: VoteRecord = { last: { line: 'L', id: '2.a', members: ['a', 'b'], weights: [0, 3] }, attempt: null }

test('tabs › a process that starts tells of those before it, before it has searched, and not of the living', {
  timeout: 20_000,
}, async (t) => {
  const { storage, open } = browser(t)
  const a = open('a')
  await a.searched
  await a.transport.origin?.persist(recordOf('1.a'))
  await a.transport.origin?.persist(weighed)
  a.transport.stop()
  const b = open('b')
  await b.searched
  assert.deepEqual(b.told, ['dead a', 'searched'])
  assert.deepEqual(b.records.get('a'), weighed)
  await b.transport.origin?.persist(recordOf('3.b'))
  const c = open('c')
  await c.searched
  assert.deepEqual(c.told, ['dead a', 'searched'])
  // A record that a power failure takes back would pass for the last one.
  assert.deepEqual([...storage.durabilities], ['strict'])
})

test('tabs › a record that was written without a lock proves nothing', { timeout: 20_000 }, async (t) => {
  const { locks, open } = browser(t)
  replace(t, 'navigator', {})
  const a = open('a')
  await a.searched
  await a.transport.origin?.persist(recordOf('1.a'))
  replace(t, 'navigator', { locks })
  const b = open('b')
  await b.searched
  assert.deepEqual(b.told, ['searched'])
})

test('tabs › who has voted for nothing has a record that says so, of which those who start are not told', {
  timeout: 20_000,
}, async (t) => {
  const { storage, open } = browser(t)
  const a = open('a')
  await a.searched
  while (storage.values.size === 0) await new Promise(setImmediate)
  const [entry] = storage.values.values()
  assert.deepEqual((entry as { record: VoteRecord }).record, { last: null, attempt: null })
  a.transport.stop()
  const b = open('b')
  await b.searched
  assert.deepEqual(b.told, ['searched'])
})

test('tabs › of many who were here before, the latest are told of', { timeout: 20_000 }, async (t) => {
  const { storage, open } = browser(t)
  for (const id of ['e', 'd', 'c', 'b', 'a']) {
    const each = open(id)
    await each.searched
    await each.transport.origin?.persist(recordOf(`1.${id}`))
    each.transport.stop()
  }
  // The clock is too coarse to tell them apart.
  for (const [i, entry] of [...storage.values.values()].entries()) Object.assign(entry as object, { writtenAt: i })
  const last = open('z')
  await last.searched
  assert.deepEqual(last.told, ['dead a', 'dead b', 'dead c', 'dead d', 'searched'])
})

test('tabs › who cannot replace its record removes it, and who can do neither stops', {
  timeout: 20_000,
}, async (t) => {
  const { storage, open } = browser(t)
  const [a, b] = [open('a'), open('b')]
  await Promise.all([a.searched, b.searched])
  await a.transport.origin?.persist(recordOf('1.a'))
  await b.transport.origin?.persist(recordOf('1.b'))
  storage.failing.add('put')
  await a.transport.origin?.persist(recordOf('2.a'))
  assert.deepEqual(a.told.slice(-1), ['tabs-storage-denied'])
  storage.failing.add('delete')
  await b.transport.origin?.persist(recordOf('2.b'))
  assert.deepEqual(b.told.slice(-1), ['superseded tabs-storage-stale'])
  a.transport.stop()
  storage.failing.clear()
  const c = open('c')
  await c.searched
  assert.deepEqual(c.told, ['dead b', 'searched'])
  assert.deepEqual(c.records.get('b'), recordOf('1.b'))
})
