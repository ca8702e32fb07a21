import { accepts, rejects, type TraceWriter, tolerates, trio } from './builder.ts'

const all = ['a', 'b', 'c']
const sent = (): TraceWriter => trio().cast('a#1', 'g')
const delivered = (): TraceWriter => sent().deliverAll(all, 'g', 'a#1')
const deliver = (p: string, fields: { m?: string; g?: string; view?: string; h?: string } = {}) =>
  ({ e: 'deliver', t: 99, p, m: 'a#1', g: 'g', view: '1.a.1', h: 'h-a#1', ...fields }) as const

accepts('M1', 'what was sent', delivered())
rejects('M1', 'what was never sent', trio().deliver('a', 'g', 'b#7'))
rejects('M1', 'what is sent later', trio().deliver('b', 'g', 'a#1').cast('a#1', 'g'))
rejects('M1', 'other bytes', sent().write(deliver('b', { h: 'forged' })))
rejects('M1', 'another group', sent().open('k', all).view('k', '1.a.1', all).deliver('b', 'k', 'a#1'))
rejects('M1', 'a cast that is sent twice', delivered().send('a#1', 'g'))

accepts('M2', 'one delivery each', delivered())
rejects('M2', 'a second delivery', delivered().deliver('b', 'g', 'a#1'))

accepts('M3', 'self delivery', delivered().end())
rejects('M3', 'a sender that never delivers its own', sent().deliverAll(['b', 'c'], 'g', 'a#1').end())
tolerates('M3', 'a sender that crashed', sent().crash('a').end())
tolerates('M3', 'a sender that left the group', sent().leave('g', 'a').end())
tolerates('M3', 'a sender that was told', sent().settle('a#1', 'unknown').end())
rejects(
  'M3',
  'a sender that was told that the cast was refused, after it was sent',
  sent().settle('a#1', 'refused').end(),
)
rejects(
  'M3',
  'a sender that was told that the view had changed, after it was sent',
  sent().settle('a#1', 'view-changed').end(),
)
tolerates('M3', 'a run that ended too soon', sent())

/** A uniform cast of a consistent group, whose sender is told in its next view, of that line, that it is lost. */
const lost = (trace: (start: TraceWriter) => TraceWriter, line = 'L'): TraceWriter =>
  trace(trio({ order: 'total', uniform: true, consistency: 'consistent' }).cast('a#1', 'g'))
    .settle('a#1', 'lost')
    .view('', '2.a', all, { line })
    .view('g', '2.a.1', all, { line })
    .end()
accepts(
  'M3',
  'what is lost to all',
  lost((start) => start),
)
rejects(
  'M3',
  'what is lost to its sender only',
  lost((start) => start.deliver('b', 'g', 'a#1')),
)
tolerates(
  'M3',
  'what is lost to its sender, which leaves the line',
  lost((start) => start.deliver('b', 'g', 'a#1'), 'M'),
)

/** A strong group in which casting has begun. */
const open = (): TraceWriter => trio({ strong: true }).block('unblock', 'g', ...all)
/** The group's next view; casting goes on in it. */
const next = (trace: TraceWriter): TraceWriter =>
  trace
    .block('block', 'g', ...all)
    .view('g', '1.a.2', all)
    .block('unblock', 'g', ...all)
const cast = { e: 'cast', t: 50, p: 'a', m: 'a#1', g: 'g', seen: '1.a.1' } as const

accepts('M4', 'casts of the view they were made in', open().cast('a#1', 'g').deliverAll(all, 'g', 'a#1'))
rejects(
  'M4',
  'a cast that is sent in the next view',
  next(open().write(cast)).send('a#1', 'g').deliverAll(all, 'g', 'a#1'),
)
rejects('M4', 'a cast that is delivered in the next view', next(open().cast('a#1', 'g')).deliverAll(all, 'g', 'a#1'))
rejects(
  'M4',
  'a cast of a page that had not been told of the view, whatever the cast says',
  next(open().write({ ...cast, seen: '1.a.2' }))
    .send('a#1', 'g')
    .deliverAll(all, 'g', 'a#1'),
)
tolerates('M4', 'a cast that is refused', next(open().write(cast)).settle('a#1', 'view-changed').end())
tolerates(
  'M4',
  'what groups do that are not strong',
  trio().write(cast).view('g', '1.a.2', all).send('a#1', 'g').deliverAll(all, 'g', 'a#1'),
)

