/**
 * P2 Intersection: each primary view of a line holds a majority of the votes of the one before it, or exactly half with
 * its most senior member that has one. Taken out of the earlier view are those who had left, and those who had crashed
 * where that can be proven (`votes.ts`): whether it was, the trace does not always say.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { View } from './model.ts'
import { primaryLines } from './p1-unique-primary.ts'
import type { Run } from './run.ts'
import { canBeProvenDead, holdQuorum } from './votes.ts'

export const checker: Checker = {
  property: 'P2',
  check(run: Run): Result {
    const verdict = new Verdict('P2')
    for (const [line, views] of primaryLines(run)) {
      views.forEach((view, i) => {
        const before = views[i - 1]
        if (before === undefined) return
        verdict.expect(
          holdsQuorum(run, before, view),
          () => `primary view ${view.id} of line ${line} holds no quorum of ${before.id}, the one before it`,
          view.installs[0]?.at.line,
        )
      })
    }
    return verdict
  },
}

function holdsQuorum(run: Run, before: View, view: View): boolean {
  const line = view.installs.at(-1)?.at.line ?? 0
  const base = [...before.members].filter((id) => view.members.has(id) || !mayBeTakenOut(run, id, line))
  return holdQuorum(before, base, view.members)
}

function mayBeTakenOut(run: Run, id: string, line: number): boolean {
  const process = run.process(id)
  if (process === undefined) return false
  if (process.leave !== null && process.leave.line < line) return true
  return canBeProvenDead(run, process, line)
}
