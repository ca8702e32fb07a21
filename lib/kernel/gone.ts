/** Who is gone from a view, and why: from the flush rows alone, so the same at everyone. */
import type { AwayMember, PrimaryRecord, ProcessId, ViewInfo } from './api.ts'
import type { Departed, Row } from './frame.ts'
import { compareViewIds } from './ids.ts'

/**
 * Does this tell more of somebody than what is known? A goodbye is the last word; what is read after a crash may be older,
 * and one may have read it where another could not.
 */
export function isNews({ id, isDead, votes }: Departed, known: ReadonlyMap<ProcessId, Departed>): boolean {
  const before = known.get(id)
  return before === undefined || (before.isDead && (!isDead || (before.votes === null && votes !== null)))
}

/**
 * Had it voted in the line for a view later than that one? Or in another line? Then whoever is left of those whom it went on
 * with needs to hear that it is gone, and may have no way to see that (seeds 230 and 50185).
 */
export function isAhead({ votes }: Departed, last: PrimaryRecord | null, line: string | null): boolean {
  const latest = votes?.attempt ?? votes?.last ?? null
  if (latest === null || line === null) return latest !== null
  return latest.line !== line || last === null || compareViewIds(latest.id, last.id) > 0
}

/** What the rows say of those who are gone: the same at everyone, unlike what this process happens to know besides. */
export function agreedDeparted(rows: readonly Row[]): Map<ProcessId, Departed> {
  const departed = new Map<ProcessId, Departed>()
  for (const row of rows) {
    for (const d of row.departed) if (isNews(d, departed)) departed.set(d.id, d)
  }
  return departed
}

/** What a flush says of those who are or were away. */
export interface Absences {
  readonly away: readonly AwayMember[]
  /** All who come along from the own view have slept in it: those whom they miss have not failed. */
  readonly isAsleep: boolean
  readonly wasAwayMs: number
}

/** What a view tells of those who are not in it. */
export type Gone = Pick<ViewInfo, 'left' | 'dead' | 'expelled' | 'away' | 'wasAwayMs'>

/** Those who are gone, for whatever reason. */
interface Missing {
  /** Members of the view before. */
  readonly members: readonly ProcessId[]
  /** Those who were away before. */
  readonly wereAway?: readonly ProcessId[]
  readonly departed: ReadonlyMap<ProcessId, Departed>
}

/** Sorts those who are gone by reason. Where all who come from one view slept, it was not the others who were gone. */
export function whyGone({ members, wereAway = [], departed }: Missing, { away, isAsleep, wasAwayMs }: Absences): Gone {
  const isAway = new Set(away.map(({ id }) => id))
  const gone = wereAway.length === 0 ? members : [...members, ...wereAway.filter((id) => !isAway.has(id))]
  return {
    left: gone.filter((id) => departed.get(id)?.isDead === false),
    dead: gone.filter((id) => departed.get(id)?.isDead === true),
    expelled: isAsleep ? [] : members.filter((id) => !departed.has(id) && !isAway.has(id)),
    away,
    wasAwayMs,
  }
}
