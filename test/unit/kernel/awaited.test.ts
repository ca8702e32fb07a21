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

test('awaited › if all leave who have the state, one of them gives it first, though who awaits it leaves as well', () => {
  const cluster = new Cluster(['a', 'b', 'c', 'd'], {})
  const options = { consistency: 'consistent', state: true } as const
  const has: string[] = []
  const left: string[] = []
  const asked: [string, number][] = []
  const answer = () => {
    for (const [id, transfer] of asked.splice(0))
      cluster.command(id, { type: 'snapshot', transfer, state: new Uint8Array(4) })
  }
  cluster.watch = (id, event) => {
    if (event.type === 'snapshot' && event.group === 'h') asked.push([id, event.transfer])
    if (event.type === 'state' && event.group === 'h') has.push(id)
    if (event.type === 'leftGroup') left.push(id)
    // It has the state by then, though its count did not say so.
    if (
      event.type === 'view' &&
      event.group === 'h' &&
      id === 'c' &&
      event.view.members.some((member) => member.id === 'd')
    )
      cluster.command('c', { type: 'leaveGroup', group: 'h' })
  }
  cluster.join('b', options, 'h')
  cluster.run(100)
  cluster.join('c', options, 'h')
  cluster.until(() => cluster.lines.some(({ e, g, gn }) => e === 'groupInstall' && g === 'h' && gn === 2))
  cluster.command('b', { type: 'leaveGroup', group: 'h' })
  cluster.join('d', options, 'h')
  // Those who await the state answer at once, who is to give it does not.
  cluster.run(100)
  for (let i = 0; i < 10; i += 1) {
    answer()
    cluster.run(100)
  }
  assert.ok(has.includes('d'))
  assert.deepEqual(left.sort(), ['b', 'c'])
})

test('awaited › a state that came late is given to the others, though the view of the space changes before they are asked for it', () => {
  // Without a there is no line.
  const cluster = new Cluster(['b', 'c', 'd', 'e'], {}, { leaveWaitMs: 0 })
  const options = { consistency: 'consistent', state: true } as const
  const asked: number[] = []
  const has: string[] = []
  cluster.watch = (id, event) => {
    if (event.type === 'state' && event.group === 'h') has.push(id)
    if (event.type !== 'snapshot' || event.group !== 'h') return
    if (id === 'b') asked.push(event.transfer)
    else cluster.command(id, { type: 'snapshot', transfer: event.transfer, state: new Uint8Array(4) })
  }
  cluster.join('b', options, 'h')
  cluster.run(100)
  for (const id of ['c', 'd']) cluster.join(id, options, 'h')
  cluster.run(100)
  // What b gives comes to c after its row, and to d not at all. The view of the space in which c offers it to d is over
  // before that is done, because d's answer is lost with its path.
  let isLost = false
  cluster.tamper = (frame, from, to, channel) => {
    if (channel === 'bulk' && from === 'b' && to === 'd') return null
    const isCount = frame.t === 'control' && frame.messages.some(({ k }) => k === 'groupCount')
    if (!isCount || from !== 'd' || isLost) return frame
    isLost = true
    return null
  }
  cluster.command('b', { type: 'leave', quick: false })
  cluster.until(() => cluster.lines.some(({ e, p, view }) => e === 'row' && p === 'c' && view === '3.c'))
  for (const transfer of asked) cluster.command('b', { type: 'snapshot', transfer, state: new Uint8Array(4) })
  cluster.until(() => has.length > 0 && cluster.lines.some(({ e, view }) => e === 'install' && view === '3.c'))
  cluster.command('e', { type: 'leave', quick: false })
  cluster.until(() => cluster.lines.some(({ e, view }) => e === 'propose' && view === '4.c'))
  cluster.reset('c', 'd')
  cluster.run(3_000)
  assert.deepEqual(has, ['c', 'd'])
})
