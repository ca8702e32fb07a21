/** INSTALL of a group view and the casts in it come by two streams, so the casts may be first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from './cluster.ts'

test('group views › a uniform cast is not released before all its addressees have heard of its view', () => {
  const cluster = new Cluster(['a', 'b', 'c'], { uniform: true })
  const old = cluster.seen('a').view
  cluster.tamper = (frame, _from, to) =>
    to === 'b' && frame.t === 'control' && frame.messages.some(({ k }) => k === 'groupInstall') ? null : frame
  cluster.command('c', { type: 'leaveGroup', group: 'g' })
  cluster.until(() => cluster.seen('a').view !== old)
  cluster.cast('a', 10)
  cluster.run(300)
  assert.notEqual(cluster.seen('b').view, cluster.seen('a').view)
  assert.deepEqual(cluster.seen('a').delivered, [])
})

test('group views › nor before they know that what it depends on is not for them', () => {
  const cluster = new Cluster(['a', 'b'], { uniform: true })
  for (const id of ['a', 'b']) cluster.join(id, {}, 'x')
  cluster.run(300)
  const membersOfX = (): number | undefined => cluster.kernels.get('a')?.groups.byName.get('x')?.members.length
  assert.equal(membersOfX(), 2)
  cluster.tamper = (frame, _from, to) =>
    to === 'b' && frame.t === 'control' && frame.messages.some(({ k }) => k === 'groupInstall') ? null : frame
  cluster.command('b', { type: 'leaveGroup', group: 'x' })
  cluster.until(() => membersOfX() === 1)
  // The second is for `a` alone; `b` takes it for one that is still to come, and would drop the third with it at a cut.
  const payload = new Uint8Array(1)
  const casts = ['g', 'x', 'g'].map((group, i) => ({ type: 'cast', group, n: i + 1, payload }) as const)
  cluster.command('a', ...casts)
  cluster.run(300)
  assert.deepEqual(cluster.seen('a').delivered, [])
  cluster.tamper = (frame) => frame
  cluster.reset('a', 'b')
  cluster.run(300)
  assert.deepEqual(cluster.seen('a').delivered, ['a#1', 'a#2', 'a#3'])
  assert.deepEqual(cluster.seen('b').delivered, ['a#1', 'a#3'])
})
