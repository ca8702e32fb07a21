/**
 * Devices that all go, at once or one after the other, and come back in any order, again and again: what was durable anywhere
 * is there once all are back, the same for all, and nobody acts on less before.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, MemoryStore, memory, memoryStorage } from '../../adapters/memory/index.ts'
import { NotPrimaryError } from '../../lib/errors.ts'
import type { SharedRegister } from '../../lib/objects/register.ts'
import { openSpace } from '../../lib/open-space.ts'
import type { Space } from '../../lib/space.ts'
import { makeRandom } from './objects/cluster.ts'
import { until } from './until.ts'

const DEVICES = 3
const ROUNDS = 4

interface Device {
  readonly store: MemoryStore
  readonly space: Space
  readonly register: SharedRegister<number>
}

for (const seed of [1, 2, 3]) {
  test(`restoration › a course of total failures, seed ${seed}`, { timeout: 60_000 }, async (t) => {
    const random = makeRandom(seed * 7877)
    const shuffled = <Item>(items: readonly Item[]): Item[] =>
      items
        .map((item) => ({ item, at: random() }))
        .sort((a, b) => a.at - b.at)
        .map(({ item }) => item)
    const stores = Array.from({ length: DEVICES }, () => new MemoryStore())
    const hub = new MemoryHub()
    const open = async (store: MemoryStore): Promise<Device> => {
      const transports = [memory({ hub })]
      const storage = memoryStorage(store)
      const space = await openSpace('course', { worker: false, foundAfterMs: 20, transports, storage })
      t.after(() => space.kill())
      return { store, space, register: await space.register<number>('one', { whenNotPrimary: 'reject' }) }
    }
    /** The version of the last write that was durable somewhere. */
    let durable = 0
    const write = async ({ space, register }: Device): Promise<void> => {
      const version = await register.set(Math.floor(random() * 1000))
      if (random() < 0.3) return
      await space.durable()
      durable = Math.max(durable, version)
    }
    for (let round = 1; round <= ROUNDS; round += 1) {
      let here: Device[] = []
      for (const store of shuffled(stores)) {
        const device = await open(store)
        here.push(device)
        if (random() < 0.5) {
          // Alone, or with some: it acts on all that was durable, or not at all.
          await until(device.space, 'view', () => device.space.view.primary)
          try {
            const { version } = await device.register.read()
            assert.ok(version >= durable, `round ${round}: ${version} where ${durable} was durable`)
          } catch (error) {
            assert.ok(error instanceof NotPrimaryError, String(error))
          }
        }
      }
      await Promise.all(
        here.map(({ space }) =>
          until(space, 'view', () => space.view.members.length === DEVICES && space.view.primary),
        ),
      )
      await Promise.all(here.map(({ register }) => until(register, 'change', () => register.version >= durable)))
      for (let i = 0; i < 3; i += 1) {
        const writer = here[Math.floor(random() * here.length)]
        assert.ok(writer)
        await write(writer)
      }
      if (random() < 0.5) {
        // Whatever of it is under way.
        const last = here[0]
        void last?.register.set(-1).catch(() => undefined)
        for (const { space } of shuffled(here)) space.kill()
        continue
      }
      for (const leaver of shuffled(here)) {
        await leaver.space.close()
        here = here.filter((each) => each !== leaver)
        const [next] = here
        if (next === undefined) break
        await until(next.space, 'view', () => next.space.view.members.length === here.length && next.space.view.primary)
        if (random() < 0.7) await write(next)
      }
    }
  })
}
