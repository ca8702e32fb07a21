/** T11, on traces of two devices: `a` and `b`, then all is gone, and `c` comes back where `a` was, `d` where `b` was. */
import assert from 'node:assert/strict'
import type { GroupLine, HoldsLine, TraceElements } from '../../../lib/testing/trace.ts'
import { accepts, rejects, TraceWriter, tolerates } from './builder.ts'

const STORES: Readonly<Record<string, string>> = {
  a: 'one',
  b: 'two',
  c: 'one',
  d: 'two',
  e: 'three',
  h: 'two',
  i: 'four',
  j: 'three',
  k: 'one',
}
const MAP: Partial<GroupLine> = { order: 'causal', state: true }
const BOOK: Partial<GroupLine> = { order: 'total', uniform: true, consistency: 'consistent', state: true }

class KeptWriter extends TraceWriter {
  #syncs = 0

  /** Processes start on their devices, and open the object. */
  come(ids: readonly string[], options: Partial<GroupLine>): this {
    return this.comeUp(ids).open('g', ids, options)
  }

  /** They start on their devices. */
  comeUp(ids: readonly string[]): this {
    for (const p of ids) {
      this.write({ e: 'start', t: this.t, p, site: `s-${STORES[p]}`, origin: '', store: STORES[p] ?? '' })
      this.write({ e: 'join', t: this.t, p, g: '' })
    }
    return this
  }

  /** They are together in a view of the space and of the object. */
  together(n: number, ids: readonly string[], line = n > 8 ? 'M' : 'L'): this {
    const id = `${n}.${ids[0]}`
    return this.view('', id, ids, { line }).view('g', `${id}.1`, ids, { line })
  }

  put(p: string, k: number, seen: TraceElements = {}, acts = true): this {
    return this.write({ e: 'put', t: this.t, p, g: 'g', k, seen, acts })
  }

  holds(p: string, has: TraceElements, more: Partial<HoldsLine> = {}): this {
    return this.write({ e: 'holds', t: this.t, p, g: 'g', has, acts: true, ...more })
  }

  /** It asks whether this is durable, and is told. */
  durable(p: string, has: TraceElements, ok = true): this {
    this.#syncs += 1
    const id = this.#syncs
    this.write({ e: 'sync', t: this.t, p, id, holds: { g: has } })
    return this.write({ e: 'durable', t: this.t, p, id, ok, ...(ok ? {} : { reason: 'quota' }) })
  }

  asks(p: string): this {
    return this.write({ e: 'sync', t: this.t, p, id: 99, holds: {} })
  }

  lose(q: string): this {
    return this.write({ e: 'lose', t: this.t, q })
  }

  /** All of them crash. */
  gone(...ids: readonly string[]): this {
    for (const q of ids) this.crash(q).write({ e: 'gone', t: this.t, q })
    return this.wait(500)
  }

  refound(p: string, ...missing: readonly string[]): this {
    return this.wait(10_000).write({ e: 'refound', t: this.t, p, missing: { g: missing } })
  }

  lineLost(p: string, line: string): this {
    return this.write({ e: 'lineLost', t: this.t, p, line })
  }
}

/** Both have put two elements each, and `a` was told that three of them are durable, `b` that four are. */
const before = (options: Partial<GroupLine>, writer: KeptWriter = new KeptWriter()): KeptWriter =>
  writer
    .come(['a', 'b'], options)
    .together(1, ['a', 'b'])
    .put('a', 1)
    .put('b', 1, { a: 1 })
    .put('a', 2, { a: 1, b: 1 })
    .durable('a', { a: 2, b: 1 })
    .put('b', 2, { a: 2, b: 1 })
    .durable('b', { a: 2, b: 2 })

const alone = (has: TraceElements, more: Partial<HoldsLine> = {}): KeptWriter =>
  before(MAP).gone('a', 'b').come(['c'], MAP).together(9, ['c']).holds('c', has, more)

