/** Requests to a group: an entry for each member of one view, whatever becomes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, UsageError } from '../../../lib/errors.ts'
import { EventNumbers } from '../../../lib/event-numbers.ts'
import { type Group, type GroupOpenOptions, groupKind } from '../../../lib/group.ts'
import { NoHandlerError, NoRepliesError, RemoteError } from '../../../lib/tool-errors.ts'
import type { Replies, RequestOptions } from '../../../lib/tools/replies.ts'
import { AppCluster } from './app-cluster.ts'

const ALL = ['a', 'b', 'c']

function openAt(cluster: AppCluster, id: string, options: GroupOpenOptions): Group {
  const kind = groupKind(options, new EventNumbers(), {
    whenLeader: () => Promise.reject(),
    serve: () => Promise.reject(),
    makeSponsor: null,
  })
  return cluster.open(id, kind, { options, state: false })
}

async function together(
  options: GroupOpenOptions = {},
  ids: readonly string[] = ALL,
): Promise<{ cluster: AppCluster; groups: Record<string, Group> }> {
  const cluster = await AppCluster.of(ids)
  const groups = Object.fromEntries(ids.map((id) => [id, openAt(cluster, id, options)]))
  await cluster.until(() => ids.every((id) => groups[id]?.view?.members.length === ids.length))
  return { cluster, groups }
}

/** A request, and what it came to. */
class Asked {
  result: Replies | null = null
  error: unknown = null

  constructor(group: Group | undefined, value: unknown, options?: RequestOptions) {
    assert.ok(group)
    group.request(value, options).then(
      (result) => {
        this.result = result
      },
      (error: unknown) => {
        this.error = error
      },
    )
  }

  get isOver(): boolean {
    return this.result !== null || this.error !== null
  }

  get statuses(): Record<string, string> {
    return Object.fromEntries([...(this.result?.entries ?? [])].map(([id, { status }]) => [id, status]))
  }
}

for (const options of [
  { order: 'fifo' },
  { order: 'causal', uniform: true },
  { order: 'total', uniform: true },
] as const) {
  test(`requests › all members of the view reply, the asker among them, in a ${options.order} group`, async () => {
    const { cluster, groups } = await together(options)
    for (const id of ALL)
      groups[id]?.respond((value, { from, view }) => [id, value, from, view.members.length] as unknown)
    const asked = new Asked(groups['b'], 'how many')
    await cluster.until(() => asked.isOver)
    assert.deepEqual(asked.statuses, { a: 'reply', b: 'reply', c: 'reply' })
    assert.deepEqual(
      asked.result?.values,
      ALL.map((id) => [id, 'how many', 'b', 3]),
    )
    assert.equal(asked.result?.view.id, groups['b']?.view?.id)
    assert.deepEqual(cluster.faults, [])
  })
}

test('requests › they are delivered among the casts, in the order of the group', async () => {
  const { cluster, groups } = await together({ order: 'total' })
  const seen: unknown[] = []
  groups['c']?.addEventListener('cast', ({ entry }) => seen.push(entry.value))
  groups['c']?.respond((value) => seen.push(value))
  groups['a']?.cast(1)
  const asked = new Asked(groups['a'], 2)
  groups['a']?.cast(3)
  await cluster.until(() => asked.isOver && seen.length === 3)
  assert.deepEqual(seen, [1, 2, 3])
})

test('requests › who has no handler, or one that throws or rejects, has failed', async () => {
  const { cluster, groups } = await together()
  groups['a']?.respond(() => {
    throw new RangeError('too far')
  })
  groups['b']?.respond(async () => Promise.reject(new TypeError('too late')))
  const asked = new Asked(groups['a'], null)
  await cluster.until(() => asked.isOver)
  const errors = [...(asked.result?.entries ?? [])].map(([, entry]) => (entry.status === 'failed' ? entry.error : null))
  assert.ok(errors[0] instanceof RemoteError && errors[1] instanceof RemoteError)
  assert.deepEqual(
    [errors[0].message, errors[0].remoteName, errors[0].process, errors[1].message],
    ['too far', 'RangeError', 'a', 'too late'],
  )
  assert.ok(errors[2] instanceof NoHandlerError)
  assert.deepEqual(asked.result?.values, [])
})

