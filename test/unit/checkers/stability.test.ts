import { accepts, rejects, type TraceWriter, tolerates, trio } from './builder.ts'

const all = ['a', 'b', 'c']
const uniform = { uniform: true }

/** a has sent two casts in space view 1.a, under the numbers 1 and 2. */
const sent = (options: object = uniform): TraceWriter =>
  trio(options).install('1.a', all).cast('a#1', 'g', undefined, 1).cast('a#2', 'g', undefined, 2)

/** What a process says of a's casts when it closes the view: up to which number it has got them, and knows them stable. */
interface Said {
  readonly got: number
  readonly stable?: number
  /** Those it still holds; by default all that it has got and does not know to be stable. */
  readonly holds?: readonly number[]
}

const closes = (trace: TraceWriter, p: string, { got, stable = 0, holds }: Said): TraceWriter => {
  const held = holds ?? [1, 2].filter((seq) => seq > stable && seq <= got)
  const none: readonly number[] = []
  return trace.write({
    ...{ e: 'row', t: trace.t, p, view: '2.a' },
    ...{ stable: [stable, 0, 0], got: [got, 0, 0], holds: [held, none, none] },
  })
}

const released = (): TraceWriter => sent().deliver('b', 'g', 'a#1')
accepts('F2', 'a released cast that another has got when it closes the view', closes(released(), 'c', { got: 1 }))
accepts('F2', 'one that it was forwarded', closes(released(), 'c', { got: 0, holds: [1] }))
rejects('F2', 'a released cast that another has not got when it closes the view', closes(released(), 'c', { got: 0 }))
rejects(
  'F2',
  'one that another, who had closed the view before, never gets',
  closes(sent(), 'c', { got: 0 }).deliver('b', 'g', 'a#1').install('2.a', all, ['c']).view('', '2.a', all),
)
tolerates(
  'F2',
  'one that another, who had closed the view before, crashes without being handed',
  closes(sent(), 'c', { got: 0 }).deliver('b', 'g', 'a#1').install('2.a', all, ['c']).crash('c'),
)
tolerates(
  'F2',
  'one that another, who had closed the view before, may still get',
  closes(sent(), 'c', { got: 0 }).deliver('b', 'g', 'a#1'),
)
accepts(
  'F2',
  'one that another delivers later on',
  closes(sent(), 'c', { got: 0 }).deliverAll(['b', 'c'], 'g', 'a#1').install('2.a', all, ['c']),
)
accepts(
  'F2',
  'one that another keeps with its state',
  closes(sent(), 'c', { got: 0 })
    .deliver('b', 'g', 'a#1')
    .write({ e: 'kept', t: 80, p: 'c', m: 'a#1', g: 'g', view: '1.a.1' })
    .install('2.a', all, ['c']),
)
tolerates('F2', 'a cast that need not be stable', closes(sent({}).deliver('b', 'g', 'a#1'), 'c', { got: 0 }))
tolerates('F2', 'a cast to one that has left the group', closes(released().leave('g', 'c'), 'c', { got: 0 }))

/** b delivers a's first cast after the signal, which names who comes along. */
const signalled = (...trans: readonly string[]): TraceWriter =>
  sent().write({ e: 'trans', t: 70, p: 'b', g: 'g', view: '1.a.1', trans }).deliver('b', 'g', 'a#1')
rejects('F2', 'a cast after the signal that one of those it names lacks', closes(signalled(...all), 'c', { got: 0 }))
rejects(
  'F2',
  'a cast after the signal that one goes on without, to the same view',
  closes(sent(), 'c', { got: 0 })
    .write({ e: 'trans', t: 70, p: 'b', g: 'g', view: '1.a.1', trans: all })
    .deliver('b', 'g', 'a#1')
    .install('2.a', all, ['b', 'c'])
    .view('', '2.a', all),
)
/** b goes on to a view; and then c closes the old one, for another. */
const goneOn = (trace: TraceWriter): TraceWriter => closes(trace.install('2.a', all, ['b']), 'c', { got: 0 })
rejects(
  'F2',
  'a cast after the signal that one lacks who said READY for the view that follows',
  goneOn(signalled(...all).write({ e: 'ready', t: 60, p: 'c', view: '2.a' })),
)
tolerates(
  'F2',
  'a cast after the signal that one lacks without whose READY the view that follows was completed',
  goneOn(signalled(...all)),
)
tolerates(
  'F2',
  'a cast after the signal that one lacks whom it does not name',
  closes(signalled('a', 'b'), 'c', { got: 0 }),
)

accepts('F3', 'what is stable as the others show', closes(closes(sent(), 'b', { got: 2, stable: 1 }), 'c', { got: 1 }))
rejects('F3', 'what another has not got', closes(closes(sent(), 'b', { got: 2, stable: 2 }), 'c', { got: 1 }))
rejects(
  'F3',
  'what shrinks',
  closes(closes(sent(), 'b', { got: 2, stable: 1 }), 'b', { got: 2, stable: 0, holds: [1, 2] }),
)
tolerates(
  'F3',
  'what one who closed the view before had not got by then',
  closes(closes(sent(), 'c', { got: 1 }), 'b', { got: 2, stable: 2 }),
)
accepts(
  'F3',
  'what was not sent to whoever lacks it',
  closes(
    closes(
      trio().install('1.a', all).open('k', ['a', 'b']).view('k', '1.a.1', ['a', 'b']).cast('a#1', 'k', undefined, 1),
      'b',
      { got: 1, stable: 1 },
    ),
    'c',
    { got: 0 },
  ),
)

accepts(
  'F4',
  'what is forgotten and all have got',
  closes(closes(sent(), 'b', { got: 2, stable: 1, holds: [2] }), 'c', { got: 1 }),
)
rejects(
  'F4',
  'what is forgotten and another has not got',
  closes(closes(sent(), 'b', { got: 2, stable: 1, holds: [] }), 'c', { got: 1 }),
)
accepts('F4', 'what is held for another', closes(closes(sent(), 'b', { got: 2, stable: 1 }), 'c', { got: 1 }))