accepts('T11', 'a device that comes back with what was durable there', alone({ a: 2, b: 1 }))
accepts('T11', 'one that comes back with more', alone({ a: 2, b: 2 }))
rejects('T11', 'one that comes back without', alone({ a: 1, b: 1 }))
rejects('T11', 'what nobody has put there', alone({ a: 3, b: 1 }))
rejects('T11', 'an element that is there twice', alone({ a: 2, b: 1 }, { twice: ['a.1'] }))
rejects('T11', 'an element without the one before it', alone({ a: 2, b: 1 }, { more: ['b.3'] }))
rejects(
  'T11',
  'an element without what its process had seen',
  new KeptWriter()
    .come(['a', 'b'], MAP)
    .together(1, ['a', 'b'])
    .put('a', 1)
    .put('b', 1, { a: 1 })
    .gone('a', 'b')
    .come(['d'], MAP)
    .together(9, ['d'])
    .holds('d', { b: 1 }),
)
/** `d` awaits the state of `e`, who puts something into the object meanwhile, and goes on alone with what was cast to it. */
const cutOff = (isCast: boolean): KeptWriter => {
  const writer = new KeptWriter().come(['d', 'e'], MAP).together(1, ['e']).put('e', 1).together(2, ['e', 'd'])
  writer.cast('e#1', 'g').put('e', 2, { e: 1 })
  if (isCast) writer.deliver('d', 'g', 'e#1')
  return writer.together(9, ['d']).holds('d', {}, { more: ['e.2'] })
}
tolerates('T11', 'an element without the one before it that was cast to whoever awaited the rest', cutOff(true))
rejects('T11', 'one that was not cast to it', cutOff(false))
tolerates('T11', 'what was not said to be durable, and is lost', alone({ a: 2, b: 1 }))
tolerates(
  'T11',
  'what was said not to be durable, and is lost',
  new KeptWriter().come(['a'], MAP).together(1, ['a']).put('a', 1).durable('a', {}, false).gone('a').come(['c'], MAP),
)
tolerates(
  'T11',
  'what was lost with its store',
  before(MAP).gone('a', 'b').lose('a').come(['c'], MAP).together(9, ['c']).holds('c', {}),
)
tolerates(
  'T11',
  'one whose store somebody else has open, who may have taken that over',
  before(MAP)
    .gone('a')
    .come(['c'], MAP)
    .write({ e: 'start', t: 2_000, p: 'f', site: 's-f', origin: '', store: 'one' })
    .open('g', ['f'], MAP)
    .together(9, ['c'])
    .holds('c', { a: 2, b: 1 })
    .view('', '9.f', ['f'])
    .view('g', '9.f.1', ['f'])
    .write({ e: 'holds', t: 2_001, p: 'f', g: 'g', has: {}, acts: true }),
)
/** `f` of the same store starts before `c` has read what is there, or after that. */
const beside = (isBefore: boolean): KeptWriter => {
  const writer = before(MAP).gone('a').comeUp(['c'])
  const start = { e: 'start', t: writer.t, p: 'f', site: 's-f', origin: '', store: 'one' } as const
  const [opens, joins] = new TraceWriter().open('g', ['c'], MAP).lines.slice(1)
  assert.ok(opens !== undefined && joins !== undefined)
  const lines = isBefore ? [opens, start, joins] : [opens, joins, start]
  return writer
    .write(...lines)
    .together(9, ['c'])
    .holds('c', {})
}
tolerates('T11', 'one before which somebody has taken over what it was about to read', beside(true))
rejects('T11', 'one that has read what is there before anybody else could', beside(false))
/** `c` is told that what was stored has changed; what was torn is of a process on that device. */
const broken = (torn: string): KeptWriter => {
  const writer = before(MAP).gone('a', 'b')
  writer.write({ e: 'torn', t: writer.t, q: torn }).come(['c'], MAP)
  return writer.write({ e: 'storage', t: writer.t, p: 'c', g: 'g', reason: 'corrupt' }).together(9, ['c'])
}
accepts(
  'T11',
  'somebody who is told that a record has changed, where one was torn',
  broken('a').holds('c', { a: 2, b: 1 }),
)
rejects('T11', 'somebody who is told that where none was torn', broken('b').holds('c', { a: 2, b: 1 }))
rejects('T11', 'an object that loses what it has shown', alone({ a: 2, b: 2 }).holds('c', { a: 2, b: 1 }))

