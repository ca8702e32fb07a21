/** For how long those who are expelled had been heard of by nobody, as the view without them tells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const ALL = ['a', 'b', 'c', 'd']

/** A cluster in which nothing of `c` arrives anywhere from here on, but at these. */
function mute(cluster: Cluster, except: readonly string[] = []): void {
  cluster.tamper = (frame, from, to) => (from === 'c' && !except.includes(to) ? null : frame)
}

function quietAt(cluster: Cluster, id: string): number | undefined {
  return cluster.kernels.get(id)?.era.view.quietMs
}

test('quiet › a view without a member says for how long that one had not been heard of, the same at all', () => {
  const cluster = new Cluster(ALL, {})
  cluster.run(10_000)
  const muteAt = cluster.now
  mute(cluster)
  cluster.until(() => cluster.seen('a').members.length === 3)
  const quiet = quietAt(cluster, 'a')
  assert.ok(quiet !== undefined && quiet > defaultLimits.suspectAfterMs - defaultLimits.heartbeatMs, `${quiet} ms`)
  // What flew then was heard.
  assert.ok(quiet <= cluster.now - muteAt + 10 + defaultLimits.heartbeatMs)
  assert.equal(cluster.kernels.get('a')?.groups.byName.get('g')?.members.length, 3)
  cluster.run(100)
  for (const id of ['b', 'd']) assert.equal(quietAt(cluster, id), quiet)
  // The next view, which expels nobody, says nothing of that.
  mute(cluster, ALL)
  cluster.until(() => cluster.seen('a').members.length === 4)
  assert.equal(quietAt(cluster, 'a'), undefined)
})

test('quiet › whoever hears of it last counts', () => {
  const cluster = new Cluster(ALL, {})
  cluster.run(10_000)
  mute(cluster, ['b'])
  cluster.run(2_000)
  const lastAt = cluster.now
  mute(cluster)
  cluster.until(() => cluster.seen('a').members.length === 3)
  const quiet = quietAt(cluster, 'a') ?? 0
  assert.ok(quiet <= cluster.now - lastAt + defaultLimits.heartbeatMs, `${quiet} ms`)
})

test('quiet › where somebody else has left or is proven dead, it may have been the one that answered last', () => {
  const cluster = new Cluster(ALL, {})
  cluster.run(10_000)
  mute(cluster)
  cluster.run(defaultLimits.suspectAfterMs - 100)
  cluster.die('d')
  cluster.until(() => cluster.seen('a').members.length === 2)
  const { expelled, dead } = cluster.kernels.get('a')?.era.view ?? {}
  assert.deepEqual([expelled, dead], [['c'], ['d']])
  assert.equal(quietAt(cluster, 'a'), undefined)
})
