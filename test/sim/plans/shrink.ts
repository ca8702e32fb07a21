/**
 * Shrinks the plan of a run that violates a property: first the faults, then the operations, processes, groups and the
 * scenario's irregularities, for as long as the same property is violated.
 *
 * Nothing makes a smaller plan's run resemble the larger one's, but that the chance within it comes from the same seed:
 * each candidate is simply run.
 */
import type { SeedResult } from '../run-seed.ts'
import { ddmin } from './ddmin.ts'
import type { ScenarioShape, WholePlan } from './plan.ts'

/** Not more runs than this, whatever is left. */
export const RUNS_MAX = 1_500
/** Fewer processes or groups than this do not do anything. */
const LEAST = { processes: 2, groups: 1 }
/** The scenario's irregularities, each with what it is without. */
const PLAIN: readonly ScenarioShape[] = [
  { isCoded: false },
  { spikeChance: 0 },
  { lateMs: 0 },
  { batchMs: 0 },
  { portMs: 0 },
  { isOneFifo: true },
  { strong: null },
  { domain: null },
]

/** What came out. */
export interface Shrunk {
  readonly plan: WholePlan
  readonly property: string
  readonly runs: number
}

/** Runs a plan. */
export type RunPlan = (plan: WholePlan) => Promise<Pick<SeedResult, 'violations' | 'lines'>>

/** Shrinks; null if the plan's run violates nothing, or not `property`. Without `property`, the first violation's. */
export async function shrink(start: WholePlan, run: RunPlan, property?: string): Promise<Shrunk | null> {
  const first = await run(start)
  const kept = property ?? first.violations[0]?.property
  if (kept === undefined || !first.violations.some((each) => each.property === kept)) return null
  const shrinker = new Shrinker(start, run, kept)
  await shrinker.shrink(timeOf(first, kept))
  return { plan: shrinker.plan, property: kept, runs: shrinker.runs }
}

class Shrinker {
  plan: WholePlan
  runs = 1
  readonly #run: RunPlan
  readonly #property: string

  constructor(plan: WholePlan, run: RunPlan, property: string) {
    this.plan = plan
    this.#run = run
    this.#property = property
  }

  async shrink(violatedAt: number): Promise<void> {
    // What comes after the violation has no part in it, unless liveness is judged.
    await this.#try({ ops: this.plan.ops.filter((t) => t <= violatedAt) })
    for (let isSmaller = true; isSmaller && this.runs < RUNS_MAX; ) {
      const before = this.#size
      await ddmin(this.plan.faults, (faults) => this.#try({ faults }))
      await this.#fewer('processes')
      await this.#fewer('groups')
      await ddmin(this.plan.scenario.tools ?? [], (tools) => this.#tryScenario({ tools }))
      for (const plain of PLAIN) await this.#tryScenario(plain)
      await ddmin(this.plan.ops, (ops) => this.#try({ ops }))
      isSmaller = this.#size < before
    }
  }

  get #size(): number {
    const { faults, ops, scenario } = this.plan
    return (
      faults.length + ops.length + (scenario.processes ?? 0) + (scenario.groups ?? 0) + (scenario.tools?.length ?? 0)
    )
  }

  async #fewer(what: 'processes' | 'groups'): Promise<void> {
    for (;;) {
      const count = (this.plan.scenario[what] ?? 0) - 1
      if (count < LEAST[what] || !(await this.#tryScenario({ [what]: count }))) return
    }
  }

  async #tryScenario(change: ScenarioShape): Promise<boolean> {
    const { scenario } = this.plan
    const isNew = Object.entries(change).some(
      ([name, value]) => (scenario[name as keyof ScenarioShape] ?? null) !== value,
    )
    return isNew && (await this.#try({ scenario: { ...scenario, ...change } }))
  }

  /** Runs a candidate; if it still violates the property, goes on from it. */
  async #try(change: Partial<WholePlan>): Promise<boolean> {
    if (this.runs >= RUNS_MAX) return false
    this.runs += 1
    const plan = { ...this.plan, ...change }
    const { violations } = await this.#run(plan)
    if (!violations.some(({ property }) => property === this.#property)) return false
    this.plan = plan
    return true
  }
}

/** When the property was violated, as far as is known. */
function timeOf({ violations, lines }: Awaited<ReturnType<RunPlan>>, property: string): number {
  const times = violations
    .filter((each) => each.property === property)
    .map(({ line }) => (line === undefined ? undefined : lines[line - 1]?.t))
  return Math.min(...times.map((t) => t ?? Number.POSITIVE_INFINITY))
}
