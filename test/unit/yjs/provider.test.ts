/** The Yjs provider over spaces of one thread. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { allHave, allIn, countPeers, Net, textOf, when } from './sharers.ts'

const limits = { timeout: 20_000 }

test('yjs › what one writes is at all', limits, async (t) => {
  const sharers = await new Net(t).sharers(3)
  for (const [i, { doc }] of sharers.entries()) doc.getText('text').insert(0, `${i}`)
  const docs = sharers.map(({ doc }) => doc)
  await Promise.all(docs.map((doc) => when(doc as never, 'afterTransaction', () => textOf(doc).length === 3)))
  assert.equal(new Set(docs.map(textOf)).size, 1)
})

test('yjs › a latecomer gets it, and brings what it has written before', limits, async (t) => {
  const net = new Net(t)
  const [a, b] = await net.sharers(2)
  assert.ok(a && b)
  a.doc.getText('text').insert(0, 'before ')
  await allHave([b.doc], 'before ')
  const doc = new Y.Doc()
  doc.getMap('map').set('own', true)
  const late = net.share(await net.space(), 'doc', {}, doc)
  await late.provider.whenSynced
  assert.equal(textOf(doc), 'before ')
  await Promise.all(
    [a.doc, b.doc].map((each) => when(each as never, 'afterTransaction', () => each.getMap('map').get('own') === true)),
  )
})

test('yjs › edits while it is disconnected are shared when it is connected again', limits, async (t) => {
  const [a, b, c] = await new Net(t).sharers(3)
  assert.ok(a && b && c)
  b.provider.disconnect()
  assert.equal(b.provider.connected, false)
  assert.equal(b.provider.synced, false)
  b.doc.getText('text').insert(0, 'b')
  a.doc.getText('text').insert(0, 'a')
  await allHave([c.doc], 'a')
  b.provider.connect()
  await b.provider.whenSynced
  await Promise.all([a, b, c].map(({ doc }) => when(doc as never, 'afterTransaction', () => textOf(doc).length === 2)))
  assert.equal(new Set([a, b, c].map(({ doc }) => textOf(doc))).size, 1)
})

test('yjs › a member is gone from the peers and the awareness in the view that it is gone in', limits, async (t) => {
  const [a, b] = await new Net(t).sharers(2)
  assert.ok(a && b)
  b.provider.awareness?.setLocalState({ name: 'B' })
  const awareness = a.provider.awareness
  assert.ok(awareness)
  await when(awareness as never, 'change', () => awareness.getStates().get(b.doc.clientID)?.['name'] === 'B')
  const removed: number[][] = []
  awareness.on('change', (changes: { removed: number[] }) => removed.push(changes.removed))
  await b.space.close()
  await when(a.provider as never, 'peers', () => countPeers(a.provider) === 0)
  assert.equal(awareness.getStates().has(b.doc.clientID), false)
  assert.deepEqual(removed, [[b.doc.clientID]])
  assert.equal(b.provider.connected, false)
})

test('yjs › initial content is written by exactly one', limits, async (t) => {
  const net = new Net(t)
  const spaces = await net.together(3)
  let runs = 0
  const initialContent = (doc: Y.Doc): void => {
    runs += 1
    doc.getText('text').insert(0, 'hello')
  }
  const sharers = spaces.map((space) => net.share(space, 'doc', { initialContent }))
  await Promise.all(sharers.map(({ provider }) => provider.whenReady))
  assert.equal(runs, 1)
  for (const { doc } of sharers) assert.equal(textOf(doc), 'hello')
  const late = net.share(await net.space(), 'doc', { initialContent })
  await late.provider.whenReady
  assert.equal(textOf(late.doc), 'hello')
  assert.equal(runs, 1)
})

test('yjs › two documents of one page are as equal as those of two, and one may go', limits, async (t) => {
  const net = new Net(t)
  const [a, b] = await net.sharers(2)
  assert.ok(a && b)
  a.doc.getText('text').insert(0, 'x')
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'y')
  const second = net.share(a.space, 'doc', {}, doc)
  await second.provider.whenSynced
  await Promise.all(
    [a, b, second].map((each) => when(each.doc as never, 'afterTransaction', () => textOf(each.doc).length === 2)),
  )
  b.doc.getText('text').insert(0, 'z')
  await Promise.all(
    [a, second].map((each) => when(each.doc as never, 'afterTransaction', () => textOf(each.doc).length === 3)),
  )
  a.provider.destroy()
  second.doc.getText('text').insert(0, 'w')
  await allHave([b.doc], textOf(second.doc))
  assert.equal(second.provider.connected, true)
})

test('yjs › mounted, unmounted and mounted again in one step, it is connected once', limits, async (t) => {
  const net = new Net(t)
  const [a] = await net.sharers(1)
  assert.ok(a)
  const space = await net.space()
  const doc = new Y.Doc()
  net.share(space, 'doc', {}, doc).provider.destroy()
  const second = net.share(space, 'doc', {}, doc)
  await second.provider.whenSynced
  await allIn([a, second])
  doc.getText('text').insert(0, 'once')
  await allHave([a.doc], 'once')
})

test('yjs › an update of any size arrives, and a newcomer gets it', { timeout: 60_000 }, async (t) => {
  const net = new Net(t)
  const [a, b] = await net.sharers(2)
  assert.ok(a && b)
  for (const megabytes of [1, 20, 40]) {
    const bytes = new Uint8Array(megabytes * 1024 * 1024).fill(megabytes)
    a.doc.getMap('map').set(`${megabytes}`, bytes)
    const has = (): boolean => b.doc.getMap<Uint8Array>('map').get(`${megabytes}`)?.length === bytes.length
    await when(b.doc as never, 'afterTransaction', has)
  }
  const late = net.share(await net.space())
  await late.provider.whenSynced
  assert.deepEqual([...late.doc.getMap('map').keys()].sort(), ['1', '20', '40'])
})

test('yjs › what is written in the step in which its provider is destroyed is at the others', limits, async (t) => {
  const [a, b] = await new Net(t).sharers(2)
  assert.ok(a && b)
  a.doc.getText('text').insert(0, 'last words')
  a.provider.destroy()
  await allHave([b.doc], 'last words')
})
