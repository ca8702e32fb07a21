/**
 * What the members of a space remember of consistent groups: the last primary view in which each acted, and who held its
 * state there. A group acts again only with somebody who has that state, or it would go back in time.
 *
 * Every member remembers every consistent group, its own or not, because those who hold the state may all be gone. What
 * is remembered travels in flush rows when nobody who comes along is a holder; a goodbye tells of the groups that end
 * with it, which are remembered too, for somebody who was away may come back with an older state.
 *
 * Of what was opened since the view of the space began know those who await its state, and the coordinator.
 */
import type { PrimaryRecord, ProcessId } from './api.ts'
import type { Remembered, Row, StateTask } from './frame.ts'
import { agreedDeparted } from './gone.ts'
import { parseViewId } from './ids.ts'
import { actedIn, type StateEntry } from './state-plan.ts'

/** The memory of one process, by group name. */
export type Memory = Map<string, Remembered>

/** Ended groups that are remembered at most: the last ones. */
const endedMax = 1024
/** Strays that are remembered of a group at most. One is enough to be waited for. */
const straysMax = 64

/**
 * What the row of `self` must tell: the groups of which no holder comes along, or which have strays, and what it alone may
 * know (`isNews`): that this process, though noted as a holder, has the state no longer. Of groups that ended all know the same.
 */
export function untoldIn(
  memory: ReadonlyMap<string, Remembered>,
  movers: readonly ProcessId[],
  { self, isNews }: { readonly self: ProcessId; readonly isNews: (noted: Remembered) => boolean },
): Remembered[] {
  return [...memory.values()].filter((noted) => {
    const { holders, strays } = noted
    const isUntold = holders.length === 0 ? movers[0] === self : !holders.some((id) => movers.includes(id))
    return isUntold || strays.length > 0 || isNews(noted)
  })
}

/**
 * The latest that any row remembers of each group in this line; `holders` is empty for those that have ended. Whoever said so
 * in a hurry may not have heard of who had entered the group by then: those await the state in vain.
 */
export function uniteMemories(rows: readonly Row[], line: string | null): Memory {
  const united: Memory = new Map()
  for (const row of rows) for (const each of row.remembered) remember(united, each, line)
  for (const { ended, votes } of rows.flatMap((row) => row.departed)) {
    const last = votes?.last
    if (!last) continue
    const { epoch: acted } = parseViewId(last.id)
    for (const name of ended) {
      if (rows.some((row) => row.view === last.id && isEntering(row, name))) continue
      remember(united, { name, line: last.line, acted, holders: [], strays: [] }, line)
    }
  }
  return united
}

/**
 * Notes as ended the groups whose state nobody can have any more: all members of the last primary view, in which the group
 * acted, are here without a state, or have left, or are proven dead. Waiting for them would be waiting for ever. Not where
 * an older state is here, or a stray may have one: it is for people to decide whether to go back to that (`refound`). Only
 * in a primary component, and only at the first view after that one: of later ones it is not known who was where.
 */
export function endForsaken(united: Memory, rows: readonly Row[], line: string | null): void {
  const departed = agreedDeparted(rows)
  const records = [...rows, ...departed.values()].flatMap(({ votes }) => votes?.last ?? [])
  const last = records.reduce<PrimaryRecord | null>(
    (latest, each) => (each.line === line && epochOf(each) > epochOf(latest) ? each : latest),
    null,
  )
  if (last === null) return
  const here = new Set(rows.map(({ from }) => from))
  // Nobody knows what somebody without a record has seen.
  if (!last.members.every((id) => here.has(id) || (departed.get(id)?.votes ?? null) !== null)) return
  for (const noted of united.values()) {
    if (noted.holders.length === 0 || noted.acted !== epochOf(last)) continue
    if (noted.strays.some((id) => !here.has(id) && !departed.has(id))) continue
    if (!rows.some((row) => hasSome(row, noted.name))) united.set(noted.name, { ...noted, holders: [], strays: [] })
  }
}

function epochOf(record: PrimaryRecord | null): number {
  return record === null ? -1 : parseViewId(record.id).epoch
}

/** Has it a state of the group, or what is left of one? */
function hasSome({ groups }: Row, group: string): boolean {
  return groups.some(({ name, status: { isWhole, base } }) => name === group && (isWhole || base !== null))
}

/** Is it a member of the group that has not got the state yet? */
function isEntering({ from, groups }: Row, group: string): boolean {
  const row = groups.find(({ name }) => name === group)
  if (row === undefined || row.status.isWhole) return false
  return (row.installs.at(-1)?.members ?? row.members ?? []).includes(from)
}

function remember(memory: Memory, each: Remembered, line: string | null): void {
  const acted = memory.get(each.name)?.acted ?? 0
  const isLater = each.acted > acted || (each.acted === acted && each.holders.length === 0)
  if (each.line === line && isLater) memory.set(each.name, each)
}

/** What a process knows from here on: what it knew and what the rows say, less what is of another line. */
export function nextMemory(known: Memory, united: Memory, line: string | null): Memory {
  const next: Memory = new Map()
  for (const each of [...known.values(), ...united.values()]) remember(next, each, line)
  const ended = [...next.values()].filter(({ holders }) => holders.length === 0)
  ended.sort((a, b) => b.acted - a.acted || (a.name < b.name ? -1 : 1))
  for (const { name } of ended.slice(endedMax)) next.delete(name)
  return next
}

/**
 * Has the group ended since any of these states acted? Then it begins anew: going on from such a state would go back in
 * time, and its last holder, who gave it up, does not come back.
 */
export function hasEnded(
  entries: readonly StateEntry[],
  remembered: Remembered | undefined,
  line: string | null,
): boolean {
  if (remembered === undefined || remembered.holders.length > 0) return false
  return entries.every(({ status }) => !status?.isWhole || actedIn(status, line) <= remembered.acted)
}

/** Does nobody here have the state in which the group last acted? `null`: somebody does, or it never acted. */
export function whoIsMissing(
  entries: readonly StateEntry[],
  remembered: Remembered | undefined,
  line: string | null,
): readonly ProcessId[] | null {
  if (remembered === undefined || remembered.holders.length === 0) return null
  const here = Math.max(-1, ...entries.map(({ status }) => (status?.isWhole ? actedIn(status, line) : -1)))
  return here < remembered.acted ? remembered.holders : null
}

/**
 * Who was in the group by these accounts, or strayed before, and is not here: neither has it said goodbye, nor is it proven
 * dead, so it may come back with the state that it had.
 */
export function straysOf(
  former: Iterable<ProcessId>,
  remembered: Remembered | undefined,
  rows: readonly Row[],
  departed: ReadonlyMap<ProcessId, unknown>,
): ProcessId[] {
  const gone = new Set([...(remembered?.strays ?? []), ...former])
  for (const { from } of rows) gone.delete(from)
  for (const id of departed.keys()) gone.delete(id)
  return [...gone].sort().slice(0, straysMax)
}

/** The members that have the group's state as a view of it begins. */
export function holdersOf(members: readonly ProcessId[], plan: readonly StateTask[]): ProcessId[] {
  return members.filter((id) => plan.every(({ need, mode }) => need !== id || isHeld(mode)))
}

/** Has it the state at once? */
export function isHeld(mode: StateTask['mode']): boolean {
  return mode === 'own' || mode === 'anew'
}
