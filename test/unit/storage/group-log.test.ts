/** The log of one group: what is stored at any moment, and what is said to be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStore, memoryStorage } from '../../../adapters/memory/index.ts'
import type { Storage, StorageReason } from '../../../lib/ports/storage.ts'
import { readCopies, type StoredCopy } from '../../../lib/storage/copies.ts'
import {
  BATCHES_MAX,
  GroupLog,
  LOG_BYTES_MAX,
  QUEUE_BYTES_MAX,
  RETRY_MS,
  WRITE_MS,
} from '../../../lib/storage/group-log.ts'
import { castsOf, stepsOf } from '../../../lib/storage/log-event.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (found: Uint8Array | null): string => (found === null ? '' : new TextDecoder().decode(found))
/** Lets writes go through: a store in memory takes a few turns. */
const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

const view = {
  id: '1.me.0',
  members: ['me', 'you'],
  primary: true,
  line: 'l',
  missing: [],
  joined: [],
  left: [],
  dead: [],
  expelled: [],
}

class Rig {
  readonly store: MemoryStore
  readonly storage: Storage
  readonly log: GroupLog
  readonly failures: StorageReason[] = []
  timers: { readonly ms: number; readonly fn: () => void }[] = []
  mended = 0
  #requests = 0

  constructor(store = new MemoryStore(), self = 'me', isAgreed = false) {
    this.store = store
    const storage = memoryStorage(store).create?.({}, { self })
    assert.ok(storage)
    this.storage = storage
    this.log = new GroupLog({
      self,
      storage: this.storage,
      prefix: `s/g/${self}/`,
      kind: 'map',
      isAgreed,
      setTimer: (ms, fn) => {
        const timer = { ms, fn }
        this.timers.push(timer)
        return () => {
          this.timers = this.timers.filter((each) => each !== timer)
        }
      },
      wanting: () => undefined,
      failed: (reason) => this.failures.push(reason),
      mended: () => {
        this.mended += 1
      },
    })
  }

  /** The page is asked, if the log wants a snapshot; the id. */
  ask(): number | null {
    return this.log.takeRequest(() => {
      this.#requests -= 1
      return this.#requests
    })
  }

  /** What is stored: the state, and the casts after it, as `state|author#n …`; undefined: no copy. */
  async stored(): Promise<string | undefined> {
    const [copy] = await this.copies()
    if (copy === undefined) return undefined
    assert.equal(copy.fault, null)
    assert.ok(copy.content)
    const casts = castsOf(copy.id, copy.content.events).map(({ from, n }) => `${from}#${n}`)
    return `${text(copy.content.state)}|${casts.join(' ')}`
  }

  copies(): Promise<StoredCopy[]> {
    return readCopies(this.storage, 's/g/', 'map', () => true)
  }

  /** How it stands with what has happened so far: `open` if nothing was said yet. */
  async durable(): Promise<StorageReason | null | 'open'> {
    let said: StorageReason | null | 'open' = 'open'
    this.log.whenStored((fault) => {
      said = fault
    })
    await turns()
    return said
  }
}

test('log › what happens is stored, batch by batch, and said to be when it is', async () => {
  const rig = new Rig()
  rig.log.cast(1, bytes('a'))
  rig.log.deliver('you', 4, 'v1', bytes('b'))
  let isSaid = false
  rig.log.whenStored(() => {
    isSaid = true
  })
  assert.equal(isSaid, false)
  await turns()
  assert.equal(isSaid, true)
  assert.equal(await rig.stored(), '|you#4 me#1')
  rig.log.deliver('me', 1, 'v1', bytes('a'))
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), '|you#4 me#1')
  rig.log.cast(2, bytes('c'))
  rig.log.end(2, true)
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), '|you#4 me#1')
})

