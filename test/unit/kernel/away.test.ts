/** Away: who says that it is about to be frozen, and what a process does that may have slept. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uniteAway } from '../../../lib/kernel/away.ts'
import type { AwayRow, Row } from '../../../lib/kernel/frame.ts'
import type { Kernel } from '../../../lib/kernel/kernel.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const ALL = ['a', 'b', 'c']

/** Does nothing until it is thawed; what is sent to it meanwhile is lost, but for what is on its way. */
function freeze(cluster: Cluster, id: string): Kernel {
  const kernel = cluster.kernels.get(id)
  assert.ok(kernel)
  cluster.kernels.delete(id)
  return kernel
}

/** Says so, and is frozen. */
function suspend(cluster: Cluster, id: string): Kernel {
  cluster.command(id, { type: 'suspend' })
  return freeze(cluster, id)
}

const awayAt = (cluster: Cluster, id: string): string[] =>
  (cluster.kernels.get(id)?.era.view.away ?? []).map((each) => each.id)

test('away › the coordinator that says so is out after three round trips, and named as away with the rank it had', () => {
  const cluster = new Cluster(ALL, {})
  const { now } = cluster
  suspend(cluster, 'a')
  cluster.until(() => cluster.seen('c').members.join() === 'b,c')
  assert.ok(cluster.now - now <= 130, `${cluster.now - now} ms`)
  const view = cluster.kernels.get('c')?.era.view
  assert.deepEqual(view?.away, [{ id: 'a', name: 'a', origin: '', rank: 0, since: view?.id }])
  assert.deepEqual([view?.expelled, view?.left, view?.dead], [[], [], []])
})

test('away › a junior that holds nothing up stays for suspendedMs, and no longer', () => {
  const cluster = new Cluster(ALL, {})
  suspend(cluster, 'c')
  cluster.run(defaultLimits.suspendedMs)
  assert.equal(cluster.seen('a').members.join(), 'a,b,c')
  cluster.run(200)
  assert.equal(cluster.seen('a').members.join(), 'a,b')
  assert.deepEqual(awayAt(cluster, 'b'), ['c'])
})

test('away › a junior whose word a uniform cast waits for is out at once; without it, the cast would be stable', () => {
  const cluster = new Cluster(ALL, { uniform: true })
  suspend(cluster, 'c')
  cluster.run(1_000)
  assert.equal(cluster.seen('a').members.length, 3)
  cluster.cast('b', 10)
  cluster.run(200)
  assert.deepEqual(awayAt(cluster, 'a'), ['c'])
  assert.deepEqual(cluster.seen('a').delivered, ['b#1'])
})

test('away › a plain cast waits for nobody, so a junior stays', () => {
  const cluster = new Cluster(ALL, {})
  suspend(cluster, 'c')
  cluster.cast('b', 10)
  cluster.run(1_000)
  assert.equal(cluster.seen('a').members.length, 3)
})

test('away › one that was not frozen after all goes on by itself, and casts what it was given meanwhile', () => {
  const cluster = new Cluster(ALL, {})
  cluster.command('c', { type: 'suspend' })
  cluster.cast('c', 10)
  cluster.run(defaultLimits.suspendingMs - 600)
  assert.deepEqual(cluster.seen('a').delivered, [])
  assert.equal(cluster.kernels.get('c')?.isFenced, true)
  cluster.run(1_800)
  assert.deepEqual(cluster.seen('a').delivered, ['c#1'])
  assert.equal(cluster.seen('a').members.length, 3)
})

test('away › one that is told that it goes on is heard at once', () => {
  const cluster = new Cluster(ALL, {})
  cluster.command('c', { type: 'suspend' })
  cluster.run(100)
  cluster.command('c', { type: 'resume' })
  cluster.cast('c', 10)
  cluster.run(700)
  assert.deepEqual(cluster.seen('a').delivered, ['c#1'])
})

