/** Requests and services in a whole space, in one thread over the memory transport. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../../../lib/errors.ts'
import { NoHandlerError } from '../../../lib/tool-errors.ts'
import { openTogether } from '../together.ts'
import { until } from '../until.ts'

test('requests in a space › all reply to one; a call is served by who serves, for whoever is there, a witness too', {
  timeout: 30_000,
}, async (t) => {
  const spaces = await openTogether(t, [{}, {}, {}, { witness: true }])
  const [a, b, c, witness] = spaces
  assert.ok(a && b && c && witness)

  const groups = await Promise.all([a, b, c].map((space) => space.group('chat')))
  const [first] = groups
  assert.ok(first)
  await until(first, 'view', () => first.view?.members.length === 3)
  groups.forEach((group, i) => void group.respond(async (value) => [value, i]))
  const { values, entries } = await first.request<[string, number]>('who')
  assert.equal(entries.size, 3)
  assert.deepEqual(values.map(([value, i]) => `${value}${i}`).sort(), ['who0', 'who1', 'who2'])

  const nobody = await witness.client('sums')
  await assert.rejects(nobody.call(1), NoHandlerError)
  const double = (value: unknown): number => (value as number) * 2
  const service = await groups[1]?.serve(double)
  await a.serve('chat', double)
  await assert.rejects(b.serve('chat', double), UsageError)
  await assert.rejects(a.serve('', double), UsageError)
  await assert.rejects(a.serve('other', 1 as never), UsageError)
  await assert.rejects(witness.serve('chat', double), UsageError)
  const client = await witness.client('chat')
  assert.equal(await witness.client('chat'), client)
  assert.equal(await client.call<number>(21), 42)
  assert.equal(await (await c.client('chat')).call<number>(4), 8)
  await service?.close()
  // It may serve again.
  const again = await b.serve('chat', double)
  assert.equal(await client.call<number>(1), 2)
  await again.close()
  await witness.close()
  await assert.rejects(client.call(1), { code: 'closed' })
})
