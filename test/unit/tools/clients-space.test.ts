/** Clients of groups in a whole space, in one thread over the memory transport. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClosedError, GroupMismatchError, KindMismatchError, UsageError } from '../../../lib/errors.ts'
import { NoHandlerError } from '../../../lib/tool-errors.ts'
import { openTogether } from '../together.ts'
import { until } from '../until.ts'

test('clients in a space › cast and follow while members come and go; a witness is one, too', {
  timeout: 30_000,
}, async (t) => {
  const spaces = await openTogether(t, [{}, {}, {}, { witness: true }])
  const [a, b, c, witness] = spaces
  assert.ok(a && b && c && witness)

  await assert.rejects(c.attach('chat'), NoHandlerError)
  await assert.rejects(c.attach(''), UsageError)
  await assert.rejects(c.attach('tutti:x'), UsageError)
  await assert.rejects(c.attach('chat', { signal: AbortSignal.abort(new RangeError('no')) }), RangeError)
  await assert.rejects(a.group('chat', { clients: true, clientsKeep: 0 }), UsageError)
  const state = { save: () => null, load: () => undefined }
  await assert.rejects(a.group('chat', { clients: true, state }), UsageError)

  const groups = await Promise.all([a, b].map((space) => space.group('chat', { order: 'total', clients: true })))
  const [first, second] = groups
  assert.ok(first && second)
  await assert.rejects(a.group('chat', { order: 'total' }), KindMismatchError)
  await until(first, 'view', () => first.view?.members.length === 2)

  const client = await c.attach('chat')
  assert.equal(await c.attach('chat'), client)
  await assert.rejects(c.attach('chat', { follow: false }), GroupMismatchError)
  assert.ok(client.sponsor === a.self || client.sponsor === b.self)
  const watching = await witness.attach('chat', { follow: false })

  const told: unknown[] = []
  first.addEventListener('cast', ({ entry }) => told.push([entry.from, entry.via === undefined, entry.value]))
  const seen = (async () => {
    const values: unknown[] = []
    for await (const entry of client) {
      if (entry.type !== 'cast') continue
      values.push([entry.from, entry.local, entry.value])
      if (values.length === 4) return values
    }
    return values
  })()
  await client.cast('one').stable
  await first.cast('two').delivered
  await watching.cast('three').stable
  await client.cast('four', { service: 'gbcast' }).stable
  assert.deepEqual(told, [
    [c.self, false, 'one'],
    [a.self, true, 'two'],
    [witness.self, false, 'three'],
    [c.self, false, 'four'],
  ])
  assert.deepEqual(await seen, [
    [c.self, true, 'one'],
    [a.self, false, 'two'],
    [witness.self, false, 'three'],
    [c.self, true, 'four'],
  ])

  // A region follows a client as it does a group.
  const region = c.region()
  const through: unknown[] = []
  const both = new Promise<void>((resolve) => {
    region.follow(client, async (event) => {
      if (event.type !== 'cast') return
      await region.run(event, () => void through.push(event.value))
      if (through.length === 2) resolve()
    })
  })
  // The sponsor goes: the other one serves it, with what is under way.
  const leaving = client.sponsor === a.self ? first : second
  const receipts = ['five', 'six'].map((value) => client.cast(value))
  await leaving.close()
  await Promise.all(receipts.map(({ stable }) => stable))
  await both
  assert.deepEqual(through, ['five', 'six'])
  await until(client, 'sponsor', () => client.sponsor !== null)

  const sum = await groups.find((group) => group !== leaving)?.serve((value) => (value as number) + 1)
  assert.equal(await client.call(1), 2)
  await sum?.close()

  // It was opened twice.
  await client.close()
  assert.notEqual(client.sponsor, null)
  await client.close()
  assert.equal(client.sponsor, null)
  assert.throws(() => client.cast(1), ClosedError)
  const again = await c.attach('chat')
  assert.notEqual(again, client)
  await again.cast('seven').stable
  await c.close()
  await assert.rejects(c.attach('chat'), ClosedError)
  assert.equal(again.writable, false)
})
