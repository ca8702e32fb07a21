/**
 * The application's side of the port, driven by hand: what it sends, how it keeps states, what receipts become.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppGroup, GroupHooks } from '../../lib/app-group.ts'
import { AppSide } from '../../lib/app-port.ts'
import {
  BusyError,
  ClosedError,
  GroupMismatchError,
  NotPrimaryError,
  TooLargeError,
  UnknownOutcomeError,
  UsageError,
  ViewChangedError,
} from '../../lib/errors.ts'
import type { AppEvent, Command, StatePlan, StateSource, ViewInfo } from '../../lib/kernel/api.ts'
import type { GroupView, Replica } from '../../lib/objects/replica.ts'
import { CAST_BYTES_MAX, CAST_SIZE_MAX, CASTS_MAX } from '../../lib/own-casts.ts'
import type { TraceLine } from '../../lib/trace.ts'
import { packState } from '../../lib/travelling-state.ts'
import { decodeValue, encodeValue } from '../../lib/values.ts'

const options = {
  order: 'causal',
  uniform: false,
  strong: false,
  consistency: 'available',
  state: true,
  kind: 'set',
} as const

/** A set of strings. It notes what is done to it. */
class SetReplica implements Replica {
  readonly log: string[] = []
  values = new Set<string>()

  apply(op: unknown): boolean {
    if (typeof op !== 'string') return false
    this.log.push(`apply ${op}`)
    this.values.add(op)
    return true
  }

  view(view: GroupView): void {
    this.log.push(`view ${view.id}`)
  }

  save(): unknown {
    return [...this.values].sort()
  }

  load(state: unknown): void {
    this.log.push('load')
    this.values = new Set(state as string[])
  }

  merge(state: unknown): void {
    this.log.push('merge')
    for (const value of state as string[]) this.values.add(value)
  }

  lost(n: number, fate: string): void {
    this.log.push(`lost ${n} ${fate}`)
  }

  settle(): void {
    this.log.push('settle')
  }
}

/** It saves in three steps. */
class SteppingReplica extends SetReplica {
  isBroken = false

  saveInSteps(): Iterator<undefined, unknown> {
    const saved = this.save()
    const isBroken = (): boolean => this.isBroken
    function* steps(): Generator<undefined, unknown> {
      yield
      yield
      if (isBroken()) throw new Error('cannot go on')
      return saved
    }
    return steps()
  }
}

/** One side with one group. */
class Bench {
  readonly sent: (readonly Command[])[] = []
  readonly lines: TraceLine[] = []
  readonly faults: string[] = []
  readonly replica: SetReplica
  readonly group: AppGroup
  readonly side: AppSide
  /** Tasks that were put off. */
  readonly deferred: (() => void)[] = []
  #due: (() => void)[] = []

  constructor(hooks: GroupHooks = {}, replica: SetReplica = new SetReplica()) {
    this.replica = replica
    this.side = new AppSide({
      self: 'me',
      now: () => 0,
      send: (commands) => this.sent.push(commands),
      schedule: (fn) => this.#due.push(fn),
      defer: (fn) => this.deferred.push(fn),
      trace: (line) => this.lines.push(line),
      fault: (peer, code) => this.faults.push(`${peer} ${code}`),
    })
    this.group = this.side.openGroup('g', options, () => this.replica, hooks)
    this.tick()
  }

