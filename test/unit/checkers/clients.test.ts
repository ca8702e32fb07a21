/** T15 on hand-written traces: what it sees, and what it lets pass. */
import type { HeardLine, TraceLine } from '../../../lib/testing/trace.ts'
import { accepts, rejects, TraceWriter, tolerates } from './builder.ts'

const members = ['a', 'b']
const causal = { order: 'causal', uniform: false, consistency: 'available', state: true } as const
const total = { ...causal, order: 'total' } as const

type Told = Partial<Omit<HeardLine, 'e' | 'p' | 't' | 'obj'>>

/** A group `g` of `a` and `b`, and a client `x`. */
class ClientWriter extends TraceWriter {
  #view = '1.a.1'

  constructor(options: typeof causal | typeof total = causal) {
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
const unheard = new ClientWriter().made(1, 1)
rejects(
  'T15',
  'a cast that all are said to hold before anybody is told',
  unheard
    .write({ e: 'invoke', t: unheard.t, p: 'x', id: 1, obj: 'g', f: 'castAsClient', args: [1] })
    .write({ e: 'return', t: unheard.t, p: 'x', id: 1, ok: true, value: 1 })
    .hears(members, 1),
)
