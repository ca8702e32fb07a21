import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkTrace } from '../../sim/checkers/index.ts'
import { accepts, bounds, rejects, TraceWriter, tolerates, trio } from './builder.ts'

const all = ['a', 'b', 'c']
const afterCrash = (): TraceWriter =>
  trio()
    .crash('c')
    .view('', '2.a', ['a', 'b'], { expelled: ['c'] })
    .view('g', '2.a.1', ['a', 'b'])
/** Joins that settled, so that L7 has nothing to say. */
const settled = (trace: TraceWriter, ps: readonly string[] = all): TraceWriter => {
  for (const p of ps) trace.settle('join:', 'ok', p).settle('join:g', 'ok', p)
  return trace
}

accepts('L1', 'one last view for each part', settled(trio()).quiet(all).end())
rejects('L1', 'a last view that is too large', afterCrash().quiet(['a'], ['b']).end())
rejects('L1', 'a last view that is too small', trio().quiet(all).view('', '2.a', ['a', 'b']).end())
rejects(
  'L1',
  'one that missed the last view',
  trio()
    .view('', '2.a', all, { by: ['a', 'b'] })
    .quiet(all)
    .end(),
)
rejects('L1', 'a last view that is late', trio().quiet(all).wait(bounds.tView).view('', '2.a', all).end())
tolerates('L1', 'a run that was not brought to rest', afterCrash().view('', '3.a', ['a']).end())

const sent = (): TraceWriter => settled(trio()).cast('a#1', 'g').settle('a#1', 'delivered')
accepts('L2', 'a cast that all get', sent().deliverAll(all, 'g', 'a#1').quiet(all).end())
rejects('L2', 'a cast that one never gets', sent().deliverAll(['a', 'b'], 'g', 'a#1').quiet(all).end())
tolerates('L2', 'a run that ended too soon', sent().deliver('a', 'g', 'a#1').quiet(all))

accepts('L3', 'a cast that all get', sent().deliverAll(all, 'g', 'a#1').quiet(all).end())
rejects(
  'L3',
  'a sender that stays with a crashed member',
  sent().deliverAll(['a', 'b'], 'g', 'a#1').crash('c').quiet(['a', 'b']).end(),
)
accepts(
  'L3',
  'a sender that moves on',
  sent()
    .deliverAll(['a', 'b'], 'g', 'a#1')
    .crash('c')
    .view('', '2.a', ['a', 'b'])
    .view('g', '2.a.1', ['a', 'b'])
    .quiet(['a', 'b'])
    .end(),
)

const uniformSent = (): TraceWriter =>
  settled(trio({ uniform: true }))
    .cast('a#1', 'g')
    .settle('a#1', 'delivered')
accepts('L4', 'a uniform cast that all are handed', uniformSent().deliverAll(all, 'g', 'a#1').quiet(all).end())
rejects(
  'L4',
  'a uniform cast that one is never handed',
  uniformSent().deliverAll(['a', 'b'], 'g', 'a#1').quiet(all).end(),
)
rejects(
  'L4',
  'a uniform cast that one is handed late',
  uniformSent().deliverAll(['a', 'b'], 'g', 'a#1').quiet(all).wait(bounds.tSettle).deliver('c', 'g', 'a#1').end(),
)
rejects(
  'L4',
  'a uniform cast that is never known to be stable',
  uniformSent().deliverAll(['a', 'b'], 'g', 'a#1').trans('g', 'c').deliver('c', 'g', 'a#1').quiet(all).end(),
)
tolerates(
  'L4',
  'a uniform cast whose group view outlives the view of the space that it was sent in',
  uniformSent()
    .deliverAll(['a', 'b'], 'g', 'a#1')
    .trans('g', 'c')
    .deliver('c', 'g', 'a#1')
    .view('', '2.a', all)
    .quiet(all)
    .end(),
)
tolerates('L4', 'a cast that is not uniform', sent().deliverAll(['a', 'b'], 'g', 'a#1').quiet(all).end())

