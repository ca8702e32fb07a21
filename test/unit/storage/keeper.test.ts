/** The keeper: which copies it finds and takes over, what it tells, and what it sees of the streams it stands beside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStore, memoryStorage } from '../../../adapters/memory/index.ts'
import type { AppEvent } from '../../../lib/kernel/api.ts'
import { Keeper, LOOK_AGAIN_MS, READ_MS, WAIT_STEPS } from '../../../lib/storage/keeper.ts'
import type { RestoredCopy, StoreNote } from '../../../lib/storage/messages.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (found: Uint8Array | null): string => (found === null ? '' : new TextDecoder().decode(found))
const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

class Rig {
  readonly store: MemoryStore
  readonly keeper: Keeper
  readonly self: string
  notes: StoreNote[] = []
  timers: { readonly ms: number; readonly fn: () => void }[] = []
  /** Happens once, after keys were listed and before anything is read. */
  meanwhile: (() => Promise<void>) | null = null

  constructor(store: MemoryStore, self: string) {
    this.store = store
    this.self = self
    const storage = memoryStorage(store).create?.({}, { self })
    assert.ok(storage)
    this.keeper = new Keeper({
      self,
      space: 's/%',
      storage: {
        keys: (prefix) => storage.keys(prefix),
        read: async (keys) => {
          const { meanwhile } = this
          this.meanwhile = null
          await meanwhile?.()
          return storage.read(keys)
        },
        write: (write) => storage.write(write),
        living: () => storage.living(),
        close: () => storage.close(),
      },
      setTimer: (ms, fn) => {
        const timer = { ms, fn }
        this.timers.push(timer)
        return () => {
          this.timers = this.timers.filter((each) => each !== timer)
        }
      },
      note: (note) => this.notes.push(note),
      wanting: () => undefined,
    })
  }

  /** Opens a group; the copies that the page is given. */
  async restore(group = 'g'): Promise<readonly RestoredCopy[]> {
    this.open(group)
    await turns()
    return this.restored()
  }

  open(group = 'g'): void {
    this.keeper.handle({ type: 'restore', group, kind: 'map', isAgreed: false })
  }

  /** Those of the last note. */
  restored(): readonly RestoredCopy[] {
    const note = this.notes.findLast(({ type }) => type === 'restored')
    assert.ok(note?.type === 'restored')
    return note.copies
  }

  keep(state: string | null, adopt: readonly string[] = [], group = 'g'): void {
    this.keeper.handle({ type: 'keep', group, kind: 'map', state: state === null ? null : bytes(state), adopt })
  }

  deliver(n: number, group = 'g'): void {
    this.keeper.observe({ type: 'deliver', group, from: 'you', n, view: 'v', payload: bytes(`${n}`) })
  }

  faults(): string[] {
    return this.notes.flatMap((note) => (note.type === 'storage' ? [`${note.group}: ${note.reason}`] : []))
  }

  runTimer(ms: number): void {
    const timer = this.timers.find((each) => each.ms === ms)
    assert.ok(timer, `no timer of ${ms} ms`)
    this.timers = this.timers.filter((each) => each !== timer)
    timer.fn()
  }
}

function shown(copies: readonly RestoredCopy[]): string[] {
  return copies.map(
    ({ id, state, steps }) => `${id}: ${text(state)}|${steps.map((step) => ('n' in step ? step.n : 'view')).join(' ')}`,
  )
}

/** Changes a byte of what stands under the key that ends so. */
function damage(store: MemoryStore, ending: string, at: number, change = 0xff): void {
  const key = [...store.entries.keys()].find((each) => each.endsWith(ending))
  assert.ok(key, `no key ends with ${ending}: ${[...store.entries.keys()].join(' ')}`)
  const changed = store.entries.get(key)?.slice() ?? new Uint8Array()
  changed[at] = (changed[at] ?? 0) ^ change
  store.entries.set(key, changed)
}

