import { accepts, rejects, TraceWriter, tolerates, trio } from './builder.ts'

const all = ['a', 'b', 'c']
const quietly = { primary: false }

/** b is cut off, each part goes on, and they merge. */
const splitAndMerge = (): TraceWriter =>
  trio()
    .split(['a', 'c'], ['b'])
    .view('', '2.a', ['a', 'c'], { expelled: ['b'] })
    .view('g', '2.a.1', ['a', 'c'])
    .view('', '3.b', ['b'], { ...quietly, expelled: ['a', 'c'] })
    .view('g', '3.b.1', ['b'])
const parts = (g: '' | 'g') => [
  { id: g === '' ? '2.a' : '2.a.1', members: ['a', 'c'] },
  { id: g === '' ? '3.b' : '3.b.1', members: ['b'] },
]
const merged = (): TraceWriter =>
  splitAndMerge()
    .view('', '4.a', ['a', 'c', 'b'], { subviews: parts('') })
    .view('g', '4.a.1', ['a', 'c', 'b'], { subviews: parts('g') })
const bLeaves = (): TraceWriter =>
  trio()
    .leave('', 'b')
    .view('', '2.a', ['a', 'c'], { left: ['b'] })
    .view('g', '2.a.1', ['a', 'c'], { left: ['b'] })
const bLeavesGroup = (): TraceWriter =>
  trio()
    .leave('g', 'b')
    .view('g', '1.a.2', ['a', 'c'], { left: ['b'] })
/** b has left the group and is back by a join; which of the others have told that. */
const bReturns = (others: readonly string[]): TraceWriter =>
  bLeavesGroup()
    .join('g', 'b')
    .view('g', '1.a.3', ['a', 'c', 'b'], { by: ['b'] })
    .view('g', '1.a.3', ['a', 'c', 'b'], { by: others, trans: ['a', 'c'] })

accepts('S1', 'members that install views', trio())
rejects('S1', 'a view installed by one who is not in it', trio().view('', '2.a', ['a', 'b'], { by: all }))

accepts('S2', 'increasing views', merged())
rejects('S2', 'a view that is older than the one before', trio().view('', '0.a', all))
rejects('S2', 'a rival of the same epoch', trio().view('', '1.b', all))
rejects('S2', 'a view that names another predecessor', trio().view('', '2.a', all, { prev: '7.x' }))
rejects('S2', 'a view that forgets its predecessor', trio().view('', '2.a', all, { prev: null }))
accepts('S2', 'no predecessor after a leave', bLeavesGroup().join('g', 'b').view('g', '1.a.3', ['a', 'c', 'b']))

const signal = (view: string) => ({ e: 'trans', t: 99, p: 'a', g: 'g', view }) as const
accepts('S3', 'deliveries in the view in force', trio().cast('a#1', 'g').deliverAll(all, 'g', 'a#1'))
accepts(
  'S3',
  'a send that precedes the line of its view',
  trio().send('a#1', 'g', '1.a.2').view('g', '1.a.2', all).deliverAll(all, 'g', 'a#1'),
)
rejects('S3', 'a send in a view that was skipped', trio().cast('a#1', 'g', '1.a.2').view('g', '1.a.3', all))
rejects(
  'S3',
  'a delivery before any view',
  new TraceWriter().start(['a']).open('g', ['a']).cast('a#1', 'g').deliver('a', 'g', 'a#1'),
)
rejects(
  'S3',
  'a delivery under the name of an older view',
  trio()
    .cast('a#1', 'g')
    .view('g', '1.a.2', all)
    .write({ e: 'deliver', t: 99, p: 'a', m: 'a#1', g: 'g', view: '1.a.1', h: 'h-a#1' }),
)
rejects('S3', 'a signal of a view that is over', trio().view('g', '1.a.2', all).write(signal('1.a.1')))
rejects('S3', 'a signal before its view', trio().write(signal('5.a.1')))

