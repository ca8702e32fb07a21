/** P3: by the clock of the world, what a lease covers is done by one side at a time. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import { accepts, bounds, rejects, type TraceWriter, tolerates, trio } from './builder.ts'

const own: TraceToken = ['L', '1.a.1', 1]
const next: TraceToken = ['L', '2.b.1', 1]
const quietly = { by: ['a'], expelled: ['b', 'c'], primary: false }

/** a has an item in hand, and is cut off from the others, who go on. */
function cutOff(): TraceWriter {
  return trio()
    .act('a', 'k', own, true)
    .split(['a'], ['b', 'c'])
    .view('', '2.b', ['b', 'c'], { expelled: ['a'] })
}

/** a notices after so many ms that it is, when b has had the item for so many. */
const lateBy = (ms: number): TraceWriter =>
  cutOff().wait(bounds.lease).act('b', 'k', next, true).wait(ms).act('a', 'k', own, false)

accepts(
  'P3',
  'an item that its holder gives up before it is given to another',
  cutOff().wait(9_000).act('a', 'k', own, false).wait(2_000).act('b', 'k', next, true),
)
rejects('P3', 'an item that two have in hand', lateBy(5))
rejects(
  'P3',
  'an item that two have in hand, one of them to the end',
  cutOff().wait(bounds.lease).act('b', 'k', next, true).end(),
)
tolerates('P3', 'a holder that has crashed', cutOff().crash('a').act('b', 'k', next, true))
const frozen = cutOff().freeze('a').wait(bounds.lease).act('b', 'k', next, true).wait(5_000).thaw('a')
tolerates(
  'P3',
  'a holder that is frozen meanwhile, and stops as soon as it is not',
  frozen.write({ e: 'act', t: frozen.lines.at(-1)?.t ?? 0, p: 'a', lock: 'k', token: own, on: false }),
)
rejects(
  'P3',
  'a holder that was frozen, and goes on with it',
  cutOff().freeze('a').wait(bounds.lease).act('b', 'k', next, true).thaw('a').wait(50).act('a', 'k', own, false),
)
const blocked = cutOff().wait(bounds.lease)
tolerates(
  'P3',
  'a holder whose page is blocked meanwhile',
  blocked
    .write({ e: 'pause', t: blocked.t, q: 'a', ms: 500 })
    .act('b', 'k', next, true)
    .wait(480)
    .act('a', 'k', own, false),
)

/** A clock that stood still for so long shows a that it has so much time left, and it uses so much. */
function stood(ms: number, uses: number): TraceWriter {
  const trace = cutOff().freeze('a').wait(ms).act('b', 'k', next, true)
  return trace.write({ e: 'thaw', t: trace.t, q: 'a', stood: ms }).wait(uses).act('a', 'k', own, false)
}
tolerates('P3', 'a holder whose clock stood still, for a lease', stood(20_000, bounds.lease - 10))
rejects('P3', 'a holder whose clock stood still, for longer', stood(20_000, bounds.lease * 1.1 + 10))
rejects('P3', 'a holder whose clock stood still for a moment, for longer than that', stood(100, 200))

const again = cutOff().freeze('a').wait(20_000).act('b', 'k', next, true)
tolerates(
  'P3',
  'a holder whose clock stood still, and that is frozen once more before it has noticed',
  again
    .write({ e: 'thaw', t: again.t, q: 'a', stood: 20_000 })
    .wait(bounds.lease - 10)
    .freeze('a')
    .wait(9_000)
    .thaw('a')
    .act('a', 'k', own, false),
)

/** Cut off with an item of the queue "k", a founds its line anew and goes on with it; the others have given it to b by then. */
const foundedAnew = (): TraceWriter =>
  trio()
    .act('a', 'k/1', own, true)
    .split(['a'], ['b', 'c'])
    .view('', '2.b', ['b', 'c'], { expelled: ['a'] })
    .view('', '2.a', ['a'], { expelled: ['b', 'c'], line: 'M' })
    .wait(bounds.lease)
    .act('b', 'k/1', next, true)
    .wait(50)
tolerates('P3', 'a holder that has founded its line anew', foundedAnew().act('a', 'k/1', own, false))
/** Then its line is lost to that of the others, and a state says whose the item is; a has it so many ms longer. */
function lostAgain(ms: number): TraceWriter {
  const trace = foundedAnew()
  trace.write({ e: 'lineLost', t: trace.t, p: 'a', line: 'M' }).view('', '3.b', ['b', 'c', 'a']).wait(20)
  const { t } = trace
  trace.write({ e: 'stateIn', t, p: 'a', g: 'k', from: 'b', view: '3.b.0', cut: {}, h: 'x' }).wait(ms)
  return trace.write({ e: 'act', t: t + ms, p: 'a', lock: 'k/1', token: own, on: false })
}
tolerates('P3', 'a holder whose line is lost, until it has the state', lostAgain(0))
rejects('P3', 'a holder whose line is lost, and that goes on with what the state takes from it', lostAgain(5))

/**
 * Its line is lost to that of the others where only c of them is, who knows nothing of what b was given since. a has the
 * item so many ms longer than it takes until c's state comes, which still calls it a's.
 */
function lostToStray(ms: number): TraceWriter {
  const trace = foundedAnew().view('', '3.c', ['c'], { expelled: ['b'], primary: false })
  trace.write({ e: 'lineLost', t: trace.t, p: 'a', line: 'M' })
  trace.view('', '4.a', ['a', 'c'], { primary: false }).wait(20)
  const { t } = trace
  trace.write({ e: 'stateIn', t, p: 'a', g: 'k', from: 'c', view: '4.a.0', cut: {}, h: 'x' }).wait(ms)
  return trace.write({ e: 'act', t: t + ms, p: 'a', lock: 'k/1', token: own, on: false })
}
tolerates(
  'P3',
  'a holder whose line is lost to one of which only strays are there, until it has their state',
  lostToStray(0),
)
rejects('P3', 'a holder whose line is lost to such a one, and that goes on by what it heard in its own', lostToStray(5))

/** After a view without it, a is told that its lease counts from so many ms after that; its clock may have stood still since. */
function leased(from: number, stoodMs = 0): TraceWriter {
  const trace = cutOff()
  const began = trace.lines.at(-1)?.t ?? 0
  if (stoodMs > 0) trace.freeze('a').wait(stoodMs).write({ e: 'thaw', t: trace.t, q: 'a', stood: stoodMs })
  trace.wait(20).write({ e: 'lease', t: trace.t, p: 'a', start: began + from - stoodMs })
  return trace.view('', '2.a', ['a'], quietly)
}
accepts('P3', 'a lease that counts from before a view without its holder', leased(-5))
rejects('P3', 'a lease that counts from when there was a view without its holder', leased(5))
rejects('P3', 'the same by a clock that has stood still since', leased(5_010, 5_000))
