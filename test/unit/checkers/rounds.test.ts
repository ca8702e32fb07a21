/** What L6 and L8 grant a cast that waits for the number of the one before it, where frames are late. */
import { rejects, TraceWriter, tolerates } from './builder.ts'

/** A frame from one process to another: when it is sent, after the first cast, and for how long it is on its way. */
type Frame = readonly [from: string, to: string, at: number, ms: number]

const all = ['a', 'b', 'c', 'd']
const members = ['a', 'b', 'c']

/** a casts in g and in h; the second cast settles 3 s after the first was sent, a second more than a round takes. */
function round(...frames: readonly Frame[]): TraceWriter {
  const trace = new TraceWriter().start(all).view('', '1.d', ['d']).view('', '1.a', members)
  for (const g of ['g', 'h']) trace.open(g, members, { order: 'total' }).view(g, '1.a.1', members)
  for (const [m, g] of [
    ['a#1', 'g'],
    ['a#2', 'h'],
  ] as const)
    trace.write({ e: 'cast', t: trace.t, p: 'a', m, g, seen: '1.a.1' })
  trace.quiet(members, ['d']).wait(100)
  const begin = trace.t
  trace.write({ e: 'send', t: begin, p: 'a', m: 'a#1', g: 'g', view: '1.a.1', order: 'total', uniform: false, h: 'h' })
  for (const [from, to, at, ms] of [...frames].sort((x, y) => x[2] - y[2]))
    trace.write({ e: 'late', t: begin + at, links: [[from, to]], ms })
  trace.settle('a#1', 'delivered').send('a#2', 'h')
  return trace
    .write({ e: 'settle', t: begin + 3_000, p: 'a', of: 'a#2', outcome: 'delivered' })
    .wait(3_000)
    .end()
}

rejects('L6', 'a round that takes for too long', round())
tolerates('L6', 'a round in which a frame is a second late', round(['b', 'c', 200, 1_500]))
rejects('L6', 'a round in which a frame takes a second, of which it is late for a half', round(['b', 'c', 200, 1_000]))
tolerates(
  'L6',
  'a round in which two frames, one after the other, are half a second late',
  round(['b', 'c', 200, 1_000], ['c', 'a', 1_200, 1_000]),
)
rejects(
  'L6',
  'a round in which two frames are late at the same time',
  round(['b', 'c', 200, 1_300], ['c', 'a', 100, 1_300]),
)
tolerates('L6', 'a round that begins behind a frame that is late', round(['b', 'c', -1_000, 2_000]))
rejects('L6', 'a round that begins when a frame that is late has almost come', round(['b', 'c', -1_000, 1_900]))
rejects('L6', 'a round that ends before a frame comes that is late', round(['b', 'c', 1_000, 2_100]))
rejects('L6', 'a round in which a frame to one who is not in the view is late', round(['b', 'd', 200, 1_500]))
rejects('L6', 'a round in which a frame from one who is not in the view is late', round(['d', 'b', 200, 1_500]))
