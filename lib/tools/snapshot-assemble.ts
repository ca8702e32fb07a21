/**
 * Makes of what was taken the snapshot that the application gets.
 */
import { decodeValue } from '../values.ts'
import { kindOf } from './snapshot-kinds.ts'
import type { Taken, TakenGroup } from './snapshot-taker.ts'
import { SNAPSHOT_VERSION, type SnapshotObject, type SpaceSnapshot, sealSnapshot } from './snapshot-value.ts'

/** Reads the states, and seals it. */
export function assemble(
  { id, part, groups, missing }: Taken,
  { space, taken }: { readonly space: string; readonly taken: number },
): SpaceSnapshot {
  const { view, members, away, primary, line } = part
  return sealSnapshot({
    format: 'tutti-snapshot',
    version: SNAPSHOT_VERSION,
    ...{ space, id, taken, view, members, away, primary, line },
    objects: groups.map(toObject),
    missing: missing.map(({ name, kind, members: holders }) => ({ name, kind, members: holders })),
  })
}

function toObject({
  name,
  kind,
  order,
  consistency,
  primary,
  members,
  from,
  cut,
  kept,
  state,
}: TakenGroup): SnapshotObject {
  const covers = Object.fromEntries([...cut].sort(([a], [b]) => (a < b ? -1 : 1)))
  const about = { name, kind, order, consistency, primary, members, by: from, covers, undelivered: kept }
  const value = decodeValue(state)
  const known = kindOf(kind)
  if (known === null) return { ...about, state: value }
  try {
    return { ...about, value: known.kind.read(value, known.variant) }
  } catch {
    // Of another version, or of a kind of the application's that goes by the same name.
    return { ...about, state: value }
  }
}