  /** Ends the task. */
  tick(): void {
    for (const fn of this.#due.splice(0)) fn()
  }

  receive(...events: AppEvent[]): void {
    this.side.receive(events)
    this.tick()
  }

  /** Runs the first task that was put off. */
  runDeferred(): void {
    this.deferred.shift()?.()
    this.tick()
  }

  /** The states given, by transfer. */
  get given(): [number, unknown][] {
    return this.sent
      .flat()
      .flatMap((each) =>
        each.type === 'snapshot' ? [[each.transfer, each.state && decodeValue(each.state)] as [number, unknown]] : [],
      )
  }

  /** Lines of one kind, without what every one has. */
  traced(e: string): unknown[] {
    return this.lines.filter((line) => line.e === e).map(({ e: _e, g: _g, ...rest }) => rest)
  }
}

function view(id: string, state: StatePlan, group = 'g'): AppEvent {
  const info: ViewInfo = {
    id,
    spaceView: '1.a',
    members: [{ id: 'me', name: '', origin: '', weight: 1, witness: false }],
    primary: true,
    line: 'l',
    prev: null,
    trans: ['me'],
    missing: [],
    subviews: [],
    joined: [],
    left: [],
    dead: [],
    expelled: [],
    away: [],
    wasAwayMs: 0,
  }
  return { type: 'view', group, view: info, state }
}

const joined: AppEvent = { type: 'joined', group: 'g', outcome: 'ok' }
const deliver = (from: string, n: number, op: unknown, at = '1.a.1'): AppEvent => ({
  type: 'deliver',
  group: 'g',
  from,
  n,
  view: at,
  payload: encodeValue(op),
})
const state = (sources: readonly StateSource[], cut: Record<string, number> = {}, at = '1.a.1'): AppEvent => ({
  type: 'state',
  group: 'g',
  view: at,
  sources,
  cut,
})
const source = (from: string, values: readonly string[] | null): StateSource => ({
  from,
  subview: `1.${from}`,
  state: values === null ? null : encodeValue(values),
})

test('space side › the casts of one task are one message, numbered over all groups', () => {
  const bench = new Bench()
  const other = bench.side.openGroup('h', options, () => new SetReplica())
  bench.sent.length = 0
  bench.group.cast('a')
  other.cast('b')
  bench.group.cast('c')
  bench.tick()
  assert.deepEqual(
    bench.sent.map((commands) =>
      commands.map((each) => (each.type === 'cast' ? `${each.group} ${each.n}` : each.type)),
    ),
    [['join', 'g 1', 'h 2', 'g 3']],
  )
})

test('space side › a batch is a message of its own, and a batch in it is part of it', () => {
  const bench = new Bench()
  bench.sent.length = 0
  bench.group.cast('before')
  bench.side.batch(() => {
    bench.group.cast('a')
    bench.side.batch(() => bench.group.cast('b'))
    bench.group.cast('c')
  })
  bench.group.cast('after')
  bench.tick()
  assert.deepEqual(
    bench.sent.map((commands) => commands.length),
    [1, 3, 1],
  )
})

test('space side › what a batch has cast is sent even if it throws', () => {
  const bench = new Bench()
  bench.sent.length = 0
  assert.throws(() =>
    bench.side.batch(() => {
      bench.group.cast('a')
      throw new Error('mine')
    }),
  )
  assert.equal(bench.sent.length, 1)
})

test('space side › a group is handed out once it is joined and whole, changes first', () => {
  const order: string[] = []
  const bench = new Bench({ whole: () => order.push('whole') })
  bench.receive(view('1.a.1', 'whole'))
  assert.deepEqual(order, [])
  bench.receive(joined)
  bench.receive(deliver('b', 1, 'x'))
  assert.deepEqual(order, ['whole'])
})

test('space side › a newcomer buffers until its state is there, and replays what the state does not cover', () => {
  let isWhole = false
  const bench = new Bench({
    whole: () => {
      isWhole = true
    },
  })
  bench.receive(view('1.a.1', 'replace'), joined)
  bench.receive(deliver('b', 3, 'covered'), deliver('b', 4, 'new'), deliver('c', 1, 'newer'))
  assert.equal(isWhole, false)
  bench.receive(state([source('b', ['old', 'covered'])], { b: 3 }))
  assert.equal(isWhole, true)
  assert.deepEqual(
    bench.replica.log.filter((entry) => entry !== 'settle'),
    ['load', 'view 1.a.1', 'apply new', 'apply newer'],
  )
  assert.deepEqual(bench.replica.save(), ['covered', 'new', 'newer', 'old'])
  assert.deepEqual((bench.traced('digest')[0] as { cut: unknown }).cut, { b: 4, c: 1 })
})

test('space side › parts that meet unite the states as they were at the view, then replay', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined, deliver('me', 1, 'mine'))
  bench.replica.log.length = 0
  bench.receive(view('2.a.1', 'merge'), deliver('b', 5, 'later', '2.a.1'))
  bench.receive({ type: 'snapshot', group: 'g', view: '2.a.1', transfer: 9, to: ['b', 'c'] })
  const answer = bench.sent.flat().find((command) => command.type === 'snapshot')
  assert.ok(answer?.type === 'snapshot' && answer.state !== null)
  assert.deepEqual(decodeValue(answer.state), ['mine'])
  assert.deepEqual(
    bench.traced('stateOut').map((line) => (line as { to: unknown }).to),
    ['b', 'c'],
  )
  bench.receive(state([source('me', null), source('b', ['theirs'])], { me: 1, b: 4 }, '2.a.1'))
  assert.deepEqual(
    bench.replica.log.filter((entry) => entry !== 'settle'),
    ['view 2.a.1', 'merge', 'apply later'],
  )
  assert.deepEqual(bench.replica.save(), ['later', 'mine', 'theirs'])
  assert.deepEqual((bench.traced('merge')[0] as { order: unknown }).order, ['1.me', '1.b'])
})

