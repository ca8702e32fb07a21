/** A causal past of more casts than one cast may list. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../lib/kernel/api.ts'
import { Cluster } from './cluster.ts'

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
