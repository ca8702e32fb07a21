/** What members remember of clients, and the log that these follow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValueError } from '../../../lib/errors.ts'
import type { GroupView } from '../../../lib/objects/replica.ts'
import { CLIENTS_MAX, ClientTable, GONE_MAX, type Verdict } from '../../../lib/tools/client-table.ts'
import {
  CLIENT_REQUESTS_MAX,
  compareViews,
  FED,
  type Position,
  readPosition,
  type Told,
} from '../../../lib/tools/client-words.ts'
import { FeedLog } from '../../../lib/tools/feed-log.ts'

function view(id: string, members: readonly string[] = ['a', 'b']): GroupView {
  const nobody = { missing: [], joined: [], left: [], dead: [], expelled: [] }
  return { id, members, primary: true, line: 'l', ...nobody }
}

function take(
  table: ClientTable,
  n: number,
  { client = 'x', born = 1, after = n - 1, base = 0, at = '1.a.1' } = {},
): Verdict {
  return table.take({ client, born, n, after, base }, at)
}

test('the table of clients › tells each cast once, in order, and what comes after a refused or settled one', () => {
  const table = new ClientTable()
  assert.deepEqual(
    [1, 1, 3, 2, 3].map((n) => take(table, n)),
    ['new', 'again', 'early', 'new', 'new'],
  )
  // 4 was refused; 6 is the next after what all hold, which this part has not been told.
  assert.equal(take(table, 5, { after: 3 }), 'new')
  assert.equal(take(table, 9, { after: 8, base: 8 }), 'new')
  assert.equal(take(table, 7, { base: 5 }), 'again')
  assert.equal(table.last('x'), 9)
  assert.equal(table.last('y'), 0)
})

test('the table of clients › forgets a client once every member has said that it is gone', () => {
  const table = new ClientTable()
  table.view(view('1.a.1', ['a', 'b', 'c']))
  take(table, 1)
  take(table, 1, { client: 'y' })
  assert.deepEqual(
    table.toLeave('a', (id) => id === 'x'),
    ['x'],
  )
  table.leave(['x'], 'a', '1.a.1')
  // It is enough that one knows: the others say it as well.
  assert.deepEqual(
    table.toLeave('b', () => false),
    ['x'],
  )
  assert.deepEqual(
    table.toLeave('a', () => true),
    ['y'],
  )
  table.leave(['x'], 'b', '1.a.1')
  assert.equal(table.last('x'), 1)
  // The third one leaves instead.
  table.view(view('2.a.0', ['a', 'b']))
  assert.equal(table.last('x'), 0)
  assert.equal(table.last('y'), 1)
  // Who was cut off may have a cast of it to make, and a state in which it is not forgotten.
  assert.equal(take(table, 2), 'forgotten')
  const other = new ClientTable()
  take(other, 1)
  table.merge(other.save())
  other.merge(table.save())
  assert.deepEqual(table.save(), other.save())
  assert.equal(take(table, 2), 'forgotten')
  assert.equal(take(other, 2), 'forgotten')
})

test(`the table of clients › remembers of ${GONE_MAX} over a view that they are gone, those that were heard last`, () => {
  const table = new ClientTable()
  table.view(view('1.a.1', ['a']))
  for (let i = 0; i <= GONE_MAX; i += 1) {
    take(table, 1, { client: `c${i}`, at: `${i + 1}.a.0` })
    table.leave([`c${i}`], 'a', '1.a.1')
  }
  assert.equal(take(table, 2, { client: 'c0' }), 'forgotten')
  table.view(view('2000.a.0', ['a']))
  assert.equal(take(table, 1, { client: 'c0' }), 'new')
  assert.equal(take(table, 2, { client: 'c1' }), 'forgotten')
})

test('the table of clients › keeps the higher numbers of united parts, whichever unites the other', () => {
  const [one, other] = [new ClientTable(), new ClientTable()]
  for (const n of [1, 2, 3]) take(one, n)
  for (const n of [1, 2]) take(other, n, { at: '2.b.0' })
  take(other, 1, { client: 'y' })
  other.leave(['y'], 'b', '1.a.1')
  const [first, second] = [one.save(), other.save()]
  one.merge(second)
  other.merge(first)
  assert.deepEqual(one.save(), other.save())
  assert.equal(one.last('x'), 3)
  assert.deepEqual(
    one.toLeave('a', () => false),
    ['y'],
  )
  const copy = new ClientTable()
  copy.load(one.save())
  assert.deepEqual(copy.save(), one.save())
  const bad = [
    null,
    [0, [], []],
    [-1, [], [], []],
    [0, [['x', 1, 1, 1, []]], [], []],
    [0, [['x', 1, 1, 1, [3], []]], [], []],
    [0, [['x', 1, 1, 1, [], [[0, 'v']]]], [], []],
    [0, [['', 1, 1, 1, [], []]], [], []],
    [0, [], [['x']], []],
    [0, [], [], [['v', ['a'], true]]],
  ]
  for (const saved of bad) assert.throws(() => copy.load(saved), ValueError)
})

test(`the table of clients › drops those that were silent for longest above ${CLIENTS_MAX}, at a view, and tells nothing of them again`, () => {
  const table = new ClientTable()
  table.view(view('1.a.1'))
  for (let i = 0; i < CLIENTS_MAX; i += 1) take(table, 1, { client: `c${i}`, born: i === 0 ? 3 : 4, at: '5.a.0' })
  table.view(view('5.a.0'))
  assert.equal(table.last('c0'), 1)
  take(table, 1, { client: 'late', born: 6, at: '6.a.0' })
  take(table, 2, { client: 'c1', born: 4, at: '6.a.0' })
  table.view(view('6.a.0'))
  assert.equal(table.last('c0'), 0)
  assert.equal(table.last('c1'), 2)
  assert.equal(table.forgotten, 3)
  assert.equal(take(table, 2, { client: 'c0', born: 3, base: 1 }), 'forgotten')
  assert.equal(take(table, 2, { client: 'c0', born: 7, base: 1 }), 'new')
})

test('the table of clients › remembers in which view each request was delivered that its client may wait for', () => {
  const ask = (table: ClientTable, n: number, at: string, heard = 0): Verdict =>
    table.take({ client: 'x', born: 1, n, after: n - 1, base: 0, heard }, at)
  const one = new ClientTable()
  one.view(view('1.a.1', ['a', 'b', 'c']))
  assert.deepEqual([ask(one, 1, '1.a.1'), take(one, 2), ask(one, 3, '1.a.1')], ['new', 'new', 'new'])
  for (let i = 2; i < 20; i += 1) one.view(view(`${i}.a.1`))
  const where = (table: ClientTable): unknown => table.asked().map(({ n, view: { id } }) => [n, id])
  assert.deepEqual(where(one), [
    [1, '1.a.1'],
    [3, '1.a.1'],
  ])
  assert.deepEqual(one.viewOf('x', 1)?.members, ['a', 'b', 'c'])
  assert.equal(one.viewOf('x', 2), null)
  // Whoever gets the state knows it, too; of two views in which it was delivered, the same whichever part is asked.
  const two = new ClientTable()
  two.load(one.save())
  assert.deepEqual(two.save(), one.save())
  const other = new ClientTable()
  other.view(view('1.b.1', ['x']))
  ask(other, 1, '1.b.1')
  const before = other.save()
  other.merge(one.save())
  two.merge(before)
  assert.deepEqual(two.save(), other.save())
  assert.equal(two.viewOf('x', 1)?.id, '1.a.1')
  // Those up to 3 are waited for no longer.
  two.view(view('20.a.1'))
  ask(two, 4, '20.a.1', 3)
  assert.deepEqual(where(two), [[4, '20.a.1']])
  assert.equal(two.viewOf('x', 1), null)
  // Whoever never says so is remembered by its last ones.
  for (let n = 5; n <= 300; n += 1) ask(two, n, '20.a.1')
  assert.deepEqual([two.asked().length, two.asked()[0]?.n], [CLIENT_REQUESTS_MAX, 45])
})

test('the table of clients › comes to the same in whichever order a fifo group delivers what several members cast', () => {
  const ask =
    (n: number, heard: number, born = 1) =>
    (table: ClientTable): Verdict =>
      table.take({ client: 'x', born, n, after: n - 1, base: 0, heard }, '1.a.1')
  const leave = (table: ClientTable): void => table.leave(['x', 'y'], 'b', '1.a.1')
  const came = (table: ClientTable): Verdict => take(table, 1, { client: 'y' })
  // One sponsor after the other casts what the client asks: the second one when the client has heard more, and came anew.
  const byOne = [ask(1, 0), ask(2, 0), ask(3, 0), came]
  const byTheOther = [ask(1, 0), ask(2, 0), ask(3, 2, 2), leave]
  const tables = [
    [...byOne, ...byTheOther],
    [...byTheOther, ...byOne],
  ].map((steps) => {
    const table = new ClientTable()
    table.view(view('1.a.1', ['a', 'b', 'c']))
    for (const step of steps) step(table)
    return table
  })
  assert.deepEqual(tables[0]?.save(), tables[1]?.save())
  const [table] = tables
  assert.deepEqual(
    table?.asked().map(({ n }) => n),
    [3],
  )
  // What is said to be gone by all, is; a word that comes once more is none.
  for (const member of ['a', 'c', 'b']) table?.leave(['x', 'y'], member, '1.a.1')
  assert.deepEqual(
    table?.toLeave('a', () => true),
    [],
  )
  assert.equal(table && take(table, 4), 'forgotten')
})

/** A log with a view, and casts of `m` and of the client `c` in it. */
function logOf(keep: number, casts: number): FeedLog {
  const log = new FeedLog(keep)
  log.addView(view('1.a.1'), 10)
  for (let n = 1; n <= casts; n += 1) cast(log, 'm', n)
  return log
}

