/** Snapshots of objects that take part in transactions over several objects. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import { openSpace, type Space, type SpaceSnapshot, type TotalMap } from '../../../lib/index.ts'
import { AtomicMachine } from '../../../lib/objects/atomic-machine.ts'
import { BoundedMachine } from '../../../lib/objects/bounded-counter.ts'
import { LedgerMachine } from '../../../lib/objects/ledger-machine.ts'
import type { Machine, MachineContext } from '../../../lib/objects/state-machine.ts'
import { assemble } from '../../../lib/tools/snapshot-assemble.ts'
import { encodeValue } from '../../../lib/values.ts'
import { until } from '../until.ts'

const SUM = 100
const TRANSFERS = 60

async function openTogether(count: number): Promise<readonly Space[]> {
  const transports = [memory({ hub: new MemoryHub() })]
  const spaces = await Promise.all(
    Array.from({ length: count }, () => openSpace('test', { worker: false, foundAfterMs: 20, transports })),
  )
  await Promise.all(
    spaces.map((space) => until(space, 'view', () => space.members.length === count && space.view.primary)),
  )
  return spaces
}

function heldIn(snapshot: SpaceSnapshot, name: string): unknown {
  return snapshot.objects.find((each) => each.name === name)?.value
}

function accountsOf(space: Space, name: string): Promise<TotalMap<number>> {
  return space.map<number>(name, { consistency: 'total', atomic: true })
}

test('a snapshot › of atomic objects reads and is restored as of others, and they are atomic again', {
  timeout: 30_000,
}, async (t) => {
  const [space] = await openTogether(1)
  const [other] = await openTogether(1)
  assert.ok(space !== undefined && other !== undefined)
  t.after(() => {
    space.kill()
    other.kill()
  })
  const accounts = await accountsOf(space, 'accounts')
  const till = await space.counter('till', { min: 0, atomic: true })
  const last = await space.register<string>('last', { atomic: true })
  const receipts = await space.queue<string>('receipts', { atomic: true })
  await space.transact((tx) => {
    tx.of(accounts).set('ada', 7)
    tx.of(till).add(3)
    tx.of(last).set('ada')
    tx.of(receipts).add('first')
  })
  const snapshot = await space.snapshot()
  assert.deepEqual(heldIn(snapshot, 'accounts'), new Map([['ada', 7]]))
  assert.deepEqual(heldIn(snapshot, 'till'), { value: 3, lastId: 0 })
  assert.deepEqual(heldIn(snapshot, 'last'), { value: 'ada', version: 1 })
  const items = [{ value: 'first', priority: 0, delayMs: 0 }]
  assert.deepEqual(heldIn(snapshot, 'receipts'), { items, dead: [] })

  const { restored } = await other.restore(snapshot)
  assert.deepEqual([...restored].sort(), ['accounts', 'last', 'receipts', 'till'])
  const copy = await accountsOf(other, 'accounts')
  const sum = await other.transact((tx) => tx.of(copy).get('ada'))
  assert.equal(sum, 7)
})

test('a snapshot › has a transaction that is under way in all of its objects, or in none', {
  timeout: 60_000,
}, async (t) => {
  const spaces = await openTogether(3)
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  const [first] = spaces
  assert.ok(first !== undefined)
  const banks = await Promise.all(
    spaces.map(async (space) => ({
      space,
      east: await accountsOf(space, 'east'),
      west: await accountsOf(space, 'west'),
    })),
  )
  await banks[0]?.east.set('ada', SUM)
  let isOver = false
  let transfers = 0
  const transferring = banks.map(async ({ space, east, west }, i) => {
    while (!isOver) {
      await space.transact(
        (tx) => {
          const [from, to] = (transfers + i) % 2 === 0 ? [tx.of(east), tx.of(west)] : [tx.of(west), tx.of(east)]
          const amount = Math.min(5, from.get('ada') ?? 0)
          from.set('ada', (from.get('ada') ?? 0) - amount)
          to.set('ada', (to.get('ada') ?? 0) + amount)
        },
        { tries: 1_000 },
      )
      transfers += 1
    }
  })
  const sums: number[] = []
  while (transfers < TRANSFERS) {
    const snapshot = await first.snapshot()
    const held = ['east', 'west'].map((name) => (heldIn(snapshot, name) as Map<string, number>).get('ada') ?? 0)
    sums.push(held.reduce((sum, each) => sum + each, 0))
  }
  isOver = true
  await Promise.all(transferring)
  assert.deepEqual([...new Set(sums)], [SUM])
})

test('a snapshot › carries out what an object is held for if the ledger has it committed, and nothing that waits', () => {
  const context: MachineContext = {
    view: '1.p.0',
    line: 'L',
    isPrimary: true,
    members: new Set(['p']),
    ranked: ['p'],
    nextToken: () => ['L', '1.p.0', 1],
    answer: () => undefined,
  }
  const apply = <M extends Machine>(machine: M, ...bodies: readonly unknown[][]): M => {
    for (const [call, body] of bodies.entries()) machine.apply(body, { process: 'p', call: call + 1 }, context)
    return machine
  }
  const names = ['east', 'west']
  const key = (n: number): unknown[] => ['p', 0, n]
  const bounded = (): AtomicMachine => new AtomicMachine(new BoundedMachine(0, 100))
  /** Ten in each; five go from east, which has ended it, to west, where somebody waits to add 50. */
  const machines = (n: number): Record<string, Machine> => ({
    east: apply(bounded(), [1, 10], ['prepare', key(1), names, [10, -5]], ['end', key(1), true]),
    west: apply(bounded(), [1, 10], ['prepare', key(n), names, [10, 5]], [1, 50]),
    'tutti:ledger': apply(new LedgerMachine(), [0, key(1), true, names], [1, key(1), ['east']]),
  })
  const assembled = (all: Record<string, Machine>): SpaceSnapshot => {
    const about = { order: 'total', consistency: 'consistent', primary: true, members: ['p'], from: 'p' } as const
    const groups = Object.entries(all).map(([name, machine]) => ({
      ...{ ...about, name, cut: new Map<string, number>(), kept: 0 },
      kind: name === 'tutti:ledger' ? 'ledger' : 'bounded-counter 0 100 atomic',
      state: encodeValue([0, '1.p.0', 0, [], machine.save()]),
    }))
    const part = { view: '1.p.0', members: ['p'], away: [], primary: true, line: 'L' }
    return assemble({ id: 'x', part, groups, missing: [] } as never, { space: 'test', taken: 0 })
  }
  const committed = assembled(machines(1))
  assert.deepEqual(heldIn(committed, 'east'), { value: 5, lastId: 0 })
  assert.deepEqual(heldIn(committed, 'west'), { value: 15, lastId: 0 })
  assert.deepEqual(heldIn(assembled(machines(2)), 'west'), { value: 10, lastId: 0 }, 'of one that is not decided')
  const { 'tutti:ledger': _, ...without } = machines(1)
  const unknown = assembled(without)
  assert.deepEqual(heldIn(unknown, 'east'), { value: 5, lastId: 0 })
  assert.equal(heldIn(unknown, 'west'), undefined, 'nobody can tell')
})
