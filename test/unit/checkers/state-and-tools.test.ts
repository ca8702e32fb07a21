import type { Cut, TraceLine } from '../../../lib/testing/trace.ts'
import { accepts, rejects, type TraceWriter, tolerates, trio } from './builder.ts'

const all = ['a', 'b', 'c']
const four = [...all, 'd']

const digest = (p: string, cut: Cut, h: string, view = '1.a.1'): TraceLine => ({
  e: 'digest',
  t: 95,
  p,
  g: 'g',
  view,
  cut,
  h,
})

/** a casts once, d joins; the state it needs covers that cast. */
const joined = (): TraceWriter =>
  trio({ state: true })
    .cast('a#1', 'g')
    .deliverAll(all, 'g', 'a#1')
    .start(['d'])
    .open('g', ['d'], { state: true })
    .view('', '2.a', four)
    .view('g', '2.a.1', four)
const out = (cut: Cut, h = 's1'): TraceLine => ({
  e: 'stateOut',
  t: 90,
  p: 'b',
  g: 'g',
  to: 'd',
  view: '2.a.1',
  cut,
  h,
})
const into = (cut: Cut, h = 's1', from = 'b'): TraceLine => ({
  e: 'stateIn',
  t: 91,
  p: 'd',
  g: 'g',
  from,
  view: '2.a.1',
  cut,
  h,
})

accepts('T1', 'the state that was given', joined().write(out({ a: 1 }), into({ a: 1, b: 0 })))
rejects('T1', 'another state than was given', joined().write(out({ a: 1 }), into({ a: 1 }, 's2')))
rejects('T1', 'another cut than was given', joined().write(out({ a: 1 }), into({})))
rejects('T1', 'a state of one who gave none', joined().write(out({ a: 1 }), into({ a: 1 }, 's1', 'c')))
rejects('T1', 'a state given to another', joined().write({ ...out({ a: 1 }), to: 'c' } as TraceLine, into({ a: 1 })))
rejects('T1', 'a state that arrives before it left', joined().write(into({ a: 1 }), out({ a: 1 })))
rejects('T1', 'a snapshot that lacks a cast of an earlier view', joined().write(out({}), into({})))
rejects(
  'T1',
  'a snapshot that lacks a cast but covers a later one',
  joined()
    .cast('a#2', 'g')
    .cast('c#1', 'g')
    .deliver('b', 'g', 'a#2', 'c#1')
    .write(out({ a: 1, c: 1 })),
)
accepts(
  'T1',
  'a snapshot in the middle of a view',
  joined()
    .cast('a#2', 'g')
    .cast('c#1', 'g')
    .deliver('b', 'g', 'a#2')
    .write(out({ a: 2 }), into({ a: 2 }))
    .deliver('b', 'g', 'c#1'),
)

/** d takes b's state in place of its own, gets one more cast, and gives its state on. */
const passedOn = (cut: Cut): TraceWriter =>
  joined()
    .write(out({ a: 1 }), into({ a: 1 }))
    .cast('c#1', 'g')
    .deliverAll(four, 'g', 'c#1')
    .write({ e: 'stateOut', t: 92, p: 'd', g: 'g', to: 'b', view: '2.a.1', cut, h: 's2' })
accepts('T1', 'a state that is passed on, with what came since', passedOn({ a: 1, c: 1 }))
rejects('T1', 'a state that is passed on without what it was given', passedOn({ c: 1 }))
rejects('T1', 'a state that covers what its holder never had', passedOn({ a: 1, b: 1, c: 1 }))
rejects('T1', 'a state that covers a cast of another group', passedOn({ a: 2, c: 1 }))

const partsOf = (n: string) => [
  { id: `2.a${n}`, members: ['a', 'b'] },
  { id: `3.c${n}`, members: ['c'] },
]
accepts(
  'T1',
  'a state that covers what was kept when the primary component was lost',
  trio()
    .cast('a#1', 'g')
    .write({ e: 'kept', t: 92, p: 'b', m: 'a#1', g: 'g', view: '1.a.1' }, digest('b', { a: 1 }, 'x')),
)

