/** Large casts: one delivery, whole or not at all, whatever happens while they are on their way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Assembly, aheadOf } from '../../../lib/kernel/ahead.ts'
import type { Frame, Item } from '../../../lib/kernel/frame.ts'
import { defaultLimits, type Limits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

/** Small limits: a window of eight pieces, and room for a little more. */
const small: Partial<Limits> = {
  castBytesMax: 100_000,
  pieceBytes: 1_000,
  frameFillBytes: 2_000,
  windowBytes: 8_500,
  aheadBytesMax: 30_000,
}
const limits: Limits = { ...defaultLimits, ...small }
const ALL = ['a', 'b', 'c']

const piece = (at: number, length: number) => ({ k: 'piece', at, since: 1, bytes: new Uint8Array(length) }) as const

function itemsOf(frame: Frame): readonly Item[] {
  return frame.t === 'data' ? frame.items : []
}

/** The same frame with other items. */
function mapItems(frame: Frame, change: (item: Item) => Item): Frame {
  return frame.t === 'data' ? { ...frame, items: frame.items.map(change) } : frame
}

/** Fails if `a` sends `b` more than what it was granted. */
function watchGrants(): (frame: Frame, from: string, to: string) => Frame {
  let sent = 0
  let grant = 0
  return (frame, from, to) => {
    if (frame.t !== 'data') return frame
    if (from === 'b' && to === 'a') grant = Math.max(grant, frame.grant)
    if (from !== 'a' || to !== 'b') return frame
    for (const item of frame.items) {
      const bytes = item.k === 'eov' ? 0 : 'cast' in item ? item.cast.payload.length : item.bytes.length
      sent += 32 + bytes
      // A marker needs no grant, and before the first that is seen here the window is the grant.
      if (item.k !== 'eov') assert.ok(sent <= Math.max(grant, 8_500) + 64, `${sent} of ${grant}`)
    }
    return frame
  }
}

/** Are all payloads what their senders cast? */
function assertWhole(cluster: Cluster, id: string, sizes: readonly number[]): void {
  const { delivered, payloads } = cluster.seen(id)
  assert.deepEqual(
    payloads.map(({ length }) => length),
    sizes,
  )
  payloads.forEach((payload, i) => {
    const n = Number(delivered[i]?.split('#')[1])
    assert.ok(payload.every((byte) => byte === n))
  })
}

test('ahead › all but the last piece goes ahead, and nothing of what fits one', () => {
  const sizes = [0, 1_000, 1_001, 2_000, 2_001]
  assert.deepEqual(
    sizes.map((size) => aheadOf(new Uint8Array(size), limits)),
    [0, 0, 1_000, 1_000, 2_000],
  )
})

test('ahead › pieces are taken in order only, and up to the limits', () => {
  const assembly = new Assembly()
  assert.equal(assembly.take(piece(0, 1_000), limits), true)
  assert.equal(assembly.take(piece(1_000, 1_000), limits), true)
  assert.equal(assembly.join(2_000, new Uint8Array(5), limits)?.length, 2_005)
  for (const wrong of [piece(1_000, 1_000), piece(0, 1_001)]) assert.equal(assembly.take(wrong, limits), false)

  const fill = (rest: number): boolean => {
    for (let at = 0; at < 99_000; at += 1_000) assert.ok(assembly.take(piece(at, 1_000), limits))
    return assembly.take(piece(99_000, 500), limits) && assembly.take(piece(99_500, rest), limits)
  }
  assert.equal(fill(500), true)
  assert.equal(assembly.bytes, 100_000)
  assert.equal(fill(501), false)
  assert.equal(assembly.bytes, 0)
})

test('ahead › a cast that names another length than what came, or is too long with it, is refused', () => {
  const assembly = new Assembly()
  const begin = (): void => {
    for (let at = 0; at < 99_000; at += 1_000) assembly.take(piece(at, 1_000), limits)
  }
  begin()
  assert.equal(assembly.join(99_000, new Uint8Array(1_000), limits)?.length, 100_000)
  begin()
  assert.equal(assembly.join(99_000, new Uint8Array(1_001), limits), null)
  begin()
  assert.equal(assembly.join(98_000, new Uint8Array(1_000), limits), null)
  assert.equal(assembly.join(1_000, new Uint8Array(0), limits), null)
})

