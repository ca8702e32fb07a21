/**
 * The primary component: dynamic linear voting over the flush rows. Pure.
 *
 * A component is primary iff it holds the quorum of the last primary view known to it and of every later attempt that
 * one of its members said READY for and whose fate is not known. Quorum: see `quorum.ts`. Leavers and proven dead are taken
 * out of the base together with their vote records.
 *
 * Source: Yeger Lotem, Keidar, Dolev 1997 (dynamic linear voting, ambiguous attempts). Differs: an attempt that every
 * present member of it said READY for is first completed as a view of its own (as Derecho adopts prior proposals).
 */
import type { PrimaryRecord, ProcessId, VoteRecord } from './api.ts'
import type { Decision, Departed, Part, Row } from './frame.ts'
import { compareViewIds, parseViewId } from './ids.ts'
import { hasQuorum, type Voter, weightsIn } from './quorum.ts'

/**
 * Does the line go on that a part of this line comes from? To a part of another line, a primary view is as good as none:
 * what was not yet released there is for those to decide with whom it goes on.
 */
export function goesOn({ primary, heirOf }: Decision, line: string | null): boolean {
  return primary && (line === null || line === heirOf)
}

/** The leader's verdict: complete an earlier attempt first, or decide about the proposed view. */
export interface Verdict {
  /** An attempt to complete: its id and who must install it. */
  readonly adopt: { readonly record: PrimaryRecord; readonly members: readonly ProcessId[] } | null
  readonly decision: Decision
}

function latest(records: readonly (PrimaryRecord | null)[], line: string): PrimaryRecord | null {
  let best: PrimaryRecord | null = null
  for (const record of records) {
    if (record === null || record.line !== line) continue
    if (best === null || compareViewIds(record.id, best.id) > 0) best = record
  }
  return best
}

/**
 * Does it speak for that view or attempt of the line? Whoever has gone over to another line meanwhile has forgotten what
 * it promised in this one, also once it is back (seed 2187).
 */
function hasVoice({ line, voiceFrom, votes }: Row, record: PrimaryRecord): boolean {
  if (line === null) return votes.attempt?.id === record.id
  return line === record.line && voiceFrom <= parseViewId(record.id).epoch
}

/** The line that goes on where several meet: more members (witnesses hold nothing of it), then more primary views behind it, then the lower id. */
export function survivingLine(rows: readonly Row[]): string | null {
  const lines = new Map<string, { members: number; generation: number }>()
  for (const row of rows) {
    if (row.line === null) continue
    const entry = lines.get(row.line) ?? { members: 0, generation: 0 }
    if (!row.isWitness) entry.members += 1
    entry.generation = Math.max(entry.generation, row.generation)
    lines.set(row.line, entry)
  }
  const ranked = [...lines].sort(
    ([a, x], [b, y]) => y.members - x.members || y.generation - x.generation || (a < b ? -1 : 1),
  )
  return ranked[0]?.[0] ?? null
}

/** A line that may be founded: if nobody is in one or, `isAnew`, in place of the one that they are in. */
export interface Foundation {
  readonly found: string | null
  readonly isAnew: boolean
}

/** Decides from all rows. */
export function decide(rows: readonly Row[], parts: readonly Part[], foundation: Foundation): Verdict {
  const line = survivingLine(rows)
  if (line !== null) return decideIn(line, rows, parts, foundation)
  // A newcomer may be the last who can complete a view of the line that it was about to enter.
  const promised = promisedLine(rows)
  const verdict = promised === null ? null : decideIn(promised, rows, parts, foundation)
  return verdict !== null && verdict.adopt !== null ? verdict : decideIn(null, rows, parts, foundation)
}

/** The line of a view that somebody in none has said READY for, and has not moved on since. */
function promisedLine(rows: readonly Row[]): string | null {
  for (const { votes, readies } of rows) {
    if (votes.attempt !== null && readies.includes(votes.attempt.id)) return votes.attempt.line
  }
  return null
}

function decideIn(
  line: string | null,
  rows: readonly Row[],
  parts: readonly Part[],
  { found, isAnew }: Foundation,
): Verdict {
  const lost = [...new Set(rows.map((r) => r.line))].filter((l): l is string => l !== null && l !== line).sort()
  const generation = Math.max(0, ...rows.filter((r) => r.line === line).map((r) => r.generation))
  if (line === null || (isAnew && found !== null)) {
    const primary = found !== null
    const decision: Decision = {
      primary,
      line: found,
      heirOf: line ?? found,
      generation: primary ? generation + 1 : 0,
      lost: [],
      partOrder: orderParts(rows, parts, null),
    }
    return { adopt: null, decision }
  }
  const present = new Set(rows.map((r) => r.from))
  const votersFor = (record: PrimaryRecord): Set<ProcessId> =>
    new Set(rows.filter((row) => hasVoice(row, record)).map((row) => row.from))
  const departed = new Map<ProcessId, Departed>()
  for (const row of rows) {
    for (const d of row.departed) if (d.votes !== null && !present.has(d.id)) departed.set(d.id, d)
  }
  const votes: VoteRecord[] = [
    ...rows.map((r) => r.votes),
    ...[...departed.values()].flatMap((d) => (d.votes === null ? [] : [d.votes])),
  ]
  const last = latest(
    votes.map((v) => v.last),
    line,
  )
  const weights = weightsIn(rows, votes)
  const stay = (members: readonly ProcessId[]): Voter[] =>
    members.filter((id) => !departed.has(id)).map((id) => ({ id, weight: weights.get(id) ?? 1 }))
  let primary = last !== null && hasQuorum(stay(last.members), votersFor(last))
  let adopt: Verdict['adopt'] = null
  for (const attempt of openAttempts(votes, line, last)) {
    const here = rows.filter((r) => attempt.members.includes(r.from))
    const isAlive =
      here.length > 0 &&
      here.every((r) => r.votes.attempt?.id === attempt.id) &&
      !attempt.members.some((id) => hasRefused(departed.get(id), attempt))
    if (!isAlive) {
      // Known only through a departed record, or somebody here, or departed, never said READY: it was not and will not be
      // installed … unless nobody of it is here to say so.
      if (here.length === 0 && !hasQuorum(stay(attempt.members), votersFor(attempt))) primary = false
      continue
    }
    if (!hasQuorum(stay(attempt.members), votersFor(attempt))) primary = false
    else if (primary && mayBeInstalled(attempt, here, departed)) {
      const completed = completion(attempt, rows)
      const isGivenUp = isGivenUpByLeader(attempt, here)
      if (completed !== null && (!isGivenUp || comesFrom(last, completed.members, rows))) adopt = completed
      // If all who are here have moved on, it is for whoever is missing to say whether it is a view of the line.
      else if (!isGivenUp) primary = false
    }
  }
  if (primary && adopt === null && last !== null && !rows.some((r) => r.votes.last?.id === last.id)) {
    // Installed by somebody who is gone and told us so. If nobody is left who could complete it, what it had is lost.
    adopt = completion(last, rows)
    if (adopt === null) primary = false
  }
  const order = orderParts(rows, parts, last)
  return {
    adopt,
    decision: {
      primary,
      line,
      heirOf: line,
      generation: primary ? generation + 1 : generation,
      lost,
      partOrder: order,
    },
  }
}