/** A store with a copy that a process which is gone has left: a state, and two casts since. */
async function left(by = 'former', store = new MemoryStore()): Promise<MemoryStore> {
  const rig = new Rig(store, by)
  await rig.restore()
  rig.keep('state')
  await turns()
  rig.deliver(1)
  await turns()
  rig.deliver(2)
  await turns()
  rig.keeper.stop()
  return store
}

test('keeper › the copies of those who are gone are found, united, and taken over; those of the living are not', async () => {
  const store = await left('a', await left('b'))
  const alive = new Rig(store, 'alive')
  await alive.restore()
  alive.keep('other')
  await turns()
  const rig = new Rig(store, 'me')
  assert.deepEqual(shown(await rig.restore()), ['a: state|1 2', 'b: state|1 2'])
  rig.keep('both', ['a', 'b'])
  await turns()
  const next = new Rig(store, 'next')
  assert.deepEqual(shown(await next.restore()), [])
  rig.keeper.stop()
  alive.keeper.stop()
  assert.deepEqual(shown(await next.restore()), ['alive: other|', 'me: both|'])
  assert.deepEqual([...rig.faults(), ...next.faults()], [])
})

test('keeper › where nobody can tell who lives, a copy that is taken from under its writer is written anew', async () => {
  const store = new MemoryStore()
  store.isBlind = true
  const first = new Rig(store, 'first')
  await first.restore()
  first.keep('state')
  await turns()
  const second = new Rig(store, 'second')
  assert.deepEqual(shown(await second.restore()), ['first: state|'])
  second.keep('state', ['first'])
  await turns()
  first.deliver(1)
  await turns()
  const [request] = first.keeper.takeRequests()
  assert.ok(request?.type === 'snapshot' && request.transfer < 0)
  assert.equal(first.keeper.pass({ type: 'snapshot', transfer: request.transfer, state: bytes('state and 1') }), false)
  await turns()
  assert.deepEqual(shown(await new Rig(store, 'third').restore()), ['first: state and 1|', 'second: state|'])
  assert.deepEqual([...first.faults(), ...second.faults()], [])
})

test('keeper › a changed record of the log ends it there; the copy is set aside, and no more than one', async () => {
  const store = await left()
  damage(store, '/l/00000000/00000001', 20)
  const rig = new Rig(store, 'me')
  assert.deepEqual(shown(await rig.restore()), ['former: state|1'])
  assert.deepEqual(rig.faults(), ['g: corrupt'])
  rig.keep('state and 1', ['former'])
  await turns()
  const quarantined = (): string[] => [...store.entries.keys()].filter((key) => key.includes('//q/'))
  assert.equal(quarantined().length, 4)
  assert.ok(quarantined().every((key) => key.includes('/former/')))
  rig.keeper.stop()
  damage(store, '/g/me/h', 20)
  const next = new Rig(store, 'next')
  assert.deepEqual(shown(await next.restore()), [])
  assert.deepEqual(next.faults(), ['g: corrupt'])
  next.keep(null)
  await turns()
  assert.deepEqual(quarantined().length, 2)
  assert.ok(quarantined().every((key) => key.includes('/me/')))
})

test('keeper › a missing piece is as a changed one', async () => {
  for (const [ending, expected] of [
    ['/h', []],
    ['/s/00000000/00000000', []],
    ['/l/00000000/00000000', ['former: state|']],
  ] as const) {
    const store = await left()
    const key = [...store.entries.keys()].find((each) => each.endsWith(ending))
    assert.ok(key && store.entries.delete(key))
    const rig = new Rig(store, 'me')
    assert.deepEqual(shown(await rig.restore()), expected, ending)
    assert.deepEqual(rig.faults(), ['g: corrupt'])
  }
})

test('keeper › a record of a later version, or of another kind, is told of and left as it is', async () => {
  const store = await left()
  damage(store, '/g/former/h', 3, 0x42)
  const before = [...store.entries]
  const rig = new Rig(store, 'me')
  assert.deepEqual(shown(await rig.restore()), [])
  assert.deepEqual(rig.faults(), ['g: newer'])
  rig.keep(null)
  rig.deliver(1)
  await turns()
  for (const [key, value] of before) assert.deepEqual(store.entries.get(key), value)
  rig.keeper.stop()

  const other = new Rig(await left(), 'me')
  other.keeper.handle({ type: 'restore', group: 'g', kind: 'counter', isAgreed: false })
  await turns()
  assert.deepEqual(other.restored(), [])
  assert.deepEqual(other.faults(), ['g: other-kind'])
})

