/**
 * Attempts: primary views that somebody said READY for, and of which it is not known whether anybody has installed them.
 * Pure.
 *
 * An attempt is installed when all of it have said READY, or when a quorum that has said READY completes it for a leader
 * that vanished: one of that quorum is here wherever the line may go on, and its row says to whom it was given meanwhile.
 * So it is dead only if nobody can have done either; else it is completed before the line goes on, or the
 * line waits for who may have installed it (docs/decisions/016).
 *
 * Source: Yeger Lotem, Keidar, Dolev 1997 (ambiguous attempts); Derecho (prior proposals are adopted).
 */
import type { PrimaryRecord, ProcessId } from './api.ts'
import type { Departed, Row } from './frame.ts'
import { compareViewIds, parseViewId } from './ids.ts'
import { hasQuorum, type Voter } from './quorum.ts'

/** An attempt that is to be installed, and by whom. */
export interface Completion {
  readonly record: PrimaryRecord
  readonly members: readonly ProcessId[]
}

/** What an attempt is judged by. */
export interface Evidence {
  /** The last primary view of the line that anybody here, or departed, has installed. */
  readonly last: PrimaryRecord | null
  readonly rows: readonly Row[]
  /** Who said goodbye or is proven dead, with a vote. */
  readonly departed: ReadonlyMap<ProcessId, Departed>
  /** Those of a view who are counted: not departed. */
  stay(members: readonly ProcessId[]): readonly Voter[]
  /** All of these. */
  weigh(members: readonly ProcessId[]): readonly Voter[]
}

/** Nobody has installed it, and nobody will; nobody here can tell; or it is to be completed first. */
export type Fate = 'dead' | 'unknown' | Completion

export function fateOf(attempt: PrimaryRecord, evidence: Evidence): Fate {
  const { last, rows, departed, stay } = evidence
  const here = rows.filter((row) => attempt.members.includes(row.from) && canTell(row, attempt))
  // A leader who completed it did not ask those who had not said READY.
  const mayBeDone = mayBeCompleted(attempt, rows)
  if (isRefused(attempt, here, departed)) {
    if (!mayBeDone) return 'dead'
    if (!isLeftToUs(attempt, rows, departed)) return 'unknown'
  }
  // Its leader has not installed it, and never will, since its row was given to another proposal, or it has said goodbye.
  const mayHaveInstalled = (member: ProcessId): boolean => isOutOfSight(member, attempt, here, departed)
  if (!mayBeDone && !mayHaveInstalled(parseViewId(attempt.id).coordinator)) return 'dead'
  if (!attempt.members.some(mayHaveInstalled)) return 'dead'
  if (!hasQuorum(stay(attempt.members), votersFor(attempt, rows))) return 'unknown'
  // Wherever else the line could go on, there must be one who knows of it: those of a quorum who have promised to it.
  const holders = rows.filter(({ votes }) => votes.attempt?.id === attempt.id).map(({ from }) => from)
  const isKnown = last !== null && hasQuorum(stay(last.members), new Set(holders))
  const completed = completion(attempt, rows)
  if (isKnown && completed !== null && comesFrom(last, completed.members, rows)) return completed
  // If all of the line who are here have moved on, it is for whoever is missing to say whether it is a view of the line. Where
  // nobody is, whoever installed it is gone for good, and what it did there went with it (seeds 50040, 50209).
  return hasEndedHere(attempt, evidence) ? 'dead' : 'unknown'
}

/** Those who speak for that view or attempt of the line. */
export function votersFor(record: PrimaryRecord, rows: readonly Row[]): ReadonlySet<ProcessId> {
  return new Set(rows.filter((row) => hasVoice(row, record)).map(({ from }) => from))
}

/**
 * Does it speak for that view or attempt of the line? Whoever has gone over to another line meanwhile has forgotten what
 * it promised in this one, also once it is back (seed 2187).
 */
function hasVoice({ line, voiceFrom, votes }: Row, record: PrimaryRecord): boolean {
  if (line === null) return votes.attempt?.id === record.id
  return line === record.line && voiceFrom <= parseViewId(record.id).epoch
}