/** The parts of a split, each of which cast, unite their states. */
const united = (cut: Cut, order = ['2.a.1', '3.c.1']): TraceWriter =>
  trio({ state: true })
    .split(['a', 'b'], ['c'])
    .view('', '2.a', ['a', 'b'])
    .view('g', '2.a.1', ['a', 'b'])
    .view('', '3.c', ['c'], { primary: false })
    .view('g', '3.c.1', ['c'])
    .cast('a#1', 'g')
    .deliverAll(['a', 'b'], 'g', 'a#1')
    .cast('c#1', 'g')
    .deliver('c', 'g', 'c#1')
    .view('', '4.a', all, { subviews: partsOf('') })
    .view('g', '4.a.1', all, { subviews: partsOf('.1') })
    .write(
      { e: 'stateOut', t: 93, p: 'a', g: 'g', to: 'c', view: '4.a.1', cut: { a: 1 }, h: 's1' },
      { e: 'stateOut', t: 93, p: 'c', g: 'g', to: 'a', view: '4.a.1', cut: { c: 1 }, h: 's2' },
      { e: 'merge', t: 94, p: 'c', g: 'g', view: '4.a.1', order, h: 's3' },
      { e: 'digest', t: 95, p: 'c', g: 'g', view: '4.a.1', cut, h: 's3' },
    )
accepts('T1', 'a united state that has both parts', united({ a: 1, c: 1 }))
tolerates('T1', 'a united state without that of a holder whose own was none of them', united({ a: 1 }, ['2.a.1']))
rejects('T1', 'a united state that lacks what its holder had', united({ a: 1 }))
rejects('T1', 'a united state that covers what no part had', united({ a: 2, c: 1 }))

/** The parts of a split unite their states; c, as told, and then a, as these lines say. */
const merged = (...lines: readonly object[]): TraceWriter => {
  const trace = united({ a: 1, c: 1 })
  const own = { e: 'merge', t: 96, p: 'a', g: 'g', view: '4.a.1', order: ['2.a.1', '3.c.1'], h: 's3' } as const
  for (const line of lines) trace.write({ ...own, ...line })
  return trace
}
const wholeAt = (p: string): TraceLine => digest(p, { a: 1, c: 1 }, 's3', '4.a.1')
accepts('T4', 'states that all unite in one order', merged({}).write(wholeAt('a')))
rejects('T4', 'states that one unites in another order', merged({ order: ['3.c.1', '2.a.1'] }))
rejects('T4', 'states that one unites without the last', merged({ order: ['2.a.1'] }))
rejects('T4', 'united states that differ', merged({ h: 's4' }))
rejects('T4', 'states that one unites twice', merged({}, {}))
rejects('T4', 'a state of a view that nobody comes from', merged({ order: ['2.a.1', '9.x.1'] }))
rejects('T4', 'a state that counts as whole and was not united', united({ a: 1, c: 1 }).write(wholeAt('b')))

rejects(
  'T1',
  'a hash without the last delivery',
  joined()
    .cast('c#1', 'g')
    .deliver('b', 'g', 'c#1')
    .write({ e: 'digest', t: 95, p: 'b', g: 'g', view: '2.a.1', cut: { a: 1 }, h: 'x' }),
)

/** What d shows of itself after it was given b's state. */
const shows = (...lines: readonly TraceLine[]): TraceWriter => joined().write(out({ a: 1 }), ...lines)
const shown = digest('d', { a: 1 }, 's1', '2.a.1')
accepts('T3', 'a state that is shown once it has come', shows(into({ a: 1 }), shown))
rejects('T3', 'a state that is shown before the awaited one has come', shows(shown, into({ a: 1 })))
rejects('T3', 'a state that is shown though the awaited one never comes', shows(shown))
accepts(
  'T3',
  'a state that is shown in a later view, which needs none',
  shows()
    .crash('b')
    .view('', '3.a', ['a', 'c', 'd'])
    .view('g', '3.a.1', ['a', 'c', 'd'])
    .write({ ...out({ a: 1 }), p: 'c', view: '3.a.1' } as TraceLine)
    .write({ ...into({ a: 1 }, 's1', 'c'), view: '3.a.1' } as TraceLine, digest('d', { a: 1 }, 's1', '3.a.1')),
)
rejects('T3', 'one who never gets the state that it awaits', shows().quiet(four).end())
tolerates(
  'T3',
  'one who is at rest with its state',
  shows(into({ a: 1 }))
    .quiet(four)
    .end(),
)
rejects(
  'T3',
  'one who never gets it, from however many',
  shows()
    .quiet(four)
    .wait(600)
    .view('g', '2.a.2', four)
    .write({ ...out({ a: 1 }), p: 'c', view: '2.a.2', t: 700 } as TraceLine)
    .end(),
)

/** All unite their states, the last of them as it is said. */
const unitedBy = (order: readonly string[], h: string): TraceWriter =>
  united({ a: 1, c: 1 }).write({ e: 'merge', t: 96, p: 'a', g: 'g', view: '4.a.1', order: [...order], h })
