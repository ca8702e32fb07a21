/**
 * Adds up what seeds report, prints violations as they come, and the summary at the end.
 */
import type { Violation } from './checkers/checker.ts'
import { addReach, emptyCells, printReach, wronglyListed } from './reach.ts'
import type { SeedResult } from './run-seed.ts'
import type { FaultKind } from './scenario.ts'

/** What is kept of a seed. */
export interface SeedReport extends Omit<SeedResult, 'lines'> {
  /** Processor time it took, in ms. */
  readonly ms: number
}

/** A result without its trace. */
export function reportOf({ lines: _, ...rest }: SeedResult, ms: number): SeedReport {
  return { ...rest, ms }
}

/** So many seeds with violations are printed. */
const PRINTED_MAX = 40

/** The sum over seeds. */
export class Summary {
  readonly #replay: string
  readonly #isJson: boolean
  readonly #faults: readonly FaultKind[]
  #seeds = 0
  #ms = 0
  #events = 0
  #violations = 0
  #bad = 0
  readonly #void: { readonly seed: number; readonly reason: string }[] = []
  readonly #checked: Record<string, number> = {}
  readonly #metrics: Record<string, number> = {}
  readonly #reached: Record<string, number> = {}
  readonly #reach: Record<string, Record<string, number>> = {}
  readonly #byProperty: Record<string, { seeds: number; first: number }> = {}

  /**
   * `replay`: the options to put on the line that replays a seed; `isJson`: say nothing of seeds that are void; `faults`:
   * the kinds that there could be.
   */
  constructor(replay: string, isJson: boolean, faults: readonly FaultKind[]) {
    this.#replay = replay
    this.#isJson = isJson
    this.#faults = faults
  }

  /** Adds a seed. */
  add(report: SeedReport): void {
    this.#seeds += 1
    this.#ms += report.ms
    this.#events += report.events
    addTo(this.#checked, report.checked)
    addTo(this.#metrics, report.metrics)
    addTo(this.#reached, report.reached)
    addReach(this.#reach, report.reach)
    this.#violations += report.violations.length
    if (report.violations.length > 0) this.#printBad(report)
    if (report.voidReason !== null) {
      this.#void.push({ seed: report.seed, reason: report.voidReason })
      if (!this.#isJson) console.log(`seed ${report.seed} is void: ${report.voidReason}`)
    }
  }

  /** Prints the reach matrix; returns the exit code: 1 if a cell is empty that can be reached, or the reverse. */
  printReach(): number {
    const empty = emptyCells(this.#reach, this.#faults)
    const wrong = wronglyListed(this.#reach)
    console.log(printReach(this.#reach))
    for (const cell of empty) console.log(`not reached in ${this.#seeds} seeds: ${cell}`)
    for (const cell of wrong) console.log(`reached, though infeasible.json has it: ${cell}`)
    return empty.length + wrong.length > 0 ? 1 : 0
  }

  /** Prints the last line; returns the exit code. */
  print(): number {
    const { length } = this.#void
    console.log(
      JSON.stringify({
        seeds: this.#seeds,
        void: length,
        voidSeeds: this.#void.slice(0, 10).map(({ seed }) => seed),
        events: this.#events,
        eventsPerSecond: Math.round((this.#events / Math.max(1, this.#ms)) * 1_000),
        violations: this.#violations,
        byProperty: this.#byProperty,
        checked: this.#checked,
        metrics: this.#metrics,
        reached: this.#reached,
        reach: this.#reach,
        unreached: emptyCells(this.#reach, this.#faults),
      }),
    )
    return this.#violations > 0 ? 1 : 0
  }

  #printBad({ seed, violations }: SeedReport): void {
    this.#bad += 1
    const firsts = new Map<string, Violation>()
    for (const violation of violations) {
      if (!firsts.has(violation.property)) firsts.set(violation.property, violation)
    }
    for (const property of firsts.keys()) {
      this.#byProperty[property] ??= { seeds: 0, first: seed }
      const entry = this.#byProperty[property]
      if (entry !== undefined) entry.seeds += 1
    }
    if (this.#bad > PRINTED_MAX) return
    for (const [property, { message, line }] of firsts) {
      const count = violations.filter((each) => each.property === property).length
      console.log(
        `seed ${seed}: ${property}${count > 1 ? ` (${count})` : ''}: ${message}${line === undefined ? '' : ` [line ${line}]`}`,
      )
    }
    console.log(`  replay: npm run sim -- --seed ${seed}${this.#replay}`)
  }
}

function addTo(sum: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count
}
