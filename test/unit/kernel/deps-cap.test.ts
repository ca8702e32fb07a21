/** A causal past of more casts than one cast may list. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../lib/kernel/api.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { Cluster } from './cluster.ts'

const depsMax = 4
const groups = Array.from({ length: 3 * depsMax }, (_, i) => `g${i}`)

/** In so many groups, of which each may have a cast in the past of the next. `listed`: the longest list that was sent. */
function inManyGroups(ids: readonly string[]): { readonly cluster: Cluster; readonly listed: () => number } {
  const cluster = new Cluster(ids, { order: 'causal' }, { depsMax })
  for (const id of ids) for (const group of groups) cluster.join(id, {}, group)
  cluster.run(1_000)
  let listed = 0
  cluster.tamper = (frame) => {
    for (const deps of depsOf(frame)) listed = Math.max(listed, deps.length / 3)
    return frame
  }
  return { cluster, listed: () => listed }
}

function depsOf(frame: Frame): (readonly number[])[] {
  return frame.t === 'data' ? frame.items.flatMap((item) => (item.k === 'cast' ? [item.cast.deps] : [])) : []
}

function castIn(some: readonly string[], first = 1): Command[] {
  return some.map((group, i) => ({ type: 'cast', group, n: first + i, payload: Uint8Array.of(i) }))
}

const numbered = (id: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${id}#${i + 1}`)

test('casting › whose causal past is longer than a list may be waits until some of it is delivered everywhere', () => {
  const depsMax = 8
  const cluster = new Cluster(['a', 'b'], { order: 'causal' }, { depsMax })
  const groups = Array.from({ length: 3 * depsMax }, (_, i) => `g${i}`)
  for (const id of ['a', 'b']) for (const group of groups) cluster.join(id, {}, group)
  cluster.run(1_000)
  const casts = groups.map((group, i): Command => ({ type: 'cast', group, n: i + 1, payload: Uint8Array.of(i) }))
  cluster.command('a', ...casts)
  cluster.until(() => cluster.seen('b').delivered.length === groups.length)
  assert.deepEqual(
    cluster.seen('b').delivered,
    groups.map((_, i) => `a#${i + 1}`),
  )
  assert.deepEqual(cluster.seen('b').faults, [])
})

test('casting › a list is never longer than it may be, and what would make it so goes when some of it is delivered', () => {
  const { cluster, listed } = inManyGroups(['a', 'b', 'c'])
  cluster.command('a', ...castIn(groups))
  cluster.run(15)
  // The first has no past; the last of these lists as much as may be.
  assert.deepEqual(cluster.seen('b').delivered, numbered('a', depsMax + 1))
  cluster.run(5_000)
  for (const id of ['a', 'b', 'c']) assert.deepEqual(cluster.seen(id).delivered, numbered('a', groups.length))
  assert.equal(listed(), depsMax)
  assert.deepEqual(cluster.seen('a').ends, [])
})

test('casting › what others have cast counts too', () => {
  const { cluster, listed } = inManyGroups(['a', 'b', 'c'])
  const half = groups.length / 2
  cluster.command('b', ...castIn(groups.slice(0, depsMax + 1)))
  cluster.command('c', ...castIn(groups.slice(half, half + depsMax + 1)))
  cluster.run(12)
  assert.equal(cluster.seen('a').delivered.length, 2 * (depsMax + 1))
  cluster.command('a', ...castIn(['g0']))
  cluster.run(12)
  assert.ok(!cluster.seen('b').delivered.includes('a#1'))
  cluster.run(5_000)
  for (const id of ['a', 'b', 'c']) assert.equal(cluster.seen(id).delivered.at(-1), 'a#1')
  assert.ok(listed() <= depsMax)
})

test('casting › whoever is held back by a list is told what is delivered everywhere, though nothing else is said', () => {
  const { cluster } = inManyGroups(['a', 'b', 'c', 'd', 'e'])
  // What d casts is lost on its way to c, which holds what others cast, but waits with it.
  const { tamper } = cluster
  cluster.tamper = (frame, from, to, channel) =>
    from === 'd' && to === 'c' && channel === 'data' ? null : tamper(frame, from, to, channel)
  cluster.command('d', ...castIn(['g0']))
  cluster.run(15)
  cluster.command('b', ...castIn(groups.slice(0, depsMax)))
  cluster.command('e', ...castIn(groups.slice(depsMax, 2 * depsMax)))
  cluster.run(300)
  assert.deepEqual(cluster.seen('c').delivered, [])
  cluster.command('a', ...castIn(groups.slice(-1)))
  cluster.run(300)
  assert.ok(!cluster.seen('b').delivered.includes('a#1'))
  cluster.tamper = tamper
  cluster.reset('c', 'd')
  cluster.run(300)
  for (const id of ['a', 'b', 'c', 'd', 'e']) assert.equal(cluster.seen(id).delivered.at(-1), 'a#1')
})

test('casting › whoever is held back by a list goes on when the member that it waits for is gone', () => {
  const { cluster, listed } = inManyGroups(['a', 'b', 'c'])
  cluster.command('a', ...castIn(groups))
  cluster.crash('c')
  cluster.run(60)
  assert.deepEqual(cluster.seen('b').delivered, numbered('a', depsMax + 1))
  cluster.until(() => cluster.seen('b').members.length === 2)
  cluster.run(2_000)
  for (const id of ['a', 'b']) assert.deepEqual(cluster.seen(id).delivered, numbered('a', groups.length))
  assert.equal(listed(), depsMax)
  assert.deepEqual(cluster.seen('a').ends, [])
})

test('casting › nor does it wait long for one that has said that it is about to be frozen', () => {
  const { cluster } = inManyGroups(['a', 'b', 'c'])
  cluster.command('c', { type: 'suspend' })
  cluster.run(15)
  // Frozen: nothing goes in or out, and its links stay up.
  cluster.kernels.delete('c')
  const start = cluster.now
  cluster.command('a', ...castIn(groups))
  cluster.until(() => cluster.seen('b').delivered.length === groups.length)
  assert.ok(cluster.now - start < 1_000, `${cluster.now - start} ms`)
})

test('casting › a frame that lists one more is refused, and what it carried comes when it is sent as it ought to be', () => {
  const { cluster } = inManyGroups(['a', 'b'])
  const list = (count: number): number[] => Array.from({ length: count }, (_, i) => [0, 2 * i, 0]).flat()
  for (const [count, faults] of [
    [depsMax, []],
    [depsMax + 1, ['a too-large']],
  ] as const) {
    const { delivered } = cluster.seen('b')
    const before = delivered.length
    let left = 1
    cluster.tamper = (frame, from) => {
      if (from !== 'a' || left === 0 || depsOf(frame).length === 0 || frame.t !== 'data') return frame
      left -= 1
      const items = frame.items.map((item) =>
        item.k === 'cast' ? { ...item, cast: { ...item.cast, deps: list(count) } } : item,
      )
      return { ...frame, items }
    }
    cluster.command('a', ...castIn(['g0'], before + 1))
    cluster.run(15)
    assert.deepEqual(cluster.seen('b').faults, faults)
    assert.equal(delivered.length, before + (faults.length === 0 ? 1 : 0))
    cluster.reset('a', 'b')
    cluster.run(500)
    assert.equal(delivered.length, before + 1)
  }
})
