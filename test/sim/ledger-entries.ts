/**
 * The ledger's entries: how many seeds ran on which state of the kernel, and what came out.
 */
import { addReach } from './reach.ts'

/** A seed with violations. */
export interface Failed {
  readonly seed: number
  /** What was violated. */
  readonly properties: readonly string[]
}

/** A seed that failed until a checker, or the simulator, was mended: it has run again, and violates nothing. */
export interface Cleared extends Failed {
  /** The commit that mended it. */
  readonly commit: string
  /** What it had asked too much. */
  readonly why: string
}

/** The seeds of one workload that ran on one commit of what the simulator runs. */
export interface Entry {
  /** The last commit of what every workload runs: the kernel, and the objects that `mixed` has. */
  readonly commit: string
  /** Absent: `mixed`. */
  readonly workload?: string
  /** For a workload of tools: the last commit of what such workloads run. */
  readonly tools?: string
  /** The first seed. */
  readonly from: number
  /** How many, one after another. */
  readonly seeds: number
  readonly violations: number
  readonly failed?: readonly Failed[]
  readonly cleared?: readonly Cleared[]
  /** Instances per property. */
  readonly checked: Readonly<Record<string, number>>
  /** Strikes by fault and phase. */
  readonly reach: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** What an entry is of. */
export type Key = Pick<Entry, 'commit' | 'workload' | 'tools'>

/** What one run of the simulator adds. */
export type Batch = Omit<Entry, keyof Key>

/** The entry with that key. */
export function findEntry(entries: readonly Entry[], key: Key): Entry | undefined {
  return entries.find(({ commit, workload, tools }) => {
    return commit === key.commit && workload === key.workload && tools === key.tools
  })
}

/** The seed that comes next: after the last of the key's entry, or, for a new one, of all of its workload. */
export function nextSeed(entries: readonly Entry[], key: Key): number {
  const entry = findEntry(entries, key)
  if (entry !== undefined) return entry.from + entry.seeds
  const before = entries.filter(({ workload }) => workload === key.workload)
  return Math.max(1, ...before.map(({ from, seeds }) => from + seeds))
}

/** Adds a run to the entry of its key, or begins one. */
export function addBatch(entries: readonly Entry[], key: Key, batch: Batch): Entry[] {
  const entry = findEntry(entries, key)
  if (entry === undefined) return [...entries, { ...key, ...batch }]
  if (batch.from !== entry.from + entry.seeds) throw new Error(`seed ${batch.from} does not come next`)
  const checked = { ...entry.checked }
  for (const [property, count] of Object.entries(batch.checked)) checked[property] = (checked[property] ?? 0) + count
  const reach: Record<string, Record<string, number>> = {}
  addReach(reach, entry.reach)
  addReach(reach, batch.reach)
  const failed = [...(entry.failed ?? []), ...(batch.failed ?? [])]
  const sum: Entry = {
    ...{ ...key, from: entry.from, seeds: entry.seeds + batch.seeds, violations: entry.violations + batch.violations },
    ...(failed.length > 0 ? { failed } : {}),
    ...(entry.cleared === undefined ? {} : { cleared: entry.cleared }),
    ...{ checked, reach },
  }
  return entries.map((each) => (each === entry ? sum : each))
}

/**
 * The entry after its failed seeds have run again, with so many violations, of which these still fail: each of the others
 * leaves a row that says what cleared it.
 */
export function clearSeeds(
  entry: Entry,
  violations: number,
  failed: readonly Failed[],
  by: Pick<Cleared, 'commit' | 'why'>,
): Entry {
  const { failed: before = [], cleared: old = [], checked, reach, violations: _, ...rest } = entry
  const mended = before.filter(({ seed }) => !failed.some((row) => row.seed === seed))
  const cleared = [...old, ...mended.map((row): Cleared => ({ ...row, ...by }))]
  return {
    ...{ ...rest, violations },
    ...(failed.length > 0 ? { failed } : {}),
    ...(cleared.length > 0 ? { cleared } : {}),
    ...{ checked, reach },
  }
}

/** The seeds of which the simulator printed violations, one line a property. */
export function failedOf(lines: readonly string[]): Failed[] {
  const failed = new Map<number, string[]>()
  for (const line of lines) {
    const [, seed, property] = /^seed (\d+): (\w+)/.exec(line) ?? []
    if (seed === undefined || property === undefined) continue
    failed.set(Number(seed), [...(failed.get(Number(seed)) ?? []), property])
  }
  return [...failed].map(([seed, properties]) => ({ seed, properties }))
}

/** The ledger as text, as Biome formats it. */
export function printEntries(entries: readonly Entry[]): string {
  const text = JSON.stringify(entries, null, 2)
  return `${text.replace(/\[\s+("\w+"(?:,\s+"\w+")*)\s+\]/g, (_, list: string) => `[${list.split(/,\s+/).join(', ')}]`)}\n`
}
