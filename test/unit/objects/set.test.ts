/** The shared set, on processes that split, heal and join at random. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SchemaError, TooLargeError, ValueError } from '../../../lib/errors.ts'
import { type SetChange, type SetOptions, type SharedSet, setKind } from '../../../lib/objects/set.ts'
import { Cluster, makeRandom, pick } from './cluster.ts'
import { settled, strings } from './requests.ts'

const VALUES = ['a', 'b', 1, 0, null, undefined, { x: [1, 2] }, { x: [1, 3] }, '__proto__', '\uD800'] as const

function made(count: number, options: SetOptions<unknown> = {}, seed = 1) {
  const cluster = new Cluster(setKind, options, count, seed)
  return { cluster, of: (index: number) => cluster.members[index]?.handle as SharedSet }
}

test('set › values are compared by what they are, whatever their kind', () => {
  const { of } = made(1)
  const kinds: readonly (() => unknown)[] = [
    () => undefined,
    () => null,
    () => true,
    () => 0,
    () => 1.5,
    () => Number.NaN,
    () => Number.NEGATIVE_INFINITY,
    () => 10n,
    () => 2n ** 80n,
    () => 'text\uD800',
    () => '',
    () => new Date(5),
    () => new Date(Number.NaN),
    () => new Map([['k', new Set([1, 'a'])]]),
    () => [1, [2, undefined]],
    () => ({ b: 1, a: { c: '\u00ff' } }),
    () => new ArrayBuffer(3),
    () => Uint8Array.of(1, 255),
    () => Float64Array.of(-0, 1),
    () => new TypeError('m', { cause: new Error('c') }),
    () => /a+/giu,
    () => 'é'.repeat(2_000),
  ]
  for (const make of kinds) {
    of(0).add(make())
    assert.ok(of(0).has(make()))
    of(0).add(make())
  }
  assert.equal(of(0).size, kinds.length)
  assert.equal(of(0).has(false), false)
  assert.equal(of(0).has({ b: 1, a: { c: '\u00fe' } }), false)
  assert.equal(of(0).has((() => 1) as never), false)
  for (const make of kinds) assert.equal(of(0).delete(make()), true)
  assert.equal(of(0).delete(1.5), false)
  assert.equal(of(0).size, 0)
})

test('set › −0 is 0, as in a Set', () => {
  const { of } = made(1)
  of(0).add(-0)
  assert.ok(of(0).has(0) && Object.is([...of(0)][0], 0))
  assert.ok(of(0).delete(-0))
})

test('set › it is shaped as a Set, in an order that is the same everywhere', () => {
  const { cluster, of } = made(2)
  assert.equal(of(0).add('b').add('a'), of(0))
  of(1).add('c')
  cluster.drain()
  for (const { handle } of cluster.members) {
    assert.deepEqual([...handle], ['a', 'b', 'c'])
    assert.deepEqual([...handle.values()], ['a', 'b', 'c'])
    assert.deepEqual([...handle.keys()], ['a', 'b', 'c'])
    assert.deepEqual([...handle.entries()], [...new Set(['a', 'b', 'c']).entries()])
    const each: unknown[] = []
    handle.forEach((value, key, set) => void each.push(value, key, set === handle))
    assert.deepEqual(each.slice(0, 3), ['a', 'a', true])
  }
  of(1).clear()
  assert.equal(of(1).size, 0)
  cluster.drain()
  assert.equal(of(0).size, 0)
})

test('set › adding wins: what was added meanwhile, or added again, stays', () => {
  const { cluster, of } = made(2)
  of(0).add('again').add('gone')
  cluster.drain()
  of(0).delete('again')
  of(0).delete('gone')
  of(1).add('again')
  cluster.drain()
  for (const { handle } of cluster.members) assert.deepEqual([...handle], ['again'])
})

test('set › a change tells what has come and gone, not what was added again; the snapshot and its values stay', async () => {
  const { cluster, of } = made(2)
  const changes: SetChange<unknown>[] = []
  of(1).addEventListener('change', (event) => changes.push(...event.changes))
  of(0).add({ x: 1 })
  of(0).add('a')
  cluster.drain()
  const { snapshot } = of(1)
  const [first] = [...snapshot].filter((value) => typeof value === 'object')
  assert.equal(of(1).snapshot, snapshot)
  assert.equal(changes.find(({ value }) => typeof value === 'object')?.value, first)
  of(0).add({ x: 1 })
  cluster.drain()
  assert.ok(of(1).snapshot.has(first))
  of(1).delete('a')
  await settled()
  assert.deepEqual(
    changes.map(({ type, value, author, local }) => [type, value, author, local]),
    [
      ['add', { x: 1 }, 'p0', false],
      ['add', 'a', 'p0', false],
      ['delete', 'a', 'p1', true],
    ],
  )
  assert.equal(of(1).snapshot.size, 1)
  assert.equal(snapshot.size, 2)
})

test('set › a schema types what is added, and what a peer added otherwise is hidden but kept', () => {
  const { cluster, of } = made(2, { schema: strings })
  assert.throws(() => of(0).add(1), SchemaError)
  const { of: plainly, cluster: plain } = made(2)
  plainly(0).add(1).add('text')
  plain.drain()
  const [member] = cluster.members
  member?.replica.load(plain.members[0]?.replica.save())
  assert.deepEqual([...of(0)], ['text'])
  assert.deepEqual([of(0).size, of(0).has(1), of(0).has('text')], [1, false, true])
  assert.deepEqual(member?.replica.save(), plain.members[0]?.replica.save())
})

test('set › what is no value or too large is refused here', () => {
  const { cluster, of } = made(1)
  assert.throws(() => of(0).add((() => 1) as never), ValueError)
  assert.throws(() => of(0).delete((() => 1) as never), ValueError)
  assert.throws(() => of(0).add('x'.repeat(65_536)), TooLargeError)
  assert.equal(cluster.members[0]?.casts, 0)
  of(0).add('x'.repeat(65_000))
  assert.equal(of(0).size, 1)
})

test('set › a key that is no value, or another spelling of one, shows nothing', () => {
  const { cluster, of } = made(1)
  const [member] = cluster.members
  const info = { author: 'p9', local: false, n: 1, view: '1', index: 1 }
  // In CBOR, 0x81 0x01 is [1], and 0x18 0x01 a 1 in two bytes; of a larger character code one could take the lowest byte.
  for (const [k, key] of ['\u0081\u0001', '\u0081\u0018\u0001', 'zzz', '\u0181\u0001', ''].entries()) {
    assert.ok(member?.replica.apply([0, k + 1, key, 1, Uint8Array.of(0xf6), []], info))
  }
  assert.deepEqual([...of(0)], [[1]])
  assert.equal(of(0).size, 1)
})

test('set › members converge to equal bytes and equal reads through splits, heals, losses and joins', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { cluster } = made(3, {}, seed)
    const random = makeRandom(seed * 7919)
    const act = (set: SharedSet): void => {
      const dice = random()
      const value = pick(random, VALUES)
      if (dice < 0.6) {
        set.add(value)
        assert.ok(set.has(value))
      } else if (dice < 0.9) {
        set.delete(value)
        assert.ok(!set.has(value))
      } else set.clear()
    }
    for (let step = 0; step < 120; step++) {
      const dice = random()
      if (dice < 0.4) act(pick(random, cluster.members).handle)
      else if (dice < 0.86) cluster.deliverOne()
      else if (dice < 0.9) cluster.toggleLosses(pick(random, cluster.members))
      else if (dice < 0.94) cluster.split()
      else if (dice < 0.98) cluster.heal(({ handle }) => act(handle), Math.floor(random() * 4))
      else if (cluster.members.length < 5) cluster.join(`j${step}`)
    }
    for (const member of cluster.members) if (member.lost !== null) cluster.tellLost(member, 'unknown')
    cluster.healAll()
    // What was known to nobody but one is known to all now.
    for (const member of cluster.members) if (member.lost !== null) cluster.tellLost(member, 'unknown')
    cluster.drain()
    assert.deepEqual(cluster.faults, [])
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    const [first, ...others] = cluster.members.map(({ handle }) => [...handle])
    for (const other of others) assert.deepEqual(other, first, `seed ${seed}: reads differ`)
    for (const value of VALUES) {
      const isThere = first?.some((each) => JSON.stringify(each) === JSON.stringify(value))
      assert.equal(cluster.members[0]?.handle.has(value), isThere ?? false, `seed ${seed}`)
    }
  }
})

test('set › events alone are enough to follow it', async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const { cluster } = made(3, {}, seed)
    const random = makeRandom(seed)
    const mirrors = cluster.members.map(({ handle }) => {
      const mirror = new Set<string>()
      handle.addEventListener('change', ({ changes }) => {
        for (const { type, value } of changes) {
          const text = String(JSON.stringify(value))
          assert.equal(mirror.has(text), type === 'delete')
          if (type === 'add') mirror.add(text)
          else mirror.delete(text)
        }
      })
      return mirror
    })
    for (let step = 0; step < 80; step++) {
      const { handle } = pick(random, cluster.members)
      if (random() < 0.5) cluster.deliverOne()
      else if (random() < 0.6) handle.add(pick(random, VALUES))
      else handle.delete(pick(random, VALUES))
      if (random() < 0.1) cluster.split()
      if (random() < 0.1) cluster.heal(() => undefined, 0)
    }
    cluster.healAll()
    await settled()
    for (const [i, mirror] of mirrors.entries()) {
      const shown = [...(cluster.members[i]?.handle ?? [])].map((value) => String(JSON.stringify(value)))
      assert.deepEqual([...mirror].sort(), shown.sort(), `seed ${seed}`)
    }
  }
})
