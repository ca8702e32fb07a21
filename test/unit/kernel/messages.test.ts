/** Direct messages: each once, in order, to whoever stays; and a word of those that may not arrive. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Frame, Item } from '../../../lib/kernel/frame.ts'
import { defaultLimits, type Limits } from '../../../lib/kernel/limits.ts'
import { Inbox, type MessageItem } from '../../../lib/kernel/messages.ts'
import { Cluster } from './cluster.ts'

/** A window of eight pieces, and room for a little more. */
const small: Partial<Limits> = { messageBytesMax: 20_000, pieceBytes: 1_000, frameFillBytes: 2_000, windowBytes: 8_500 }
const limits: Limits = { ...defaultLimits, ...small }
const ALL = ['a', 'b', 'c']

const piece = (n: number, left: number, length: number): MessageItem => ({
  k: 'message',
  n,
  group: 'x',
  left,
  bytes: new Uint8Array(length),
})

function mapItems(frame: Frame, change: (item: Item) => Item): Frame {
  return frame.t === 'data' ? { ...frame, items: frame.items.map(change) } : frame
}

test('messages › one comes to its receiver alone, under its number and address', () => {
  const cluster = new Cluster(ALL, {})
  cluster.send('a', 'b', 10)
  cluster.send('a', 'c', 0, 'y')
  cluster.send('a', 'a', 3)
  cluster.run(100)
  assert.deepEqual(cluster.seen('b').messages, ['a>1 x 10'])
  assert.deepEqual(cluster.seen('c').messages, ['a>2 y 0'])
  assert.deepEqual(cluster.seen('a').messages, ['a>3 x 3'])
  for (const id of ALL) assert.deepEqual(cluster.seen(id).messageEnds, [])
})

test('messages › large and small ones come whole and in order, within the grant, among casts', () => {
  const cluster = new Cluster(ALL, {}, { ...small, castBytesMax: 100_000 })
  let sent = 0
  let grant = 0
  cluster.tamper = (frame, from, to) => {
    if (frame.t !== 'data') return frame
    if (from === 'b' && to === 'a') grant = Math.max(grant, frame.grant)
    if (from !== 'a' || to !== 'b') return frame
    for (const item of frame.items) {
      if (item.k === 'eov') continue
      sent += 32 + ('cast' in item ? item.cast.payload : item.bytes).length
      assert.ok(sent <= Math.max(grant, 8_500) + 64, `${sent} of ${grant}`)
    }
    return frame
  }
  const payloads: Uint8Array[] = []
  cluster.watch = (id, event) => {
    if (id === 'b' && event.type === 'message') payloads.push(event.payload)
  }
  const sizes = [5, 20_000, 1_000, 1_001, 0, 19_999]
  for (const size of sizes) {
    cluster.send('a', 'b', size)
    cluster.cast('a', 3_000)
  }
  cluster.until(() => cluster.seen('b').messages.length === sizes.length && cluster.seen('c').delivered.length === 6)
  assert.deepEqual(
    payloads.map(({ length }) => length),
    sizes,
  )
  for (const [i, payload] of payloads.entries()) assert.ok(payload.every((byte) => byte === i + 1))
  assert.deepEqual(cluster.seen('b').faults, [])
})

test('messages › what waits is counted: the application hears of all that wait no longer', () => {
  const cluster = new Cluster(ALL, {}, small)
  let count = 0
  cluster.watch = (id, event) => {
    if (id === 'a' && event.type === 'mailed') count = event.count
  }
  cluster.stalled.add('b')
  for (let i = 0; i < 4; i += 1) cluster.send('a', 'b', 5_000)
  cluster.send('a', 'x', 1)
  cluster.send('a', 'c', 20_001)
  cluster.run(5)
  assert.equal(count, 3)
  cluster.until(() => cluster.seen('b').messages.length === 4)
  assert.equal(count, 6)
})

test('messages › one to somebody who is not in the view, or that is too large, is refused', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.send('a', 'x', 1)
  cluster.send('a', 'b', 20_001)
  cluster.send('a', 'b', 20_000)
  cluster.run(2_000)
  assert.deepEqual(cluster.seen('a').messageEnds, ['x 1 refused', 'b 2 refused'])
  assert.deepEqual(cluster.seen('b').messages, ['a>3 x 20000'])
})