const book = (): KeptWriter => before(BOOK).gone('a', 'b')

accepts(
  'T11',
  'a group that goes on from the furthest state',
  book()
    .come(['c', 'd'], BOOK)
    .together(9, ['c', 'd'])
    .holds('c', {}, { acts: false, waits: [] })
    .holds('c', { a: 2, b: 2 }),
)
rejects(
  'T11',
  'a group that goes on from another one',
  book().come(['c', 'd'], BOOK).together(9, ['c', 'd']).holds('c', { a: 2, b: 1 }),
)
rejects(
  'T11',
  'a group that does not wait for who is missing',
  book().come(['c'], BOOK).together(9, ['c']).holds('c', { a: 2, b: 1 }),
)
rejects(
  'T11',
  'somebody who puts something into it meanwhile',
  book().come(['c'], BOOK).together(9, ['c']).put('c', 1, { a: 2, b: 1 }),
)
accepts(
  'T11',
  'one that goes on without, as somebody wants it who was told',
  book().come(['c'], BOOK).together(9, ['c']).refound('c', 'b').holds('c', { a: 2, b: 1 }),
)
rejects(
  'T11',
  'one that goes on without, and without what is there',
  book().come(['c'], BOOK).together(9, ['c']).refound('c', 'b').holds('c', { a: 1 }),
)
rejects(
  'T11',
  'somebody who is told that nobody is missing',
  book().come(['c'], BOOK).together(9, ['c']).refound('c').holds('c', { a: 2, b: 1 }),
)
rejects(
  'T11',
  'somebody who is told that one is missing whose store is there',
  book().come(['c', 'd'], BOOK).together(9, ['c', 'd']).refound('c', 'b').holds('c', { a: 2, b: 2 }),
)
tolerates(
  'T11',
  'a device that knows of no past, and acts before the others are back',
  book().come(['e'], BOOK).together(9, ['e']).put('e', 1).holds('e', { e: 1 }),
)
rejects(
  'T11',
  'a device that acts on nothing, though something was durable there',
  book().come(['c'], BOOK).together(9, ['c']).holds('c', {}),
)
/** `c` starts on the device of `a`, whose store is lost before it has read it, or after that. */
const foundNothing = (when: 'before' | 'after'): KeptWriter => {
  const writer = book().comeUp(['c'])
  if (when === 'before') writer.lose('a').open('g', ['c'], BOOK)
  else writer.open('g', ['c'], BOOK).lose('a')
  return writer.together(9, ['c']).put('c', 1).holds('c', { c: 1 })
}
tolerates('T11', 'a device that acts on nothing, whose store was lost before it had read it', foundNothing('before'))
rejects('T11', 'one whose store was lost after that', foundNothing('after'))
tolerates(
  'T11',
  'what was durable in a line that was lost to another',
  new KeptWriter()
    .come(['a', 'b'], BOOK)
    .together(1, ['a'], 'K')
    .put('a', 1)
    .durable('a', { a: 1 })
    .together(2, ['b'], 'L')
    .lineLost('a', 'K')
    .come(['e'], BOOK)
    .together(3, ['b', 'e'])
    .holds('e', {}),
)
/** `a` meets the line in which what was durable to `b` has come back; its own is lost, and it asks once more. */
const shownStill = (state: (writer: KeptWriter) => KeptWriter): KeptWriter =>
  state(
    new KeptWriter()
      .come(['a', 'b'], BOOK)
      .together(1, ['a'], 'K')
      .put('a', 1)
      .together(2, ['b'], 'L')
      .put('b', 1)
      .durable('b', { b: 1 })
      .gone('b')
      .come(['d'], BOOK)
      .together(9, ['d'])
      .holds('d', { b: 1 })
      .lineLost('a', 'K')
      .together(10, ['d', 'a']),
  )
    .durable('a', { a: 1 })
    .come(['e'], BOOK)
    .together(11, ['d', 'a', 'e'])
    .holds('e', { b: 1 })

