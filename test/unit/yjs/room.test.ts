/** A room, with a group that the test plays: who has heard of what, and when, is its choice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { type Attachment, Room } from '../../../adapters/yjs/room.ts'
import type { GroupPort, GroupView } from '../../../lib/objects/replica.ts'

interface Letter {
  readonly type: string
  readonly to: string
  readonly contents: readonly Uint8Array[]
}

/** A member: its room and its document, what it has cast, and its letters. */
class Member {
  readonly doc = new Y.Doc()
  readonly room: Room
  readonly casts: (readonly unknown[])[] = []
  readonly letters: Letter[] = []
  readonly faults: string[] = []
  #receive: (from: string, value: unknown) => void = () => undefined
  #index = 0
  #timers: (() => void)[] = []

  readonly self: string

  constructor(self: string) {
    this.self = self
    this.room = new Room(this.#port())
  }

  attach(): void {
    const { doc, faults } = this
    const ignore = (): void => undefined
    const attachment: Attachment = {
      yjs: Y,
      doc,
      origin: this,
      said: () => [],
      ids: () => [doc.clientID],
      hasSearched: () => true,
      changed: ignore,
      synced: ignore,
      fault: (code, member) => faults.push(`${member} ${code}`),
      ended: ignore,
    }
    this.room.attach(attachment)
  }

  view(id: string, members: string[], joined: string[] = []): void {
    const rest = { primary: true, line: 'l', missing: [], left: [], dead: [], expelled: [] }
    this.room.applyView({ id, members, joined, ...rest } satisfies GroupView)
  }

  /** Delivers a cast. */
  deliver(author: string, op: readonly unknown[]): void {
    this.#index += 1
    const n = this.#index
    this.room.applyOp(op, { author, local: author === this.self, n, view: 'v', index: n })
  }

  post(from: string, type: string, about: string, contents: readonly Uint8Array[]): void {
    const bytes = Uint8Array.from(contents.flatMap((each) => [...each]))
    const sizes = contents.map((each) => each.length)
    this.#receive(from, [type, about, sizes, bytes])
  }

  /** What it has cast since the last time, of one kind. Nobody answers, so it holds nothing back any more. */
  async cast(kind: string): Promise<(readonly unknown[])[]> {
    for (const fn of this.#timers.splice(0)) fn()
    await Promise.resolve()
    return this.casts.splice(0).filter((op) => op[0] === kind)
  }

  #port(): GroupPort {
    const port = {
      name: 'doc',
      self: this.self,
      opening: 0,
      isWhole: true,
      isWritable: true,
      cast: (op: readonly unknown[]) => ({ n: 1000 + this.casts.push(op) }),
      mail: {
        listen: (_address: string, handlers: { message(from: string, value: unknown): void }) => {
          this.#receive = handlers.message
          return () => undefined
        },
        send: (to: string, _address: string, [type, , sizes, bytes]: [string, string, number[], Uint8Array]) => {
          const contents: Uint8Array[] = []
          let at = 0
          for (const size of sizes) {
            contents.push(bytes.subarray(at, at + size))
            at += size
          }
          this.letters.push({ type, to, contents })
        },
      },
      now: () => 0,
      after: (_ms: number, fn: () => void) => {
        this.#timers.push(fn)
        return () => undefined
      },
      fault: () => undefined,
      close: () => Promise.resolve(),
    }
    return port as unknown as GroupPort
  }
}

const EMPTY = Uint8Array.of(0)
const NUMBER = new Uint8Array(8)

function textOf(doc: Y.Doc): string {
  return doc.getText('text').toString()
}

/** What a document gets by an update. */
function read(update: Uint8Array | undefined): string {
  const doc = new Y.Doc()
  if (update !== undefined && update.length > 0) Y.applyUpdate(doc, update)
  return textOf(doc)
}

function written(text: string): Y.Doc {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, text)
  return doc
}

