/** Votes that weigh different amounts, and witnesses. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VoteRecord } from '../../../lib/kernel/api.ts'
import type { Row } from '../../../lib/kernel/frame.ts'
import { hasOutlook } from '../../../lib/kernel/primary.ts'
import { bySeniority, hasQuorum, recordOf, type Voter, weightsIn } from '../../../lib/kernel/quorum.ts'
import { Cluster } from './cluster.ts'

const base = (votes: Readonly<Record<string, number>>): Voter[] =>
  Object.entries(votes).map(([id, weight]) => ({ id, weight }))
const isQuorum = (votes: Readonly<Record<string, number>>, ...present: readonly string[]): boolean =>
  hasQuorum(base(votes), new Set(present))
const row = (from: string, weight = 1, isWitness = false): Row => ({ from, weight, isWitness }) as Row

test('quorum › more than half of the weight, or half with the most senior that has any', () => {
  assert.equal(isQuorum({ a: 1, b: 1, c: 3 }, 'c'), true)
  assert.equal(isQuorum({ a: 1, b: 1, c: 3 }, 'a', 'b'), false)
  assert.equal(isQuorum({ a: 2, b: 1, c: 1 }, 'a'), true)
  assert.equal(isQuorum({ a: 2, b: 1, c: 1 }, 'b', 'c'), false)
  assert.equal(isQuorum({ a: 0, b: 1, c: 1 }, 'a', 'c'), false)
  assert.equal(isQuorum({ a: 0, b: 1, c: 1 }, 'b'), true)
  assert.equal(isQuorum({ a: 255, b: 254 }, 'b'), false)
})

test('quorum › where nobody is left who has a vote, heads are counted', () => {
  assert.equal(isQuorum({ a: 0, b: 0, c: 0 }, 'b', 'c'), true)
  assert.equal(isQuorum({ a: 0, b: 0 }, 'b'), false)
  assert.equal(isQuorum({ a: 0, b: 0 }, 'a'), true)
  assert.equal(isQuorum({}, 'a'), false)
})

test('quorum › of two parts that know of different departures, at most one has a quorum', () => {
  const ids = ['a', 'b', 'c', 'd']
  const subsetsOf = (all: readonly string[]): string[][] =>
    Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_id, i) => (bits >> i) % 2 === 1))
  for (let code = 0; code < 4 ** ids.length; code += 1) {
    const weights = ids.map((_, i) => Math.floor(code / 4 ** i) % 4)
    const voters = ids.map((id, i) => ({ id, weight: weights[i] ?? 0 }))
    const withoutEach = new Map(
      subsetsOf(ids).map((gone) => [gone.join(), voters.filter(({ id }) => !gone.includes(id))]),
    )
    for (const gone of subsetsOf(ids)) {
      const here = ids.filter((id) => !gone.includes(id))
      const bases = subsetsOf(gone).map((known) => withoutEach.get(known.join()) ?? [])
      for (const part of subsetsOf(here)) {
        const others = new Set(here.filter((id) => !part.includes(id)))
        const isOne = bases.some((known) => hasQuorum(known, new Set(part)))
        const isOther = bases.some((known) => hasQuorum(known, others))
        assert.ok(!(isOne && isOther), `weights ${weights}, gone ${gone}: both ${part} and ${[...others]}`)
      }
    }
  }
})

test('quorum › a record names weights only where one is not 1, and they are found again', () => {
  const named = { line: 'L', id: '2.a', members: ['a', 'b'] }
  assert.deepEqual(recordOf(named, [row('a'), row('b')]), named)
  const record = recordOf(named, [row('b', 0), row('a', 7)])
  assert.deepEqual(record, { ...named, weights: [7, 0] })
  assert.deepEqual(
    [...weightsIn([row('c', 3)], [{ last: record, attempt: null }])],
    [
      ['a', 7],
      ['b', 0],
      ['c', 3],
    ],
  )
})

test('quorum › witnesses rank behind all others, each among its kind in its order', () => {
  const parts = [{ members: ['w', 'a'] }, { members: ['v', 'b'] }]
  assert.deepEqual(bySeniority(parts, [row('a'), row('b')]), ['w', 'a', 'v', 'b'])
  assert.deepEqual(bySeniority(parts, [row('w', 1, true), row('v', 1, true)]), ['a', 'b', 'w', 'v'])
})

test('quorum › who knows that the missing are dead has an outlook, who knows of a later view that it lacks has not', () => {
  const last = { line: 'L', id: '5.a', members: ['a', 'b'] }
  const record: VoteRecord = { last, attempt: null }
  const outlook = (departed: readonly string[], ...records: readonly VoteRecord[]): boolean =>
    hasOutlook(records, 'L', {
      departed: new Map(departed.map((id) => [id, { id, isDead: true, votes: record, ended: [] }])),
      present: new Set(['b', 'x']),
    })
  assert.equal(outlook([], record), false)
  assert.equal(outlook(['a'], record), true)
  assert.equal(outlook(['a'], record, { last: { ...last, id: '7.a', members: ['a', 'c'] }, attempt: null }), false)
  assert.equal(outlook(['a'], { last: null, attempt: null }), false)
  assert.equal(outlook(['a'], { last: { ...last, line: 'M' }, attempt: null }), false)
})

test('votes › each member is told what the votes of all weigh, and who is a witness', () => {
  const votes = { b: { weight: 7 }, c: { isWitness: true }, d: { weight: 0 } }
  const cluster = new Cluster(['a', 'b', 'c', 'd'], {}, {}, votes)
  for (const kernel of cluster.kernels.values()) {
    assert.deepEqual(kernel.era.view.members.map(({ id, weight, witness }) => [id, weight, witness]).sort(), [
      ['a', 1, false],
      ['b', 7, false],
      ['c', 1, true],
      ['d', 0, false],
    ])
    assert.equal(kernel.era.members.at(-1), 'c')
  }
})

test('votes › a witness becomes a member of no group, and its join ends', () => {
  const cluster = new Cluster(['a', 'b', 'w'], {}, {}, { w: { isWitness: true } })
  assert.deepEqual(cluster.seen('w').joins, ['g closed'])
  assert.deepEqual(cluster.seen('a').joins, ['g ok'])
  cluster.cast('a', 10)
  cluster.run(200)
  assert.equal(cluster.seen('b').delivered.length, 1)
  assert.equal(cluster.seen('w').delivered.length, 0)
})

test('votes › the lease of a primary view follows the answers of more than half of its votes', () => {
  const leaseOf = (votes: Readonly<Record<string, { readonly weight: number }>>): boolean => {
    const cluster = new Cluster(['a', 'b', 'c'], {}, {}, votes)
    cluster.run(2_000)
    const before = cluster.now
    // Nothing comes from b and c any more.
    cluster.tamper = (frame, from) => (from === 'a' ? frame : null)
    cluster.run(1_500)
    return (cluster.kernels.get('a')?.detector.leaseStart() ?? 0) > before
  }
  assert.equal(leaseOf({}), false)
  assert.equal(leaseOf({ a: { weight: 3 } }), true)
  assert.equal(leaseOf({ a: { weight: 2 } }), false)
  assert.equal(leaseOf({ b: { weight: 0 }, c: { weight: 0 } }), true)
})

test('votes › an earlier process of the site is told of to those who cannot see its lock, until its line goes on', () => {
  const cluster = new Cluster(['a', 'b'], {})
  const b = cluster.kernels.get('b')
  const record = cluster.kernels.get('a')?.votes ?? null
  const z: VoteRecord = { last: { line: 'M', id: '3.z', members: ['z'] }, attempt: null }
  assert.ok(b && record)
  b.step(cluster.now, [
    { type: 'dead', peer: 'z', record: z },
    { type: 'dead', peer: 'y', record: null },
    { type: 'dead', peer: 'x', record: { last: null, attempt: null } },
    ...['p', 'q', 'r', 's'].map((peer) => ({ type: 'dead', peer, record }) as const),
  ])
  // Of those who had voted, and not too many.
  assert.deepEqual([...b.formers.keys()], ['z', 'p', 'q', 'r'])
  cluster.crash('a')
  b.step(cluster.now, [{ type: 'dead', peer: 'a', record }])
  cluster.run(500)
  assert.equal(b.era.view.primary, true)
  assert.deepEqual([...b.formers.keys()], ['z'])
  assert.deepEqual([...b.departed.keys()].sort(), ['a', 'p', 'q', 'r', 's', 'x', 'y', 'z'])
})
