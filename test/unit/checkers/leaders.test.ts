import type { TraceToken } from '../../../lib/testing/trace.ts'
import { rejects, TraceWriter, tolerates } from './builder.ts'

const all = ['a', 'b', 'c']
const options = { order: 'total', uniform: true, consistency: 'consistent', state: true } as const
const first: TraceToken = ['L', '1.a.1', 1]
const second: TraceToken = ['L', '1.a.1', 2]

/** Leaders of three processes: a is granted the leadership of `n0`, then b. */
class LeaderWriter extends TraceWriter {
  #index = 0
  #calls = 0

  constructor(primary = true) {
    super()
    this.start(all).view('', '1.a', all, { primary }).open('leader', all, options).view('leader', '1.a.1', all)
  }

  granted(by: string, token: TraceToken): this {
    const n = this.#calls + 1
    this.asks(by, [0, n], 'n0')
    return this.carriedOut(by, n, token)
  }

  asks(by: string, call: readonly [opening: number, n: number], name: string): this {
    this.#calls += 1
    return this.write({ e: 'ask', t: this.t, p: by, obj: 'leader', id: this.#calls, call, body: [0, name] })
  }

  /** A candidate for n0 in the first opening. */
  carriedOut(by: string, n: number, token: TraceToken): this {
    this.#index += 1
    const deeds = [{ do: 'apply' as const, by, n, answer: 'waits', answers: [[by, n, [true, token]] as const] }]
    const step = { step: 'op', by, at: ['1.a.1', this.#index], op: 'request', call: [0, n], body: [0, 'n0'] } as const
    for (const p of all) this.write({ e: 'exec', t: this.t, p, obj: 'leader', ...step, deeds, h: `h${this.#index}` })
    return this
  }

  shown(ps: readonly string[], leader: string | null, token: TraceToken | null): this {
    for (const p of ps) this.write({ e: 'leads', t: this.t, p, g: 'leader', name: 'n0', leader, token })
    return this
  }

  leads(p: string, leader: string | null): this {
    return this.write({ e: 'leads', t: this.t, p, g: 'leader', leader, token: null })
  }

  writes(p: string, token: TraceToken, ok = true): this {
    return this.write({ e: 'write', t: this.t, p, lock: 'leader/n0', token, ok })
  }
}

const granted = (): LeaderWriter => new LeaderWriter().granted('a', first)
const succeeded = (): LeaderWriter => granted().shown(all, 'a', first).granted('b', second).shown(all, 'b', second)

tolerates('T6', 'a leader, as all are shown it', granted().shown(all, 'a', first))
tolerates('T6', 'its successor, which some are shown at once', succeeded())
rejects('T6', 'another leader under its token', granted().shown(['a', 'b'], 'a', first).shown(['c'], 'b', first))
rejects('T6', 'a leader of a token that nobody was granted', granted().shown(['a'], 'a', second))
tolerates(
  'T6',
  'a leader by what it had stood for before it opened the object again, and stood for something else',
  new LeaderWriter().asks('a', [0, 1], 'n0').asks('a', [1, 1], 'n1').carriedOut('a', 1, first).shown(all, 'a', first),
)
rejects(
  'T6',
  'the former leader after its successor',
  granted().granted('b', second).shown(['c'], 'b', second).shown(['c'], 'a', first).shown(all, 'b', second),
)
rejects('T6', 'different leaders in one state in the end', succeeded().shown(['c'], null, null))
rejects(
  'T6',
  'a leader outside the primary component',
  new LeaderWriter(false).granted('a', first).shown(all, 'a', first),
)
tolerates('T6', 'an old leader that is refused', succeeded().writes('b', second).writes('a', first, false))
tolerates('T6', 'an old leader that writes before its successor', succeeded().writes('a', first).writes('b', second))
rejects('T6', 'an old leader that writes under the token of its successor', succeeded().writes('a', second))
rejects('T6', 'an old token that is accepted after a new one', succeeded().writes('b', second).writes('a', first))
tolerates('T6', 'the first of a group as its leader', granted().shown(all, 'a', first).leads('a', 'a').leads('b', 'a'))
rejects('T6', 'two leaders of a group in one view', granted().shown(all, 'a', first).leads('a', 'a').leads('b', 'b'))
rejects('T6', 'a leader of a group that is not primary', new LeaderWriter(false).leads('a', 'a'))