tolerates(
  'T11',
  'what an object shows of a line that was lost, until the state of the other one comes',
  shownStill((writer) => writer),
)
rejects(
  'T11',
  'what it shows after that',
  shownStill((writer) =>
    writer.write({ e: 'stateIn', t: writer.t, p: 'a', g: 'g', from: 'd', view: '10.d.1', cut: {}, h: '' }),
  ),
)

/** `c` gives up `b`, who goes on in the line of before, and is told that something more is durable. */
const givenUp = (): KeptWriter =>
  before(BOOK)
    .gone('a')
    .come(['c'], BOOK)
    .together(9, ['c'])
    .refound('c', 'b')
    .holds('c', { a: 2, b: 1 })
    .put('b', 3, { a: 2, b: 2 })
    .durable('b', { a: 2, b: 3 })
    .gone('b')

tolerates(
  'T11',
  'what was durable to somebody who had been given up by then',
  givenUp().come(['e'], BOOK).together(10, ['c', 'e']).holds('e', { a: 2, b: 1 }),
)
const comesBack = (): KeptWriter => givenUp().come(['d'], BOOK).together(10, ['c', 'd']).holds('d', { a: 2, b: 1 })
rejects('T11', 'somebody who comes back with that, and is told nothing', comesBack())
tolerates(
  'T11',
  'somebody who comes back with that, and is told',
  comesBack().write({ e: 'storage', t: 99_000, p: 'd', g: 'g', reason: 'overtaken' }),
)

/**
 * `c` gives up `b`, of whose store `h` is in a line of its own, and is told that something more is durable. Then others come to
 * that one; `k` is of the store of `c`.
 */
const notMet = (come: readonly string[], more: (writer: KeptWriter) => KeptWriter = (writer) => writer): KeptWriter => {
  const writer = before(BOOK)
    .gone('a', 'b')
    .come(['c', 'h'], BOOK)
    .together(9, ['c'])
    .together(10, ['h'], 'K')
    .refound('c', 'b')
    .holds('c', { a: 2, b: 1 })
    .holds('h', { a: 2, b: 2 })
    .put('c', 1, { a: 2, b: 1 })
    .durable('c', { a: 2, b: 1, c: 1 })
  return more(writer)
    .come(['e', 'k'], BOOK)
    .together(11, ['h', ...come], 'K')
    .holds('e', { a: 2, b: 2 })
}
const gone = (writer: KeptWriter): KeptWriter => writer.gone('c')
tolerates('T11', 'one of those who were given up, in a line that has not met the other', notMet(['e']))
tolerates('T11', 'one that comes to it at a device of the other, whose process lives', notMet(['e', 'k']))
rejects('T11', 'one who has met whoever was told that it is durable', notMet(['e', 'c']))
rejects('T11', 'one that comes at a device of the other, whose process is gone', notMet(['e', 'k'], gone))
tolerates(
  'T11',
  'one that comes there, and is told',
  notMet(['e', 'k'], gone).write({ e: 'storage', t: 99_000, p: 'k', g: 'g', reason: 'overtaken' }),
)

