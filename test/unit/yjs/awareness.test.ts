/** Awareness over views. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Awareness, outdatedTimeout } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { allIn, Net, when } from './sharers.ts'

const limits = { timeout: 20_000 }

/** Who is known, with what: by clientID. */
const known = (awareness: Awareness | null): Record<number, unknown> => Object.fromEntries(awareness?.getStates() ?? [])

test('yjs › what each says is known to all, newcomers too, and sent only when it is news', limits, async (t) => {
  const net = new Net(t)
  const [a, b] = await net.sharers(2)
  assert.ok(a && b)
  a.provider.awareness?.setLocalState({ name: 'A' })
  b.provider.awareness?.setLocalStateField('name', 'B')
  const late = net.share(await net.space())
  const wanted = { [a.doc.clientID]: { name: 'A' }, [b.doc.clientID]: { name: 'B' }, [late.doc.clientID]: {} }
  for (const { provider } of [a, b, late]) {
    await when(provider.awareness as never, 'change', () => {
      const states = known(provider.awareness)
      return (
        Object.keys(states).length === 3 &&
        JSON.stringify(states).includes('"A"') &&
        JSON.stringify(states).includes('"B"')
      )
    })
    assert.deepEqual(known(provider.awareness), wanted)
  }
  // Saying the same again, as an awareness does every 15 s, is no news.
  let updates = 0
  b.provider.awareness?.on('update', () => {
    updates += 1
  })
  a.provider.awareness?.setLocalState({ name: 'A' })
  a.provider.awareness?.setLocalState({ name: 'A2' })
  await when(b.provider.awareness as never, 'change', () => JSON.stringify(known(b.provider.awareness)).includes('A2'))
  assert.equal(updates, 1)
})

test('yjs › nobody is forgotten by a timer', limits, async (t) => {
  const [a, b] = await new Net(t).sharers(2)
  assert.ok(a && b)
  const awareness = a.provider.awareness
  assert.ok(awareness)
  await when(awareness as never, 'change', () => awareness.getStates().has(b.doc.clientID))
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 10 * outdatedTimeout })
  const { lastUpdated } = awareness.meta.get(b.doc.clientID) ?? { lastUpdated: 0 }
  assert.ok(outdatedTimeout > Date.now() - lastUpdated)
})

test('yjs › who says nothing any more, or leaves the room, is gone; who returns is added', limits, async (t) => {
  const [a, b] = await new Net(t).sharers(2)
  assert.ok(a && b)
  const awareness = a.provider.awareness
  assert.ok(awareness)
  const id = b.doc.clientID
  await when(awareness as never, 'change', () => awareness.getStates().has(id))
  const events: string[] = []
  awareness.on('change', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>) => {
    if (added.includes(id)) events.push('added')
    if (updated.includes(id)) events.push('updated')
    if (removed.includes(id)) events.push('removed')
  })
  b.provider.awareness?.setLocalState(null)
  await when(awareness as never, 'change', () => !awareness.getStates().has(id))
  b.provider.awareness?.setLocalState({ name: 'B' })
  await when(awareness as never, 'change', () => awareness.getStates().has(id))
  b.provider.disconnect()
  assert.deepEqual(Object.keys(known(b.provider.awareness)), [`${id}`])
  await when(awareness as never, 'change', () => !awareness.getStates().has(id))
  b.provider.connect()
  await when(awareness as never, 'change', () => awareness.getStates().has(id))
  assert.deepEqual(events, ['removed', 'added', 'removed', 'added'])
})

test('yjs › an awareness of one’s own is used, and not destroyed with the provider', limits, async (t) => {
  const net = new Net(t)
  const [space] = await net.together(1)
  assert.ok(space)
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  t.after(() => awareness.destroy())
  const first = net.share(space, 'doc', { awareness }, doc)
  await first.provider.whenSynced
  first.provider.destroy()
  assert.deepEqual(awareness.getLocalState(), {})
  const second = net.share(space, 'doc', { awareness }, doc)
  const other = net.share(await net.space())
  await allIn([second, other])
  await when(
    other.provider.awareness as never,
    'change',
    () => other.provider.awareness?.getStates().has(doc.clientID) ?? false,
  )
  assert.equal(net.share(space, 'none', { awareness: null }).provider.awareness, null)
})
