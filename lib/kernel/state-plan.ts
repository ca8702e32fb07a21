/**
 * Who needs whose state at a new group view. Pure: the same at every member.
 *
 * Members whose states are known equal form a class; each class has a donor. Available groups unite all classes;
 * consistent groups follow the class that was whole in the latest primary view.
 */
import type { GroupOptions, ProcessId, ViewId } from './api.ts'
import type { StateStatus, StateTask } from './frame.ts'

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

function classify(entries: readonly StateEntry[], line: string | null): StateClass[] {
  const wholePrevs = new Set(entries.flatMap((e) => (e.status?.isWhole && e.prev !== null ? [e.prev] : [])))
  const classes = new Map<string, StateClass>()
  for (const { id, prev, status } of entries) {
    if (status === null || prev === null) continue
    // Somebody who came along has the whole state: the partial one is given up.
    if (!status.isWhole && wholePrevs.has(prev)) continue
    const key = status.isWhole ? prev : `${prev}|${status.base ?? ''}|${status.since ?? ''}`
    const found = classes.get(key)
    if (found !== undefined) {
      found.members.push(id)
      continue
    }
    const acted = status.line === line ? status.acted : -1
    classes.set(key, { key, subview: prev, isWhole: status.isWhole, acted, members: [id] })
  }
  return [...classes.values()]
}

/** All go on from what the most senior had before it awaited others' states: what was awaited is not known to be equal. */
function planFromOwn(entries: readonly StateEntry[], [first]: readonly StateClass[]): StateTask[] {
  const [donor] = first?.members ?? []
  if (first === undefined || donor === undefined) return []
  const sources = [{ donor, subview: first.subview }]
  return entries.map(({ id }) =>
    id === donor ? { need: id, mode: 'own', sources: [] } : { need: id, mode: 'replace', sources },
  )
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
  let classes = classify(entries, line)
  if (classes.length === 0) return []
  if (options.consistency === 'consistent') {
    // A state that was still awaited is not the agreed one; who has it may come back.
    const whole = classes.filter((c) => c.isWhole)
    if (whole.length === 0 && !isAnew) return entries.map(({ id }) => ({ need: id, mode: 'replace', sources: [] }))
    if (whole.length === 0) return planFromOwn(entries, classes)
    classes = whole.sort((a, b) => b.acted - a.acted).slice(0, 1)
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
    tasks.push({
      need: id,
      mode: own >= 0 ? 'merge' : 'replace',
      sources: sources.map((s, i) => ({ donor: i === own ? id : s.donor, subview: s.subview })),
    })
  }
  return tasks
}