accepts('L5', 'a crash that is noticed in time', settled(afterCrash()).quiet(['a', 'b']).end())
rejects(
  'L5',
  'a crash that is noticed late',
  trio().crash('c').wait(bounds.tDetect).view('', '2.a', ['a', 'b']).quiet(['a', 'b']).end(),
)
rejects('L5', 'a crash that is never noticed', trio().crash('c').quiet(['a', 'b']).end())
/** c crashes long after both others were frozen; b hears of it so long after it was thawed. */
const frozenMeanwhile = (ms: number): TraceWriter =>
  trio()
    .freeze('b')
    .freeze('a')
    .wait(bounds.tDetect * 2)
    .crash('c')
    .wait(bounds.tDetect * 2)
    .thaw('a')
    .thaw('b')
    .quiet(['a', 'b'])
    .view('', '2.a', ['a', 'b'], { by: ['a'] })
    .wait(ms)
    .view('', '2.a', ['a', 'b'], { by: ['b'] })
    .wait(bounds.tSettle)
    .end()
tolerates('L5', 'a crash that one who was frozen notices when it is thawed', frozenMeanwhile(bounds.tDetect / 2))
rejects('L5', 'a crash that one who was frozen notices late', frozenMeanwhile(bounds.tDetect * 2))
rejects(
  'L5',
  'an exclusion of one to whom nothing ever happened',
  trio().view('', '2.a', ['a', 'b'], { expelled: ['c'] }),
)
tolerates(
  'L5',
  'an exclusion of one who was cut off',
  trio()
    .split(['a', 'b'], ['c'])
    .view('', '2.a', ['a', 'b'], { expelled: ['c'] }),
)
rejects(
  'L5',
  'an exclusion long after a split was over',
  trio().split(['a', 'b'], ['c']).heal().wait(bounds.tDetect).view('', '2.a', ['a', 'b']),
)
tolerates(
  'L5',
  'an exclusion while a split lasts',
  trio().split(['a', 'b'], ['c']).wait(bounds.tDetect).view('', '2.a', ['a', 'b']),
)
rejects(
  'L5',
  'an exclusion of one who came after the split',
  trio()
    .split(['a', 'b'], ['c'])
    .heal()
    .start(['d'])
    .view('', '2.a', [...all, 'd'])
    .view('', '3.a', all),
)
tolerates('L5', 'an exclusion of one who was frozen', trio().freeze('c').view('', '2.a', ['a', 'b']))
tolerates(
  'L5',
  'an exclusion of one who is still frozen',
  trio().freeze('c').wait(bounds.tDetect).view('', '2.a', ['a', 'b']),
)
rejects(
  'L5',
  'an exclusion long after a freeze was over',
  trio().freeze('c').thaw('c').wait(bounds.tDetect).view('', '2.a', ['a', 'b']),
)
const reset = (...ends: readonly [string, string]): TraceWriter => trio().write({ e: 'slow', t: 1, links: [ends] })
tolerates('L5', 'an exclusion of one whose path to the others was reset', reset('b', 'c').view('', '2.a', ['a', 'b']))
const drawnLate = (ms: number): TraceWriter => trio().write({ e: 'late', t: 1, links: [['c', 'a']], ms })
tolerates('L5', 'an exclusion of one whose frame came very late', drawnLate(1_500).view('', '2.a', ['a', 'b']))
rejects('L5', 'an exclusion of one whose frame came no later than often', drawnLate(700).view('', '2.a', ['a', 'b']))
rejects('L5', 'an exclusion for a path between others that was reset', reset('a', 'b').view('', '2.a', ['a', 'b']))
rejects(
  'L5',
  'an exclusion by a coordinator that has crashed since',
  trio()
    .crash('a')
    .view('', '2.a', ['a', 'b'], { by: ['b'] }),
)
tolerates(
  'L5',
  'one who left',
  trio()
    .leave('', 'c')
    .view('', '2.a', ['a', 'b'], { left: ['c'] }),
)
rejects('L5', 'an exclusion within a part', trio().split(['a', 'b'], ['c']).view('', '2.a', ['a']))
/** d, with a as its leader, is merged; it never hears of that, and the next view is without it. */
const halfMerged = (trace = trio()): TraceWriter =>
  trace
    .start(['d'])
    .view('', '1.d', ['d'])
    .view('', '2.a', [...all, 'd'], { by: ['b', 'c'] })
