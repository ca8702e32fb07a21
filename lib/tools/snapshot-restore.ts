/**
 * Restores a snapshot of a space into its objects.
 */
import { SnapshotError } from '../tool-errors.ts'
import { type KnownKind, kindOf, type Openers } from './snapshot-kinds.ts'
import { checkSnapshot, type SnapshotObject, type SpaceSnapshot } from './snapshot-value.ts'

/** What of a snapshot is restored, and into what. */
export interface RestoreOptions {
  /** Only objects of these names. Default: all. */
  readonly only?: readonly string[]
  /**
   * Objects that hold something are made to hold what the snapshot says: what is there and not in it is deleted. Default
   * false: they are refused. A queue must be empty in any case.
   */
  readonly replace?: boolean
  /** Gives up waiting: for objects to open, or for the primary component. */
  readonly signal?: AbortSignal
}

/** What came of it. */
export interface Restored {
  /** Names of the objects that hold what the snapshot says. */
  readonly restored: readonly string[]
  /** What was left alone, and why: an object, or a part of one that is restored (a queue's dead letters). */
  readonly skipped: readonly { readonly name: string; readonly kind: string; readonly reason: string }[]
}

/** How objects are had: those that are open here as they are, others anew. */
export interface RestoreSpace {
  /** One that is open here; null: none is. */
  held(name: string): { readonly kind: string; readonly handle: object } | null
  readonly openers: Openers
  batch(fn: () => void): void
}

/** One object that is to be written. */
interface Target extends SnapshotObject {
  readonly known: KnownKind
  readonly handle: object
}

/**
 * Checks everything, then writes: first what is agreed on, one object after the other, then all that is available in one
 * batch. Rejects with SnapshotError, and whatever a write rejects with.
 */
export async function restore(
  space: RestoreSpace,
  given: SpaceSnapshot,
  { only, replace = false, signal }: RestoreOptions,
): Promise<Restored> {
  const snapshot = checkSnapshot(given)
  const targets: Target[] = []
  const skipped: { name: string; kind: string; reason: string }[] = []
  for (const object of snapshot.objects) {
    const { name, kind } = object
    if (only !== undefined && !only.includes(name)) continue
    const known = kindOf(kind)
    if (known === null || !('value' in object)) {
      skipped.push({ name, kind, reason: 'what it holds is about who was there, or only its application knows' })
      continue
    }
    const held = space.held(name)
    if (held !== null && kindOf(held.kind)?.name !== known.name) {
      const message = `"${name}" is open here as a ${held.kind}, and the snapshot has a ${kind}`
      throw new SnapshotError(message, { reason: 'unsuitable', names: [name] })
    }
    const how = known.isAtomic ? { atomic: true } : {}
    const handle = held?.handle ?? (await known.kind.open(space.openers, name, known.variant, how))
    targets.push({ ...object, known, handle })
    const reason = known.kind.leftAlone?.(object.value) ?? null
    if (reason !== null) skipped.push({ name, kind, reason })
  }
  check(targets, replace)
  const agreed = targets.filter(({ consistency }) => consistency === 'consistent')
  for (const { known, handle, value } of agreed) {
    signal?.throwIfAborted()
    await known.kind.write(handle, value, signal)
  }
  space.batch(() => {
    for (const { known, handle, value, consistency } of targets)
      if (consistency === 'available') void known.kind.write(handle, value, signal)
  })
  return { restored: targets.map(({ name }) => name), skipped }
}

function check(targets: readonly Target[], replace: boolean): void {
  const occupied = targets.filter(
    ({ known: { kind }, handle }) => (!replace || kind.onlyEmpty === true) && !kind.isEmpty(handle),
  )
  if (occupied.length > 0) {
    const names = occupied.map(({ name }) => name)
    const message = `${names.join(', ')} ${names.length === 1 ? 'holds' : 'hold'} something: restore({ replace: true }), or empty queues first`
    throw new SnapshotError(message, { reason: 'occupied', names })
  }
  for (const { name, known, handle, value } of targets) {
    const reason = known.kind.refusal?.(handle, value) ?? null
    if (reason !== null) throw new SnapshotError(`"${name}": ${reason}`, { reason: 'unsuitable', names: [name] })
  }
}
