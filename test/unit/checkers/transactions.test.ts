import type { TraceDeed } from '../../../lib/testing/trace.ts'
import { rejects, TraceWriter, tolerates } from './builder.ts'

const all = ['a', 'b']
const options = { order: 'total', uniform: true, consistency: 'consistent', state: true } as const
const KEY = ['a', 0, 1] as const
const NAMES = ['till', 'vault'] as const

/** The ledger and two objects, each at two processes. */
class DealsWriter extends TraceWriter {
  #index = 0

  constructor() {
    super()
    this.start(all).view('', '1.a', all)
    for (const g of ['deals', ...NAMES]) {
      this.open(g, all, options).view(g, '1.a.1', all)
      for (const p of all) this.#exec(p, g, { step: 'begin', h: 'h0' }, [])
    }
  }

  #exec(p: string, obj: string, fields: object, deeds: readonly TraceDeed[]): this {
    return this.write({ e: 'exec', t: this.t, p, obj, step: 'op', h: `h${this.#index}`, ...fields, deeds })
  }

  /** All do what `a` asks. */
  does(obj: string, body: readonly unknown[], answer: unknown, answers?: TraceDeed['answers']): this {
    this.#index += 1
    const n = this.#index
    const deed: TraceDeed = { do: 'apply', by: 'a', n, answer, ...(answers === undefined ? {} : { answers }) }
    const step = { by: 'a', at: ['1.a.1', n], op: 'request', call: [0, n], body }
    for (const p of all) this.#exec(p, obj, step, [deed])
    return this
  }

  holds(obj: string): this {
    return this.does(obj, ['prepare', KEY, NAMES, obj === 'vault' ? [[], []] : [null, 0]], [true, 0])
  }

  decides(isCommitted: boolean, answer = isCommitted): this {
    return this.does('deals', [0, KEY, isCommitted, NAMES], [true, answer])
  }

  ends(obj: string, isCommitted: boolean): this {
    return this.does(obj, ['end', KEY, isCommitted], [true, null])
  }

  begins(p: string, id: number, f: string, args: readonly unknown[]): this {
    return this.write({ e: 'invoke', t: this.t, p, id, obj: 'deals', f, args })
  }

  returns(p: string, id: number, value: unknown, ok = true): this {
    return this.write({ e: 'return', t: this.t, p, id, ok, value })
  }

  /** One after the other. */
  deals(id: number, [f, ...args]: readonly [string, ...unknown[]], value: unknown, ok = true): this {
    return this.begins('a', id, f, args).returns('a', id, value, ok)
  }
}

const held = (): DealsWriter => new DealsWriter().holds('till').holds('vault')

tolerates(
  'T18',
  'a transaction that all end as was decided',
  held().decides(true).ends('till', true).ends('vault', true),
)
tolerates('T18', 'one that is dropped without a decision', held().ends('till', false).ends('vault', false))
tolerates(
  'T18',
  'one that is told twice',
  held().decides(true).ends('till', true).ends('vault', true).ends('vault', false),
)
rejects('T18', 'half of a transaction', held().decides(true).ends('till', true).ends('vault', false))
rejects('T18', 'a commit that was not decided', held().ends('till', true).ends('vault', true))
rejects('T18', 'a commit after the decision against it', held().decides(false).decides(true, true).ends('till', true))
rejects('T18', 'a commit of what is not held', new DealsWriter().holds('till').decides(true).ends('till', true))
tolerates(
  'T18',
  'an object that is held by one who has waited',
  new DealsWriter()
    .does('till', ['prepare', KEY, NAMES, [null, 0]], 'waits')
    .does('till', ['end', ['b', 0, 1], false], [true, null], [['a', 1, [true, 0]]])
    .holds('vault')
    .decides(true)
    .ends('till', true)
    .ends('vault', true),
)
rejects('T18', 'an object that is held in the end', held().ends('vault', false).quiet(all).wait(60_000).leave('x', 'a'))

const bank = (): DealsWriter => new DealsWriter()
tolerates(
  'T13',
  'transactions over several objects that keep the sum',
  bank().deals(1, ['deposit', 'a0', 20, 7], 50).deals(2, ['audit'], [30, 50, 20]).deals(3, ['glance'], [20, 7]),
)
rejects(
  'T13',
  'a transaction of which half is seen',
  bank().deals(1, ['deposit', 'a0', 20, null], 50).deals(2, ['audit'], [30, 50, 0]),
)
rejects(
  'T13',
  'a commit on a stale read',
  bank().deals(1, ['deposit', 'a0', 20, null], 50).deals(2, ['deposit', 'a0', 5, null], 50),
)
tolerates('T13', 'a withdrawal that is refused', bank().deals(1, ['withdraw', 'a0', 1, null], 'out-of-bounds', false))
rejects(
  'T13',
  'a withdrawal that is refused though it could be made',
  bank().deals(1, ['deposit', 'a0', 20, null], 50).deals(2, ['withdraw', 'a0', 5, null], 'out-of-bounds', false),
)
rejects('T13', 'a till that is below its bound', bank().deals(1, ['withdraw', 'a0', 1, null], [50, 0]))
