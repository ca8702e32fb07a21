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

/** `c`, who alone has the state of `h`, leaves in a hurry while `d` is on the way in. What `d` is told at last. */
function leaveWhileEntered(isCutOff: (id: string) => boolean): [state: string, missing: readonly string[]] | undefined {
  const cluster = new Cluster(['a', 'b', 'c', 'd'], {})
  const options = { consistency: 'consistent', state: true, uniform: true, order: 'total' } as const
  const ended: (readonly string[])[] = []
  const told: [state: string, missing: readonly string[]][] = []
  let isCut = false
  cluster.tamper = (frame, from, to) => {
    if (from === 'c' && frame.t === 'control')
      for (const message of frame.messages) if (message.k === 'leave') ended.push(message.departed.ended)
    return isCut && isCutOff(from) !== isCutOff(to) ? null : frame
  }
  cluster.watch = (id, event) => {
    if (id === 'd' && event.type === 'view' && event.group === 'h') told.push([event.state, event.view.missing])
  }
  cluster.join('c', options, 'h')
  cluster.run(100)
  cluster.join('d', options, 'h')
  // Its page is closed once it has said how much it cast in its view.
  cluster.until(() => cluster.lines.some(({ e, g, gn }) => e === 'groupInstall' && g === 'h' && gn === 2))
  isCut = true
  cluster.command('c', { type: 'leave', quick: true })
  cluster.run(10_000)
  assert.deepEqual(ended[0], ['h'])
  return told.at(-1)
}

test('goodbye › a group does not end with the last who has its state, while somebody who may have got it is cut off', () => {
  assert.deepEqual(
    leaveWhileEntered((id) => id === 'b'),
    ['replace', ['c']],
  )
})

test('goodbye › whoever is on the way into a group begins anew when all are gone who can have its state', () => {
  assert.deepEqual(
    leaveWhileEntered(() => false),
    ['anew', []],
  )
})

test('goodbye › whoever says it is not the last of a group that somebody enters with a view still to come', () => {
  const cluster = new Cluster(['a', 'b', 'c', 'd'], {})
  const options = { consistency: 'consistent', state: true, uniform: true, order: 'total' } as const
  const ended: (readonly string[])[] = []
  const isDecided = () => cluster.lines.some(({ e, g, gn }) => e === 'groupInstall' && g === 'h' && gn === 3)
  let isLost = false
  cluster.tamper = (frame, from, to) => {
    if (from === 'c' && frame.t === 'control')
      for (const message of frame.messages) if (message.k === 'leave') ended.push(message.departed.ended)
    return isLost && frame.t !== 'control' && from === 'b' && to === 'c' ? null : frame
  }
  for (const id of ['c', 'b']) {
    cluster.join(id, options, 'h')
    cluster.run(100)
  }
  // `c` waits for what `b` cast, before it goes on to the view with `d`.
  isLost = true
  cluster.command('b', { type: 'cast', group: 'h', n: 1, payload: Uint8Array.of(1) })
  cluster.run(20)
  cluster.join('d', options, 'h')
  cluster.until(isDecided)
  cluster.run(20)
  cluster.command('b', { type: 'leave', quick: true })
  cluster.until(() => cluster.lines.some(({ e, p, q }) => e === 'departed' && p === 'c' && q === 'b'))
  cluster.command('c', { type: 'leave', quick: true })
  cluster.run(1_000)
  assert.deepEqual(ended[0], [])
})