test('ahead › a piece at 0 begins anew, an empty one leaves nothing', () => {
  const assembly = new Assembly()
  assembly.take(piece(0, 1_000), limits)
  assembly.take(piece(0, 700), limits)
  assert.equal(assembly.bytes, 700)
  assert.equal(assembly.take(piece(0, 0), limits), true)
  assert.equal(assembly.bytes, 0)
})

for (const [order, uniform] of [
  ['fifo', false],
  ['causal', true],
  ['total', false],
  ['total', true],
] as const) {
  test(`ahead › a large cast in a ${uniform ? 'uniform ' : ''}${order} group is delivered whole, in its place`, () => {
    const cluster = new Cluster(ALL, { order, uniform }, small)
    cluster.cast('a', 10)
    cluster.cast('a', 50_100)
    cluster.cast('a', 20)
    cluster.until(() => ALL.every((id) => cluster.seen(id).delivered.length === 3))
    for (const id of ALL) {
      assert.deepEqual(cluster.seen(id).delivered, ['a#1', 'a#2', 'a#3'])
      assertWhole(cluster, id, [10, 50_100, 20])
      assert.equal(cluster.kernels.get(id)?.aheadBytes, 0)
    }
  })
}

test('ahead › the largest cast is delivered, one byte more is refused', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.cast('a', 100_000)
  cluster.cast('a', 100_001)
  cluster.run(2_000)
  assert.deepEqual(cluster.seen('a').ends, ['2 refused'])
  for (const id of ALL) assertWhole(cluster, id, [100_000])
})

test('ahead › a large cast holds up no small ones of others, and never overruns a grant', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.tamper = watchGrants()
  cluster.cast('a', 80_000)
  cluster.run(30)
  cluster.cast('b', 10)
  cluster.run(11)
  assert.deepEqual(cluster.seen('c').delivered, ['b#1'])
  cluster.until(() => cluster.seen('c').delivered.length === 2)
})

test('ahead › a receiver whose application consumes nothing stops the senders', () => {
  const cluster = new Cluster(ALL, {}, { ...small, backlogBytesMax: 20_000 })
  cluster.stalled.add('b')
  for (let i = 0; i < 5; i += 1) cluster.cast('a', 30_000)
  cluster.run(5_000)
  const { delivered } = cluster.seen('b')
  assert.equal(delivered.length, 1)
  assert.ok((cluster.kernels.get('b')?.aheadBytes ?? 0) <= 8_500)
  cluster.stalled.delete('b')
  cluster.command('b', { type: 'consumed', bytes: 30_000 })
  cluster.until(() => delivered.length === 5)
})

test('ahead › what a sender that crashes has sent ahead leaves nothing', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.cast('c', 80_000)
  cluster.run(50)
  assert.ok((cluster.kernels.get('a')?.aheadBytes ?? 0) > 0)
  cluster.crash('c')
  cluster.until(() => cluster.seen('a').members.length === 2)
  cluster.run(1_000)
  for (const id of ['a', 'b']) {
    assert.deepEqual(cluster.seen(id).delivered, [])
    assert.equal(cluster.kernels.get(id)?.aheadBytes, 0)
  }
})

test('ahead › a large cast that one survivor holds is forwarded whole and once, also if that takes longer than a flush may', () => {
  const cluster = new Cluster(ALL, {}, { ...small, flushTimeoutMs: 90 })
  let proposals = 0
  const watch = watchGrants()
  cluster.tamper = (frame, from, to) => {
    // The end of it does not reach `b`.
    const isEnd = from === 'c' && to === 'b' && itemsOf(frame).some(({ k }) => k === 'cast')
    if (frame.t === 'control') proposals += frame.messages.filter(({ k }) => k === 'propose').length
    for (const item of itemsOf(frame)) if (from === 'a' && item.k === 'piece') pieces += 1
    return isEnd ? null : watch(frame, from, to)
  }
  let pieces = 0
  cluster.cast('c', 80_000)
  cluster.until(() => cluster.seen('a').delivered.length === 1)
  assert.deepEqual(cluster.seen('b').delivered, [])
  proposals = 0
  cluster.crash('c')
  cluster.until(() => cluster.seen('b').members.length === 2)
  for (const id of ['a', 'b']) assertWhole(cluster, id, [80_000])
  assert.ok(proposals > 1)
  assert.equal(pieces, 79)
})

