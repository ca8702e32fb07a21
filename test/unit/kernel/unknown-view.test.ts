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