for (const [gap, isFenced] of [
  [defaultLimits.suspectAfterMs - 2 * defaultLimits.heartbeatMs - 2, false],
  [defaultLimits.suspectAfterMs - defaultLimits.heartbeatMs, true],
] as const) {
  test(`away › a gap of ${gap} ms in its clock ${isFenced ? 'fences' : 'does not fence'} a process`, () => {
    const cluster = new Cluster(ALL, {})
    const kernels = ALL.map((id) => [id, freeze(cluster, id)] as const)
    cluster.run(gap)
    for (const [id, kernel] of kernels) cluster.kernels.set(id, kernel)
    cluster.cast('b', 10)
    assert.equal(cluster.kernels.get('b')?.isFenced, isFenced)
    cluster.run(5)
    cluster.run(1_000)
    // All slept: nobody accuses anybody, and what was cast is delivered once they have heard of each other.
    assert.equal(cluster.kernels.get('b')?.isFenced, false)
    assert.equal(cluster.seen('a').members.length, 3)
    assert.deepEqual(cluster.seen('a').delivered, ['b#1'])
  })
}

test('away › one that slept unsaid is told that it was away, not that the others failed', () => {
  const cluster = new Cluster(ALL, {})
  const kernel = freeze(cluster, 'c')
  cluster.until(() => cluster.seen('a').members.length === 2)
  assert.deepEqual(cluster.kernels.get('a')?.era.view.expelled, ['c'])
  cluster.run(10_000)
  cluster.kernels.set('c', kernel)
  cluster.until(() => cluster.seen('c').members.length === 1)
  const alone = kernel.era.view
  assert.deepEqual(alone.expelled, [])
  assert.ok(alone.wasAwayMs > 10_000)
  cluster.until(() => cluster.seen('c').members.length === 3)
  assert.ok(kernel.era.view.wasAwayMs > 10_000)
  assert.equal(cluster.kernels.get('a')?.era.view.wasAwayMs, 0)
})

// ---- who is away: pure -------------------------------------------------------------------------------------------

const entry = (id: string, since: string | null, forMs = 0): AwayRow => ({
  id,
  name: '',
  origin: '',
  rank: 0,
  since,
  forMs,
})
const row = (away: AwayRow[], departed: Row['departed'] = []): Row => ({
  from: 'm',
  name: '',
  origin: '',
  view: '5.m',
  votes: { last: null, attempt: null },
  line: null,
  generation: 0,
  voiceFrom: 0,
  lamport: 0,
  groups: [],
  removed: [],
  marked: [],
  readies: [],
  departed,
  remembered: [],
  weight: 1,
  isWitness: false,
  quietMs: 0,
  asked: [],
  away,
})
const here = new Set(['m'])
const united = (...rows: Row[]): string[] =>
  uniteAway(rows, here, '6.m', defaultLimits).map(({ id, since }) => `${id} ${since}`)

test('away › those who went first are in front, and whoever goes now is away since this view', () => {
  assert.deepEqual(united(row([entry('z', null), entry('y', '3.m')]), row([entry('x', '4.m')])), [
    'y 3.m',
    'x 4.m',
    'z 6.m',
  ])
})

test('away › of two accounts the later counts; those who are here, have left or are dead are not away', () => {
  const gone = { id: 'x', isDead: false, votes: null, ended: [] }
  assert.deepEqual(
    united(row([entry('z', '3.m'), entry('m', '2.m'), entry('x', '2.m')], [gone]), row([entry('z', '4.n')])),
    ['z 4.n'],
  )
})

test('away › a view names awayMax, and each for awayForMs', () => {
  const { awayMax, awayForMs } = defaultLimits
  const many = (count: number): AwayRow[] => Array.from({ length: count }, (_, i) => entry(`p${i}`, `${i + 1}.m`))
  assert.equal(united(row(many(awayMax))).length, awayMax)
  assert.deepEqual(united(row(many(awayMax + 1))).slice(0, 1), ['p1 2.m'])
  assert.deepEqual(united(row([entry('x', '2.m', awayForMs), entry('y', '2.m', awayForMs + 1)])), ['x 2.m'])
})
