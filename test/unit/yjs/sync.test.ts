/** State vectors and the understanding between members, with documents and without a network. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as prng from 'lib0/prng'
import * as Y from 'yjs'
import { deletionsOf } from '../../../adapters/yjs/guard.ts'
import type { Parcel } from '../../../adapters/yjs/parcels.ts'
import {
  deletesMore,
  digest,
  isAhead,
  readDeletions,
  readStateVector,
  writeStateVector,
} from '../../../adapters/yjs/state-vector.ts'
import { Sync, type SyncHost } from '../../../adapters/yjs/sync.ts'
import type { GroupView } from '../../../lib/objects/replica.ts'
import { editAtRandom } from './random-edits.ts'

/** A member: its document, what it has sent, and its timers. */
class Member {
  doc = new Y.Doc()
  readonly sent: { readonly to: string; readonly parcel: Parcel }[] = []
  readonly shared: Uint8Array[] = []
  readonly faults: string[] = []
  timers: (() => void)[] = []
  isHeld = false
  hasEdits = false
  readonly sync: Sync

  constructor(self: string) {
    const host: SyncHost = {
      self,
      vector: () => Y.encodeStateVector(this.doc),
      deletions: () => deletionsOf(Y, this.doc),
      since: (vector) => Y.encodeStateAsUpdate(this.doc, vector),
      take: (_from, update) => {
        Y.applyUpdate(this.doc, update)
        return true
      },
      share: (vector) => this.shared.push(Y.encodeStateAsUpdate(this.doc, vector)),
      hasSearched: () => true,
      hold: (isHeld) => {
        this.isHeld = isHeld
      },
      hasEdits: () => this.hasEdits,
      after: (_ms, fn) => {
        this.timers.push(fn)
        return () => {
          this.timers = this.timers.filter((each) => each !== fn)
        }
      },
      brings: () => true,
      send: (to, parcel) => this.sent.push({ to, parcel }),
      synced: () => undefined,
      fault: (member, code) => this.faults.push(`${member} ${code}`),
    }
    this.sync = new Sync(host)
  }

  /** Hands over what it has sent to one. */
  deliver(from: string, to: string, receiver: Member): string[] {
    const mine = this.sent.filter((each) => each.to === to)
    for (const each of mine) {
      this.sent.splice(this.sent.indexOf(each), 1)
      receiver.sync.take(from, each.parcel)
    }
    return mine.map(({ parcel }) => parcel.type)
  }

  fire(): void {
    for (const fn of this.timers.splice(0)) fn()
  }
}

function view(members: string[], joined: string[] = [], id = 'v'): GroupView {
  return { id, members, joined, primary: true, line: 'l', missing: [], left: [], dead: [], expelled: [] }
}

function textOf(doc: Y.Doc): string {
  return doc.getText('text').toString()
}

test('yjs sync › equal documents cost two letters', () => {
  const [a, b] = [new Member('a'), new Member('b')]
  a.doc.getText('text').insert(0, 'same')
  Y.applyUpdate(b.doc, Y.encodeStateAsUpdate(a.doc))
  for (const member of [a, b]) member.sync.view(view(['a', 'b']))
  assert.deepEqual(b.deliver('b', 'a', a), ['hello'])
  assert.deepEqual(a.deliver('a', 'b', b), ['reply'])
  assert.deepEqual(b.deliver('b', 'a', a), ['none'])
  assert.deepEqual([a.sent, b.sent], [[], []])
  assert.ok(a.sync.isSynced && b.sync.isSynced)
})

test('yjs sync › of two who have the same more, one shares it', () => {
  const [a, b, c] = [new Member('a'), new Member('b'), new Member('c')]
  b.doc.getText('text').insert(0, 'more')
  Y.applyUpdate(c.doc, Y.encodeStateAsUpdate(b.doc))
  for (const member of [a, b, c]) member.sync.view(view(['a', 'b', 'c'], member === a ? ['b', 'c'] : ['a']))
  for (const [id, member] of [
    ['b', b],
    ['c', c],
  ] as const) {
    member.deliver(id, 'a', a)
    a.deliver('a', id, member)
    assert.deepEqual(member.deliver(id, 'a', a), ['more'])
  }
  assert.equal(a.sync.isSynced, false)
  assert.deepEqual(a.deliver('a', 'b', b), ['pull'])
  assert.equal(b.shared.length, 1)
  assert.deepEqual(a.deliver('a', 'c', c), [])
  Y.applyUpdate(a.doc, b.shared[0] ?? new Uint8Array())
  a.sync.imported('b')
  assert.deepEqual(a.deliver('a', 'c', c), ['pull'])
  assert.deepEqual(c.deliver('c', 'a', a), ['none'])
  assert.equal(c.shared.length, 0)
  assert.ok(a.sync.isSynced)
  assert.equal(textOf(a.doc), 'more')
})

