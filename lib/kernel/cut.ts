/**
 * The cut: from the flush rows of those who come from one view, what each of them holds, forwards, awaits and drops.
 * Pure: every member computes the same from the same rows.
 *
 * Source: Ensemble's SYNC, EVS recovery; Keidar–Khazan cuts. Differs: the union of what any survivor holds is kept
 * (not the minimum); a cast whose dependency is lost is dropped unless a survivor delivered it, or the loss concerns none
 * of those who get it (decision 021).
 */
import type { ProcessId } from './api.ts'
import { isHeldBack } from './delivery.ts'
import type { Released } from './era.ts'
import type { GroupInstall, GroupRow, HeldCast, Row } from './frame.ts'

/** A cast named within a view: `sender#seq`. */
function nameOf(sender: ProcessId, seq: number): string {
  return `${sender}#${seq}`
}

/** The history of one group within the old view, united from all rows. */
export interface GroupHistory {
  readonly gid: number
  readonly name: string
  readonly options: GroupRow['options']
  /** Members when the space view began; null if no survivor knows (it was created in the view). */
  readonly base: readonly ProcessId[] | null
  readonly baseViewId: string | null
  /** In order of `gn`. */
  readonly installs: readonly GroupInstall[]
  readonly released: Released
}

/** What one member does at the cut. */
export interface CutPlan {
  readonly movers: readonly ProcessId[]
  /** Members whose end-of-view marker is awaited. */
  readonly awaitEov: readonly ProcessId[]
  /** (removed sender, seq) held by others and addressed to this process. */
  readonly expected: ReadonlySet<string>
  readonly forwards: readonly { readonly to: ProcessId; readonly sender: ProcessId; readonly seq: number }[]
  readonly dropped: ReadonlySet<string>
  /** Everything that some row lists: what came later is nobody's to deliver. */
  readonly known: ReadonlySet<string>
  readonly histories: ReadonlyMap<number, GroupHistory>
}

/**
 * From which of the group's views on, up to the one that it is in, does it show that all that was counted was delivered,
 * and whoever comes along holds it? Null if it does not even stand for the end of the view just before that one.
 *
 * A newcomer has delivered nothing of what was before it. But a uniform group's donor, who was in the last view, had all
 * of that from everybody. Where nobody came from the last view, no state did: whoever left with it may not have heard so
 * yet, and has still to deliver what was cast in it (plan f2-1691).
 */
function deliveredFrom({ members, options, status, gn, installs }: GroupRow): number | null {
  if (members !== null) return 0
  const [entered] = installs
  if (entered === undefined) return gn
  if (entered.members.every((id) => entered.joined.includes(id))) return entered.gn
  if (options.uniform && options.state && status.isWhole) return entered.gn - 1
  return gn > entered.gn ? entered.gn : null
}

/** What a member has delivered itself, as `GroupRow.released`: a newcomer takes what was before it for delivered. */
function releasedBy({ members, installs, released }: GroupRow): (readonly [rank: number, seq: number])[] {
  const counts = members === null ? (installs[0]?.counts ?? []) : []
  const before = new Map<number, number>()
  for (let i = 0; i + 1 < counts.length; i += 2) before.set(counts[i] ?? 0, counts[i + 1] ?? 0)
  const own: (readonly [number, number])[] = []
  for (let i = 0; i + 1 < released.length; i += 2) {
    const [rank = 0, seq = 0] = released.slice(i, i + 2)
    if (seq > (before.get(rank) ?? 0)) own.push([rank, seq])
  }
  return own
}

/**
 * By domain, how far each has come in it. Whoever is about to enter one of its groups may say so in another's account only,
 * and has delivered there what a cast of the view that it enters must come after (plan o9-226861).
 */
function reachedInDomains(
  entries: readonly { readonly row: GroupRow; readonly last: ReadonlyMap<number, number> }[],
): Map<string, Map<number, number>> {
  const reached = new Map<string, Map<number, number>>()
  for (const { row, last } of entries) {
    const { domain } = row.options
    if (domain === undefined) continue
    const all = reached.get(domain) ?? new Map<number, number>()
    reached.set(domain, all)
    for (const [rank, place] of last) if (place > (all.get(rank) ?? 0)) all.set(rank, place)
  }
  return reached
}