test('space side › a view that asks for no state any more makes whole what was buffered', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined)
  bench.receive(view('2.a.1', 'merge'), deliver('b', 1, 'x', '2.a.1'))
  bench.receive(view('3.a.1', 'whole'))
  assert.deepEqual(
    bench.replica.log.filter((entry) => entry !== 'settle'),
    ['view 1.a.1', 'view 2.a.1', 'apply x', 'view 3.a.1'],
  )
})

test('space side › a group that ended while this process was away begins anew', () => {
  const replica = new SetReplica()
  const traced: TraceLine[] = []
  const side = new AppSide({ self: 'me', now: () => 0, send: () => undefined, trace: (line) => traced.push(line) })
  const consistent = { ...options, order: 'total', uniform: true, consistency: 'consistent' } as const
  side.openGroup('g', consistent, () => replica)
  side.receive([view('1.a.1', 'whole'), joined, deliver('b', 1, 'of before')])
  side.receive([{ type: 'keep', group: 'g', from: 'b', n: 2, view: '1.a.1', payload: encodeValue('kept') }])
  side.receive([view('3.a.1', 'anew'), deliver('c', 1, 'new', '3.a.1')])
  assert.deepEqual(replica.save(), ['new'])
  side.digestAll()
  const digest = traced.findLast(({ e }) => e === 'digest')
  assert.deepEqual((digest as unknown as { cut: unknown }).cut, { c: 1 })
})

test('space side › one that goes on from its own state has nothing of what came while it awaited another', () => {
  const replica = new SetReplica()
  const traced: TraceLine[] = []
  const side = new AppSide({ self: 'me', now: () => 0, send: () => undefined, trace: (line) => traced.push(line) })
  const consistent = { ...options, order: 'total', uniform: true, consistency: 'consistent' } as const
  side.openGroup('g', consistent, () => replica)
  side.receive([view('1.a.1', 'whole'), joined, deliver('b', 1, 'own')])
  side.receive([view('2.a.1', 'replace'), deliver('b', 2, 'awaiting', '2.a.1')])
  side.receive([view('3.a.1', 'own'), deliver('b', 3, 'new', '3.a.1')])
  assert.deepEqual(replica.save(), ['new', 'own'])
  side.digestAll()
  const digest = traced.findLast(({ e }) => e === 'digest')
  assert.deepEqual((digest as unknown as { cut: unknown }).cut, { b: 3 })
})

test('space side › a state that comes has seen its view: it is told where it is, and not again who is gone', () => {
  const replica = new SetReplica()
  const told: unknown[] = []
  replica.view = ({ id, joined, left, dead, expelled }) => told.push([id, joined, left, dead, expelled])
  const side = new AppSide({ self: 'me', now: () => 0, send: () => undefined })
  side.openGroup('g', options, () => replica)
  const news = { joined: ['me'], left: ['x'], dead: ['y'], expelled: ['z'] }
  const withNews = (event: AppEvent): AppEvent =>
    event.type === 'view' ? { ...event, view: { ...event.view, ...news } } : event
  side.receive([withNews(view('1.a.1', 'replace')), joined, state([source('b', ['x'])])])
  side.receive([withNews(view('2.a.1', 'whole'))])
  assert.deepEqual(told, [
    ['1.a.1', [], [], [], []],
    ['2.a.1', ['me'], ['x'], ['y'], ['z']],
  ])
})

test('space side › what came while a state was awaited in vain is in the state that is gone on from', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'replace'), joined, deliver('b', 3, 'x'))
  bench.receive(view('2.a.1', 'replace'), deliver('b', 4, 'y', '2.a.1'))
  bench.receive(view('3.a.1', 'merge'), { type: 'snapshot', group: 'g', view: '3.a.1', transfer: 4, to: ['c'] })
  assert.deepEqual(bench.given, [[4, ['x', 'y']]])
  assert.deepEqual((bench.traced('stateOut')[0] as { cut: unknown }).cut, { b: 4 })
})

