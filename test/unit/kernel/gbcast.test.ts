/** Gbcasts: ordered against everything that is cast in the group, by a cut of it of which the application is told nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupOptions } from '../../../lib/kernel/api.ts'
import type { Message } from '../../../lib/kernel/frame.ts'
import { Cluster } from './cluster.ts'

const ALL = ['a', 'b', 'c']

/** A cluster, and the kinds of control messages that it has sent since. */
function watched(
  options: Partial<GroupOptions>,
  ids: readonly string[] = ALL,
): { cluster: Cluster; sent: Message['k'][] } {
  const cluster = new Cluster(ids, options)
  const sent: Message['k'][] = []
  cluster.tamper = (frame) => {
    if (frame.t === 'control') sent.push(...frame.messages.map(({ k }) => k))
    return frame
  }
  return { cluster, sent }
}

/** What each of these has delivered before the cast, as a set. */
function before(cluster: Cluster, ids: readonly string[], m: string): string[][] {
  return ids.map((id) => {
    const { delivered } = cluster.seen(id)
    const at = delivered.indexOf(m)
    assert.ok(at >= 0, `${id} has delivered ${delivered.join()}`)
    return delivered.slice(0, at).sort()
  })
}

for (const order of ['fifo', 'causal', 'total'] as const) {
  for (const uniform of [false, true]) {
    const kind = `${order}${uniform ? ', uniform' : ''}`

    test(`gbcast › in a ${kind} group it has the same casts before it at all members`, () => {
      const { cluster } = watched({ order, uniform })
      const { view } = cluster.seen('a')
      for (let round = 0; round < 6; round += 1) {
        for (const id of ALL) cluster.cast(id, 10)
        if (round === 2) cluster.cast('b', 10, 'gbcast')
        for (const id of ALL) cluster.cast(id, 10)
        cluster.run(7)
      }
      cluster.run(1_000)
      const [ofA, ...others] = before(cluster, ALL, 'b#6')
      for (const other of others) assert.deepEqual(other, ofA)
      for (const id of ALL) {
        const { delivered } = cluster.seen(id)
        assert.equal(delivered.length, 37)
        // Each sender's casts in its order, the gbcast among them.
        for (const sender of ALL) {
          const numbers = delivered.filter((m) => m.startsWith(sender)).map((m) => Number(m.slice(2)))
          assert.deepEqual(
            numbers,
            numbers.map((_, i) => i + 1),
          )
        }
        assert.equal(cluster.seen(id).view, view, 'the view goes on')
      }
    })
  }
}

test('gbcast › several before one cut come in one order, by one round', () => {
  const { cluster, sent } = watched({ order: 'fifo' })
  for (const id of ['b', 'c', 'b', 'a']) cluster.cast(id, 10, 'gbcast')
  cluster.run(500)
  const { delivered } = cluster.seen('a')
  assert.deepEqual([...delivered].sort(), ['a#1', 'b#1', 'b#2', 'c#1'])
  for (const id of ['b', 'c']) assert.deepEqual(cluster.seen(id).delivered, delivered)
  // Of the members' own messages to themselves, none is sent.
  assert.equal(sent.filter((k) => k === 'groupPrepare').length, 2)
  assert.equal(sent.filter((k) => k === 'groupInstall').length, 2)
})

test('gbcast › whoever is alone in a group has it at once, and goes on', () => {
  const { cluster, sent } = watched({ order: 'total' }, ['a'])
  for (const service of ['gbcast', undefined, 'gbcast', undefined] as const) cluster.cast('a', 10, service)
  assert.deepEqual(cluster.seen('a').delivered, ['a#1', 'a#2', 'a#3', 'a#4'])
  assert.deepEqual(sent, [])
})

test('gbcast › a group without any sends no more than before', () => {
  const { cluster, sent } = watched({ order: 'total' })
  for (const id of ALL) cluster.cast(id, 10)
  cluster.run(500)
  assert.deepEqual(sent, [])
})

test('gbcast › a cast of the same process in another group waits for the cut', () => {
  const { cluster } = watched({ order: 'fifo' })
  for (const id of ALL) cluster.join(id, { order: 'causal' }, 'h')
  cluster.run(300)
  cluster.cast('c', 10, 'gbcast')
  cluster.command('c', { type: 'cast', group: 'h', n: 2, payload: Uint8Array.of(2) })
  cluster.run(25)
  for (const id of ALL) assert.deepEqual(cluster.seen(id).delivered, [])
  cluster.run(500)
  for (const id of ALL) assert.deepEqual(cluster.seen(id).delivered, ['c#1', 'c#2'])
})