/** `e` has a line of its own meanwhile, begins with nothing or with what `a` had, and comes back with all others as `j`. */
const apart = (has: TraceElements): KeptWriter =>
  before(BOOK, new KeptWriter().come(['e'], BOOK).together(2, ['e'], 'K'))
    .put('e', 1)
    .durable('e', { ...has, e: 1 })
    .gone('a', 'b', 'e')
    .come(['c', 'd', 'j'], BOOK)
    .together(9, ['c', 'd', 'j'])
    .holds('c', { a: 2, b: 2 })
const overtaken = (writer: KeptWriter): KeptWriter =>
  writer.write({ e: 'storage', t: writer.t, p: 'j', g: 'g', reason: 'overtaken' })
tolerates('T11', 'what was durable of a history that has nothing to do with the one that goes on', overtaken(apart({})))
rejects('T11', 'what was durable of another history, of which nobody is told', apart({}))
rejects('T11', 'what was durable of a history that has something of the one that goes on', overtaken(apart({ a: 1 })))

/** `c` gives up `b`; somebody who is in none of their lines then goes on from what `a` had, and is told that it is durable. */
const aside = (p: 'h' | 'i'): KeptWriter =>
  before(BOOK, new KeptWriter().come([p], BOOK).together(2, [p], 'K'))
    .gone('a', 'b')
    .come(['c'], BOOK)
    .together(9, ['c'])
    .refound('c', 'b')
    .holds('c', { a: 2, b: 1 })
    .put(p, 1)
    .durable(p, { a: 1, [p]: 1 })
    .gone(p)
    .come(['e'], BOOK)
    .together(10, ['c', 'e'])
    .holds('e', { a: 2, b: 1 })
tolerates('T11', 'what was durable apart to a page whose store is that of one who had been given up', aside('h'))
rejects('T11', 'what was durable apart to a page of a store that nobody had given up', aside('i'))

/** The last who had the object open in their line has crashed, and others have it open there: it does not act. */
const forsaken = (named: string): KeptWriter =>
  book()
    .come(['c', 'd'], BOOK)
    .view('', '9.c', ['c', 'd'], { line: 'M' })
    .view('g', '9.c.1', ['d'], { line: 'M' })
    .gone('d')
    .come(['h'], BOOK)
    .view('', '10.c', ['c', 'h'], { line: 'M' })
    .view('g', '10.c.1', ['c', 'h'], { line: 'M', primary: false })
    .refound('c', named)
accepts('T11', 'one whom its line waits for, though its store is there', forsaken('d'))
rejects('T11', 'another one who is named there', forsaken('b'))

const sharing = (): KeptWriter => before(BOOK).gone('b').come(['c'], BOOK)
accepts(
  'T11',
  'a page of the same store that lives, and is somewhere else',
  sharing().together(9, ['c']).refound('c', 'a'),
)
rejects(
  'T11',
  'a page of the same store that is named and is there',
  sharing().together(9, ['c', 'a']).refound('c', 'a'),
)
/** `c` opens the object on the device of `a`, whose store is lost before it has read it, or after that; `a` is named. */
const named = (when: 'before' | 'after'): KeptWriter => {
  const writer = before(BOOK).gone('a', 'b').comeUp(['c'])
  const open = { ...{ e: 'group', t: writer.t, p: 'c', g: 'g', uniform: true, state: true }, ...BOOK } as GroupLine
  writer.write(open)
  if (when === 'before') writer.lose('a')
  writer.write({ e: 'join', t: writer.t, p: 'c', g: 'g' })
  if (when === 'after') writer.lose('a')
  return writer.together(9, ['c']).refound('c', 'a')
}
accepts('T11', 'one who is named, and whose store was lost before it was read', named('before'))
rejects('T11', 'one who is named, and whose store was lost after that', named('after'))
rejects(
  'T11',
  'a group that waits at rest',
  book()
    .come(['c'], BOOK)
    .together(9, ['c'])
    .quiet(['c'])
    .holds('c', {}, { acts: false, waits: ['b'] })
    .end(),
)
rejects('T11', 'a question whether all is durable that is not answered', before(MAP).quiet(['a', 'b']).asks('a').end())
