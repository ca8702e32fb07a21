/**
 * T14 Deadlocks: who is told of one was in it, and none stands for ever.
 *
 * - At some moment, all that it names waited, and held what they are named for, until its own process gave up or was told
 *   otherwise; within one group, by the agreed order. Each holder is named itself, with a wait that claims what it holds; of a
 *   semaphore, all permits are.
 * - When all is at rest, no processes wait for each other in a circle.
 */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import { PERMITS } from '../tools/circles.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { Located } from './model.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

type Edge = readonly [
  by: string,
  table: string,
  name: string,
  mode: string,
  holders: readonly (readonly [by: string, token: TraceToken])[],
  behind: string | null,
]

/** Lines of the trace. */
interface Span {
  from: number
  to: number
}

/** A call that waited. */
interface Wait {
  readonly by: string
  readonly obj: string
  readonly name: string
  readonly claims: readonly string[]
  /** Until its process is told that it is over, or gives up. */
  readonly own: Span
  /** In the agreed order, as it is first heard of anywhere. */
  readonly agreed: Span
}

interface Hold {
  readonly by: string
  readonly key: string
  readonly own: Span
  readonly agreed: Span
}

/** A request that was refused. */
interface Refusal {
  readonly obj: string
  readonly by: string
  readonly edges: readonly Edge[]
  readonly line: number
}

export const checker: Checker = {
  property: 'T14',
  check(run: Run): Result {
    const verdict = new Verdict('T14')
    if (!run.of('exec').some(({ data }) => data.obj === 'circles')) return verdict
    const history = new History(run)
    for (const refusal of history.refusals) checkRefusal(verdict, history, refusal)
    checkRest(run, verdict, history)
    return verdict
  },
}

/** What waited and what was held, from where to where. */
class History {
  readonly refusals: Refusal[] = []
  /** By process. */
  readonly waits = new Map<string, Wait[]>()
  readonly holds = new Map<string, Hold>()
  /** By object, process and number, of whatever opening: what was asked last. */
  readonly #calls = new Map<string, Wait>()
  readonly #asked = new Map<string, Wait>()
  readonly #names = new Map<string, string>()

  constructor(run: Run) {
    const lines = [...run.of('ask'), ...run.of('told'), ...run.of('exec'), ...run.of('release')]
    for (const each of lines.sort((a, b) => a.line - b.line)) this.#take(each)
  }

  #take(each: Located<'ask'> | Located<'told'> | Located<'exec'> | Located<'release'>): void {
    const { data, line } = each
    switch (data.e) {
      case 'ask': {
        const [kind, name, , , claims = []] = data.body as [
          string,
          string,
          unknown,
          unknown,
          readonly [string, TraceToken][],
        ]
        if (kind !== 'lock') return
        const key = `${data.obj} ${data.p} ${data.id}`
        const wait: Wait = {
          ...{ by: data.p, obj: data.obj, name },
          claims: claims.map(([table, token]) => keyOf(table, token)),
          own: { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY },
          agreed: { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY },
        }
        const before = this.#asked.get(key)
        // Asked anew: what it waited for before is over.
        if (before !== undefined) before.own.to = Math.min(before.own.to, line)
        this.#asked.set(key, wait)
        this.#calls.set(`${data.obj} ${data.p} ${data.call[1]}`, wait)
        pushTo(this.waits, data.p, wait)
        return
      }
      case 'told': {
        const wait = this.#asked.get(`${data.obj} ${data.p} ${data.id}`)
        if (wait !== undefined) wait.own.to = Math.min(wait.own.to, line)
        return
      }
      case 'release': {
        const hold = this.#hold(data.p, keyOf(data.lock.slice(0, data.lock.indexOf('/')), data.token))
        hold.own.to = Math.min(hold.own.to, line)
        return
      }
      case 'exec':
        this.#exec(each as Located<'exec'>)
    }
  }

  /** The name under which that is held. */
  nameOf(key: string): string {
    return this.#names.get(key) ?? ''
  }

  #hold(by: string, key: string): Hold {
    const never = Number.POSITIVE_INFINITY
    const hold = this.holds.get(key) ?? { by, key, own: { from: never, to: never }, agreed: { from: never, to: never } }
    this.holds.set(key, hold)
    return hold
  }

  #exec({ data, line }: Located<'exec'>): void {
    const { obj } = data
    for (const deed of data.deeds) {
      const { by = '', n = 0 } = deed
      if (deed.do === 'release') {
        for (const hold of this.holds.values()) {
          if (hold.by !== by || !hold.key.startsWith(`${obj} `)) continue
          if (hold.agreed.from < line) hold.agreed.to = Math.min(hold.agreed.to, line)
          if (hold.own.from < line) hold.own.to = Math.min(hold.own.to, line)
        }
      }
      if (deed.do === 'cancel') this.#end(obj, by, n, line)
      if (deed.do === 'apply') this.#apply(data, { by, n, answer: deed.answer }, line)
      for (const [who, call, answer] of deed.answers ?? []) this.#answer(obj, { by: who, n: call, answer }, line)
    }
  }

  #apply({ obj, body }: Located<'exec'>['data'], given: Answered, line: number): void {
    const [kind, , token] = (body ?? []) as [string, string, TraceToken]
    const wait = this.#calls.get(`${obj} ${given.by} ${given.n}`)
    const isRefused = Array.isArray(given.answer) && given.answer[1] === 'deadlock'
    // Who is refused at once has waited for that moment.
    if (kind === 'lock' && wait !== undefined && (given.answer === 'waits' || isRefused)) {
      wait.agreed.from = Math.min(wait.agreed.from, line)
      wait.own.from = wait.agreed.from
    }
    if (kind === 'unlock') {
      const hold = this.holds.get(keyOf(obj, token))
      if (hold !== undefined) hold.agreed.to = Math.min(hold.agreed.to, line)
    }
    if (given.answer !== 'waits') this.#answer(obj, given, line)
  }

  #answer(obj: string, { by, n, answer }: Answered, line: number): void {
    const [ok, value, text] = answer as [boolean, unknown, string]
    if (ok && Array.isArray(value)) {
      const hold = this.#hold(by, keyOf(obj, value as unknown as TraceToken))
      hold.agreed.from = Math.min(hold.agreed.from, line)
      hold.own.from = hold.agreed.from
      this.#names.set(hold.key, this.#calls.get(`${obj} ${by} ${n}`)?.name ?? '')
    }
    if (
      !ok &&
      value === 'deadlock' &&
      !this.refusals.some(
        (each) =>
          each.obj === obj &&
          each.by === by &&
          each.line < line &&
          each.edges[0]?.[0] === by &&
          JSON.stringify(each.edges) === text,
      )
    )
      this.refusals.push({ obj, by, edges: JSON.parse(text) as Edge[], line })
    this.#end(obj, by, n, line)
  }

  #end(obj: string, by: string, n: number, line: number): void {
    const wait = this.#calls.get(`${obj} ${by} ${n}`)
    if (wait !== undefined) wait.agreed.to = Math.min(wait.agreed.to, line)
  }
}

