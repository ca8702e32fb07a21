import { accepts, rejects, TraceWriter, tolerates } from './builder.ts'

const all = ['a', 'b', 'c']

/** These start, with an origin each (none by default), and are in a primary view of line `L`. */
function begun(origins: Readonly<Record<string, string>> = {}, ids: readonly string[] = all): TraceWriter {
  const trace = new TraceWriter()
  for (const id of ids) trace.start([id], origins[id] ?? '')
  return trace.attempt('1.a', ids).view('', '1.a', ids).install('1.a', ids)
}

/** They end in a view that is not primary, or is. */
function ended(
  trace: TraceWriter,
  members: readonly string[],
  fields: { readonly primary?: boolean; readonly line?: string | null } = {},
): TraceWriter {
  return trace
    .quiet(members)
    .view('', `9.${members[0]}`, members, { primary: false, ...fields })
    .end()
}

/** The view of two that c was to lead; who promised it, and c is gone. */
const attempted = (by: readonly string[], origins: Readonly<Record<string, string>> = {}): TraceWriter =>
  begun(origins).attempt('2.c', all, by).crash('c')

accepts(
  'L10',
  'a majority that ends in a primary view',
  ended(begun().settle('join:', 'ok', 'a').settle('join:', 'ok', 'b').crash('c'), ['a', 'b'], { primary: true }),
)
rejects('L10', 'a majority that waits', ended(begun().crash('c'), ['a', 'b']))
tolerates('L10', 'a minority that waits', ended(begun().crash('a').crash('b'), ['c']))
rejects('L10', 'half of two, with the most senior, that waits', ended(begun({}, ['a', 'b']).crash('b'), ['a']))
tolerates('L10', 'half of two, without the most senior, that waits', ended(begun({}, ['a', 'b']).crash('a'), ['b']))

rejects(
  'L10',
  'one that waits for a tab of its own browser that has crashed',
  ended(begun({ a: 'o', b: 'o' }, ['a', 'b']).crash('a'), ['b']),
)
tolerates(
  'L10',
  'one that waits for a tab of another browser that has crashed',
  ended(begun({ a: 'o', b: 'p' }, ['a', 'b']).crash('a'), ['b']),
)
rejects(
  'L10',
  'one that waits for who has said goodbye to it',
  ended(begun({}, ['a', 'b']).leave('', 'a').write({ e: 'departed', t: 90, p: 'b', q: 'a', dead: false }), ['b']),
)
tolerates(
  'L10',
  'one that waits for who left, and whose goodbye it has not heard',
  ended(begun({}, ['a', 'b']).leave('', 'a'), ['b']),
)
tolerates(
  'L10',
  'one that waits for who has gone on in another line since, and is dead',
  ended(
    begun({ a: 'o', b: 'o' }, ['a', 'b'])
      .write({ e: 'attempt', t: 90, p: 'a', view: '2.a', line: 'M', members: ['a'] })
      .crash('a'),
    ['b'],
  ),
)

tolerates('L10', 'who waits for the leader of a view that all have promised', ended(attempted(all), ['a', 'b']))
rejects('L10', 'who waits for a view that one of them never promised', ended(attempted(['a', 'c']), ['a', 'b']))
tolerates(
  'L10',
  'who waits for a view of which one has forgotten, in another line, what it promised',
  ended(
    begun()
      .start(['d'])
      .attempt('2.a', [...all, 'd'])
      .view('', '3.d', ['d'], { line: 'M' })
      .write({ e: 'lineLost', t: 90, p: 'd', line: 'M' })
      .crash('a'),
    ['b', 'c', 'd'],
  ),
)
tolerates(
  'L10',
  'who waits for a view that one never promised, but that another leader may have completed',
  ended(
    begun()
      .start(['d'])
      .attempt('2.c', all, ['a', 'c'])
      .write({ e: 'row', t: 90, p: 'a', view: '3.d' })
      .crash('c')
      .crash('d'),
    ['a', 'b'],
  ),
)
rejects(
  'L10',
  'who waits for a leader that has told them how it goes on',
  ended(
    begun()
      .start(['d'])
      .attempt('2.c', all, ['a', 'c'])
      .write({ e: 'row', t: 90, p: 'a', view: '3.d' }, { e: 'cutAgreed', t: 90, p: 'a', view: '3.d' })
      .crash('c')
      .crash('d'),
    ['a', 'b'],
  ),
)
rejects(
  'L10',
  'who waits for a view all others of which are gone for good',
  ended(attempted(all, { a: 'o', c: 'o' }), ['a', 'b']),
)
rejects(
  'L10',
  'who waits for a view whose leader is with them',
  ended(begun().attempt('2.a', all).crash('c'), ['a', 'b']),
)
rejects(
  'L10',
  'who waits for a vote that one of them has not promised',
  ended(begun().attempt('2.c', all, all, false).crash('c'), ['a', 'b']),
)
tolerates(
  'L10',
  'who waits for one that went on, with who was with it, in a later view',
  ended(begun().attempt('2.c', all).install('2.c', all, ['c']).crash('c'), ['a', 'b']),
)
tolerates(
  'L10',
  'a majority of which one has been in another line meanwhile',
  ended(begun().view('', '3.b', ['b'], { line: 'M' }).crash('c'), ['a', 'b']),
)

const alone = (isWitness = false): TraceWriter =>
  new TraceWriter().write(
    { e: 'start', t: 2, p: 'a', site: 's', origin: 'o', ...(isWitness ? { witness: true } : {}) },
    { e: 'join', t: 2, p: 'a', g: '' },
  )
rejects('L10', 'who ends in no line, and founds none', ended(alone(), ['a'], { line: null }))
tolerates('L10', 'a witness that founds no line', ended(alone(true), ['a'], { line: null }))
