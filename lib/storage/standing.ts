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

/** A history that a state has gone on from, and how far that had come there. */
export interface Passed {
  readonly birth: string
  readonly standing: Standing
}

/** The histories that a state is of. */
export interface Origin {
  /** Where what it is a state of began: the same in all of one history, and in no other. Absent: not known. */
  readonly birth?: string
  /** The histories before that one: the last `PAST_MAX`, ascending. Absent: not known. */
  readonly past?: readonly Passed[]
}

/** What a copy says of the state in it. */
export interface Acted extends Origin {
  readonly standing: Standing
  /** The members of that view: each of them may have gone on. */
  readonly holders: readonly string[]
}

/** Histories before its own that are known of a state at most: one more each time a group goes on from what was stored. */
export const PAST_MAX = 32

/** Negative: the first has come less far. States of one view are each a beginning of the further ones. */
export function compareStandings(a: Standing, b: Standing): number {
  const byPlace = a.view === b.view ? a.index - b.index : a.view < b.view ? -1 : 1
  return Number(a.hasActed) - Number(b.hasActed) || a.era - b.era || compareViews(a.view, b.view) || byPlace
}

/** Of two views at one process: negative if the first came before the second. */
export function compareViews(a: string, b: string): number {
  const [epochA, nA] = partsOf(a)
  const [epochB, nB] = partsOf(b)
  return epochA - epochB || nA - nB
}

/** The histories before that of a state which goes on from this one; null: not known. */
export function pastAfter({ standing, birth, past }: Acted): readonly Passed[] | null {
  return birth === undefined || past === undefined ? null : [...past, { birth, standing }].slice(-PAST_MAX)
}

/** Is that a state of one of these histories, as far as they were gone on from? Null: not known. */
export function isIn(past: readonly Passed[] | null, { standing, birth }: Acted): boolean | null {
  if (past === null || birth === undefined) return null
  const passed = past.find((each) => each.birth === birth)
  if (passed !== undefined) return compareStandings(standing, passed.standing) <= 0
  return past.length < PAST_MAX ? false : null
}

/** As it is cast, and stored. */
export function savePast(past: readonly Passed[]): unknown {
  return past.map(({ birth, standing }) => [birth, saveStanding(standing)])
}

/** Null if it is malformed. */
export function readPast(saved: unknown): readonly Passed[] | null {
  if (!Array.isArray(saved) || saved.length > PAST_MAX) return null
  const past = saved.flatMap((each: unknown): Passed[] => {
    const [birth, standing] = Array.isArray(each) ? (each as unknown[]) : []
    const read = readStanding(standing)
    return typeof birth === 'string' && read !== null ? [{ birth, standing: read }] : []
  })
  return past.length === saved.length ? past : null
}

export function saveStanding({ hasActed, era, view, index }: Standing): unknown {
  return [hasActed, era, view, index]
}

/** Null if it is malformed. */
export function readStanding(saved: unknown): Standing | null {
  const [hasActed, era, view, index] = Array.isArray(saved) ? (saved as unknown[]) : []
  const isRead = typeof hasActed === 'boolean' && isNumber(era) && typeof view === 'string' && isNumber(index)
  return isRead ? { hasActed, era, view, index } : null
}

/** As it is cast, and travels with a state. */
export function saveActed(acted: Acted | null): unknown {
  if (acted === null) return null
  const { standing, holders, birth, past } = acted
  return [saveStanding(standing), [...holders], birth ?? null, past === undefined ? null : savePast(past)]
}

/** Undefined if it is malformed. */
export function readActed(saved: unknown): Acted | null | undefined {
  if (saved === null) return null
  const [savedStanding, holders, birth, savedPast] = Array.isArray(saved) ? (saved as unknown[]) : []
  const standing = readStanding(savedStanding)
  if (standing === null || !isNames(holders)) return undefined
  const past = readPast(savedPast)
  return { standing, holders, ...(typeof birth === 'string' ? { birth } : {}), ...(past === null ? {} : { past }) }
}

/** Process ids: at most as many as a space has members. */
export function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= 1024 && value.every((each) => typeof each === 'string')
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function partsOf(view: string): [epoch: number, n: number] {
  const parts = view.split('.')
  return [Number(parts[0]) || 0, Number(parts.at(-1)) || 0]
}
