/**
 * P2 Intersection: each primary view of a line holds a majority of the votes of the one before it, or exactly half with
 * its most senior member that has one. Taken out of the earlier view are those who had left, and those who had crashed
 * where the members of the later one could know that when they voted for it (`votes.ts`): whether they did, the trace does
 * not always say.
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
  const line = agreedAt(run, view)
  const base = [...before.members].filter((id) => view.members.has(id) || !mayBeTakenOut(run, id, view, line))
  return holdQuorum(before, base, view.members)
}

/** Where somebody first votes for it, or installs it: what is proven later does not count. */
function agreedAt(run: Run, { id, installs }: View): number {
  const votes = run.of('attempt').filter(({ data }) => data.view === id)
  return Math.min(...votes.map(({ line }) => line), ...installs.map(({ at }) => at.line))
}

function mayBeTakenOut(run: Run, id: string, view: View, line: number): boolean {
  const process = run.process(id)
  if (process === undefined) return false
  if (process.leave !== null && process.leave.line < line) return true
  return canBeProvenDead(run, process, view, line)
}