test('log › while a state is awaited, and until its snapshot is stored, nothing that may come after it is', async () => {
  const rig = new Rig()
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  await turns()
  rig.log.view(true, view)
  rig.log.deliver('you', 2, 'v2', bytes('b'))
  rig.log.cast(1, bytes('c'))
  assert.equal(await rig.durable(), 'open')
  // What it cast itself was made before the state came.
  assert.equal(await rig.stored(), '|you#1 me#1')
  assert.equal(rig.ask(), null)
  rig.log.state()
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.deliver('you', 3, 'v2', bytes('d'))
  assert.equal(await rig.durable(), 'open')
  assert.equal(await rig.stored(), '|you#1 me#1')
  rig.log.answer(id, bytes('with b'))
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'with b|you#3 me#1')
})

test('log › a state that is not needed after all is as one that has come', async () => {
  const rig = new Rig()
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  rig.log.view(true, view)
  rig.log.deliver('you', 2, 'v2', bytes('b'))
  rig.log.view(false, view)
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.answer(id, bytes('a and b'))
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'a and b|')
})

test('log › it is compacted, and never holds more than the bound; own casts under way go over', async () => {
  const rig = new Rig()
  const large = new Uint8Array(LOG_BYTES_MAX / 4 - 200)
  rig.log.cast(1, bytes('own'))
  for (let n = 1; n <= 5; n += 1) {
    assert.equal(rig.ask(), null, `after ${n - 1}`)
    rig.log.deliver('you', n, 'v1', large)
    await turns()
  }
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.deliver('you', 6, 'v1', bytes('late'))
  await turns()
  // Until the snapshot is there, the old log goes on.
  assert.equal(await rig.stored(), '|you#1 you#2 you#3 you#4 you#5 you#6 me#1')
  rig.log.answer(id, bytes('five'))
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'five|you#6 me#1')
  assert.deepEqual([...rig.store.entries.keys()].length, 3)
})

test('log › it is compacted after so many batches', async () => {
  const rig = new Rig()
  for (let n = 1; n < BATCHES_MAX; n += 1) {
    rig.log.deliver('you', n, 'v1', bytes('x'))
    await turns()
  }
  assert.equal(rig.ask(), null)
  rig.log.deliver('you', BATCHES_MAX, 'v1', bytes('x'))
  await turns()
  assert.ok(rig.ask() !== null)
})

test('log › a write that fails is told of once, nothing is said to be durable, and a snapshot later mends it', async () => {
  const rig = new Rig()
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  await turns()
  rig.store.failing = 'quota'
  rig.log.deliver('you', 2, 'v1', bytes('b'))
  rig.log.cast(1, bytes('own'))
  assert.equal(await rig.durable(), 'quota')
  assert.deepEqual(rig.failures, ['quota'])
  assert.equal(await rig.stored(), '|you#1')
  const again = async (): Promise<void> => {
    const timer = rig.timers.shift()
    assert.equal(timer?.ms, RETRY_MS)
    timer?.fn()
    const id = rig.ask()
    assert.ok(id !== null)
    rig.log.deliver('you', 3, 'v1', bytes('c'))
    rig.log.answer(id, bytes('a and b'))
    await turns()
  }
  await again()
  assert.equal(await rig.durable(), 'quota')
  assert.deepEqual(rig.failures, ['quota'])
  rig.store.failing = null
  await again()
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'a and b|you#3 me#1')
  rig.log.deliver('you', 4, 'v1', bytes('d'))
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'a and b|you#3 you#4 me#1')
  assert.equal(rig.timers.length, 0)
  assert.equal(rig.mended, 1)
  // The next failure is news again.
  rig.store.failing = 'lost'
  rig.log.deliver('you', 5, 'v1', bytes('e'))
  assert.equal(await rig.durable(), 'lost')
  assert.deepEqual(rig.failures, ['quota', 'lost'])
})

