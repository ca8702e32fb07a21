/** The groups of a new space view: those of all parts, united by name, with their views and who needs whose state. */
import { endForsaken, hasEnded, holdersOf, isHeld, nextMemory, straysOf, uniteMemories, whoIsMissing } from './acted.ts'
import { FOLDING, type ProcessId, type Succession, type ViewId } from './api.ts'
import { finalMembers, type GroupHistory, lastTold, lastView, membersAt, uniteGroups } from './cut.ts'
import type { Decision, Departed, GroupRow, Part, Row, StateStatus, StateTask } from './frame.ts'
import { type Absences, agreedDeparted, whyGone } from './gone.ts'
import type { GroupStart } from './groups.ts'
import { compareViewIds, groupViewId, viewIdOf } from './ids.ts'
import type { Kernel } from './kernel.ts'
import type { Flush } from './membership.ts'
import { goesOn } from './primary.ts'
import type { DirectoryEntry } from './rounds.ts'
import { noStatus, planStates, type StateEntry } from './state-plan.ts'

/** What the change of the space means for every group. */
export interface SpaceChange {
  /** Neither line nor primary has changed. */
  readonly isSameStanding: boolean
  readonly absences: Absences
  /** See `ViewInfo`; 0: nothing can be said. */
  readonly quietMs: number
}

interface PartGroup {
  readonly history: GroupHistory
  readonly members: readonly ProcessId[]
  /** Its last view in the part's old space view that these were told of. */
  readonly viewId: string
  /** Are these all members of that view? */
  readonly isWhole: boolean
  readonly rows: ReadonlyMap<ProcessId, GroupRow>
}

/** All groups of all parts, united by name, in the same way at every member. */
export function startGroups(kernel: Kernel, flush: Flush, decision: Decision, change: SpaceChange): void {
  const { isSameStanding, absences, quietMs } = change
  const parts = decision.partOrder.flatMap((index) => flush.parts[index] ?? [])
  const united = new Map<string, PartGroup[]>()
  for (const part of parts) {
    const rows = part.members.flatMap((id) => flush.rows.filter((row) => row.from === id))
    const isGoingOn = goesOn(decision, rows, flush.rows)
    for (const history of uniteGroups(rows).values()) {
      const list = united.get(history.name) ?? []
      list.push(...piecesOf(part, rows, history, isGoingOn))
      if (list.length > 0) united.set(history.name, list)
    }
  }
  const told = uniteMemories(flush.rows, decision.line)
  if (decision.primary) endForsaken(told, flush.rows, decision.line)
  const memory = nextMemory(kernel.remembered, told, decision.line)
  const departed = agreedDeparted(flush.rows)
  const names = [...united.keys()].sort()
  const after = decision.primary ? lastPrimary(flush.rows, decision.line) : null
  const directory: DirectoryEntry[] = []
  const starts: GroupStart[] = []
  names.forEach((name, gid) => {
    const pieces = united.get(name) ?? []
    const [first] = pieces
    if (first === undefined) return
    const members = pieces.flatMap((piece) => piece.members)
    const { options } = first.history
    const entries = entriesOf(pieces)
    const isConsistent = options.consistency === 'consistent' && options.state
    const missing = isConsistent ? whoIsMissing(entries, told.get(name), decision.line) : null
    const isEnded = isConsistent && decision.primary && hasEnded(entries, told.get(name), decision.line)
    const plan = isEnded
      ? beginAnew(entries)
      : planStates(options, entries, {
          line: decision.heirOf,
          avoid: null,
          salt: gid,
          isAnew: decision.primary && missing === null && (decision.heirOf !== decision.line || !told.has(name)),
        })
    directory.push({ gid, name, options, gn: 0, members, holders: [], given: new Map(), missing, past: new Map() })
    if (missing !== null && decision.primary) kernel.trace({ e: 'groupWaits', g: name, missing })
    if (isConsistent && decision.primary && decision.line !== null && missing === null) {
      const holders = holdersOf(members, plan)
      const former = pieces.flatMap(({ history }) => finalMembers(history))
      const strays = isEnded ? [] : straysOf(former, told.get(name), flush.rows, departed)
      if (holders.length > 0)
        memory.set(name, { name, line: decision.line, acted: flush.ballot.epoch, holders, strays })
    }
    const start = startOf(kernel, flush, {
      name,
      gid,
      pieces,
      members,
      isSameStanding: isSameStanding && !plan.some(({ mode }) => isHeld(mode)),
      missing,
      plan,
      absences,
      quietMs,
      succession: options.kind.endsWith(FOLDING) ? { after, isSettled: isSettled(pieces) } : null,
    })
    if (start !== null) starts.push(start)
  })
  kernel.remembered = memory
  kernel.rounds.reset(directory)
  kernel.groups.startSpaceView(
    starts,
    names.map((name, gid): readonly [number, string] => [gid, name]),
  )
}

/** Whoever comes with a state of a group that has ended since begins anew. */
function beginAnew(entries: readonly StateEntry[]): StateTask[] {
  return entries.filter(({ status }) => status !== null).map(({ id }) => ({ need: id, mode: 'anew', sources: [] }))
}