function cast(log: FeedLog, sender: string, n: number, isClients = false, bytes = 1): void {
  log.addCast([FED.cast, sender, n], { sender, n, isClients, bytes })
}

function position(views: readonly string[], members: readonly Told[] = [], clients: readonly Told[] = []): Position {
  return { views, members, clients, isUnited: false, passed: { members: [], clients: [] } }
}

test('the log of a member › goes on after the last view that both know', () => {
  const log = logOf(100, 3)
  log.addView(view('2.a.0'), 10)
  cast(log, 'm', 4)
  const start = log.locate(position(['1.a.1'], [['m', 2, 0]]))
  assert.equal(start?.from, 1)
  assert.equal(start?.isParted, false)
  assert.equal(log.locate(position(['2.a.0']))?.from, 5)
  assert.equal(log.locate(position(['9.z.0'])), null)
  assert.equal(log.locate(position([])), null)
  // It was told more than there is here, of a member or of a client; or a view that nobody here has had.
  assert.equal(log.locate(position(['1.a.1'], [['m', 4, 0]]))?.isParted, true)
  assert.equal(log.locate(position(['1.a.1'], [], [['c', 1, 0]]))?.isParted, true)
  assert.equal(log.locate(position(['1.z.9', '1.a.1'], [['m', 3, 1]]))?.isParted, true)
  // In the view in force it may still come.
  const pending = log.locate(position(['2.a.0'], [['m', 5, 0]]))?.pending
  assert.ok(pending)
  assert.equal(log.covers(pending), false)
  cast(log, 'm', 5)
  assert.equal(log.covers(pending), true)
})