test('space side › a state that comes late has all that came before its view', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'replace'), joined, deliver('b', 3, 'overwritten'))
  bench.receive(view('2.a.1', 'replace'), deliver('b', 4, 'y', '2.a.1'))
  bench.receive(state([source('c', ['x'])], {}, '2.a.1'))
  assert.deepEqual(bench.replica.save(), ['x', 'y'])
  assert.deepEqual((bench.traced('digest')[0] as { cut: unknown }).cut, { b: 4 })
})

test('space side › one that has no state cannot give one', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'replace'), joined, {
    type: 'snapshot',
    group: 'g',
    view: '1.a.1',
    transfer: 2,
    to: ['b'],
  })
  assert.deepEqual(bench.sent.at(-1), [{ type: 'snapshot', transfer: 2, state: null }])
})

const snapshot = (transfer: number): AppEvent => ({
  type: 'snapshot',
  group: 'g',
  view: '1.a.1',
  transfer,
  to: ['other'],
})

test('space side › a state is saved in tasks of its own, as it was when it was asked for', () => {
  const bench = new Bench({}, new SteppingReplica())
  bench.receive(view('1.a.1', 'whole'), joined, deliver('b', 1, 'x'), snapshot(3), deliver('b', 2, 'y'))
  assert.deepEqual(bench.given, [])
  bench.runDeferred()
  bench.receive(deliver('b', 3, 'z'))
  assert.deepEqual(bench.given, [])
  bench.runDeferred()
  assert.deepEqual(bench.given, [[3, ['x']]])
  assert.deepEqual(bench.replica.save(), ['x', 'y', 'z'])
  assert.equal(bench.deferred.length, 0)
})

test('space side › a state that cannot be saved to the end is answered, and reported', () => {
  const replica = new SteppingReplica()
  const bench = new Bench({}, replica)
  bench.receive(view('1.a.1', 'whole'), joined, snapshot(3))
  replica.isBroken = true
  bench.runDeferred()
  bench.runDeferred()
  assert.deepEqual(bench.given, [[3, null]])
  assert.deepEqual(bench.faults, [' replica-save'])
})

test('space side › a state is not saved on for a group that has ended', () => {
  const bench = new Bench({}, new SteppingReplica())
  bench.receive(view('1.a.1', 'whole'), joined, snapshot(3))
  bench.receive({ type: 'leftGroup', group: 'g' })
  bench.runDeferred()
  assert.deepEqual([bench.given, bench.deferred.length], [[], 0])
})

test('space side › changes are told once for all that came together', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined, deliver('b', 1, 'x'), deliver('b', 2, 'y'))
  assert.equal(bench.replica.log.filter((entry) => entry === 'settle').length, 1)
})

test('space side › a malformed operation is a fault of its author, and nothing else', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined, deliver('b', 1, 42))
  bench.receive({ type: 'deliver', group: 'g', from: 'b', n: 2, view: '1.a.1', payload: Uint8Array.of(0xff) })
  bench.receive(deliver('b', 3, 'good'))
  assert.deepEqual(bench.faults, ['b bad-operation', 'b bad-operation'])
  assert.deepEqual(bench.replica.save(), ['good'])
})

test('space side › a receipt resolves at the own delivery, and when all hold it', async () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined)
  const receipt = bench.group.cast('a')
  const { delivered, stable } = receipt
  bench.receive(deliver('me', receipt.n, 'a'))
  await delivered
  bench.receive({ type: 'stable', upTo: receipt.n, except: [] })
  await stable
  assert.deepEqual(bench.traced('settle'), [
    { of: 'join:g', outcome: 'ok' },
    { of: 'me#1', outcome: 'delivered' },
    { of: 'me#1', outcome: 'stable' },
  ])
})

test('space side › that a cast is stable is told once, also while it is not delivered here', async () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined)
  const receipt = bench.group.cast('a')
  const { stable } = receipt
  bench.receive({ type: 'stable', upTo: receipt.n, except: [] })
  bench.receive({ type: 'stable', upTo: receipt.n, except: [] })
  await stable
  bench.receive(deliver('me', receipt.n, 'a'))
  assert.deepEqual(bench.traced('settle').slice(1), [
    { of: 'me#1', outcome: 'stable' },
    { of: 'me#1', outcome: 'delivered' },
  ])
})

