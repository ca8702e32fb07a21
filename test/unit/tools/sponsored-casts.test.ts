/** What a member casts for its clients, with a group that does as it is told. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupPort, Receipt } from '../../../lib/objects/replica.ts'
import { newSession } from '../../../lib/tools/client-session.ts'
import { ClientTable } from '../../../lib/tools/client-table.ts'
import { TO_ATTACHED, TO_SPONSOR } from '../../../lib/tools/client-words.ts'
import { FeedLog } from '../../../lib/tools/feed-log.ts'
import { SponsoredCasts } from '../../../lib/tools/sponsored-casts.ts'
import { encodeValue } from '../../../lib/values.ts'

/** A group in which what is cast is told and held at once, one client, and what that is told. */
function makeCasts({ isConsistent }: { readonly isConsistent: boolean }) {
  const table = new ClientTable()
  const cast: (readonly unknown[])[] = []
  const told: (readonly unknown[])[] = []
  const view = { id: '1.a.1', primary: true }
  const port = {
    ...{ name: 'g', self: 'a', view, isWhole: true, isWritable: true, mail: { view: null } },
    castRequest(op: readonly unknown[]): Receipt {
      cast.push(op)
      if (!port.isWhole) return { delivered: Promise.resolve(), stable: Promise.resolve() } as unknown as Receipt
      const [, client, born, n, after, base] = op as [number, string, number, number, number, number]
      const verdict = table.take({ client, born, n, after, base }, view.id)
      if (verdict === 'new') queueMicrotask(() => casts.tellTold(attached, n))
      return { delivered: Promise.resolve(), stable: Promise.resolve() } as unknown as Receipt
    },
  }
  const casts = new SponsoredCasts({
    ...{ table, log: new FeedLog(10), isStrong: false, isConsistent, port: port as unknown as GroupPort },
    isServing: () => true,
    isCurrent: () => true,
    tell: (_, message) => told.push(message),
    malformed: (_, code) => assert.fail(code),
    retry: () => undefined,
  })
  const attached = newSession(
    { id: 'x', session: 1, born: 1, good: 0, heldIn: null, position: null, isFollowing: true },
    { next: 0, pending: null },
  )
  return { table, attached, casts, cast, told, view, port }
}

function kindsOf(told: readonly (readonly unknown[])[]): unknown[] {
  return told.map(([kind]) => kind)
}

test('what a member casts for clients › is told behind what was held by all, though a state replaces that which has it', async () => {
  const { table, attached, casts, cast, told, port } = makeCasts({ isConsistent: false })
  const before = table.save()
  // Both are asked for at once: of the second one the client cannot say that the first is held.
  casts.ask(attached, TO_SPONSOR.cast, [1, 0, 0, null, false, encodeValue('one')])
  port.isWritable = false
  casts.ask(attached, TO_SPONSOR.cast, [2, 1, 0, null, false, encodeValue('two')])
  await new Promise(setImmediate)
  assert.deepEqual(told.at(-1), [TO_ATTACHED.held, 1, 1, ''])
  // The primary component has gone on without it.
  table.load(before)
  port.isWritable = true
  casts.drive(attached)
  await new Promise(setImmediate)
  assert.deepEqual(
    cast.map(([, , , n, after, base]) => [n, after, base]),
    [
      [1, 0, 0],
      [2, 1, 1],
    ],
  )
  assert.deepEqual(told.at(-1), [TO_ATTACHED.held, 1, 2, ''])
  assert.equal(table.last('x'), 2)
})

test('what a member casts for clients › is not said to be held by all while a consistent group does not act here, and is cast again if the state went with it', async () => {
  for (const isKept of [true, false]) {
    const { table, attached, casts, cast, told, view } = makeCasts({ isConsistent: true })
    const before = table.save()
    // It is delivered here, and nowhere else, as this member is cut off.
    casts.ask(attached, TO_SPONSOR.cast, [1, 0, 0, null, false, encodeValue('one')])
    casts.ask(attached, TO_SPONSOR.cast, [2, 1, 0, null, false, encodeValue('two')])
    view.primary = false
    await new Promise(setImmediate)
    casts.drive(attached)
    assert.deepEqual(kindsOf(told), [TO_ATTACHED.told, TO_ATTACHED.told])
    view.primary = true
    if (!isKept) table.load(before)
    casts.drive(attached)
    await new Promise(setImmediate)
    assert.deepEqual(
      cast.map(([, , , n]) => n),
      isKept ? [1, 2] : [1, 2, 1, 2],
    )
    assert.deepEqual(
      told.filter(([kind]) => kind === TO_ATTACHED.held),
      [
        [TO_ATTACHED.held, 1, 1, ''],
        [TO_ATTACHED.held, 1, 2, ''],
      ],
    )
    assert.equal(table.last('x'), 2)
  }
})

test('what a member casts for clients › is cast again if it was delivered while a state was awaited, and one comes that lacks it', async () => {
  const { attached, casts, cast, told, port } = makeCasts({ isConsistent: true })
  // It waits here with what is delivered until the state is there, and is not delivered to the replica.
  port.isWhole = false
  casts.ask(attached, TO_SPONSOR.cast, [1, 0, 0, null, false, encodeValue('one')])
  await new Promise(setImmediate)
  assert.deepEqual(told, [])
  port.isWhole = true
  casts.drive(attached)
  await new Promise(setImmediate)
  assert.equal(cast.length, 2)
  assert.deepEqual(kindsOf(told), [TO_ATTACHED.told, TO_ATTACHED.held])
})