/** A part's members of a group, by the view of it that they come from. */
function piecesOf(part: Part, rows: readonly Row[], history: GroupHistory, isGoingOn: boolean): PartGroup[] {
  const groupRows = rowsOf(rows, history.gid)
  const byView = new Map<number, ProcessId[]>()
  for (const id of finalMembers(history)) {
    if (!part.members.includes(id)) continue
    const gn = lastView(history, lastTold(history, id, groupRows.get(id)?.gn ?? 0, isGoingOn))
    byView.set(gn, [...(byView.get(gn) ?? []), id])
  }
  return [...byView].map(([gn, members]) => ({
    history,
    members,
    viewId: gn === 0 ? (history.baseViewId ?? '') : groupViewId(part.view, gn),
    isWhole: members.length === membersAt(history, gn)?.length,
    rows: groupRows,
  }))
}

/**
 * Also whoever a group view that was decided, but not told, lets go; not who has left before and is back since, perhaps in
 * a view that nobody here was told of because all had left.
 */
function withLeavers(departed: ReadonlyMap<ProcessId, Departed>, { installs }: GroupHistory): Map<ProcessId, Departed> {
  const gone = new Set<ProcessId>()
  for (const { left, members } of installs) {
    for (const id of left) gone.add(id)
    for (const id of members) gone.delete(id)
  }
  return new Map([
    ...[...gone].map((id): [ProcessId, Departed] => [id, { id, isDead: false, votes: null, ended: [] }]),
    ...departed,
  ])
}

function rowsOf(rows: readonly Row[], gid: number): Map<ProcessId, GroupRow> {
  const result = new Map<ProcessId, GroupRow>()
  for (const row of rows) {
    const group = row.groups.find((g) => g.gid === gid)
    if (group !== undefined) result.set(row.from, group)
  }
  return result
}

interface Union {
  readonly name: string
  readonly gid: number
  readonly pieces: readonly PartGroup[]
  readonly members: readonly ProcessId[]
  /** Neither line nor primary has changed for this part. */
  readonly isSameStanding: boolean
  readonly missing: readonly ProcessId[] | null
  readonly plan: readonly StateTask[]
  readonly absences: Absences
  readonly quietMs: number
  /** Null: it does not fold. */
  readonly succession: Omit<Succession, 'space'> | null
}

function entriesOf(pieces: readonly PartGroup[]): StateEntry[] {
  return pieces.flatMap((piece) => piece.members.map((id) => ({ id, prev: piece.viewId, status: statusOf(piece, id) })))
}

/** Whoever is back in the group by a view that it was not told of has nothing: its row tells of what it has given up. */
function statusOf({ history, rows }: PartGroup, id: ProcessId): StateStatus {
  const row = rows.get(id)
  if (row === undefined) return noStatus
  return history.installs.some(({ gn, joined }) => gn > row.gn && joined.includes(id)) ? noStatus : row.status
}

/** Do all come from one view of the group, each with the whole state? */
function isSettled(pieces: readonly PartGroup[]): boolean {
  return pieces.length === 1 && entriesOf(pieces).every(({ status }) => status?.isWhole === true)
}

/**
 * The primary view of the line after which the next one comes: the last that anybody here has installed. An attempt that
 * somebody else may have installed was completed before (`primary.ts`).
 */
function lastPrimary(rows: readonly Row[], line: string | null): ViewId | null {
  let last: ViewId | null = null
  for (const { votes } of rows) {
    if (votes.last === null || votes.last.line !== line) continue
    if (last === null || compareViewIds(votes.last.id, last) > 0) last = votes.last.id
  }
  return last
}

function startOf(kernel: Kernel, flush: Flush, union: Union): GroupStart | null {
  const { name, gid, pieces, members, missing, plan, absences, quietMs, succession } = union
  const mine = pieces.find((piece) => piece.members.includes(kernel.self))
  const group = kernel.groups.byName.get(name)
  const [first] = pieces
  if (mine === undefined || group === undefined || first === undefined) return null
  const base = { gid, name, options: first.history.options, members, missing }
  const isSame = union.isSameStanding && (missing === null) === (group.missing === null)
  if (pieces.length === 1 && mine.isWhole && isSame && succession === null) return { ...base, view: null }
  const id = groupViewId(viewIdOf(flush.ballot), 0)
  const before = group.untold?.before ?? group.members
  const prev = group.viewId
  const stays = mine.members
  const subviews = pieces.map((piece) => ({ id: piece.viewId, members: piece.members }))
  const draft = { ...group, viewId: id, members, missing }
  const info = kernel.groups.viewOf(draft, prev, stays, subviews, {
    joined: members.filter((m) => !before.includes(m)),
    ...(quietMs > 0 ? { quietMs } : {}),
    ...whyGone(
      {
        members: before.filter((m) => !members.includes(m)),
        departed: withLeavers(agreedDeparted(flush.rows), mine.history),
      },
      { ...absences, away: absences.away.filter(({ id }) => before.includes(id) && !members.includes(id)) },
    ),
  })
  const space = viewIdOf(flush.ballot)
  return { ...base, view: { id, info, plan, ...(succession === null ? {} : { succession: { ...succession, space } }) } }
}
