import type { ExecLine, TraceDeed, TraceLine, TraceToken } from '../../../lib/testing/trace.ts'
import { accepts, rejects, TraceWriter, tolerates } from './builder.ts'

const all = ['a', 'b', 'c']
const options = { order: 'total', uniform: true, consistency: 'consistent', state: true } as const

type Fields = Partial<Omit<ExecLine, 't' | 'e' | 'p' | 'obj' | 'deeds'>>

/** Hand-written lines of one machine. */
class MachineWriter extends TraceWriter {
  readonly #obj: string
  /** Places of the agreed order. */
  #index = 0

  constructor(obj: string) {
    super()
    this.#obj = obj
    this.start(all).view('', '1.a', all).open(obj, all, options).view(obj, '1.a.1', all)
    for (const p of all) this.exec(p, 'h0', { step: 'begin' })
    for (const p of all) this.isIn(p, 'L', 'h1')
  }

  exec(p: string, h: string, fields: Fields, deeds: readonly TraceDeed[] = []): this {
    return this.write({ e: 'exec', t: this.t, p, obj: this.#obj, step: 'op', ...fields, deeds, h })
  }

  /** It is told of the view, in that line. */
  isIn(p: string, line: string, h: string): this {
    return this.exec(p, h, { step: 'view', view: '1.a.1', members: all, primary: true, line, left: [], dead: [] })
  }

  ask(p: string, n: number, body: unknown): this {
    return this.write({ e: 'ask', t: this.t, p, obj: this.#obj, id: n, call: [0, n], body })
  }

  told(p: string, n: number, value: unknown, ok = true): this {
    return this.write({ e: 'told', t: this.t, p, obj: this.#obj, id: n, call: [0, n], ok, value })
  }

  /** All of these do what a process asks, and come to a state. */
  does(ps: readonly string[], [by, n, body]: Request, h: string, deeds: readonly TraceDeed[]): this {
    this.#index += 1
    const at = ['1.a.1', this.#index] as const
    for (const p of ps) this.exec(p, h, { by, at, op: 'request', call: [0, n], body }, deeds)
    return this
  }

  cancels(by: string, n: number, h: string, deeds: readonly TraceDeed[]): this {
    this.#index += 1
    for (const p of all) this.exec(p, h, { by, at: ['1.a.1', this.#index], op: 'cancel', call: [0, n] }, deeds)
    return this
  }

  /** An operation of an application, from its begin to its end. */
  begins(p: string, id: number, f: string, args: unknown): this {
    return this.write({ e: 'invoke', t: this.t, p, id, obj: this.#obj, f, args })
  }

  ends(p: string, id: number, value: unknown, ok = true): this {
    return this.write({ e: 'return', t: this.t, p, id, ok, value })
  }
}

type Request = readonly [by: string, n: number, body: unknown]

const apply = (by: string, n: number, answer: unknown, answers?: TraceDeed['answers']): TraceDeed => ({
  ...{ do: 'apply', by, n, answer },
  ...(answers === undefined ? {} : { answers }),
})

const write = (by: string, n: number, value: number): Request => [by, n, ['write', 'k', value]]
const cells = (): MachineWriter => new MachineWriter('cells')
/** a writes. */
const written = (): MachineWriter =>
  cells()
    .ask('a', 1, ['write', 'k', 5])
    .does(all, write('a', 1, 5), 'h2', [apply('a', 1, [true, 1])])
    .told('a', 1, 1)

accepts('T12', 'a request that all do', written())
rejects(
  'T12',
  'an answer that the model does not give',
  cells().does(all, write('a', 1, 5), 'h2', [apply('a', 1, [true, 7])]),
)
rejects('T12', 'a request that is done twice', written().does(all, write('a', 1, 5), 'h3', [apply('a', 1, [true, 2])]))
rejects(
  'T12',
  'a request that is done after a later one',
  cells()
    .does(all, write('a', 2, 5), 'h2', [apply('a', 2, [true, 1])])
    .does(all, write('a', 1, 5), 'h3', [apply('a', 1, [true, 2])]),
)
rejects('T12', 'one who asks and is not there', cells().does(all, write('x', 1, 5), 'h2', [apply('x', 1, [true, 1])]))
rejects('T12', 'a caller who is told another answer', written().told('a', 1, 2))
rejects('T12', 'a caller who is told what nobody did', written().told('a', 2, 2))
rejects(
  'T12',
  'two requests at one place',
  cells()
    .exec('a', 'h2', { by: 'a', at: ['1.a.1', 1], op: 'request', call: [0, 1], body: ['read', 'k'] }, [
      apply('a', 1, [true, [0, null]]),
    ])
    .exec('b', 'h3', { by: 'b', at: ['1.a.1', 1], op: 'request', call: [0, 1], body: ['read', 'k'] }, [
      apply('b', 1, [true, [0, null]]),
    ]),
)
rejects(
  'T12',
  'a call that was told before another was made, and stands behind it',
  cells()
    .ask('a', 1, ['write', 'k', 5])
    .does(['b'], ['b', 1, ['read', 'k']], 'h2', [apply('b', 1, [true, [0, null]])])
    .does(['b'], write('a', 1, 5), 'h3', [apply('a', 1, [true, 1])])
    .told('a', 1, 1)
    .ask('b', 1, ['read', 'k']),
)
accepts('T12', 'a state that somebody was in', written().exec('c', 'h1', { step: 'load' }))
rejects('T12', 'a state that nobody was in', written().exec('c', 'h9', { step: 'load' }))

const token = (n: number): TraceToken => ['L', '1.a.1', n]
const borrow = (by: string, n: number): Request => [by, n, ['borrow', 't']]
const loans = (): MachineWriter => new MachineWriter('loans')
/** a has the thing, and b waits for it. */
const lent = (): MachineWriter =>
  loans()
    .does(all, borrow('a', 1), 'h2', [apply('a', 1, [true, token(1)])])
    .does(all, borrow('b', 1), 'h3', [apply('b', 1, 'waits')])
const back: Request = ['a', 2, ['give back', 't', token(1)]]
/** There is a view without one of them. */
const without = (gone: string, cause: 'left' | 'dead' | 'expelled', deeds: readonly TraceDeed[]): MachineWriter => {
  const writer = lent()
  const members = all.filter((each) => each !== gone)
  writer.crash(gone)
  writer.view('', '2.a', members).view('loans', '2.a.1', members, cause === 'expelled' ? {} : { [cause]: [gone] })
  const view = { left: [], dead: [], ...(cause === 'expelled' ? {} : { [cause]: [gone] }) }
  for (const p of members) writer.exec(p, 'h4', { step: 'view', view: '2.a.1', members, primary: true, ...view }, deeds)
  return writer
}
const granted = [['b', 1, [true, token(2)]]] as const

accepts('T12', 'a thing that goes to who waits', lent().does(all, back, 'h4', [apply('a', 2, [true, null], granted)]))
rejects(
  'T12',
  'a thing that goes to nobody though one waits',
  lent().does(all, back, 'h4', [apply('a', 2, [true, null])]),
)
rejects(
  'T12',
  'a thing that is given to two',
  loans()
    .does(all, borrow('a', 1), 'h2', [apply('a', 1, [true, token(1)])])
    .does(all, borrow('b', 1), 'h3', [apply('b', 1, [true, token(2)])]),
)
rejects(
  'T12',
  'a token that is no higher',
  lent().does(all, back, 'h4', [apply('a', 2, [true, null], [['b', 1, [true, token(1)]]])]),
)
accepts('T12', 'a request that is taken back', lent().cancels('b', 1, 'h4', [{ do: 'cancel', by: 'b', n: 1 }]))
rejects('T12', 'a request that waits on though it is taken back', lent().cancels('b', 1, 'h4', []))
rejects('T12', 'a request that another takes back', lent().cancels('c', 1, 'h4', [{ do: 'cancel', by: 'b', n: 1 }]))
/** b asks again, and with that the one before is taken back. */
const askedNext = (writer: MachineWriter): MachineWriter =>
  writer.does(all, borrow('b', 2), 'h4', [{ do: 'cancel', by: 'b', n: 1 }, apply('b', 2, 'waits')])
accepts(
  'T12',
  'a request whose end its process was told before it asks again',
  askedNext(lent().told('b', 1, 'aborted', false)),
)
rejects('T12', 'a request that is taken back as its process asks again', askedNext(lent()))
rejects(
  'T12',
  'a request whose end its process is told only after it was taken back',
  askedNext(lent()).told('b', 1, 'aborted', false),
)
rejects(
  'T12',
  'a request whose end was told, taken back by another',
  lent()
    .told('b', 1, 'aborted', false)
    .does(all, borrow('c', 2), 'h4', [{ do: 'cancel', by: 'b', n: 1 }, apply('c', 2, 'waits')]),
)
const released: TraceDeed = { do: 'release', by: 'a', answers: granted }
accepts('T12', 'what the dead held, released', without('a', 'dead', [released, { do: 'view' }]))
rejects('T12', 'what the dead hold on', without('a', 'dead', [{ do: 'view' }]))
rejects('T12', 'what is released though its holder may come back', without('a', 'expelled', [released, { do: 'view' }]))
accepts('T12', 'what waits for one out of reach, dropped', without('b', 'expelled', [{ do: 'cancel', by: 'b', n: 1 }]))
rejects('T12', 'what waits on for one out of reach', without('b', 'expelled', []))

/** a is out of reach, and what it held ends so much later. */
const expired = (ms: number, since = '2.a.1', heardMs?: number): MachineWriter => {
  const writer = without('a', 'expelled', [{ do: 'view' }])
  if (heardMs !== undefined) writer.write({ e: 'lease', t: 0, p: 'a', start: heardMs })
  writer.wait(ms)
  const fields = { by: 'b', at: ['2.a.1', 1], op: 'expire', whom: ['a'], since } as const
  for (const p of ['b', 'c']) writer.exec(p, 'h5', fields, [released])
  return writer
}
accepts('T12', 'what ends when its lease must have run out', expired(12_000))
rejects('T12', 'what ends before its lease has run out', expired(9_000))
// The view came long after it was last heard, in the first; in the second it was heard until shortly before.
accepts('T12', 'what ends when its own lease is over', expired(10_001, '2.a.1', 0))
rejects('T12', 'what ends before its own lease is over', expired(9_000, '2.a.1', 1))
rejects('T12', 'what ends by a word about another absence', expired(12_000, '1.a.1'))

/** A queue of so many tries and items. */
const jobs = (tries: number, size: number): MachineWriter => new MachineWriter(`jobs-${tries}-${size}`)
const add = (by: string, n: number, priority = 0, delay = 0): Request => [by, n, [0, 'v', priority, delay, false]]
const take = (by: string, n: number): Request => [by, n, [1, 0]]
const gets = (by: string, n: number, id: number, k: number): TraceDeed =>
  apply(by, n, 'waits', [[by, n, [true, [id, token(k)]]]])
const isOver: Request = ['c', 1, [6, ['L/1.a.1/1']]]
/** a adds what is delayed by 100 ms, b waits for it, and c says so much later that it may be taken. */
const delayed = (ms: number): MachineWriter =>
  jobs(0, 0)
    .does(all, add('a', 1, 0, 100), 'h2', [apply('a', 1, [true, 1])])
    .does(all, take('b', 1), 'h3', [apply('b', 1, 'waits')])
    .wait(ms)
    .does(all, isOver, 'h4', [apply('c', 1, [true, null], [['b', 1, [true, [1, token(1)]]]])])

accepts('T12', 'a delay that is over', delayed(100))
accepts('T12', 'a delay that is over by a clock that is fast', delayed(92))
rejects('T12', 'a delay that is said to be over before it is', delayed(80))
rejects(
  'T12',
  'what is delayed, and taken at once',
  jobs(0, 0)
    .does(all, add('a', 1, 0, 100), 'h2', [apply('a', 1, [true, 1])])
    .does(all, take('b', 1), 'h3', [gets('b', 1, 1, 1)]),
)
/**
 * Two lines go on from one view. In the one, of a, an item that is delayed by 100 ms is added; 60 ms later in the other one,
 * of b, too. There, c says so much later that a delay is over, and it is then taken at once or waited for.
 */
const inTwoLines = (ms: number, line: string, isTaken: boolean): MachineWriter => {
  const writer = jobs(0, 0).isIn('b', 'M', 'h1')
  const does = (p: string, n: number, [by, call, body]: Request, deeds: readonly TraceDeed[]): unknown =>
    writer.exec(p, `${p}${n}`, { by, at: ['1.a.1', n], op: 'request', call: [0, call], body }, deeds)
  does('a', 1, add('a', 1, 0, 100), [apply('a', 1, [true, 1])])
  writer.wait(60)
  does('b', 1, add('a', 1, 0, 100), [apply('a', 1, [true, 1])])
  writer.wait(ms)
  does('b', 2, ['c', 1, [6, [`${line}/1.a.1/1`]]], [apply('c', 1, [true, null])])
  does('b', 3, take('b', 1), [isTaken ? gets('b', 1, 1, 1) : apply('b', 1, 'waits')])
  return writer
}
accepts('T12', 'a delay that is over in its line', inTwoLines(100, 'M', true))
rejects('T12', 'a delay that is over in another line alone', inTwoLines(60, 'M', true))
accepts('T12', "the end of another line's delay, which ends none here", inTwoLines(60, 'L', false))
rejects('T12', "a delay that ends with another line's", inTwoLines(100, 'L', true))
/** Two items, the second of a higher priority; and one is taken. */
const ranked = (id: number): MachineWriter =>
  jobs(0, 0)
    .does(all, add('a', 1), 'h2', [apply('a', 1, [true, 1])])
    .does(all, add('a', 2, 7), 'h3', [apply('a', 2, [true, 2])])
    .does(all, take('b', 1), 'h4', [gets('b', 1, id, 1)])
accepts('T12', 'the highest priority, taken first', ranked(2))
rejects('T12', 'a lower priority, taken first', ranked(1))
/** Two items, where there is room for so many. */
const bounded = (size: number): MachineWriter =>
  jobs(0, size)
    .does(all, add('a', 1), 'h2', [apply('a', 1, [true, 1])])
    .does(all, add('a', 2), 'h3', [apply('a', 2, [true, 2])])
accepts('T12', 'as many items as there may be', bounded(2))
rejects('T12', 'one item more than there may be', bounded(1))
/** An item that may be tried once fails, and is put back. */
const buried = (isThere: boolean): MachineWriter =>
  jobs(1, 0)
    .does(all, add('a', 1), 'h2', [apply('a', 1, [true, 1])])
    .does(all, take('b', 1), 'h3', [gets('b', 1, 1, 1)])
    .does(all, ['b', 2, [3, 1, token(1), 'no', 0, false]], 'h4', [apply('b', 2, [true, null])])
    .does(all, take('c', 1), 'h5', [apply('c', 1, 'waits')])
    .does(all, ['a', 2, [7, 1]], 'h6', [
      apply('a', 2, [true, isThere], isThere ? [['c', 1, [true, [1, token(2)]]]] : undefined),
    ])
accepts('T12', 'a dead letter that is put back', buried(true))
rejects('T12', 'a dead letter that is lost', buried(false))

accepts(
  'T13',
  'operations one after the other',
  cells().begins('a', 1, 'write', ['k', 5]).ends('a', 1, 1).begins('b', 1, 'read', ['k']).ends('b', 1, [1, 5]),
)
accepts(
  'T13',
  'an operation that is done while another is under way',
  cells().begins('a', 1, 'write', ['k', 5]).begins('b', 1, 'read', ['k']).ends('b', 1, [0, null]).ends('a', 1, 1),
)
accepts(
  'T13',
  'an operation without an end that was done',
  cells().begins('a', 1, 'write', ['k', 5]).begins('b', 1, 'read', ['k']).ends('b', 1, [1, 5]),
)
accepts(
  'T13',
  'an operation without an end that was not done',
  cells().begins('a', 1, 'write', ['k', 5]).begins('b', 1, 'read', ['k']).ends('b', 1, [0, null]),
)
rejects(
  'T13',
  'a read that misses what was written before',
  cells().begins('a', 1, 'write', ['k', 5]).ends('a', 1, 1).begins('b', 1, 'read', ['k']).ends('b', 1, [0, null]),
)
rejects('T13', 'a read of what was never written', cells().begins('b', 1, 'read', ['k']).ends('b', 1, [1, 5]))
rejects(
  'T13',
  'two who both write over one version',
  cells().begins('a', 1, 'cas', ['k', 5, 0]).begins('b', 1, 'cas', ['k', 6, 0]).ends('a', 1, 1).ends('b', 1, 1),
)
rejects(
  'T13',
  'a read that goes back',
  cells()
    .begins('a', 1, 'write', ['k', 5])
    .begins('b', 1, 'read', ['k'])
    .ends('b', 1, [1, 5])
    .begins('c', 1, 'read', ['k'])
    .ends('c', 1, [0, null])
    .ends('a', 1, 1),
)

/** Operations of the applications on one object, each with its end: [process, name, arguments, value, is refused]. */
const done = (obj: string, ...ops: readonly [string, string, unknown, unknown, boolean?][]): MachineWriter => {
  const writer = new MachineWriter(obj)
  for (const [i, [p, f, args, value, isRefused = false]] of ops.entries())
    writer.begins(p, i, f, args).ends(p, i, value, !isRefused)
  return writer
}

accepts(
  'T13',
  'a bank whose sum stays',
  done('bank', ['a', 'transfer', ['a0', 'a1', 5], [100, 100]], ['b', 'audit', [], [95, 105, 100]]),
)
rejects(
  'T13',
  'a transfer of which a half is seen',
  done('bank', ['a', 'transfer', ['a0', 'a1', 5], [100, 100]], ['b', 'audit', [], [95, 100, 100]]),
)
rejects(
  'T13',
  'two transfers from one balance',
  done('bank', ['a', 'transfer', ['a0', 'a1', 5], [100, 100]], ['b', 'transfer', ['a0', 'a2', 5], [100, 100]]),
)
rejects('T13', 'an update that is lost', done('bank', ['a', 'update', ['t0'], 1], ['b', 'update', ['t0'], 1]))
accepts(
  'T13',
  'one result for all',
  done('once', ['a', 'run', ['k', 'x'], 'x'], ['b', 'run', ['k', 'y'], 'x'], ['c', 'propose', ['k', 'z'], 'x']),
)
rejects(
  'T13',
  'a result that another one has replaced',
  done('once', ['a', 'run', ['k', 'x'], 'x'], ['b', 'propose', ['k', 'y'], 'y']),
)
rejects('T13', 'a result that nobody has made', done('once', ['a', 'run', ['k', 'x'], 'y']))
accepts(
  'T13',
  'a result that was forgotten',
  done('once', ['a', 'propose', ['k', 'x'], 'x'], ['b', 'forget', ['k'], true], ['b', 'propose', ['k', 'y'], 'y']),
)
accepts('T13', 'a latch that is counted down', done('latch', ['a', 'countDown', [], 19], ['b', 'countDown', [], 18]))
rejects('T13', 'a latch that opens too early', done('latch', ['a', 'countDown', [], 19], ['b', 'wait', [], null]))
const decision = (outcome: unknown, votes: unknown): unknown => ({ outcome, votes, view: '1.a.1' })
const voted = ['a', 'vote', ['b', 'yes', 'a'], null] as const
const decided = ['b', 'decision', ['b'], decision('yes', { a: 'yes' })] as const
accepts(
  'T13',
  'a decision',
  done(
    'ballot',
    [...voted],
    [...decided],
    ['c', 'vote', ['b', 'no', 'c'], 'decided', true],
    ['c', 'decision', ['b'], decision('yes', { a: 'yes' })],
  ),
)
rejects(
  'T13',
  'two decisions',
  done('ballot', [...voted], [...decided], ['c', 'decision', ['b'], decision(null, { a: 'yes' })]),
)
rejects(
  'T13',
  'a vote after the decision',
  done('ballot', [...voted], [...decided], ['c', 'vote', ['b', 'no', 'c'], null]),
)
rejects(
  'T13',
  'a decision without a vote that was taken before',
  done('ballot', [...voted], ['b', 'decision', ['b'], decision(null, {})]),
)
/** c opened the ballot in a line of its own, where it was decided for no, and is told that in this one. */
const openedElsewhere = (isAnew: boolean): MachineWriter => {
  const writer = new MachineWriter('ballot')
  writer.view('', '2.c', ['c'], { line: 'M' }).begins('c', 1, 'open', ['b']).ends('c', 1, null)
  writer.view('', '3.a', all)
  if (isAnew) writer.begins('c', 2, 'open', ['b']).ends('c', 2, null)
  writer.begins('a', 1, 'vote', ['b', 'yes', 'a']).ends('a', 1, null)
  writer.begins('a', 2, 'decision', ['b']).ends('a', 2, decision('yes', { a: 'yes' }))
  return writer.begins('c', 3, 'decision', ['b']).ends('c', 3, decision('no', { c: 'no' }))
}
tolerates('T13', 'what was decided in the line in which it was opened', openedElsewhere(false))
rejects('T13', 'what was decided in another line than that in which it was opened', openedElsewhere(true))
rejects('T13', 'a vote that counts twice', done('ballot', [...voted], ['a', 'vote', ['b', 'no', 'a'], null]))

/** What all members do, one after the other: [who, number, body, answer, answers to others]. */
const doing = (
  obj: string,
  ...steps: readonly [string, number, unknown, unknown, TraceDeed['answers']?][]
): MachineWriter => {
  const writer = new MachineWriter(obj)
  for (const [i, [by, n, body, answer, answers]] of steps.entries())
    writer.does(all, [by, n, body], `s${i}`, [apply(by, n, answer, answers)])
  return writer
}
const permit = ['lock', '', 'exclusive', 'wait'] as const
accepts(
  'T12',
  'two who have a permit',
  doing('permits', ['a', 1, permit, [true, token(1)]], ['b', 1, permit, [true, token(2)]], ['c', 1, permit, 'waits']),
)
rejects(
  'T12',
  'a permit too many',
  doing(
    'permits',
    ['a', 1, permit, [true, token(1)]],
    ['b', 1, permit, [true, token(2)]],
    ['c', 1, permit, [true, token(3)]],
  ),
)
const theft = ['b', 1, ['lock', 'l', 'exclusive', 'steal'], [true, token(2)]] as const
const owned = ['a', 1, ['lock', 'l', 'exclusive', 'wait'], [true, token(1)]] as const
accepts(
  'T12',
  'a lock that is stolen',
  doing('locks', [...owned], [...theft], ['a', 2, ['unlock', 'l', token(1)], [true, false]]),
)
rejects(
  'T12',
  'a lock that is unlocked by whom it was stolen from',
  doing('locks', [...owned], [...theft], ['a', 2, ['unlock', 'l', token(1)], [true, true]]),
)
const ran = ['a', 1, [0, 'k'], 'waits', [['a', 1, [true, [0, token(1)]]]]] as const
const completed = ['a', 2, [1, 'k', token(1), 'x'], [true, null]] as const
accepts('T12', 'what is done once', doing('once', [...ran], [...completed], ['b', 1, [0, 'k'], [true, [1, 'x']]]))
rejects(
  'T12',
  'what is run again though it is done',
  doing('once', [...ran], [...completed], ['b', 1, [0, 'k'], 'waits', [['b', 1, [true, [0, token(2)]]]]]),
)
rejects(
  'T12',
  'what two run at a time',
  doing('once', [...ran], ['b', 1, [0, 'k'], 'waits', [['b', 1, [true, [0, token(2)]]]]]),
)
const begun = ['a', 1, [0, 'b', '', ['yes', 'no'], 'majority', null, all], [true, null]] as const
const yes = (by: string, answer: unknown = [true, null]) =>
  [by, by === 'a' ? 2 : 1, [1, 'b', '1.a.1 a 1', 'yes'], answer] as const
accepts(
  'T12',
  'a ballot that two of three decide',
  doing('ballot', [...begun], [...yes('a')], [...yes('b')], [...yes('c', [false, 'decided', ''])]),
)
rejects(
  'T12',
  'a vote that counts after the decision',
  doing('ballot', [...begun], [...yes('a')], [...yes('b')], [...yes('c')]),
)
rejects(
  'T12',
  'a ballot that one of three decides',
  doing('ballot', [...begun], [...yes('a')], [...yes('b', [false, 'decided', ''])]),
)
const both = ['a', 1, [0, [], ['k', 1, 'l', 1]], [true, [1, 0]]] as const
accepts(
  'T12',
  'a commit of what has not changed',
  doing('bank', [...both], ['b', 1, [0, ['k', 1, 'l', 1], ['k', 2]], [true, [2, 0]]]),
)
rejects(
  'T12',
  'a commit of what has changed',
  doing(
    'bank',
    [...both],
    ['b', 1, [0, ['l', 1], ['k', 2]], [true, [2, 0]]],
    ['c', 1, [0, ['l', 1, 'k', 1], ['k', 3]], [true, [3, 0]]],
  ),
)
const arrive = ['arrive']
accepts(
  'T12',
  'two who meet',
  doing('meeting', ['a', 1, arrive, 'waits'], ['b', 1, arrive, [true, 1], [['a', 1, [true, 1]]]]),
)
rejects(
  'T12',
  'one who meets itself',
  doing('meeting', ['a', 1, arrive, 'waits'], ['a', 2, arrive, [true, 1], [['a', 1, [true, 1]]]]),
)

/** a has a lock in hand; b gets it, and has it in hand for so many ms beside a. */
const beside = (wish: 'wait' | 'steal', ms: number): TraceWriter => {
  const writer = doing('locks', [...owned], ['b', 1, ['lock', 'l', 'exclusive', wish], [true, token(2)]])
  const hand = (p: string, n: number, on: boolean): TraceLine => {
    return { e: 'act', t: writer.t, p, lock: 'locks/l', token: token(n), on, mode: 'exclusive' }
  }
  const grant = (p: string, n: number): TraceLine => {
    return { e: 'grant', t: writer.t, p, lock: 'locks/l', token: token(n), mode: 'exclusive' }
  }
  writer.write(grant('a', 1), hand('a', 1, true), grant('b', 2), hand('b', 2, true))
  return writer
    .wait(ms)
    .write(hand('a', 1, false))
    .end()
}
tolerates('P3', 'one who has a lock in hand that was stolen, for a while', beside('steal', 9_000))
rejects('P3', 'one who has a lock in hand that was stolen, when its lease must be over', beside('steal', 12_000))
rejects('P3', 'two who have a lock in hand', beside('wait', 9_000))
tolerates('T5', 'a lock that is stolen', beside('steal', 100))
rejects('T5', 'a lock that is granted twice', beside('wait', 100))

const asking = (): MachineWriter => cells().begins('a', 1, 'read', ['k'])
const atRest = (writer: MachineWriter): TraceWriter => {
  for (const p of all) writer.settle('join:', 'ok', p).settle('join:cells', 'ok', p)
  return writer.quiet(all).end()
}
accepts('L9', 'a call that ends', atRest(asking().ends('a', 1, [0, null])))
rejects('L9', 'a call that never ends', atRest(asking()))
rejects(
  'L9',
  'a call that ends late',
  asking()
    .quiet(all)
    .wait(1_500)
    .write({ e: 'return', t: 9_000, p: 'a', id: 1, ok: true } as TraceLine)
    .end(),
)

interface Turn {
  /** How long after the quiet line the cast in another group is sent that it waits for, in ms. */
  readonly after: number
  /** How often the call is cast by then. */
  readonly tries?: number
  /** How long after its cast is settled the call ends. */
  readonly ends?: number
}

/** The cast that carries a's call waits for the number of one in another group. */
function inTurn({ after, tries = 1, ends = 1 }: Turn): TraceWriter {
  const writer = asking().open('other', all, options).view('other', '1.a.1', all)
  const made = (m: string, g: string): TraceLine => ({ e: 'cast', t: writer.t, p: 'a', m, g, seen: '1.a.1' })
  writer.write(made('a#1', 'other')).quiet(all)
  for (let n = 2; n <= tries + 1; n += 1) {
    const about = { obj: 'cells', id: 1, call: [0, 1], body: ['read', 'k'] } as const
    writer.write(made(`a#${n}`, 'cells'), { e: 'ask', t: writer.t, p: 'a', ...about, m: `a#${n}` })
    if (n <= tries) writer.settle(`a#${n}`, 'refused')
  }
  const last = `a#${tries + 1}`
  writer.wait(after).send('a#1', 'other').wait(100).send(last, 'cells').wait(100).settle(last, 'delivered')
  return writer.wait(ends).ends('a', 1, [0, null]).wait(3_000).end()
}

tolerates('L9', 'a call whose cast waits for its turn', inTurn({ after: 1_500 }))
tolerates('L9', 'a call that ends in time after its cast has had its turn', inTurn({ after: 1_500, ends: 900 }))
rejects('L9', 'a call that ends too late after its cast has had its turn', inTurn({ after: 1_500, ends: 1_100 }))
tolerates('L9', 'a call whose cast has its turn just in time', inTurn({ after: 850, ends: 900 }))
rejects('L9', 'a call whose cast has its turn just in time, and which ends late', inTurn({ after: 850, ends: 1_100 }))
rejects('L9', 'a call whose cast was settled in time', inTurn({ after: 500, ends: 1_100 }))
rejects('L9', 'a call that is cast over and over', inTurn({ after: 1_500, tries: 4 }))

/** b waits for a thing that passes from hand to hand, so long after the quiet line each, and gets it in the end. */
function inLine(...passes: readonly number[]): TraceWriter {
  const writer = loans().begins('b', 1, 'borrow', ['t']).quiet(all)
  const quiet = writer.t
  for (const [i, at] of passes.entries())
    writer.write({ e: 'grant', t: quiet + at, p: 'a', lock: 'loans/t', token: token(i + 1), mode: 'shared' })
  const last = passes.at(-1) ?? 0
  writer.write({ e: 'return', t: quiet + last, p: 'b', id: 1, ok: true, value: null })
  return writer.wait(last + 3_000).end()
}

tolerates('L9', 'a call that stands in line while what it waits for passes on', inLine(900, 1_800, 2_700))
rejects('L9', 'a call that stands in line while what it waits for does not pass on', inLine(900, 1_000, 2_100))

/** a vanishes with the thing, and b gets it when a's lease has run out, so long after the view without a. */
function afterLease(viewMs: number, ms: number, answers: TraceDeed['answers'] = granted): TraceWriter {
  const writer = lent().begins('b', 1, 'borrow', ['t'])
  writer.crash('a').quiet(['b', 'c']).wait(viewMs)
  writer.view('', '2.b', ['b', 'c']).view('loans', '2.b.1', ['b', 'c']).wait(ms)
  const fields = { by: 'b', at: ['2.b.1', 1], op: 'expire', whom: ['a'], since: '2.b.1' } as const
  for (const p of ['b', 'c']) writer.exec(p, 'h5', fields, [{ do: 'release', by: 'a', answers }])
  return writer.ends('b', 1, null).wait(3_000).end()
}
tolerates('L9', 'a call that waits for the lease of one who has vanished', afterLease(500, 900))
rejects('L9', 'a call that waits for longer than that', afterLease(500, 1_100))
rejects('L9', 'a call where nothing was waited for', afterLease(500, 900, []))
