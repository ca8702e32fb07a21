/** Local health: whoever is late itself waits longer before it finds others silent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Kernel } from '../../../lib/kernel/kernel.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const { suspectAfterMs, heartbeatMs, lateMax } = defaultLimits
/** Later than two periods, and far from asleep. */
const LATE_MS = heartbeatMs * 2 + 200

/** The timers of one fire late, so often. */
function beLate(cluster: Cluster, id: string, times: number, ms = LATE_MS): void {
  for (let i = 0; i < times; i += 1) {
    const kernel = cluster.kernels.get(id)
    assert.ok(kernel)
    cluster.kernels.delete(id)
    cluster.run(ms)
    cluster.kernels.set(id, kernel as Kernel)
    cluster.run(20)
  }
}

/** For how long a alone waits for c, which falls silent to all now. */
function patience(cluster: Cluster): number {
  cluster.run(heartbeatMs)
  cluster.kernels.delete('c')
  const { now } = cluster
  cluster.until(() => cluster.seen('a').members.join() === 'a,b')
  return cluster.now - now
}

/** Its last heartbeat may be a period old; then a flush. */
const around = (ms: number, expected: number): void =>
  assert.ok(ms > expected - heartbeatMs - 50 && ms < expected + 300, `${ms} ms, about ${expected} expected`)

test('late › one that is on time waits for suspectAfterMs', () => {
  around(patience(new Cluster(['a', 'b', 'c'], {})), suspectAfterMs)
})

test('late › one that was late again and again waits longer, and twice as long at most', () => {
  for (const [times, more] of [
    [1, 0],
    [2, 1],
    [4, 3],
    [9, 3],
  ] as const) {
    const cluster = new Cluster(['a', 'b', 'c'], {})
    for (const id of ['a', 'b']) beLate(cluster, id, times)
    const waits = patience(cluster)
    // It wears off meanwhile: one in four heartbeats.
    assert.ok(waits <= suspectAfterMs * (1 + more / (lateMax - 1)) + 300, `late ${times} times: ${waits} ms`)
    assert.ok(waits >= suspectAfterMs + (times > 2 ? 500 : -heartbeatMs), `late ${times} times: ${waits} ms`)
  }
})

test('late › after a while on time it waits as before', () => {
  const cluster = new Cluster(['a', 'b', 'c'], {})
  beLate(cluster, 'a', 9)
  cluster.run(4 * heartbeatMs * (lateMax + 1))
  around(patience(cluster), suspectAfterMs)
})

test('late › one that slept was not late', () => {
  const cluster = new Cluster(['a', 'b', 'c'], {})
  beLate(cluster, 'a', 1, suspectAfterMs - heartbeatMs + 20)
  cluster.run(200)
  assert.equal(cluster.seen('a').members.length, 3)
  around(patience(cluster), suspectAfterMs)
})
