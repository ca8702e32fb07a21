/** The state of a queue: what each request and each view does to it, whoever makes it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValueError } from '../../../lib/errors.ts'
import {
  DUE_MAX,
  type Happening,
  OP,
  QUEUE_ADDS_MAX,
  QUEUE_ITEMS_MAX,
  QUEUE_TAKES_MAX,
  QueueMachine,
  type QueueTerms,
} from '../../../lib/objects/queue-machine.ts'
import type { GroupView } from '../../../lib/objects/replica.ts'
import { type CallRecord, SESSION_OP, Sessions } from '../../../lib/objects/sessions.ts'
import type { MachineContext } from '../../../lib/objects/state-machine.ts'
import type { Token } from '../../../lib/objects/token.ts'
import { encodeValue } from '../../../lib/values.ts'

const VIEW: GroupView = {
  id: '1.p.0',
  members: ['p', 'q'],
  primary: true,
  line: 'line',
  missing: [],
  joined: [],
  left: [],
  dead: [],
  expelled: [],
}
const NO_TERMS: QueueTerms = { maxTries: 0, maxSize: QUEUE_ITEMS_MAX }

/** A state with view 1 installed, and its processes, which ask. */
class State {
  readonly machine: QueueMachine
  readonly sessions: Sessions
  happened: Happening[] = []
  readonly #calls = new Map<string, number>()

  constructor(terms: Partial<QueueTerms> = {}) {
    this.machine = new QueueMachine({ ...NO_TERMS, ...terms })
    this.sessions = new Sessions(this.machine)
    this.machine.watch = (happening) => this.happened.push(happening)
    this.sessions.install(VIEW)
  }

