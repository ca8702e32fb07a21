/** A member that only one other finds silent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const { suspectAfterMs, secondOpinionMs, heartbeatMs } = defaultLimits

/** Loses the heartbeats of `c` on its way to some. */
function mute(cluster: Cluster, isLost: (to: string) => boolean): void {
  cluster.tamper = (frame: Frame, from, to) => (frame.t === 'heartbeat' && from === 'c' && isLost(to) ? null : frame)
}

test('detector › who is silent to the coordinator alone is given longer, and stays if it is heard again', () => {
  const cluster = new Cluster(['a', 'b', 'c'], {})
  mute(cluster, (to) => to === 'a')
  cluster.run(suspectAfterMs + secondOpinionMs / 2)
  assert.deepEqual(cluster.seen('a').members, ['a', 'b', 'c'])
  mute(cluster, () => false)
  cluster.run(suspectAfterMs * 2)
  assert.deepEqual(cluster.seen('a').members, ['a', 'b', 'c'])
})

test('detector › a silence that lasts leaves a member out, though others hear it', () => {
  const cluster = new Cluster(['a', 'b', 'c'], {})
  mute(cluster, (to) => to === 'a')
  cluster.run(suspectAfterMs + secondOpinionMs + heartbeatMs + 500)
  assert.deepEqual(cluster.seen('a').members, ['a', 'b'])
})

test('detector › whom two find silent is left out at once', () => {
  const cluster = new Cluster(['a', 'b', 'c', 'd'], {})
  mute(cluster, (to) => to !== 'd')
  cluster.run(suspectAfterMs + heartbeatMs + 500)
  assert.ok(!cluster.seen('a').members.includes('c'))
})
