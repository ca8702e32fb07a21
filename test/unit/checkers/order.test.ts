import { accepts, rejects, TraceWriter, tolerates, trio } from './builder.ts'

const all = ['a', 'b', 'c']
const total = { order: 'total' } as const
const uniform = { order: 'total', uniform: true } as const
const causal = { order: 'causal' } as const

const twoOfA = (): TraceWriter => trio().cast('a#1', 'g').cast('a#2', 'g')
accepts('O1', "a sender's order", twoOfA().deliverAll(all, 'g', 'a#1', 'a#2'))
rejects('O1', 'an inversion', twoOfA().deliver('b', 'g', 'a#2', 'a#1'))

rejects(
  'O1',
  'an order that is not that of the casts',
  trio().cast('a#2', 'g').cast('a#1', 'g').deliver('b', 'g', 'a#2', 'a#1'),
)

accepts('O2', 'everything before', twoOfA().deliverAll(all, 'g', 'a#1', 'a#2'))
rejects('O2', 'a gap', twoOfA().deliver('b', 'g', 'a#2'))
tolerates(
  'O2',
  'a cast of an earlier view, which a newcomer does not get',
  trio()
    .cast('a#1', 'g')
    .deliverAll(all, 'g', 'a#1')
    .start(['d'])
    .open('g', ['d'])
    .view('', '2.a', [...all, 'd'])
    .view('g', '2.a.1', [...all, 'd'])
    .cast('a#2', 'g')
    .deliver('d', 'g', 'a#2'),
)

/** a casts; b delivers it and answers. */
const answer = (): TraceWriter =>
  trio(causal).cast('a#1', 'g').deliverAll(['a', 'b'], 'g', 'a#1').cast('b#1', 'g').deliverAll(['a', 'b'], 'g', 'b#1')
accepts('O3', 'a cast before its answer', answer().deliver('c', 'g', 'a#1', 'b#1'))
rejects('O3', 'an answer before its cast', answer().deliver('c', 'g', 'b#1', 'a#1'))
/** The same across groups: the cast is fifo in k, the answer causal in g. */
const across = (): TraceWriter =>
  trio(causal)
    .open('k', all)
    .view('k', '1.a.1', all)
    .cast('a#1', 'k')
    .deliverAll(['a', 'b'], 'k', 'a#1')
    .cast('b#1', 'g')
    .deliverAll(['a', 'b'], 'g', 'b#1')
accepts('O3', 'a cast before its answer in another group', across().deliver('c', 'k', 'a#1').deliver('c', 'g', 'b#1'))
rejects('O3', 'an answer before its cast in another group', across().deliver('c', 'g', 'b#1').deliver('c', 'k', 'a#1'))
tolerates(
  'O3',
  'a fifo answer before its cast',
  trio().cast('a#1', 'g').deliver('b', 'g', 'a#1').cast('b#1', 'g').deliver('c', 'g', 'b#1', 'a#1'),
)
rejects(
  'O3',
  'an answer to an answer before the cast',
  trio(causal)
    .cast('a#1', 'g')
    .deliver('b', 'g', 'a#1')
    .cast('b#1', 'g')
    .deliver('c', 'g', 'b#1')
    .cast('c#1', 'g')
    .deliver('a', 'g', 'c#1', 'a#1'),
)

accepts('O4', 'a cast before its answer', answer().deliver('c', 'g', 'a#1', 'b#1'))
rejects('O4', 'an answer without its cast', answer().deliver('c', 'g', 'b#1'))
tolerates('O4', 'an answer without its cast of another group', across().deliver('c', 'g', 'b#1'))
/** As `across`, and the answer's group is strict. */
const strictly = (): TraceWriter =>
  trio({ strict: true })
    .open('k', all)
    .view('k', '1.a.1', all)
    .cast('a#1', 'k')
    .deliverAll(['a', 'b'], 'k', 'a#1')
    .cast('b#1', 'g')
