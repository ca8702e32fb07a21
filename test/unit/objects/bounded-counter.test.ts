/** The bounded counter: bounds and ids that hold whatever becomes of the casts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClosedError, TuttiError, UsageError, ValueError } from '../../../lib/errors.ts'
import {
  type BoundedCounter,
  type BoundedCounterOptions,
  type BoundedMachine,
  boundedCounterKind,
  type IdBlock,
} from '../../../lib/objects/bounded-counter.ts'
import type { CounterChange } from '../../../lib/objects/counter.ts'
import { OutOfBoundsError } from '../../../lib/tool-errors.ts'
import { asked, runCourse } from './requests.ts'
import { TotalCluster } from './total-cluster.ts'

function made(count: number, options: BoundedCounterOptions = { min: 0 }, seed = 1) {
  const cluster = new TotalCluster(boundedCounterKind, options, count, seed)
  return { cluster, of: (id: string) => cluster.primary.find((member) => member.id === id)?.handle as BoundedCounter }
}

test('bounded counter › of those that take the last one, exactly one gets it', async () => {
  const { cluster, of } = made(4)
  const first = asked(of('p0').add(1))
  await cluster.rest()
  assert.equal(first.result, 1)
  const takes = cluster.primary.map(({ handle }) => asked(handle.add(-1)))
  await cluster.advance(100)
  assert.deepEqual(takes.map(({ result }) => (result instanceof OutOfBoundsError ? result.code : result)).sort(), [
    0,
    'out-of-bounds',
    'out-of-bounds',
    'out-of-bounds',
  ])
  for (const { handle } of cluster.primary) assert.deepEqual([handle.value, handle.snapshot], [0, 0])
})

test('bounded counter › it starts at 0 or the bound next to it, and reaches its bounds but not beyond', async () => {
  for (const [options, start] of [
    [{ min: 0 }, 0],
    [{ min: 3, max: 5 }, 3],
    [{ max: -2 }, -2],
    [{ min: -1, max: 1 }, 0],
  ] as const) {
    const { cluster, of } = made(1, options)
    const counter = of('p0')
    assert.equal(counter.value, start)
    for (const [bound, beyond] of [
      [counter.max, 1],
      [counter.min, -1],
    ] as const) {
      // One step may be too large to be a number that counts.
      asked(counter.add(-counter.value))
      await cluster.rest()
      const reach = asked(counter.add(bound - counter.value))
      await cluster.rest()
      assert.equal(reach.result, bound)
      const refused = asked(counter.add(beyond))
      await cluster.rest()
      assert.ok(refused.result instanceof OutOfBoundsError && refused.result instanceof TuttiError)
      assert.ok(refused.result.definite)
      assert.equal(counter.value, bound)
    }
  }
})

test('bounded counter › what is no whole number is refused here, and so are bounds that are none', async () => {
  const { cluster, of } = made(1)
  for (const n of [Number.NaN, 0.5, Number.POSITIVE_INFINITY, 2 ** 53, '1' as never]) {
    await assert.rejects(of('p0').add(n), UsageError)
    await assert.rejects(of('p0').block(n), UsageError)
  }
  for (const n of [0, -1]) await assert.rejects(of('p0').block(n), UsageError)
  assert.equal(cluster.primary[0]?.casts, 0)
  for (const options of [{ min: 1, max: 0 }, { min: 0.5 }, { max: Number.NaN }]) {
    assert.throws(() => made(1, options), UsageError)
  }
})

test('bounded counter › blocks of ids follow one another, whatever the value and its bounds', async () => {
  const { cluster } = made(3, { min: 0, max: 5 })
  const blocks = cluster.primary.map(({ handle }, i) => asked(handle.block(10 + i)))
  await cluster.advance(100)
  const sorted = blocks.map(({ result }) => result as IdBlock).sort((a, b) => a.from - b.from)
  let next = 1
  for (const { from, to } of sorted) {
    assert.equal(from, next)
    next = to + 1
  }
  assert.equal(next, 34)
  const tooMany = asked(cluster.primary[0]?.handle.block(Number.MAX_SAFE_INTEGER - 32))
  await cluster.rest()
  assert.ok(tooMany.result instanceof OutOfBoundsError)
  assert.equal(cluster.primary[0]?.handle.value, 0)
})

test('bounded counter › a change has a sum for each author; of a state that came, none is named', async () => {
  const { cluster, of } = made(3)
  const changes: CounterChange[] = []
  const [, second] = cluster.primary
  assert.ok(second)
  second.handle.addEventListener('change', (event) => changes.push(...event.changes))
  asked(of('p0').add(5))
  await cluster.rest()
  asked(of('p1').add(-2))
  asked(of('p2').add(-9))
  asked(of('p2').read())
  await cluster.rest()
  cluster.cutOff(second)
  asked(of('p0').add(4))
  await cluster.rest()
  cluster.join(second)
  assert.deepEqual(changes, [
    { author: 'p0', delta: 5, value: 5, local: false },
    { author: 'p1', delta: -2, value: 3, local: true },
    { author: null, delta: 4, value: 7, local: false },
  ])
})

test('bounded counter › malformed requests and states change nothing, and closed, it rejects', async () => {
  const { of } = made(1)
  const machine = of('p0').replica.machine as BoundedMachine
  const caller = { process: 'p0', call: 1 }
  for (const body of [null, [], [0, 1], [1], [1, 0.5], [1, '1'], [2, 0], [2, -1], [3, 1], [1, 1, 1]]) {
    assert.equal(machine.apply(body, caller), null, JSON.stringify(body))
  }
  for (const state of [null, [0], [-1, 0], [0.5, 0], [0, -1], ['0', 0]]) {
    assert.throws(() => machine.load(state), ValueError)
  }
  assert.deepEqual(machine.save(), [0, 0])
  of('p0').handleEnd()
  await assert.rejects(of('p0').add(1), ClosedError)
})

test('bounded counter › in any order of losses, states and views it is never below its bound, and no id is given twice', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const ids = new Set<number>()
    let sum = 0
    let refused = 0
    let open = 0
    const { members, unknown } = await runCourse(
      boundedCounterKind,
      { min: 0, max: 6 },
      seed,
      async (handle, random) => {
        assert.ok(handle.value >= 0 && handle.value <= 6)
        const n = Math.floor(random() * 9) - 4
        if (random() < 0.3) {
          const { from, to } = await handle.block(1 + Math.abs(n))
          for (let id = from; id <= to; id += 1) assert.ok(!ids.has(id) && ids.add(id), `${id} was given twice`)
          return
        }
        open += 1
        try {
          const value = await handle.add(n)
          assert.ok(value >= 0 && value <= 6, `${value}`)
          sum += n
        } catch (error) {
          if (!(error instanceof OutOfBoundsError)) throw error
          refused += 1
        }
        open -= 1
      },
    )
    const [first] = members
    for (const { handle } of members) assert.equal(handle.value, first?.handle.value)
    assert.ok(refused > 0, `seed ${seed}: nothing was ever refused`)
    assert.ok(open <= unknown)
    if (open === 0) assert.equal(first?.handle.value, sum, `seed ${seed}`)
  }
})