  /** Says what has come of it. */
  ask(process: string, ...body: readonly unknown[]): () => CallRecord {
    const call = (this.#calls.get(process) ?? 0) + 1
    this.#calls.set(process, call)
    this.sessions.apply([SESSION_OP.request, 0, 1, 1, [], call - 1, call, body], process)
    return () => this.sessions.recordOf(process, 0, call)
  }

  add(value: unknown, { by = 'p', priority = 0, delay = 0, waits = false } = {}): () => CallRecord {
    return this.ask(by, OP.add, encodeValue(value), priority, delay, waits)
  }

  take(process: string, limit = 0): () => CallRecord {
    return this.ask(process, OP.take, limit)
  }

  /** What a take was answered with. */
  given(answered: () => CallRecord): [id: number, token: Token] {
    const answer = answered()
    assert.ok(Array.isArray(answer) && answer[0] === true, `nothing was given: ${JSON.stringify(answer)}`)
    return answer[1] as [number, Token]
  }

  /** Takes an item and fails with it. */
  failWith(process: string, { delay = 0, hopeless = false } = {}): number {
    const [id, token] = this.given(this.take(process))
    assert.deepEqual(this.ask(process, OP.fail, id, token, 'no', delay, hopeless)(), [true, null])
    return id
  }

  /** The key of what is counted down for that item. */
  keyOf(id: number): string {
    const { delay = null, grant = null } = this.machine.items.get(id) ?? {}
    return (delay ?? grant?.limit)?.key ?? 'none'
  }

  holderOf(id: number): string | null {
    return this.machine.items.get(id)?.grant?.taker ?? null
  }

  get bytes(): Uint8Array {
    return encodeValue(this.sessions.save())
  }
}

const code = (answered: () => CallRecord): unknown => {
  const answer = answered()
  return Array.isArray(answer) ? answer[1] : answer
}

test('queue machine › what waits is taken by priority, then what was tried before, then by age', () => {
  const state = new State()
  for (const [value, priority] of [
    ['low', -1],
    ['a', 0],
    ['b', 0],
    ['high', 5],
    ['c', 0],
  ] as const)
    state.add(value, { priority })
  const taken = ['p', 'q', 'p'].map((process) => state.given(state.take(process)))
  assert.deepEqual(
    taken.map(([id]) => id),
    [4, 2, 3],
  )
  const [, , [id, token] = [0, ['', '', 0]]] = taken
  state.ask('p', OP.fail, id, token, 'no', 0, false)
  assert.deepEqual(
    ['p', 'p', 'p'].map((process) => state.given(state.take(process))[0]),
    [3, 5, 1],
  )
})

test('queue machine › a member that was given the state goes on in the same order', () => {
  const state = new State({ maxTries: 3, maxSize: 9 })
  for (let i = 0; i < 9; i++) state.add(i, { priority: (i * 7) % 3, delay: i === 4 ? 50 : 0 })
  state.failWith('p')
  state.failWith('p', { delay: 5 })
  state.failWith('q', { hopeless: true })
  state.take('q', 70)
  state.add('waits', { waits: true })
  const other = new State({ maxTries: 3, maxSize: 9 })
  other.sessions.load(state.sessions.save())
  assert.deepEqual(other.bytes, state.bytes)
  const key = state.keyOf(5)
  for (const each of [state, other]) {
    each.sessions.install(VIEW)
    for (let n = 100; n < 110; n++)
      each.sessions.apply([SESSION_OP.request, 7, 1, 1, [], n - 100, n - 99, [OP.take, 0]], 'q')
    each.sessions.apply([SESSION_OP.request, 8, 1, 1, [], 0, 1, [OP.due, [key]]], 'p')
  }
  assert.deepEqual(other.bytes, state.bytes)
})

test('queue machine › what is delayed is taken by nobody until a member says that it is over; the first one counts', () => {
  const state = new State()
  state.add('later', { delay: 100 })
  const take = state.take('q')
  assert.equal(take(), 'waits')
  const key = state.keyOf(1)
  assert.deepEqual(state.ask('p', OP.due, ['another', key])(), [true, null])
  assert.equal(state.given(take)[0], 1)
  const before = state.machine.version
  assert.deepEqual(state.ask('q', OP.due, [key])(), [true, null])
  assert.equal(state.machine.version, before)
  assert.deepEqual(
    state.happened.map(({ type }) => type),
    ['added', 'due', 'taken'],
  )
})

test('queue machine › of those whose delays are over at once, the one of the highest priority is taken', () => {
  const state = new State()
  state.add('low', { delay: 10 })
  state.add('high', { delay: 10, priority: 1 })
  const take = state.take('q')
  state.ask('p', OP.due, [state.keyOf(1), state.keyOf(2)])
  assert.equal(state.given(take)[0], 2)
})

test('queue machine › what is over in one line is not over in another that goes on from the same view', () => {
  const [state, other] = [new State(), new State()]
  // What was kept takes effect under the name of the line that goes on.
  other.sessions.install({ ...VIEW, line: 'another' })
  for (const each of [state, other]) {
    each.add('later', { delay: 100 })
    each.add('x')
    each.take('q', 40)
  }
  state.ask('p', OP.due, [other.keyOf(1), other.keyOf(2)])
  assert.deepEqual(
    state.happened.map(({ type }) => type),
    ['added', 'added', 'taken'],
  )
  state.ask('p', OP.due, [state.keyOf(1), state.keyOf(2)])
  assert.equal(state.machine.countdownCount, 0)
})

test('queue machine › what failed waits as long as its taker says', () => {
  const state = new State()
  state.add('x')
  state.failWith('p', { delay: 30 })
  assert.equal(state.take('p')(), 'waits')
  state.ask('q', OP.due, [state.keyOf(1)])
  assert.equal(state.holderOf(1), 'p')
})

test('queue machine › an item goes back when its time is over, and that was a try; extended, its time begins anew', () => {
  const state = new State({ maxTries: 2 })
  state.add('x')
  const [, token] = state.given(state.take('p', 40))
  const first = state.keyOf(1)
  assert.deepEqual(state.ask('p', OP.extend, 1, token, 90)(), [true, null])
  state.ask('q', OP.due, [first])
  assert.equal(state.holderOf(1), 'p')
  assert.equal(state.machine.items.get(1)?.grant?.limit?.ms, 90)
  state.ask('p', OP.extend, 1, token, 0)
  assert.equal(state.machine.items.get(1)?.grant?.limit?.ms, 90)
  state.ask('q', OP.due, [state.keyOf(1)])
  assert.equal(state.holderOf(1), null)
  assert.equal(code(state.ask('p', OP.extend, 1, token, 0)), 'stale-token')
  state.take('q', 40)
  state.ask('p', OP.due, [state.keyOf(1)])
  assert.deepEqual(
    [...state.machine.dead.values()].map(({ attempts, reason }) => [attempts, reason]),
    [[2, 'its time ran out']],
  )
  assert.equal(state.machine.countdownCount, 0)
})

test('queue machine › tried as often as it may be, or hopeless, an item is a dead letter, to be put back or dropped', () => {
  const state = new State({ maxTries: 2 })
  for (const value of ['a', 'b']) state.add(value)
  assert.deepEqual([state.failWith('p'), state.failWith('q')], [1, 1])
  assert.equal(state.failWith('p', { hopeless: true, delay: 9 }), 2)
  assert.equal(state.machine.items.size, 0)
  assert.deepEqual(
    [...state.machine.dead.values()].map(({ id, attempts, reason }) => [id, attempts, reason]),
    [
      [1, 2, 'no'],
      [2, 1, 'no'],
    ],
  )
  assert.equal(state.take('q')(), 'waits')
  assert.deepEqual(state.ask('q', OP.restore, 9)(), [true, false])
  assert.deepEqual(state.ask('p', OP.drop, 2)(), [true, true])
  assert.deepEqual(state.ask('p', OP.drop, 2)(), [true, false])
  assert.deepEqual(state.ask('p', OP.restore, 1)(), [true, true])
  assert.equal(state.holderOf(1), 'q')
  assert.deepEqual([state.machine.items.get(1)?.attempts, state.machine.dead.size], [1, 0])
})

test('queue machine › what nobody has had in hand was no try', () => {
  const state = new State({ maxTries: 1 })
  state.add('x')
  const [, token] = state.given(state.take('p'))
  state.ask('p', OP.giveBack, 1, token, false)
  assert.equal(state.machine.items.get(1)?.attempts, 0)
  const [, second] = state.given(state.take('q'))
  state.ask('q', OP.giveBack, 1, second, true)
  assert.equal(state.machine.dead.size, 1)
})

test('queue machine › who is gone has tried', () => {
  const state = new State({ maxTries: 1 })
  state.add('x')
  state.take('q')
  state.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], dead: ['q'] })
  assert.deepEqual(
    [...state.machine.dead.values()].map(({ reason }) => reason),
    ['its holder is gone'],
  )
})

