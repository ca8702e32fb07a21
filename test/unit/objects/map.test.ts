/** The shared map, on processes that split, heal and join at random. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, ClosedError, SchemaError, UsageError, ValueError } from '../../../lib/errors.ts'
import { type MapChange, type MapOptions, mapKind, type SharedMap } from '../../../lib/objects/map.ts'
import { encodeValue } from '../../../lib/values.ts'
import { Cluster, makeRandom, pick } from './cluster.ts'
import { noMail } from './no-mail.ts'

const KEYS = ['a', 'b', '__proto__', 'constructor', '\uD800']

function makeCluster(
  count: number,
  seed: number,
  options: MapOptions<unknown> = {},
): Cluster<SharedMap, MapOptions<unknown>> {
  return new Cluster(mapKind, options, count, seed)
}

function first(cluster: Cluster<SharedMap, MapOptions<unknown>>, index = 0): SharedMap {
  const member = cluster.members[index]
  assert.ok(member)
  return member.handle
}

/** Lets the microtasks that emit change events run. */
const endOfTask = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('map › members converge to equal bytes and equal reads through splits, heals, promoted casts and joins', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const cluster = makeCluster(3, seed)
    const random = makeRandom(seed * 7919)
    const act = (map: SharedMap): void => {
      const dice = random()
      if (dice < 0.6) map.set(pick(random, KEYS), [seed, random()])
      else if (dice < 0.85) map.delete(pick(random, KEYS))
      else if (dice < 0.9) map.clear()
    }
    for (let step = 0; step < 120; step++) {
      const dice = random()
      if (dice < 0.4) act(pick(random, cluster.members).handle)
      else if (dice < 0.9) cluster.deliverOne()
      else if (dice < 0.94) cluster.split()
      else if (dice < 0.98) cluster.heal(({ handle }) => act(handle), Math.floor(random() * 4))
      else if (cluster.members.length < 5) cluster.join(`j${step}`)
    }
    cluster.healAll()
    assert.deepEqual(cluster.faults, [])
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    const reads = cluster.members.map(({ handle }) => [...handle])
    for (const read of reads) assert.deepEqual(read, reads[0], `seed ${seed}: reads differ`)
    for (const { handle } of cluster.members) assert.equal(handle.size, reads[0]?.length)
  }
})

test('map › a write whose cast is lost is cast again; members converge, and reads show what was delivered', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const cluster = makeCluster(3, seed)
    const random = makeRandom(seed * 41)
    for (let step = 0; step < 120; step++) {
      const dice = random()
      const member = pick(random, cluster.members)
      if (dice < 0.3) member.handle.set(pick(random, KEYS), step)
      else if (dice < 0.38) member.handle.delete(pick(random, KEYS))
      else if (dice < 0.4) member.handle.clear()
      else if (dice < 0.55) cluster.toggleLosses(member)
      else if (dice < 0.9) cluster.deliverOne()
      else if (dice < 0.95) cluster.split()
      else cluster.heal(() => undefined, 0)
    }
    for (const member of cluster.members) if (member.lost !== null) cluster.toggleLosses(member)
    cluster.healAll()
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    const late = cluster.join('late')
    for (const { handle } of cluster.members) assert.deepEqual([...handle], [...late.handle], `seed ${seed}`)
  }
})

test('map › a lost write shows while it is under way again, a refused one is taken back', () => {
  const cluster = makeCluster(2, 1)
  const [member] = cluster.members
  assert.ok(member)
  const { handle: map } = member
  const changes: unknown[] = []
  map.addEventListener('change', (event) => changes.push(...event.changes.map(({ type, value }) => [type, value])))
  map.set('a', 1)
  cluster.drain()
  member.lost = []
  map.set('a', 2)
  map.set('b', 2)
  member.replica.settle()
  cluster.tellLost(member, 'refused')
  assert.deepEqual([...map], [['a', 1]])
  assert.deepEqual(changes, [
    ['set', 1],
    ['set', 2],
    ['set', 2],
    ['set', 1],
    ['delete', undefined],
  ])
  member.lost = []
  map.set('a', 3)
  cluster.tellLost(member, 'lost')
  assert.equal(map.get('a'), 3)
  assert.equal(first(cluster, 1).get('a'), 1)
  cluster.drain()
  assert.deepEqual([map.get('a'), first(cluster, 1).get('a')], [3, 3])
})

