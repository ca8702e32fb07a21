/** Total order engines, in a few kernels whose frames pass through bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TotalEngineName } from '../../../lib/kernel/api.ts'
import type { Cast, Frame } from '../../../lib/kernel/frame.ts'
import { isRecord } from '../../../lib/kernel/total.ts'
import { Cluster } from './cluster.ts'

const ENGINES: readonly TotalEngineName[] = ['sequencer', 'moving', 'round-robin']
const IDS = ['a', 'b', 'c', 'd']

function cluster(engine: TotalEngineName, more: { readonly uniform?: boolean; readonly moveAfter?: number } = {}) {
  const { uniform = false, moveAfter = 4 } = more
  const made = new Cluster(IDS, { order: 'total', engine, uniform }, { moveAfter })
  made.run(500)
  return made
}

/** Notes who sends records from here on, once for each record and receiver. */
function recordsOf(made: Cluster): string[] {
  const by: string[] = []
  made.tamper = (frame, from) => {
    for (const cast of castsOf(frame)) if (isRecord(cast)) by.push(from)
    return frame
  }
  return by
}

function castsOf(frame: Frame): Cast[] {
  return frame.t === 'data' ? frame.items.flatMap((item) => (item.k === 'cast' ? [item.cast] : [])) : []
}

test("engines › casts that cross have one order, each sender's own among them, whatever the engine", () => {
  for (const engine of ENGINES) {
    for (const uniform of [false, true]) {
      const made = cluster(engine, { uniform })
      for (let round = 0; round < 6; round += 1) {
        for (const id of IDS.slice(round % 3)) made.cast(id, 10)
        made.run(round * 7)
      }
      made.run(500)
      const order = made.seen('a').delivered
      assert.equal(order.length, 18, engine)
      for (const id of IDS) {
        assert.deepEqual(made.seen(id).delivered, order, engine)
        const own = order.filter((name) => name.startsWith(`${id}#`))
        assert.deepEqual(
          own,
          own.map((_, i) => `${id}#${i + 1}`),
        )
      }
    }
  }
})

test('engines › the engine is part of what a group is', () => {
  const made = cluster('moving')
  made.crash('d')
  made.join('c', { order: 'total', engine: 'round-robin' }, 'h')
  made.run(5_000)
  made.join('b', { order: 'total' }, 'h')
  made.join('a', { order: 'total', engine: 'round-robin' }, 'h')
  made.run(500)
  assert.deepEqual(made.seen('b').joins, ['g ok', 'h mismatch'])
  assert.deepEqual(made.seen('a').joins, ['g ok', 'h ok'])
})

test('moving sequencer › the role goes to whoever casts most, and stays where nobody does', () => {
  const made = cluster('moving')
  const by = recordsOf(made)
  for (let i = 0; i < 8; i += 1) {
    made.cast('c', 1)
    made.run(100)
  }
  // Three receivers for each record: a gave four of them, of which the last hands over.
  assert.deepEqual(by, [...Array(12).fill('a'), ...Array(12).fill('c')])
  by.length = 0
  for (let i = 0; i < 12; i += 1) {
    made.cast(IDS[i % 4] ?? 'a', 1)
    made.run(100)
  }
  assert.deepEqual(new Set(by), new Set(['c']))
})

test('moving sequencer › whoever is busy hands over with the next number it gives, and nothing before', () => {
  const made = cluster('moving', { moveAfter: 1_000 })
  const by = recordsOf(made)
  made.command('a', { type: 'busy', busy: true })
  made.run(1_000)
  assert.deepEqual(by, [])
  for (let i = 0; i < 3; i += 1) {
    made.cast('b', 1)
    made.run(100)
  }
  assert.deepEqual(by, ['a', 'a', 'a', 'b', 'b', 'b', 'b', 'b', 'b'])
  assert.deepEqual(made.seen('d').delivered, ['b#1', 'b#2', 'b#3'])
})

test('round robin › who has nothing to cast passes once for all casts that came together, and nobody when it is quiet', () => {
  const made = cluster('round-robin')
  const by = recordsOf(made)
  for (let i = 0; i < 20; i += 1) made.cast('b', 1)
  made.run(25)
  assert.equal(made.seen('a').delivered.length, 20)
  // The first cast goes at once, the others with it or after it: few steps, so few passes.
  assert.ok(by.length <= 20 * 9 && by.length >= 9 && !by.includes('b'), by.join())
  made.run(1_000)
  let frames = 0
  made.tamper = (frame) => {
    if (frame.t !== 'heartbeat') frames += 1
    return frame
  }
  made.run(10_000)
  assert.equal(frames, 0)
})

test('round robin › all cast alike: one delay, and nobody passes', () => {
  const made = cluster('round-robin')
  const by = recordsOf(made)
  for (const id of [...IDS].reverse()) made.cast(id, 1)
  made.run(11)
  for (const id of IDS) assert.deepEqual(made.seen(id).delivered, ['a#1', 'b#1', 'c#1', 'd#1'])
  assert.deepEqual(by, [])
})

test('round robin › a turn that nobody can reach stops the group, not the members', () => {
  for (const turn of [2 ** 41, Number.MAX_SAFE_INTEGER]) {
    const made = cluster('round-robin')
    made.tamper = (frame, from) => {
      if (frame.t !== 'data' || from !== 'b') return frame
      const lie = (cast: Cast): Cast => ({ ...cast, order: cast.order === null ? null : [turn] })
      return { ...frame, items: frame.items.map((i) => (i.k === 'cast' ? { ...i, cast: lie(i.cast) } : i)) }
    }
    for (const id of IDS) made.cast(id, 1)
    made.run(2_000)
    made.crash('b')
    made.run(10_000)
    for (const id of ['a', 'c', 'd']) made.cast(id, 1)
    made.run(500)
    for (const id of ['a', 'c', 'd']) {
      assert.deepEqual(made.seen(id).members, ['a', 'c', 'd'])
      assert.deepEqual(made.seen(id).delivered.slice(-3), ['a#2', 'c#2', 'd#2'])
    }
  }
})
