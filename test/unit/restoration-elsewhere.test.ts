/**
 * Two pages of one browser that share a database and do not reach each other: the second does not go on without the first; and
 * if both have begun apart, whoever finds what they have left is told that one of the two is not gone on from.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { MemoryHub, MemoryStore, memory, memoryStorage } from '../../adapters/memory/index.ts'
import { NotPrimaryError } from '../../lib/errors.ts'
import { openSpace } from '../../lib/open-space.ts'
import { until } from './until.ts'

/** Opens pages on this store that reach nobody. */
function opener(t: TestContext, store: MemoryStore) {
  return async () => {
    const transports = [memory({ hub: new MemoryHub() })]
    const space = await openSpace('two', { worker: false, foundAfterMs: 20, transports, storage: memoryStorage(store) })
    t.after(() => space.kill())
    return { space, register: await space.register<string>('one', { whenNotPrimary: 'reject' }) }
  }
}

test('restoration › a page whose database another one writes, out of reach, waits for that one, and goes on once it is gone', {
  timeout: 60_000,
}, async (t) => {
  const store = new MemoryStore()
  const open = opener(t, store)
  const first = await open()
  await until(first.space, 'view', () => first.space.view.primary)
  await first.register.set('of the first')
  await first.space.durable()
  const second = await open()
  const told: string[] = []
  second.space.addEventListener('storage', ({ reason }) => told.push(reason))
  // Refused from the first moment on; who is missing is known once its space is founded and has heard of what was found.
  for (let missing: readonly string[] = []; missing.length === 0; await setTimeout(10)) {
    await assert.rejects(second.register.set('back in time'), (error) => {
      assert.ok(error instanceof NotPrimaryError)
      missing = error.missing
      return true
    })
    if (missing.length > 0) assert.deepEqual(missing, [first.space.self])
  }
  await first.register.set('later')
  await first.space.durable()
  first.space.kill()
  await until(second.register, 'change', () => second.register.value === 'later')
  assert.equal(await second.register.set('gone on'), 3)
  assert.deepEqual(told, [])
})

test('restoration › of what two pages have begun apart in one database one goes on, and the next page is told', {
  timeout: 60_000,
}, async (t) => {
  const store = new MemoryStore()
  const open = opener(t, store)
  const both = [await open(), await open()]
  for (const [i, { space, register }] of both.entries()) {
    await until(space, 'view', () => space.view.primary)
    await register.set(`of ${i}`)
    await space.durable()
  }
  for (const { space } of both) space.kill()
  const { space, register } = await open()
  const told = new Promise<string>((resolve) => space.addEventListener('storage', ({ reason }) => resolve(reason)))
  await until(register, 'change', () => register.value?.startsWith('of ') === true)
  assert.equal(await told, 'overtaken')
  assert.equal(await register.set('gone on'), 2)
})