test('map › a write that cannot be sent again gives way to what was delivered, and to earlier writes', () => {
  const sent: unknown[] = []
  let isOpen = true
  const { replica, handle } = mapKind.create(
    {
      ...noMail,
      name: 'lossy',
      self: 'p0',
      opening: 0,
      view: null,
      phase: 'open',
      isWhole: true,
      isWritable: true,
      cast(op) {
        if (!isOpen) throw new ClosedError('closed')
        sent.push(op)
        const never = new Promise<void>(() => undefined)
        return { n: sent.length, delivered: never, stable: never }
      },
      now: () => 0,
      after: () => () => undefined,
      leaseStart: () => null,
      heardAt: () => 0,
      fault: () => undefined,
      close: () => Promise.resolve(),
    },
    {},
  )
  handle.set('a', 1)
  handle.set('a', 2)
  handle.delete('a')
  assert.equal(handle.has('a'), false)
  isOpen = false
  replica.lost?.(3, 'unknown')
  assert.equal(handle.get('a'), 2)
  replica.lost?.(2, 'lost')
  assert.equal(handle.get('a'), 1)
  replica.lost?.(1, 'lost')
  assert.equal(handle.has('a'), false)
  replica.lost?.(1, 'lost')
  assert.equal(handle.size, 0)
})

test('map › merging is idempotent, commutative and associative', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const cluster = makeCluster(3, seed)
    const random = makeRandom(seed)
    cluster.split()
    cluster.split()
    for (let step = 0; step < 30; step++) {
      const map = pick(random, cluster.members).handle
      if (random() < 0.7) map.set(pick(random, KEYS), step)
      else map.delete(pick(random, KEYS))
      cluster.deliverOne()
    }
    cluster.drain()
    const [a, b, c] = cluster.members.map(({ replica }) => replica.save())
    const unite = (...parts: unknown[]): Uint8Array => {
      const target = makeCluster(1, 1).members[0]?.replica
      for (const part of parts) target?.merge?.(part)
      return encodeValue(target?.save())
    }
    const expected = unite(a, b, c)
    for (const other of [unite(c, b, a), unite(b, a, c, a, b), unite(a, a, b, c, c)]) assert.deepEqual(other, expected)
  }
})

test('map › an own write shows at once, is not in a snapshot before its delivery, and is not applied twice', () => {
  const cluster = makeCluster(2, 1)
  const map = first(cluster)
  const empty = cluster.states()[0]
  map.set('a', 1)
  assert.equal(map.get('a'), 1)
  assert.equal(cluster.states()[0], empty)
  cluster.drain()
  const delivered = cluster.states()
  assert.notEqual(delivered[0], empty)
  const replica = cluster.members[0]?.replica
  replica?.merge?.(replica.save())
  assert.deepEqual(cluster.states(), delivered)
})

test('map › a delete removes what its author had seen and leaves what was written meanwhile', () => {
  const cluster = makeCluster(2, 1)
  first(cluster, 0).set('a', 'old')
  cluster.drain()
  first(cluster, 0).delete('a')
  first(cluster, 1).set('a', 'new')
  cluster.drain()
  assert.equal(first(cluster, 0).get('a'), 'new')
  first(cluster, 1).delete('a')
  cluster.drain()
  assert.equal(first(cluster, 0).has('a'), false)
})

test('map › an operation that comes twice counts once', () => {
  const cluster = makeCluster(1, 1)
  const replica = cluster.members[0]?.replica
  const info = { author: 'q', local: false, n: 1, view: 'v', index: 1 }
  const op = [0, 1, 'a', 1, encodeValue(1), []]
  replica?.apply(op, info)
  const once = cluster.states()
  assert.equal(replica?.apply(op, info), true)
  assert.deepEqual(cluster.states(), once)
})