/** Unites the rows' accounts of groups, by number. */
export function uniteGroups(rows: readonly Row[]): Map<number, GroupHistory> {
  const united = new Map<
    number,
    {
      base: readonly ProcessId[] | null
      baseViewId: string | null
      row: GroupRow
      installs: Map<number, GroupInstall>
      installed: number
      whole: Map<number, number>
      next: Map<number, number>
      last: Map<number, number>
    }
  >()
  for (const row of rows) {
    for (const group of row.groups) {
      let entry = united.get(group.gid)
      if (entry === undefined) {
        const released = { next: new Map<number, number>(), last: new Map<number, number>() }
        const views = { installs: new Map<number, GroupInstall>(), installed: 0, whole: new Map<number, number>() }
        entry = { base: null, baseViewId: null, row: group, ...views, ...released }
        united.set(group.gid, entry)
      }
      if (group.members !== null && entry.base === null) {
        entry.base = group.members
        entry.baseViewId = group.viewId
      }
      const { gn, next } = group
      const from = deliveredFrom(group)
      if (from !== null) {
        entry.installed = Math.max(entry.installed, gn)
        entry.whole.set(from, Math.max(entry.whole.get(from) ?? 0, gn))
      }
      if (next > (entry.next.get(gn) ?? 0)) entry.next.set(gn, next)
      for (const [rank, seq] of releasedBy(group)) {
        if (seq > (entry.last.get(rank) ?? 0)) entry.last.set(rank, seq)
      }
      for (const install of group.installs) entry.installs.set(install.gn, install)
    }
  }
  const result = new Map<number, GroupHistory>()
  const reached = reachedInDomains([...united.values()])
  for (const [gid, entry] of [...united].sort((a, b) => a[0] - b[0])) {
    const { domain } = entry.row.options
    const last = (domain === undefined ? undefined : reached.get(domain)) ?? entry.last
    result.set(gid, {
      gid,
      name: entry.row.name,
      options: entry.row.options,
      base: entry.base,
      baseViewId: entry.baseViewId,
      installs: [...entry.installs.values()].sort((a, b) => a.gn - b.gn),
      released: { installed: entry.installed, whole: entry.whole, next: entry.next, last },
    })
  }
  return result
}

/**
 * Members of a group in its `gn`-th view or cut of the old space view; null if that was never decided. A cut stands for
 * those just before it that are not listed.
 */
export function membersAt(history: GroupHistory | undefined, gn: number): readonly ProcessId[] | null {
  if (history === undefined) return null
  if (gn === 0) return history.base
  const found = history.installs.find((install) => install.gn >= gn)
  return found !== undefined && (found.gn === gn || found.plan === null) ? found.members : null
}

/**
 * Members of the group view that a cast or order record was sent in, told by the counts at which group views ended. What
 * came after all known views belongs to the last of them, or to one that nobody here has heard of and so was in. What came
 * before all of them, by somebody who had left by then, belongs to one in which nobody here was (seed 702270).
 */
export function receiversOf(
  history: Pick<GroupHistory, 'base' | 'installs'>,
  senderRank: number,
  stream: number,
  seq: number,
): readonly ProcessId[] {
  let members = history.base ?? []
  for (const { counts, past, members: next } of history.installs) {
    for (let i = 0; i + 1 < counts.length; i += 2) {
      if (counts[i] === senderRank && seq <= (counts[i + 1] ?? 0)) return members
    }
    for (let i = 0; i + 2 < past.length; i += 3) {
      if (past[i] === senderRank && past[i + 1] === stream % 2 && seq <= (past[i + 2] ?? 0)) return members
    }
    members = next
  }
  return members
}

/** Members of a group at the end of the old view. */
export function finalMembers(history: GroupHistory): readonly ProcessId[] {
  return history.installs.at(-1)?.members ?? history.base ?? []
}

/**
 * The last view of a group that a member is told of at a cut. One that nobody who comes along has installed is passed
 * over: those who did may have delivered before it what is lost here. Whoever enters with it is in it already.
 *
 * Held back casts that are delivered at all are held by all (`isHeldBack`): where such a view is somebody's, nothing
 * before it is lost, and what was released in it must be delivered where the line goes on.
 */
export function lastTold(history: GroupHistory, member: ProcessId, gn: number, isPrimary: boolean): number {
  const { installs, options, released } = history
  const last = installs.at(-1)
  if (last === undefined) return 0
  if (last.joined.includes(member) || (isPrimary && isHeldBack(options))) return last.gn
  return Math.max(gn, released.installed)
}

/** The view that is in force after so many views and cuts of a group, by its own number. */
export function lastView({ installs }: GroupHistory, gn: number): number {
  let last = 0
  for (const install of installs) if (install.gn <= gn && install.plan !== null) last = install.gn
  return last
}

interface Union {
  readonly sender: ProcessId
  readonly cast: HeldCast
  readonly holders: Set<ProcessId>
  isDelivered: boolean
  /** Of one who comes along: all its addressees have it, or will before they say READY. */
  readonly isMover: boolean
}

