/**
 * How far a stored state of a group that acts in the primary component had come, and who may have come further.
 */

/** The place of a state among all that a group has had. */
export interface Standing {
  /** Casts have taken effect. Without any, it is the state of the beginning, and less than any other. */
  readonly hasActed: boolean
  /** Grows each time the group goes on from what was stored. */
  readonly era: number
  /** The last primary view of the group that it has seen: `epoch.coordinator.n`. */
  readonly view: string
  /** How many casts of that view it has. */
  readonly index: number
}

/** What a copy says of the state in it. */
export interface Acted {
  readonly standing: Standing
  /** The members of that view: each of them may have gone on. */
  readonly holders: readonly string[]
  /** Where what it is a state of began: the same in all of one history, and in no other. Absent: not known. */
  readonly birth?: string
}

/** Negative: the first has come less far. States of one view are each a beginning of the further ones. */
export function compareStandings(a: Standing, b: Standing): number {
  const [epochA, nA] = partsOf(a.view)
  const [epochB, nB] = partsOf(b.view)
  return (
    a.era - b.era || epochA - epochB || nA - nB || (a.view === b.view ? a.index - b.index : a.view < b.view ? -1 : 1)
  )
}

function partsOf(view: string): [epoch: number, n: number] {
  const parts = view.split('.')
  return [Number(parts[0]) || 0, Number(parts.at(-1)) || 0]
}