test('space side › a receipt that fails says why; asked late, too; unasked, nobody hears of it', async () => {
  const bench = new Bench()
  const [refused, unknown, unasked] = [bench.group.cast('a'), bench.group.cast('b'), bench.group.cast('c')]
  for (const [receipt, outcome] of [
    [refused, 'refused'],
    [unknown, 'unknown'],
    [unasked, 'unknown'],
  ] as const) {
    bench.receive({ type: 'castEnd', group: 'g', n: receipt.n, outcome })
  }
  await assert.rejects(refused.delivered, NotPrimaryError)
  await assert.rejects(unknown.delivered, UnknownOutcomeError)
  await assert.rejects(unknown.stable, UnknownOutcomeError)
  assert.equal(bench.side.openCasts, 0)
})

test('space side › an object hears of its own casts that are lost, and of no others', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined)
  const receipt = bench.group.cast('a')
  bench.replica.log.length = 0
  bench.receive({ type: 'castEnd', group: 'g', n: receipt.n, outcome: 'unknown' })
  bench.receive({ type: 'castEnd', group: 'g', n: receipt.n, outcome: 'unknown' })
  assert.deepEqual(bench.replica.log, ['lost 1 unknown', 'settle'])
})

test('space side › a strong group casts in the view that it was told of, and hears that it is over', async () => {
  const replica = new SetReplica()
  const sent: Command[] = []
  const traced: TraceLine[] = []
  const side = new AppSide({
    self: 'me',
    now: () => 0,
    send: (commands) => sent.push(...commands),
    trace: (line) => traced.push(line),
  })
  const strong = side.openGroup('g', { ...options, strong: true }, () => replica)
  const weak = side.openGroup('w', options, () => new SetReplica())
  const early = strong.cast('early')
  side.receive([view('1.a.1', 'whole'), joined])
  const late = strong.cast('late')
  weak.cast('any')
  side.flush()
  assert.deepEqual(
    sent.flatMap((each) => (each.type === 'cast' ? ['view' in each ? each.view : 'none asked for'] : [])),
    [null, '1.a.1', 'none asked for'],
  )
  side.receive([{ type: 'castEnd', group: 'g', n: early.n, outcome: 'viewChanged' }, view('2.a.1', 'whole')])
  side.receive([{ type: 'castEnd', group: 'g', n: late.n, outcome: 'viewChanged' }])
  for (const { delivered, stable } of [early, late]) {
    await assert.rejects(delivered, ViewChangedError)
    await assert.rejects(stable, ViewChangedError)
  }
  assert.ok(replica.log.includes(`lost ${late.n} refused`))
  assert.equal(side.openCasts, 1)
  const line = traced.findLast(({ e }) => e === 'settle')
  assert.deepEqual(line, { e: 'settle', of: `me#${late.n}`, outcome: 'view-changed' })
})

test('space side › an abort takes a waiting cast back, with the reason of the signal', async () => {
  const bench = new Bench()
  const abort = new AbortController()
  const receipt = bench.group.cast('a', { signal: abort.signal })
  bench.tick()
  const reason = new Error('changed my mind')
  abort.abort(reason)
  bench.tick()
  assert.deepEqual(bench.sent.at(-1), [{ type: 'cancel', ns: [receipt.n] }])
  bench.receive({ type: 'castEnd', group: 'g', n: receipt.n, outcome: 'refused' })
  await assert.rejects(receipt.delivered, reason)
  assert.throws(() => bench.group.cast('b', { signal: abort.signal }), reason)
})

test('space side › casts under way are bounded by number, and told when there is room', () => {
  const told: boolean[] = []
  const bench = new Bench({ writable: (isWritable) => told.push(isWritable) })
  for (let i = 0; i < CASTS_MAX; i += 1) bench.group.cast('a')
  assert.equal(bench.group.isWritable, false)
  assert.throws(() => bench.group.cast('a'), BusyError)
  bench.receive(deliver('me', 1, 'a'))
  assert.deepEqual(told, [true])
  bench.group.cast('a')
  assert.throws(() => bench.group.cast('a'), BusyError)
})

