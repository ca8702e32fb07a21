/**
 * What a snapshot needs of its process beside the group that it speaks in: a look at all groups that are open here, and a
 * way to hold back casts.
 */

/** A group that is open here and has a state, at the moment of the call. */
export interface GroupRecord {
  readonly name: string
  /** The identity that all who open it share: kind, and what its options add. */
  readonly kind: string
  readonly order: 'fifo' | 'causal' | 'total'
  readonly consistency: 'available' | 'consistent'
  /** Of its view, by rank. */
  readonly members: readonly string[]
  readonly primary: boolean
  /** No other state is awaited. */
  readonly isWhole: boolean
  /** By sender, the highest number of its casts that the state covers. */
  readonly cut: ReadonlyMap<string, number>
  /** Casts that somebody who was cut off may have been delivered: kept with the state, and not in it. */
  readonly kept: number
  /** The delivered state, encoded; null if the object cannot give it. */
  save(): Uint8Array | null
}

/** Casts of this process wait. */
export interface HeldCasts {
  /** The number of the cast that marked the cut. */
  readonly mark: number
  /** Casts the one operation that does not wait. */
  cast(op: unknown): void
  /** Lets go what waits, behind that operation. */
  release(): void
}

/** A state that was recorded, for a trace. */
export interface RecordedGroup {
  /** Of the snapshot. */
  readonly id: string
  readonly group: string
  readonly cut: ReadonlyMap<string, number>
  /** By member, the number of the cast that is its mark. */
  readonly marks: ReadonlyMap<string, number>
}

/** A part of the space: all of it, if it is not split. */
export interface SpacePart {
  /** The view's id. */
  readonly view: string
  /** Those of its members that can be in groups, by rank. */
  readonly members: readonly string[]
  readonly away: readonly string[]
  readonly primary: boolean
  readonly line: string | null
}

/** The process, as far as snapshots need it. */
export interface SnapshotHost {
  /** The part of the space that this process is in; null before the first view. */
  part(): SpacePart | null
  /** All groups that are open here and have states. */
  groups(): GroupRecord[]
  /** Casts `op` in the group of that name, and holds back what this process casts after it. Null if it cannot cast. */
  hold(group: string, op: unknown): HeldCasts | null
  /** How long casts wait for a cut, at most, in ms; default 1.5 s. */
  readonly holdMs?: number
  /** For simulated runs: a state was recorded for a snapshot. */
  readonly recorded?: (about: RecordedGroup) => void
}
