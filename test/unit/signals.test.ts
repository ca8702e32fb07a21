/** What may wait for long takes a signal: calls of tools, and the reading of a log. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Space } from '../../lib/space.ts'
import { openTogether } from './together.ts'
import { until } from './until.ts'

type Given = { readonly signal: AbortSignal }

/** Long calls, by name. */
async function callsOf(space: Space): Promise<Readonly<Record<string, (given: Given) => Promise<unknown>>>> {
  const latch = await space.latch('start', { count: 2 })
  const group = await space.group('chat')
  return {
    'locks.query': (given) => space.locks.query(given),
    leaderOf: (given) => space.leaderOf('chief', given),
    'space.serve': (given) => space.serve('sums', () => 1, given),
    'group.serve': (given) => group.serve(() => 1, given),
    'latch.countDown': (given) => latch.countDown(given),
  }
}

test('signals › end the wait, for the primary component too, and nothing is begun with one that has aborted', {
  timeout: 30_000,
}, async (t) => {
  const [senior, space] = await openTogether(t, [{}, {}])
  assert.ok(senior && space)
  const [first, other] = space.view.members[0]?.id === senior.self ? [senior, space] : [space, senior]
  const [calls] = await Promise.all([callsOf(other), first.latch('start', { count: 2 })])
  first.kill()
  await until(other, 'view', () => !other.view.primary)
  for (const [name, call] of Object.entries(calls)) {
    const enough = new AbortController()
    const end = call({ signal: enough.signal })
    enough.abort(new Error('enough'))
    await assert.rejects(end, { message: 'enough' }, name)
    await assert.rejects(call({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' }, name)
  }
})

test('signals › who has given up serving can serve under that name again', { timeout: 30_000 }, async (t) => {
  const [space] = await openTogether(t, [{}])
  assert.ok(space)
  const given = new AbortController()
  const end = space.serve('sums', () => 1, { signal: given.signal })
  given.abort(new Error('enough'))
  await assert.rejects(end, { message: 'enough' })
  const service = await space.serve('sums', () => 2)
  given.abort()
  assert.equal(await (await space.client('sums')).call(0), 2)
  await service.close()
})

test('signals › the reading of a log ends when its signal aborts, read to the end or not', {
  timeout: 30_000,
}, async (t) => {
  const [space] = await openTogether(t, [{}])
  assert.ok(space)
  const log = await space.audit<number>('log')
  for (const value of [1, 2, 3]) await log.append(value)
  const enough = new AbortController()
  const { signal } = enough
  const read: number[] = []
  for await (const { value } of log.read(1, { signal })) {
    read.push(value)
    if (value === 2) enough.abort()
  }
  assert.deepEqual(read, [1, 2])
  const stop = new AbortController()
  const waiting = log.read(log.last + 1, { signal: stop.signal }).next()
  stop.abort()
  assert.deepEqual(await waiting, { value: undefined, done: true })
  // What was appended before it was closed is read all the same.
  const late = log.read(2, { signal: new AbortController().signal })
  await log.close()
  assert.deepEqual([(await late.next()).value?.value, (await late.next()).value?.value], [2, 3])
  assert.deepEqual(await late.next(), { value: undefined, done: true })
})