/** Writes get no answer until this is called: then they are carried out, or fail. */
function hang(store: MemoryStore): (reason?: StorageReason) => Promise<void> {
  const answers: (() => void)[] = []
  store.beforeWrite = () => new Promise((resolve) => answers.push(resolve))
  return async (reason) => {
    store.beforeWrite = () => undefined
    store.failing = reason ?? null
    for (const answer of answers) answer()
    await turns()
    store.failing = null
  }
}

function runTimer(rig: Rig, ms: number): void {
  const timer = rig.timers.find((each) => each.ms === ms)
  assert.ok(timer, `no timer of ${ms} ms`)
  rig.timers = rig.timers.filter((each) => each !== timer)
  timer.fn()
}

test('log › a write without an answer is told of in time, and what waits is written when the answer comes', async () => {
  const rig = new Rig()
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  assert.equal(await rig.durable(), null)
  const goOn = hang(rig.store)
  rig.log.deliver('you', 2, 'v1', bytes('b'))
  let said: StorageReason | null | 'open' = 'open'
  rig.log.whenStored((fault) => {
    said = fault
  })
  await turns()
  assert.equal(said, 'open')
  runTimer(rig, WRITE_MS)
  assert.equal(said, 'blocked')
  assert.deepEqual(rig.failures, ['blocked'])
  rig.log.deliver('you', 3, 'v1', bytes('c'))
  assert.equal(await rig.durable(), 'blocked')
  const { writes } = rig.store
  await goOn()
  // The one that was late, and what has come since.
  assert.equal(rig.store.writes, writes + 2)
  assert.equal(rig.mended, 1)
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), '|you#1 you#2 you#3')
  assert.deepEqual(rig.timers, [])
})

test('log › a write that fails after it was late is tried again as any other, and was told of already', async () => {
  const rig = new Rig()
  const goOn = hang(rig.store)
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  await turns()
  runTimer(rig, WRITE_MS)
  await goOn('lost')
  assert.equal(await rig.durable(), 'lost')
  assert.deepEqual(rig.failures, ['blocked'])
  runTimer(rig, RETRY_MS)
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.answer(id, bytes('a'))
  await turns()
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'a|')
  assert.equal(rig.mended, 1)
})

test('log › a log that is closed before its write was late tells whoever waits, and no one else', async () => {
  const rig = new Rig()
  hang(rig.store)
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  const waiting = new Promise<StorageReason | null>((resolve) => rig.log.whenStored(resolve))
  await turns()
  rig.log.close()
  runTimer(rig, WRITE_MS)
  assert.equal(await waiting, 'blocked')
  assert.deepEqual(rig.failures, [])
})

test('log › a store that is cleared under it is written anew, as a whole', async () => {
  const rig = new Rig()
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  await turns()
  rig.store.entries.clear()
  rig.log.deliver('you', 2, 'v1', bytes('b'))
  assert.equal(await rig.durable(), 'open')
  assert.equal(await rig.stored(), undefined)
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.answer(id, bytes('a and b'))
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'a and b|')
  assert.deepEqual(rig.failures, [])
})

test('log › a copy that it takes over goes in the write that has it, and stays if somebody else was faster', async () => {
  const store = new MemoryStore()
  const former = new Rig(store, 'former')
  former.log.deliver('you', 1, 'v1', bytes('a'))
  await turns()
  const [copy] = await former.copies()
  assert.ok(copy)
  const rig = new Rig(store)
  rig.log.begin(bytes('a'), [copy])
  assert.equal(await rig.durable(), null)
  assert.deepEqual(
    (await rig.copies()).map(({ id }) => id),
    ['me'],
  )
  const other = new Rig(store, 'other')
  other.log.begin(bytes('a too'), [copy])
  assert.equal(await other.durable(), null)
  assert.deepEqual(
    (await rig.copies()).map(({ id }) => id),
    ['me', 'other'],
  )
})

