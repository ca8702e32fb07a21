/** A goodbye is the last word: it carries the last vote, and says which groups end with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Limits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

/** What `c` says, in order, by kind. */
function listen(limits: Partial<Limits> = {}): { readonly cluster: Cluster; readonly said: string[] } {
  const cluster = new Cluster(['a', 'b', 'c'], { consistency: 'consistent' }, limits)
  const said: string[] = []
  cluster.tamper = (frame, from, to) => {
    if (from === 'c' && to === 'a' && frame.t === 'control') said.push(...frame.messages.map(({ k }) => k))
    return frame
  }
  return { cluster, said }
}

test('goodbye › whoever has said it promises to no further view', () => {
  const { cluster, said } = listen({ leaveWaitMs: 0 })
  cluster.crash('b')
  cluster.until(() => said.includes('row'))
  cluster.command('c', { type: 'leave', quick: false })
  cluster.run(1_000)
  assert.ok(said.includes('leave'), said.join())
  assert.deepEqual(said.slice(said.indexOf('leave') + 1), [])
})

test('goodbye › whoever has said it goes on to no further view of a group', () => {
  const { cluster, said } = listen({ leaveWaitMs: 0 })
  cluster.command('b', { type: 'leaveGroup', group: 'g' })
  cluster.run(12)
  cluster.command('c', { type: 'leave', quick: false })
  cluster.run(1_000)
  assert.ok(said.includes('leave'), said.join())
  assert.ok(!said.includes('groupCount'), said.join())
})

test('goodbye › waits until no group is changing', () => {
  const { cluster, said } = listen()
  cluster.command('b', { type: 'leaveGroup', group: 'g' })
  cluster.until(() => said.includes('groupCount'))
  const { view } = cluster.seen('c')
  cluster.command('c', { type: 'leave', quick: false })
  cluster.until(() => said.includes('leave'))
  assert.notEqual(cluster.seen('c').view, view)
})