accepts(
  'O4',
  'a strict answer after its cast of another group',
  strictly().deliver('c', 'k', 'a#1').deliver('c', 'g', 'b#1'),
)
rejects('O4', 'a strict answer without its cast of another group', strictly().deliver('c', 'g', 'b#1'))
rejects('O4', 'a strict answer before its cast', strictly().deliver('c', 'g', 'b#1').deliver('c', 'k', 'a#1'))
tolerates(
  'O4',
  'a strict answer at who was never to get its cast',
  strictly().view('k', '1.a.2', ['a', 'b']).leave('k', 'c').deliver('c', 'g', 'b#1'),
)

const both = (options: typeof total | typeof uniform): TraceWriter => trio(options).cast('a#1', 'g').cast('b#1', 'g')
accepts('O5', 'one order for all', both(uniform).deliverAll(all, 'g', 'a#1', 'b#1'))
rejects(
  'O5',
  'another order at one that crashed',
  both(uniform).deliverAll(['a', 'b'], 'g', 'a#1', 'b#1').deliver('c', 'g', 'b#1', 'a#1').crash('c'),
)
rejects(
  'O5',
  'orders that go round',
  both(uniform)
    .cast('c#1', 'g')
    .deliver('a', 'g', 'a#1', 'b#1')
    .deliver('b', 'g', 'b#1', 'c#1')
    .deliver('c', 'g', 'c#1', 'a#1'),
)
rejects(
  'O5',
  'another order of released casts after the transitional signal',
  both(uniform).deliver('a', 'g', 'a#1', 'b#1').trans('g', 'c').deliver('c', 'g', 'b#1', 'a#1'),
)
tolerates(
  'O5',
  'another order, after the transitional signal, of a cast that nobody released',
  both(uniform)
    .deliver('a', 'g', 'a#1')
    .trans('g', 'a')
    .deliver('a', 'g', 'b#1')
    .trans('g', 'c')
    .deliver('c', 'g', 'b#1', 'a#1'),
)
tolerates(
  'O5',
  'another order of casts that are not uniform',
  both(total).deliver('a', 'g', 'a#1', 'b#1').deliver('c', 'g', 'b#1', 'a#1'),
)

accepts(
  'O6',
  'one order of those who move together',
  both(total).deliverAll(all, 'g', 'b#1', 'a#1').view('g', '1.a.2', all),
)
rejects(
  'O6',
  'an inversion',
  both(total).deliverAll(['a', 'b'], 'g', 'b#1', 'a#1').deliver('c', 'g', 'a#1', 'b#1').view('g', '1.a.2', all),
)
rejects(
  'O6',
  'an inversion at rest',
  both(total).deliverAll(['a', 'b'], 'g', 'b#1', 'a#1').deliver('c', 'g', 'a#1', 'b#1').quiet(all).end(),
)
tolerates(
  'O6',
  'another order at one who parted',
  both(total)
    .deliverAll(['a', 'b'], 'g', 'b#1', 'a#1')
    .deliver('c', 'g', 'a#1', 'b#1')
    .view('', '2.a', ['a', 'b'])
    .view('g', '2.a.1', ['a', 'b'])
    .view('', '3.c', ['c'], { primary: false }),
)

/** k outlives the change of the space; c, who moved along, crashes before k has another view. */
const outlived = (...byC: readonly string[]): TraceWriter =>
  trio()
    .open('k', all, total)
    .view('k', '1.a.1', all)
    .cast('a#1', 'k')
    .cast('b#1', 'k')
    .deliverAll(['a', 'b'], 'k', 'a#1', 'b#1')
    .deliver('c', 'k', ...byC)
    .view('', '2.a', all)
    .crash('c')
accepts('O6', 'one order in a view that outlives that of the space', outlived('a#1', 'b#1'))
rejects('O6', 'an inversion before a change of the space that the view outlives', outlived('b#1', 'a#1'))