test('space side › casts under way are bounded by bytes', () => {
  const bench = new Bench()
  const op = 'x'.repeat(60_000)
  const each = encodeValue(op).length
  for (let sum = 0; sum < CAST_BYTES_MAX; sum += each) bench.group.cast(op)
  assert.throws(() => bench.group.cast(op), BusyError)
})

test('space side › a cast is at most 32 MiB', () => {
  const bench = new Bench()
  const overhead = encodeValue('x'.repeat(CAST_SIZE_MAX)).length - CAST_SIZE_MAX
  bench.group.cast('x'.repeat(CAST_SIZE_MAX - overhead))
  assert.throws(
    () => bench.group.cast('x'.repeat(CAST_SIZE_MAX - overhead + 1)),
    (error) => error instanceof TooLargeError && error.size === CAST_SIZE_MAX + 1 && error.sizeMax === CAST_SIZE_MAX,
  )
})

test('space side › consumption is told by the way, and by itself once it has grown', () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined, deliver('b', 1, 'x'))
  const consumed = (): unknown[] => bench.sent.flat().filter(({ type }) => type === 'consumed')
  assert.equal(consumed().length, 0)
  bench.group.cast('a')
  bench.tick()
  assert.deepEqual(consumed(), [{ type: 'consumed', bytes: encodeValue('x').length }])
  bench.receive(deliver('b', 2, 'y'.repeat(20_000)))
  assert.equal(consumed().length, 2)
})

test('space side › a join that is refused ends the group with a typed error', () => {
  let ended: Error | null = null
  const bench = new Bench({
    ended: (error) => {
      ended = error
    },
  })
  bench.receive({ type: 'joined', group: 'g', outcome: 'mismatch' })
  assert.ok((ended as Error | null) instanceof GroupMismatchError)
  assert.throws(() => bench.group.cast('a'), ClosedError)
})

test('space side › a gbcast is marked as one, and another service is refused at the call', () => {
  const bench = new Bench()
  bench.sent.length = 0
  bench.group.cast('a', { service: 'gbcast' })
  for (const service of ['abcast', '', null]) {
    assert.throws(() => bench.group.cast('b', { service: service as never }), UsageError)
  }
  bench.group.cast('c')
  bench.tick()
  const casts = bench.sent.flat().filter((each) => each.type === 'cast')
  assert.deepEqual(
    casts.map(({ n, service }) => [n, service]),
    [
      [1, 'gbcast'],
      [2, undefined],
    ],
  )
})

test('space side › the end of the space ends groups and receipts', async () => {
  const bench = new Bench()
  const receipt = bench.group.cast('a')
  bench.receive({ type: 'closed', reason: 'left' })
  await assert.rejects(receipt.delivered, ClosedError)
  await bench.group.close()
  assert.throws(() => bench.group.cast('b'), ClosedError)
  assert.throws(() => bench.side.openGroup('h', options, () => new SetReplica()), ClosedError)
})

test('space side › of a cast that was sent before the end nobody can tell, so it is not said that it took no effect', async () => {
  const bench = new Bench()
  bench.receive(view('1.a.1', 'whole'), joined)
  const [sent, heard] = [bench.group.cast('a'), bench.group.cast('b')]
  bench.receive(deliver('me', heard.n, 'b'))
  const unsent = bench.group.cast('c')
  const { delivered } = heard
  bench.side.abandon(new ClosedError('the worker died', { reason: 'failed' }))
  await assert.rejects(sent.delivered, (error) => {
    return error instanceof UnknownOutcomeError && !error.definite && error.cause instanceof ClosedError
  })
  await delivered
  await assert.rejects(heard.stable, UnknownOutcomeError)
  await assert.rejects(unsent.delivered, (error) => error instanceof ClosedError && error.reason === 'failed')
})

test('space side › a group leaves when it was closed as often as it was opened', async () => {
  const bench = new Bench()
  bench.group.retain()
  await bench.group.close()
  bench.tick()
  assert.ok(!bench.sent.flat().some(({ type }) => type === 'leaveGroup'))
  const closed = bench.group.close()
  bench.tick()
  assert.ok(bench.sent.flat().some(({ type }) => type === 'leaveGroup'))
  bench.receive({ type: 'leftGroup', group: 'g' })
  await closed
  assert.equal(bench.side.group('g'), undefined)
})

