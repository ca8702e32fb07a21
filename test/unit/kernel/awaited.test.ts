/** Newcomers that await a group's state when whoever has it goes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from './cluster.ts'

/** `a` opens group `h`; then `b` and `c` come, and no state. */
function awaiting(consistency: 'available' | 'consistent'): { readonly cluster: Cluster; readonly asked: number[] } {
  const cluster = new Cluster(['a', 'b', 'c'], {}, { leaveWaitMs: 0 })
  const asked: number[] = []
  cluster.watch = (_, event) => {
    if (event.type === 'snapshot' && event.group === 'h') asked.push(event.transfer)
  }
  cluster.join('a', { consistency, state: true }, 'h')
  cluster.run(100)
  for (const id of ['b', 'c']) cluster.join(id, { consistency, state: true }, 'h')
  cluster.run(100)
  return { cluster, asked }
}

const isTwo = (cluster: Cluster) => () => ['b', 'c'].every((id) => cluster.seen(id).members.length === 2)

test('awaited › a consistent group that was opened in this view waits for its holder, for whom those who await its state vouch', () => {
  const { cluster } = awaiting('consistent')
  cluster.crash('a')
  cluster.until(isTwo(cluster))
  for (const id of ['b', 'c']) assert.deepEqual(cluster.kernels.get(id)?.groups.byName.get('h')?.missing, ['a'])
})

test('awaited › a state that comes after the flush row is not taken: others who said the same have none', () => {
  const { cluster, asked } = awaiting('available')
  const states: string[] = []
  cluster.watch = (id, event) => {
    if (event.type === 'state') states.push(id)
  }
  let hasRow = false
  cluster.tamper = (frame, from, to, channel) => {
    if (from === 'c' && frame.t === 'control') hasRow ||= frame.messages.some(({ k }) => k === 'row')
    return channel === 'bulk' && to === 'c' ? null : frame
  }
  cluster.command('a', { type: 'leave', quick: false })
  cluster.until(() => hasRow)
  for (const transfer of asked) cluster.command('a', { type: 'snapshot', transfer, state: new Uint8Array(4) })
  cluster.until(isTwo(cluster))
  assert.deepEqual(states, [])
})