accepts('S4', 'equal views', trio())
rejects(
  'S4',
  'views that differ in rank',
  trio()
    .view('', '2.a', all, { by: ['a', 'b'] })
    .view('', '2.a', ['b', 'a', 'c'], { by: ['c'] }),
)
rejects(
  'S4',
  'views that differ in being primary',
  trio()
    .view('', '2.a', all, { by: ['a'] })
    .view('', '2.a', all, { by: ['b'], primary: false }),
)
rejects(
  'S4',
  'merge views that differ in their parts',
  splitAndMerge()
    .view('', '4.a', all, { by: ['a'], subviews: parts('') })
    .view('', '4.a', all, { by: ['c'], subviews: parts('').reverse() }),
)

rejects(
  'S4',
  'views that differ in why somebody is gone',
  trio()
    .leave('', 'b')
    .view('', '2.a', ['a', 'c'], { by: ['a'], left: ['b'] })
    .view('', '2.a', ['a', 'c'], { by: ['c'], trans: ['a', 'c'], expelled: ['b'] }),
)
const bSleeps = (): TraceWriter =>
  trio()
    .write({ e: 'suspend', t: 50, p: 'b' })
    .freeze('b')
    .view('', '2.a', ['a', 'c'], { away: ['b'] })
    .view('g', '2.a.1', ['a', 'c'], { away: ['b'] })
accepts('S4', 'one that is away', bSleeps())
rejects('S4', 'one that is away and has not said so', trio().view('', '2.a', ['a', 'c'], { away: ['b'] }))
rejects('S4', 'one that is away and a member', bSleeps().view('', '3.a', ['a', 'c'], { away: ['c'] }))
rejects(
  'S4',
  'views that differ in who is away',
  bSleeps()
    .view('', '3.a', ['a', 'c'], { by: ['a'], away: ['b'] })
    .view('', '3.a', ['a', 'c'], { by: ['c'] }),
)
tolerates('S4', 'views that differ in who is gone for those who come from different views', merged())

accepts(
  'S5',
  'members that joined, and one that returns to a group by a new join',
  bLeavesGroup().join('g', 'b').view('g', '1.a.3', ['a', 'c', 'b']),
)
accepts(
  'S5',
  'one that asks to leave again before all have told that it is back',
  bReturns(['a'])
    .leave('g', 'b')
    .view('g', '1.a.3', ['a', 'c', 'b'], { by: ['c'], trans: ['a', 'c'] }),
)
accepts(
  'S5',
  'one that comes, goes and asks again before the others have told that it left',
  trio()
    .leave('g', 'b')
    .join('g', 'b')
    .view('g', '1.a.3', ['a', 'c', 'b'], { by: ['b'] })
    .leave('g', 'b')
    .view('g', '1.a.2', ['a', 'c'], { left: ['b'] })
    .view('g', '1.a.3', ['a', 'c', 'b'], { by: ['a', 'c'] }),
)
accepts(
  'S5',
  'one that asks to leave again just before one returns who was not there when it came back',
  bLeavesGroup()
    .leave('g', 'a')
    .view('g', '1.a.3', ['c'], { left: ['a'] })
    .join('g', 'b')
    .view('g', '1.a.4', ['c', 'b'])
    .join('g', 'a')
    .leave('g', 'b')
    .view('g', '1.a.5', ['c', 'b', 'a'], { by: ['a'] }),
)
rejects(
  'S5',
  'one that is away after it has left',
  bSleeps()
    .leave('', 'b')
    .view('', '3.a', ['a', 'c'], { left: ['b'] })
    .view('', '4.a', ['a', 'c'], { away: ['b'] }),
)

const fence = { e: 'fence', t: 60, p: 'b', view: '1.a' } as const
const unfence = { e: 'unfence', t: 61, p: 'b', view: '1.a' } as const
accepts(
  'S9',
  'a cast after answers',
  trio()
    .write(fence, { ...unfence, by: 'answers' })
    .cast('b#1', 'g'),
)
rejects('S9', 'a cast before any answer', trio().write(fence).cast('b#1', 'g'))
rejects(
  'S9',
  'a cast before the other view',
  trio()
    .write(fence)
    .cast('b#1', 'g')
    .write({ ...unfence, by: 'view' }),
)
rejects(
  'S9',
  'answers from a view that others had left',
  trio()
    .view('', '2.a', ['a', 'c'], { expelled: ['b'] })
    .write(fence, { ...unfence, by: 'answers' }),
)

