/**
 * Regions of real spaces, in thread and through the worker's port: numbers over all groups, and nobody who waits.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { UsageError } from '../../lib/errors.ts'
import type { Group, GroupEvent } from '../../lib/group.ts'
import { openSpace } from '../../lib/open-space.ts'
import type { Space } from '../../lib/space.ts'
import { FakeWorker } from './fake-worker.ts'
import { until } from './until.ts'

const modes = [
  ['in thread', (): false => false],
  ['in a worker', (hub: MemoryHub) => () => new FakeWorker({ hub }).asWorker],
] as const

type Mode = (typeof modes)[number][1]

async function openTwo(t: TestContext, mode: Mode): Promise<readonly [Space, Space]> {
  const hub = new MemoryHub()
  const options = { foundAfterMs: 20, transports: [memory({ hub })] }
  const spaces = await Promise.all([
    openSpace('test', { ...options, worker: false }),
    openSpace('test', { ...options, worker: mode(hub) }),
  ])
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(spaces.map((space) => until(space, 'view', () => space.members.length === 2)))
  return spaces
}

/** Opens the group in both, and waits until both are in. */
async function inBoth(spaces: readonly [Space, Space], name: string): Promise<readonly [Group, Group]> {
  const [one, two] = spaces
  const groups = await Promise.all([one.group(name, { order: 'total' }), two.group(name, { order: 'total' })])
  await Promise.all(groups.map((group) => until(group, 'view', () => group.view?.members.length === 2)))
  return groups
}

/** A list that can be waited for. */
class Log<Entry> extends EventTarget {
  readonly entries: Entry[] = []

  add(entry: Entry): void {
    this.entries.push(entry)
    this.dispatchEvent(new Event('add'))
  }

  of(length: number): Promise<void> {
    return until(this, 'add', () => this.entries.length >= length)
  }
}

for (const [mode, worker] of modes) {
  test(`region › events are numbered over all groups and the space, the kernel ${mode}`, {
    timeout: 10_000,
  }, async (t) => {
    const spaces = await openTwo(t, worker)
    const [sender, receiver] = spaces
    const numbers: number[] = []
    receiver.addEventListener('view', ({ number }) => numbers.push(number))
    const [chat, orders] = await Promise.all([inBoth(spaces, 'chat'), inBoth(spaces, 'orders')])
    const casts = new Log<number>()
    for (const [, group] of [chat, orders]) {
      group.addEventListener('view', ({ entry }) => numbers.push(entry.number))
      group.addEventListener('cast', ({ entry }) => {
        numbers.push(entry.number)
        casts.add(entry.number)
      })
    }
    for (let i = 0; i < 20; i += 1) (i % 3 === 0 ? chat : orders)[i % 2 === 0 ? 0 : 1].cast(i)
    await casts.of(20)
    await sender.close()
    await until(receiver, 'view', () => receiver.members.length === 1)
    assert.ok(numbers.length >= 23, `${numbers.length} events`)
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
    )
  })

  test(`region › handlers of two groups enter in the order of the events, the kernel ${mode}`, {
    timeout: 10_000,
  }, async (t) => {
    const spaces = await openTwo(t, worker)
    const [, space] = spaces
    const groups = [await inBoth(spaces, 'chat'), await inBoth(spaces, 'orders')] as const
    const region = space.region()
    const [waiting, entered] = [new Log<() => void>(), new Log<GroupEvent>()]
    for (const [, group] of groups) {
      region.follow(group, async (event) => {
        await new Promise<void>((resolve) => waiting.add(resolve))
        await region.run(event, () => entered.add(event))
      })
    }
    for (let i = 0; i < 10; i += 1) groups[i % 2 === 0 ? 0 : 1][0].cast(i)
    await waiting.of(10)
    // The last comes first.
    for (const goOn of waiting.entries.toReversed()) {
      assert.equal(entered.entries.length, 0)
      goOn()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const seen = entered.entries
    assert.deepEqual(seen.map((event) => (event.type === 'cast' ? event.value : event.type)).sort(), [
      ...Array.from({ length: 10 }, (_, i) => i),
    ])
    assert.deepEqual(
      seen.map(({ number }) => number),
      seen.map(({ number }) => number).sort((a, b) => a - b),
    )
    await assert.rejects(
      region.run(seen[0] as GroupEvent, () => undefined),
      UsageError,
    )
  })

  test(`region › a handler that never ends holds up nothing else, the kernel ${mode}`, {
    timeout: 10_000,
  }, async (t) => {
    const spaces = await openTwo(t, worker)
    const [sender, receiver] = spaces
    const [from, to] = await inBoth(spaces, 'chat')
    const [stuck, healthy] = [receiver.region(), receiver.region()]
    const [handled, entered, heard] = [new Log<number>(), new Log<number>(), new Log<number>()]
    stuck.follow(to, (event) => {
      handled.add(event.number)
      return new Promise(() => undefined)
    })
    healthy.follow(to, (event) => healthy.run(event, () => entered.add(event.number)))
    to.addEventListener('cast', ({ entry }) => heard.add(entry.number))
    const receipts = Array.from({ length: 50 }, (_, i) => from.cast(i))
    await Promise.all([handled.of(50), entered.of(50), heard.of(50)])
    await Promise.all(receipts.map(({ stable }) => stable))
    assert.equal(stuck.pending, 50)
    assert.deepEqual(entered.entries, heard.entries)
    // Nor a change of the view, nor what comes after it.
    await sender.close()
    await until(to, 'view', () => to.view?.members.length === 1)
    const last = to.cast('alone')
    await last.stable
    await entered.of(52)
    assert.equal(stuck.pending, 52)
  })
}

test('region › the views of the space have their turns between the events of its groups', {
  timeout: 10_000,
}, async (t) => {
  const spaces = await openTwo(t, modes[0][1])
  const [leaves, stays] = spaces
  const [from, to] = await inBoth(spaces, 'chat')
  const region = stays.region()
  const entered = new Log<string>()
  let goOn = (): void => undefined
  const first = new Promise<void>((resolve) => {
    goOn = resolve
  })
  region.follow(to, async (event) => {
    if (event.type === 'cast') await first
    await region.run(event, () => entered.add(event.type))
  })
  region.follow(stays, (event) => region.run(event, () => entered.add(`${event.type} of ${event.view.members.length}`)))
  await from.cast('a cast').stable
  await leaves.close()
  await until(stays, 'view', () => stays.members.length === 1)
  assert.deepEqual(entered.entries, [])
  goOn()
  await entered.of(3)
  assert.equal(entered.entries[0], 'cast')
  assert.deepEqual(entered.entries.toSorted(), ['cast', 'view', 'view of 1'])
  assert.throws(() => region.follow(leaves, () => undefined), UsageError)
})

test('region › what was told before the group and the space closed still has its turn', {
  timeout: 10_000,
}, async (t) => {
  const spaces = await openTwo(t, modes[0][1])
  const [, space] = spaces
  const [from, to] = await inBoth(spaces, 'chat')
  const region = space.region()
  const [told, entered] = [new Log<() => void>(), new Log<number>()]
  region.follow(to, async (event) => {
    await new Promise<void>((resolve) => told.add(resolve))
    await region.run(event, () => entered.add(event.number))
  })
  from.cast(1)
  from.cast(2)
  await told.of(2)
  await space.close()
  for (const goOn of told.entries.toReversed()) goOn()
  await entered.of(2)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([entered.entries.length, region.pending], [2, 0])
})
