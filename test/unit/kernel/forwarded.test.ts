/** What somebody forwards for a cut that its sender was not to come along with, and then does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kernel } from '../../../lib/kernel/kernel.ts'
import { Cluster } from './cluster.ts'

test('forwarded › what its sender cast before it still counts when that comes, from one who comes along after all', () => {
  const cluster = new Cluster(['a', 'b', 'c'], {})
  const kernelOf = (id: string): Kernel => cluster.kernels.get(id) as Kernel
  cluster.tamper = (frame, from, to, channel) => (from === 'a' && to === 'c' && channel === 'data' ? null : frame)
  cluster.cast('a', 1)
  cluster.cast('a', 1)
  cluster.run(100)
  const rank = kernelOf('b').era.ranks.get('a') ?? -1
  const cast = kernelOf('b').era.held[rank]?.find(({ cast: { n } }) => n === 2)?.cast
  assert.ok(cast)
  const { era } = kernelOf('c')
  era.late.push({ cast, rank, isForwarded: true })
  // What a proposal does first; the cut before it must come at one moment of it, so it is done by hand.
  kernelOf('c').receiving.takeLate({ view: era.id, members: ['a', 'b', 'c'] })
  assert.deepEqual(era.late, [])
  cluster.tamper = (frame) => frame
  cluster.reset('a', 'c')
  cluster.run(2_000)
  assert.deepEqual(cluster.seen('c').delivered, ['a#1', 'a#2'])
  assert.equal(cluster.seen('c').members.length, 3)
})
