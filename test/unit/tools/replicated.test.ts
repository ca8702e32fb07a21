/** Replicated objects: calls, what comes with them, what is refused the same everywhere, and states that differ. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import {
  ClosedError,
  GroupMismatchError,
  KindMismatchError,
  TooLargeError,
  UsageError,
  ValueError,
} from '../../../lib/errors.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { openSpace } from '../../../lib/open-space.ts'
import { DivergenceError } from '../../../lib/tool-errors.ts'
import { callContext } from '../../../lib/tools/call-context.ts'
import { CHECK_EVERY, OBJECT_OP, RESULT_MAX } from '../../../lib/tools/object-machine.ts'
import { type Replicated, type ReplicateOptions, replicatedKind } from '../../../lib/tools/replicated.ts'
import { encodeValue } from '../../../lib/values.ts'
import { asked, runCourse } from '../objects/requests.ts'
import { TotalCluster } from '../objects/total-cluster.ts'
import { until } from '../until.ts'

interface Move {
  readonly from: string
  readonly to: string
  readonly at: number
  readonly id: string
}

/** What a game might be. */
class Board {
  moves: Move[] = []
  seats = new Map<string, string>()
  dice: number | null = null

  get turn(): number {
    return this.moves.length
  }

  sit(colour: string): string {
    if (this.seats.has(colour)) throw new RangeError(`${colour} is taken`)
    this.seats.set(colour, callContext().caller)
    return colour
  }

  move(from: string, to: string, note = ''): Move {
    const { now, id } = callContext()
    const move = { from, to: to + note, at: now, id: id() }
    this.moves.push(move)
    return move
  }

  roll(): number {
    this.dice = 1 + Math.floor(callContext().random() * 6)
    return this.dice
  }

  fail(error: unknown): void {
    this.moves.push({ from: 'never', to: 'never', at: 0, id: '' })
    throw error
  }

  async later(): Promise<void> {
    this.moves = []
  }

  hide(): void {
    ;(this as { secret?: unknown }).secret = () => 1
  }

  keep(): void {
    ;(this as { other?: unknown }).other = new Board()
  }

  leak(): unknown {
    this.moves = []
    return () => this
  }

  large(bytes: number): string {
    this.moves = []
    return 'x'.repeat(bytes)
  }

  all(): Move[] {
    return this.moves
  }

  share(): void {
    const both = { n: 0 }
    Object.assign(this, { one: both, two: both })
  }

  bump(): number {
    const { one, two } = this as unknown as { one: { n: number }; two: { n: number } }
    one.n += 1
    return two.n
  }
}

let clock = 1_000
const stamp = () => ({ now: clock, seed: `seed-${Math.random()}` })

function made<T extends object>(thing: T, count: number, seed = 1) {
  const kind = replicatedKind(thing, {}, stamp)
  const cluster = new TotalCluster<Replicated<T>, ReplicateOptions>(kind, {}, count, seed)
  return { cluster, handles: cluster.primary.map(({ handle }) => handle) }
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index]
  assert.ok(item !== undefined)
  return item
}

test('replicated › a method runs at all, returns at its caller, and getters read what is here', async () => {
  const { cluster, handles } = made(new Board(), 3)
  const [a, b] = [at(handles, 0), at(handles, 1)]
  const seat = asked(a.object.sit('white'))
  const other = asked(b.object.sit('black'))
  await cluster.rest()
  assert.deepEqual([seat.result, other.result], ['white', 'black'])
  const moved = asked(b.object.move('e2', 'e4'))
  await cluster.rest()
  for (const { object } of handles) {
    assert.equal(object.turn, 1)
    assert.deepEqual(object.moves, [moved.result])
    assert.deepEqual([...object.seats], [...at(handles, 0).object.seats])
    assert.equal(object.seats.get('white'), 'p0')
  }
  assert.equal(new Set(cluster.states()).size, 1)
  assert.ok(a.object instanceof Board)
  assert.deepEqual(Object.keys({ ...a.object }).sort(), ['dice', 'moves', 'seats'])
})