test('queue machine › it holds as many items as it may; who wants to waits for room, in order, unless it is gone', () => {
  const state = new State({ maxSize: 2, maxTries: 1 })
  state.add('a')
  state.add('b')
  assert.equal(code(state.add('no')), 'busy')
  const waiting = ['p', 'q', 'p'].map((by) => state.add('later', { by, waits: true }))
  assert.deepEqual(
    waiting.map((each) => each()),
    ['waits', 'waits', 'waits'],
  )
  const [id, token] = state.given(state.take('p'))
  assert.equal(state.machine.items.size, 2)
  state.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], left: ['q'] })
  state.ask('p', OP.done, id, token, null)
  assert.deepEqual(waiting[0]?.(), [true, 3])
  // A dead letter takes no room, and is put back only where there is some.
  state.failWith('p')
  assert.deepEqual(waiting[2]?.(), [true, 4])
  assert.deepEqual([state.machine.items.size, state.machine.dead.size], [2, 1])
  assert.equal(code(state.ask('p', OP.restore, 2)), 'busy')
  assert.deepEqual([state.machine.items.size, state.machine.dead.size], [2, 1])
})

test("queue machine › a completion under the same taker's older token is refused", () => {
  const state = new State()
  state.add('x')
  const [, old] = state.given(state.take('p'))
  state.ask('p', OP.fail, 1, old, 'no', 0, false)
  const [, token] = state.given(state.take('p'))
  assert.deepEqual(token, ['line', '1.p.0', 2])
  for (const body of [
    [OP.done, 1, old, null],
    [OP.fail, 1, old, '', 0, false],
    [OP.giveBack, 1, old, true],
    [OP.extend, 1, old, 5],
  ])
    assert.equal(code(state.ask('p', ...body)), 'stale-token')
  assert.deepEqual(state.ask('p', OP.done, 1, token, null)(), [true, null])
  assert.equal(code(state.ask('p', OP.done, 1, token, null)), 'stale-token')
  assert.equal(code(state.ask('p', OP.fail, 1, token, '', 0, false)), 'stale-token')
})

