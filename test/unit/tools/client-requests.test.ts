/** Requests of clients: an entry for each member of one view, and no member carries one out twice, whoever serves the client. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, ClosedError, UnknownOutcomeError, UsageError, ViewChangedError } from '../../../lib/errors.ts'
import type { GroupView } from '../../../lib/objects/replica.ts'
import { NoHandlerError, NoRepliesError, RemoteError } from '../../../lib/tool-errors.ts'
import { ClientRequests } from '../../../lib/tools/client-requests.ts'
import { attachedAddress, TO_ATTACHED } from '../../../lib/tools/client-words.ts'
import type { Replies, ReplyEntry, RequestOptions } from '../../../lib/tools/replies.ts'
import { ClientStage } from './client-stage.ts'

const MEMBERS = ['a', 'b', 'c']

function viewOf(id: string, members: readonly string[]): GroupView {
  const none = { missing: [], joined: [], left: [], dead: [], expelled: [] }
  return { id, members, primary: true, line: 'l', ...none }
}

/** A request of client `x`, and what it came to. */
class Asked {
  result: Replies | null = null
  error: unknown = null

  constructor(stage: ClientStage, value: unknown, options?: RequestOptions) {
    stage
      .client('x')
      .request(value, options)
      .then(
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

  entry(id: string): ReplyEntry | undefined {
    return this.result?.entries.get(id)
  }
}

/** All reply at once with who they are; what each was given. */
function answering(stage: ClientStage, reply: (id: string, value: unknown) => unknown): Record<string, unknown[]> {
  const given: Record<string, unknown[]> = {}
  for (const id of stage.groups.keys()) {
    const values: unknown[] = []
    given[id] = values
    stage.group(id).respond((value) => {
      values.push(value)
      return reply(id, value)
    })
  }
  return given
}

for (const options of [{ order: 'fifo' }, { order: 'causal', uniform: true }, { order: 'total' }] as const)
  test(`requests of clients › all members of the view reply, in its order, in a ${options.order} group`, async () => {
    const stage = await ClientStage.of(MEMBERS, ['x'], options)
    const seen: unknown[] = []
    stage.group('b').addEventListener('cast', ({ entry }) => seen.push(entry.value))
    for (const id of MEMBERS)
      stage.group(id).respond((value, { from, via, view }) => {
        if (id === 'b') seen.push(value)
        return [id, value, from, via, view.members.length] as unknown
      })
    stage.client('x').cast('before')
    const asked = new Asked(stage, 'how many')
    stage.client('x').cast('after')
    await stage.cluster.until(() => asked.isOver && seen.length === 3)
    const { sponsor } = stage.client('x')
    assert.deepEqual(
      asked.result?.values,
      MEMBERS.map((id) => [id, 'how many', 'x', sponsor, 3]),
    )
    assert.deepEqual([...(asked.result?.entries.keys() ?? [])], stage.group('a').view?.members)
    assert.equal(asked.result?.view.id, stage.group('a').view?.id)
    assert.deepEqual(seen, ['before', 'how many', 'after'])
    // It is no entry of the feed.
    await stage.cluster.run(100)
    assert.deepEqual(stage.casts('x'), ['x:before', 'x:after'])
    assert.deepEqual([...stage.faults, ...stage.cluster.faults], [])
  })

test('requests of clients › the one that serves dies in the middle: another asks, nobody is asked twice, all have an entry', async () => {
  for (const ms of [1, 5, 12, 22, 35]) {
    const stage = await ClientStage.of(MEMBERS, ['x'], { order: 'total' })
    const given = answering(stage, (id) => id)
    const asked = new Asked(stage, 1)
    await stage.cluster.run(ms)
    const first = stage.client('x').sponsor ?? ''
    stage.cluster.crash(first)
    await stage.cluster.until(() => asked.isOver)
    const others = MEMBERS.filter((id) => id !== first)
    for (const id of others) {
      assert.deepEqual(given[id], [1], `${id} after ${ms} ms`)
      assert.equal(asked.statuses[id], 'reply')
    }
    // It has an entry if it was there as the request was delivered.
    assert.ok(!(first in asked.statuses) || ['left', 'reply'].includes(asked.statuses[first] ?? ''))
  }
})

test('requests of clients › what the one that served has not said, the next one says, though all have replied', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { order: 'causal' })
  const { cluster } = stage
  const given = answering(stage, (id) => id)
  const first = stage.client('x').sponsor ?? ''
  const view = stage.group(first).view?.id
  cluster.isLost = (from, to) => from === first && to === 'x'
  const asked = new Asked(stage, 1)
  await cluster.run(100)
  assert.equal(asked.isOver, false)
  cluster.crash(first)
  await cluster.until(() => asked.isOver)
  assert.equal(asked.result?.view.id, view)
  for (const id of MEMBERS) assert.equal(asked.statuses[id], id === first ? 'left' : 'reply', id)
  for (const id of MEMBERS) assert.deepEqual(given[id], [1])
})