test('replicated › the thing that was given stays as it is: only the fields are taken', async () => {
  const board = new Board()
  const { cluster, handles } = made(board, 2)
  const call = asked(at(handles, 0).object.move('a', 'b'))
  await cluster.rest()
  assert.ok(call.result !== 'pending')
  assert.deepEqual(board.moves, [])
})

test('replicated › what a method throws rejects at its caller, as it was, and nothing has changed anywhere', async () => {
  const { cluster, handles } = made(new Board(), 3)
  const [a, b] = [at(handles, 0), at(handles, 1)]
  asked(a.object.sit('white'))
  await cluster.rest()
  const before = a.snapshot
  const taken = asked(b.object.sit('white'))
  await cluster.rest()
  assert.ok(taken.result instanceof RangeError)
  assert.equal(taken.result.message, 'white is taken')
  class OwnError extends Error {
    override name = 'OwnError'
  }
  const thrown: readonly [unknown, string, string][] = [
    [new TypeError('t'), 'TypeError', 't'],
    [new OwnError('o'), 'Error', 'o'],
    ['text', 'Error', 'text'],
    [{ a: 1 }, 'Error', '[object Object]'],
  ]
  for (const [error, name, message] of thrown) {
    // What is no plain value travels as what it is nearest to.
    const call = asked(a.object.fail(error instanceof OwnError ? new Error('o') : error))
    await cluster.rest()
    assert.ok(call.result instanceof Error)
    assert.deepEqual([call.result.name, call.result.message], [name, message])
  }
  for (const { snapshot } of handles) assert.deepEqual(snapshot, before)
  assert.equal(new Set(cluster.states()).size, 1)
})

