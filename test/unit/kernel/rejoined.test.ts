/** A member that left a group and came back to it, and has not heard of that before the space's next view. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from './cluster.ts'

test('rejoined › who left a group and came back unheard has none of its state, whatever its flush row says', () => {
  const cluster = new Cluster(['a', 'b', 'c'], {}, { leaveWaitMs: 0 })
  const plans: string[] = []
  cluster.watch = (id, event) => {
    if (event.type === 'snapshot')
      cluster.command(id, { type: 'snapshot', transfer: event.transfer, state: new Uint8Array(4) })
    if (id === 'c' && event.type === 'view' && event.group === 'h')
      plans.push(`${event.view.members.length} ${event.state}`)
  }
  for (const id of ['a', 'b', 'c']) {
    cluster.join(id, { consistency: 'available', state: true }, 'h')
    cluster.run(100)
  }
  assert.deepEqual(plans, ['3 replace'])
  cluster.command('c', { type: 'leaveGroup', group: 'h' })
  cluster.run(100)
  // From its next install on `c` hears nothing of `a`, which leads; then `a` is gone.
  let isDeaf = false
  cluster.tamper = (frame, from, to) => {
    if (from !== 'a' || to !== 'c') return frame
    isDeaf ||= frame.t === 'control' && frame.messages.some(({ k }) => k === 'groupInstall')
    return isDeaf ? null : frame
  }
  cluster.join('c', { consistency: 'available', state: true }, 'h')
  cluster.run(100)
  assert.deepEqual(cluster.kernels.get('b')?.groups.byName.get('h')?.members, ['a', 'b', 'c'])
  cluster.crash('a')
  cluster.until(() => cluster.seen('c').members.length === 2)
  cluster.run(100)
  assert.deepEqual(plans, ['3 replace', '3 replace', '2 replace'])
})