/** Computes the plan of `self` from the rows of its part, in rank order. */
export function planCut(rows: readonly Row[], oldMembers: readonly ProcessId[], self: ProcessId): CutPlan {
  const movers = rows.map((row) => row.from)
  const histories = uniteGroups(rows)
  const union = new Map<string, Union>()
  const stableMax = new Map<ProcessId, number>()
  for (const row of rows) {
    for (const removed of row.removed) {
      stableMax.set(removed.sender, Math.max(stableMax.get(removed.sender) ?? 0, removed.stable))
      for (const cast of removed.held) {
        const name = nameOf(removed.sender, cast.seq)
        let entry = union.get(name)
        if (entry === undefined) {
          const isMover = movers.includes(removed.sender)
          entry = { sender: removed.sender, cast, holders: new Set(), isDelivered: false, isMover }
          union.set(name, entry)
        }
        entry.holders.add(row.from)
        if (cast.delivered) entry.isDelivered = true
      }
    }
  }
  const rowsByMember = new Map(rows.map((row) => [row.from, row]))
  // A member that does not list a cast which it knows to be stable has delivered and forgotten it.
  for (const entry of union.values()) {
    if (entry.isMover) continue
    for (const member of addressees(entry, histories, movers)) {
      if (entry.holders.has(member)) continue
      const removed = rowsByMember.get(member)?.removed.find((r) => r.sender === entry.sender)
      if (removed !== undefined && entry.cast.seq <= removed.stable) {
        entry.holders.add(member)
        entry.isDelivered = true
      }
    }
  }
  const dropped = dropLost(union, stableMax, histories, oldMembers, movers)
  const expected = new Set<string>()
  const forwards: { to: ProcessId; sender: ProcessId; seq: number }[] = []
  for (const [name, entry] of union) {
    if (entry.isMover || dropped.has(name)) continue
    const listed = movers.filter((m) => {
      const removed = rowsByMember.get(m)?.removed.find((r) => r.sender === entry.sender)
      return removed?.held.some((h) => h.seq === entry.cast.seq) ?? false
    })
    const forwarder = listed[0]
    for (const member of addressees(entry, histories, movers)) {
      if (entry.holders.has(member)) continue
      if (member === self) expected.add(name)
      if (forwarder === self) forwards.push({ to: member, sender: entry.sender, seq: entry.cast.seq })
    }
  }
  const awaitEov = rows.filter((row) => row.marked.includes(self)).map((row) => row.from)
  return { movers, awaitEov, expected, forwards, dropped, known: new Set(union.keys()), histories }
}

function addressees(
  entry: Union,
  histories: ReadonlyMap<number, GroupHistory>,
  movers: readonly ProcessId[],
): ProcessId[] {
  const members = membersAt(histories.get(entry.cast.gid), entry.cast.gn)
  if (members === null) return []
  return movers.filter((m) => members.includes(m))
}

/** Casts that nobody can deliver because something before them is lost; repeated to a fixpoint. */
function dropLost(
  union: ReadonlyMap<string, Union>,
  stableMax: ReadonlyMap<ProcessId, number>,
  histories: ReadonlyMap<number, GroupHistory>,
  oldMembers: readonly ProcessId[],
  movers: readonly ProcessId[],
): Set<string> {
  const dropped = new Set<string>()
  for (const [name, entry] of union) {
    if (!entry.isDelivered && membersAt(histories.get(entry.cast.gid), entry.cast.gn) === null) dropped.add(name)
  }
  for (let again = true; again; ) {
    again = false
    for (const [name, entry] of union) {
      if (entry.isDelivered || entry.cast.isOrder || dropped.has(name)) continue
      if (hasLostDependency(entry, union, dropped, stableMax, histories, oldMembers, movers)) {
        dropped.add(name)
        again = true
      }
    }
  }
  return dropped
}

/**
 * A lost order record loses none of the casts that it placed: at the cut they get positions after all others. But it loses
 * what depends on it in other groups: that was cast by somebody who had seen those positions, and could otherwise, by
 * the order of its own group, come before what they are now behind (seed 201977).
 *
 * What was for none of those who get the cast is no loss to them. Somebody else may take it for its own, who has not heard
 * of the view of that group in which it was cast, and the cast itself may have been released.
 */
function hasLostDependency(
  entry: Union,
  union: ReadonlyMap<string, Union>,
  dropped: ReadonlySet<string>,
  stableMax: ReadonlyMap<ProcessId, number>,
  histories: ReadonlyMap<number, GroupHistory>,
  oldMembers: readonly ProcessId[],
  movers: readonly ProcessId[],
): boolean {
  const { deps } = entry.cast
  const receivers = addressees(entry, histories, movers)
  for (let i = 0; i + 2 < deps.length; i += 3) {
    const stream = deps[i + 1] ?? 0
    if (stream % 2 === 1 && stream >> 1 === entry.cast.gid) continue
    // Its sender comes along: only within its own group is its past owed to those who deliver it.
    if (entry.isMover && stream >> 1 !== entry.cast.gid) continue
    const sender = oldMembers[deps[i] ?? 0]
    if (sender === undefined) continue
    const seq = deps[i + 2] ?? 0
    const name = nameOf(sender, seq)
    if (dropped.has(name)) return true
    if (movers.includes(sender)) continue
    const history = histories.get(stream >> 1)
    if (history === undefined) continue
    if (!receiversOf(history, deps[i] ?? 0, stream, seq).some((m) => receivers.includes(m))) continue
    if (seq > (stableMax.get(sender) ?? 0) && !union.has(name)) return true
  }
  return false
}
