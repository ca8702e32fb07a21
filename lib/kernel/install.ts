/** Installing a space view: the cut is delivered, then everything counted per view begins anew. */
import type { MemberInfo, ProcessId, ViewInfo } from './api.ts'
import type { LostCast } from './casting.ts'
import { type CutPlan, finalMembers, type GroupHistory, uniteGroups } from './cut.ts'
import { Era, type Held } from './era.ts'
import type { Decision, Departed, GroupRow, Row } from './frame.ts'
import type { GroupStart } from './groups.ts'
import { groupViewId, viewIdOf } from './ids.ts'
import type { Kernel } from './kernel.ts'
import type { Flush } from './membership.ts'
import type { DirectoryEntry } from './rounds.ts'
import { noStatus, planStates, type StateEntry } from './state-plan.ts'

/** The part of the kernel that installs; a function rather than a layer, because it touches all of them once. */
export function installView(kernel: Kernel, flush: Flush, plan: CutPlan, decision: Decision): void {
  const dropped = deliverCut(kernel, plan, decision)
  const old = kernel.era
  const oldLine = kernel.line
  const departed = agreedDeparted(flush.rows)
  for (const d of departed.values()) if (d.id !== kernel.self) kernel.departed.set(d.id, d)
  kernel.casting.newView(dropped)
  const id = viewIdOf(flush.ballot)
  const rows = new Map(flush.rows.map((row) => [row.from, row]))
  const parts = decision.partOrder.flatMap((index) => flush.parts[index] ?? [])
  const members: MemberInfo[] = parts.flatMap((part) =>
    part.members.map((m) => ({ id: m, name: rows.get(m)?.name ?? '', origin: rows.get(m)?.origin ?? '' })),
  )
  const ids = new Set(members.map((m) => m.id))
  const view: ViewInfo = {
    id,
    spaceView: id,
    members,
    primary: decision.primary,
    line: decision.line,
    prev: old.id,
    trans: flush.part.members,
    subviews: parts.map((part) => ({ id: part.view, members: part.members })),
    joined: members.map((m) => m.id).filter((m) => !old.ranks.has(m)),
    ...whyGone(
      old.members.filter((m) => !ids.has(m)),
      departed,
    ),
  }
  kernel.lamport = Math.max(kernel.lamport, ...flush.rows.map((row) => row.lamport))
  if (oldLine !== null && decision.lost.includes(oldLine) && decision.line !== null) {
    kernel.app({ type: 'lineLost', line: oldLine, winner: decision.line })
    kernel.votes = { last: null, attempt: null }
  }
  kernel.line = decision.line
  kernel.generation = decision.generation
  if (decision.primary && decision.line !== null) {
    kernel.votes = { last: { line: decision.line, id, members: members.map((m) => m.id) }, attempt: null }
    kernel.effects.push({ type: 'persist', ticket: 0, record: kernel.votes })
  }
  kernel.era = new Era(view, flush.ballot.epoch, kernel.self)
  for (const link of kernel.links.values()) {
    if (old.ranks.has(link.peer) && !ids.has(link.peer)) link.reset()
    link.newView()
  }
  kernel.delivery.reset()
  kernel.detector.newView()
  kernel.trace({ e: 'install', view: id, members: members.map((m) => m.id), parts: parts.length })
  kernel.app({ type: 'view', group: '', view, state: 'whole' })
  if (decision.line !== null && decision.line !== oldLine) kernel.effects.push({ type: 'inLine', line: decision.line })
  const isSameStanding = old.view.primary === decision.primary && oldLine === decision.line
  startGroups(kernel, flush, decision, isSameStanding)
  // What a merge needs to know of us next, strangers hear at once.
  for (const link of kernel.links.values()) {
    if (link.isOpen && !ids.has(link.peer)) {
      kernel.detector.sendBeat(link.peer, kernel.membership.highestEpoch, () => kernel.membership.summary(), id)
    }
  }
}

/** What the rows say of those who are gone: the same at everyone, unlike what this process happens to know besides. */
function agreedDeparted(rows: readonly Row[]): Map<ProcessId, Departed> {
  const departed = new Map<ProcessId, Departed>()
  for (const row of rows) {
    for (const d of row.departed) if (!departed.has(d.id)) departed.set(d.id, d)
  }
  return departed
}

function whyGone(
  gone: readonly ProcessId[],
  departed: ReadonlyMap<ProcessId, Departed>,
): Pick<ViewInfo, 'left' | 'dead' | 'expelled'> {
  return {
    left: gone.filter((id) => departed.get(id)?.isDead === false),
    dead: gone.filter((id) => departed.get(id)?.isDead === true),
    expelled: gone.filter((id) => !departed.has(id)),
  }
}

/** Delivers what is left of the old view. Returns the own casts that nobody here delivers. */
function deliverCut(kernel: Kernel, plan: CutPlan, decision: Decision): LostCast[] {
  const { era, delivery, groups } = kernel
  const lost: LostCast[] = []
  era.isCutting = true
  era.released = new Map([...plan.histories].map(([gid, history]) => [gid, history.released]))
  for (const { cast, rank } of era.late.splice(0)) {
    if (plan.known.has(`${era.members[rank] ?? ''}#${cast.seq}`)) delivery.receive(cast, rank)
  }
  for (const name of plan.dropped) {
    const at = name.lastIndexOf('#')
    const rank = era.ranks.get(name.slice(0, at))
    const held = rank === undefined ? undefined : era.held[rank]?.find((h) => h.cast.seq === Number(name.slice(at + 1)))
    if (held === undefined) continue
    held.isDropped = true
    const group = era.groups.get(held.cast.gid)
    if (rank === era.selfRank && group !== undefined) lost.push({ group: group.name, n: held.cast.n, outcome: 'lost' })
  }
  if (!decision.primary) dropConsistent(kernel, plan, lost)
  for (const history of plan.histories.values()) {
    for (const install of history.installs) {
      if (install.gn <= groups.knownViews(install.gid)) continue
      kernel.trace({ e: 'groupAdopt', g: install.name, gn: install.gn })
      groups.handleInstall(install)
    }
  }
  delivery.pump()
  delivery.dropEarly()
  const left = delivery.leftovers()
  if (left.length > 0) throw new Error(`undeliverable at the cut of ${era.id}: ${describe(left)}`)
  era.isCutting = false
  return lost
}

