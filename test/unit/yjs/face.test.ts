/** The face of the provider: what users of y-webrtc and of y-websocket read, call and listen for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { TuttiProvider } from '../../../adapters/yjs/index.ts'
import { ClosedError, KindMismatchError, UsageError } from '../../../lib/errors.ts'
import { allIn, Net, when } from './sharers.ts'

const limits = { timeout: 20_000 }

test('yjs › events come in the order in which they are expected', limits, async (t) => {
  const net = new Net(t)
  const [a] = await net.sharers(1)
  assert.ok(a)
  const doc = new Y.Doc()
  const { provider } = net.share(await net.space(), 'doc', { connect: false }, doc)
  assert.equal(provider.shouldConnect, false)
  const events: string[] = []
  provider.on('status', ({ connected, status }) => events.push(`status ${connected} ${status}`))
  provider.on('synced', ({ synced }) => events.push(`synced ${synced}`))
  provider.on('sync', (isSynced) => events.push(`sync ${isSynced}`))
  provider.on('peers', ({ added, removed, webrtcPeers, bcPeers }) => {
    if (added.length + removed.length > 0)
      events.push(`peers +${added.length} -${removed.length} ${webrtcPeers.length}/${bcPeers.length}`)
  })
  provider.connect()
  provider.connect()
  assert.equal(provider.wsconnecting, true)
  await provider.whenSynced
  await allIn([a, { space: a.space, doc, provider }])
  assert.deepEqual(
    [provider.connected, provider.wsconnected, provider.bcconnected, provider.synced],
    [true, true, true, true],
  )
  assert.deepEqual(
    [provider.roomName, provider.roomname, provider.doc, provider.room?.name],
    ['doc', 'doc', doc, 'doc'],
  )
  assert.deepEqual([...(provider.room?.webrtcConns.keys() ?? [])], [a.space.self])
  provider.disconnect()
  assert.equal(provider.room, null)
  const withoutPeers = events.filter((event) => !event.startsWith('peers'))
  assert.deepEqual(withoutPeers, [
    'status false connecting',
    'status true connected',
    'synced true',
    'sync true',
    'synced false',
    'sync false',
    'status false disconnected',
  ])
  assert.deepEqual(
    events.filter((event) => event.startsWith('peers')),
    ['peers +1 -0 1/0', 'peers +0 -1 0/0'],
  )
})

test('yjs › a space that is still being opened will do, and one that cannot be is an error', limits, async (t) => {
  const net = new Net(t)
  const provider = new TuttiProvider(net.space(), 'doc', new Y.Doc(), { awareness: null })
  t.after(() => provider.destroy())
  await provider.whenSynced
  const failing = new TuttiProvider(Promise.reject(new UsageError('no such space')), 'doc', new Y.Doc(), {
    awareness: null,
  })
  const errors: Error[] = []
  failing.on('connection-error', (error) => errors.push(error))
  await assert.rejects(failing.whenSynced, UsageError)
  assert.equal(errors.length, 1)
  assert.equal(failing.wsconnecting, false)
})

test('yjs › what is wrong is said', limits, async (t) => {
  const net = new Net(t)
  const [space] = await net.together(1)
  assert.ok(space)
  for (const name of ['', 'x'.repeat(201), 7 as never]) {
    assert.throws(() => new TuttiProvider(space, name, new Y.Doc(), { awareness: null }), UsageError)
  }
  await space.map('taken')
  const { provider } = net.share(space, 'taken')
  await assert.rejects(provider.whenSynced, KindMismatchError)
  const { provider: gone } = net.share(space, 'gone', { connect: false })
  const synced = gone.whenSynced
  gone.destroy()
  await assert.rejects(synced, ClosedError)
})

test('yjs › the end of the space is told, and connecting again an error', limits, async (t) => {
  const net = new Net(t)
  const [a] = await net.sharers(1)
  assert.ok(a)
  let closed = 0
  a.provider.on('connection-close', () => {
    closed += 1
  })
  await a.space.close()
  assert.equal(closed, 1)
  assert.equal(a.provider.connected, false)
  a.provider.connect()
  await assert.rejects(a.provider.whenSynced, ClosedError)
})

test('yjs › a document that is destroyed takes its provider along', limits, async (t) => {
  const [a, b] = await new Net(t).sharers(2)
  assert.ok(a && b)
  b.doc.destroy()
  assert.equal(b.provider.connected, false)
  await when(a.provider as never, 'peers', () => a.provider.room?.webrtcConns.size === 0)
})

test('yjs › large initial content is written once too, and what was there is left alone', {
  timeout: 30_000,
}, async (t) => {
  const net = new Net(t)
  const spaces = await net.together(2)
  let runs = 0
  const initialContent = async (doc: Y.Doc): Promise<void> => {
    runs += 1
    await Promise.resolve()
    doc.getText('text').insert(0, 'x'.repeat(200_000))
  }
  const sharers = spaces.map((space) => net.share(space, 'doc', { initialContent }))
  await Promise.all(sharers.map(({ provider }) => provider.whenReady))
  for (const { doc } of sharers)
    await when(doc as never, 'afterTransaction', () => doc.getText('text').length === 200_000)
  assert.equal(runs, 1)
  const [space] = spaces
  assert.ok(space)
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'kept')
  const { provider } = net.share(space, 'other', { initialContent }, doc)
  await provider.whenReady
  assert.equal(doc.getText('text').toString(), 'kept')
  assert.equal(runs, 1)
})
