/** T15 on hand-written traces: what it sees, and what it lets pass. */
import type { GroupLine, HeardLine, TraceLine } from '../../../lib/testing/trace.ts'
import { accepts, rejects, TraceWriter, tolerates } from './builder.ts'

const members = ['a', 'b']
const causal = { order: 'causal', uniform: false, consistency: 'available', state: true } as const
const total = { ...causal, order: 'total' } as const

type Told = Partial<Omit<HeardLine, 'e' | 'p' | 't' | 'obj'>>

/** A group `g` of `a` and `b`, and a client `x`. */
class ClientWriter extends TraceWriter {
  #view = '1.a.1'

  constructor(options: Partial<GroupLine> = causal) {
    super()
    const all = [...members, 'x']
    this.start(all).view('', '1.a', all).open('g', members, options).view('g', '1.a.1', members)
    for (const p of members) this.told('heard', p, { k: 'begin' }).told('heard', p, { k: 'view', view: '1.a.1' })
    this.told('fed', 'x', { k: 'begin' }).told('fed', 'x', { k: 'view', view: '1.a.1', sponsor: 'a' })
  }

  told(e: 'heard' | 'fed', p: string, fields: Told): this {
    return this.write({ e, t: this.t, p, obj: 'g', k: 'cast', ...fields } as TraceLine)
  }

  made(n: number, value: number): this {
    return this.write({ e: 'made', t: this.t, p: 'x', obj: 'g', n, value })
  }

