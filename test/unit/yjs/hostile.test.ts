/** What a member may send that it should not: it has no effect, and everybody is told whose it was. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import * as Y from 'yjs'
import { PENDING_BYTES_MAX } from '../../../adapters/yjs/guard.ts'
import type { ProviderFault } from '../../../adapters/yjs/index.ts'
import { STATE_LENGTH_MAX } from '../../../adapters/yjs/members.ts'
import type { GroupPort, ObjectKind } from '../../../lib/objects/replica.ts'
import type { Space } from '../../../lib/space.ts'
import { until } from '../until.ts'
import { allHave, Net, type Sharer, textOf, when } from './sharers.ts'

const limits = { timeout: 20_000 }

/** A member that casts what it likes. */
const rogueKind: ObjectKind<GroupPort, object> = {
  kind: 'yjs',
  order: 'causal',
  uniform: false,
  strong: true,
  consistency: 'available',
  create: (port) => ({
    handle: port,
    replica: {
      apply: () => true,
      view: () => undefined,
      save: () => [],
      load: () => undefined,
      merge: () => undefined,
      settle: () => undefined,
    },
  }),
}

interface Scene {
  readonly good: Sharer
  readonly rogue: GroupPort
  readonly rogueSpace: Space
  readonly faults: ProviderFault[]
  /** Codes of the space's own fault events, with whose fault it is. */
  readonly reported: string[]
  /** Resolves when the good one has been told of so many faults. */
  told(count: number): Promise<void>
}

async function scene(t: TestContext): Promise<Scene> {
  const net = new Net(t)
  const [space, rogueSpace] = await net.together(2)
  assert.ok(space && rogueSpace)
  const good = net.share(space)
  await good.provider.whenSynced
  const reported: string[] = []
  space.addEventListener('fault', ({ peer, faultCode }) => reported.push(`${peer} ${faultCode}`))
  const faults: ProviderFault[] = []
  good.provider.on('fault', (fault) => faults.push(fault))
  const rogue = await rogueSpace.open(rogueKind, 'doc', {})
  await until(space, 'view', () => true)
  await when(good.provider as never, 'peers', () => good.provider.room?.webrtcConns.size === 1)
  const told = (count: number): Promise<void> => when(good.provider as never, 'fault', () => faults.length >= count)
  return { good, rogue, rogueSpace, faults, reported, told }
}

function updateOf(client: number, text: string): Uint8Array {
  const doc = new Y.Doc()
  doc.clientID = client
  doc.getText('text').insert(0, text)
  return Y.encodeStateAsUpdate(doc)
}

test('yjs › a malformed update changes nothing, and its sender is named', limits, async (t) => {
  const { good, rogue, rogueSpace, faults, reported, told } = await scene(t)
  const valid = updateOf(7, 'valid')
  const malformed = [new Uint8Array([255, 255, 255]), new Uint8Array(), valid.subarray(0, valid.length - 2)]
  for (const bytes of malformed) rogue.cast(['u', [bytes]])
  // One of several: none is applied.
  rogue.cast(['u', [updateOf(8, 'good'), new Uint8Array([9])]])
  await told(4)
  assert.deepEqual(
    new Set(faults.map(({ code, member }) => `${code} ${member}`)),
    new Set([`malformed-update ${rogueSpace.self}`]),
  )
  for (const op of [
    7,
    ['u'],
    ['u', [3]],
    ['x', []],
    ['p', 1, [1], [[2, '{}']]],
    ['p', 1, [1], [[1, '{']]],
    ['p', -1, [], []],
  ])
    rogue.cast(op)
  await until(good.space, 'fault', () => reported.length >= 11)
  assert.deepEqual(new Set(reported), new Set([`${rogueSpace.self} bad-operation`]))
  assert.equal(textOf(good.doc), '')
  // Its good ones count.
  rogue.cast(['u', [valid]])
  await allHave([good.doc], 'valid')
})

test('yjs › mutated updates throw nowhere', { timeout: 60_000 }, async (t) => {
  const { good, rogue } = await scene(t)
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'abc')
  doc.getMap('map').set('k', [1, { a: 'b' }])
  doc.getText('text').delete(1, 1)
  const bytes = Y.encodeStateAsUpdate(doc)
  for (let at = 0; at < bytes.length; at += 1) {
    for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
      const mutated = bytes.slice()
      mutated[at] = value
      rogue.cast(['u', [mutated]])
    }
  }
  rogue.cast(['u', [updateOf(9, 'still here')]])
  await when(good.doc as never, 'afterTransaction', () => textOf(good.doc).includes('still here'))
  assert.equal(good.provider.connected, true)
})