test('requests of clients › what only a member had that is cut off is asked of the others, and not again of it', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { order: 'fifo' })
  const { cluster } = stage
  const given = answering(stage, (id) => id)
  const first = stage.client('x').sponsor ?? ''
  const others = MEMBERS.filter((id) => id !== first)
  cluster.isLost = (from, to) => from === first && others.includes(to)
  const asked = new Asked(stage, 1)
  await cluster.run(100)
  assert.deepEqual(given[first], [1])
  assert.equal(asked.isOver, false)
  for (const id of [...others, 'x']) cluster.disconnect(first, id)
  cluster.isLost = () => false
  await cluster.until(() => asked.isOver)
  assert.deepEqual(asked.statuses, { a: 'reply', b: 'reply', c: 'reply' })
  for (const id of [...others, 'x']) cluster.connect(first, id)
  await stage.whole(MEMBERS)
  await cluster.run(500)
  for (const id of MEMBERS) assert.deepEqual(given[id], [1], id)
})

test('requests of clients › a member whose state covers it says that it never saw it', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { order: 'fifo' })
  const { cluster } = stage
  const given = answering(stage, (id) => id)
  const first = stage.client('x').sponsor ?? ''
  const others = MEMBERS.filter((id) => id !== first)
  cluster.isLost = (from, to) => from === first && others.includes(to)
  const asked = new Asked(stage, 1)
  await cluster.run(100)
  for (const id of [...others, 'x']) cluster.disconnect(first, id)
  cluster.isLost = () => false
  // The client has no room to say anything before the parts have met: then all have it in their state.
  const { mail } = cluster.app('x')
  const send = mail.send
  mail.send = () => {
    throw new BusyError('no room')
  }
  await cluster.until(() => cluster.app('x').view?.members.length === 3)
  await cluster.run(50)
  for (const id of [...others, 'x']) cluster.connect(first, id)
  await stage.whole(MEMBERS)
  mail.send = send
  await cluster.until(() => asked.isOver)
  for (const id of others) {
    const entry = asked.entry(id)
    assert.ok(entry?.status === 'failed' && entry.error instanceof RemoteError)
    assert.equal(entry.error.remoteName, 'SkippedError')
  }
  assert.equal(asked.statuses[first], 'reply')
  for (const id of MEMBERS) assert.deepEqual(given[id], id === first ? [1] : [])
})

test('requests of clients › who leaves the group, or crashes, without having replied has left', async () => {
  const stage = await ClientStage.of(['a', 'b', 'c', 'd'], ['x'])
  const { cluster } = stage
  const sponsor = stage.client('x').sponsor ?? ''
  const [leaving = '', crashing = '', third = ''] = ['a', 'b', 'c', 'd'].filter((id) => id !== sponsor)
  answering(stage, (id) => (id === sponsor || id === third ? id : new Promise(() => undefined)))
  const asked = new Asked(stage, 1)
  await cluster.run(100)
  assert.equal(asked.isOver, false)
  void stage.group(leaving).close()
  await cluster.run(300)
  assert.equal(asked.isOver, false)
  cluster.crash(crashing)
  await cluster.until(() => asked.isOver)
  assert.deepEqual(asked.statuses, { [sponsor]: 'reply', [third]: 'reply', [leaving]: 'left', [crashing]: 'left' })
})

test('requests of clients › first, a number, a majority, a predicate; too many, and handlers that throw or are none', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'])
  const { cluster } = stage
  stage.group('a').respond(() => 'a')
  stage.group('b').respond(async () => Promise.reject(new TypeError('no')))
  const [first, two, many, never] = [
    new Asked(stage, 1, { replies: 'first' }),
    new Asked(stage, 1, { replies: 'majority' }),
    new Asked(stage, 1, { replies: 4 }),
    new Asked(stage, 1, { replies: () => false }),
  ]
  const all = new Asked(stage, 1)
  const one = new Asked(stage, 1, { replies: ({ values }) => values.includes('a') })
  await cluster.until(() => [first, two, many, never, all, one].every(({ isOver }) => isOver))
  assert.deepEqual(first.result?.values, ['a'])
  assert.deepEqual(one.result?.values, ['a'])
  for (const { error } of [two, many, never]) assert.ok(error instanceof NoRepliesError)
  const [failed, none] = [all.entry('b'), all.entry('c')]
  assert.ok(failed?.status === 'failed' && failed.error instanceof RemoteError && failed.error.message === 'no')
  assert.ok(none?.status === 'failed' && none.error instanceof NoHandlerError)
})