/**
 * Does what it remembers tell anything of the attempt? A newcomer that has promised to another line since has forgotten. Not so
 * who holds that very promise, also while it still is in a line that is about to be lost (seed 503540).
 */
function canTell(row: Row, attempt: PrimaryRecord): boolean {
  if (row.votes.attempt?.id === attempt.id) return true
  if (row.line !== null) return hasVoice(row, attempt)
  return row.votes.attempt === null || row.votes.attempt.line === attempt.line
}

/** Has somebody here, or departed, never said READY for it? Then its leader has not installed it. */
function isRefused(
  { line, id, members }: PrimaryRecord,
  here: readonly Row[],
  departed: ReadonlyMap<ProcessId, Departed>,
): boolean {
  const isRefusedHere = here.some(
    ({ votes, view, readies }) => votes.attempt?.id !== id || (!readies.includes(id) && compareViewIds(view, id) < 0),
  )
  // Whoever has been in another line has forgotten what it promised in this one.
  const hasRefused = (votes: Departed['votes']): boolean => votes?.last?.line === line && votes.attempt?.id !== id
  return isRefusedHere || members.some((member) => hasRefused(departed.get(member)?.votes ?? null))
}

/** May another leader have completed it? One who is here says so itself. */
function mayBeCompleted({ id }: PrimaryRecord, rows: readonly Row[]): boolean {
  const present = new Set(rows.map(({ from }) => from))
  return rows.some(({ from, asked }) =>
    asked.some(({ attempt, leader }) => attempt === id && (leader === from || !present.has(leader))),
  )
}

/**
 * Is everybody of it here, or gone for good? Then nobody can come back who has gone on from it: a later promise of one who
 * is gone was written before it was given, and is judged by itself. So those who are here may complete it.
 */
function isLeftToUs(
  { members }: PrimaryRecord,
  rows: readonly Row[],
  departed: ReadonlyMap<ProcessId, Departed>,
): boolean {
  const present = new Set(rows.map(({ from }) => from))
  return members.every((member) => present.has(member) || departed.has(member))
}

/**
 * Is everybody of it here, or gone for good, and has none of them gone on from it? Whoever promised, after it, to a view with
 * somebody else would say so, unless it has been in another line since. Those who have forgotten cannot have gone on alone if
 * they are no quorum of it, be all others taken out who are gone.
 */
function hasEndedHere({ line, id, members }: PrimaryRecord, { rows, departed, weigh }: Evidence): boolean {
  const forgetful = new Set<ProcessId>()
  const base: ProcessId[] = []
  for (const member of members) {
    const row = rows.find(({ from }) => from === member)
    const votes = row?.votes ?? departed.get(member)?.votes
    if (votes == null) return false
    const isTold = votes.attempt?.id === id || votes.last?.line === line
    if (!isTold) forgetful.add(member)
    if (!isTold || row !== undefined) base.push(member)
  }
  return !hasQuorum(weigh(base), forgetful)
}

/**
 * May that member have installed it? Whoever has would know it for the last primary view, so not if it is here, or has said
 * goodbye, which is the last word; the record of one who crashed may be older than its end.
 */
function isOutOfSight(
  member: ProcessId,
  { id }: PrimaryRecord,
  here: readonly Row[],
  departed: ReadonlyMap<ProcessId, Departed>,
): boolean {
  if (here.some(({ from }) => from === member)) return false
  const gone = departed.get(member)
  return gone === undefined || gone.isDead || gone.votes?.attempt?.id !== id
}

/**
 * A view that somebody may have installed is completed, before the line goes on from it, by who said READY for it and has
 * not moved on since: so whoever comes next comes from it.
 */
export function completion(record: PrimaryRecord, rows: readonly Row[]): Completion | null {
  const ready = rows.filter((r) => record.members.includes(r.from) && r.readies.includes(record.id))
  return ready.length > 0 ? { record, members: ready.map((r) => r.from) } : null
}

/** Is one of these members in that view? */
function comesFrom({ id }: PrimaryRecord, members: readonly ProcessId[], rows: readonly Row[]): boolean {
  return rows.some(({ from, view }) => view === id && members.includes(from))
}
