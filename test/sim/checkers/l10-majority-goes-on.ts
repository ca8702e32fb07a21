/**
 * L10 A majority goes on: each part of the final network that L1 wants in one view ends in a primary one, unless it has to
 * wait. It has to if those who are there and have a voice in the line hold no quorum of the newest primary view of it that
 * one of them was in, whoever is gone for good taken out (`votes.ts`); if somebody who is not there went on in a later one, or
 * may have (`attempts.ts`); or if nobody there was in a primary view of it. Where nobody is in a line, somebody founds one,
 * unless all are witnesses, or one of the origin of the most senior lives elsewhere and is in a line.
 *
 * Whoever was in another line meanwhile has no voice in this one: it has forgotten what it promised.
 */

import { parseViewId } from '../../../lib/testing/trace-names.ts'
import { Attempts } from './attempts.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Install, Process, View } from './model.ts'
import { primaryLines } from './p1-unique-primary.ts'
import { partsAtRest, restOf, viewDeadline } from './rest.ts'
import type { Run } from './run.ts'
import { goneFor, holdQuorum } from './votes.ts'

export const checker: Checker = {
  property: 'L10',
  check(run: Run): Result {
    const verdict = new Verdict('L10')
    const rest = restOf(run)
    if (rest === null || viewDeadline(run, rest) > rest.end.t) return verdict
    const metrics: Record<string, number> = {}
    for (const part of partsAtRest(run)) {
      const ends = part.map((process) => run.last(process, run.space))
      const [end] = ends
      // Whether they come together is for L1 to say.
      if (end == null || ends.some((other) => other?.view !== end.view)) continue
      const reason = end.data.primary ? null : reasonToWait(run, part, end)
      if (reason === null) {
        verdict.expect(
          end.data.primary,
          () => `${part.map(({ id }) => id).join(' ')} end in view ${end.view.id}, which is not primary, and may go on`,
          end.at.line,
        )
      } else metrics[reason] = (metrics[reason] ?? 0) + 1
    }
    return { checked: verdict.checked, violations: verdict.violations, metrics }
  },
}

/** Why the part is not primary, where that is right. */
function reasonToWait(run: Run, part: readonly Process[], end: Install): string | null {
  const { line } = end.data
  if (line === null) return mayFound(run, part, end) ? null : 'nobodyFounds'
  const primary = primaryLines(run).get(line) ?? []
  const last = primary.findLast(({ installs }) => installs.some(({ process }) => part.includes(process)))
  if (last === undefined) return 'newcomers'
  const attempts = new Attempts(run, line, part)
  if (attempts.isPassed(last)) return 'goneOnElsewhere'
  const gone = goneFor(run, part)
  const base = [...last.members].filter((id) => !gone.has(id) || !attempts.isRecorded(id))
  const voters = part.filter((process) => last.members.has(process.id) && hasVoice(run, process, last))
  if (!holdQuorum(last, base, new Set(voters.map(({ id }) => id)))) return 'noQuorum'
  return attempts.isAnyOpen(last, gone) ? 'mayHaveGoneOn' : null
}

function mayFound(run: Run, part: readonly Process[], { view, at }: Install): boolean {
  const senior = run.process(view.first?.members[0] ?? '')
  if (senior === undefined || senior.isWitness) return false
  return !run.processes.some(
    (other) =>
      other.origin === senior.origin &&
      other.origin !== '' &&
      !part.includes(other) &&
      other.crash === null &&
      other.leave === null &&
      (other.installs.get(run.space) ?? []).some(({ data, at: { line } }) => data.line !== null && line < at.line + 1),
  )
}

/** Was it in the line when that view was, and has it been in no other since? */
function hasVoice(run: Run, process: Process, { first, epoch }: View): boolean {
  const installs = process.installs.get(run.space) ?? []
  const other = installs.findLastIndex(({ data }) => data.line !== first?.line)
  const entered = installs[other + 1]
  return entered !== undefined && parseViewId(entered.data.id).epoch <= epoch
}