test('space side › what was kept takes effect in the name of the line that goes on from it', () => {
  class LineReplica extends SetReplica {
    override view({ id, line }: { readonly id: string; readonly line?: string | null }): void {
      this.log.push(`view ${id} of ${line}`)
    }
  }
  const bench = new Bench()
  const replica = new LineReplica()
  bench.side.openGroup('h', { ...options, order: 'total', uniform: true, consistency: 'consistent' }, () => replica)
  const inLine = (id: string, line: string, primary: boolean): AppEvent => {
    const event = view(id, 'whole', 'h')
    return event.type === 'view' ? { ...event, view: { ...event.view, line, primary } } : event
  }
  bench.receive(
    inLine('1.a.0', 'old', true),
    { type: 'keep', group: 'h', from: 'b', n: 1, view: '1.a.0', payload: encodeValue('take') },
    inLine('2.a.0', 'old', false),
    inLine('3.a.0', 'new', true),
  )
  assert.deepEqual(
    replica.log.filter((each) => each !== 'settle'),
    ['view 1.a.0 of old', 'view 1.a.0 of new', 'apply take', 'view 2.a.0 of new', 'view 3.a.0 of new'],
  )
})

test('space side › what was once heard counts for a lease, though answers tell of less when somebody comes back', () => {
  const bench = new Bench()
  let leaseStart: () => number | null = () => null
  bench.side.openGroup(
    'h',
    options,
    (port) => {
      leaseStart = () => port.leaseStart()
      return new SetReplica()
    },
    {},
  )
  const starts = [null, 500, 900, 100, null, 950].map((start) => {
    bench.receive({ type: 'lease', start })
    return leaseStart()
  })
  assert.deepEqual(starts, [null, 500, 900, 900, 900, 950])
})

/** A consistent group "h" whose replica says what it is told of. */
function consistentGroup(): { readonly bench: Bench; readonly told: () => string[] } {
  const bench = new Bench()
  const replica = new SetReplica()
  bench.side.openGroup('h', { ...options, order: 'total', uniform: true, consistency: 'consistent' }, () => replica)
  return { bench, told: () => replica.log.filter((each) => each !== 'settle') }
}

const inComponent = (id: string, primary: boolean, plan: StatePlan = 'whole'): AppEvent => {
  const event = view(id, plan, 'h')
  return event.type === 'view' ? { ...event, view: { ...event.view, primary } } : event
}
const of = (type: 'keep' | 'deliver', n: number, op: string, at: string): AppEvent => ({
  ...{ type, group: 'h', from: 'b', n, view: at },
  payload: encodeValue(op),
})

test('space side › what is kept is there still if the state that was announced was not needed', () => {
  const { bench, told } = consistentGroup()
  bench.receive(inComponent('1.a.0', true), of('keep', 1, 'kept', '1.a.0'), inComponent('2.a.0', false))
  bench.receive(inComponent('2.a.1', false, 'replace'), inComponent('3.a.0', false))
  assert.deepEqual(told(), ['view 1.a.0'])
  bench.receive(inComponent('4.a.0', true))
  const views = ['view 2.a.0', 'view 2.a.1', 'view 3.a.0', 'view 4.a.0']
  assert.deepEqual(told().slice(1), ['apply kept', ...views])
})

test('space side › a state that is announced twice and never needed leaves nothing out', () => {
  const { bench, told } = consistentGroup()
  bench.receive(inComponent('1.a.0', true), of('keep', 1, 'kept', '1.a.0'))
  bench.receive(inComponent('2.a.0', true, 'replace'), of('deliver', 2, 'x', '2.a.0'))
  bench.receive(of('keep', 3, 'late', '2.a.0'), inComponent('3.a.0', false, 'replace'), inComponent('3.a.1', true))
  assert.deepEqual(told(), [
    ...['view 1.a.0', 'apply kept', 'view 2.a.0', 'apply x'],
    ...['apply late', 'view 3.a.0', 'view 3.a.1'],
  ])
})

test('space side › a state that comes takes the place of what was put aside', () => {
  const { bench, told } = consistentGroup()
  bench.receive(inComponent('1.a.0', true), of('keep', 1, 'kept', '1.a.0'), inComponent('2.a.0', true, 'replace'))
  const bytes = packState({
    state: encodeValue(['whole']),
    kept: [],
    cut: new Map(),
    restoration: null,
    held: [],
    acted: null,
  })
  const sources = [{ from: 'c', subview: '1.c', state: bytes }]
  bench.receive({ type: 'state', group: 'h', view: '2.a.0', sources, cut: {} }, inComponent('3.a.0', true))
  assert.deepEqual(told(), ['view 1.a.0', 'load', 'view 2.a.0', 'view 3.a.0'])
})