test('messages › what a path loses comes again, once', () => {
  const cluster = new Cluster(ALL, {})
  for (let i = 0; i < 3; i += 1) {
    cluster.send('a', 'b', 10)
    cluster.run(5)
    cluster.reset('a', 'b')
    cluster.send('a', 'b', 10)
    cluster.run(100)
  }
  const all = [1, 2, 3, 4, 5, 6].map((n) => `a>${n} x 10`)
  assert.deepEqual(cluster.seen('b').messages, all)
})

test('messages › of those to one who has crashed, what it surely has is told of no more, the rest ends', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.send('a', 'b', 10)
  cluster.run(200)
  cluster.send('a', 'b', 20)
  cluster.send('a', 'b', 20_000)
  cluster.send('a', 'c', 30)
  cluster.crash('b')
  cluster.until(() => cluster.seen('a').members.length === 2)
  cluster.run(100)
  assert.deepEqual(cluster.seen('a').messageEnds, ['b 2 unknown', 'b 3 refused'])
  assert.deepEqual(cluster.seen('c').messages, ['a>4 x 30'])
})

test('messages › all that was sent before the end of a view is there before the next, among those who stay', () => {
  const cluster = new Cluster(ALL, {})
  const order: string[] = []
  cluster.watch = (id, event) => {
    if (id !== 'b') return
    if (event.type === 'message') order.push(`message ${event.n}`)
    else if (event.type === 'view' && event.group === '') order.push(`view of ${event.view.members.length}`)
  }
  cluster.crash('c')
  // Sent in the old view, and lost on its path: it must come before the new view, though nobody knows of it but its sender.
  let isLost = false
  cluster.tamper = (frame, from, to) => {
    if (isLost || from !== 'a' || to !== 'b' || frame.t !== 'data' || frame.no === 0) return frame
    isLost = true
    return null
  }
  cluster.until(() => cluster.seen('a').members.length === 3 && cluster.kernels.get('a')?.era.isClosed === false)
  cluster.send('a', 'b', 10)
  cluster.reset('a', 'b')
  cluster.until(() => cluster.seen('b').members.length === 2)
  cluster.send('a', 'b', 10)
  cluster.run(500)
  assert.deepEqual(order, ['message 1', 'view of 2', 'message 2'])
})

test('messages › what is made while a view ends goes in the next one', () => {
  const cluster = new Cluster(ALL, {})
  cluster.crash('c')
  cluster.until(() => cluster.kernels.get('a')?.era.isClosed === true)
  cluster.send('a', 'b', 10)
  cluster.send('a', 'c', 10)
  cluster.until(() => cluster.seen('b').messages.length === 1)
  assert.equal(cluster.seen('b').members.length, 2)
  assert.deepEqual(cluster.seen('a').messageEnds, ['c 2 refused'])
})

test('messages › whoever leaves says what it has to say first', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.send('a', 'b', 20_000)
  cluster.command('a', { type: 'leave', quick: false })
  cluster.until(() => cluster.seen('b').members.length === 2)
  assert.deepEqual(cluster.seen('b').messages, ['a>1 x 20000'])
})

test('messages › pieces that do not follow on each other are refused, and nothing is left of them', () => {
  const inbox = new Inbox()
  const wrong: readonly MessageItem[] = [
    piece(2, 500, 500),
    { ...piece(1, 500, 500), group: 'y' },
    piece(1, 501, 500),
    piece(1, 400, 500),
    piece(1, 1_000, 0),
    piece(1, 0, 1_001),
  ]
  for (const item of wrong) {
    assert.equal(inbox.take(piece(1, 1_000, 500), limits), null)
    assert.equal(inbox.take(item, limits), false)
    assert.equal(inbox.take(piece(3, 0, 7), limits) && 'whole', 'whole')
  }
  assert.equal(inbox.take(piece(1, 19_001, 1_000), limits), false)
  assert.equal(inbox.take(piece(1, 19_000, 1_000), limits), null)
})

test('messages › a peer that breaks the rules is at fault', () => {
  const cluster = new Cluster(ALL, {}, small)
  cluster.tamper = (frame, from) =>
    from === 'a' ? mapItems(frame, (item) => (item.k === 'message' ? { ...item, left: item.left * 2 } : item)) : frame
  cluster.send('a', 'b', 3_000)
  cluster.until(() => cluster.seen('b').faults.length > 0)
  assert.deepEqual(cluster.seen('b').faults[0], 'a bad-message')
})