test('yjs room › a document that comes late has what was cast in views before, when its first answers and when it asks', () => {
  for (const self of ['a', 'd']) {
    const late = new Member(self)
    late.view('v', [self, 'b'], ['b'])
    late.deliver('b', ['u', [Y.encodeStateAsUpdate(written('from b'))]])
    // Its author goes, and another comes, who asks while there is no document.
    late.view('w', self === 'a' ? ['a', 'c'] : ['c', 'd'], ['c'])
    late.post('c', 'hello', 'w', [EMPTY, NUMBER, NUMBER])
    assert.equal(late.letters.length, 0)
    late.attach()
    assert.equal(textOf(late.doc), 'from b')
    const reply = late.letters.find(({ type }) => type === 'reply')
    assert.equal(read(reply?.contents[2]), 'from b')
    if (self === 'a') continue
    const hello = late.letters.find(({ type }) => type === 'hello')
    assert.deepEqual(hello?.contents[0], Y.encodeStateVector(late.doc))
  }
})

test('yjs room › a document that comes late fetches what was too large to be cast, and answers then', () => {
  const a = new Member('a')
  a.view('v', ['a', 'b', 'c'], ['b', 'c'])
  a.deliver('gone', ['a'])
  a.deliver('b', ['a'])
  a.post('c', 'hello', 'v', [EMPTY, NUMBER, NUMBER])
  a.attach()
  assert.deepEqual(
    a.letters.map(({ type, to }) => `${type} ${to}`),
    ['fetch b'],
  )
  a.post('b', 'give', '', [Y.encodeStateAsUpdate(written('large'))])
  assert.deepEqual(a.faults, [])
  assert.equal(read(a.letters[1]?.contents[2]), 'large')
})

test('yjs room › who has left out what another one brought gets it from its author', async () => {
  // The author has said whose its clientID is: one has heard it, the other one has not.
  const [author, knows, knowsNot] = [new Member('x'), new Member('a'), new Member('b')]
  const all = [author, knows, knowsNot]
  author.doc.getText('text').insert(0, 'words')
  const brought = ['i', [Y.encodeStateAsUpdate(author.doc)]]
  for (const member of all) {
    member.attach()
    member.view('v', ['a', 'b', 'x', 'y'])
  }
  // In its document something waits that the one who knows has written, for what it was written after.
  knows.doc.getMap('map').set('k', 1)
  const vector = Y.encodeStateVector(knows.doc)
  knows.doc.getMap('map').set('k', 2)
  Y.applyUpdate(author.doc, Y.encodeStateAsUpdate(knows.doc, vector))
  assert.notEqual(author.doc.store.pendingStructs, null)
  const [knowsSaid = []] = await knows.cast('p')
  for (const member of all) member.deliver('a', knowsSaid)
  const [said = []] = await author.cast('p')
  for (const member of [author, knows]) member.deliver('x', said)
  for (const member of all) member.deliver('y', brought)
  assert.deepEqual(
    [knows, knowsNot].map(({ doc }) => textOf(doc)),
    ['', 'words'],
  )
  const again = await author.cast('u')
  assert.equal(again.length, 1)
  knowsNot.deliver('x', said)
  for (const op of again) for (const member of all) member.deliver('x', op)
  assert.deepEqual(
    all.map(({ doc }) => textOf(doc)),
    ['words', 'words', 'words'],
  )
  assert.deepEqual(
    all.flatMap(({ faults }) => faults),
    [],
  )
  // All have it: not again in this view, but in the next.
  author.deliver('y', brought)
  assert.deepEqual(await author.cast('u'), [])
  author.view('w', ['a', 'b', 'x', 'y'])
  author.deliver('y', brought)
  assert.equal((await author.cast('u')).length, 1)
})

test('yjs room › what is brought again costs its author two casts a view at most, and what it has not written none', async () => {
  const author = new Member('x')
  author.attach()
  author.view('v', ['a', 'x'])
  const forged = new Y.Doc()
  forged.clientID = author.doc.clientID
  const pieces: Uint8Array[] = []
  forged.on('update', (update: Uint8Array) => pieces.push(update))
  for (const word of ['one', 'two', 'three']) forged.getArray('forged').push([word])
  const [said = []] = await author.cast('p')
  author.deliver('x', said)
  author.deliver('a', ['i', pieces])
  assert.deepEqual(await author.cast('u'), [])
  author.doc.getText('text').insert(0, 'own')
  await author.cast('u')
  for (const piece of pieces.toReversed()) author.deliver('a', ['i', [piece]])
  const casts = await author.cast('u')
  const updates = casts.flatMap((op) => op[1] as Uint8Array[])
  assert.equal(updates.length, 2)
  assert.equal(read(updates[1]), 'own')
})