test('ahead › a survivor that was held up forwards all the same', () => {
  const cluster = new Cluster(ALL, {}, { ...small, aheadBytesMax: 10_000 })
  cluster.tamper = (frame, from, to) =>
    from === 'c' && to === 'b' && itemsOf(frame).some(({ k }) => k === 'cast') ? null : frame
  cluster.cast('c', 80_000)
  cluster.cast('b', 10)
  cluster.run(30)
  // It has delivered a cast since, so it has begun later.
  cluster.cast('a', 60_000)
  cluster.until(() => cluster.seen('a').delivered.length === 2)
  cluster.run(200)
  assert.deepEqual(cluster.seen('b').delivered, ['b#1'])
  cluster.crash('c')
  cluster.until(() => cluster.seen('b').delivered.length === 3)
  assertWhole(cluster, 'b', [10, 80_000, 60_000])
})

test('ahead › a view of the space in between finds it not yet cast', () => {
  const cluster = new Cluster(ALL, { order: 'total' }, small)
  cluster.cast('a', 80_000)
  cluster.run(50)
  cluster.crash('c')
  cluster.until(() => cluster.seen('b').members.length === 2)
  assert.deepEqual(cluster.seen('b').delivered, [])
  cluster.until(() => cluster.seen('b').delivered.length === 1 && cluster.seen('a').delivered.length === 1)
  assertWhole(cluster, 'b', [80_000])
})

test('ahead › who joins the group in between gets all of it, who leaves forgets it', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.command('c', { type: 'leaveGroup', group: 'g' })
  cluster.run(300)
  cluster.cast('a', 90_000)
  cluster.run(40)
  cluster.join('c')
  cluster.command('b', { type: 'leaveGroup', group: 'g' })
  cluster.until(() => cluster.seen('c').delivered.length === 1)
  cluster.run(100)
  assertWhole(cluster, 'c', [90_000])
  assert.deepEqual(cluster.seen('b').delivered, [])
  assert.equal(cluster.kernels.get('b')?.aheadBytes, 0)
})

test('ahead › a large cast that is taken back in between leaves nothing, and the next one goes', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.cast('a', 80_000)
  cluster.cast('a', 10)
  cluster.run(50)
  cluster.command('a', { type: 'cancel', ns: [1] })
  cluster.until(() => cluster.seen('b').delivered.length === 1)
  assert.deepEqual(cluster.seen('a').ends, ['1 refused'])
  assertWhole(cluster, 'b', [10])
  cluster.run(100)
  assert.equal(cluster.kernels.get('b')?.aheadBytes, 0)
})

test('ahead › above the bound over all peers one goes on at a time, and all get there', () => {
  const ids = ['a', 'b', 'c', 'd']
  const cluster = new Cluster(ids, {}, small)
  // Only by what else it says does it tell the others that there is room again.
  cluster.stalled.add('a')
  let most = 0
  for (const id of ['b', 'c', 'd']) for (let i = 0; i < 3; i += 1) cluster.cast(id, 60_000)
  cluster.until(() => {
    most = Math.max(most, cluster.kernels.get('a')?.aheadBytes ?? 0)
    return ids.every((id) => cluster.seen(id).delivered.length === 9)
  })
  // The bound, what is granted already, and what the one still lacks.
  assert.ok(most <= 30_000 + 3 * 8_500 + 60_000 - 10_000, String(most))
  assert.equal(cluster.kernels.get('a')?.aheadBytes, 0)
})

test('ahead › a piece out of place and a cast that claims what did not come are faults of the peer', () => {
  for (const [code, change] of [
    ['bad-piece', (item: Item): Item => (item.k === 'piece' && item.at > 0 ? { ...item, at: item.at + 1 } : item)],
    ['bad-ahead', (item: Item): Item => (item.k === 'cast' ? { ...item, ahead: item.ahead + 1 } : item)],
  ] as const) {
    const cluster = new Cluster(ALL, {}, small)
    cluster.tamper = (frame, from) => (from === 'a' ? mapItems(frame, change) : frame)
    cluster.cast('a', 5_000)
    cluster.run(100)
    assert.equal(cluster.seen('b').faults[0], `a ${code}`)
    assert.deepEqual(cluster.seen('b').delivered, [])
    assert.equal(cluster.kernels.get('b')?.aheadBytes, 0)
  }
})