test('keeper › a store that does not answer is given up, and told of once for all groups', async () => {
  const store = await left()
  store.failing = 'denied'
  const rig = new Rig(store, 'me')
  assert.deepEqual(await rig.restore('g'), [])
  assert.deepEqual(await rig.restore('h'), [])
  rig.keep(null, [], 'g')
  rig.keep(null, [], 'h')
  rig.keeper.handle({ type: 'sync', id: 1 })
  await turns()
  assert.deepEqual(rig.faults(), ['null: denied'])
  assert.deepEqual(rig.notes.at(-1), { type: 'synced', id: 1, fault: 'denied' })

  // Neither an answer nor an error.
  const never = new Promise<never>(() => undefined)
  const waiting = new Rig(new MemoryStore(), 'me')
  const hung = new Keeper({
    self: 'me',
    space: 's/%',
    storage: {
      keys: () => never,
      read: () => never,
      write: () => never,
      living: () => never,
      close: () => undefined,
    },
    setTimer: (ms, fn) => {
      waiting.timers.push({ ms, fn })
      return () => undefined
    },
    note: (note) => waiting.notes.push(note),
    wanting: () => undefined,
  })
  hung.handle({ type: 'restore', group: 'g', kind: 'map', isAgreed: false })
  await turns()
  assert.deepEqual(waiting.notes, [])
  for (let step = 1; step <= WAIT_STEPS; step += 1) {
    // A process that was frozen finds its timer due: that alone is no reason.
    assert.deepEqual(waiting.notes, [])
    waiting.runTimer(READ_MS / WAIT_STEPS)
    await turns()
  }
  assert.deepEqual(waiting.restored(), [])
  assert.deepEqual(waiting.faults(), ['null: blocked'])
})

test('keeper › a copy whose writer was just closing is found a little later, and goes once the page has brought it in', async () => {
  const store = await left()
  store.living.add('former')
  const rig = new Rig(store, 'me')
  assert.deepEqual(await rig.restore(), [])
  rig.keep(null)
  store.living.delete('former')
  rig.notes = []
  rig.runTimer(LOOK_AGAIN_MS)
  await turns()
  assert.deepEqual(shown(rig.restored()), ['former: state|1 2'])
  assert.equal(rig.keeper.pass({ type: 'cast', group: 'g', n: 1, payload: bytes('union') }), true)
  rig.keeper.handle({ type: 'adopted', group: 'g', adopt: ['former'] })
  await turns()
  rig.keeper.stop()
  assert.deepEqual(shown(await new Rig(store, 'next').restore()), ['me: |1'])
})

test('keeper › what its writer has still written while it was set aside stays with the rest', async () => {
  const store = await left()
  const rig = new Rig(store, 'me')
  await rig.restore()
  rig.keep(null)
  const setAside = async (): Promise<string[]> => {
    rig.keeper.handle({ type: 'setAside', group: 'g', adopt: ['former'] })
    await turns()
    return [...store.entries.keys()].flatMap((key) => key.match(/\/\/q\/|former\/[hl]/)?.[0] ?? [])
  }
  const key = [...store.entries.keys()].find((each) => each.endsWith('l/00000000/00000001')) ?? ''
  assert.ok(key.includes('/former/'))
  const next = key.replace(/1$/, '2')
  store.entries.set(next, store.entries.get(key) ?? new Uint8Array())
  assert.deepEqual(await setAside(), ['former/h', 'former/l', 'former/l', 'former/l'])
  store.entries.delete(next)
  assert.equal((await setAside()).includes('former/h'), false)
})