accepts('M5', 'one view for all', delivered())
rejects('M5', 'different views', sent().deliver('a', 'g', 'a#1').view('g', '1.a.2', all).deliver('b', 'g', 'a#1'))
rejects(
  'M5',
  'a view in force that the line denies',
  sent().deliver('a', 'g', 'a#1').view('g', '1.a.2', all).write(deliver('b')),
)

accepts('M6', 'equal sets before a common next view', delivered().view('g', '1.a.2', all))
accepts(
  'M6',
  'different sets of those who part',
  sent()
    .deliverAll(['a', 'c'], 'g', 'a#1')
    .split(['a', 'c'], ['b'])
    .view('', '2.a', ['a', 'c'])
    .view('g', '2.a.1', ['a', 'c'])
    .view('', '3.b', ['b'], { primary: false })
    .view('g', '3.b.1', ['b']),
)
rejects('M6', 'a cast that one of them missed', sent().deliverAll(['a', 'c'], 'g', 'a#1').view('g', '1.a.2', all))
rejects('M6', 'a cast that only one of them got', sent().deliver('b', 'g', 'a#1').view('g', '1.a.2', all))
rejects(
  'M6',
  'a cast missed before a space view that leaves the group view as it was',
  trio()
    .open('k', ['a', 'b'])
    .view('k', '1.a.1', ['a', 'b'])
    .cast('a#1', 'k')
    .deliver('a', 'k', 'a#1')
    .crash('c')
    .view('', '2.a', ['a', 'b'])
    .view('g', '2.a.1', ['a', 'b'])
    .deliver('b', 'k', 'a#1'),
)

const uniform = { order: 'total', uniform: true } as const
/** a's cast, then c is lost; a and b have released it before their signals, or come to it after them. */
const released = (isReleasedByA: boolean, isReleasedByB: boolean): TraceWriter => {
  const trace = trio(uniform).cast('a#1', 'g').split(['a', 'b'], ['c'])
  for (const [p, isReleased] of [['a', isReleasedByA] as const, ['b', isReleasedByB] as const]) {
    if (isReleased) trace.deliver(p, 'g', 'a#1').trans('g', p)
    else trace.trans('g', p).deliver(p, 'g', 'a#1')
  }
  return trace.view('', '2.a', ['a', 'b']).view('g', '2.a.1', ['a', 'b'])
}
accepts('M7', 'a cast that all deliver after the signal', released(false, false))
rejects('M7', 'a cast before the signal at one, after it at another', released(true, false))
/** a casts in h, which b is in, and then in g: b gets that in g after its signal, c before; what b has of h by then, and when. */
const behind = (...order: readonly ('h' | 'signal' | 'g')[]): TraceWriter => {
  const trace = trio(uniform)
    .open('h', ['a', 'b'], uniform)
    .view('h', '1.a.1', ['a', 'b'])
    .cast('a#1', 'h')
    .cast('a#2', 'g')
  for (const step of order) {
    if (step === 'signal') trace.trans('h', 'b').trans('g', 'b')
    else trace.deliver('b', step, step === 'h' ? 'a#1' : 'a#2')
  }
  trace.deliver('c', 'g', 'a#2').trans('g', 'c').crash('a')
  return trace.view('', '2.b', ['b', 'c']).view('g', '2.b.1', ['b', 'c']).view('h', '2.b.1', ['b'])
}
tolerates('M7', 'a cast that waits at one for an earlier total cast in a group of its own', behind('signal', 'h', 'g'))
rejects('M7', 'a cast that waits for one which was released before the signal', behind('h', 'signal', 'g'))
rejects('M7', 'a cast that comes before the one it might have waited for', behind('signal', 'g', 'h'))
tolerates(
  'M7',
  'a cast after the signal at one, and before it at another, who parts',
  trio(uniform)
    .cast('a#1', 'g')
    .split(['a', 'b'], ['c'])
    .deliver('c', 'g', 'a#1')
    .trans('g', 'c')
    .view('', '2.c', ['c'], { primary: false })
    .trans('g', 'a')
    .trans('g', 'b')
    .deliverAll(['a', 'b'], 'g', 'a#1')
    .view('', '2.a', ['a', 'b']),
)