accepts('T4', 'parts that are united in one order', unitedBy(['2.a.1', '3.c.1'], 's3'))
rejects('T4', 'parts that are united in different orders', unitedBy(['3.c.1', '2.a.1'], 's3'))
rejects('T4', 'parts that are united to different states', unitedBy(['2.a.1', '3.c.1'], 's4'))

/** a casts once, b twice; a and c have got all. */
const three = (): TraceWriter =>
  trio().cast('a#1', 'g').cast('b#1', 'g').cast('b#2', 'g').deliverAll(['a', 'c'], 'g', 'a#1', 'b#1', 'b#2')
accepts(
  'T2',
  'equal states at equal cuts',
  three()
    .deliver('b', 'g', 'a#1')
    .write(digest('b', { a: 1 }, 'y'))
    .deliver('b', 'g', 'b#1', 'b#2')
    .write(digest('a', { a: 1, b: 2 }, 'x'), digest('b', { b: 2, a: 1 }, 'x'), digest('c', { a: 1, b: 2 }, 'x')),
)
rejects(
  'T2',
  'different states at equal cuts',
  three().write(digest('a', { a: 1, b: 2 }, 'x'), digest('c', { b: 2, a: 1 }, 'y')),
)
/** In a total group that is not uniform, a and c have different states after a#1. */
const weak = (): TraceWriter =>
  trio({ order: 'total' })
    .cast('a#1', 'g')
    .deliverAll(all, 'g', 'a#1')
    .write(digest('a', { a: 1 }, 'x'), digest('c', { a: 1 }, 'y'))
tolerates('T2', 'different states of those who part, in a weak order', weak().crash('c').view('', '2.a', ['a', 'b']))
rejects('T2', 'different states of those who move together, in a weak order', weak().view('g', '1.a.2', all))
rejects(
  'T2',
  'different states, in a weak order, of those who move to a space view together before they part',
  weak().view('', '2.a', all).crash('c').view('', '3.a', ['a', 'b']).view('g', '3.a.1', ['a', 'b']),
)
rejects(
  'T2',
  'different states at the beginning of a view, in a weak order, of those who part in it',
  trio({ order: 'total' })
    .write(digest('a', {}, 'x'), digest('c', {}, 'y'))
    .crash('c')
    .view('', '2.a', ['a', 'b'])
    .view('g', '2.a.1', ['a', 'b']),
)
/** In an available uniform group in total order, after the signal if there is one. */
const signalled = (after: TraceWriter): TraceWriter =>
  after
    .deliverAll(all, 'g', 'a#1')
    .write(digest('a', { a: 1 }, 'x'), digest('c', { a: 1 }, 'y'))
    .crash('c')
const available = (): TraceWriter => trio({ order: 'total', uniform: true, consistency: 'available' }).cast('a#1', 'g')
tolerates(
  'T2',
  'different states, after the transitional signal, of those who part',
  signalled(available().trans('g', 'a').trans('g', 'c')).view('', '2.a', ['a', 'b']),
)
rejects('T2', 'different states before the transitional signal', signalled(available()).view('', '2.a', ['a', 'b']))
rejects('T2', 'a state that changes by itself', trio().write(digest('a', {}, 'x'), digest('a', {}, 'y')))

accepts(
  'T5',
  'one holder after another',
  trio()
    .grant('a', 'k', ['L', '1.a', 1], 'exclusive')
    .release('a', 'k', ['L', '1.a', 1])
    .grant('b', 'k', ['L', '1.a', 2], 'exclusive'),
)
accepts(
  'T5',
  'a completion that all report',
  trio()
    .grant('a', 'i', ['L', '1.a', 1])
    .release('a', 'i', ['L', '1.a', 1], true)
    .release('b', 'i', ['L', '1.a', 1], true),
)
accepts(
  'T5',
  'a grant after its holder was excluded, and a stale completion refused',
  trio()
    .grant('c', 'i', ['L', '1.a', 1])
    .split(['a', 'b'], ['c'])
    .view('', '2.a', ['a', 'b'])
    .view('g', '2.a.1', ['a', 'b'])
    .grant('a', 'i', ['L', '2.a', 1])
    .release('a', 'i', ['L', '1.a', 1], false)
    .release('a', 'i', ['L', '2.a', 1], true),
)
tolerates(
  'T5',
  'a late word of an older grant at one whose view is behind',
  trio().view('', '2.a', ['a', 'b']).grant('a', 'i', ['L', '2.a', 1]).grant('c', 'i', ['L', '1.a', 1]),
)
tolerates(
  'T5',
  'a holder that learns of its release after the next one',
  trio()
    .grant('a', 'k', ['L', '1.a', 1])
    .cast('a#1', 'g')
    .deliver('b', 'g', 'a#1')
    .grant('b', 'k', ['L', '1.a', 2])
    .release('a', 'k', ['L', '1.a', 1]),
)
tolerates(
  'T5',
  'shared holders',
  trio().grant('a', 'k', ['L', '1.a', 1], 'shared').grant('b', 'k', ['L', '1.a', 2], 'shared'),
)
rejects('T5', 'two holders of one token', trio().grant('a', 'i', ['L', '1.a', 1]).grant('b', 'i', ['L', '1.a', 1]))
/** a has installed the next view of the group, in which the item is its own; b is granted it as of the view before. */
const late = (isBehind: boolean): TraceWriter =>
  trio()
    .view('g', '1.a.2', ['a', 'c'], { by: isBehind ? ['a'] : ['a', 'b'] })
    .grant('a', 'g/i', ['L', '1.a.2', 1])
    .grant('b', 'g/i', ['L', '1.a.1', 1])