test('the log of a member › is bounded; who was told what is dropped of a view goes on without a gap', () => {
  const log = logOf(10, 30)
  assert.ok(log.end - log.start <= 20 && log.end - log.start >= 10)
  assert.equal(log.end, 31)
  const dropped = log.start - 1
  assert.equal(log.locate(position(['1.a.1'], [['m', dropped, 0]]))?.from, log.start)
  assert.equal(log.locate(position(['1.a.1'], [['m', dropped - 1, 0]])), null)
  assert.deepEqual(log.opening, [
    [FED.view, view('1.a.1')],
    [FED.before, '1.a.1', [['m', dropped]], []],
  ])
  assert.deepEqual(log.before, [FED.before, '1.a.1', [['m', 30]], []])
  // Whoever passed over it in that view need not be told it; in another view it was another one.
  const overIt = (age: number): Position => {
    const passed = { members: [['m', dropped, age] as const], clients: [] }
    return { ...position(age === 0 ? ['1.a.1'] : ['1.a.1', '0.a.1']), passed }
  }
  assert.equal(log.locate(overIt(0))?.from, log.start)
  assert.equal(log.locate(overIt(0))?.isParted, false)
  assert.equal(log.locate(overIt(1)), null)
  // By bytes, too, but for the last entry.
  cast(log, 'm', 31, false, 5_000_000)
  assert.equal(log.end - log.start, 1)
  log.restart()
  assert.equal(log.end, log.start)
  assert.equal(log.locate(position(['1.a.1'], [['m', 31, 0]])), null)
  assert.deepEqual(log.opening, [])
})

test('positions and views › what makes no sense is no position; views are ordered by epoch, then number', () => {
  const good = [['1.a.1'], [['m', 1, 0]], [['c', 1, 8]], true, [['o', 2, 0]], []]
  assert.deepEqual(readPosition(good)?.views, ['1.a.1'])
  const bad = [
    null,
    [],
    [['1.a.1'], [], [], true],
    [[1], [], [], true, [], []],
    [[], [['m', 0, 0]], [], true, [], []],
    [[], [], [['c', 1]], true, [], []],
    [[], [], [], 1, [], []],
    [[], [], [], true, [['c', 1]], []],
    [[], [], [], true, [], [['c', 0, 0]]],
  ]
  for (const each of bad) assert.equal(readPosition(each), null)
  assert.equal(readPosition([Array(9).fill('v'), [], [], true, [], []]), null)
  const sorted = ['1.z.0', '2.a.0', '2.b.0', '2.a.1', '10.a.0']
  assert.deepEqual([...sorted].reverse().sort(compareViews), sorted)
  assert.equal(compareViews('1.a.0', '1.a.0'), 0)
})