test('requests of clients › a signal ends the wait, and takes back what was given to nobody', async () => {
  const stage = await ClientStage.of(['a'], ['x'])
  const { cluster } = stage
  const given = answering(stage, () => new Promise(() => undefined))
  const abort = new AbortController()
  const waiting = new Asked(stage, 'given', { signal: abort.signal })
  await cluster.run(50)
  cluster.disconnect('a', 'x')
  await cluster.until(() => waiting.isOver)
  // It was cut off from the only member.
  assert.deepEqual(waiting.statuses, { a: 'left' })
  const back = new Asked(stage, 'back', { signal: abort.signal })
  const cast = stage.client('x').cast('kept')
  abort.abort(new RangeError('enough'))
  cluster.connect('a', 'x')
  await cluster.until(() => back.isOver && stage.client('x').sponsor === 'a')
  const late = new AbortController()
  const again = new Asked(stage, 'again', { signal: late.signal })
  await cluster.run(100)
  late.abort(new RangeError('late'))
  await cluster.run(100)
  await cast.stable
  assert.ok(back.error instanceof RangeError && again.error instanceof RangeError)
  assert.deepEqual(given['a'], ['given', 'again'])
})

test('requests of clients › in a strong group one of an older view is refused', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { strong: true })
  const { cluster } = stage
  const given = answering(stage, (id) => id)
  const sponsor = stage.client('x').sponsor ?? ''
  const gone = MEMBERS.find((id) => id !== sponsor) ?? ''
  cluster.crash(gone)
  await cluster.until(() => stage.group(sponsor).view?.members.length === 2)
  const late = new Asked(stage, 1)
  await cluster.until(() => late.isOver)
  assert.ok(late.error instanceof ViewChangedError)
  assert.deepEqual(given[sponsor], [])
})

test('requests of clients › bounds, wrong options, and the end', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'])
  const { cluster } = stage
  answering(stage, () => new Promise(() => undefined))
  const client = stage.client('x')
  for (const replies of [0, 1.5, 'some'] as const)
    await assert.rejects(client.request(1, { replies: replies as number }), UsageError)
  await assert.rejects(
    client.request(() => 1),
    { code: 'value' },
  )
  await assert.rejects(client.request(1, { signal: AbortSignal.abort(new RangeError('no')) }), RangeError)
  const all: Asked[] = []
  for (let i = 0; i < 256; i += 1) {
    all.push(new Asked(stage, i))
    if (i % 32 === 31) await cluster.run(300)
  }
  await assert.rejects(client.request('one more'), BusyError)
  // Nobody is held up by those that wait.
  const cast = client.cast('and go on')
  await cluster.run(300)
  await cast.stable
  const closing = client.close()
  await assert.rejects(client.request(1), ClosedError)
  await cluster.run(10)
  await closing
  assert.equal(all.filter(({ error }) => error instanceof UnknownOutcomeError).length, 256)
})

test('requests of clients › replies that make no sense, or to nothing, change nothing', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'])
  const { cluster } = stage
  let answer: (value: unknown) => void = () => undefined
  answering(stage, (id) => (id === 'a' ? new Promise((resolve) => (answer = resolve)) : id))
  const asked = new Asked(stage, 1)
  await cluster.run(100)
  const say = (...reply: unknown[]): void =>
    void cluster.app('a').mail.send('x', attachedAddress('g'), [TO_ATTACHED.reply, ...reply])
  say(99, true, 1)
  say(1, true)
  say('one', true, 1)
  say(1, 'yes', 1)
  cluster.app('b').mail.send('x', attachedAddress('g'), [TO_ATTACHED.reply, 1, true, 'another'])
  await cluster.run(100)
  assert.equal(asked.isOver, false)
  assert.deepEqual(
    stage.faults.map((fault) => fault.split(' ')[2]),
    ['bad-reply', 'bad-reply', 'bad-reply'],
  )
  answer('a')
  await cluster.until(() => asked.isOver)
  assert.deepEqual(asked.result?.values, MEMBERS)
})

test('requests of clients › who parted from the client has left what was asked before, not what is asked after', async () => {
  const requests = new ClientRequests('g')
  const ask = (n: number): Promise<Replies> => requests.request({}, { cast: () => n, cancel: () => undefined })
  const view = viewOf('1.m.0', ['m', 'o'])
  const within = { id: '1.m.0', members: ['m', 'o'] }
  const [untold, under] = [ask(1), ask(2)]
  requests.told(2, { view, within })
  requests.hear('o', 1, [true, 'yes'])
  requests.viewed({ id: '2.m', members: ['m', 'x'] }, ['m'])
  requests.hear('o', 2, [true, 'yes'])
  assert.deepEqual(
    [...(await under).entries].map(([id, { status }]) => [id, status]),
    [
      ['m', 'left'],
      ['o', 'reply'],
    ],
  )
  requests.told(1, { view, within })
  assert.equal((await untold).entries.get('m')?.status, 'left')
  const [before, after] = [ask(3), ask(4)]
  requests.viewed({ id: '3.m', members: ['m', 'x'] }, ['m'])
  const later = ask(5)
  for (const n of [3, 4, 5]) requests.told(n, { view, within })
  for (const n of [3, 4, 5]) for (const id of ['m', 'o']) requests.hear(id, n, [true, id])
  for (const each of [before, after]) assert.deepEqual((await each).values, ['o'])
  assert.deepEqual((await later).values, ['m', 'o'])
})
