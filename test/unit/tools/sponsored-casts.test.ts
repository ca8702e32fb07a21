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

test('what a member casts for clients › is told behind what was held by all, though a state replaces that which has it', async () => {
  const table = new ClientTable()
  const cast: (readonly unknown[])[] = []
  const port = {
    ...{ name: 'g', self: 'a', view: null, isWritable: true },
    castRequest(op: readonly unknown[]): Receipt {
      cast.push(op)
      const [, client, born, n, after, base] = op as [number, string, number, number, number, number]
      const verdict = table.take({ client, born, n, after, base }, '1.a.1')
      if (verdict === 'new') queueMicrotask(() => casts.tellTold(attached, n))
      return { delivered: Promise.resolve(), stable: Promise.resolve() } as unknown as Receipt
    },
  }
  const told: (readonly unknown[])[] = []
  const casts = new SponsoredCasts({
    ...{ table, log: new FeedLog(10), isStrong: false, port: port as unknown as GroupPort },
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