test('requests › who throws what has no string form has failed, and is not waited for', async () => {
  const { cluster, groups } = await together()
  groups['a']?.respond(() => {
    throw Object.create(null)
  })
  groups['b']?.respond(async () => Promise.reject(Object.assign(new Error('odd'), { name: Symbol('s') })))
  groups['c']?.respond(() => 1)
  const asked = new Asked(groups['c'], null)
  await cluster.until(() => asked.isOver)
  const errors = [...(asked.result?.entries ?? [])].map(([, entry]) => (entry.status === 'failed' ? entry.error : null))
  assert.ok(errors[0] instanceof RemoteError && errors[1] instanceof RemoteError)
  assert.deepEqual(
    [errors[0].message, errors[0].remoteName, errors[1].message, errors[1].remoteName],
    ['what was thrown has no string form', 'Error', 'odd', 'Symbol(s)'],
  )
  assert.deepEqual(asked.result?.values, [1])
})

test('requests › what is no value, or too large to reply, is a failure of who gives it', async () => {
  const { cluster, groups } = await together()
  groups['a']?.respond(() => () => 1)
  groups['b']?.respond(() => new Uint8Array(1_048_577))
  groups['c']?.respond(() => new Uint8Array(1_000_000))
  const asked = new Asked(groups['c'], null)
  await cluster.until(() => asked.isOver)
  const names = [...(asked.result?.entries ?? [])].map(([, entry]) =>
    entry.status === 'failed' ? entry.error instanceof RemoteError && entry.error.remoteName : entry.status,
  )
  assert.deepEqual(names, ['ValueError', 'TooLargeError', 'reply'])
})

test('requests › first, a number, a majority and a predicate end when they have enough', async () => {
  const { cluster, groups } = await together()
  for (const id of ['a', 'b']) groups[id]?.respond(() => id)
  groups['c']?.respond(() => new Promise(() => undefined))
  const wanted: readonly RequestOptions['replies'][] = [
    'first',
    1,
    2,
    'majority',
    ({ values }) => values.length === 2,
    ({ entries }) => entries.get('b')?.status === 'reply',
  ]
  const asked = wanted.map((replies) => new Asked(groups['a'], 1, replies === undefined ? {} : { replies }))
  const stuck = [new Asked(groups['a'], 1), new Asked(groups['a'], 1, { replies: 3 })]
  await cluster.run(500)
  assert.deepEqual(
    asked.map(({ result }) => result?.values),
    [['a'], ['a'], ['a', 'b'], ['a', 'b'], ['a', 'b'], ['a', 'b']],
  )
  assert.equal(asked[3]?.statuses['c'], 'pending')
  assert.deepEqual(
    stuck.map(({ isOver }) => isOver),
    [false, false],
  )
  cluster.crash('c')
  await cluster.until(() => stuck.every(({ isOver }) => isOver))
  assert.deepEqual(stuck[0]?.statuses, { a: 'reply', b: 'reply', c: 'left' })
  assert.ok(stuck[1]?.error instanceof NoRepliesError)
  assert.equal((stuck[1].error.replies as Replies).entries.get('c')?.status, 'left')
})

test('requests › more than there are members, and a predicate that is never content or throws, reject', async () => {
  const { cluster, groups } = await together()
  for (const id of ALL) groups[id]?.respond(() => id)
  const many = new Asked(groups['a'], 1, { replies: 4 })
  const never = new Asked(groups['a'], 1, { replies: () => false })
  const broken = new Asked(groups['a'], 1, {
    replies: () => {
      throw new RangeError('mine')
    },
  })
  await cluster.until(() => many.isOver && never.isOver && broken.isOver)
  assert.ok(many.error instanceof NoRepliesError && never.error instanceof NoRepliesError)
  assert.ok(broken.error instanceof RangeError)
})

test('requests › who leaves the group, or crashes, without having replied has left; who came later is no entry', async () => {
  const { cluster, groups } = await together({}, ['a', 'b', 'c', 'd'])
  groups['a']?.respond(() => 1)
  for (const id of ['b', 'c']) groups[id]?.respond(() => new Promise(() => undefined))
  groups['d']?.respond(() => 4)
  const asked = new Asked(groups['a'], null)
  await cluster.run(100)
  cluster.add('e')
  await cluster.until(() => cluster.app('e').view?.members.length === 5)
  openAt(cluster, 'e', {}).respond(() => 5)
  await cluster.until(() => groups['a']?.view?.members.length === 5)
  void groups['b']?.close()
  await cluster.run(200)
  cluster.crash('c')
  await cluster.until(() => asked.isOver)
  assert.deepEqual(asked.statuses, { a: 'reply', b: 'left', c: 'left', d: 'reply' })
})