test('queue machine › an expiry that names an earlier absence of the holder does nothing', () => {
  const state = new State()
  state.add('x')
  state.take('q')
  state.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], expelled: ['q'] })
  state.sessions.install({ ...VIEW, id: '3.p.0', joined: ['q'] })
  state.sessions.install({ ...VIEW, id: '4.p.0', members: ['p'], expelled: ['q'] })
  state.sessions.apply([SESSION_OP.expire, ['q'], '2.p.0'], 'p')
  assert.equal(state.holderOf(1), 'q')
  state.sessions.apply([SESSION_OP.expire, ['q'], '4.p.0'], 'p')
  assert.equal(state.holderOf(1), null)
})

test('queue machine › who is no longer in the primary view gets nothing; numbers of grants begin anew with each view', () => {
  const state = new State()
  state.take('q')
  state.take('p')
  state.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], expelled: ['q'] })
  state.add('x')
  assert.equal(state.holderOf(1), 'p')
  assert.deepEqual(state.machine.items.get(1)?.grant?.token, ['line', '2.p.0', 1])
})

test('queue machine › who is no member of the view does nothing', () => {
  const state = new State()
  state.add('x')
  const [, token] = state.given(state.take('q'))
  state.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], expelled: ['q'] })
  const before = state.bytes
  state.ask('q', OP.done, 1, token, null)
  state.ask('q', OP.fail, 1, token, 'no', 0, false)
  state.take('q')
  state.sessions.apply([SESSION_OP.expire, ['q'], '2.p.0'], 'q')
  assert.deepEqual(state.bytes, before)
})

test('queue machine › outside the primary component nothing is granted or given back, but who is gone is remembered', () => {
  const state = new State()
  state.add('x')
  state.take('q')
  state.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], primary: false, dead: ['q'] })
  state.add('y')
  state.take('p')
  assert.deepEqual([state.holderOf(1), state.holderOf(2)], ['q', null])
  state.sessions.install({ ...VIEW, id: '3.p.0', members: ['p'] })
  assert.equal(state.holderOf(1), 'p')
  assert.deepEqual(state.machine.items.get(1)?.grant?.token, ['line', '3.p.0', 1])
})

test('queue machine › a view that the loaded state has seen changes nothing, though its news are others where one comes from', () => {
  const donor = new State()
  donor.add('x')
  donor.take('q')
  donor.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], expelled: ['q'] })
  const taker = new State()
  taker.sessions.load(donor.sessions.save())
  taker.sessions.install({ ...VIEW, id: '2.p.0', members: ['p'], dead: ['q'] })
  assert.deepEqual(taker.bytes, donor.bytes)
})

test('queue machine › as many items, takes and adds as its limits say, and not one more', () => {
  const machine = new QueueMachine({ maxTries: 1, maxSize: QUEUE_ITEMS_MAX })
  let n = 0
  const context: MachineContext = {
    view: '1.p.0',
    line: 'line',
    isPrimary: true,
    members: new Set(['p', 'q']),
    ranked: ['p', 'q'],
    nextToken: () => {
      n += 1
      return ['line', '1.p.0', n]
    },
    answer: () => undefined,
  }
  const ask = (...body: readonly unknown[]): unknown => {
    const answer = machine.apply(body, { process: 'p', call: 1 }, context)
    return Array.isArray(answer) ? answer[1] : answer
  }
  const bytes = encodeValue(0)
  const add = [OP.add, bytes, 0, 0, false]
  ask(...add)
  ask(OP.take, 0)
  ask(OP.fail, 1, ['line', '1.p.0', 1], '', 0, false)
  assert.equal(machine.dead.size, 1)
  // The dead letter counts.
  for (let i = 2; i < QUEUE_ITEMS_MAX; i++) ask(...add)
  assert.equal(ask(...add), QUEUE_ITEMS_MAX)
  assert.equal(ask(...add), 'busy')
  for (let i = 0; i < QUEUE_ADDS_MAX; i++) assert.equal(ask(OP.add, bytes, 0, 0, true), 'waits')
  assert.equal(ask(OP.add, bytes, 0, 0, true), 'busy')
  const empty = new State()
  const takes = Array.from({ length: QUEUE_TAKES_MAX + 1 }, () => empty.take('p'))
  assert.deepEqual([takes[QUEUE_TAKES_MAX - 1]?.(), code(takes[QUEUE_TAKES_MAX] ?? (() => null))], ['waits', 'busy'])
  assert.equal(empty.take('q')(), 'waits')
})