test('map › a clear takes own writes with it that are still under way', () => {
  const cluster = makeCluster(2, 1)
  first(cluster).set('a', 1)
  first(cluster).clear()
  assert.equal(first(cluster).size, 0)
  cluster.drain()
  assert.deepEqual([first(cluster).size, first(cluster, 1).size], [0, 0])
})

test('map › a state that covers own writes under way ends their overlay', () => {
  const cluster = makeCluster(2, 1)
  const member = cluster.members[0]
  first(cluster).set('a', 'mine')
  const source = makeCluster(1, 1)
  const info = { author: 'p0', local: false, n: 1, view: 'v', index: 1 }
  source.members[0]?.replica.apply([0, 1, 'a', 1, encodeValue('mine'), []], info)
  source.members[0]?.replica.apply([0, 1, 'a', 2, encodeValue('theirs'), ['p0', 1]], { ...info, author: 'q' })
  member?.replica.load(source.members[0]?.replica.save())
  assert.equal(first(cluster).get('a'), 'theirs')
})

test('map › deletes leave no trace of their keys', () => {
  const cluster = makeCluster(2, 1)
  const map = first(cluster)
  const sizes: number[] = []
  for (let i = 0; i < 300; i++) {
    map.set(`key ${i}`, i)
    map.delete(`key ${i}`)
    cluster.drain()
    sizes.push(cluster.states()[0]?.length ?? 0)
  }
  assert.ok(Math.max(...sizes) < 80, `a state without keys takes ${Math.max(...sizes)} hex digits`)
})

test('map › a value is copied on the way in, and equal values of one write are one object', () => {
  const cluster = makeCluster(1, 1)
  const map = first(cluster) as SharedMap<{ x: number }>
  const value = { x: 1 }
  map.set('a', value)
  value.x = 2
  const seen = map.get('a')
  assert.equal(seen?.x, 1)
  cluster.drain()
  assert.equal(map.get('a'), seen)
})

test('map › the snapshot is one object until something changes, in key order at every member', () => {
  const cluster = makeCluster(2, 1)
  const map = first(cluster)
  map.set('b', 1).set('a', 2)
  const { snapshot } = map
  assert.equal(map.snapshot, snapshot)
  cluster.drain()
  assert.equal(map.snapshot, snapshot)
  assert.deepEqual([...first(cluster, 1).keys()], ['a', 'b'])
  map.delete('b')
  assert.notEqual(map.snapshot, snapshot)
  assert.deepEqual([...snapshot.keys()], ['a', 'b'])
})

test('map › one change event tells all changes of a task or a batch, with author and whether local', async () => {
  const cluster = makeCluster(2, 1)
  const events: (readonly MapChange<unknown>[])[][] = [[], []]
  for (const [i, list] of events.entries())
    first(cluster, i).addEventListener('change', (event) => list.push(event.changes))
  let calls = 0
  const unsubscribe = first(cluster).subscribe(() => {
    calls += 1
  })
  first(cluster).set('a', 1).set('a', 2).set('b', 3)
  await endOfTask()
  const origin = { author: 'p0', local: true }
  assert.deepEqual(events[0], [
    [
      { type: 'set', key: 'a', value: 2, previous: undefined, ...origin },
      { type: 'set', key: 'b', value: 3, previous: undefined, ...origin },
    ],
  ])
  cluster.drain()
  await endOfTask()
  assert.equal(events[0]?.length, 1)
  assert.equal(events[1]?.flat().at(-1)?.local, false)
  first(cluster, 1).delete('a')
  cluster.drain()
  assert.deepEqual(events[0]?.at(-1), [
    { type: 'delete', key: 'a', value: undefined, previous: 2, author: 'p1', local: false },
  ])
  assert.equal(calls, 2)
  unsubscribe()
  first(cluster).set('c', 1)
  await endOfTask()
  assert.equal(calls, 2)
})