test('requests › a reply that is lost with its path comes all the same; one of who parted does not count', async () => {
  const { cluster, groups } = await together()
  const wait: Record<string, (value: unknown) => void> = {}
  for (const id of ALL) groups[id]?.respond(() => new Promise((resolve) => (wait[id] = resolve)))
  const asked = new Asked(groups['a'], null)
  await cluster.until(() => Object.keys(wait).length === 3)
  wait['a']?.('a')
  wait['b']?.('b')
  cluster.disconnect('a', 'b')
  cluster.connect('a', 'b')
  // `c` is cut off from both until they are in a view without it, and replies when it is back.
  for (const id of ['a', 'b']) cluster.disconnect('c', id)
  await cluster.until(() => asked.isOver)
  assert.deepEqual(asked.statuses, { a: 'reply', b: 'reply', c: 'left' })
  for (const id of ['a', 'b']) cluster.connect('c', id)
  await cluster.until(() => groups['a']?.view?.members.length === 3 && groups['c']?.view?.members.length === 3)
  wait['c']?.('c')
  await cluster.run(200)
  assert.deepEqual(cluster.faults, [])
})

test('requests › a reply that comes before the request is delivered to its asker counts', async () => {
  const { cluster, groups } = await together({ order: 'total' })
  const replied: string[] = []
  for (const id of ALL)
    groups[id]?.respond(() => {
      replied.push(id)
      return id
    })
  // Its place, which `a` gives it, is lost on the way to the asker.
  cluster.isLost = (from, to, frame) => from === 'a' && to === 'c' && frame.t === 'data'
  const asked = new Asked(groups['c'], null)
  await cluster.until(() => replied.length === 2)
  await cluster.run(100)
  assert.deepEqual(replied, ['a', 'b'])
  cluster.isLost = () => false
  cluster.disconnect('a', 'c')
  cluster.connect('a', 'c')
  await cluster.until(() => asked.isOver)
  assert.deepEqual(asked.result?.values, ALL)
})

test('requests › a signal ends the wait, the end of the group as well', async () => {
  const { cluster, groups } = await together()
  for (const id of ALL) groups[id]?.respond(() => new Promise(() => undefined))
  const abort = new AbortController()
  const aborted = new Asked(groups['a'], 1, { signal: abort.signal })
  const closed = new Asked(groups['b'], 1)
  await cluster.run(100)
  abort.abort(new RangeError('enough'))
  void groups['b']?.close()
  await cluster.until(() => aborted.isOver && closed.isOver)
  assert.ok(aborted.error instanceof RangeError)
  assert.equal((closed.error as { code?: string }).code, 'unknown-outcome')
  const late = new Asked(groups['a'], 1, { signal: abort.signal })
  await cluster.run(10)
  assert.ok(late.error instanceof RangeError)
})

test('requests › wrong options, a second handler and too many requests are told at once', async () => {
  const { cluster, groups } = await together()
  const stop = groups['a']?.respond(() => 1)
  assert.throws(() => groups['a']?.respond(() => 2), UsageError)
  stop?.()
  groups['a']?.respond(() => new Promise(() => undefined))
  for (const replies of [0, -1, 1.5, Number.NaN, 'some'] as const)
    await assert.rejects(groups['a']?.request(1, { replies: replies as number }) ?? Promise.resolve(), UsageError)
  await assert.rejects(groups['a']?.request(() => 1) ?? Promise.resolve(), { code: 'value' })
  const many = Array.from({ length: 1_025 }, (_, i) => new Asked(groups['a'], i))
  await cluster.run(500)
  assert.deepEqual([many[1_023]?.isOver, many[1_024]?.error instanceof BusyError], [false, true])
})

test('requests › replies that make no sense, or to nothing, change nothing', async () => {
  const { cluster, groups } = await together()
  for (const id of ['a', 'b']) groups[id]?.respond(() => id)
  let answer: (value: unknown) => void = () => undefined
  groups['c']?.respond(() => new Promise((resolve) => (answer = resolve)))
  const asked = new Asked(groups['a'], 1)
  await cluster.run(100)
  const { mail } = cluster.app('c')
  // One that is not asked, one of who replied already, and what is no reply.
  for (const reply of [[999, true, 1], [1], [1, true], [1, false, 1, 2], 'x', [1, true, 1, 1]])
    mail.send('a', 'g', reply)
  cluster.app('b').mail.send('a', 'g', [1, true, 'again'])
  await cluster.run(100)
  answer('c')
  await cluster.until(() => asked.isOver)
  assert.deepEqual(asked.statuses, { a: 'reply', b: 'reply', c: 'failed' })
  assert.deepEqual(asked.result?.values, ['a', 'b'])
  assert.equal(cluster.faults.filter((fault) => fault === 'a  bad-reply').length, 1)
})