rejects(
  'L5',
  'an exclusion of one that never heard of the view before, though nothing happened',
  halfMerged().view('', '3.b', [...all]),
)
tolerates(
  'L5',
  'an exclusion of one that never heard of the view before, whose leader crashed',
  halfMerged().crash('a').view('', '3.b', ['b', 'c']),
)
tolerates(
  'L5',
  'an exclusion of one that never heard of the view before, whose leader left',
  halfMerged().leave('', 'a').view('', '3.b', ['b', 'c']),
)
rejects(
  'L5',
  'an exclusion of one that gave the view before up, though nothing happened to its leader',
  halfMerged().view('', '3.d', ['d']).view('', '4.b', all),
)
/** d has promised to be in the view of the others, which c was to be in as well; it is in another one meanwhile. */
const heldUp = (by: readonly string[]): TraceWriter =>
  trio()
    .start(['d'])
    .view('', '1.d', ['d'])
    .crash('c')
    .view('', '3.d', ['d'])
    .view('', '2.a', [...all, 'd'], { by })
    .view('', '4.a', ['a', 'b'], { dead: ['c'] })
tolerates('L5', 'an exclusion of one that gave a view up which one who died held up', heldUp(['a', 'b']))
rejects(
  'L5',
  'an exclusion of one that gave a view up which one who died had been in',
  trio()
    .start(['d'])
    .view('', '1.d', ['d'])
    .view('', '2.a', [...all, 'd'], { by: all })
    .crash('c')
    .view('', '3.d', ['d'])
    .view('', '4.a', ['a', 'b'], { dead: ['c'] }),
)
/** d has said READY for a view that others, between whom a path is slow, install much later; it is in another one then. */
const promised = (slow: readonly [string, string], ms: number): TraceWriter => {
  const trace = trio().start(['d']).view('', '1.d', ['d'])
  trace.write({ e: 'slow', t: trace.t, links: [slow], ms: 5_000 }, { e: 'ready', t: trace.t, p: 'd', view: '2.a' })
  trace.wait(ms).view('', '3.d', ['d'])
  return trace
    .write({ e: 'install', t: trace.t, p: 'a', view: '2.a', members: [...all, 'd'] })
    .view('', '2.a', [...all, 'd'], { by: all })
    .view('', '4.a', all)
}
tolerates('L5', 'an exclusion of one that gave a view up which a slow path held up', promised(['a', 'b'], 2_000))
rejects('L5', 'an exclusion of one that gave a view up before its promise was over', promised(['a', 'b'], 500))
rejects('L5', 'an exclusion of one that gave a view up, for a slow path to a stranger', promised(['a', 'x'], 2_000))
/** d has said READY for the view of a, b and c, and later for one with e; then the first one is installed after all. */
const goneBack = (slow: readonly [string, string], ms: number): TraceWriter => {
  const trace = trio().start(['d']).view('', '1.d', ['d']).start(['e']).view('', '1.e', ['e'])
  trace.write({ e: 'slow', t: trace.t, links: [slow], ms: 5_000 }, { e: 'ready', t: trace.t, p: 'd', view: '2.a' })
  trace.wait(ms).write({ e: 'ready', t: trace.t, p: 'd', view: '3.e' })
  return trace
    .view('', '3.e', ['d', 'e'], { by: ['e'] })
    .write({ e: 'install', t: trace.t, p: 'd', view: '2.a', members: [...all, 'd'] })
    .view('', '2.a', [...all, 'd'])
    .view('', '4.e', ['e'])
}
tolerates(
  'L5',
  'an exclusion of one that went on with a view which a slow path had held up',
  goneBack(['a', 'b'], 2_000),
)
rejects(
  'L5',
  'an exclusion of one that went on with a view which it had promised just before',
  goneBack(['a', 'b'], 500),
)
rejects('L5', 'an exclusion of one that went on with a view that nothing held up', goneBack(['a', 'x'], 2_000))
/** The same; the leader of the first one is frozen in between. */
const goneBackToFrozen = (leader: string): TraceWriter => {
  const trace = trio().start(['d']).view('', '1.d', ['d']).start(['e', 'x']).view('', '1.e', ['e'])
  trace.write({ e: 'ready', t: trace.t, p: 'd', view: '2.a' }).freeze(leader)
  trace.wait(2_000).write({ e: 'ready', t: trace.t, p: 'd', view: '3.e' }).thaw(leader)
  return trace
    .view('', '3.e', ['d', 'e'], { by: ['e'] })
    .write({ e: 'install', t: trace.t, p: 'd', view: '2.a', members: [...all, 'd'] })
    .view('', '2.a', [...all, 'd'])
    .view('', '4.e', ['e'])
}
tolerates('L5', 'an exclusion of one that went on with a view whose leader had been frozen', goneBackToFrozen('a'))
rejects('L5', 'an exclusion of one that went on with a view while a stranger was frozen', goneBackToFrozen('x'))
test('L5 counts exclusions of live processes', () => {
  const { lines } = trio().split(['a', 'b'], ['c']).view('', '2.a', ['a', 'b'])
  assert.equal(checkTrace(lines).metrics['L5.falseExclusions'], 2)
})