interface Answered {
  readonly by: string
  readonly n: number
  readonly answer: unknown
}

function keyOf(table: string, token: TraceToken): string {
  return `${table} ${token.join()}`
}

function checkRefusal(verdict: Verdict, history: History, { obj, by, edges, line }: Refusal): void {
  const say = (what: string): void => verdict.fail(`${by} is refused by "${obj}" for a deadlock ${what}`, line)
  verdict.checked += 1
  if (edges[0]?.[0] !== by) return say('that does not begin with it')
  const isWithin = edges.every(([, table]) => table === obj)
  const side = isWithin ? 'agreed' : 'own'
  let from = 0
  let to = line
  const meet = (span: Span): void => {
    from = Math.max(from, span.from)
    to = Math.min(to, span.to)
  }
  for (const [process, table, name, , holders, behind] of edges) {
    const waits = history.waits.get(process) ?? []
    const wait = waits.findLast((each) => each.obj === table && each.name === name && each[side].from <= line)
    if (wait === undefined) return say(`in which ${process} does not wait for "${table}/${name}"`)
    meet(wait[side])
    if (behind !== null ? !edges.some((each) => each[0] === behind) : holders.length !== (PERMITS[table] ?? 1))
      return say(`in which not all that ${process} waits for is named`)
    for (const [holder, token] of holders) {
      const key = keyOf(table, token)
      const hold = history.holds.get(key)
      if (hold === undefined || hold.by !== holder) return say(`in which ${holder} does not hold "${table}"`)
      meet(hold[side])
      const claims = edges.some((each) => {
        return (
          each[0] === holder &&
          history.waits.get(holder)?.some((one) => one.obj === each[1] && one.claims.includes(key))
        )
      })
      if (!claims) return say(`in which ${holder} does not wait`)
    }
  }
  if (from > to) say(`that never stood: the last of it begins at line ${from}, and the first of it ends at ${to}`)
}

/** What is stuck in the end, by the definition: what none ends whose end would end it. */
function checkRest(run: Run, verdict: Verdict, history: History): void {
  const rest = restOf(run)
  if (rest === null) return
  const isLive = ({ by, obj }: { readonly by: string; readonly obj: string }): boolean => {
    const process = run.process(by)
    return process !== undefined && isAtRest(run, process) && !endsWaiting(run, process, obj)
  }
  const settled = Math.max(rest.quiet.t, rest.end.t - rest.bounds.tSettle)
  const last = run.of('exec').findLast(({ t }) => t <= settled)?.line ?? 0
  const open = ({ own }: { readonly own: Span }): boolean => own.from <= last && own.to === Number.POSITIVE_INFINITY
  const waits = [...history.waits.values()].flat().filter((wait) => open(wait) && isLive(wait))
  const held = [...history.holds.values()].filter(
    (hold) => open(hold) && isLive({ by: hold.by, obj: hold.key.split(' ', 1)[0] ?? '' }),
  )
  verdict.checked += waits.length
  const stuck = new Set(waits)
  for (;;) {
    const before = stuck.size
    for (const wait of stuck) {
      const inTheWay = held.filter(({ key }) => key.startsWith(`${wait.obj} `) && isOf(history, wait, key))
      const ends = inTheWay.map(({ key }) => ![...stuck].some((each) => each.claims.includes(key)))
      const isFree = PERMITS[wait.obj] === undefined ? !ends.includes(false) : ends.length === 0 || ends.includes(true)
      if (isFree) stuck.delete(wait)
    }
    if (stuck.size === before) break
  }
  for (const { by, obj, name } of stuck) verdict.fail(`${by} waits for "${obj}/${name}" in a circle that nobody breaks`)
}

/** Is the hold one of what the wait is for? Of the locks, those of its name. */
function isOf(history: History, wait: Wait, key: string): boolean {
  return PERMITS[wait.obj] !== undefined || history.nameOf(key) === wait.name
}