/** Is it known from its goodbye, or from its record, that it never said READY for the attempt? Nobody could install that. */
function hasRefused(departed: Departed | undefined, { line, id }: PrimaryRecord): boolean {
  // Whoever has been in another line has forgotten what it promised in this one.
  return departed?.votes?.last?.line === line && departed.votes.attempt?.id !== id
}

/**
 * May somebody have installed the attempt? Not if one of it is here who has not said READY. Whoever has installed it would
 * know it for the last primary view, so not if all of it are here either, or have said goodbye, which is the last word; the
 * record of one who crashed may be older than its end.
 */
function mayBeInstalled(
  { id, members }: PrimaryRecord,
  here: readonly Row[],
  departed: ReadonlyMap<ProcessId, Departed>,
): boolean {
  if (here.some(({ view, readies }) => !readies.includes(id) && compareViewIds(view, id) < 0)) return false
  return members.some((member) => {
    if (here.some(({ from }) => from === member)) return false
    const gone = departed.get(member)
    return gone === undefined || gone.isDead || gone.votes?.attempt?.id !== id
  })
}

/**
 * Is its leader here, and has moved on? Then another one can have completed it at most, from the READYs of a quorum: who of
 * the line is here and said READY completes it all the same, but others, by themselves, would begin a view that nobody of
 * the line comes to.
 */
function isGivenUpByLeader({ id }: PrimaryRecord, here: readonly Row[]): boolean {
  const { coordinator } = parseViewId(id)
  return here.some(({ from, view }) => from === coordinator && compareViewIds(view, id) > 0)
}

/** Is one of these members in that view? */
function comesFrom(last: PrimaryRecord | null, members: readonly ProcessId[], rows: readonly Row[]): boolean {
  return rows.some(({ from, view }) => view === last?.id && members.includes(from))
}

/**
 * A view that somebody may have installed is completed, before the line goes on from it, by who said READY for it and has
 * not moved on since: so whoever comes next comes from it.
 */
function completion(record: PrimaryRecord, rows: readonly Row[]): Verdict['adopt'] {
  const ready = rows.filter((r) => record.members.includes(r.from) && r.readies.includes(record.id))
  return ready.length > 0 ? { record, members: ready.map((r) => r.from) } : null
}

function openAttempts(votes: readonly VoteRecord[], line: string, last: PrimaryRecord | null): PrimaryRecord[] {
  const open = new Map<string, PrimaryRecord>()
  for (const { attempt } of votes) {
    if (attempt === null || attempt.line !== line) continue
    if (last !== null && compareViewIds(attempt.id, last.id) <= 0) continue
    open.set(attempt.id, attempt)
  }
  return [...open.values()].sort((a, b) => compareViewIds(a.id, b.id))
}

/** Rank order of parts: what comes from the last primary view first, then the larger, then the lower view id. */
function orderParts(rows: readonly Row[], parts: readonly Part[], last: PrimaryRecord | null): number[] {
  const weight = (part: Part): number => (last !== null && part.view === last.id ? 1 : 0)
  return parts
    .map((_, index) => index)
    .sort((a, b) => {
      const x = parts[a]
      const y = parts[b]
      if (x === undefined || y === undefined) return 0
      return weight(y) - weight(x) || y.members.length - x.members.length || compareViewIds(x.view, y.view)
    })
    .filter(() => rows.length > 0)
}

/** By these records alone, do those who are present hold the quorum of the line's last primary view? */
export function hasOutlook(
  records: readonly VoteRecord[],
  line: string,
  { departed, present }: Readonly<Record<'departed' | 'present', Pick<ReadonlySet<ProcessId>, 'has'>>>,
): boolean {
  const last = latest(
    records.map((record) => record.last),
    line,
  )
  if (last === null) return false
  const weights = weightsIn([], records)
  const base = last.members.filter((id) => !departed.has(id)).map((id) => ({ id, weight: weights.get(id) ?? 1 }))
  return hasQuorum(base, present)
}