const cast = (): TraceWriter => settled(trio()).cast('a#1', 'g').deliverAll(all, 'g', 'a#1')
accepts('L6', 'a promise that settles', cast().settle('a#1', 'delivered').quiet(all).end())
rejects('L6', 'a promise that never settles', cast().quiet(all).end())
rejects('L6', 'a promise that settles late', cast().quiet(all).wait(bounds.tSettle).settle('a#1', 'delivered').end())
rejects(
  'L6',
  'a cast that is never even sent',
  trio().write({ e: 'cast', t: 50, p: 'a', m: 'a#1', g: 'g', seen: null }).quiet(all).end(),
)
tolerates('L6', 'a cast of one that crashed', cast().crash('a').quiet(['b', 'c']).end())
tolerates(
  'L6',
  'a consistent group that waits for a primary view',
  trio({ consistency: 'consistent' })
    .view('', '2.a', all, { primary: false })
    .write({ e: 'cast', t: 50, p: 'a', m: 'a#1', g: 'g', seen: null })
    .quiet(all)
    .end(),
)

rejects(
  'L6',
  'a cast that was sent and never settles, in a consistent group that waits for a primary view',
  trio({ consistency: 'consistent' }).cast('a#1', 'g').view('', '2.a', all, { primary: false }).quiet(all).end(),
)

/** a's casts in g and h have waited; each is sent so long after the one before, and settles then; the last of them is late. */
const queued = (ms: number, order: 'total' | 'causal' = 'total'): TraceWriter => {
  const trace = trio({ order }).open('h', all, { order }).view('h', '1.a.1', all)
  const names = ['a#1', 'a#2', 'a#3', 'a#4'].map((m, i): [string, string] => [m, i % 2 === 0 ? 'g' : 'h'])
  for (const [m, g] of names) trace.write({ e: 'cast', t: trace.t, p: 'a', m, g, seen: '1.a.1' })
  trace.quiet(all)
  for (const [m, g] of names) trace.send(m, g).wait(ms).settle(m, 'delivered')
  return trace.end()
}
tolerates('L6', 'casts that wait for the number of the one before them', queued(500))
rejects('L6', 'casts that wait for too long for the one before them', queued(2_500))
rejects('L6', 'casts that need not wait for the one before them', queued(500, 'causal'))

accepts('L7', 'joins that settle', settled(trio()).quiet(all).end())
rejects('L7', 'a join that never settles', settled(trio(), ['a', 'b']).quiet(all).end())
rejects(
  'L7',
  'a join that settles late',
  settled(settled(trio(), ['a', 'b']).quiet(all).wait(bounds.tJoin), ['c']).end(),
)
rejects(
  'L7',
  'a second join that does not settle',
  settled(trio()).leave('g', 'c').view('g', '1.a.2', ['a', 'b']).join('g', 'c').quiet(all).end(),
)
tolerates(
  'L7',
  'a join that was taken back',
  settled(trio(), ['a', 'b']).settle('join:', 'ok', 'c').leave('g', 'c').quiet(all).end(),
)
test('liveness is not judged without a quiet line', () => {
  const { checked } = checkTrace(new TraceWriter().start(all).end().lines)
  for (const property of ['L1', 'L2', 'L3', 'L6', 'L7']) assert.equal(checked[property], 0)
})