accepts('O7', 'equal sequences', both(total).deliverAll(all, 'g', 'b#1', 'a#1').view('g', '1.a.2', all))
rejects(
  'O7',
  'a gap',
  both(total).deliverAll(['a', 'b'], 'g', 'b#1', 'a#1').deliver('c', 'g', 'a#1').view('g', '1.a.2', all),
)

/** a and b are in two groups of a domain, and c in a third; a and c have cast. */
const inDomain = (domain = '@d'): TraceWriter =>
  trio({ ...total, domain })
    .open('k', ['a', 'b'], { ...total, domain: '@d' })
    .view('k', '1.a.1', ['a', 'b'])
    .cast('a#1', 'k')
    .cast('c#1', 'g')
accepts(
  'O9',
  'one order over two groups',
  inDomain().deliverAll(['a', 'b'], 'k', 'a#1').deliverAll(all, 'g', 'c#1').view('', '2.a', all),
)
rejects(
  'O9',
  'casts of two groups that come in another order at another member',
  inDomain().deliver('b', 'k', 'a#1').deliverAll(all, 'g', 'c#1').deliver('a', 'k', 'a#1').view('', '2.a', all),
)
rejects(
  'O9',
  'another order at rest',
  inDomain().deliver('b', 'k', 'a#1').deliverAll(all, 'g', 'c#1').deliver('a', 'k', 'a#1').quiet(all).end(),
)
tolerates(
  'O9',
  'another order in groups of no one domain',
  inDomain('g').deliver('b', 'k', 'a#1').deliverAll(all, 'g', 'c#1').deliver('a', 'k', 'a#1').view('', '2.a', all),
)
tolerates(
  'O9',
  'another order at one who parted',
  inDomain()
    .deliver('b', 'k', 'a#1')
    .deliverAll(all, 'g', 'c#1')
    .deliver('a', 'k', 'a#1')
    .view('', '2.a', ['a'])
    .view('', '3.b', ['b', 'c'], { primary: false }),
)
rejects(
  'O5',
  'another order of uniform casts of a domain at one that crashed',
  trio({ ...uniform, domain: '@d' })
    .open('k', ['a', 'b'], { ...uniform, domain: '@d' })
    .view('k', '1.a.1', ['a', 'b'])
    .cast('a#1', 'k')
    .cast('c#1', 'g')
    .deliver('b', 'k', 'a#1')
    .deliverAll(all, 'g', 'c#1')
    .deliver('a', 'k', 'a#1')
    .crash('b'),
)

const agreed = (): TraceWriter => trio(total).cast('a#1', 'g').deliver('b', 'g', 'a#1').cast('b#1', 'g')
accepts(
  'O8',
  'an agreed order that respects causality',
  agreed().deliver('b', 'g', 'b#1').deliverAll(['a', 'c'], 'g', 'a#1', 'b#1'),
)
rejects(
  'O8',
  'an agreed order that does not',
  agreed().cast('c#1', 'g').deliver('b', 'g', 'b#1').deliverAll(['a', 'c'], 'g', 'b#1', 'a#1', 'c#1'),
)
rejects(
  'O8',
  "a sender's causal casts of two groups in another order",
  trio(causal)
    .open('k', all, causal)
    .view('k', '1.a.1', all)
    .cast('a#1', 'k')
    .cast('a#2', 'g')
    .deliver('b', 'g', 'a#2')
    .deliver('b', 'k', 'a#1'),
)

/** Without a primary, a cast of the consistent k waits, and one of the available g overtakes it. */
const waiting = (primary: boolean, overtaken: 'g' | 'k'): TraceWriter =>
  trio()
    .open('k', all, { consistency: 'consistent' })
    .view('k', '1.a.1', all)
    .view('', '2.a', all, { primary })
    .view('g', '2.a.1', all)
    .view('k', '2.a.1', all)
    .cast('a#2', overtaken === 'k' ? 'g' : 'k')
    .cast('a#1', overtaken)