/** The next view of the group comes to c in time, to a and b at the flush; c goes on with them or elsewhere. */
const atTheFlush = (next: readonly string[]): TraceWriter =>
  trio(uniform)
    .cast('a#1', 'g')
    .deliver('c', 'g', 'a#1')
    .view('g', '1.a.2', all, { by: ['c'], trans: all })
    .trans('g', 'a')
    .trans('g', 'b')
    .deliverAll(['a', 'b'], 'g', 'a#1')
    .view('g', '1.a.2', all, { by: ['a', 'b'], trans: all })
    .view('', '2.a', next)
tolerates('M7', 'a cast before the signal at one who does not go on with the others', atTheFlush(['a', 'b']))
rejects('M7', 'a cast before the next view of the group at one who goes on with the others', atTheFlush(all))

accepts('M8', 'those who come together', trio().view('', '2.a', all))
rejects('M8', 'a set with one from outside the view', trio().view('', '2.a', ['a', 'b'], { trans: all }))
rejects(
  'M8',
  'a set of several for one who comes from nowhere',
  trio()
    .start(['d'])
    .view('', '2.a', [...all, 'd'], { trans: [...all, 'd'] }),
)
rejects(
  'M8',
  'a part that the process does not come from',
  trio()
    .view('', '2.b', ['b'], { primary: false })
    .view('', '3.a', all, {
      subviews: [
        { id: '1.a', members: all },
        { id: '2.b', members: [] },
      ],
    }),
)
rejects('M8', 'a set without the process itself', trio().view('', '2.a', all, { trans: ['b', 'c'] }))
rejects(
  'M8',
  'a set without one who came along',
  trio()
    .view('', '2.a', all, { by: ['a'], trans: ['a', 'c'] })
    .view('', '2.a', all, { by: ['b', 'c'], trans: all }),
)
rejects(
  'M8',
  'a set with one who comes from elsewhere',
  trio().view('', '2.b', ['b'], { primary: false }).view('', '3.a', all, { trans: all }),
)

accepts(
  'M10',
  'casts before and after a view change',
  next(open().cast('a#1', 'g').deliverAll(all, 'g', 'a#1')).cast('a#2', 'g'),
)
accepts(
  'M10',
  'casts in a view that is closed and goes on',
  open().block('block', 'g', 'a').block('unblock', 'g', 'a').cast('a#1', 'g'),
)
rejects('M10', 'a cast in a view that is closed', open().block('block', 'g', 'a').cast('a#1', 'g'))
tolerates('M10', 'a cast in a view that another has closed', open().block('block', 'g', 'b').cast('a#1', 'g'))
rejects('M10', 'a cast in a view that is over', next(open()).cast('a#1', 'g', '1.a.1'))
rejects('M10', 'a cast where casting has not begun', trio({ strong: true }).cast('a#1', 'g'))

accepts('M11', 'deliveries to members', delivered())
rejects(
  'M11',
  'a delivery to one outside the group',
  trio()
    .open('k', ['a', 'b'])
    .view('k', '1.a.1', ['a', 'b'])
    .cast('a#1', 'k')
    .write(deliver('c', { g: 'k' })),
)

accepts('M12', 'senders in the view', delivered())
rejects(
  'M12',
  'a sender that is gone',
  sent().view('', '2.b', ['b', 'c']).view('g', '2.b.1', ['b', 'c']).deliver('b', 'g', 'a#1'),
)
