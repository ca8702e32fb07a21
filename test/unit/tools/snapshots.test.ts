/** How processes come to rest for a snapshot, in virtual time: every frame takes 10 ms. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CastHold } from '../../../lib/cast-hold.ts'
import type { Command } from '../../../lib/kernel/api.ts'
import { counterKind, type SharedCounter } from '../../../lib/objects/counter.ts'
import type { GroupPort } from '../../../lib/objects/replica.ts'
import { SnapshotError } from '../../../lib/tool-errors.ts'
import type { SnapshotHost } from '../../../lib/tools/snapshot-host.ts'
import { SnapshotMember } from '../../../lib/tools/snapshot-member.ts'
import { readIndex, record, SnapshotStore } from '../../../lib/tools/snapshot-store.ts'
import { type SnapshotTool, snapshotsKind } from '../../../lib/tools/snapshots.ts'
import { decodeValue } from '../../../lib/values.ts'
import { AppCluster } from './app-cluster.ts'

function hostOf(cluster: AppCluster, id: string): SnapshotHost {
  const app = cluster.app(id)
  return {
    part() {
      const { view } = app
      const members = view?.members.map((member) => member.id) ?? []
      return view && { view: view.id, members, away: [], primary: view.primary, line: view.line }
    },
    groups: () => app.records(),
    hold: (group, op) => app.hold(group, op),
  }
}

/** Everybody takes part; `held` says who has the counter. */
async function make(ids: readonly string[], held: readonly string[]) {
  const cluster = await AppCluster.of(ids)
  const tools = new Map<string, SnapshotTool>()
  for (const id of ids) {
    const options = { host: hostOf(cluster, id) }
    tools.set(id, cluster.open(id, snapshotsKind, { name: 'tutti:snapshots', options, state: false }))
  }
  const counters = new Map<string, SharedCounter>()
  for (const id of held) counters.set(id, cluster.open(id, counterKind, { name: 'c', options: {} }))
  await cluster.until(() => held.every((id) => cluster.app(id).group('c')?.view?.members.length === held.length))
  await cluster.run(200)
  const tool = (id: string): SnapshotTool => tools.get(id) as SnapshotTool
  const counter = (id: string): SharedCounter => counters.get(id) as SharedCounter
  return { cluster, tool, counter }
}

const totalOf = (state: Uint8Array | undefined): number => {
  const saved = decodeValue(state ?? new Uint8Array()) as number[]
  return saved.reduce((sum, each, i) => (i % 4 === 2 ? sum + each : i % 4 === 3 ? sum - each : sum), 0)
}

test('a hold › passes the one cast that ends it, keeps the others and what is about them in order, and lets go once', () => {
  const sent: unknown[] = []
  const hold = new CastHold(
    { mark: 4, last: 5 },
    (n, op) => sent.push([n, op]),
    (commands) => sent.push(...commands),
  )
  const payload = new Uint8Array(0)
  const cast = (n: number): Command => ({ type: 'cast', group: 'g', n, payload })
  const held: Command[] = [
    cast(6),
    { type: 'cancel', ns: [6] },
    { type: 'leaveGroup', group: 'g' },
    { type: 'leave', quick: false },
  ]
  for (const command of held) assert.equal(hold.takes(command), true)
  const others: Command[] = [
    cast(5),
    { type: 'leave', quick: true },
    { type: 'suspend' },
    { type: 'consumed', bytes: 1 },
  ]
  for (const command of others) assert.equal(hold.takes(command), false)
  hold.cast('got')
  hold.cast('got again')
  hold.release()
  hold.release()
  assert.equal(hold.takes(cast(7)), false)
  assert.deepEqual(sent, [[5, 'got'], ...held])
  const unused: unknown[] = []
  new CastHold(
    { mark: 1, last: 2 },
    (n, op) => unused.push([n, op]),
    () => undefined,
  ).release()
  assert.deepEqual(unused, [[2, null]])
})

