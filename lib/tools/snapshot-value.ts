/**
 * A snapshot of a space as the application holds it: a value, which can be kept, sent, and restored.
 */
import { SnapshotError } from '../tool-errors.ts'
import { decodeValue, encodeValue, hashValue } from '../values.ts'

/** The format of snapshots that this version writes, and the highest that it reads. */
export const SNAPSHOT_VERSION = 1

/** One group of a snapshot. */
export interface SnapshotObject {
  readonly name: string
  /** Its kind, and what its options add to that: `map`, `bounded-counter 0 100`. */
  readonly kind: string
  readonly order: 'fifo' | 'causal' | 'total'
  readonly consistency: 'available' | 'consistent'
  /** Was its component the primary one? If not, what a consistent group holds is what it last agreed on, as far as known here. */
  readonly primary: boolean
  /** Its members, by rank. */
  readonly members: readonly string[]
  /** Who recorded the state. */
  readonly by: string
  /** By process, the number of its last cast that the state covers. */
  readonly covers: Readonly<Record<string, number>>
  /** Casts that are not in it, though others who were cut off may have got them: they count if a primary component has them. */
  readonly undelivered: number
  /**
   * What it holds, of objects that `restore` knows: a `Map` for maps, a `Set` for sets, a number for counters, `{ value,
   * version }` for registers, `{ value, lastId }` for bounded counters, `{ items, dead }` for queues. Absent for others.
   */
  readonly value?: unknown
  /** The state of anything else, as it travels: what a group's `state.save()` gave, say. */
  readonly state?: unknown
}

/** A group of which nobody had the whole state at the cut: states were on their way, or those who have it are cut off. */
export interface MissingObject {
  readonly name: string
  readonly kind: string
  readonly members: readonly string[]
}

/** One consistent cut of a space. A value: it can be cast, kept in a map, cloned; for bytes, `encodeSnapshot`. */
export interface SpaceSnapshot {
  readonly format: 'tutti-snapshot'
  readonly version: number
  /** The name of the space. */
  readonly space: string
  /** Like no other. */
  readonly id: string
  /** When it was taken, in ms since 1970, by the clock of who took it. */
  readonly taken: number
  /** The view of the space in which all came to rest. */
  readonly view: string
  /** Its members that can hold objects, by rank: all of them contributed. */
  readonly members: readonly string[]
  /** Members that are away: the snapshot is without what only they have. */
  readonly away: readonly string[]
  /** Is that part of the space the primary one? If not, there may be others. */
  readonly primary: boolean
  readonly line: string | null
  /** By name. */
  readonly objects: readonly SnapshotObject[]
  readonly missing: readonly MissingObject[]
  /** Of all the rest, to tell damage; not cryptographic. */
  readonly digest: string
}

/** Puts the digest to it. */
export function sealSnapshot(snapshot: Omit<SpaceSnapshot, 'digest'>): SpaceSnapshot {
  return { ...snapshot, digest: hashValue(snapshot) }
}

/** As bytes, for a file. Throws a ValueError if it was changed to something that is no value. */
export function encodeSnapshot(snapshot: SpaceSnapshot): Uint8Array<ArrayBuffer> {
  return encodeValue(snapshot)
}

/** A snapshot from its bytes. Throws a SnapshotError (`corrupt`, `newer`). */
export function decodeSnapshot(bytes: Uint8Array): SpaceSnapshot {
  let value: unknown
  try {
    value = decodeValue(bytes)
  } catch (cause) {
    throw new SnapshotError('these bytes are no snapshot', { reason: 'corrupt', cause })
  }
  return checkSnapshot(value)
}

/** Throws a SnapshotError unless it is a snapshot, undamaged, of a version that is known. */
export function checkSnapshot(value: unknown): SpaceSnapshot {
  const { digest, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as Partial<SpaceSnapshot>
  if (rest.format !== 'tutti-snapshot' || !Number.isSafeInteger(rest.version)) {
    throw new SnapshotError('this is no snapshot of a space', { reason: 'corrupt' })
  }
  if ((rest.version ?? 0) > SNAPSHOT_VERSION) {
    throw new SnapshotError(
      `the snapshot is of version ${rest.version}; this is ${SNAPSHOT_VERSION}: use a newer Tutti`,
      {
        reason: 'newer',
      },
    )
  }
  let hash: string | null = null
  try {
    hash = hashValue(rest)
  } catch {
    // What is no value was not written by us.
  }
  if (hash !== digest || !Array.isArray(rest.objects)) {
    throw new SnapshotError('the snapshot is damaged: its digest is another', { reason: 'corrupt' })
  }
  return value as SpaceSnapshot
}