test('queue machine › malformed requests and states change nothing, and nobody completes what another holds', () => {
  const state = new State({ maxTries: 3 })
  state.add('x')
  const [, token] = state.given(state.take('p'))
  const bytes = encodeValue('x')
  const bad: unknown[] = [
    null,
    [],
    [9],
    [OP.add, 'x', 0, 0, false],
    [OP.add, new Uint8Array([0xff]), 0, 0, false],
    [OP.add, bytes, Number.NaN, 0, false],
    [OP.add, bytes, 0.5, 0, false],
    [OP.add, bytes, 0, -1, false],
    [OP.add, bytes, 0, 2 ** 31, false],
    [OP.add, bytes, 0, 0, 1],
    [OP.add, bytes, 0, 0],
    [OP.take],
    [OP.take, -1],
    [OP.take, Number.POSITIVE_INFINITY],
    [OP.done, 1, token],
    [OP.done, 1, ['line', 1, 1], null],
    [OP.done, 1, token, 'x'],
    [OP.done, 1, token, new Uint8Array([0xff])],
    [OP.fail, 1, token, 5, 0, false],
    [OP.fail, 1, token, 'x'.repeat(1025), 0, false],
    [OP.fail, 1, token, '', Number.NaN, false],
    [OP.fail, 1, token, '', 0, 0],
    [OP.giveBack, 1, token, 0],
    [OP.giveBack, 0, token, true],
    [OP.extend, 1, token, -1],
    [OP.due, 'k'],
    [OP.due, [1]],
    [OP.due, Array.from({ length: DUE_MAX + 1 }, () => 'k')],
    [OP.restore, 'x'],
    [OP.drop, 0],
  ]
  const before = encodeValue(state.machine.save())
  const context = { members: new Set(['p', 'q']), isPrimary: true } as unknown as MachineContext
  for (const body of bad)
    assert.equal(state.machine.apply(body, { process: 'p', call: 9 }, context), null, JSON.stringify(body))
  for (const body of [
    [OP.done, 1, token, null],
    [OP.done, 99, token, null],
    [OP.fail, 1, token, '', 0, false],
    [OP.extend, 1, token, 0],
  ])
    assert.equal(code(state.ask('q', ...body)), 'stale-token', JSON.stringify(body))
  const item = [1, bytes, 0, 0, null, null, '']
  for (const saved of [
    null,
    [1],
    [0, 0, [item], [], [], []],
    [1, 0, [item], [item], [], []],
    [1, 0, [item, item], [], [], []],
    [1, 0, [[1, bytes, 0.5, 0, null, null, '']], [], [], []],
    [1, 0, [[1, bytes, 0, 0, ['p'], null, '']], [], [], []],
    [1, 0, [[1, bytes, 0, 0, null, ['k', -1], '']], [], [], []],
    [1, 0, [[1, bytes, 0, 1, ['p', [...token], null], ['k', 1], '']], [], [], []],
    [1, 0, [], [[1, bytes, 0, 1, ['p', [...token], null], null, '']], [], []],
    [1, 0, [[1, new Uint8Array([0xff]), 0, 0, null, null, '']], [], [], []],
    [1, 0, [], [], [['p']], []],
    [1, 0, [], [], [], [['p', 1, bytes, 0]]],
  ])
    assert.throws(() => state.machine.load(saved), ValueError, JSON.stringify(saved))
  assert.deepEqual(encodeValue(state.machine.save()), before)
})