test('map › a write that fails leaves nothing behind', () => {
  const cluster = makeCluster(1, 1)
  const map = first(cluster)
  assert.throws(
    () => map.set('a', { deep: [() => 1] }),
    (error) => error instanceof ValueError && error.path === '.deep[0]',
  )
  assert.throws(() => map.set(1 as unknown as string, 1), UsageError)
  const { replica, handle } = mapKind.create(
    {
      ...noMail,
      name: 'busy',
      self: 'p0',
      opening: 0,
      view: null,
      phase: 'open' as const,
      isWhole: true,
      isWritable: true,
      cast: () => {
        throw new BusyError('full')
      },
      now: () => 0,
      after: () => () => undefined,
      leaseStart: () => null,
      heardAt: () => 0,
      fault: () => undefined,
      close: () => Promise.resolve(),
    },
    {},
  )
  assert.throws(() => handle.set('a', 1), BusyError)
  assert.equal(handle.has('a'), false)
  assert.deepEqual(encodeValue(replica.save()), encodeValue(makeCluster(1, 1).members[0]?.replica.save()))
})

test('map › a malformed operation is refused and changes nothing', () => {
  const cluster = makeCluster(1, 1)
  const replica = cluster.members[0]?.replica
  first(cluster).set('a', 1)
  cluster.drain()
  const before = cluster.states()
  const info = { author: 'evil', local: false, n: 1, view: 'v', index: 1 }
  const value = encodeValue(1)
  const bad: unknown[] = [
    null,
    {},
    [],
    [0],
    [9, 1, 'k', []],
    [0, 1, 'k', 1, value],
    [0, 0, 'k', 1, value, []],
    [0, 1.5, 'k', 1, value, []],
    [0, 1, 7, 1, value, []],
    [0, 1, 'k', 0, value, []],
    [0, 1, 'k', 1, 'bytes', []],
    [0, 1, 'k', 1, new Uint8Array([0xff]), []],
    [0, 1, 'k', 1, value, ['p0']],
    [0, 1, 'k', 1, value, [1, 'p0']],
    [1, 1, 'a', ['p0', 0]],
    [2, 1, 'x'],
    [2, 1, ['p0', [2, 1]]],
    [2, 1, ['p0', [1, 1, 2, 2]]],
    [2, 1, ['p1', [1, 1], 'p0', [1, 1]]],
  ]
  for (const op of bad) assert.equal(replica?.apply(op, info), false, JSON.stringify(op))
  assert.deepEqual(cluster.states(), before)
})

test('map › a malformed state is a ValueError and changes nothing', () => {
  const cluster = makeCluster(1, 1)
  first(cluster).set('a', 1)
  cluster.drain()
  const replica = cluster.members[0]?.replica
  const before = cluster.states()
  const value = encodeValue(1)
  const one = Uint8Array.of(1)
  /** Two keys `k` and `l` by p and q, and whatever is put in a place of the saved form. */
  const saved = (changes: Record<number, unknown> = {}): unknown[] =>
    Object.assign(
      [
        ['p', [1, 1], 'q', [1, 2]],
        'kl',
        Uint8Array.of(1, 1),
        Uint8Array.of(0, 1),
        Uint8Array.of(1, 2),
        Uint8Array.of(1, 1),
        Uint8Array.of(...value, ...value),
        Uint8Array.of(value.length, value.length),
      ],
      changes,
    )
  const bad: unknown[] = [
    null,
    [],
    [[], []],
    saved().slice(1),
    [...saved(), one],
    saved({ 0: ['p', [1, 1]] }),
    saved({ 0: ['q', [1, 2], 'p', [1, 1]] }),
    saved({ 1: 7 }),
    saved({ 1: 'klm' }),
    saved({ 1: 'k' }),
    saved({ 1: 'lk' }),
    saved({ 1: 'kk', 3: Uint8Array.of(1, 0), 4: Uint8Array.of(2, 1) }),
    saved({ 1: 'kk', 3: Uint8Array.of(1, 1), 4: Uint8Array.of(2, 2) }),
    saved({ 2: one }),
    saved({ 2: [1, 1] }),
    saved({ 2: Uint32Array.of(4_294_967_295, 3) }),
    saved({ 2: Float64Array.of(3, -1) }),
    saved({ 2: Float64Array.of(0.5, 1.5) }),
    saved({ 2: Float64Array.of(1, Number.NaN) }),
    saved({ 2: Float64Array.of(1, 1e300) }),
    saved({ 2: Int8Array.of(1, 1) }),
    saved({ 2: BigUint64Array.of(1n, 1n) }),
    saved({ 3: one }),
    saved({ 3: Uint8Array.of(0, 2) }),
    saved({ 3: Uint8Array.of(0, 1, 1) }),
    saved({ 4: Uint8Array.of(1, 0) }),
    saved({ 4: Uint8Array.of(1, 3) }),
    saved({ 4: one }),
    saved({ 5: Uint8Array.of(1, 0) }),
    saved({ 5: one }),
    saved({ 6: 'bytes' }),
    saved({ 6: value }),
    saved({ 6: Uint8Array.of(...value, 0xff) }),
    saved({ 6: Uint8Array.of(...value, ...value, ...value) }),
    saved({ 7: one }),
    saved({ 7: Uint8Array.of(value.length * 2, 0) }),
    saved({ 7: Float64Array.of(2 ** 52, 2) }),
  ]
  makeCluster(1, 1).members[0]?.replica.load(saved())
  for (const state of bad) {
    assert.throws(() => replica?.load(state), ValueError)
    assert.throws(() => replica?.merge?.(state), ValueError)
  }
  assert.deepEqual(cluster.states(), before)
})