test('log › a copy that has gone on since it was read stays as it is', async () => {
  const store = new MemoryStore()
  const former = new Rig(store, 'former')
  former.log.deliver('you', 1, 'v1', bytes('a'))
  await turns()
  const [read] = await former.copies()
  assert.ok(read)
  // Its page is being closed: the lock is free, and one more record comes.
  former.log.cast(1, bytes('b'))
  assert.equal(await former.durable(), null)
  const rig = new Rig(store)
  rig.log.begin(bytes('a'), [read])
  assert.equal(await rig.durable(), null)
  const left = async (): Promise<unknown[]> => (await rig.copies()).map(({ id, fault }) => [id, fault])
  assert.deepEqual(await left(), [
    ['former', null],
    ['me', null],
  ])
  assert.equal(await former.stored(), '|you#1 former#1')
  // Whoever finds it next takes all of it.
  const [now] = await rig.copies()
  assert.ok(now)
  rig.log.adopt([now])
  assert.equal(await rig.durable(), null)
  assert.deepEqual(await left(), [['me', null]])
})

test('log › what waits for a slow store is bounded', async () => {
  const rig = new Rig()
  let release: () => void = () => undefined
  rig.store.beforeWrite = () =>
    new Promise((resolve) => {
      release = resolve
    })
  rig.log.deliver('you', 1, 'v1', bytes('a'))
  await turns()
  const large = new Uint8Array(QUEUE_BYTES_MAX / 2 - 100)
  rig.log.deliver('you', 2, 'v1', large)
  rig.log.deliver('you', 3, 'v1', large)
  assert.equal(rig.ask(), null)
  rig.log.deliver('you', 4, 'v1', bytes('more than fits').slice(0, 200))
  rig.log.deliver('you', 5, 'v1', new Uint8Array(200))
  const id = rig.ask()
  assert.ok(id !== null)
  rig.store.beforeWrite = () => undefined
  release()
  assert.equal(await rig.durable(), 'open')
  assert.equal(await rig.stored(), '|you#1')
  rig.log.answer(id, bytes('all'))
  assert.equal(await rig.durable(), null)
  assert.equal(await rig.stored(), 'all|')
})

test('log › of a group that acts in the primary component, views and how far it has come are stored, before anything in them', async () => {
  const rig = new Rig(new MemoryStore(), 'me', true)
  const restored = async (): Promise<ReturnType<typeof stepsOf> | null> => {
    const [copy] = await rig.copies()
    return copy?.content ? stepsOf(copy.content.events) : null
  }
  rig.log.claim([])
  assert.equal(await rig.durable(), null)
  assert.deepEqual(await restored(), { steps: [], acted: null })
  // Nothing is logged before the page says that it is worth it.
  rig.log.view(false, view)
  rig.log.cast(1, bytes('own'))
  rig.log.deliver('you', 1, view.id, bytes('a'))
  assert.equal(rig.ask(), null)
  rig.log.beginAgreed({ era: 2, hasActed: false, origin: {}, elsewhere: null })
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.deliver('me', 1, view.id, bytes('own'))
  rig.log.answer(id, bytes('a'))
  assert.equal(await rig.durable(), null)
  const told = { told: { ...view, joined: [] } }
  const cast = { type: 'cast', from: 'me', n: 1, view: view.id, index: 2, payload: bytes('own') }
  const standing = { hasActed: true, era: 2, view: view.id, index: 2 }
  assert.deepEqual(await restored(), { steps: [told, cast], acted: { standing, holders: ['me', 'you'] } })
  const alone = { ...view, id: '2.me.0', members: ['me'], left: ['you'] }
  rig.log.view(false, alone)
  assert.equal(await rig.durable(), null)
  assert.deepEqual((await restored())?.acted, {
    standing: { ...standing, view: alone.id, index: 0 },
    holders: ['me'],
  })
  // Outside the primary component it does not get any further.
  rig.log.view(false, { ...view, id: '3.me.0', members: ['me'], primary: false })
  assert.equal(await rig.durable(), null)
  assert.equal((await restored())?.acted?.standing.view, alone.id)
})