  /** All of these are told a cast of the client. */
  hears(ps: readonly string[], n: number, fields: Told = {}): this {
    const cast = { from: 'x', n, via: 'a', value: n, view: this.#view, ...fields }
    for (const p of ps) this.told(p === 'x' ? 'fed' : 'heard', p, p === 'x' ? { sponsor: 'a', ...cast } : cast)
    return this
  }

  /** All of these are told one of a member. */
  hearsOf(ps: readonly string[], from: string, n: number): this {
    return this.hears(ps, n, { from, via: null, value: 100 + n })
  }

  /** All go on to a next view. */
  goesOn(ps: readonly string[] = ['a', 'b', 'x'], sponsor = 'a'): this {
    this.#view = '1.a.2'
    this.view('g', '1.a.2', members)
    for (const p of ps) {
      const view = { k: 'view', view: '1.a.2' } as const
      this.told(p === 'x' ? 'fed' : 'heard', p, p === 'x' ? { ...view, sponsor } : view)
    }
    return this
  }
}

const all = ['a', 'b', 'x']

accepts(
  'T15',
  'casts told once, in order',
  new ClientWriter().made(1, 1).made(2, 2).hears(all, 1).hears(all, 2).goesOn(),
)
rejects('T15', 'a cast that nobody made', new ClientWriter().hears(all, 1))
rejects('T15', 'a cast of another value', new ClientWriter().made(1, 1).hears(['a'], 1, { value: 2 }))
rejects('T15', 'a cast told twice', new ClientWriter().made(1, 1).hears(['a'], 1).hears(['a'], 1))
rejects('T15', 'casts out of order', new ClientWriter().made(1, 1).made(2, 2).hears(['a'], 2).hears(['a'], 1))
rejects(
  'T15',
  'a hole',
  new ClientWriter().made(1, 1).made(2, 2).made(3, 3).hears(['a'], 1).hears(['a'], 3).hears(['b'], 1).hears(['b'], 2),
)
const failing = new ClientWriter().made(1, 1).hears(['a'], 1).made(2, 2)
tolerates(
  'T15',
  'a hole where a cast failed',
  failing
    .write({ e: 'invoke', t: failing.t, p: 'x', id: 1, obj: 'g', f: 'castAsClient', args: [2] })
    .write({ e: 'return', t: failing.t, p: 'x', id: 1, ok: false, value: 'view-changed' })
    .made(3, 3)
    .hears(['a'], 3),
)
rejects(
  'T15',
  'members that move together and are told other casts',
  new ClientWriter().made(1, 1).hears(['a'], 1).goesOn(),
)
rejects(
  'T15',
  'members that are told in another order in a total group',
  new ClientWriter(total)
    .made(1, 1)
    .hears(['a'], 1)
    .write({ e: 'made', t: 50, p: 'b', obj: 'g', n: 1, value: 7 })
    .hears(['a', 'b'], 1, { from: 'b', value: 7 })
    .hears(['b'], 1)
    .goesOn(members),
)
rejects(
  'T15',
  'a cast that is told before what its client was told when it made it',
  new ClientWriter().hearsOf(['a', 'x'], 'a', 1).made(1, 1).hears(['b'], 1).hearsOf(['b'], 'a', 1),
)
rejects(
  'T15',
  'a feed that leaves out what its sponsor was told',
  new ClientWriter()
    .hearsOf(all, 'a', 1)
    .goesOn(all)
    .hearsOf(members, 'a', 2)
    .view('g', '1.a.3', members)
    .told('heard', 'a', { k: 'view', view: '1.a.3' })
    .told('fed', 'x', { k: 'view', view: '1.a.3', sponsor: 'a' }),
)
tolerates(
  'T15',
  'the same with a gap',
  new ClientWriter()
    .hearsOf(all, 'a', 1)
    .goesOn(all)
    .hearsOf(members, 'a', 2)
    .view('g', '1.a.3', members)
    .told('heard', 'a', { k: 'view', view: '1.a.3' })
    .told('fed', 'x', { k: 'gap', sponsor: 'a' })
    .told('fed', 'x', { k: 'view', view: '1.a.3', sponsor: 'a' }),
)
/** Two casts of x fall in a gap of its feed, but for what it is told; then those who are left have neither, and it casts the first again. */
const behindGap = (told: readonly number[]): ClientWriter => {
  const writer = new ClientWriter().made(1, 1).made(2, 2).hears(['b'], 1).hears(['b'], 2)
  writer.told('fed', 'x', { k: 'gap', sponsor: 'a' })
  for (const n of told) writer.hears(['x'], n)
  writer.hearsOf(['a', 'x'], 'a', 1)
  return writer
    .goesOn(['a', 'x'])
    .hears(['a'], 1)
    .view('g', '1.a.3', ['a'])
    .told('heard', 'a', { k: 'view', view: '1.a.3' })
    .told('fed', 'x', { k: 'view', view: '1.a.3', sponsor: 'a' })
}
tolerates('T15', 'what fell in a gap, and comes again behind what the client was told since', behindGap([2]))
rejects('T15', 'the same where the client was told nothing since', behindGap([]))
const unheard = new ClientWriter().made(1, 1)
rejects(
  'T15',
  'a cast that all are said to hold before anybody is told',
  unheard
    .write({ e: 'invoke', t: unheard.t, p: 'x', id: 1, obj: 'g', f: 'castAsClient', args: [1] })
    .write({ e: 'return', t: unheard.t, p: 'x', id: 1, ok: true, value: 1 })
    .hears(members, 1),
)

/** All are said to hold a cast of client x that these are told, a before that; then that, and rest. */
const heldBy = (given: readonly string[], then: (writer: ClientWriter) => unknown = () => undefined): ClientWriter => {
  const writer = new ClientWriter({ ...total, consistency: 'consistent' }).made(1, 1)
  writer
    .write({ e: 'invoke', t: writer.t, p: 'x', id: 1, obj: 'g', f: 'castAsClient', args: [1] })
    .hears(given, 1)
    .write({ e: 'return', t: writer.t, p: 'x', id: 1, ok: true, value: 1 })
  then(writer)
  return writer.quiet(all).wait(5_000).end()
}
const replaced = { k: 'state', replaced: true } as const
tolerates('T15', 'a cast that all hold of a consistent group, and are told', heldBy(members))
rejects('T15', 'a cast that all are said to hold, and one that goes on is never told', heldBy(['a']))
tolerates(
  'T15',
  'a cast that all hold and one is never told, whose state is replaced by one that may have it',
  heldBy(['a'], (writer) => writer.told('heard', 'b', replaced)),
)
tolerates(
  'T15',
  'a cast that all hold and one is never told, where somebody gave up what others have',
  heldBy(['a'], (writer) => writer.write({ e: 'refound', t: writer.t, p: 'b' } as unknown as TraceLine)),
)

/** Client x asks all of the group, and these are given that; each answers who it is, and for what. */
const asked = (
  given: readonly string[],
  wanted: string | number = 'all',
  before: ClientWriter = new ClientWriter(),
): ClientWriter => {
  const writer = before.made(1, 1)
  return writer
    .write({ e: 'invoke', t: writer.t, p: 'x', id: 1, obj: 'g', f: 'askAsClient', args: [1, wanted] })
    .hears(given, 1, { k: 'ask' })
}
type Answer = readonly [member: string, status: string, value: unknown]
const replyOf = (member: string): Answer => [member, 'reply', [member, 1]]
const came = (writer: ClientWriter, answers: readonly Answer[], view = '1.a.1'): ClientWriter =>
  writer.write({ e: 'return', t: writer.t, p: 'x', id: 1, ok: true, value: [view, answers] } as TraceLine)
const both = [replyOf('a'), replyOf('b')]
const unseen = ['b', 'failed', 'SkippedError'] as const
const gone = ['b', 'left', null] as const

accepts('T8', 'a request of a client that all reply to', came(asked(members), both))
rejects('T8', 'a request of a client that one is given twice', asked(members).hears(['a'], 1, { k: 'ask' }))
rejects('T8', 'a request of a client that is complete without one of its view', came(asked(members), [replyOf('a')]))
rejects('T8', 'a reply to a client of one that was not given its request', came(asked(['a']), both))
rejects('T8', "another's reply", came(asked(members), [replyOf('a'), ['b', 'reply', ['a', 1]]]))
accepts('T8', 'a request of a client that one never saw', came(asked(['a']), [replyOf('a'), unseen]))
rejects(
  'T8',
  'a request that one is said not to have seen, and was given',
  came(asked(members), [replyOf('a'), unseen]),
)
rejects('T8', 'one who is said to have left, and is there', came(asked(['a']), [replyOf('a'), gone]))
accepts('T8', 'one who left', came(asked(['a']).leave('g', 'b'), [replyOf('a'), gone]))
/** One that has asked to leave, before the request was made. */
const leaving = new ClientWriter().leave('g', 'b')
accepts('T8', 'one who was about to leave', came(asked(['a'], 'all', leaving), [replyOf('a'), gone]))
const back = new ClientWriter().leave('g', 'b').join('g', 'b')
rejects('T8', 'one who had left before, and is back', came(asked(['a'], 'all', back), [replyOf('a'), gone]))
rejects('T8', 'fewer replies than were asked for', came(asked(['a'], 2), [replyOf('a'), ['b', 'pending', null]]))
accepts('T8', 'as many replies as were asked for', came(asked(['a'], 1), [replyOf('a'), ['b', 'pending', null]]))
rejects(
  'T8',
  'a request of a client in a view in which nobody was given it',
  came(asked(members).goesOn(), both, '1.a.2'),
)
/** Both were given it, and then come to a view with another state: the request comes again there, and is not carried out again. */
const givenAnew = (): ClientWriter => {
  const writer = asked(members)
  const state = { e: 'stateIn', t: writer.t, p: 'a', g: 'g', view: '1.a.2', transfer: 1, h: 'h', cut: {} }
  return writer.goesOn().write(state as unknown as TraceLine)
}
tolerates('T8', 'a request of a client that comes again to one with another state', came(givenAnew(), both, '1.a.2'))