test('snapshots › casts wait while all come to rest, and are shown at once; what comes after the mark is not in it', async () => {
  const { cluster, tool, counter } = await make(['a', 'b', 'c'], ['a', 'b', 'c'])
  counter('b').add(1)
  const taken = tool('a').take()
  // The others have begun by now.
  await cluster.run(11)
  counter('b').add(10)
  assert.equal(counter('b').value, 11)
  await cluster.run(15)
  assert.equal(counter('a').value, 1)
  await cluster.run(60)
  assert.equal(counter('a').value, 11)
  const { groups, part, missing } = await taken
  assert.deepEqual([groups.map(({ name, from }) => [name, from]), missing], [[['c', 'a']], []])
  assert.equal(totalOf(groups[0]?.state), 1)
  assert.deepEqual([...part.members].sort(), ['a', 'b', 'c'])
  assert.deepEqual(cluster.faults, [])
})

test('snapshots › two who begin at once both get one', async () => {
  const { cluster, tool, counter } = await make(['a', 'b', 'c'], ['c'])
  counter('c').add(3)
  let done = 0
  const both = Promise.all(
    [tool('a'), tool('b')].map(async (each) => {
      const taken = await each.take()
      done += 1
      return taken
    }),
  )
  await cluster.until(() => done === 2)
  for (const { groups } of await both) assert.deepEqual([totalOf(groups[0]?.state), groups[0]?.from], [3, 'c'])
  assert.deepEqual(cluster.faults, [])
})

test('snapshots › of all who begin at once each gets one, one after the other', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f']
  const { cluster, tool, counter } = await make(ids, ['c'])
  counter('c').add(3)
  const taken: string[] = []
  // An attempt takes longer than whoever fails pauses.
  cluster.delayMs = 100
  const since = cluster.now
  for (const id of ids)
    void tool(id)
      .take()
      .then(({ id: name }) => taken.push(name))
  await cluster.until(() => taken.length === ids.length)
  // The most senior one's goes first, and the next begins when it is over.
  assert.deepEqual(
    taken.map((name) => name.split('/')[0]),
    cluster.app('a').group('tutti:snapshots')?.view?.members,
  )
  assert.ok(cluster.now - since <= ids.length * 400, `${cluster.now - since} ms`)
  assert.deepEqual(cluster.faults, [])
})

test('snapshots › who is in an attempt takes part in that of a more senior one, at once, or when it has recorded and that is over', () => {
  const did: unknown[] = []
  const port = { name: 's', self: 'c', view: { id: 'v', members: ['a', 'b', 'c'] }, after: () => () => undefined }
  const host: SnapshotHost = {
    part: () => null,
    groups: () => [],
    hold: (_name, op) => {
      did.push((op as string[]).join(' '))
      return { mark: 1, cast: (end) => void did.push((end as string[]).join(' ')), release: () => undefined }
    },
  }
  const member = new SnapshotMember(port as unknown as GroupPort, host, {
    ended: (id, _taker, end) => void did.push(`${end} ${id}`),
    ...{ voided: () => undefined, viewed: () => undefined, idle: () => void did.push('idle') },
  })
  const tell = (author: string, ...op: unknown[]): unknown[] => {
    member.apply(op, { author, n: 1, local: author === 'c', view: 'v', index: 1 })
    return did.splice(0)
  }
  assert.deepEqual(tell('c', 'begin', 'its', 'v'), ['mark its'])
  assert.deepEqual(tell('b', 'begin', 'theirs', 'v'), ['void its', 'passed its', 'idle', 'mark theirs'])
  assert.deepEqual(tell('c', 'begin', 'again', 'v'), ['passed again'])
  assert.deepEqual([...tell('a', 'mark', 'theirs'), ...tell('b', 'mark', 'theirs')], [])
  assert.deepEqual(tell('c', 'mark', 'theirs'), ['got theirs', 'recorded theirs'])
  assert.deepEqual([...tell('a', 'begin', 'first', 'v'), ...tell('a', 'mark', 'first')], [])
  assert.deepEqual([...tell('b', 'got', 'theirs'), ...tell('c', 'got', 'theirs')], [])
  assert.deepEqual(tell('a', 'got', 'theirs'), ['mark first'])
  assert.deepEqual([...tell('b', 'mark', 'first'), ...tell('c', 'mark', 'first')], ['got first', 'recorded first'])
  // One that somebody has given up does not begin.
  assert.deepEqual([...tell('a', 'begin', 'last', 'v'), ...tell('b', 'void', 'last')], [])
  assert.deepEqual(tell('b', 'void', 'first'), ['void first', 'idle'])
})