const numbers = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) =>
      typeof value === 'number' ? { value } : { issues: [{ message: 'no number', path: ['deep', 0] }] },
  },
}

test('map › a write that does not fit the schema is a SchemaError; an asynchronous or transforming schema is refused', () => {
  const map = first(makeCluster(1, 1, { schema: numbers }))
  map.set('a', 1)
  assert.throws(
    () => map.set('a', 'text'),
    (error) => error instanceof SchemaError && error.issues[0]?.path === '.deep[0]',
  )
  assert.equal(map.get('a'), 1)
  const asynchronous = {
    '~standard': { ...numbers['~standard'], validate: (value: unknown) => Promise.resolve({ value }) },
  }
  assert.throws(() => first(makeCluster(1, 1, { schema: asynchronous })).set('a', 1), UsageError)
  const transforming = {
    '~standard': {
      ...numbers['~standard'],
      validate: (value: unknown) =>
        typeof value === 'number' ? { value: String(value) } : { issues: [{ message: 'no' }] },
    },
  }
  assert.throws(() => first(makeCluster(1, 1, { schema: transforming })).set('a', 1), UsageError)
})

test("map › a peer's value that does not fit is hidden and the last that fits shows, but the state keeps it", () => {
  const cluster = makeCluster(1, 1, { schema: numbers })
  const replica = cluster.members[0]?.replica
  const map = first(cluster)
  const info = { author: 'peer', local: false, n: 1, view: 'v', index: 1 }
  assert.equal(replica?.apply([0, 1, 'x', 1, encodeValue('text'), []], info), true)
  assert.equal(map.has('x'), false)
  map.set('y', 1)
  cluster.drain()
  replica?.apply([0, 2, 'y', 9, encodeValue('text'), []], info)
  assert.equal(map.get('y'), 1)
  const plain = makeCluster(1, 1)
  plain.members[0]?.replica.load(replica?.save())
  assert.equal(first(plain).get('x'), 'text')
  assert.equal(first(plain).get('y'), 'text')
})

test('map › hostile keys are plain keys', () => {
  const map = first(makeCluster(1, 1))
  for (const key of KEYS) map.set(key, key)
  for (const key of KEYS) assert.equal(map.get(key), key)
  assert.equal(map.get('hasOwnProperty'), undefined)
})

test('map › an operation of a later opening is told from one of an earlier', () => {
  const ops: unknown[] = []
  const { handle } = mapKind.create(
    {
      ...noMail,
      name: 'again',
      self: 'p0',
      opening: 7,
      view: null,
      phase: 'open',
      isWhole: true,
      isWritable: true,
      cast: (op) => {
        ops.push(op)
        return { n: 8, delivered: new Promise(() => undefined), stable: new Promise(() => undefined) }
      },
      now: () => 0,
      after: () => () => undefined,
      leaseStart: () => null,
      heardAt: () => 0,
      fault: () => undefined,
      close: () => Promise.resolve(),
    },
    {},
  )
  handle.set('a', 1)
  assert.equal((ops[0] as unknown[])[1], 8)
})