rejects('S5', 'a member that never joined', trio().view('', '2.a', [...all, 'd'], { by: all }))
rejects('S5', 'one that is said to have left and did not', trio().view('', '2.a', ['a', 'c'], { left: ['b'] }))
rejects('S5', 'one that is said to be dead and lives', trio().view('', '2.a', ['a', 'c'], { dead: ['b'] }))
rejects(
  'S5',
  'one that is said to have left a group and did not',
  trio().view('g', '1.a.2', ['a', 'c'], { left: ['b'] }),
)
accepts(
  'S5',
  'one that is proven dead',
  trio()
    .crash('b')
    .view('', '2.a', ['a', 'c'], { dead: ['b'] }),
)
rejects('S5', 'one that left and is back', bLeaves().view('', '3.a', all, { by: ['a', 'c'] }))
rejects(
  'S5',
  'one that was proven dead and is back',
  trio()
    .view('', '2.a', ['a', 'c'], { dead: ['b'] })
    .view('', '3.a', all, { by: ['a', 'c'] }),
)
rejects(
  'S5',
  'one that left a group and is back without a join',
  bLeavesGroup().view('g', '1.a.3', ['a', 'c', 'b'], { by: ['a', 'c'] }),
)
/** b asks to leave the group, and may know that it has; the others go on without it. */
const bAsksToLeave = (isTold: boolean): TraceWriter => {
  const trace = trio()
  return isTold ? trace.leave('g', 'b') : trace.write({ e: 'leave', t: trace.t, p: 'b', g: 'g' })
}
/**
 * It is cut off then, in the group, until they merge. The others are in that view of the space when they go on; those of
 * `passedOver` know of a view of the group that was decided before.
 */
const isBroughtAlong = (sv: string, isTold = false, passedOver: readonly string[] = []): TraceWriter => {
  const trace = bAsksToLeave(isTold)
  if (sv !== '1.a') trace.view('', sv, ['a', 'c'])
  for (const p of passedOver) trace.write({ e: 'groupPassedOver', t: trace.t, p, g: 'g', gn: 2 })
  return trace
    .view('g', `${sv}.2`, ['a', 'c'], { left: ['b'] })
    .view('', '3.b', ['b'], quietly)
    .view('g', '3.b.0', ['b'])
    .view('', '4.a', ['a', 'c', 'b'], { subviews: parts('') })
    .view('g', '4.a.0', ['a', 'c', 'b'], { subviews: parts('g') })
}
tolerates(
  'S5',
  'one that left a group, was cut off before it heard so, and comes along by a merge',
  isBroughtAlong('1.a'),
)
rejects('S5', 'one that is said to have left a group by those who were cut off from it', isBroughtAlong('2.a'))
tolerates(
  'S5',
  'one that left a group by a view of it that was decided before it was cut off, and told to nobody',
  isBroughtAlong('2.a', false, ['a', 'c']),
)
rejects(
  'S5',
  'one that left a group, knew it, while the others passed over that view of it, and comes along by a merge',
  isBroughtAlong('2.a', true, ['a', 'c']),
)
rejects('S5', 'one that left a group, knew it, and comes along by a merge without a join', isBroughtAlong('1.a', true))
rejects(
  'S5',
  'one that left a group, did not hear so, and is back in it without a merge',
  bAsksToLeave(false)
    .view('g', '1.a.2', ['a', 'c'], { left: ['b'] })
    .view('g', '1.a.3', ['a', 'c', 'b']),
)
rejects(
  'S5',
  'one that left a group again and is back by the join before that',
  bReturns(['a', 'c'])
    .leave('g', 'b')
    .view('g', '1.a.4', ['a', 'c'], { left: ['b'] })
    .view('g', '1.a.5', ['a', 'c', 'b'], { by: ['a', 'c'] }),
)
rejects(
  'S5',
  'one that is back in a group before it joins',
  bLeavesGroup()
    .view('g', '1.a.3', ['a', 'c', 'b'], { by: ['a'] })
    .join('g', 'b')
    .view('g', '1.a.3', ['a', 'c', 'b'], { by: ['b', 'c'] }),
)