/** a makes a cast and sends it so much later. */
const waits = (ms: number, before: TraceWriter = settled(trio())): TraceWriter => {
  const { t } = before
  return before.write({ e: 'cast', t, p: 'a', m: 'a#1', g: 'g', seen: '1.a.1' }).wait(ms).send('a#1', 'g')
}
const patience = bounds.tDetect + bounds.tView
accepts('L8', 'a cast that waits, but not for long', waits(patience - 10))
rejects('L8', 'a cast that waits for long', waits(patience + 10))
rejects(
  'L8',
  'a cast that is never sent',
  settled(trio()).write({ e: 'cast', t: 20, p: 'a', m: 'a#1', g: 'g', seen: '1.a.1' }).wait(patience).end(),
)
/** a makes two casts, and sends the first within the bound, and the other soon after it, but too late. */
const inTurn = (order: 'fifo' | 'gbcast'): TraceWriter => {
  const trace = settled(trio())
  for (const m of ['a#1', 'a#2']) trace.write({ e: 'cast', t: trace.t, p: 'a', m, g: 'g', seen: '1.a.1' })
  trace.wait(patience - 10)
  trace.write({ e: 'send', t: trace.t, p: 'a', m: 'a#1', g: 'g', view: '1.a.1', order, uniform: false, h: 'h-a#1' })
  return trace.wait(20).send('a#2', 'g')
}
accepts('L8', 'a cast that comes next after a gbcast of its sender', inTurn('gbcast'))
rejects('L8', 'a cast that comes after one that it need not wait for', inTurn('fifo'))
tolerates('L8', 'a cast of a consistent group', waits(patience + 10, settled(trio({ consistency: 'consistent' }))))
tolerates('L8', 'a cast of one that was frozen', waits(patience + 10, settled(trio()).freeze('a').thaw('a')))
tolerates(
  'L8',
  'a cast of one whose page was blocked',
  waits(patience + 10, settled(trio()).write({ e: 'stall', t: 20, q: 'a', ms: 5 })),
)
rejects(
  'L8',
  'a cast that waits for one whose page is blocked',
  waits(patience + 10, settled(trio()).write({ e: 'stall', t: 20, q: 'b', ms: 9_000 })),
)
tolerates(
  'L8',
  'a cast of one that dies',
  settled(trio()).write({ e: 'cast', t: 20, p: 'a', m: 'a#1', g: 'g', seen: '1.a.1' }).crash('a').wait(patience).end(),
)

/** a's casts in g and h wait for one who does not listen, who is put out in time; then each is sent so long after the one before. */
const waitInTurn = (ms: number, order: 'total' | 'causal' = 'total'): TraceWriter => {
  const trace = settled(trio({ order })).open('h', all, { order }).view('h', '1.a.1', all).settle('join:h', 'ok', 'a')
  const names = ['a#1', 'a#2', 'a#3', 'a#4'].map((m, i): [string, string] => [m, i % 2 === 0 ? 'g' : 'h'])
  for (const [m, g] of names) trace.write({ e: 'cast', t: trace.t, p: 'a', m, g, seen: '1.a.1' })
  trace.wait(patience - 10)
  for (const [m, g] of names) trace.send(m, g).wait(ms)
  return trace
}
tolerates('L8', 'casts that wait for the number of the one before them', waitInTurn(500))
rejects('L8', 'casts that wait for too long for the one before them', waitInTurn(2_500))
rejects('L8', 'casts that need not wait for the one before them', waitInTurn(500, 'causal'))

const lags = (): TraceWriter =>
  trio()
    .write({ e: 'suspend', t: 20, p: 'c', lagging: true })
    .wait(3 * bounds.tDetect + 2_500)
tolerates('L5', 'an exclusion of one that still lags', lags().view('', '2.a', ['a', 'b'], { away: ['c'] }))
rejects(
  'L5',
  'an exclusion long after one lagged',
  lags().write({ e: 'resume', t: 30, p: 'c' }).view('', '2.a', ['a', 'b']),
)

/** c was asleep; after so long the kernel of a excludes it, of which the page of a is told much later. */
const toldLate = (ms: number): TraceWriter =>
  trio()
    .freeze('c')
    .thaw('c')
    .wait(ms)
    .install('2.a', ['a', 'b'], ['a'])
    .wait(3 * bounds.tDetect)
    .view('', '2.a', ['a', 'b'], { by: ['a'], away: ['c'] })
tolerates('L5', 'an exclusion in time of which its application hears late', toldLate(bounds.tDetect - 10))
rejects('L5', 'an exclusion without a cause of which its application hears late', toldLate(bounds.tDetect + 10))
tolerates(
  'L5',
  'one whose page is blocked and does not show that another crashed',
  trio()
    .write({ e: 'stall', t: 20, q: 'b', ms: 1 })
    .crash('c')
    .view('', '2.a', ['a', 'b'], { by: ['a'] })
    .wait(bounds.tDetect)
    .view('', '2.a', ['a', 'b'], { by: ['b'] })
    .quiet(['a', 'b'])
    .end(),
)