tolerates('O8', 'a cast of a consistent group that is overtaken while it waits', waiting(false, 'k'))
rejects('O8', 'a cast of a consistent group that is overtaken in a primary view', waiting(true, 'k'))
rejects('O8', 'a cast of an available group that is overtaken', waiting(false, 'g'))
/** The same; only its kernel has that view, and the others: its application is never told of it. */
const untold = (primary: boolean): TraceWriter =>
  trio()
    .open('k', all, { consistency: 'consistent' })
    .view('k', '1.a.1', all)
    .install('2.a', all)
    .view('', '2.a', all, { primary, by: ['b', 'c'] })
    .view('g', '2.a.1', all, { by: ['b', 'c'] })
    .view('k', '2.a.1', all, { by: ['b', 'c'] })
    .cast('a#2', 'g', '2.a.1')
    .cast('a#1', 'k', '2.a.1')
tolerates('O8', 'a cast of a consistent group that waits in a view which only others are told of', untold(false))
rejects('O8', 'a cast of a consistent group that is overtaken in a view which only others are told of', untold(true))

/** Both a and b have cast, and c makes a gbcast, which a delivers after both. */
const split = (options: object): TraceWriter =>
  trio(options).cast('a#1', 'g').cast('b#1', 'g').gbcast('c#1', 'g').deliver('a', 'g', 'a#1', 'b#1', 'c#1')
const cutOff = (trace: TraceWriter): TraceWriter => trace.view('', '2.a', ['a', 'b'], { expelled: ['c'] })
accepts(
  'O8',
  'a gbcast after the same casts, in whatever order they are',
  split({}).deliverAll(['b', 'c'], 'g', 'b#1', 'a#1', 'c#1').view('', '2.a', all),
)
rejects(
  'O8',
  'a gbcast before a cast that others have after it',
  split({}).deliver('b', 'g', 'b#1', 'c#1', 'a#1').view('', '2.a', all),
)
rejects(
  'O8',
  'a gbcast that one delivers without a cast before it',
  split({}).deliver('b', 'g', 'b#1', 'c#1').view('', '2.a', all),
)
rejects(
  'O8',
  'a gbcast before a cast that others have after it, at rest',
  split({}).deliverAll(['b', 'c'], 'g', 'b#1', 'c#1', 'a#1').quiet(all).end(),
)
tolerates(
  'O8',
  'a gbcast that somebody who is cut off places elsewhere',
  cutOff(split({}).deliver('b', 'g', 'b#1', 'a#1', 'c#1').deliver('c', 'g', 'b#1', 'c#1')),
)
rejects(
  'O8',
  'a released uniform gbcast that somebody who is cut off places elsewhere',
  cutOff(split({ uniform: true }).deliver('b', 'g', 'b#1', 'a#1', 'c#1').deliver('c', 'g', 'b#1', 'c#1')),
)
tolerates(
  'O8',
  'a uniform gbcast after the signal that somebody who is cut off places elsewhere',
  cutOff(
    trio({ uniform: true })
      .cast('a#1', 'g')
      .gbcast('c#1', 'g')
      .trans('g', 'a')
      .trans('g', 'b')
      .deliverAll(['a', 'b'], 'g', 'a#1', 'c#1')
      .trans('g', 'c')
      .deliver('c', 'g', 'c#1'),
  ),
)

