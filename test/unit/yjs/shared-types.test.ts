/** Lists and texts: objects of the space by Yjs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, MemoryStore, memory, memoryStorage } from '../../../adapters/memory/index.ts'
import { list, text } from '../../../adapters/yjs/index.ts'
import { ClosedError, UsageError, ValueError } from '../../../lib/errors.ts'
import { openSpace } from '../../../lib/open-space.ts'
import { until } from '../until.ts'
import { Net } from './sharers.ts'

const limits = { timeout: 20_000 }

test('yjs › a list is the same at all, and its snapshot the same object until it changes', limits, async (t) => {
  const [a, b] = await new Net(t).together(2)
  assert.ok(a && b)
  const [mine, yours] = await Promise.all([list<string>(a, 'todo'), list<string>(b, 'todo')])
  mine.push('one', 'three')
  mine.insert(1, 'two')
  await until(yours, 'change', () => yours.length === 3)
  assert.deepEqual([...yours], ['one', 'two', 'three'])
  assert.equal(yours.at(-1), 'three')
  const before = yours.snapshot
  assert.equal(yours.snapshot, before)
  let changes = 0
  const end = yours.subscribe(() => {
    changes += 1
  })
  mine.batch(() => {
    mine.delete(0)
    mine.push('four')
  })
  await until(yours, 'change', () => yours.at(-1) === 'four')
  assert.equal(changes, 1)
  assert.notEqual(yours.snapshot, before)
  end()
  await Promise.all([mine.close(), yours.close()])
  assert.deepEqual([...mine], ['two', 'three', 'four'])
  assert.throws(() => mine.push('five'), ClosedError)
})

test('yjs › a text is the same at all', limits, async (t) => {
  const [a, b] = await new Net(t).together(2)
  assert.ok(a && b)
  const [mine, yours] = await Promise.all([text(a, 'notes'), text(b, 'notes')])
  mine.append('hello')
  mine.insert(5, ' world', { bold: true })
  mine.delete(0, 1)
  mine.format(0, 4, { italic: true })
  await until(yours, 'change', () => yours.snapshot === 'ello world' && yours.type.toDelta().length === 2)
  assert.equal(`${yours}`, 'ello world')
  assert.deepEqual(yours.type.toDelta(), [
    { insert: 'ello', attributes: { italic: true } },
    { insert: ' world', attributes: { bold: true } },
  ])
  await Promise.all([mine.close(), yours.close()])
})

test('yjs › what is written to a list or a text of a space that is closed is refused', limits, async (t) => {
  for (const end of ['close', 'kill'] as const) {
    const [space] = await new Net(t).together(1)
    assert.ok(space)
    const values = await list(space, 'values')
    const notes = await text(space, 'notes')
    values.push('kept')
    if (end === 'kill') space.kill()
    else await space.close()
    assert.throws(() => values.push('lost'), ClosedError)
    assert.throws(() => values.batch(() => undefined), ClosedError)
    assert.throws(() => notes.append('lost'), ClosedError)
    assert.deepEqual([values.snapshot, notes.snapshot], [['kept'], ''])
  }
})

test('yjs › lists and texts refuse what they cannot do', limits, async (t) => {
  const [space] = await new Net(t).together(1)
  assert.ok(space)
  const values = await list(space, 'values')
  const notes = await text(space, 'notes')
  values.push({ a: [1, null, 'x'] }, new Uint8Array([1]))
  assert.throws(() => values.insert(3, 'x'), UsageError)
  assert.throws(() => values.delete(1, 2), UsageError)
  assert.throws(() => notes.delete(0, 1), UsageError)
  for (const value of [undefined, () => 1, new Date(), { a: new Map() }, Number.NaN, [1n]]) {
    assert.throws(() => values.push(value), ValueError)
  }
  assert.throws(
    () => values.push({ a: [undefined] }),
    (error: ValueError) => error.path === '.a[0]',
  )
  assert.equal(values.length, 2)
  await assert.rejects(list(space, 'x', { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
  await assert.rejects(text(space, ''), UsageError)
  await Promise.all([values.close(), notes.close()])
})

test('yjs › what is in a document is not stored with the space, so nothing of it is said to be', limits, async (t) => {
  const store = new MemoryStore()
  const space = await openSpace('documents', {
    worker: false,
    foundAfterMs: 20,
    transports: [memory({ hub: new MemoryHub() })],
    storage: memoryStorage(store),
  })
  t.after(() => space.kill())
  const todo = await list<string>(space, 'todo')
  todo.push('one')
  ;(await space.map<number>('stored')).set('a', 1)
  await space.durable()
  const keys = [...store.entries.keys()]
  assert.ok(keys.some((key) => key.startsWith('documents/stored/')))
  assert.deepEqual(
    keys.filter((key) => !key.startsWith('documents/stored/')),
    [],
  )
})
