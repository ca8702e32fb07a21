/** The simulator itself: deterministic, and its parts do what runs rely on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VoteRecord } from '../../lib/kernel/api.ts'
import { defaultLimits } from '../../lib/kernel/limits.ts'
import { planFaults } from './faults.ts'
import { Due, Heap } from './heap.ts'
import { Origins } from './origins.ts'
import type { SimProcess } from './process.ts'
import { Random } from './random.ts'
import { runSeed } from './run-seed.ts'
import { DEFAULT_OPTIONS, drawScenario, FAULT_KINDS, WORKLOADS, type WorkloadName } from './scenario.ts'
import { SITES } from './strain.ts'
import { World } from './world.ts'

test('the same seed gives the same bytes, whether frames pass through bytes or not', async () => {
  for (const seed of [12, 23]) {
    const [first, second] = [await runSeed(seed, DEFAULT_OPTIONS), await runSeed(seed, DEFAULT_OPTIONS)]
    assert.ok(first.lines.length > 10)
    assert.equal(JSON.stringify(first.lines), JSON.stringify(second.lines))
  }
})

test('a grant to found that came to nothing keeps no other process of its origin from founding', async () => {
  const { lines } = await runSeed(20140, DEFAULT_OPTIONS)
  const last = lines.findLast((line) => line.e === 'view' && line.g === '')
  assert.ok(last?.e === 'view' && last.line !== null, 'whoever could found never did')
})

test('nobody founds by a grant from before another of its origin entered a line', async () => {
  const { violations } = await runSeed(4908, DEFAULT_OPTIONS)
  assert.deepEqual(
    violations.filter(({ property }) => property === 'P5'),
    [],
  )
})

test('no write of a vote record overtakes one before it', async () => {
  const world = new World(drawScenario(1, DEFAULT_OPTIONS))
  const told: number[] = []
  const record = (n: number): VoteRecord => ({ last: null, attempt: { line: 'l', id: `${n}.a`, members: ['a'] } })
  const process = {
    ...{ origin: 'https://a.example', isRunning: true, record: null, writing: null, writtenAt: 0 },
    input: ({ ticket }: { ticket: number }) => told.push(ticket),
  }
  const origins = new Origins(world, [])
  for (let n = 1; n <= 20; n += 1) origins.persist(process as unknown as SimProcess, n, record(n))
  await world.run(1_000)
  assert.deepEqual(
    told,
    Array.from({ length: 20 }, (_, i) => i + 1),
  )
  assert.deepEqual([process.record, process.writing], [record(20), null])
})

test('different seeds give different runs', async () => {
  const [first, second] = [await runSeed(1, DEFAULT_OPTIONS), await runSeed(2, DEFAULT_OPTIONS)]
  assert.notEqual(first.events, second.events)
})

test('a fork does not depend on what its parent has drawn', () => {
  const parent = new Random('7')
  const before = parent.fork('network').next()
  parent.next()
  assert.equal(parent.fork('network').next(), before)
  assert.notEqual(parent.fork('faults').next(), before)
})

test('the queue gives what is due by time, then by the order of scheduling', () => {
  class Named extends Due {
    readonly name: number
    constructor(name: number) {
      super()
      this.name = name
    }
    override fire(): void {
      // Only its place matters.
    }
  }
  const random = new Random('heap')
  const heap = new Heap()
  const times = Array.from({ length: 500 }, () => random.int(40))
  times.forEach((t, name) => {
    heap.push(t, new Named(name))
  })
  const expected = times.map((t, name) => ({ t, name })).sort((a, b) => a.t - b.t || a.name - b.name)
  for (const { name } of expected) assert.equal((heap.pop() as Named).name, name)
  assert.equal(heap.pop(), undefined)
})

test('one seed in eight of the usual workload has a domain, in which O9 is put to the test; no other workload draws one', async () => {
  const seeds = Array.from({ length: 800 }, (_, i) => i + 1)
  const count = (workload: WorkloadName): number =>
    seeds.filter((seed) => drawScenario(seed, { ...DEFAULT_OPTIONS, workload }).domain !== undefined).length
  assert.ok(Math.abs(count('mixed') - 100) < 30, `${count('mixed')} of 800`)
  for (const workload of WORKLOADS) if (workload !== 'mixed') assert.equal(count(workload), 0, workload)
  const { checked, violations } = await runSeed(18, DEFAULT_OPTIONS)
  assert.ok((checked['O9'] ?? 0) > 0)
  assert.deepEqual(violations, [])
})

test('a plan of faults is drawn before the run and names every kind some time', () => {
  const kinds = new Set<string>()
  for (let seed = 1; seed <= 200; seed += 1) {
    for (const { kind } of planFaults(drawScenario(seed, DEFAULT_OPTIONS))) kinds.add(kind)
  }
  assert.deepEqual([...kinds].sort(), [...FAULT_KINDS].sort())
})

test('every limit is small and every site active in some runs; some have hardly anybody, some a crowd', () => {
  const scenarios = Array.from({ length: 600 }, (_, i) => drawScenario(i + 1, DEFAULT_OPTIONS))
  const strains = scenarios.map(({ strain }) => strain ?? {})
  const limits = strains.flatMap((strain) => Object.entries({ ...strain.limits, ...strain.ownLimits }))
  for (const [name, value] of limits) assert.ok(value >= 0 && name in defaultLimits, `${name} ${value}`)
  const small = new Set(limits.map(([name]) => name))
  assert.equal(small.size, 23)
  assert.deepEqual([...new Set(strains.flatMap(({ sites = [] }) => sites))].sort(), [...SITES].sort())
  assert.ok(strains.some(({ doubled = 0 }) => doubled > 0))
  assert.deepEqual([...new Set(strains.map(({ drift }) => drift))].sort(), [0, 0.0005, 0.04])
  const sizes = scenarios.map(({ processes }) => processes)
  assert.ok(sizes.includes(1) && sizes.includes(2) && sizes.some((size) => size >= 16))
  for (const workload of ['big', 'engines', 'transfer', 'kept', 'deals'] as const) {
    const { strain } = drawScenario(1, { ...DEFAULT_OPTIONS, workload })
    assert.equal(strain?.limits ?? strain?.ownLimits, undefined, workload)
  }
  assert.equal(drawScenario(1, { ...DEFAULT_OPTIONS, faults: [] }).strain, undefined)
})

test('a window always has room for a piece, whatever is drawn', () => {
  for (let seed = 1; seed <= 600; seed += 1) {
    const { windowBytes, pieceBytes } = drawScenario(seed, DEFAULT_OPTIONS).strain?.limits ?? {}
    if (windowBytes !== undefined) assert.ok(pieceBytes !== undefined && pieceBytes < windowBytes, `${seed}`)
  }
})

test('the workload of tools puts their properties to the test', { timeout: 60_000 }, async () => {
  const { checked, violations } = await runSeed(1, { ...DEFAULT_OPTIONS, workload: 'tools' })
  assert.deepEqual(violations, [])
  for (const property of ['T12', 'T13', 'L9']) assert.ok((checked[property] ?? 0) > 0, property)
})