tolerates('T5', 'an older grant that is heard late by one whose view of the group is behind', late(true))
rejects('T5', 'an older grant after a newer one at one whose view of the group is not behind', late(false))
/** What b had is given up before b hears of it, and a is granted it: by b's later opening of the object, or by somebody. */
const forgone = (why: string): TraceWriter =>
  trio()
    .write({ e: 'release', t: 1, p: 'a', lock: 'g/i', token: ['L', '1.a.1', 1], why } as never)
    .grant('a', 'g/i', ['L', '1.a.1', 2])
    .grant('b', 'g/i', ['L', '1.a.1', 1])
tolerates('T5', 'an older grant that is heard late, and was given up by a later opening of its taker', forgone('gone'))
rejects('T5', 'an older grant that is heard late, and was given up for another reason', forgone('given'))
rejects('T5', 'two holders of one item', trio().grant('a', 'i', ['L', '1.a', 1]).grant('b', 'i', ['L', '1.a', 2]))
rejects(
  'T5',
  'two holders, of whom the first completes later',
  trio().grant('a', 'i', ['L', '1.a', 1]).grant('b', 'i', ['L', '1.a', 2]).release('a', 'i', ['L', '1.a', 1], true),
)
rejects(
  'T5',
  'two holders, of whom the first moves on with the second',
  trio().grant('a', 'i', ['L', '1.a', 1]).view('', '2.a', all).grant('b', 'i', ['L', '2.a', 1]),
)
rejects(
  'T5',
  'two holders, of whom the first crashes later',
  trio().grant('a', 'i', ['L', '1.a', 1]).grant('b', 'i', ['L', '1.a', 2]).crash('a'),
)
tolerates(
  'T5',
  'a grant to another after its holder was away, who is back',
  trio()
    .grant('c', 'i', ['L', '1.a', 1])
    .view('', '2.a', ['a', 'b'])
    .view('', '3.c', ['c'], { primary: false })
    .view('', '4.a', all)
    .grant('a', 'i', ['L', '4.a', 1]),
)
rejects(
  'T5',
  'a smaller token',
  trio().grant('a', 'k', ['L', '1.a', 2]).release('a', 'k', ['L', '1.a', 2]).grant('b', 'k', ['L', '1.a', 1]),
)
rejects(
  'T5',
  'the same token again',
  trio().grant('a', 'k', ['L', '1.a', 2]).release('a', 'k', ['L', '1.a', 2]).grant('a', 'k', ['L', '1.a', 2]),
)
rejects(
  'T5',
  'two accepted completions',
  trio().release('a', 'i', ['L', '1.a', 1], true).release('b', 'i', ['L', '1.a', 2], true),
)
rejects(
  'T5',
  'a smaller token accepted',
  trio().release('a', 'i', ['L', '1.a', 2], true).release('a', 'i', ['L', '1.a', 1], true),
)
rejects(
  'T5',
  'a guarded resource that accepts a smaller token',
  trio().write(
    { e: 'write', t: 95, p: 'a', lock: 'k', token: ['L', '1.a', 2], ok: true },
    { e: 'write', t: 96, p: 'b', lock: 'k', token: ['L', '1.a', 1], ok: true },
  ),
)

rejects('T1', 'a state that lacks what its donor had', joined().write(digest('b', { a: 1 }, 'x', '2.a.1'), out({})))