/** Outside the primary component, uniform casts of consistent groups that were not released are nobody's to deliver. */
function dropConsistent(kernel: Kernel, plan: CutPlan, lost: LostCast[]): void {
  const { era } = kernel
  era.held.forEach((list, rank) => {
    for (const held of list) {
      const history = plan.histories.get(held.cast.gid)
      if (held.isDelivered || held.cast.order !== null || history === undefined) continue
      if (history.options.consistency !== 'consistent' || !history.options.uniform) continue
      if (isReleased(kernel, history, held)) continue
      if (held.isDropped) continue
      held.isDropped = true
      if (rank === era.selfRank) lost.push({ group: history.name, n: held.cast.n, outcome: 'unknown' })
    }
  })
}

/** Somebody who comes along has delivered it: then all do. */
function isReleased(kernel: Kernel, history: GroupHistory, held: Held): boolean {
  const { gn, next } = history.released
  if (held.cast.gn !== gn) return held.cast.gn < gn
  const records = kernel.era.groups.get(history.gid)?.total.records ?? new Map()
  for (const [position, record] of records) {
    if (record.rank === held.rank && record.seq === held.cast.seq) return position < next
  }
  return false
}

function describe(left: readonly Held[]): string {
  return left.map((h) => `${h.rank}#${h.cast.seq}(g${h.cast.gid}.${h.cast.gn}, deps ${h.cast.deps.join()})`).join(' ')
}

interface PartGroup {
  readonly history: GroupHistory
  readonly members: readonly ProcessId[]
  /** Its last view in the part's old space view. */
  readonly viewId: string
  readonly isWhole: boolean
  readonly rows: ReadonlyMap<ProcessId, GroupRow>
}

/** All groups of all parts, united by name, in the same way at every member. */
function startGroups(kernel: Kernel, flush: Flush, decision: Decision, isSameStanding: boolean): void {
  const parts = decision.partOrder.flatMap((index) => flush.parts[index] ?? [])
  const united = new Map<string, PartGroup[]>()
  for (const part of parts) {
    const rows = part.members.flatMap((id) => flush.rows.filter((row) => row.from === id))
    for (const history of uniteGroups(rows).values()) {
      const final = finalMembers(history)
      const members = final.filter((id) => part.members.includes(id))
      if (members.length === 0) continue
      const last = history.installs.at(-1)
      const viewId = last === undefined ? (history.baseViewId ?? '') : groupViewId(part.view, last.gn)
      const list = united.get(history.name) ?? []
      list.push({ history, members, viewId, isWhole: members.length === final.length, rows: rowsOf(rows, history.gid) })
      united.set(history.name, list)
    }
  }
  const names = [...united.keys()].sort()
  const directory: DirectoryEntry[] = []
  const starts: GroupStart[] = []
  names.forEach((name, gid) => {
    const pieces = united.get(name) ?? []
    const [first] = pieces
    if (first === undefined) return
    const members = pieces.flatMap((piece) => piece.members)
    directory.push({ gid, name, options: first.history.options, gn: 0, members, past: new Map() })
    const start = startOf(kernel, flush, decision, { name, gid, pieces, members, isSameStanding })
    if (start !== null) starts.push(start)
  })
  kernel.rounds.reset(directory)
  kernel.groups.startSpaceView(
    starts,
    names.map((name, gid): readonly [number, string] => [gid, name]),
  )
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
}

function startOf(kernel: Kernel, flush: Flush, decision: Decision, union: Union): GroupStart | null {
  const { name, gid, pieces, members } = union
  const mine = pieces.find((piece) => piece.members.includes(kernel.self))
  const group = kernel.groups.byName.get(name)
  const [first] = pieces
  if (mine === undefined || group === undefined || first === undefined) return null
  const base = { gid, name, options: first.history.options, members }
  if (pieces.length === 1 && mine.isWhole && union.isSameStanding) return { ...base, view: null }
  const id = groupViewId(viewIdOf(flush.ballot), 0)
  const entries: StateEntry[] = pieces.flatMap((piece) =>
    piece.members.map((member) => {
      const status = piece.rows.get(member)?.status ?? noStatus
      return { id: member, prev: piece.viewId, status }
    }),
  )
  const gone = group.members.filter((m) => !members.includes(m))
  const prev = group.viewId
  const stays = mine.members
  const subviews = pieces.map((piece) => ({ id: piece.viewId, members: piece.members }))
  const before = group.members
  const draft = { ...group, viewId: id, members }
  const info = kernel.groups.viewOf(draft, prev, stays, subviews, {
    joined: members.filter((m) => !before.includes(m)),
    ...whyGone(gone, agreedDeparted(flush.rows)),
  })
  return { ...base, view: { id, info, plan: planStates(first.history.options, entries, decision.line, null, gid) } }
}