test('snapshots › a crash of one who has the state leaves another; of who has not recorded, a new attempt', async () => {
  for (const isEarly of [true, false]) {
    const { cluster, tool, counter } = await make(['a', 'b', 'c', 'd'], ['b', 'c', 'd'])
    counter('b').add(5)
    await cluster.run(100)
    const first = cluster.app('c').group('c')?.view?.members[0] ?? ''
    let from: string | undefined
    void tool('a')
      .take()
      .then(({ groups }) => {
        from = groups[0]?.from
        assert.equal(totalOf(groups[0]?.state), 5)
      })
    await cluster.run(isEarly ? 12 : 42)
    cluster.crash(first)
    await cluster.until(() => from !== undefined)
    assert.notEqual(from, first)
    assert.deepEqual(cluster.faults, [])
  }
})

test('snapshots › nobody waits for long for one who does not answer', async () => {
  const { cluster, tool, counter } = await make(['a', 'b', 'c'], ['a', 'b'])
  cluster.isLost = (from) => from === 'c'
  const abort = new AbortController()
  const taken = tool('a').take(abort.signal)
  taken.catch(() => undefined)
  await cluster.run(20)
  counter('b').add(1)
  await cluster.run(1_450)
  assert.equal(counter('a').value, 0)
  await cluster.run(100)
  assert.equal(counter('a').value, 1)
  abort.abort(new Error('enough'))
  await assert.rejects(taken, { message: 'enough' })
  assert.deepEqual(cluster.faults, [])
})

test('snapshots › where somebody never comes it is incomplete, names it, and the next one is taken once it does come', async () => {
  const cluster = await AppCluster.of(['a', 'b'])
  const come = (id: string): SnapshotTool =>
    cluster.open(id, snapshotsKind, { name: 'tutti:snapshots', options: { host: hostOf(cluster, id) }, state: false })
  const tool = come('a')
  await cluster.run(200)
  let error: unknown = null
  tool.take().catch((reason: unknown) => {
    error = reason
  })
  await cluster.until(() => error !== null)
  assert.ok(error instanceof SnapshotError)
  assert.deepEqual([error.reason, error.names, /12 attempts/.test(error.message)], ['incomplete', ['b'], true])
  const taken = tool.take()
  await cluster.run(8_000)
  come('b')
  let isTaken = false
  taken.then(() => {
    isTaken = true
  })
  await cluster.until(() => isTaken)
  assert.deepEqual([...(await taken).part.members].sort(), ['a', 'b'])
  assert.deepEqual(cluster.faults, [])
})

test('snapshots › one that waits for another is taken back at once, and the next one waits for that all the same', async () => {
  const { cluster, tool } = await make(['a', 'b'], ['a'])
  cluster.isLost = (from) => from === 'b'
  const [first, second] = [new AbortController(), new AbortController()]
  const order: string[] = []
  const follow = (name: string, taken: Promise<unknown>): void => {
    const note = (): void => {
      order.push(name)
    }
    taken.then(note, note)
  }
  follow('first', tool('a').take(first.signal))
  follow('second', tool('a').take(second.signal))
  follow('third', tool('a').take())
  follow('aborted before', tool('a').take(AbortSignal.abort()))
  await cluster.run(20)
  second.abort(new Error('enough'))
  await cluster.run(20)
  assert.deepEqual(order, ['aborted before', 'second'])
  cluster.isLost = () => false
  await cluster.until(() => order.length === 4)
  assert.deepEqual(order, ['aborted before', 'second', 'first', 'third'])
})