accepts('S6', 'a return by merge', merged())
tolerates(
  'S6',
  'a return by a new join, also where all that comes late, in one piece',
  trio()
    .view('g', '1.a.2', all, { by: ['a', 'b'] })
    .leave('g', 'b')
    .view('g', '1.a.3', ['a', 'c'], { by: ['a'], left: ['b'] })
    .join('g', 'b')
    .view('g', '1.a.4', ['a', 'c', 'b'], { by: ['a', 'b'] })
    .view('g', '1.a.2', all, { by: ['c'] })
    .view('g', '1.a.3', ['a', 'c'], { by: ['c'], left: ['b'] })
    .view('g', '1.a.4', ['a', 'c', 'b'], { by: ['c'] }),
)
/** Asked to join, and is let in by a view that it never gets; that one is left out again. */
const unanswered = (): TraceWriter =>
  trio()
    .leave('g', 'c')
    .view('g', '1.a.2', ['a', 'b'], { left: ['c'] })
    .join('g', 'c')
    .view('g', '1.a.3', all, { by: ['a', 'b'] })
    .view('g', '1.a.4', ['a', 'b'])
tolerates('S6', 'one that is let in by a later view, as it asked for', unanswered().view('g', '1.a.5', all))
rejects(
  'S6',
  'one that got a view by what it asked for, and is let in by a later one',
  trio()
    .leave('g', 'c')
    .view('g', '1.a.2', ['a', 'b'], { left: ['c'] })
    .join('g', 'c')
    .view('g', '1.a.3', all)
    .view('g', '1.a.4', ['a', 'b'])
    .view('g', '1.a.5', all),
)
rejects(
  'S6',
  'a return to a group without a join after the first who had the view before',
  bLeavesGroup().view('g', '1.a.3', ['a', 'c', 'b'], { by: ['a', 'c'] }),
)
rejects('S6', 'a return without a merge', splitAndMerge().view('', '4.a', ['a', 'c', 'b'], { by: ['a', 'c'] }))
rejects(
  'S6',
  'a return without a merge two views later',
  splitAndMerge()
    .view('', '4.a', ['a', 'c'], { by: ['a', 'c'] })
    .view('', '5.a', ['a', 'c', 'b'], { by: ['a', 'c'] }),
)
rejects(
  'S6',
  'a return by a merge that names another view',
  splitAndMerge().view('', '4.a', ['a', 'c', 'b'], {
    subviews: [
      { id: '2.a', members: ['a', 'c'] },
      { id: '1.a', members: ['b'] },
    ],
  }),
)

accepts('S7', 'one event a view', trio())
rejects(
  'S7',
  'a view told twice',
  trio()
    .view('', '2.a', all)
    .view('', '2.a', all, { by: ['b'] }),
)

accepts('S8', 'group views within their space views', merged())
rejects('S8', 'a group view with an outsider of the space', splitAndMerge().view('g', '2.a.2', all, { by: ['a', 'c'] }))
rejects('S8', 'a group view of a space view that is not in force', trio().view('g', '1.a.2', all, { sv: '9.a' }))
rejects(
  'S8',
  'deliveries in a group view that the space view took members from',
  trio().view('', '2.a', ['a', 'c']).cast('a#1', 'g').deliver('a', 'g', 'a#1'),
)

