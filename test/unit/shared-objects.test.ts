/**
 * Register, total map, bounded counter, set and presence in spaces of one thread: as an application opens and uses them.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { GroupMismatchError, KindMismatchError, TooLargeError, UsageError } from '../../lib/errors.ts'
import { openSpace } from '../../lib/open-space.ts'
import type { Space } from '../../lib/space.ts'
import { OutOfBoundsError } from '../../lib/tool-errors.ts'
import { until } from './until.ts'

async function openThree(t: TestContext): Promise<readonly [Space, Space, Space]> {
  const hub = new MemoryHub()
  const open = (): Promise<Space> =>
    openSpace('test', { worker: false, foundAfterMs: 20, transports: [memory({ hub })] })
  const spaces = [await open(), await open(), await open()] as const
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(
    spaces.map((space) => until(space, 'view', () => space.view.members.length === 3 && space.view.primary)),
  )
  return spaces
}

test('space › of three that compare and set at once exactly one writes', { timeout: 20_000 }, async (t) => {
  const spaces = await openThree(t)
  const registers = await Promise.all(spaces.map((space) => space.register<string>('leader')))
  const results = await Promise.all(registers.map((register, i) => register.compareAndSet(0, `member ${i}`)))
  assert.equal(results.filter(({ ok }) => ok).length, 1)
  const reads = await Promise.all(registers.map((register) => register.read()))
  for (const read of reads) assert.deepEqual(read, { value: results.find(({ ok }) => ok)?.value, version: 1 })
})

test('space › transactions of three on one map lose nothing', { timeout: 20_000 }, async (t) => {
  const spaces = await openThree(t)
  const maps = await Promise.all(spaces.map((space) => space.map<number>('accounts', { consistency: 'total' })))
  await maps[0]?.set('a', 100)
  const moves = maps.flatMap((map) =>
    Array.from({ length: 5 }, () =>
      map.transaction((view) => {
        view.set('a', (view.get('a') ?? 0) - 1)
        view.set('b', (view.get('b') ?? 0) + 1)
      }),
    ),
  )
  await Promise.all(moves)
  await Promise.all(maps.map((map) => until(map, 'change', () => map.get('b') === 15)))
  for (const map of maps)
    assert.deepEqual(
      [...map],
      [
        ['a', 85],
        ['b', 15],
      ],
    )
})

test('space › a bounded counter sells what there is, and no more', { timeout: 20_000 }, async (t) => {
  const spaces = await openThree(t)
  const stocks = await Promise.all(spaces.map((space) => space.counter('stock', { min: 0 })))
  assert.equal(await stocks[0]?.add(2), 2)
  const sales = await Promise.allSettled(stocks.map((stock) => stock.add(-1)))
  const refused = sales.flatMap((sale) => (sale.status === 'rejected' ? [sale.reason as unknown] : []))
  assert.equal(refused.length, 1)
  assert.ok(refused[0] instanceof OutOfBoundsError)
  assert.equal(refused[0].docs, 'docs/errors.md#out-of-bounds')
  const blocks = await Promise.all(stocks.map((stock) => stock.block(10)))
  assert.deepEqual(
    blocks.map(({ from }) => from).sort((a, b) => a - b),
    [1, 11, 21],
  )
})

test('space › a set is the same at all, and comes to a latecomer', { timeout: 20_000 }, async (t) => {
  const [a, b, c] = await openThree(t)
  const tags = await a.set<object>('tags')
  const same = await b.set<object>('tags')
  tags.add({ tag: 'x' }).add({ tag: 'y' })
  await until(same, 'change', () => same.size === 2)
  assert.ok(same.delete({ tag: 'x' }))
  const late = await c.set<object>('tags')
  await until(late, 'change', () => late.size === 1)
  assert.deepEqual([...late], [{ tag: 'y' }])
})

test('space › presence of who closes or dies is gone with it', { timeout: 20_000 }, async (t) => {
  const [a, b, c] = await openThree(t)
  const [mine, ...others] = await Promise.all([a, b, c].map((space) => space.presence<string>('people')))
  assert.ok(mine)
  for (const [i, presence] of [mine, ...others].entries()) presence.set(`member ${i}`)
  await until(mine, 'change', () => mine.size === 3)
  const isTold = { gone: false }
  mine.addEventListener('change', ({ changes }) => {
    isTold.gone ||= changes.some(
      ({ type, id, previous }) => type === 'gone' && id === b.self && previous === 'member 1',
    )
  })
  await b.close()
  await until(mine, 'change', () => mine.size === 2)
  assert.ok(isTold.gone)
  assert.equal(mine.get(b.self), undefined)
  // Of who only closes the object, the others hear as well.
  await others[1]?.close()
  await until(mine, 'change', () => mine.size === 1)
  const again = await c.presence<string>('people')
  assert.deepEqual([...again], [[a.self, 'member 0']])
  again.set('back')
  await until(mine, 'change', () => mine.get(c.self) === 'back')
})

test('space › a value too large for a cast is refused, and the calls after it go on', {
  timeout: 30_000,
}, async (t) => {
  const [space] = await openThree(t)
  const register = await space.register<unknown>('large')
  const large = register.set(new Uint8Array(33 * 1024 * 1024))
  const next = register.set('small')
  await assert.rejects(large, TooLargeError)
  assert.equal(await next, 1)
})

test('space › a name that is open as one kind of object is no other', { timeout: 20_000 }, async (t) => {
  const [space, other] = await openThree(t)
  const kinds: readonly ((at: Space, name: string) => Promise<unknown>)[] = [
    (at, name) => at.register(name),
    (at, name) => at.map(name, { consistency: 'total' }),
    (at, name) => at.map(name),
    (at, name) => at.counter(name, { min: 0 }),
    (at, name) => at.counter(name, { min: 0, max: 9 }),
    (at, name) => at.counter(name),
    (at, name) => at.set(name),
    (at, name) => at.presence(name),
    (at, name) => at.queue(name),
  ]
  for (const [i, open] of kinds.entries()) {
    const name = `object ${i}`
    const handle = await open(space, name)
    assert.equal(await open(space, name), handle)
    for (const [j, openElse] of kinds.entries()) {
      if (i === j) continue
      await assert.rejects(openElse(space, name), KindMismatchError, `${i} as ${j}`)
    }
    await assert.rejects((kinds[(i + 1) % kinds.length] as typeof open)(other, name), GroupMismatchError, `${i}`)
  }
  await assert.rejects(space.map('wrong', { consistency: 'causal' as 'total' }), UsageError)
  await assert.rejects(space.counter('wrong', { min: 1, max: 0 }), UsageError)
})

test('space › a transaction over several objects takes effect in all of them', { timeout: 30_000 }, async (t) => {
  const spaces = await openThree(t)
  const [first, second] = spaces
  const accounts = await first.map<number>('accounts', { consistency: 'total', atomic: true })
  const till = await first.counter('till', { min: 0, atomic: true })
  const last = await first.register<string>('last', { atomic: true })
  const receipts = await first.queue<number>('receipts', { atomic: true })
  const theirs = await second.map<number>('accounts', { consistency: 'total', atomic: true })
  await accounts.set('a', 10)
  const held = await first.transact(async (tx) => {
    const before = tx.of(accounts).get('a') ?? 0
    tx.of(accounts).set('a', before - 3)
    tx.of(till).add(3)
    tx.of(last).set('first')
    tx.of(receipts).add(3)
    return before
  })
  assert.deepEqual([held, accounts.get('a'), till.value, last.value, receipts.size], [10, 7, 3, 'first', 1])
  await until(theirs, 'change', () => theirs.get('a') === 7)
  const plain = await first.register<string>('plain')
  await assert.rejects(
    first.transact((tx) => tx.of(plain).set('x')),
    { code: 'not-atomic' },
  )
  await assert.rejects(
    first.transact((tx) => tx.of(theirs).set('a', 1)),
    { code: 'not-atomic' },
  )
  const merging = await first.map('merging')
  await assert.rejects(
    first.transact((tx) => tx.of(merging as never)),
    { code: 'not-atomic' },
  )
  await assert.rejects(second.register('last'), GroupMismatchError)
  await assert.rejects(first.register('other', { atomic: 1 as never }), UsageError)
})

test('space › a default that is said is the same as one that is not; another value is a mismatch', {
  timeout: 20_000,
}, async (t) => {
  const [space] = await openThree(t)
  const jobs = await space.queue('jobs')
  assert.equal(await space.queue('jobs', { maxSize: 100_000, atomic: false }), jobs)
  await assert.rejects(space.queue('jobs', { maxSize: 99_999 }), KindMismatchError)
  await assert.rejects(space.queue('jobs', { atomic: true }), KindMismatchError)
  const stock = await space.counter('stock', { min: 0 })
  assert.equal(await space.counter('stock', { min: 0, max: Number.MAX_SAFE_INTEGER }), stock)
  const title = await space.register('title', { atomic: false })
  assert.equal(await space.register('title'), title)
  const accounts = await space.map('accounts', { consistency: 'total', atomic: false })
  assert.equal(await space.map('accounts', { consistency: 'total' }), accounts)
  const log = await space.audit('log')
  assert.equal(await space.audit('log', { keep: 1_000 }), log)
  await assert.rejects(space.audit('log', { keep: 10 }), KindMismatchError)
  await assert.rejects(space.register('title', { whenNotPrimary: 'reject' }), GroupMismatchError)
})
