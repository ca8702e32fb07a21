/**
 * Has the simulator's checkers judge the trace of a path: what has happened so far, for safety, and at its end also for
 * liveness. What the checkers say depends on what each process saw, so equal histories are judged once.
 */
import type { TraceBounds, TraceLine } from '../../../lib/testing/trace.ts'
import { checkTrace } from '../checkers/index.ts'
import type { AnyLine } from '../trace.ts'
import { combine } from './fingerprint.ts'
import type { Locals } from './local.ts'
import type { State } from './state.ts'
import { PROCESSES } from './variant.ts'

/** A property does not hold. */
export interface Breach {
  readonly property: string
  readonly message: string
}

const LATER_MS = 1e6
/** What is still under way is never late. */
const PATIENT: TraceBounds = { tView: 1e12, tDetect: 1e12, tJoin: 1e12, tSettle: 1e12, lease: 1e12 }
/** At the end of a path nothing is under way, so nothing more will come. */
const FINAL: TraceBounds = { tView: 1e5, tDetect: 1e5, tJoin: 1e5, tSettle: 1e5, lease: 1e5 }

/** Properties that what is still under way may make true: of a view, that one of those who install it comes from another. */
const ONLY_AT_END: ReadonlySet<string> = new Set(['P1', 'P2'])

/** The judge of one exploration. */
export class Judge {
  readonly checked: Record<string, number> = {}
  /** Traces that were judged. */
  traces = 0
  readonly #locals: Locals
  readonly #known = new Set<number>()

  constructor(locals: Locals) {
    this.#locals = locals
  }

  /** Judges what has happened so far, unless processes have seen the same before. `lines` makes the trace of the path. */
  judge(state: State, isEnd: boolean, lines: () => readonly AnyLine[]): Breach | null {
    const histories = state.locals.map((local) => local?.history ?? 0)
    const key = combine(isEnd ? 1 : 0, state.left.crashes, ...histories)
    if (this.#known.has(key)) return null
    this.#known.add(key)
    this.traces += 1
    const report = checkTrace(this.trace(state, isEnd, lines()) as unknown as readonly TraceLine[])
    for (const [property, count] of Object.entries(report.checked))
      this.checked[property] = (this.checked[property] ?? 0) + count
    return report.violations.find(({ property }) => isEnd || !ONLY_AT_END.has(property)) ?? null
  }

  /** The trace of a path, complete. */
  trace(state: State, isEnd: boolean, lines: readonly AnyLine[]): AnyLine[] {
    const trace: AnyLine[] = [{ t: 0, e: 'run', seed: 0, options: {}, bounds: isEnd ? FINAL : PATIENT }, ...lines]
    if (!isEnd) return trace
    const { now } = state
    const live = PROCESSES.filter((_, at) => state.locals[at] !== null)
    trace.push({ t: now, e: 'quiet', parts: [live] })
    for (const local of state.locals) {
      if (local === null) continue
      for (const line of this.#locals.digest(local)) trace.push({ t: now, p: local.id, ...line })
    }
    trace.push({ t: now + LATER_MS, e: 'end', seed: 0, events: 0 })
    return trace
  }
}