test('space side › a replica is told of each view once and in order, though what is kept with a state begins with its view', () => {
  class NewsReplica extends SetReplica {
    override view({ id, left }: { readonly id: string; readonly left?: readonly string[] }): void {
      this.log.push(`view ${id}, without ${left}`)
    }
  }
  const consistent = { ...options, order: 'total', uniform: true, consistency: 'consistent' } as const
  const open = () => {
    const bench = new Bench()
    const replica = new NewsReplica()
    bench.side.openGroup('h', consistent, () => replica)
    return { bench, told: () => replica.log.filter((each) => each !== 'settle') }
  }
  const without = (id: string, primary: boolean, left: string, plan: StatePlan = 'whole'): AppEvent => {
    const event = inComponent(id, primary, plan)
    return event.type === 'view' ? { ...event, view: { ...event.view, left: [left] } } : event
  }
  const [one, other] = [open(), open()]
  one.bench.receive(without('1.a.0', true, 'x'), of('keep', 1, 'kept', '1.a.0'), without('2.a.0', false, 'y'))
  one.bench.receive(of('keep', 2, 'also', '2.a.0'))
  one.bench.receive({ type: 'snapshot', group: 'h', view: '2.a.0', transfer: 1, to: ['me'] })
  const state = one.bench.sent.flat().find(({ type }) => type === 'snapshot')
  assert.ok(state?.type === 'snapshot' && state.state !== null)
  // It comes from elsewhere, and has been told of one of those views already, in its own state.
  other.bench.receive(without('1.a.0', false, 'z'), without('2.a.0', false, 'y', 'replace'))
  const sources = [{ from: 'c', subview: '1.c', state: state.state }]
  other.bench.receive({ type: 'state', group: 'h', view: '2.a.0', sources, cut: {} })
  for (const { bench } of [one, other]) bench.receive(without('3.a.0', true, 'w'))
  const rest = ['apply kept', 'view 2.a.0, without y', 'apply also', 'view 3.a.0, without w']
  assert.deepEqual(one.told(), ['view 1.a.0, without x', ...rest])
  assert.deepEqual(other.told(), ['view 1.a.0, without z', 'load', 'view 1.a.0, without ', ...rest])
})

test('space side › what is told was heard when the kernel said it, also where the state had to come first', () => {
  const heard: string[] = []
  const bench = new Bench()
  bench.side.openGroup('h', options, (port) => {
    const replica = new SetReplica()
    const apply = replica.apply.bind(replica)
    replica.apply = (op) => {
      heard.push(`${op} at ${port.heardAt()}`)
      return apply(op)
    }
    return replica
  })
  const at = (plan: StatePlan, id: string): AppEvent => view(id, plan, 'h')
  bench.side.receive([at('whole', '1.a.0'), of('deliver', 1, 'x', '1.a.0')], 300)
  bench.side.receive([at('merge', '2.a.0'), of('deliver', 2, 'y', '2.a.0')], 500)
  bench.side.receive([at('whole', '3.a.0'), of('deliver', 3, 'z', '3.a.0')], 700)
  assert.deepEqual(heard, ['x at 300', 'y at 500', 'z at 700'])
})

test('space side › while a state is awaited, a lease counts from before', () => {
  const { bench } = consistentGroup()
  let leaseStart: () => number | null = () => null
  const consistent = { ...options, order: 'total', uniform: true, consistency: 'consistent' } as const
  bench.side.openGroup('leased', consistent, (port) => {
    leaseStart = () => port.leaseStart()
    return new SetReplica()
  })
  const at = (plan: StatePlan, id: string): AppEvent => ({ ...view(id, plan, 'leased') })
  bench.receive({ type: 'lease', start: 500 }, at('whole', '1.a.0'))
  assert.equal(leaseStart(), 500)
  bench.receive(at('replace', '2.a.0'), { type: 'lease', start: 900 }, at('replace', '3.a.0'))
  assert.equal(leaseStart(), 500)
  bench.receive(at('whole', '4.a.0'))
  assert.equal(leaseStart(), 900)
})