test('yjs › nobody writes in the name of a member who is here', limits, async (t) => {
  const { good, rogue, rogueSpace, faults, told } = await scene(t)
  good.doc.getMap('map').set('owner', 'good')
  const forged = new Y.Doc()
  Y.applyUpdate(forged, Y.encodeStateAsUpdate(good.doc))
  forged.clientID = good.doc.clientID
  const before = Y.encodeStateVector(forged)
  forged.getMap('map').set('owner', 'rogue')
  const update = Y.encodeStateAsUpdate(forged, before)
  rogue.cast(['u', [update]])
  await told(1)
  assert.deepEqual(faults[0], { code: 'forged-client', member: rogueSpace.self, detail: [good.doc.clientID] })
  assert.equal(good.doc.getMap('map').get('owner'), 'good')
  // As if it came from storage: what is the other's is left out. (Deleting is everybody's.)
  rogue.cast(['i', [update]])
  rogue.cast(['u', [updateOf(5, 'done')]])
  await allHave([good.doc], 'done')
  assert.notEqual(good.doc.getMap('map').get('owner'), 'rogue')
  // Nor does it speak in its name.
  rogue.cast([
    'p',
    1,
    [good.doc.clientID, 5],
    [
      [good.doc.clientID, '{"name":"rogue"}'],
      [5, '{"name":"five"}'],
    ],
  ])
  const { awareness } = good.provider
  await when(awareness as never, 'change', () => awareness?.getStates().get(5)?.['name'] === 'five')
  assert.deepEqual(awareness?.getLocalState(), {})
})

test('yjs › what waits for what never comes is bounded', { timeout: 60_000 }, async (t) => {
  const { good, rogue, told, faults } = await scene(t)
  const size = PENDING_BYTES_MAX / 4
  for (let i = 0; i < 7; i += 1) {
    const doc = new Y.Doc()
    doc.clientID = 100 + i
    doc.getMap('map').set('first', 1)
    const vector = Y.encodeStateVector(doc)
    doc.getMap('map').set('later', new Uint8Array(size))
    rogue.cast(['u', [Y.encodeStateAsUpdate(doc, vector)]])
  }
  await told(1)
  assert.equal(faults[0]?.code, 'too-much-pending')
  const waiting = good.doc.store.pendingStructs?.update.length ?? 0
  assert.ok(waiting > PENDING_BYTES_MAX && waiting < PENDING_BYTES_MAX * 1.6, `${waiting} bytes wait`)
})

test('yjs › who says something new all the time is shown once a second, and named once', limits, async (t) => {
  const { good, rogue, rogueSpace, faults } = await scene(t)
  const { awareness } = good.provider
  assert.ok(awareness)
  let changes = 0
  awareness.on('change', () => {
    changes += 1
  })
  const last = 1000
  for (let k = 1; k <= last; k += 1) {
    rogue.cast(['p', k, [3], [[3, JSON.stringify({ k })]]])
    if (k % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await when(awareness as never, 'change', () => awareness.getStates().get(3)?.['k'] === last)
  assert.ok(changes <= 250, `${changes} changes`)
  const floods = faults.filter(({ code }) => code === 'awareness-flood')
  assert.ok(floods.length >= 1 && floods.length <= 2)
  assert.equal(floods[0]?.member, rogueSpace.self)
})

test('yjs › a state too large to be said is not, and the application is told', limits, async (t) => {
  const { good, faults, told } = await scene(t)
  good.provider.awareness?.setLocalState({ large: 'x'.repeat(STATE_LENGTH_MAX) })
  await told(1)
  assert.equal(faults[0]?.code, 'awareness-too-large')
  assert.equal(faults[0]?.member, good.space.self)
})

test('yjs › an observer that throws does not end anything, and is nobody else’s fault', limits, async (t) => {
  const [a, b] = await new Net(t).sharers(2)
  assert.ok(a && b)
  const faults: ProviderFault[] = []
  b.provider.on('fault', (fault) => faults.push(fault))
  b.doc.getText('text').observe(() => {
    throw new Error('an application’s bug')
  })
  a.doc.getText('text').insert(0, 'x')
  await when(b.provider as never, 'fault', () => faults.length > 0)
  assert.deepEqual(
    faults.map(({ code, member }) => [code, member]),
    [['observer', b.space.self]],
  )
  assert.equal(textOf(b.doc), 'x')
})