test('replicated › time, chance and ids come with the call: they are the same everywhere, and time never goes back', async () => {
  const { cluster, handles } = made(new Board(), 3)
  const [a, b] = [at(handles, 0), at(handles, 1)]
  clock = 5_000
  const first = asked(a.object.move('a', 'b'))
  await cluster.rest()
  clock = 4_000
  const second = asked(b.object.move('b', 'c'))
  const rolls = Array.from({ length: 40 }, () => asked(a.object.roll()))
  await cluster.advance(100)
  const [one, two] = [first.result as Move, second.result as Move]
  assert.deepEqual([one.at, two.at], [5_000, 5_000])
  assert.match(one.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(one.id, two.id)
  assert.deepEqual([...new Set(rolls.map(({ result }) => result as number))].sort(), [1, 2, 3, 4, 5, 6])
  assert.equal(new Set(cluster.states()).size, 1)
  assert.throws(() => callContext(), UsageError)
})

test('replicated › what cannot be is refused at its caller, with no effect anywhere', async () => {
  const { cluster, handles } = made(new Board(), 2)
  const a = at(handles, 0)
  asked(a.object.move('a', 'b'))
  await cluster.rest()
  const before = a.snapshot
  const cases: readonly [Promise<unknown>, new (...args: never[]) => Error][] = [
    [a.object.later(), UsageError],
    [a.object.hide(), UsageError],
    [a.object.keep(), ValueError],
    [a.object.leak() as Promise<unknown>, ValueError],
    [a.object.large(RESULT_MAX + 1), TooLargeError],
    [a.call('sit', [() => 1]), ValueError],
    [a.call('fly'), UsageError],
    [a.call('turn'), UsageError],
    [a.call('constructor'), UsageError],
  ]
  const results = cases.map(([call]) => asked(call))
  await cluster.advance(100)
  for (const [i, { result }] of results.entries()) {
    assert.ok(result instanceof at(cases, i)[1], `case ${i}: ${String(result)}`)
  }
  assert.throws(() => {
    ;(a.object as { dice: number }).dice = 1
  }, UsageError)
  assert.throws(() => Object.defineProperty(a.object, 'x', { value: 1 }), UsageError)
  assert.equal(a.snapshot, before)
  assert.equal(new Set(cluster.states()).size, 1)
})

test('replicated › neither arguments, results nor what is read lead back into the state', async () => {
  const { cluster, handles } = made(new Board(), 2)
  const a = at(handles, 0)
  asked(a.object.move('a', 'b'))
  await cluster.rest()
  const call = asked(a.object.all())
  await cluster.rest()
  ;(call.result as Move[]).pop()
  assert.equal(a.object.turn, 1)
  assert.throws(() => (a.object.moves as Move[]).push(at(a.object.moves, 0)), TypeError)
  assert.equal(a.snapshot, a.snapshot)
})

test('replicated › a newcomer goes on as those do who have run all calls, also where two fields held one object', async () => {
  const { cluster, handles } = made(new Board(), 2)
  const a = at(handles, 0)
  asked(a.object.share())
  await cluster.rest()
  const late = cluster.join('late')
  const bump = asked(a.object.bump())
  const again = asked(late.handle.object.bump())
  await cluster.rest()
  assert.deepEqual([bump.result, again.result], [0, 0])
  assert.equal(new Set(cluster.states()).size, 1)
  assert.equal(late.handle.calls, 3)
})

test('replicated › whatever becomes of casts and members, each call counts once', async () => {
  class Sum {
    total = 0
    calls = 0
    add(n: number): number {
      this.calls += 1
      this.total += n
      if (n === 13) throw new Error('unlucky')
      return this.total
    }
  }
  const kind = replicatedKind(new Sum(), {}, stamp)
  for (let seed = 1; seed <= 15; seed += 1) {
    let added = 0
    let calls = 0
    const course = await runCourse(kind, {}, seed, (handle, random) => {
      const n = 1 + Math.floor(random() * 12)
      added += n
      calls += 1
      return handle.object.add(n)
    })
    for (const { handle } of course.members) {
      assert.ok(handle.object.calls <= calls && handle.object.calls >= calls - course.unknown)
      if (course.unknown === 0) assert.equal(handle.object.total, added)
    }
  }
})

/** At p2 it is another class than it seems: as one that reads a clock of its own. */
function odd(): ObjectKind<Replicated<{ n: number; add(by: number): number }>, ReplicateOptions> {
  class Good {
    n = 0
    add(by: number): number {
      this.n += by
      return this.n
    }
  }
  class Bad extends Good {
    override add(by: number): number {
      return super.add(by + 1)
    }
  }
  const good = replicatedKind(new Good(), {}, stamp)
  const bad = replicatedKind(new Bad() as Good, {}, stamp)
  return { ...good, create: (port, options) => (port.self === 'p2' ? bad : good).create(port, options) }
}

test('replicated › whose state differs from that of most is told so when all is at rest, and calls nothing more', async () => {
  const cluster = new TotalCluster(odd(), {}, 3, 1)
  const handles = cluster.primary.map(({ handle }) => handle)
  const told: string[] = []
  for (const { id, handle } of cluster.primary) {
    handle.addEventListener('divergence', ({ error }) => told.push(`${id} ${error.code} ${error.calls}`))
  }
  asked(at(handles, 0).object.add(1))
  await cluster.advance(500)
  assert.deepEqual(told, [])
  await cluster.advance(3_000)
  assert.deepEqual(told, ['p2 divergence 1'])
  for (const { diverged } of handles) assert.deepEqual(diverged, ['p2'])
  const refused = asked(at(handles, 2).object.add(1))
  const good = asked(at(handles, 1).object.add(1))
  await cluster.advance(5_000)
  assert.ok(refused.result instanceof DivergenceError)
  assert.deepEqual(refused.result.diverged, ['p2'])
  assert.equal(good.result, 2)
  assert.equal(told.length, 1, 'once')
  // Its state is not given to newcomers.
  assert.throws(() => at(cluster.primary, 2).replica.save(), ValueError)
  at(cluster.primary, 0).replica.save()
})

test('replicated › who is given the others state agrees again', async () => {
  const cluster = new TotalCluster(odd(), {}, 4, 3)
  const p2 = at(cluster.primary, 2)
  asked(at(cluster.primary, 0).handle.object.add(1))
  await cluster.rest()
  await cluster.advance(3_000)
  assert.deepEqual(p2.handle.diverged, ['p2'])
  cluster.cutOff(p2)
  await cluster.rest()
  cluster.join(p2)
  await cluster.advance(3_000)
  for (const { handle } of cluster.primary) assert.deepEqual(handle.diverged, [])
  assert.equal(p2.handle.object.n, 1)
})

test('replicated › where no half has the same state, all are told', async () => {
  let runs = 0
  class Chance {
    n = 0
    draw(): void {
      runs += 1
      this.n = runs
    }
  }
  const { cluster, handles } = made(new Chance(), 2)
  let told = 0
  for (const handle of handles) handle.addEventListener('divergence', () => (told += 1))
  asked(at(handles, 0).object.draw())
  await cluster.rest()
  await cluster.advance(3_000)
  assert.equal(told, 2)
  for (const { diverged } of handles) assert.deepEqual(diverged, ['p0', 'p1'])
  // Nobody has a better one: newcomers are given it all the same.
  cluster.join('late')
})

test('replicated › states are compared under load as well', async () => {
  const cluster = new TotalCluster(odd(), {}, 3, 1)
  const [p0, , p2] = cluster.primary
  for (let i = 0; i <= CHECK_EVERY; i += 1) {
    asked(p0?.handle.object.add(1))
    if (i % 32 === 0) await cluster.rest()
  }
  await cluster.rest()
  assert.deepEqual(p0?.handle.diverged, ['p2'])
  assert.deepEqual(p2?.handle.diverged, ['p2'])
})

test('replicated › a report that was made in a line that is lost says nothing of this one', async () => {
  const { cluster, handles } = made(new Board(), 2)
  asked(at(handles, 0).object.move('a', 'b'))
  await cluster.rest()
  const [other, digest] = ['0123456789abcdef', 'fedcba9876543210']
  const stale = [
    asked(at(handles, 1).replica.call([OBJECT_OP.report, 1, other, digest])),
    asked(at(handles, 1).replica.call([OBJECT_OP.report, 99, other, digest])),
  ]
  await cluster.advance(3_000)
  for (const { result } of stale) assert.equal(result, null)
  for (const { diverged, replica } of handles) {
    assert.deepEqual(diverged, [])
    assert.deepEqual(replica.machine.agreed?.by, ['p0', 'p1'])
  }
  assert.deepEqual(cluster.faults, [])
})

test('replicated › a peer of another mind changes nothing by what is malformed, and is answered alike by all', async () => {
  const { cluster, handles } = made(new Board(), 2)
  asked(at(handles, 0).object.move('a', 'b'))
  await cluster.rest()
  const args = encodeValue([])
  const bad: unknown[] = [
    null,
    [OBJECT_OP.call, 'roll', args, 1],
    [OBJECT_OP.call, 7, args, 1, 's'],
    [OBJECT_OP.call, 'roll', encodeValue({}), 1, 's'],
    [OBJECT_OP.call, 'roll', new Uint8Array([255]), 1, 's'],
    [OBJECT_OP.call, 'roll', args, -1, 's'],
    [OBJECT_OP.call, 'roll', args, 1, ''],
    [OBJECT_OP.report, 0, '0123456789abcdef'],
    [OBJECT_OP.report, -1, '0123456789abcdef', '0123456789abcdef'],
    [OBJECT_OP.report, 0, '0123456789abcdef', 'x'],
    [OBJECT_OP.report, 0, 'x', '0123456789abcdef'],
    [OBJECT_OP.read, 1],
    [9],
  ]
  const before = at(handles, 0).snapshot
  for (const body of bad) asked(at(handles, 1).replica.call(body))
  await cluster.advance(1_000)
  assert.equal(cluster.faults.length, bad.length * 2)
  for (const { snapshot } of handles) assert.deepEqual(snapshot, before)
  assert.equal(new Set(cluster.states()).size, 1)
})

test('replicated › what is no instance of a class with methods and data is refused', () => {
  class Empty {
    n = 1
  }
  class Arrow {
    n = 1
    add = () => this.n
    go(): void {}
  }
  class Thenable {
    n = 1
    // biome-ignore lint/suspicious/noThenProperty: that it is refused is what is tested
    then(): void {}
  }
  class Nested {
    board = new Board()
    go(): void {}
  }
  class Hidden {
    constructor() {
      Object.defineProperty(this, 'n', { get: () => 1, enumerable: true })
    }
    go(): void {}
  }
  class Symbolic {
    readonly [Symbol.iterator] = 1
    go(): void {}
  }
  for (const bad of [
    null,
    7,
    {},
    [],
    { go: () => 1 },
    new Empty(),
    new Arrow(),
    new Thenable(),
    new Hidden(),
    new Symbolic(),
  ]) {
    assert.throws(() => replicatedKind(bad as object, {}, stamp), UsageError)
  }
  assert.throws(() => replicatedKind(new Nested(), {}, stamp), ValueError)
  assert.throws(() => replicatedKind(new Board(), { version: '' }, stamp), UsageError)
})

test('replicated › a malformed state is refused', () => {
  const { cluster, handles } = made(new Board(), 1)
  const { machine } = at(handles, 0).replica
  const good = machine.save() as unknown[]
  for (const [i, bad] of [
    [0, -1],
    [1, 'x'],
    [2, 'x'],
    [3, 'x'],
    [3, encodeValue([1])],
    [4, [1]],
    [4, [1, '0123456789abcdef', 'x', []]],
    [4, [1, '0123456789abcdef', null, [7]]],
    [5, [7]],
    [6, [['0123456789abcdef', 1, [['p', 'x']]]]],
  ] as const) {
    const state = [...good]
    state[i] = bad
    assert.throws(() => machine.load(state), ValueError)
  }
  machine.load(good)
  assert.equal(cluster.states().length, 1)
})

test('replicated › in spaces: one handle for a name, one class, one version', { timeout: 60_000 }, async (t) => {
  const hub = new MemoryHub()
  const open = () => openSpace('replicated', { worker: false, foundAfterMs: 20, transports: [memory({ hub })] })
  const spaces = await Promise.all([open(), open(), open()])
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(spaces.map((space) => until(space, 'view', () => space.members.length === 3 && space.view.primary)))
  const boards = await Promise.all(spaces.map((space) => space.replicate('board', new Board(), { version: '1' })))
  const [a, b, c] = boards as [Replicated<Board>, Replicated<Board>, Replicated<Board>]
  const from = Date.now()
  const move = await a.object.move('e2', 'e4', '!')
  assert.ok(Math.abs(move.at - from) < 60_000)
  assert.equal(move.to, 'e4!')
  assert.deepEqual((await b.read()).moves, [move])
  await assert.rejects(c.object.fail(new RangeError('no')), RangeError)
  const [first, second] = spaces
  assert.equal(await first?.replicate('board', new Board(), { version: '1' }), a)
  class Other {
    n = 0
    go(): void {}
  }
  await assert.rejects(first?.replicate('board', new Other(), { version: '1' }) ?? Promise.resolve(), KindMismatchError)
  await assert.rejects(first?.replicate('x', {}) ?? Promise.resolve(), UsageError)
  await b.close()
  await assert.rejects(
    second?.replicate('board', new Board(), { version: '2' }) ?? Promise.resolve(),
    GroupMismatchError,
  )
  await assert.rejects(b.object.roll(), ClosedError)
})
