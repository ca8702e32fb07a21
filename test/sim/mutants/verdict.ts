/**
 * The bar that planted bugs are held to, as a whole: so many of them, in every layer; each found in time by the checker of
 * a property that it breaks; half of them soon; and no checker that has found none.
 */
import { layerOf, layers } from './layers.ts'
import type { Mutant } from './mutant.ts'

/** At least so many planted bugs. */
export const MUTANTS_MIN = 40
/** Each is found within so many seeds. */
export const SEEDS_MAX = 2_000
/** Half of them are found within so many. */
export const MEDIAN_MAX = 100

/** How the hunt for one ended. */
export interface Hunted {
  readonly mutant: Pick<Mutant, 'name' | 'file' | 'properties'>
  /** The properties of the mutant that were violated in the last of the seeds; none: it was not found. */
  readonly by: readonly string[]
  /** Seeds that ran, from the first on. */
  readonly seeds: number
}

/** What came out. */
export interface Verdict {
  readonly mutants: number
  readonly layers: number
  readonly found: number
  readonly missed: readonly string[]
  /** Of the seeds that it took; one that was missed counts as more than any. Null: more than half were missed. */
  readonly median: number | null
  readonly seedsMax: number
  /** Properties whose checker has found no planted bug. */
  readonly silent: readonly string[]
  /** Where the bar is not met, in words; nothing: it is met. */
  readonly lacks: readonly string[]
}

/** Judges a whole list. */
export function judge(all: readonly Hunted[], properties: readonly string[]): Verdict {
  const found = all.filter(({ by }) => by.length > 0)
  const missed = all.filter(({ by }) => by.length === 0).map(({ mutant }) => mutant.name)
  const seeds = all.map((each) => (each.by.length > 0 ? each.seeds : Number.POSITIVE_INFINITY)).sort((a, b) => a - b)
  const middle = seeds[Math.floor((seeds.length - 1) / 2)] ?? Number.POSITIVE_INFINITY
  const reached = new Set(all.map(({ mutant }) => layerOf(mutant.file)))
  const biting = new Set(found.flatMap(({ by }) => by))
  const silent = properties.filter((property) => !biting.has(property))
  const late = found.filter((each) => each.seeds > SEEDS_MAX).map(({ mutant }) => mutant.name)
  const lacks = [
    ...(all.length < MUTANTS_MIN ? [`${all.length} planted bugs, where ${MUTANTS_MIN} are wanted`] : []),
    ...layers.filter((layer) => !reached.has(layer)).map((layer) => `no planted bug in ${layer}`),
    ...missed.map((name) => `${name} was not found`),
    ...late.map((name) => `${name} took more than ${SEEDS_MAX} seeds`),
    ...(middle > MEDIAN_MAX ? [`the median is above ${MEDIAN_MAX} seeds`] : []),
    ...silent.map((property) => `the checker of ${property} has found no planted bug`),
  ]
  return {
    mutants: all.length,
    layers: reached.size,
    found: found.length,
    missed,
    median: Number.isFinite(middle) ? middle : null,
    seedsMax: Math.max(0, ...found.map((each) => each.seeds)),
    silent,
    lacks,
  }
}
