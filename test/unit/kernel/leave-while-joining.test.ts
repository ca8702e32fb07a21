/** Whoever leaves a group before it is in: found by the Yjs adapter's random workload, where people disconnect at once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counterKind } from '../../../lib/objects/counter.ts'
import { AppCluster } from '../tools/app-cluster.ts'

const options = {}

for (const after of [1, 5, 12, 15, 25, 40]) {
  test(`leave while joining › after ${after} ms: it is out for all, and can come back`, async () => {
    const cluster = await AppCluster.of(['a', 'b', 'c'])
    cluster.open('a', counterKind, { options })
    cluster.open('b', counterKind, { options })
    await cluster.until(() => cluster.app('a').group('g')?.view?.members.length === 2)
    cluster.open('c', counterKind, { options })
    await cluster.run(after)
    const left = cluster.app('c').group('g')?.close()
    assert.ok(left)
    await cluster.until(() => cluster.app('c').group('g') === undefined)
    await left
    await cluster.run(200)
    for (const id of ['a', 'b']) assert.deepEqual(cluster.app(id).group('g')?.view?.members, ['a', 'b'])
    const again = cluster.open('c', counterKind, { options })
    await cluster.until(() => cluster.app('c').group('g')?.isWhole === true)
    assert.deepEqual(cluster.app('c').group('g')?.view?.members, ['a', 'b', 'c'])
    again.add(1)
    await cluster.run(100)
    assert.deepEqual(cluster.faults, [])
  })
}
