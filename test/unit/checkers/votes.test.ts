import { accepts, rejects, TraceWriter, tolerates, trio } from './builder.ts'

const all = ['a', 'b', 'c']
/** All three are in a primary view in which their votes weigh this much, and go on in one of these. */
const weighed = (weights: readonly number[], ...next: readonly string[]): TraceWriter =>
  trio()
    .view('', '2.a', all, { weights })
    .view('', `3.${next[0]}`, next, { weights: next.map((id) => weights[all.indexOf(id)] ?? 1) })
/** c is a witness; a and b have the group. */
const witnessed = (order: readonly string[], inGroup: readonly string[] = ['a', 'b']): TraceWriter =>
  new TraceWriter()
    .start(['a', 'b'])
    .write({ e: 'start', t: 3, p: 'c', site: 'site-c', origin: '', witness: true }, { e: 'join', t: 3, p: 'c', g: '' })
    .open('g', inGroup)
    .view('', '1.a', order)
    .view('g', '1.a.1', inGroup)
const begun = (site: string, isLate = false): TraceWriter => {
  const trace = new TraceWriter().start(['a', 'b']).view('', '2.a', ['a', 'b'])
  if (!isLate) trace.crash('a')
  trace.write({ e: 'start', t: trace.t, p: 'c', site, origin: '' }, { e: 'join', t: trace.t, p: 'c', g: '' })
  if (isLate) trace.crash('a')
  return trace.view('', '3.b', ['b', 'c'])
}

tolerates('P2', 'one whose vote weighs more than those of all others', weighed([1, 1, 5], 'c'))
rejects('P2', 'more heads, but fewer votes', weighed([1, 1, 5], 'a', 'b'))
tolerates('P2', 'half of the votes with the most senior that has one', weighed([0, 1, 1], 'b'))
rejects('P2', 'half of the votes with a most senior that has none', weighed([0, 1, 1], 'a', 'c'))
tolerates('P2', 'who has a vote without those who have none', weighed([0, 1, 0], 'b'))
tolerates(
  'P2',
  'most heads of those who are left when all who had a vote have left',
  trio()
    .view('', '2.a', all, { weights: [1, 0, 0] })
    .leave('', 'a')
    .view('', '3.b', ['b'], { weights: [0] }),
)
tolerates('P2', 'half of a view whose other half is proven dead by who began at its site', begun('site-a'))
rejects('P2', 'a minority with somebody who began at another site', begun('site-c'))
rejects('P2', 'a minority with somebody who began at the site before the crash', begun('site-a', true))
/** a and b, of these origins, are in a primary view; a crashes, and b goes on alone. */
const survived = (a: string, b: string): TraceWriter =>
  new TraceWriter().start(['a'], a).start(['b'], b).view('', '2.a', ['a', 'b']).crash('a')
tolerates(
  'P2',
  'half of a view whose other half a tab of its browser saw die',
  survived('o', 'o').view('', '3.b', ['b']),
)
rejects(
  'P2',
  'half of a view whose other half nobody of its browser is there to see',
  survived('o', 'p').view('', '3.b', ['b']),
)
rejects(
  'P2',
  'half of a view whose other half died only after it was agreed',
  new TraceWriter()
    .start(['a', 'b'], 'o')
    .view('', '2.a', ['a', 'b'])
    .attempt('3.b', ['b'])
    .crash('a')
    .view('', '3.b', ['b']),
)
tolerates(
  'P2',
  'half of a view whose other half is told to be dead by one who has gone since',
  survived('o', 'p')
    .start(['c'], 'o')
    .write({ e: 'departed', t: 30, p: 'c', q: 'a', dead: true })
    .view('', '3.b', ['b', 'c'], { primary: false })
    .crash('c')
    .view('', '4.b', ['b']),
)

rejects(
  'S4',
  'a view in which votes weigh differently to different members',
  trio()
    .view('', '2.a', all, { by: ['a'], weights: [1, 1, 2] })
    .view('', '2.a', all, { by: ['b', 'c'], weights: [1, 2, 1] }),
)

accepts('S8', 'a witness behind all others, in no group', witnessed(['a', 'b', 'c']))
rejects('S8', 'a witness that ranks before others', witnessed(['a', 'c', 'b']))
rejects('S8', 'a witness in a group', witnessed(['a', 'b', 'c'], ['a', 'b', 'c']))
