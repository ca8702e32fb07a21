/**
 * The ledger's entries: how many seeds ran on which state of the kernel, and what came out.
 */
import { addReach } from './reach.ts'

/** The seeds that ran on one commit of what the simulator runs. */
export interface Entry {
  readonly commit: string
  /** The first seed. */
  readonly from: number
  /** How many, one after another. */
  readonly seeds: number
  readonly violations: number
  /** Seeds with violations. */
  readonly failed?: readonly number[]
  /** Seeds that failed until a checker that asked too much was mended: they have run again, and violate nothing. */
  readonly cleared?: readonly number[]
  /** Instances per property. */
  readonly checked: Readonly<Record<string, number>>
  /** Strikes by fault and phase. */
  readonly reach: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** What one run of the simulator adds. */
export type Batch = Omit<Entry, 'commit'>

/** The seed that comes next: after the last of the commit's entry, or, for a new commit, of the ledger. */
export function nextSeed(entries: readonly Entry[], commit: string): number {
  const entry = entries.find((each) => each.commit === commit)
  if (entry !== undefined) return entry.from + entry.seeds
  return Math.max(1, ...entries.map(({ from, seeds }) => from + seeds))
}

/** Adds a run to the entry of its commit, or begins one. */
export function addBatch(entries: readonly Entry[], commit: string, batch: Batch): Entry[] {
  const at = entries.findIndex((each) => each.commit === commit)
  const entry = entries[at]
  if (entry === undefined) return [...entries, { commit, ...batch }]
  if (batch.from !== entry.from + entry.seeds) throw new Error(`seed ${batch.from} does not come next`)
  const checked = { ...entry.checked }
  for (const [property, count] of Object.entries(batch.checked)) checked[property] = (checked[property] ?? 0) + count
  const reach: Record<string, Record<string, number>> = {}
  addReach(reach, entry.reach)
  addReach(reach, batch.reach)
  const failed = [...(entry.failed ?? []), ...(batch.failed ?? [])]
  const sum: Entry = {
    ...{ commit, from: entry.from, seeds: entry.seeds + batch.seeds, violations: entry.violations + batch.violations },
    ...(failed.length > 0 ? { failed } : {}),
    ...(entry.cleared === undefined ? {} : { cleared: entry.cleared }),
    ...{ checked, reach },
  }
  return entries.map((each, index) => (index === at ? sum : each))
}

/** The entry after its failed seeds have run again: with so many violations, and these seeds that still fail. */
export function clearSeeds(entry: Entry, violations: number, failed: readonly number[]): Entry {
  const { commit, from, seeds, failed: before = [], cleared: old = [], checked, reach } = entry
  const cleared = [...old, ...before.filter((seed) => !failed.includes(seed))]
  return {
    ...{ commit, from, seeds, violations },
    ...(failed.length > 0 ? { failed } : {}),
    ...(cleared.length > 0 ? { cleared } : {}),
    ...{ checked, reach },
  }
}

/** The ledger as text, as Biome formats it. */
export function printEntries(entries: readonly Entry[]): string {
  const text = JSON.stringify(entries, null, 2)
  return `${text.replace(/\[\s+(\d+(?:,\s+\d+)*)\s+\]/g, (_, list: string) => `[${list.split(/,\s+/).join(', ')}]`)}\n`
}
