/**
 * T1 Cut: a state that arrives is one that its donor gave it, for the same group, view and cut, unchanged; and the cut of
 * every state, given away or shown by its hash, is a point of its holder's own history: of every sender, what the holder
 * had delivered there or was given, no less and no more; casts that were kept when a primary component was lost apart,
 * which take effect without being delivered if the line goes on from there.
 *
 * A state that is given replaces what its holder had, and a group that begins anew has nothing of it; states that are united keep it, unless the holder's own was none of
 * them. How far a united state goes is known by what the donors of its view gave away.
 */

import type { Cut, LineOf } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Install, Located, Process } from './model.ts'
import { cutKey, type Run } from './run.ts'

export const checker: Checker = {
  property: 'T1',
  check(run: Run): Result {
    const verdict = new Verdict('T1')
    checkArrivals(run, verdict)
    const holders = new Map<Process, Map<string, Holder>>()
    const outs = new Map<string, Located<'stateOut'>[]>()
    for (const out of run.of('stateOut')) pushTo(outs, viewKey(out.data), out)
    const kept = new Set(run.of('kept').map(({ data }) => `${data.g} ${data.m}`))
    const points: Point[] = [...run.of('stateOut'), ...run.of('digest')]
    for (const point of points.sort((a, b) => a.line - b.line)) {
      const { process, data } = point
      if (process === null) continue
      const holder = getOrMake(holders, process, () => holdersOf(run, process, outs)).get(data.g)
      if (holder !== undefined) checkPoint(verdict, holder, { point, kept })
    }
    return verdict
  },
}

function checkArrivals(run: Run, verdict: Verdict): void {
  const given = new Set<string>()
  const outs = run.of('stateOut')
  let next = 0
  for (const { data, line } of run.of('stateIn')) {
    for (let out = outs[next]; out !== undefined && out.line < line; out = outs[++next])
      given.add(keyOf(out.data.p, out.data.to, out.data))
    verdict.expect(
      given.has(keyOf(data.from, data.p, data)),
      () => `${data.p} gets a state of "${data.g}" in ${data.view} that ${data.from} did not give it`,
      line,
    )
  }
}

type Snapshot = Located<'stateOut'>['data'] | Located<'stateIn'>['data']

function keyOf(donor: string, to: string, { g, view, cut, h }: Snapshot): string {
  return JSON.stringify([donor, to, g, view, cutKey(cut), h])
}

type Point = Located<'stateOut'> | Located<'digest'>

type Given = Located<'stateIn'> | Located<'merge'> | Located<'anew'>

interface Step {
  readonly line: number
  readonly sender: string
  readonly n: number
}

function viewKey({ g, view }: { readonly g: string; readonly view: string }): string {
  return `${view} ${g}`
}

function holdersOf(
  run: Run,
  process: Process,
  outs: ReadonlyMap<string, readonly Located<'stateOut'>[]>,
): Map<string, Holder> {
  const holders = new Map<string, Holder>()
  for (const [group, installs] of process.installs) holders.set(group.name, new Holder(installs, outs))
  for (const { group, message, at, first } of process.deliveries) {
    if (first) holders.get(group.name)?.steps.push({ line: at.line, sender: message.sender.id, n: message.n })
  }
  const givens: Given[] = [...run.of('stateIn'), ...run.of('merge'), ...run.of('anew')]
  for (const given of givens.sort((a, b) => a.line - b.line)) {
    if (given.process === process) holders.get(given.data.g)?.givens.push(given)
  }
  return holders
}

/** What a process has of a group, line by line. */
class Holder {
  /** First deliveries, in order. */
  readonly steps: Step[] = []
  readonly givens: Given[] = []
  /** Per sender, the highest number that it ever had. */
  readonly had = new Map<string, number>()
  /** Per sender, the highest number in its state: since its membership began, or it took a state in place of its own. */
  readonly has = new Map<string, number>()
  /** Per sender, the highest number in the state that it took. */
  readonly floor = new Map<string, number>()
  /** The line from which on its deliveries are in its state. */
  from = 0
  readonly #installs: readonly Install[]
  readonly #outs: ReadonlyMap<string, readonly Located<'stateOut'>[]>
  #step = 0
  #given = 0
  #install = 0

  constructor(installs: readonly Install[], outs: ReadonlyMap<string, readonly Located<'stateOut'>[]>) {
    this.#installs = installs
    this.#outs = outs
  }