accepts('P1', 'a chain of primary views', merged())
rejects('P1', 'two primary views after one', trio().view('', '2.a', ['a']).view('', '3.b', ['b', 'c']))
rejects(
  'P1',
  'two primary views of one epoch',
  trio()
    .view('', '2.a', ['a', 'b'], { by: ['a'] })
    .view('', '2.b', ['b', 'c']),
)
accepts(
  'P1',
  'a successor of a view that only the crashed lived to install',
  trio()
    .view('', '2.a', all, { by: ['a'] })
    .crash('a')
    .view('', '3.b', ['b', 'c'], { trans: ['b', 'c'] }),
)
rejects(
  'P1',
  'a successor without a quorum of a view that only the crashed lived to install',
  trio()
    .view('', '2.a', all, { by: ['a'] })
    .crash('a')
    .view('', '3.b', ['b']),
)
accepts(
  'P1',
  'a successor whose other member was bound to it, and never heard that it was installed',
  trio()
    .view('', '2.a', all, { by: ['a', 'b'] })
    .crash('a')
    .ready('3.c', ['b', 'c'])
    .view('', '3.c', ['b', 'c'], { by: ['c'] })
    .crash('c')
    .view('', '4.b', ['b'], { primary: false }),
)
rejects(
  'P1',
  'a successor that the one who comes from the view before was not bound to',
  trio()
    .view('', '2.a', all, { by: ['a', 'b'] })
    .crash('a')
    .ready('3.c', ['c'])
    .view('', '3.c', ['b', 'c'], { by: ['c'] })
    .crash('c')
    .view('', '4.b', ['b'], { primary: false }),
)
rejects(
  'P1',
  'a successor of a view that its members have left behind, though one of them crashes later',
  trio()
    .view('', '2.a', all, { by: ['a', 'b'] })
    .view('', '3.c', ['c'], { primary: false })
    .view('', '5.b', ['b'], { primary: false })
    .view('', '4.c', ['b', 'c'], { by: ['c'] })
    .crash('b'),
)
/** Both who installed the last primary view die while the others are not primary, whose view forgets them. */
function survivorsOf(origin: string): TraceWriter {
  const four = ['a', 'b', 'c', 'd']
  return new TraceWriter()
    .start(four, origin)
    .view('', '1.a', four)
    .view('', '2.a', four, { by: ['a', 'b'] })
    .crash('a')
    .crash('b')
    .view('', '3.c', ['c', 'd'], { primary: false, expelled: ['a', 'b'] })
    .view('', '4.c', ['c', 'd'])
}
accepts('P1', 'a successor of a view of which all who installed it are proven dead', survivorsOf('https://a.example'))
rejects('P1', 'a successor of a view of which all who installed it have died without a proof', survivorsOf(''))
tolerates(
  'P1',
  'two lines that never met',
  new TraceWriter().start(all).view('', '1.a', ['a']).view('', '1.b', ['b'], { line: 'M' }),
)

accepts('P2', 'a majority', trio().split(['a'], ['b', 'c']).view('', '2.b', ['b', 'c']))
tolerates('P2', 'half of a view with its most senior member', trio().view('', '2.a', ['a', 'c']).view('', '3.a', ['a']))
tolerates(
  'P2',
  'who is left when one has left',
  trio().view('', '2.a', ['a', 'b']).leave('', 'a').view('', '3.b', ['b']),
)
rejects('P2', 'a minority', trio().view('', '2.b', ['b']))
rejects('P2', 'half of a view without its most senior', trio().view('', '2.a', ['a', 'c']).view('', '3.c', ['c']))
rejects(
  'P2',
  'a minority by a death that cannot be proven',
  trio().view('', '2.a', ['a', 'b']).crash('a').view('', '3.b', ['b']),
)
tolerates(
  'P2',
  'half of a view whose other half may be proven dead',
  new TraceWriter()
    .start(['a', 'b'], 'https://score.example')
    .view('', '2.a', ['a', 'b'])
    .crash('a')
    .view('', '3.b', ['b']),
)

const consistent = { consistency: 'consistent', order: 'total', uniform: true } as const
const inMinority = (): TraceWriter =>
  trio(consistent).split(['a', 'c'], ['b']).view('', '3.b', ['b'], quietly).view('g', '3.b.1', ['b'])