test('log › a state that came outside the primary component is stored as far as it had come, and no less further on', async () => {
  const elsewhere = {
    view: '8.me.0',
    acted: { standing: { hasActed: true, era: 1, view: '6.you.0', index: 4 }, holders: ['you', 'her'], birth: 'b' },
  }
  const apart = { ...view, id: elsewhere.view, primary: false }
  for (const [seen, next, expected] of [
    [undefined, undefined, elsewhere.acted],
    // It had been in a primary view of its own before.
    [{ ...view, id: '3.me.0' }, undefined, elsewhere.acted],
    // The page has not heard of the next one yet.
    [undefined, { ...view, id: '9.me.0' }, { view: '9.me.0', index: 0, holders: ['me', 'you'] }],
  ] as const) {
    const rig = new Rig(new MemoryStore(), 'me', true)
    rig.log.claim([])
    for (const each of [seen, apart, next]) if (each !== undefined) rig.log.view(false, each)
    rig.log.beginAgreed({ era: 1, hasActed: true, origin: { birth: 'b' }, elsewhere })
    assert.equal(await rig.durable(), 'open')
    const id = rig.ask()
    assert.ok(id !== null)
    rig.log.answer(id, bytes('theirs'))
    assert.equal(await rig.durable(), null)
    const [copy] = await rig.copies()
    const acted = stepsOf(copy?.content?.events ?? []).acted
    const standing = 'standing' in expected ? expected.standing : { ...elsewhere.acted.standing, ...expected }
    assert.deepEqual(
      [text(copy?.content?.state ?? null), acted?.standing.view, acted?.standing.index, acted?.holders],
      ['theirs', standing.view, standing.index, expected.holders],
    )
    assert.deepEqual([acted?.standing.era, acted?.standing.hasActed, acted?.birth], [1, true, 'b'])
  }
})

test('log › whose copies are in a state that is stored, it stands for in the same write', async () => {
  const store = new MemoryStore()
  const former = new Rig(store, 'former', true)
  former.log.claim([])
  assert.equal(await former.durable(), null)
  const copies = await former.copies()
  const rig = new Rig(store, 'me', true)
  rig.log.claim([])
  rig.log.view(false, view)
  rig.log.beginAgreed({ era: 0, hasActed: true, origin: { birth: 'b' }, elsewhere: null })
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.answer(id, bytes('a'))
  assert.equal(await rig.durable(), null)
  assert.equal((await rig.copies()).length, 2)
  // Nothing else is to be written.
  rig.log.adopt(copies)
  assert.equal(await rig.durable(), null)
  rig.log.deliver('you', 1, view.id, bytes('b'))
  assert.equal(await rig.durable(), null)
  const left = await rig.copies()
  assert.deepEqual(
    left.map(({ id, fault, content }) => [id, fault, content?.covers, text(content?.state ?? null)]),
    [['me', null, ['former'], 'a']],
  )
  assert.equal(stepsOf(left[0]?.content?.events ?? []).acted?.birth, 'b')
})

test('log › a page that has nothing worth storing when it is asked is asked again once something happens', async () => {
  const rig = new Rig(new MemoryStore(), 'me', true)
  rig.log.claim([])
  rig.log.view(false, view)
  rig.log.beginAgreed({ era: 1, hasActed: true, origin: {}, elsewhere: null })
  const first = rig.ask()
  assert.ok(first !== null)
  // It waits for what was stored.
  rig.log.answer(first, null)
  assert.equal(rig.ask(), null)
  assert.equal(await rig.durable(), 'open')
  // By this it goes on.
  rig.log.deliver('you', 1, view.id, bytes('state'))
  const second = rig.ask()
  assert.ok(second !== null)
  rig.log.answer(second, bytes('all'))
  assert.equal(await rig.durable(), null)
  const [copy] = await rig.copies()
  assert.equal(text(copy?.content?.state ?? null), 'all')
})

