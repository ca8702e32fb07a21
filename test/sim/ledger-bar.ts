/**
 * What the newest entry of `mixed` is held to: so many seeds, after which each kind of fault has struck in each phase of the
 * protocol, and each property has been put to the test.
 */
import type { Entry } from './ledger-entries.ts'
import { emptyCells, infeasible, PHASES, wronglyListed } from './reach.ts'
import { FAULT_KINDS } from './scenario.ts'

/** An entry with fewer seeds is not complete. */
export const SEEDS_BAR = 100_000

/** The properties that `mixed` puts to no test, with a workload that does: in it nobody has a tool or sends direct messages. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ D1: 'calls', D2: 'calls', D3: 'calls', T7: 'calls', T8: 'calls' },
  ...{ T6: 'tools', T12: 'tools', T13: 'tools', T14: 'tools', L9: 'tools' },
  ...{ T15: 'clients', T16: 'snapshots', T17: 'snapshots', T18: 'deals', T11: 'kept' },
}

/** What came out. */
export interface LedgerBar {
  /** Has it so many seeds? Only then what it lacks is a fault. */
  readonly isComplete: boolean
  /** What it lacks, in words. */
  readonly lacks: readonly string[]
  /** Workloads that have not run on the same commit, and so put their properties to no test there. */
  readonly unrun: readonly string[]
}

/** Judges the newest entry of `mixed`. */
export function judgeLedger(entries: readonly Entry[], properties: readonly string[]): LedgerBar {
  const newest = entries.findLast(({ workload }) => workload === undefined)
  if (newest === undefined) return { isComplete: false, lacks: ['no seeds of mixed'], unrun: [] }
  const { commit, seeds, checked, reach } = newest
  const same = entries.filter((entry) => entry.commit === commit)
  const cells = FAULT_KINDS.length * PHASES.length
  const untested = properties.filter((property) => {
    const workload = ELSEWHERE[property]
    if (workload === undefined) return (checked[property] ?? 0) === 0
    const there = same.filter((entry) => entry.workload === workload)
    return there.length > 0 && there.every((entry) => (entry.checked[property] ?? 0) === 0)
  })
  return {
    isComplete: seeds >= SEEDS_BAR,
    lacks: [
      ...(seeds < SEEDS_BAR ? [`${SEEDS_BAR - seeds} of ${SEEDS_BAR} seeds`] : []),
      ...emptyCells(reach, FAULT_KINDS).map((cell) => `${cell} was never reached`),
      ...wronglyListed(reach).map((cell) => `${cell} was reached, though infeasible.json has it`),
      ...(infeasible.length * 10 > cells ? [`${infeasible.length} of ${cells} cells are listed as infeasible`] : []),
      ...untested.map((property) => `${property} was never put to the test`),
    ],
    unrun: [...new Set(Object.values(ELSEWHERE))].filter((name) => !same.some(({ workload }) => workload === name)),
  }
}