  /** Takes into account what came before the line. Lines never decrease. */
  advance(line: number): void {
    for (;;) {
      const step = this.steps[this.#step]
      const given = this.givens[this.#given]
      const install = this.#installs[this.#install]
      const next = Math.min(step?.line ?? line, given?.line ?? line, install?.at.line ?? line)
      if (next >= line) return
      if (install?.at.line === next) {
        this.#install++
        if (install.before === null) this.#begin(next)
      } else if (given?.line === next) {
        this.#given++
        this.#take(given)
      } else if (step !== undefined) {
        this.#step++
        raise(this.had, step.sender, step.n)
        raise(this.has, step.sender, step.n)
      }
    }
  }

  /** Where it installed the view; 0 if it never did. */
  lineOf(view: string): number {
    return this.#installs.find((install) => install.view.id === view)?.at.line ?? 0
  }

  #begin(line: number): void {
    this.has.clear()
    this.floor.clear()
    this.from = line
  }

  #take(given: Given): void {
    const { data } = given
    if (data.e === 'anew') return this.#begin(given.line)
    if (this.#isInPlace(data)) {
      this.#begin(this.lineOf(data.view))
      for (let i = this.#step - 1; i >= 0; i--) {
        const step = this.steps[i]
        if (step === undefined || step.line < this.from) break
        raise(this.has, step.sender, step.n)
      }
    }
    if (data.e === 'stateIn') {
      raiseAll(this.had, data.cut)
      raiseAll(this.has, data.cut)
      raiseAll(this.floor, data.cut)
    } else for (const out of this.#outs.get(viewKey(data)) ?? []) raiseAll(this.had, out.data.cut)
  }

  #isInPlace(data: LineOf<'stateIn'> | LineOf<'merge'>): boolean {
    if (data.e === 'stateIn') return true
    const prev = this.#installs.find(({ view }) => view.id === data.view)?.data.prev ?? null
    return prev === null || !data.order.includes(prev)
  }
}

function raise(cut: Map<string, number>, sender: string, n: number): void {
  if (n > (cut.get(sender) ?? 0)) cut.set(sender, n)
}

function raiseAll(cut: Map<string, number>, by: Readonly<Record<string, number>>): void {
  for (const [sender, n] of Object.entries(by)) raise(cut, sender, n)
}

interface Judged {
  readonly point: Point
  /** Casts that anybody kept, by group and name. */
  readonly kept: ReadonlySet<string>
}

function checkPoint(verdict: Verdict, holder: Holder, { point: { data, line }, kept }: Judged): void {
  holder.advance(line)
  const what = (): string => `${data.p}'s ${data.e === 'digest' ? 'hash' : 'state'} of "${data.g}" in view ${data.view}`
  const lack = data.e === 'digest' ? lackingNow(holder, data.cut) : lacking(holder, data, line)
  verdict.expect(lack === null, () => `${what()} lacks ${lack}`, line)
  for (const [sender, n] of Object.entries(data.cut)) {
    if (n <= (holder.had.get(sender) ?? 0) || kept.has(`${data.g} ${sender}#${n}`)) continue
    verdict.fail(`${what()} covers ${sender}#${n}, which ${data.p} never had`, line)
    return
  }
}

/** A hash is of the state as it is. */
function lackingNow({ has }: Holder, cut: Cut): string | null {
  for (const [sender, n] of has) if (n > (cut[sender] ?? 0)) return `${sender}#${n}`
  return null
}

/** A state that is given away is of a point in the view, or of its beginning: it covers a prefix of the holder's deliveries. */
function lacking(holder: Holder, { cut, view }: LineOf<'stateOut'>, line: number): string | null {
  for (const [sender, n] of holder.floor) if (n > (cut[sender] ?? 0)) return `${sender}#${n}`
  const begin = holder.lineOf(view)
  let beyond: Step | null = null
  for (const step of holder.steps) {
    if (step.line < holder.from) continue
    if (step.line > line) break
    const isCovered = step.n <= (cut[step.sender] ?? 0)
    if (!isCovered) beyond ??= step
    if (beyond === null || (!isCovered && step.line > begin)) continue
    const name = `${beyond.sender}#${beyond.n}`
    return isCovered ? `${name}, but not ${step.sender}#${step.n} after it` : name
  }
  return null
}
