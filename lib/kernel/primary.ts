/**
 * The primary component: dynamic linear voting over the flush rows. Pure.
 *
 * A component is primary iff it holds the quorum of the last primary view known to it and of every later attempt that
 * one of its members said READY for and whose fate is not known. Quorum: see `quorum.ts`. Leavers and proven dead are taken
 * out of the base together with their vote records.
 *
 * Source: Yeger Lotem, Keidar, Dolev 1997 (dynamic linear voting, ambiguous attempts). Differs: an attempt that may have
 * been installed is first completed as a view of its own (`attempts.ts`).
 */
import type { PrimaryRecord, ProcessId, VoteRecord } from './api.ts'
import { type Completion, completion, fateOf, votersFor } from './attempts.ts'
import type { Decision, Departed, Part, Row } from './frame.ts'
import { isNews } from './gone.ts'
import { compareViewIds } from './ids.ts'
import { hasQuorum, type Voter, weightsIn } from './quorum.ts'

/**
 * Does the line go on that a part of this line comes from, and from there? To a part of another line, a primary view is as
 * good as none: what was not yet released there is for those to decide with whom it goes on. And so it is to a part that
 * slept while the others went on without it: they have ordered what it has not released, or never got it (seed 203182).
 * Nor does a line that another one takes the place of: it may go on elsewhere, and give the same tokens (seed 1177).
 */
export function goesOn(decision: Decision, part: readonly Row[], rows: readonly Row[]): boolean {
  const line = part[0]?.line ?? null
  if (!decision.primary || (line !== null && line !== decision.line)) return false
  if (line === null) return true
  const last = latestOf(rows, line)
  return last === null || latestOf(part, line)?.id === last.id
}

function latestOf(rows: readonly Row[], line: string): PrimaryRecord | null {
  return latest(
    rows.map(({ votes }) => votes.last),
    line,
  )
}

/** The leader's verdict: complete an earlier attempt first, or decide about the proposed view. */
export interface Verdict {
  /** An attempt to complete: its id and who must install it. */
  readonly adopt: Completion | null
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
  const departed = new Map<ProcessId, Departed>()
  for (const row of rows) {
    for (const d of row.departed)
      if (speaksOf(d.votes, line) && !present.has(d.id) && isNews(d, departed)) departed.set(d.id, d)
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
  const weigh = (members: readonly ProcessId[]): Voter[] => members.map((id) => ({ id, weight: weights.get(id) ?? 1 }))
  const stay = (members: readonly ProcessId[]): Voter[] => weigh(members.filter((id) => !departed.has(id)))
  const evidence = { last, rows, departed, stay, weigh }
  const fates = openAttempts(votes, line, last).map((attempt) => fateOf(attempt, evidence))
  let primary = last !== null && hasQuorum(stay(last.members), votersFor(last, rows)) && !fates.includes('unknown')
  let adopt = primary ? (fates.findLast((fate): fate is Completion => typeof fate === 'object') ?? null) : null
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

/**
 * Does the record say how far its owner came in that line? Whoever went over to another line has forgotten it: views of
 * this one may have followed that nobody here knows, so its vote stays in the base.
 */
function speaksOf(record: VoteRecord | null, line: string): boolean {
  if (record === null) return false
  return (record.last?.line ?? record.attempt?.line ?? line) === line
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
  {
    departed,
    present,
  }: { readonly departed: ReadonlyMap<ProcessId, Departed>; readonly present: Pick<ReadonlySet<ProcessId>, 'has'> },
): boolean {
  const last = latest(
    records.map((record) => record.last),
    line,
  )
  if (last === null) return false
  const weights = weightsIn([], records)
  const isGone = (id: ProcessId): boolean => speaksOf(departed.get(id)?.votes ?? null, line)
  const base = last.members.filter((id) => !isGone(id)).map((id) => ({ id, weight: weights.get(id) ?? 1 }))
  return hasQuorum(base, present)
}