/** b has a's cast; c, cut off, goes on with it or without it. */
const released = (options: object, isSignalled: boolean): TraceWriter => {
  const trace = trio({ ...uniform, ...options })
    .cast('a#1', 'g')
    .split(['a', 'b'], ['c'])
  if (isSignalled) trace.trans('g', 'b')
  return trace.deliver('b', 'g', 'a#1')
}
const goesOn = (trace: TraceWriter, primary = false): TraceWriter => trace.view('', '3.c', ['c'], { primary })
accepts('F1', 'a cast that all deliver', both(uniform).deliverAll(all, 'g', 'a#1', 'b#1').view('', '2.a', all))
rejects('F1', 'a released cast that one goes on without', goesOn(released({}, false)))
rejects(
  'F1',
  'a released cast that one goes on without to the next view of the group',
  released({}, false).view('g', '1.a.2', all),
)
rejects(
  'F1',
  'a released cast that one delivers in a later view',
  goesOn(released({}, false)).view('g', '3.c.1', ['c']).deliver('c', 'g', 'a#1'),
)
tolerates('F1', 'a released cast that one crashes without', released({}, false).crash('c'))
tolerates('F1', 'a cast after the signal that one who parts goes on without', goesOn(released({}, true)))
const consistent = { consistency: 'consistent' } as const
tolerates('F1', 'a released cast that ends unknown in the minority', goesOn(released(consistent, false)))
rejects('F1', 'a released cast that a primary view goes on without', goesOn(released(consistent, false), true))
tolerates('F1', 'a cast that need not be released', goesOn(released({ uniform: false }, false)))
/** a has delivered b's cast in h, which need not be released, before its own in g, or after; c goes on with only the latter. */
const after = (isBefore: boolean): TraceWriter => {
  const trace = trio(uniform).open('h', all).view('h', '1.a.1', all).cast('b#1', 'h').deliver('b', 'h', 'b#1')
  if (isBefore) trace.deliver('a', 'h', 'b#1').cast('a#1', 'g')
  else trace.cast('a#1', 'g').deliver('a', 'h', 'b#1')
  return goesOn(trace.deliverAll(all, 'g', 'a#1'))
}
rejects('F1', 'a released cast before which another came, in another group, that one goes on without', after(true))
tolerates('F1', 'a released cast after which its sender got another, that one goes on without', after(false))

/** a's cast is released by a alone; b and c go on to a primary view, from a state with it or without. */
const goneOn = (cut: Readonly<Record<string, number>>, line = 'L', primary = true): TraceWriter =>
  trio({ ...uniform, ...consistent })
    .cast('a#1', 'g')
    .deliver('a', 'g', 'a#1')
    .split(['a'], ['b', 'c'])
    .view('', '2.b', ['b', 'c'], { primary: false })
    .view('g', '2.b.1', ['b', 'c'], { primary: false })
    .view('', '3.b', ['b', 'c'], { line })
    .view('g', '3.b.1', ['b', 'c'], { line, primary })
    .write({ e: 'digest', t: 99, p: 'b', g: 'g', view: '3.b.1', cut, h: 'x' })
tolerates('F1', 'a state that covers what was released in its line', goneOn({ a: 1 }))
rejects('F1', 'a state that lacks what was released in its line', goneOn({}))
tolerates('F1', 'a state of another line', goneOn({}, 'M'))
tolerates('F1', 'a state of a group that waits for its state', goneOn({}, 'L', false))
tolerates(
  'F1',
  'a state of a group that has begun anew',
  trio({ ...uniform, ...consistent })
    .cast('a#1', 'g')
    .deliverAll(all, 'g', 'a#1')
    .leave('g', 'a')
    .leave('g', 'b')
    .leave('g', 'c')
    .join('g', 'b')
    .view('g', '1.a.3', ['b'])
    .write({ e: 'digest', t: 99, p: 'b', g: 'g', view: '1.a.3', cut: {}, h: 'x' }),
)

