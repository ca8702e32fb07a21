/**
 * Who needs whose state at a new group view. Pure: the same at every member.
 *
 * Members whose states are known equal form a class; each class has a donor. Available groups unite all classes;
 * consistent groups follow the class that was whole in the latest primary view. One who awaits a state of this line keeps
 * its own, if that is of a later primary view than all that are whole here: it may be the one to go on from (seed 77048).
 */
import type { GroupOptions, ProcessId, ViewId } from './api.ts'
import type { Acted, StateStatus, StateTask } from './frame.ts'

/** One member of the new group view, in rank order. */
export interface StateEntry {
  readonly id: ProcessId
  /** Its group view before; null for a newcomer. */
  readonly prev: ViewId | null
  /** Null for a newcomer. */
  readonly status: StateStatus | null
}

/** The status of one who has no state yet. */
export const noStatus: StateStatus = { isWhole: false, base: null, since: null, acted: 0, line: null }

interface StateClass {
  readonly key: string
  readonly subview: ViewId
  readonly isWhole: boolean
  readonly acted: number
  readonly members: ProcessId[]
}

function classify(entries: readonly StateEntry[], line: string | null, isConsistent: boolean): StateClass[] {
  const wholePrevs = new Map<string, number>()
  for (const { prev, status } of entries) {
    if (!status?.isWhole || prev === null) continue
    wholePrevs.set(prev, Math.max(actedIn(status, line), wholePrevs.get(prev) ?? -1))
  }
  const classes = new Map<string, StateClass>()
  for (const { id, prev, status } of entries) {
    if (status === null || prev === null) continue
    // Somebody who came along has the whole state: the partial one is given up.
    const whole = status.isWhole ? undefined : wholePrevs.get(prev)
    if (whole !== undefined && !(isConsistent && actedIn(status, line) > whole)) continue
    const key = status.isWhole ? prev : `${prev}|${status.base ?? ''}|${status.since ?? ''}`
    const found = classes.get(key)
    if (found !== undefined) {
      found.members.push(id)
      continue
    }
    classes.set(key, { key, subview: prev, isWhole: status.isWhole, acted: actedIn(status, line), members: [id] })
  }
  return [...classes.values()]
}

/**
 * All go on from what one of them had before it awaited others' states: the most senior of those whose state acted last.
 * What was awaited is not known to be equal.
 */
function planFromOwn(entries: readonly StateEntry[], classes: readonly StateClass[]): StateTask[] {
  const [last] = byActed(classes)
  const [donor] = last?.members ?? []
  if (last === undefined || donor === undefined) return []
  const sources = [{ donor, subview: last.subview }]
  return entries.map(({ id }) =>
    id === donor ? { need: id, mode: 'own', sources: [] } : { need: id, mode: 'replace', sources },
  )
}

/** Those that acted last come first; else they stay in their order. */
function byActed(classes: readonly StateClass[]): StateClass[] {
  return [...classes].sort((a, b) => b.acted - a.acted)
}

/** How states are chosen. */
export interface PlanRule {
  /** The line whose primary views count. */
  readonly line: string | null
  /** A donor that did not answer. */
  readonly avoid: ProcessId | null
  /** Spreads the donors of different groups. */
  readonly salt: number
  /** Nobody who may come back has a state of this line: if nobody here has one either, the most senior's own is taken. */
  readonly isAnew: boolean
}

/** The tasks of all members that need something. */
export function planStates(options: GroupOptions, entries: readonly StateEntry[], rule: PlanRule): StateTask[] {
  const { line, avoid, salt, isAnew } = rule
  if (!options.state) return []
  const isConsistent = options.consistency === 'consistent'
  let classes = classify(entries, line, isConsistent)
  if (classes.length === 0) return []
  /** Those who wait on, for who may come back. */
  let patient: readonly ProcessId[] = []
  if (isConsistent) {
    // A state that was still awaited is not the agreed one; who has it may come back.
    const [whole] = byActed(classes.filter((c) => c.isWhole))
    if (whole === undefined && !isAnew) return entries.map(({ id }) => ({ need: id, mode: 'replace', sources: [] }))
    const later = classes.filter((c) => !c.isWhole && (whole === undefined || c.acted > whole.acted))
    if (whole === undefined || (isAnew && later.length > 0)) return planFromOwn(entries, later)
    patient = later.flatMap(({ members }) => members)
    classes = [whole]
  }
  const sources = classes.map((c) => {
    const willing = c.members.filter((id) => id !== avoid)
    const pool = willing.length > 0 ? willing : c.members
    return { donor: pool[salt % pool.length] ?? '', subview: c.subview, members: c.members }
  })
  const tasks: StateTask[] = []
  for (const { id } of entries) {
    const own = sources.findIndex((s) => s.members.includes(id))
    if (own >= 0 && sources.length === 1) continue
    if (patient.includes(id)) {
      tasks.push({ need: id, mode: 'replace', sources: [] })
      continue
    }
    tasks.push({
      need: id,
      mode: own >= 0 ? 'merge' : 'replace',
      sources: sources.map((s, i) => ({ donor: i === own ? id : s.donor, subview: s.subview })),
    })
  }
  return tasks
}

/** The epoch of the last primary view of this line that a state saw; −1 for a state of another line. */
export function actedIn({ acted, line: ofLine }: Acted, line: string | null): number {
  return ofLine === line ? acted : -1
}