test('keeper › what a store throws is told, also if it has no string form', async () => {
  const rig = new Rig(new MemoryStore(), 'me')
  rig.store.beforeWrite = () => {
    throw Object.create(null)
  }
  await rig.restore()
  rig.keep('state')
  await turns()
  const [fault] = rig.notes.filter(({ type }) => type === 'storage')
  assert.ok(fault?.type === 'storage')
  assert.equal(fault.cause, 'what was thrown has no string form')
})

test('keeper › what the streams tell is logged: casts, what became of them, and the end of the group', async () => {
  const store = new MemoryStore()
  const rig = new Rig(store, 'me')
  await rig.restore()
  rig.keep(null)
  const see = (event: AppEvent): void => rig.keeper.observe(event)
  for (let n = 1; n <= 4; n += 1) rig.keeper.pass({ type: 'cast', group: 'g', n, payload: bytes(`${n}`) })
  see({ type: 'deliver', group: 'g', from: 'me', n: 1, view: 'v', payload: bytes('1') })
  see({ type: 'castEnd', group: 'g', n: 2, outcome: 'refused' })
  see({ type: 'castEnd', group: 'g', n: 3, outcome: 'lost' })
  see({ type: 'deliver', group: 'other', from: 'you', n: 1, view: 'v', payload: bytes('1') })
  see({ type: 'leftGroup', group: 'g' })
  see({ type: 'deliver', group: 'g', from: 'you', n: 9, view: 'v', payload: bytes('9') })
  await turns()
  rig.keeper.stop()
  // What was lost others may have had: it counts once, however often it comes.
  assert.deepEqual(shown(await new Rig(store, 'next').restore()), ['me: |1 3 4'])
})

test('keeper › what is asked for to be stored is told once, when all groups are', async () => {
  const rig = new Rig(new MemoryStore(), 'writer')
  for (const group of ['g', 'h']) {
    await rig.restore(group)
    rig.keep('state', [], group)
  }
  await turns()
  const before = rig.store.writes
  rig.deliver(1, 'g')
  rig.deliver(1, 'h')
  rig.keeper.handle({ type: 'sync', id: 7 })
  const answers = (): StoreNote[] => rig.notes.filter(({ type }) => type === 'synced')
  for (let i = 0; i < 1_000 && answers().length === 0; i += 1) await Promise.resolve()
  const written = rig.store.writes - before
  await turns()
  assert.deepEqual(answers(), [{ type: 'synced', id: 7, fault: null }])
  assert.ok(written >= 2, 'it was told before both were written')
  assert.equal(rig.store.writes - before, written)
})

test('keeper › what could not be sent before its process leaves is still there for the next', async () => {
  const rig = new Rig(new MemoryStore(), 'me')
  await rig.restore()
  rig.keep('state')
  for (const n of [1, 2, 3]) rig.keeper.pass({ type: 'cast', group: 'g', n, payload: bytes(`${n}`) })
  // Taken back while it stays.
  rig.keeper.observe({ type: 'castEnd', group: 'g', n: 2, outcome: 'refused' })
  rig.keeper.handle({ type: 'sync', id: 1 })
  await turns()
  assert.deepEqual(rig.notes.at(-1), { type: 'synced', id: 1, fault: null })
  rig.keeper.pass({ type: 'leave', quick: true })
  for (const n of [1, 3]) rig.keeper.observe({ type: 'castEnd', group: 'g', n, outcome: 'refused' })
  await turns()
  rig.keeper.stop()
  assert.deepEqual(shown(await new Rig(rig.store, 'next').restore()), ['me: state|1 3'])
})