/** The holders a and b are gone, b as told; d, which had opened the group by itself, goes on with it in their line. */
const leftTo = (
  end: (trace: TraceWriter) => TraceWriter,
  isAlone = true,
  dead: string[] = [],
  origin = '',
): TraceWriter => {
  const trace = new TraceWriter().start(['a', 'b', 'd'], origin).view('', '1.d', ['d'], { primary: false, line: null })
  trace.open('g', ['a', 'b', 'd'], { ...uniform, ...consistent })
  if (isAlone) trace.view('g', '1.d.1', ['d'], { primary: false, line: null })
  trace.view('', '2.a', ['a', 'b']).view('g', '2.a.1', ['a', 'b'])
  trace.cast('a#1', 'g').deliverAll(['a', 'b'], 'g', 'a#1')
  trace.view('', '3.a', ['a', 'b']).view('g', '3.a.0', ['a', 'b'])
  return end(trace.crash('a'))
    .view('', '4.d', ['d'], { dead })
    .view('g', '4.d.0', ['d'])
    .write({ e: 'digest', t: 99, p: 'd', g: 'g', view: '4.d.0', cut: {}, h: 'x' })
}
tolerates(
  'F1',
  'a state that a newcomer brought along to a group that has ended',
  leftTo((trace) => trace.leave('', 'b')),
)
rejects(
  'F1',
  'a state that a newcomer brought along to a group whose members crashed',
  leftTo((trace) => trace.crash('b')),
)
rejects(
  'F1',
  'a new state of a group whose members crashed',
  leftTo((trace) => trace.crash('b'), false),
)
tolerates(
  'F1',
  'a new state of a group whose members are proven dead',
  leftTo((trace) => trace.crash('b'), false, ['a', 'b']),
)
/** a is proven dead when d is with it in the group, as `by` are shown; `had`: d has got its state. */
const leftAwaiting = (had: boolean, dead: string[] = ['a'], by: string[] = ['a', 'd']): TraceWriter => {
  const trace = new TraceWriter().start(['a', 'd']).view('', '1.a', ['a', 'd'])
  trace.open('g', ['a'], { ...uniform, ...consistent }).view('g', '1.a.1', ['a'])
  trace.cast('a#1', 'g').deliver('a', 'g', 'a#1').view('', '2.a', ['a', 'd']).view('g', '2.a.0', ['a'])
  trace.open('g', ['d'], { ...uniform, ...consistent }).view('g', '2.a.1', ['a', 'd'], { by })
  if (had) trace.write({ e: 'stateIn', t: 1, p: 'd', g: 'g', from: 'a', view: '2.a.1', cut: { a: 1 }, h: 'y' })
  return trace
    .crash('a')
    .view('', '3.d', ['d'], { dead })
    .view('g', '3.d.0', ['d'])
    .write({ e: 'anew', t: 98, p: 'd', g: 'g', view: '3.d.0' })
    .write({ e: 'digest', t: 99, p: 'd', g: 'g', view: '3.d.0', cut: {}, h: 'x' })
}
tolerates('F1', 'a new state for who awaited the one of a member that is proven dead', leftAwaiting(false))
rejects('F1', 'a new state for who had got the one of a member that is proven dead', leftAwaiting(true))
tolerates('F1', 'a new state for who was never shown to be in the group', leftAwaiting(false, ['a'], ['a']))
rejects('F1', 'the same if the death of the other is not proven', leftAwaiting(false, [], ['a']))
rejects('F1', 'a new state for who awaited the one of a member whose death is not proven', leftAwaiting(false, []))
rejects(
  'F1',
  'a new state of a group of which one member is proven dead, and the other is not',
  leftTo((trace) => trace.crash('b'), false, ['a']),
)
tolerates(
  'F1',
  'a new state of a group whose members somebody of their origin could prove dead, whom nobody was there to tell of',
  leftTo((trace) => trace.crash('b'), false, [], 'https://a.example'),
)
rejects(
  'F1',
  'a new state of a group of which one member of the same origin is somewhere else',
  leftTo((trace) => trace, false, [], 'https://a.example'),
)
rejects(
  'F1',
  'a new state of a group of which one member is somewhere else',
  leftTo((trace) => trace, false),
)