/** b, cut off, delivers its own cast at the cut: after the transitional signal, or as released before it. */
const cutOff = (isReleased: boolean): TraceWriter => {
  const trace = trio(consistent).split(['a', 'c'], ['b']).cast('b#1', 'g')
  return isReleased ? trace.deliver('b', 'g', 'b#1').trans('g', 'b') : trace.trans('g', 'b').deliver('b', 'g', 'b#1')
}
accepts('P4', 'released casts at the closing of a primary view', cutOff(true).view('', '3.b', ['b'], quietly))
accepts(
  'P4',
  'unreleased casts at the closing of a primary view by those who install the next one',
  trio(consistent)
    .split(['a', 'c'], ['b'])
    .cast('a#1', 'g')
    .trans('g', 'a')
    .trans('g', 'c')
    .deliverAll(['a', 'c'], 'g', 'a#1')
    .view('', '2.a', ['a', 'c']),
)
tolerates('P4', 'unreleased casts of one that crashes before it installs anything', cutOff(false).crash('b'))
rejects('P4', 'unreleased casts of one that is primary no more', cutOff(false).view('', '3.b', ['b'], quietly))
tolerates(
  'P4',
  'casts that need no release at the closing of a primary view',
  trio({ ...consistent, uniform: false })
    .split(['a', 'c'], ['b'])
    .cast('b#1', 'g')
    .trans('g', 'b')
    .deliver('b', 'g', 'b#1')
    .view('', '3.b', ['b'], quietly),
)
accepts(
  'P4',
  'grants and roles in a primary view',
  trio(consistent)
    .grant('a', 'k', ['L', '1.a', 1])
    .write({ e: 'role', t: 99, p: 'a', g: 'g', role: 'leader', token: ['L', '1.a', 1], on: true }),
)
rejects('P4', 'a delivery in a non-primary view', inMinority().cast('b#1', 'g').deliver('b', 'g', 'b#1'))
rejects('P4', 'a grant in a non-primary view', inMinority().grant('b', 'k', ['L', '3.b', 1]))
rejects(
  'P4',
  'a role taken up in a non-primary view',
  inMinority().write({ e: 'role', t: 99, p: 'b', g: 'g', role: 'leader', token: ['L', '3.b', 1], on: true }),
)
tolerates(
  'P4',
  'deliveries of available groups anywhere',
  trio().view('', '3.b', ['b'], quietly).view('g', '3.b.1', ['b']).cast('b#1', 'g').deliver('b', 'g', 'b#1'),
)

const origin = 'https://score.example'
const found = (p: string, line: string) => ({ e: 'found', t: 50, p, line }) as const
accepts(
  'P5',
  'one founder of an origin',
  new TraceWriter().start(all, origin).write(found('a', 'L')).view('', '1.a', all),
)
accepts(
  'P5',
  'a second founder after the first crashed',
  new TraceWriter().start(all, origin).write(found('a', 'L')).crash('a').write(found('b', 'M')),
)
accepts(
  'P5',
  'founders of different origins',
  new TraceWriter().start(['a'], origin).start(['b'], 'https://other.example').write(found('a', 'L'), found('b', 'M')),
)
accepts(
  'P5',
  'a second founder after the first has told a view without a line',
  new TraceWriter()
    .start(all, origin)
    .write(found('a', 'L'))
    .view('', '1.a', all, { ...quietly, line: null })
    .write(found('b', 'M'))
    .view('', '2.b', all, { line: 'M' }),
)
accepts(
  'P5',
  'a second founder after the kernel of the first has installed a view without a line',
  new TraceWriter()
    .start(all, origin)
    .write(found('a', 'L'))
    .install('1.a', all)
    .write(found('b', 'M'))
    .view('', '1.a', all, { ...quietly, line: null })
    .view('', '2.b', all, { line: 'M' }),
)
rejects(
  'P5',
  'a second founder while the first is slow to tell the views before its line',
  new TraceWriter()
    .start(all, origin)
    .write(found('a', 'L'))
    .view('', '1.a', all, { ...quietly, line: null })
    .write(found('c', 'M'))
    .view('', '2.a', all, { line: 'L' }),
)
rejects(
  'P5',
  'two founders of one origin',
  new TraceWriter().start(all, origin).write(found('a', 'L'), found('b', 'M')),
)
rejects(
  'P5',
  'a founder whose neighbour is in a line',
  new TraceWriter().start(all, origin).view('', '1.a', ['a', 'c']).write(found('b', 'M')),
)