test('keeper › a copy that is cut short stays until its group has gone on from it, also one that acts in the primary component', async () => {
  const store = new MemoryStore()
  const open = async (self: string): Promise<Rig> => {
    const rig = new Rig(store, self)
    rig.keeper.handle({ type: 'restore', group: 'g', kind: 'map', isAgreed: true })
    await turns()
    return rig
  }
  const act = async (rig: Rig, state: string): Promise<void> => {
    rig.keeper.handle({ type: 'keepAgreed', group: 'g', era: 0, hasActed: true, origin: {}, elsewhere: null })
    const [request] = rig.keeper.takeRequests()
    assert.ok(request?.type === 'snapshot')
    rig.keeper.pass({ type: 'snapshot', transfer: request.transfer, state: bytes(state) })
    await turns()
  }
  const first = await open('first')
  await act(first, 'state')
  first.deliver(1)
  await turns()
  first.keeper.stop()
  damage(store, 'l/00000001/00000000', 40)
  // It reads the copy, and goes before its group acts.
  const second = await open('second')
  assert.equal(
    second
      .restored()
      .map(({ state }) => text(state))
      .join(),
    'state',
  )
  second.keeper.stop()
  const third = await open('third')
  assert.deepEqual(
    third.restored().map(({ id, state }) => `${id}: ${text(state)}`),
    ['first: state', 'second: '],
  )
  assert.deepEqual(third.faults(), ['g: corrupt'])
  await act(third, 'state and more')
  third.keeper.handle({ type: 'adopted', group: 'g', adopt: ['first', 'second'] })
  await turns()
  third.keeper.stop()
  const fourth = await open('fourth')
  assert.deepEqual(
    fourth.restored().map(({ id, state }) => `${id}: ${text(state)}`),
    ['third: state and more'],
  )
  assert.equal([...store.entries.keys()].filter((key) => key.includes('//q/')).length > 0, true)
})

test('keeper › who opens a group while another page has all of it finds what that has left when it looks again', async () => {
  const store = new MemoryStore()
  const open = async (self: string): Promise<Rig> => {
    const rig = new Rig(store, self)
    const members = ['first', 'second'].map((id) => ({ id }))
    rig.keeper.observe({ type: 'view', group: '', view: { members } } as unknown as AppEvent)
    rig.keeper.handle({ type: 'restore', group: 'g', kind: 'map', isAgreed: true })
    await turns()
    return rig
  }
  const answerOf = ({ notes }: Rig): unknown => {
    const note = notes.findLast(({ type }) => type === 'restored')
    return note?.type === 'restored' ? [note.isAnswer, note.isAlone, note.copies.map(({ id }) => id)] : null
  }
  const first = await open('first')
  assert.deepEqual(answerOf(first), [true, true, []])
  const second = await open('second')
  assert.deepEqual(answerOf(second), [true, false, []])
  first.keeper.stop()
  await turns()
  second.keeper.handle({ type: 'lookAgain', group: 'g' })
  await turns()
  assert.deepEqual(answerOf(second), [true, false, ['first']])
  second.keeper.handle({ type: 'lookAgain', group: 'none' })
  await turns()
  assert.deepEqual(answerOf(second), [true, false, []])
})

for (const isGone of [false, true]) {
  const whose = isGone ? 'is read where it is then' : 'is no broken one'
  test(`keeper › a copy that somebody takes over while it is read ${whose}`, async () => {
    const store = await left('a', await left('b'))
    const quick = new Rig(store, 'quick')
    const slow = new Rig(store, 'slow')
    slow.meanwhile = async () => {
      await quick.restore()
      quick.keep('all of it', ['a', 'b'])
      await turns()
      if (isGone) quick.keeper.stop()
    }
    slow.open()
    await turns(100)
    assert.deepEqual(shown(slow.restored()), isGone ? ['quick: all of it|'] : [])
    assert.deepEqual(slow.faults(), [])
  })
}

test('keeper › a copy that is written anew while it is read is read as it is then', async () => {
  const store = new MemoryStore()
  store.isBlind = true
  const writer = new Rig(store, 'writer')
  await writer.restore()
  writer.keep('state')
  await turns()
  const reader = new Rig(store, 'reader')
  reader.meanwhile = async () => {
    writer.keeper.observe({ type: 'state', group: 'g', view: 'v', sources: [], cut: {} })
    const [request] = writer.keeper.takeRequests()
    assert.ok(request?.type === 'snapshot')
    writer.keeper.pass({ type: 'snapshot', transfer: request.transfer, state: bytes('anew') })
    await turns()
  }
  reader.open()
  await turns(100)
  assert.deepEqual(shown(reader.restored()), ['writer: anew|'])
  assert.deepEqual(reader.faults(), [])
})
