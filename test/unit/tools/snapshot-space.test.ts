/** Snapshots of a whole space, in one thread over the memory transport. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import {
  decodeSnapshot,
  encodeSnapshot,
  openSpace,
  SnapshotError,
  type Space,
  type SpaceSnapshot,
} from '../../../lib/index.ts'
import { sealSnapshot } from '../../../lib/tools/snapshot-value.ts'
import { until } from '../until.ts'

const open = (hub: MemoryHub, name = 'test', more = {}) =>
  openSpace(name, { worker: false, foundAfterMs: 20, transports: [memory({ hub })], ...more })

async function openTogether(hub: MemoryHub, count: number): Promise<[Space, ...Space[]]> {
  const spaces = await Promise.all(Array.from({ length: count }, () => open(hub)))
  await Promise.all(
    spaces.map((space) => until(space, 'view', () => space.members.length === count && space.view.primary)),
  )
  return spaces as [Space, ...Space[]]
}

function valuesOf(snapshot: SpaceSnapshot): Record<string, unknown> {
  return Object.fromEntries(
    snapshot.objects.flatMap(({ name, value }) => (name.startsWith('tutti:') ? [] : [[name, value]])),
  )
}

test('a snapshot › has the objects that others hold as well, survives as bytes, and fills another space', {
  timeout: 30_000,
}, async (t) => {
  const hub = new MemoryHub()
  const [a, b, c] = await openTogether(hub, 3)
  const all = [a, b as Space, c as Space]
  t.after(() => {
    for (const space of all) space.kill()
  })
  const mine = await a.map<number>('mine')
  mine.set('x', 1)
  const theirs = await (b as Space).map<string>('theirs')
  theirs.set('y', 'z')
  const tags = await (b as Space).set('tags')
  tags.add({ deep: [1, 2] }).add('plain')
  const plays = await (c as Space).counter('plays')
  plays.add(7)
  const folding = await (c as Space).counter('folding', { forgetAfterMs: 1_000_000 })
  folding.add(-4)
  const title = await (b as Space).register<string>('title')
  await title.set('old')
  await title.set('new')
  const stock = await (c as Space).counter('stock', { min: 0, max: 10 })
  await stock.add(4)
  await stock.block(5)
  const accounts = await (b as Space).map<number>('accounts', { consistency: 'total' })
  await accounts.set('anna', 10)
  const jobs = await (c as Space).queue<string>('jobs', { maxTries: 3 })
  await jobs.add('second', { priority: -1 })
  await jobs.add('first')
  const log: unknown[] = []
  const chat = await (b as Space).group('chat', {
    state: { save: () => [...log], load: (state) => void log.splice(0, log.length, ...(state as unknown[])) },
  })
  chat.addEventListener('cast', ({ entry }) => log.push(entry.value))
  await chat.cast('hello').delivered

  const snapshot = await a.snapshot()
  assert.deepEqual(valuesOf(snapshot), {
    mine: new Map([['x', 1]]),
    theirs: new Map([['y', 'z']]),
    tags: new Set(['plain', { deep: [1, 2] }]),
    plays: 7,
    folding: -4,
    title: { value: 'new', version: 2 },
    stock: { value: 4, lastId: 5 },
    accounts: new Map([['anna', 10]]),
    jobs: {
      items: [
        { value: 'second', priority: -1, delayMs: 0 },
        { value: 'first', priority: 0, delayMs: 0 },
      ],
      dead: [],
    },
    chat: undefined,
  })
  assert.deepEqual(snapshot.objects.find(({ name }) => name === 'chat')?.state, ['hello'])
  assert.deepEqual([snapshot.missing, snapshot.away], [[], []])
  assert.deepEqual([...snapshot.members].sort(), all.map(({ self }) => self).sort())
  assert.equal(snapshot.objects.find(({ name }) => name === 'plays')?.by, c?.self)
  assert.equal(snapshot.view, a.view.id)

  const again = decodeSnapshot(encodeSnapshot(snapshot))
  assert.deepEqual(again, snapshot)
  const other = await open(new MemoryHub(), 'other')
  t.after(() => other.kill())
  const typed = await other.map<number>('mine')
  const { restored, skipped } = await other.restore(again)
  assert.deepEqual([...restored].sort(), [
    'accounts',
    'folding',
    'jobs',
    'mine',
    'plays',
    'stock',
    'tags',
    'theirs',
    'title',
  ])
  assert.deepEqual(
    skipped.map(({ name }) => name),
    ['chat'],
  )
  assert.deepEqual([...typed], [['x', 1]])
  const copy = await other.snapshot()
  assert.deepEqual(valuesOf(copy), {
    ...Object.fromEntries(Object.entries(valuesOf(snapshot)).filter(([name]) => name !== 'chat')),
    // It was written once here.
    title: { value: 'new', version: 1 },
  })
})

test('a snapshot › what it opens can be opened again as its applications do: by the defaults', {
  timeout: 30_000,
}, async (t) => {
  const openAll = (space: Space): Promise<unknown> =>
    Promise.all([
      space.queue('jobs'),
      space.queue('hard', { maxTries: 3 }),
      space.queue('short', { maxSize: 2, atomic: true }),
      space.counter('stock', { min: 0 }),
      space.counter('debt', { max: 0, atomic: true }),
      space.register('title'),
      space.map('accounts', { consistency: 'total' }),
      space.map('both', { consistency: 'total', atomic: true }),
      space.set('tags'),
      space.counter('plays'),
      space.map('todos'),
    ])
  const [space] = await openTogether(new MemoryHub(), 1)
  const other = await open(new MemoryHub(), 'other')
  t.after(() => {
    space.kill()
    other.kill()
  })
  await openAll(space)
  const { restored } = await other.restore(await space.snapshot())
  assert.equal(restored.length, 11)
  await openAll(other)
})

test('a snapshot › has dead letters, which are not restored but named as skipped', { timeout: 30_000 }, async (t) => {
  const [space] = await openTogether(new MemoryHub(), 1)
  t.after(() => space.kill())
  const jobs = await space.queue<string>('jobs')
  await jobs.add('bad')
  await jobs.add('good')
  const bad = await jobs.take()
  await bad.fail('broken', { dead: true })
  const snapshot = await space.snapshot()
  const other = await open(new MemoryHub(), 'other')
  t.after(() => other.kill())
  const theirs = await other.queue<string>('jobs')
  const { restored, skipped } = await other.restore(snapshot)
  assert.deepEqual(restored, ['jobs'])
  assert.deepEqual(
    skipped.map(({ name, reason }) => `${name}: ${reason.split(':')[0]}`),
    ['jobs: 1 dead letter'],
  )
  assert.deepEqual([theirs.size, theirs.dead.length], [1, 0])
})

test('a snapshot › is refused if damaged or newer; objects that hold something, unless they may be replaced', {
  timeout: 30_000,
}, async (t) => {
  const [space] = await openTogether(new MemoryHub(), 1)
  t.after(() => space.kill())
  const map = await space.map<number>('map')
  const jobs = await space.queue<number>('jobs')
  map.set('a', 1).set('b', 2)
  await jobs.add(1)
  const snapshot = await space.snapshot()
  map.set('b', 3).set('c', 4)
  const reason =
    (wanted: string, names: readonly string[] = []) =>
    (error: unknown) =>
      error instanceof SnapshotError &&
      error.reason === wanted &&
      error.code === 'snapshot' &&
      String(error.names) === String(names)
  await assert.rejects(space.restore({ ...snapshot, taken: 1 }), reason('corrupt'))
  await assert.rejects(space.restore({} as SpaceSnapshot), reason('corrupt'))
  await assert.rejects(space.restore(null as never), reason('corrupt'))
  await assert.rejects(space.restore({ ...snapshot, objects: [() => 1] } as never), reason('corrupt'))
  await assert.rejects(space.restore(sealSnapshot({ ...snapshot, version: 2 })), reason('newer'))
  assert.throws(() => decodeSnapshot(new Uint8Array([255])), reason('corrupt'))
  await assert.rejects(space.restore(snapshot), reason('occupied', ['jobs', 'map']))
  await assert.rejects(space.restore(snapshot, { replace: true }), reason('occupied', ['jobs']))
  assert.deepEqual(
    [...map],
    [
      ['a', 1],
      ['b', 3],
      ['c', 4],
    ],
  )
  assert.deepEqual(await space.restore(snapshot, { replace: true, only: ['map'] }), { restored: ['map'], skipped: [] })
  assert.deepEqual(
    [...map],
    [
      ['a', 1],
      ['b', 2],
    ],
  )
  await map.close()
  await space.counter('map')
  await assert.rejects(space.restore(snapshot, { only: ['map'] }), reason('unsuitable', ['map']))
  const stock = await space.counter('stock', { min: 0, max: 3 })
  await stock.add(3)
  const full = await space.snapshot()
  const narrow = full.objects.map((each) =>
    each.name === 'stock' ? { ...each, value: { value: 9, lastId: 0 } } : each,
  )
  const { digest: _, ...rest } = { ...full, objects: narrow }
  await assert.rejects(
    space.restore(sealSnapshot(rest), { only: ['stock'], replace: true }),
    reason('unsuitable', ['stock']),
  )
})

test('a snapshot › a witness takes none, an aborted one ends, and a closed space has none', {
  timeout: 30_000,
}, async (t) => {
  const hub = new MemoryHub()
  const [space] = await openTogether(hub, 1)
  const witness = await open(hub, 'test', { witness: true })
  t.after(() => {
    space.kill()
    witness.kill()
  })
  await until(space, 'view', () => space.members.length === 2)
  await assert.rejects(witness.snapshot(), { code: 'usage' })
  await assert.rejects(space.snapshot({ signal: AbortSignal.abort(new Error('enough')) }), { message: 'enough' })
  // Witnesses hold nothing, and are not waited for.
  const map = await space.map('map')
  map.set('a', 1)
  const [first, second] = await Promise.all([space.snapshot(), space.snapshot()])
  assert.notEqual(first.id, second.id)
  assert.deepEqual(first.members, [space.self])
  await space.close()
  await assert.rejects(space.snapshot(), { code: 'closed' })
})

test('a snapshot › while all move money between counters and maps, the sum is right in each', {
  timeout: 60_000,
}, async (t) => {
  const spaces = await openTogether(new MemoryHub(), 4)
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  const counters = ['east', 'west', 'north']
  // Nobody is in all of them.
  const held = await Promise.all(
    spaces.map(async (space, i) =>
      Promise.all(counters.filter((_, j) => i === 3 || j !== i).map((name) => space.counter(name))),
    ),
  )
  let isOver = false
  let moves = 0
  const move = async (i: number): Promise<void> => {
    while (!isOver) {
      const [from, to] = held[i]?.toSorted(() => Math.random() - 0.5) ?? []
      spaces[i]?.batch(() => {
        from?.add(-5)
        to?.add(5)
      })
      moves += 1
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 3))
    }
  }
  const moving = spaces.map((_, i) => move(i))
  const seen = new Set<string>()
  for (let i = 0; i < 24; i += 1) {
    const snapshot = await spaces[i % 4]?.snapshot()
    const values = counters.map((name) => snapshot?.objects.find((each) => each.name === name)?.value as number)
    assert.equal(
      values.reduce((sum, each) => sum + each, 0),
      0,
      String(values),
    )
    seen.add(String(values))
  }
  isOver = true
  await Promise.all(moving)
  assert.ok(seen.size > 12 && moves > 50, `${seen.size} ${moves}`)
})
