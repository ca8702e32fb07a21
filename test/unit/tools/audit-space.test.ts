/** Audit logs in a whole space, in one thread over the memory transport. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, MemoryStore, memory, memoryStorage } from '../../../adapters/memory/index.ts'
import type { AuditLog, StandardSchemaV1 } from '../../../lib/index.ts'
import { openSpace } from '../../../lib/open-space.ts'
import type { Space } from '../../../lib/space.ts'
import { openTogether } from '../together.ts'
import { until } from '../until.ts'

const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => error,
  )

test('an audit log › all see one order; a trigger is judged in one place, and by the next when that goes', {
  timeout: 30_000,
}, async (t) => {
  const spaces = await openTogether(t, [{}, {}, {}])
  const logs = await Promise.all(spaces.map((space) => space.audit<number>('log', { keep: 100 })))
  const acted: string[] = []
  const stop = new AbortController()
  const watch = (log: AuditLog<number>, self: string): Promise<unknown> =>
    reasonOf(
      log.watch('even', {
        when: ({ value }) => value % 2 === 0,
        run: ({ position }, { token }) => {
          acted.push(`${self} ${position}`)
          return token[2]
        },
        signal: stop.signal,
      }),
    )
  const watching = logs.map((log, i) => watch(log, spaces[i]?.self ?? ''))
  const [a, b, c] = logs
  assert.ok(a && b && c)
  await until(c, 'change', () => c.progressOf('even') !== null)
  assert.deepEqual(await Promise.all([1, 2, 3].map((value) => a.append(value))), [1, 2, 3])
  assert.equal(await b.append(4), 4)
  await until(c, 'change', () => c.firings.length === 2)
  assert.deepEqual(
    c.firings.map(({ trigger, position }) => [trigger, position]),
    [
      ['even', 2],
      ['even', 4],
    ],
  )
  const [judge] = new Set(acted.map((each) => each.split(' ')[0]))
  assert.deepEqual(acted, [`${judge} 2`, `${judge} 4`])
  assert.deepEqual(
    c.entries.map(({ position, value }) => [position, value]),
    [
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 4],
    ],
  )
  assert.equal(c.entries, c.snapshot)
  assert.equal(c.entries[3]?.author, spaces[1]?.self)

  const gone = spaces.findIndex(({ self }) => self === judge)
  await spaces[gone]?.close()
  assert.equal(((await watching[gone]) as Error).name, 'ClosedError')
  const [left, other] = logs.filter((_, i) => i !== gone)
  assert.ok(left && other)
  await left.append(6)
  await until(other, 'change', () => other.firings.length === 3)
  const last = other.firings.at(-1)
  assert.equal(last?.position, 5)
  assert.notEqual(last?.by, judge)
  assert.ok(last && last.token[1] !== other.firings[0]?.token[1])
  assert.equal(acted.length, 3)
  stop.abort(new Error('enough'))
  for (const [i, end] of watching.entries()) if (i !== gone) assert.equal(((await end) as Error).message, 'enough')
  // Nobody watches any more, who would begin anew.
  assert.equal(await left.forget('even'), true)
  assert.equal(await left.forget('even'), false)
})

test('an audit log › keeps the last entries, reads on from a position, and says what a trigger has missed', {
  timeout: 30_000,
}, async (t) => {
  const space = await openSpace('test', {
    worker: false,
    foundAfterMs: 20,
    transports: [memory({ hub: new MemoryHub() })],
  })
  t.after(() => space.kill())
  const log = await space.audit<string>('log', { keep: 3 })
  for (const value of ['a', 'b', 'c', 'd', 'e']) await log.append(value)
  assert.deepEqual([log.first, log.last, log.entries.map(({ value }) => value)], [3, 5, ['c', 'd', 'e']])
  const read = log.read(2)
  assert.equal((await read.next()).value?.position, 3)
  for (const value of ['f', 'g']) await log.append(value)
  await assert.rejects(read.next(), { code: 'lagged' })
  const live = log[Symbol.asyncIterator]()
  const coming = live.next()
  await log.append('h')
  assert.equal((await coming).value?.value, 'h')

  // It throws at the second: another watcher, here a later one, goes on there.
  const tried: number[] = []
  const failing = log.watch('all', {
    from: 1,
    run: ({ position }) => {
      tried.push(position)
      if (position === 7) throw new RangeError('no')
    },
  })
  await assert.rejects(failing, RangeError)
  assert.deepEqual([tried, log.progressOf('all')], [[6, 7], { next: 7, missed: 0 }])
  for (const value of ['i', 'j', 'k']) await log.append(value)
  assert.deepEqual(log.progressOf('all'), { next: 9, missed: 2 })
  const stop = new AbortController()
  const again = reasonOf(log.watch('all', { run: ({ value }) => value, signal: stop.signal }))
  await until(log, 'change', () => log.progressOf('all')?.next === 12)
  assert.deepEqual(
    log.firings.map(({ position, result }) => [position, result]),
    [
      [9, 'i'],
      [10, 'j'],
      [11, 'k'],
    ],
  )
  const end = log.read(12).next()
  await log.close()
  assert.deepEqual(await end, { value: undefined, done: true })
  assert.equal(((await again) as Error).name, 'ClosedError')
  await assert.rejects(log.append('l'), { code: 'closed' })
})

test('an audit log › refuses what is no entry, no trigger, or too much', { timeout: 30_000 }, async (t) => {
  const space = await openSpace('test', {
    worker: false,
    foundAfterMs: 20,
    transports: [memory({ hub: new MemoryHub() })],
  })
  t.after(() => space.kill())
  for (const keep of [0, 10_001, 1.5]) await assert.rejects(space.audit('log', { keep }), { code: 'usage' })
  const log = await space.audit('log')
  await assert.rejects(space.audit('log', { keep: 7 }), { code: 'kind-mismatch' })
  await assert.rejects(log.append('x'.repeat(65_536)), { code: 'too-large' })
  await assert.rejects(
    log.append(() => 1),
    { code: 'value' },
  )
  const run = (): void => undefined
  await assert.rejects(log.watch('', { run }), { code: 'usage' })
  await assert.rejects(log.watch('x', {} as never), { code: 'usage' })
  await assert.rejects(log.watch('x', { run, from: 0 }), { code: 'usage' })
  await assert.rejects(log.read(0).next(), { code: 'usage' })
  await log.append('short')
  const large = log.watch('large', { from: 1, run: () => 'x'.repeat(65_536) })
  await assert.rejects(large, { code: 'too-large' })
})

test('an audit log › an entry that does not fit the schema is refused; that of a peer keeps its place and fires nothing', {
  timeout: 30_000,
}, async (t) => {
  const [a, b] = await openTogether(t, [{}, {}])
  assert.ok(a && b)
  const size: StandardSchemaV1<unknown, { readonly size: number }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => {
        const isFit = typeof (value as { size?: unknown } | null)?.size === 'number'
        return isFit ? { value: value as { size: number } } : { issues: [{ message: 'no size', path: ['size'] }] }
      },
    },
  }
  const [typed, loose] = await Promise.all([a.audit('log', { schema: size }), b.audit('log')])
  await assert.rejects(typed.append({ size: 'large' } as never), { code: 'schema' })
  await loose.append({ size: 'large' })
  assert.equal(await typed.append({ size: 2 }), 2)
  const fired: number[] = []
  const stop = new AbortController()
  const watching = reasonOf(
    typed.watch('any', {
      from: 1,
      when: ({ value }) => value.size > 0,
      run: ({ position }) => fired.push(position),
      signal: stop.signal,
    }),
  )
  await until(typed, 'change', () => typed.progressOf('any')?.next === 3)
  assert.deepEqual(fired, [2])
  assert.deepEqual(
    typed.entries.map(({ position, value }) => [position, value]),
    [
      [1, undefined],
      [2, { size: 2 }],
    ],
  )
  assert.equal((await typed.read(1).next()).value?.value, undefined)
  // What is shown of an entry is made, and judged by the schema, once.
  assert.equal((await typed.read(2).next()).value, typed.entries[1])
  assert.deepEqual(loose.entries[0]?.value, { size: 'large' })
  stop.abort()
  await watching
})

test('an audit log › is stored with the space: its entries and firings are there again, and its trigger goes on', {
  timeout: 30_000,
}, async (t) => {
  const storage = memoryStorage(new MemoryStore())
  const open = async (): Promise<Space> => {
    const transports = [memory({ hub: new MemoryHub() })]
    const space = await openSpace('audited', { worker: false, foundAfterMs: 20, transports, storage })
    t.after(() => space.kill())
    return space
  }
  /** Appends one, and waits until it has fired: then it is the last of so many. */
  const append = async (log: AuditLog<string>, value: string, fired: number): Promise<void> => {
    const stop = new AbortController()
    const watching = reasonOf(log.watch('all', { run: () => value, signal: stop.signal }))
    if (log.progressOf('all') === null) await until(log, 'change', () => log.progressOf('all') !== null)
    await log.append(value)
    await until(log, 'change', () => log.firings.length === fired)
    stop.abort()
    await watching
  }
  const first = await open()
  await append(await first.audit<string>('log'), 'before', 1)
  await first.durable()
  first.kill()

  const again = await (await open()).audit<string>('log')
  assert.deepEqual(
    again.entries.map(({ value }) => value),
    ['before'],
  )
  await append(again, 'after', 2)
  assert.deepEqual(
    again.firings.map(({ position, result }) => [position, result]),
    [
      [1, 'before'],
      [2, 'after'],
    ],
  )
})
