/**
 * Makes of what was taken the snapshot that the application gets.
 */
import { LedgerMachine } from '../objects/ledger-machine.ts'
import { decodeValue } from '../values.ts'
import { type Decided, kindOf } from './snapshot-kinds.ts'
import type { Taken, TakenGroup } from './snapshot-taker.ts'
import { SNAPSHOT_VERSION, type SnapshotObject, type SpaceSnapshot, sealSnapshot } from './snapshot-value.ts'

/** Reads the states, and seals it. */
export function assemble(
  { id, part, groups, missing }: Taken,
  { space, taken }: { readonly space: string; readonly taken: number },
): SpaceSnapshot {
  const { view, members, away, primary, line } = part
  const decided = decidedIn(groups)
  return sealSnapshot({
    format: 'tutti-snapshot',
    version: SNAPSHOT_VERSION,
    ...{ space, id, taken, view, members, away, primary, line },
    objects: groups.map((group) => toObject(group, decided)),
    missing: missing.map(({ name, kind, members: holders }) => ({ name, kind, members: holders })),
  })
}

/** What the ledger says of transactions at the cut. */
function decidedIn(groups: readonly TakenGroup[]): Decided {
  let ledger: LedgerMachine | null = null
  return (key) => {
    if (ledger === null) {
      const taken = groups.find(({ kind }) => kind === 'ledger')
      const state = taken === undefined ? null : decodeValue(taken.state)
      if (!Array.isArray(state) || state.length !== 5) throw new TypeError('the snapshot has no ledger')
      ledger = new LedgerMachine()
      ledger.load(state[4])
    }
    return ledger.isCommitted(key)
  }
}

function toObject(group: TakenGroup, decided: Decided): SnapshotObject {
  const { name, kind, order, consistency, primary, members, from, cut, kept, state } = group
  const covers = Object.fromEntries([...cut].sort(([a], [b]) => (a < b ? -1 : 1)))
  const about = { name, kind, order, consistency, primary, members, by: from, covers, undelivered: kept }
  const value = decodeValue(state)
  const known = kindOf(kind)
  if (known === null) return { ...about, state: value }
  try {
    return { ...about, value: known.kind.read(value, known.variant, known.isAtomic ? decided : null) }
  } catch {
    // Of another version, or of a kind of the application's that goes by the same name.
    return { ...about, state: value }
  }
}
