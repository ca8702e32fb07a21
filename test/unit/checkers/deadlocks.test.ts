import type { TraceDeed, TraceToken } from '../../../lib/testing/trace.ts'
import { rejects, TraceWriter, tolerates } from './builder.ts'

const all = ['a', 'b', 'c']
const options = { order: 'total', uniform: true, consistency: 'consistent', state: true } as const
const token = (n: number): TraceToken => ['L', '1.a.1', n]

type Claims = readonly (readonly [table: string, token: TraceToken])[]
type Edge = readonly [string, string, string, string, readonly (readonly [string, TraceToken])[], string | null]

/** Hand-written lines of the locks (`circles`), of a semaphore of one permit (`gate`) and of one of two (`pool`). */
class CircleWriter extends TraceWriter {
  constructor() {
    super()
    this.start(all).view('', '1.a', all)
    for (const g of ['circles', 'gate', 'pool']) this.open(g, all, options).view(g, '1.a.1', all)
  }

  does(obj: string, deed: TraceDeed, body: unknown): this {
    for (const p of all)
      this.write({ e: 'exec', t: this.t, p, obj, step: 'op', by: deed.by ?? '', body, deeds: [deed], h: `${this.t}` })
    return this
  }

  asks(p: string, n: number, obj: string, { claims = [], name = '' }: { claims?: Claims; name?: string } = {}): this {
    const body = ['lock', name, 'exclusive', 'wait', claims]
    return this.write({ e: 'ask', t: this.t, p, obj, id: n, call: [0, n], body })
  }

  /** It asks for something, and has it. */
  has(p: string, n: number, obj: string, given: TraceToken, name = ''): this {
    this.asks(p, n, obj, { name }).does(obj, { do: 'apply', by: p, n, answer: [true, given] }, ['lock', name])
    return this.grant(p, `${obj}/${name}`, given, 'exclusive')
  }

  /** It asks for something, while it does not give up these, and waits. */
  waits(p: string, n: number, obj: string, claims: Claims, name = ''): this {
    return this.asks(p, n, obj, { claims, name }).does(obj, { do: 'apply', by: p, n, answer: 'waits' }, ['lock', name])
  }

  told(p: string, n: number, obj: string, value: unknown): this {
    return this.write({ e: 'told', t: this.t, p, obj, id: n, call: [0, n], ok: false, value })
  }

  /** The locks refuse a wait elsewhere of a's, as c confirms. */
  refuses(edges: readonly Edge[]): this {
    const answers = [['a', 9, [false, 'deadlock', JSON.stringify(edges)]]] as const
    return this.does('circles', { do: 'apply', by: 'c', n: 9, answer: [true, null], answers }, ['confirm', 1, [1]])
  }
}

const lock = token(1)
const permit = token(2)
/** a has the lock, b the permit. */
const held = (): CircleWriter => new CircleWriter().has('a', 1, 'circles', lock, 'x').has('b', 1, 'gate', permit)
const forLock: Edge = ['b', 'circles', 'x', 'exclusive', [['a', lock]], null]
const forPermit: Edge = ['a', 'gate', '', 'exclusive', [['b', permit]], null]
const bWaits = (trace: CircleWriter): CircleWriter => trace.waits('b', 2, 'circles', [['gate', permit]], 'x')
const aWaits = (trace: CircleWriter): CircleWriter => trace.waits('a', 2, 'gate', [['circles', lock]])
const circle = (): CircleWriter => aWaits(bWaits(held()))

tolerates('T14', 'a circle over a lock and a semaphore', circle().refuses([forPermit, forLock]))
tolerates(
  'T14',
  'one that comes apart before the verdict, and stood',
  circle().told('b', 2, 'circles', 'aborted').refuses([forPermit, forLock]),
)
rejects('T14', 'a circle that begins with another', circle().refuses([forLock, forPermit]))
rejects('T14', 'one that is not closed', circle().refuses([forPermit]))
rejects(
  'T14',
  'one of which a wait was taken back before the last began',
  aWaits(bWaits(held()).told('b', 2, 'circles', 'aborted')).refuses([forPermit, forLock]),
)
rejects(
  'T14',
  'one of which something was given up before the last wait began',
  aWaits(bWaits(held()).release('b', 'gate/', permit)).refuses([forPermit, forLock]),
)
rejects(
  'T14',
  'one whose holder has given nothing to be kept',
  aWaits(held().waits('b', 2, 'circles', [], 'x')).refuses([forPermit, forLock]),
)
rejects('T14', 'one whose holder does not wait', aWaits(held()).refuses([forPermit, forLock]))
rejects(
  'T14',
  'one that names a holder who does not hold',
  circle().refuses([['a', 'gate', '', 'exclusive', [['b', token(5)]], null], forLock]),
)

/** b and c have the permits of the pool; b waits for a's lock. */
const pooled = (): CircleWriter =>
  held()
    .has('b', 3, 'pool', token(3))
    .has('c', 3, 'pool', token(4))
    .waits('b', 2, 'circles', [['pool', token(3)]], 'x')
    .waits('a', 2, 'pool', [['circles', lock]])
rejects(
  'T14',
  'a circle of which another permit is no part',
  pooled().refuses([['a', 'pool', '', 'exclusive', [['b', token(3)]], null], forLock]),
)
tolerates(
  'T14',
  'one with all permits',
  pooled()
    .waits('c', 2, 'circles', [['pool', token(4)]], 'x')
    .refuses([
      [
        'a',
        'pool',
        '',
        'exclusive',
        [
          ['b', token(3)],
          ['c', token(4)],
        ],
        null,
      ],
      forLock,
      ['c', 'circles', 'x', 'exclusive', [['a', lock]], null],
    ]),
)

/** The locks refuse a request at once. */
const atOnce = (trace: CircleWriter, edges: readonly Edge[]): CircleWriter =>
  trace
    .asks('a', 2, 'circles', { claims: [['circles', lock]], name: 'x' })
    .does('circles', { do: 'apply', by: 'a', n: 2, answer: [false, 'deadlock', JSON.stringify(edges)] }, ['lock', 'x'])
const ownLock: Edge = ['a', 'circles', 'x', 'exclusive', [['a', lock]], null]
tolerates('T14', 'a lock that is asked for inside itself', atOnce(held(), [ownLock]))
rejects(
  'T14',
  'one that was given up before',
  atOnce(held().does('circles', { do: 'apply', by: 'a', n: 7, answer: [true, true] }, ['unlock', 'x', lock]), [
    ownLock,
  ]),
)

rejects('T14', 'a circle that nobody breaks', circle().quiet(all).wait(5_000).does('pool', { do: 'view' }, null).end())
tolerates(
  'T14',
  'waits for one who goes on',
  bWaits(held()).quiet(all).wait(5_000).does('pool', { do: 'view' }, null).end(),
)