test('yjs sync › edits wait until what they were made on is shared, but not for ever', () => {
  const [a, b] = [new Member('a'), new Member('b')]
  b.doc.getText('text').insert(0, 'more')
  for (const member of [a, b]) member.sync.view(view(['a', 'b'], member === a ? ['b'] : ['a']))
  assert.ok(a.isHeld && b.isHeld)
  b.hasEdits = true
  b.deliver('b', 'a', a)
  a.deliver('a', 'b', b)
  assert.equal(b.shared.length, 1)
  assert.equal(b.isHeld, false)
  b.deliver('b', 'a', a)
  assert.equal(a.isHeld, false)
  // In the next view, who has not been answered goes on after a while.
  b.sync.view(view(['c', 'b'], ['c'], 'w'))
  assert.ok(b.isHeld)
  b.fire()
  assert.equal(b.isHeld, false)
})

test('yjs sync › whoever gets no answer asks the next as well, and takes the late one', () => {
  const [a, b, c] = [new Member('a'), new Member('b'), new Member('c')]
  a.doc.getText('text').insert(0, 'a')
  b.doc.getText('text').insert(0, 'b')
  for (const member of [a, b, c]) member.sync.view(view(['a', 'b', 'c']))
  c.fire()
  assert.deepEqual(c.deliver('c', 'b', b), ['hello'])
  b.deliver('b', 'c', c)
  assert.equal(textOf(c.doc), 'b')
  assert.ok(c.sync.isSynced)
  c.deliver('c', 'a', a)
  a.deliver('a', 'c', c)
  assert.equal(textOf(c.doc).length, 2)
  assert.deepEqual(c.faults, [])
  const round = new Uint8Array(8)
  new DataView(round.buffer).setFloat64(0, 1)
  // A second reply, that nobody has asked for.
  c.sync.take('a', {
    type: 'reply',
    about: 'v',
    contents: [new Uint8Array([0]), new Uint8Array(), new Uint8Array(), round],
  })
  assert.deepEqual(c.faults, ['a bad-letter'])
})

test('yjs sync › a hello of another view waits for it, and what makes no sense is a fault', () => {
  const [a, b] = [new Member('a'), new Member('b')]
  b.sync.view(view(['a', 'b'], ['a'], 'w'))
  b.deliver('b', 'a', a)
  assert.deepEqual(a.sent, [])
  a.sync.view(view(['a', 'b'], ['b'], 'w'))
  assert.deepEqual(a.deliver('a', 'b', b), ['reply'])
  a.sync.take('b', { type: 'nonsense', about: 'w', contents: [] })
  a.sync.take('b', { type: 'hello', about: 'w', contents: [new Uint8Array([5]), new Uint8Array(8), new Uint8Array(8)] })
  a.sync.take('b', { type: 'fetch', about: 'w', contents: [new Uint8Array([255])] })
  a.sync.take('b', { type: 'give', about: 'w', contents: [new Uint8Array([0, 0])] })
  assert.deepEqual(a.faults, Array(4).fill('b bad-letter'))
})

test('state vectors › are read and compared as Yjs means them', () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const gen = prng.create(seed)
    const [one, two] = [new Y.Doc(), new Y.Doc()]
    for (let i = 0; i < 40; i += 1) editAtRandom(prng.bool(gen) ? one : two, gen)
    const vector = Y.encodeStateVector(one)
    assert.deepEqual(readStateVector(vector), Y.decodeStateVector(vector))
    assert.deepEqual(readStateVector(writeStateVector(readStateVector(vector))), readStateVector(vector))
    const before = { vector: readStateVector(vector), deletions: deletionsOf(Y, one) }
    Y.applyUpdate(one, Y.encodeStateAsUpdate(two))
    const after = { vector: readStateVector(Y.encodeStateVector(one)), deletions: deletionsOf(Y, one) }
    assert.equal(
      isAhead(before.vector, after.vector, () => true),
      false,
    )
    assert.equal(
      isAhead(after.vector, before.vector, () => true),
      after.vector.size > before.vector.size,
    )
    assert.equal(deletesMore(readDeletions(before.deletions), readDeletions(after.deletions)), false)
    const isSame = digest(before.deletions) === digest(after.deletions)
    assert.equal(deletesMore(readDeletions(after.deletions), readDeletions(before.deletions)), !isSame)
  }
  assert.throws(() => readStateVector(new Uint8Array([1, 5])), TypeError)
  assert.throws(() => readStateVector(new Uint8Array([1, ...Array(9).fill(0xff)])), TypeError)
  assert.throws(() => readDeletions(new Uint8Array([1, 0, 0])), TypeError)
})

test('yjs sync › an answer to a document that has gone is none to the one that has come', () => {
  const [a, b] = [new Member('a'), new Member('b')]
  a.doc.getText('text').insert(0, 'all')
  Y.applyUpdate(b.doc, Y.encodeStateAsUpdate(a.doc))
  for (const member of [a, b]) member.sync.view(view(['a', 'b']))
  b.deliver('b', 'a', a)
  b.sync.pause()
  b.doc = new Y.Doc()
  b.sync.view(view(['a', 'b']))
  a.deliver('a', 'b', b)
  assert.equal(b.sync.isSynced, false)
  b.deliver('b', 'a', a)
  a.deliver('a', 'b', b)
  assert.ok(b.sync.isSynced)
  assert.equal(textOf(b.doc), 'all')
  assert.deepEqual([a.faults, b.faults], [[], []])
})