test('snapshots › who takes it records, and the most senior of the others; of the rest only what they lead is told', () => {
  const group = (name: string, members: readonly string[], isWhole = true) => ({
    ...({
      name,
      kind: 'map',
      order: 'causal',
      consistency: 'available',
      members,
      primary: true,
      isWhole,
      kept: 0,
    } as const),
    cut: new Map([
      ['b', 2],
      ['a', 1],
    ]),
    save: () => new Uint8Array([1, 2, 3]),
  })
  const names = ({ states, entries }: ReturnType<typeof record>): unknown => [
    [...states.keys()],
    entries.map(({ name, bytes }) => [name, bytes]),
  ]
  const groups = [
    group('ours', ['a', 'b', 'c']),
    group('yours', ['b', 'c', 'a']),
    group('theirs', ['a', 'c', 't']),
    group('raw', ['a'], false),
  ]
  assert.deepEqual(names(record(groups, 'a', 't')), [
    ['ours', 'theirs'],
    [
      ['ours', 3],
      ['theirs', 3],
      ['raw', -1],
    ],
  ])
  assert.deepEqual(names(record(groups, 'c', 't')), [['yours'], [['yours', 3]]])
  const store = new SnapshotStore()
  store.keep('t', 'one', record(groups, 'a', 't'))
  const index = store.piece('t', 'one', '', 0)
  assert.deepEqual(
    readIndex(index?.bytes ?? new Uint8Array())?.[0]?.cut,
    new Map([
      ['a', 1],
      ['b', 2],
    ]),
  )
  assert.deepEqual(store.piece('t', 'one', 'ours', 1), { total: 3, bytes: new Uint8Array([2, 3]) })
  for (const [taker, id, name, at] of [
    ['t', 'two', 'ours', 0],
    ['u', 'one', 'ours', 0],
    ['t', 'one', 'none', 0],
    ['t', 'one', 'ours', 4],
  ] as const)
    assert.equal(store.piece(taker, id, name, at), null)
  store.drop('t', 'two')
  assert.ok(store.piece('t', 'one', 'ours', 0))
  store.keep('t', 'two', record(groups, 'a', 't'))
  assert.equal(store.piece('t', 'one', 'ours', 0), null)
  store.drop('t')
  assert.equal(store.piece('t', 'two', 'ours', 0), null)
  assert.deepEqual([readIndex(new Uint8Array([255])), readIndex(new Uint8Array([0x81, 0x01]))], [null, null])
})

test('snapshots › nothing is recorded that covers a cast from after the mark of its sender, nor once somebody has given up', () => {
  const play = (highest: number, isGivenUp: boolean): unknown => {
    const ends: unknown[] = []
    const cast: unknown[] = []
    const port = { name: 's', self: 'a', view: { id: 'v', members: ['a', 'b'] }, after: () => () => undefined }
    const about = {
      kind: 'map',
      order: 'fifo',
      consistency: 'available',
      primary: true,
      isWhole: true,
      kept: 0,
    } as const
    const group = {
      ...about,
      name: 'g',
      members: ['a', 'b'],
      cut: new Map([['b', highest]]),
      save: () => new Uint8Array(1),
    }
    const host: SnapshotHost = {
      part: () => null,
      groups: () => [group],
      hold: () => ({
        mark: 1,
        cast: (op) => void cast.push((op as string[])[0]),
        release: () => void cast.push('let go'),
      }),
    }
    const member = new SnapshotMember(port as unknown as GroupPort, host, {
      ended: (_id, _taker, end, recording) => void ends.push([end, recording?.states.size ?? 0]),
      voided: () => undefined,
      viewed: () => undefined,
      idle: () => undefined,
    })
    const tell = (author: string, n: number, ...op: unknown[]): boolean =>
      member.apply(op, { author, n, local: author === 'a', view: 'v', index: n })
    assert.ok(tell('b', 4, 'begin', 'i', 'v') && tell('a', 1, 'mark', 'i'))
    if (isGivenUp) tell('b', 6, 'void', 'i')
    tell('b', 5, 'mark', 'i')
    return [ends, cast]
  }
  assert.deepEqual(play(5, false), [[['recorded', 1]], ['got']])
  assert.deepEqual(play(6, false), [[['torn', 0]], ['void', 'let go']])
  assert.deepEqual(play(5, true), [[['void', 0]], ['void', 'let go']])
})