test('log › a page that has nothing before its group has gone on does not make whoever asks wait for that', async () => {
  const rig = new Rig(new MemoryStore(), 'me', true)
  rig.log.claim([])
  rig.log.view(false, view)
  rig.log.beginAgreed({ era: 0, hasActed: true, origin: {}, elsewhere: null })
  const first = rig.ask()
  assert.ok(first !== null)
  rig.log.answer(first, bytes('own'))
  assert.equal(await rig.durable(), null)
  const goOn = hang(rig.store)
  rig.log.deliver('you', 1, view.id, bytes('a'))
  rig.log.state()
  const second = rig.ask()
  assert.ok(second !== null)
  let said: StorageReason | null | 'open' = 'open'
  rig.log.whenStored((fault) => {
    said = fault
  })
  rig.log.answer(second, new Uint8Array(0))
  // What it had before is still under way.
  await turns()
  assert.equal(said, 'open')
  await goOn()
  assert.equal(said, null)
  // Once there is something, it is waited for again.
  rig.log.deliver('you', 2, view.id, bytes('state'))
  assert.equal(await rig.durable(), 'open')
  const third = rig.ask()
  assert.ok(third !== null)
  rig.log.answer(third, bytes('all'))
  assert.equal(await rig.durable(), null)
})

test('log › what was kept takes effect with a later view: that is in no log, so a snapshot follows', async () => {
  const rig = new Rig(new MemoryStore(), 'me', true)
  rig.log.claim([])
  rig.log.view(false, view)
  rig.log.beginAgreed({ era: 0, hasActed: true, origin: {}, elsewhere: null })
  const first = rig.ask()
  assert.ok(first !== null)
  rig.log.answer(first, bytes('a'))
  assert.equal(await rig.durable(), null)
  rig.log.keep(view.id)
  rig.log.view(false, { ...view, id: '2.me.0' })
  assert.equal(await rig.durable(), 'open')
  const id = rig.ask()
  assert.ok(id !== null)
  rig.log.answer(id, bytes('a and what was kept'))
  assert.equal(await rig.durable(), null)
  const [copy] = await rig.copies()
  assert.equal(text(copy?.content?.state ?? null), 'a and what was kept')
})

test('log › also if it was in the snapshot before, since the view between was not primary', async () => {
  const rig = new Rig(new MemoryStore(), 'me', true)
  const give = async (state: string): Promise<void> => {
    const id = rig.ask()
    assert.ok(id !== null, state)
    rig.log.answer(id, bytes(state))
    assert.equal(await rig.durable(), null)
  }
  rig.log.claim([])
  rig.log.view(false, view)
  rig.log.beginAgreed({ era: 0, hasActed: true, origin: {}, elsewhere: null })
  await give('a')
  rig.log.keep(view.id)
  rig.log.view(false, { ...view, id: '2.me.0', primary: false })
  await give('a, and beside it what is kept')
  rig.log.view(false, { ...view, id: '3.me.0' })
  assert.equal(await rig.durable(), 'open')
  await give('a and what was kept')
  // The next one is logged.
  rig.log.view(false, { ...view, id: '4.me.0' })
  assert.equal(await rig.durable(), null)
  assert.equal(rig.ask(), null)
})

test('log › a copy in which nothing happened is taken over by the next claim, which stands for its writer', async () => {
  const store = new MemoryStore()
  for (const self of ['first', 'second', 'third']) {
    const rig = new Rig(store, self, true)
    rig.log.claim(await rig.copies())
    assert.equal(await rig.durable(), null)
    const copies = await rig.copies()
    assert.deepEqual(
      copies.map(({ id }) => id),
      [self],
    )
    if (self === 'third') assert.deepEqual(copies[0]?.content?.covers, ['first', 'second'])
  }
})