test('gbcast › in the round of a newcomer it comes before the view, at the old members', () => {
  const cluster = new Cluster([...ALL, 'd'], { order: 'causal' })
  cluster.command('d', { type: 'leaveGroup', group: 'g' })
  cluster.run(300)
  const { view } = cluster.seen('a')
  cluster.join('d', { order: 'causal' })
  cluster.cast('a', 10, 'gbcast')
  cluster.run(500)
  for (const id of ALL) {
    assert.deepEqual(cluster.seen(id).delivered, ['a#1'])
    assert.notEqual(cluster.seen(id).view, view)
  }
  assert.deepEqual(cluster.seen('d').delivered, [])
  cluster.cast('d', 10, 'gbcast')
  cluster.run(500)
  for (const id of [...ALL, 'd']) assert.equal(cluster.seen(id).delivered.at(-1), 'd#1')
})

for (const [who, crashed] of [
  ['its sender', 'b'],
  ['the coordinator', 'a'],
] as const) {
  test(`gbcast › if ${who} dies on the way, all who go on have it once, after the same casts`, () => {
    for (let ms = 1; ms < 60; ms += 3) {
      const cluster = new Cluster([...ALL, 'd'], { order: 'fifo' })
      for (const id of ALL) cluster.cast(id, 10)
      cluster.cast('b', 10, 'gbcast')
      cluster.run(ms)
      cluster.crash(crashed)
      const alive = [...ALL, 'd'].filter((id) => id !== crashed)
      cluster.until(() => alive.every((id) => cluster.seen(id).members.length === 3))
      cluster.run(500)
      for (const id of alive) cluster.cast(id, 10)
      cluster.run(500)
      const [first = '', ...others] = alive
      const { delivered } = cluster.seen(first)
      assert.equal(new Set(delivered).size, delivered.length)
      if (!delivered.includes('b#2')) assert.equal(crashed, 'b')
      for (const id of others) {
        assert.deepEqual([...cluster.seen(id).delivered].sort(), [...delivered].sort(), `crash after ${ms} ms`)
        if (delivered.includes('b#2')) {
          assert.deepEqual(before(cluster, [id], 'b#2'), before(cluster, [first], 'b#2'), `crash after ${ms} ms`)
        }
      }
      for (const id of alive) assert.deepEqual(cluster.seen(id).ends, [])
    }
  })
}

test('gbcast › in a strong group, what waits for the cut is not refused, for the view goes on', () => {
  const { cluster } = watched({ order: 'total', strong: true })
  cluster.cast('b', 10, 'gbcast')
  for (let i = 0; i < 12; i += 1) {
    for (const id of ALL) cluster.cast(id, 10)
    cluster.run(5)
  }
  cluster.run(500)
  for (const id of ALL) {
    assert.deepEqual(cluster.seen(id).ends, [])
    assert.deepEqual(cluster.seen(id).delivered, cluster.seen('a').delivered)
    assert.equal(cluster.seen(id).delivered.length, 37)
  }
})

test('gbcast › of a uniform group it is delivered when all members hold it', () => {
  const { cluster } = watched({ order: 'fifo', uniform: true })
  cluster.tamper = (frame, from, to) => (frame.t === 'data' && from === 'a' && to === 'c' ? null : frame)
  cluster.cast('a', 10, 'gbcast')
  cluster.run(500)
  for (const id of ALL) assert.deepEqual(cluster.seen(id).delivered, [])
})

test('gbcast › a large one is delivered whole, and those behind it after it', () => {
  const limits = { castBytesMax: 100_000, pieceBytes: 1_000, frameFillBytes: 2_000, windowBytes: 8_500 }
  const cluster = new Cluster(ALL, { order: 'causal' }, limits)
  cluster.cast('b', 50_000, 'gbcast')
  cluster.cast('b', 10)
  cluster.until(() => ALL.every((id) => cluster.seen(id).delivered.length === 2))
  for (const id of ALL) {
    assert.deepEqual(cluster.seen(id).delivered, ['b#1', 'b#2'])
    assert.equal(cluster.seen(id).payloads[0]?.length, 50_000)
    assert.deepEqual(cluster.seen(id).faults, [])
  }
})

test('gbcast › however many there were, a flush row tells of the last cut only', () => {
  const cluster = new Cluster(ALL, { order: 'fifo' })
  for (let i = 0; i < 40; i += 1) {
    cluster.cast('b', 10, 'gbcast')
    cluster.run(80)
  }
  assert.equal(cluster.seen('c').delivered.length, 40)
  let installsMax = 0
  cluster.tamper = (frame) => {
    if (frame.t !== 'control') return frame
    for (const message of frame.messages) {
      if (message.k !== 'row') continue
      for (const { installs } of message.row.groups) installsMax = Math.max(installsMax, installs.length)
    }
    return frame
  }
  cluster.cast('b', 10, 'gbcast')
  cluster.crash('c')
  cluster.until(() => ['a', 'b'].every((id) => cluster.seen(id).members.length === 2))
  cluster.run(100)
  assert.ok(installsMax > 0 && installsMax <= 6, `${installsMax} installs in a row`)
  for (const id of ['a', 'b']) assert.equal(cluster.seen(id).delivered.length, 41)
})
