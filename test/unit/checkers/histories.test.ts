import { accepts, rejects, TraceWriter, tolerates } from './builder.ts'

const all = ['a', 'b', 'c']
const options = { order: 'total', uniform: true, consistency: 'consistent', state: true } as const
const QUEUE = 'jobs-0-0-1'
const SERVICE = 'tutti:serve:calls'

/** Operations of applications on one object, which may overlap. */
class HistoryWriter extends TraceWriter {
  readonly #obj: string
  #calls = 0

  constructor(obj: string) {
    super()
    this.#obj = obj
    this.start(all).view('', '1.a', all).open(obj, all, options).view(obj, '1.a.1', all)
  }

  begins(p: string, id: number, f: string, ...args: readonly unknown[]): this {
    return this.write({ e: 'invoke', t: this.t, p, id, obj: this.#obj, f, args })
  }

  ends(p: string, id: number, value: unknown, ok = true): this {
    return this.write({ e: 'return', t: this.t, p, id, ok, value })
  }

  /** From begin to end, with nothing beside it. */
  does(p: string, [f, ...args]: readonly [string, ...unknown[]], value: unknown, ok = true): this {
    this.#calls += 1
    return this.begins(p, 1000 + this.#calls, f, ...args).ends(p, 1000 + this.#calls, value, ok)
  }

  runs(p: string, call: number): this {
    return this.write({ e: 'ran', t: this.t, p, obj: SERVICE, call, token: ['L', '1.a.1', 1] })
  }
}

const queue = (): HistoryWriter => new HistoryWriter(QUEUE)
const add = (value: number, priority = 0, delay = 0): readonly [string, ...unknown[]] => [
  'add',
  value,
  { priority, delay },
]
const added = (): HistoryWriter => queue().does('a', add(7), { id: '1' })
const taken = (): HistoryWriter => added().does('b', ['take', {}], ['1', 7, 't1'])
const takenAgain = (): HistoryWriter => taken().does('c', ['take', {}], ['1', 7, 't2'])

accepts('T13', 'an item that is added, taken, and done', taken().does('b', ['done', '1', 't1'], null))
accepts(
  'T13',
  'a take that overlaps the add',
  queue().begins('b', 1, 'take', {}).does('a', add(7), { id: '1' }).ends('b', 1, ['1', 7, 't1']),
)
rejects(
  'T13',
  'an item that is taken before it is added',
  queue().does('b', ['take', {}], ['1', 7, 't1']).does('a', add(7), { id: '1' }),
)
accepts(
  'T13',
  'an item that is lost by its taker, and done by the next',
  takenAgain().does('c', ['done', '1', 't2'], null),
)
rejects('T13', 'a completion under the token of before', takenAgain().does('b', ['done', '1', 't1'], null))
accepts(
  'T13',
  'that it is refused',
  takenAgain().does('b', ['done', '1', 't1'], 'stale-token', false).does('c', ['done', '1', 't2'], null),
)
rejects(
  'T13',
  'an item that is taken when it is done',
  taken().does('b', ['done', '1', 't1'], null).does('c', ['take', {}], ['1', 7, 't2']),
)
accepts(
  'T13',
  'a completion of which nobody knows that counts after all',
  taken().begins('b', 1, 'done', '1', 't1').ends('b', 1, 'unknown-outcome', false),
)
rejects(
  'T13',
  'a completion that counts after it was refused',
  taken().does('b', ['done', '1', 't1'], 'stale-token', false).does('b', ['done', '1', 't1'], null),
)
rejects(
  'T13',
  'an item that is taken before its delay is over',
  queue()
    .does('a', add(7, 0, 100), { id: '1' })
    .does('b', ['take', {}], ['1', 7, 't1']),
)
accepts(
  'T13',
  'one that is taken then',
  queue()
    .does('a', add(7, 0, 100), { id: '1' })
    .wait(100)
    .does('b', ['take', {}], ['1', 7, 't1']),
)

const two = (priority: number): HistoryWriter => added().does('a', add(8, priority), { id: '2' })
accepts('T13', 'the older item first', two(0).does('b', ['take', {}], ['1', 7, 't1']))
rejects('T13', 'the younger item first', two(0).does('b', ['take', {}], ['2', 8, 't1']))
accepts('T13', 'the younger item of a higher priority first', two(1).does('b', ['take', {}], ['2', 8, 't1']))
rejects('T13', 'the older item of a lower priority first', two(1).does('b', ['take', {}], ['1', 7, 't1']))
accepts(
  'T13',
  'the younger one, when a take that came to nothing may have had the older',
  two(0).begins('c', 1, 'take', {}).does('b', ['take', {}], ['2', 8, 't1']).ends('c', 1, 'aborted', false),
)
accepts(
  'T13',
  'what failed before what was never tried',
  two(0)
    .does('b', ['take', {}], ['1', 7, 't1'])
    .does('b', ['fail', '1', 't1', {}], null)
    .does('c', ['take', {}], ['1', 7, 't2']),
)
rejects(
  'T13',
  'what was never tried before what failed',
  two(0)
    .does('b', ['take', {}], ['1', 7, 't1'])
    .does('b', ['fail', '1', 't1', {}], null)
    .does('c', ['take', {}], ['2', 8, 't2']),
)
rejects(
  'T13',
  'an item that was dropped and is taken',
  taken()
    .does('b', ['fail', '1', 't1', { dead: true }], null)
    .does('a', ['drop', '1'], true)
    .does('c', ['take', {}], ['1', 7, 't2']),
)

const service = (): HistoryWriter => new HistoryWriter(SERVICE)
tolerates(
  'T13',
  'a call that is run while it is under way',
  service().begins('a', 1, 'callService', 5).runs('b', 5).ends('a', 1, ['b', 5]),
)
tolerates(
  'T13',
  'a call that two run, of which one brings the outcome',
  service().begins('a', 1, 'callService', 5).runs('b', 5).runs('c', 5).ends('a', 1, ['c', 5]),
)
rejects(
  'T13',
  'an outcome of a run after the end',
  service().begins('a', 1, 'callService', 5).ends('a', 1, ['b', 5]).runs('b', 5),
)
rejects('T13', 'a run before the call', service().runs('b', 5).begins('a', 1, 'callService', 5).ends('a', 1, ['b', 5]))
rejects(
  'T13',
  'an outcome of one that has not run it',
  service().begins('a', 1, 'callService', 5).runs('b', 5).ends('a', 1, ['c', 5]),
)
rejects(
  'T13',
  'the outcome of another call',
  service().begins('a', 1, 'callService', 5).runs('b', 5).ends('a', 1, ['b', 6]),
)
tolerates('T13', 'a call that nobody runs', service().does('a', ['callService', 5], 'no-handler', false))
rejects(
  'T13',
  'a call that is run though it was refused',
  service().begins('a', 1, 'callService', 5).ends('a', 1, 'no-handler', false).runs('b', 5),
)
rejects('T13', 'an error of a call that nobody has run', service().does('a', ['callService', 5], 'remote', false))
