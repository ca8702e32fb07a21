/**
 * P1 Uniqueness: the primary views of a line form one chain, ordered by epoch.
 *
 * Each but the first has a member whose last primary view of the line, at that process, is its predecessor. A primary
 * view that only processes now gone or elsewhere lived to install (a coordinator that died between two installs) has
 * no such member; then its successor must hold a majority of its votes, or half of them with the most senior that has
 * one, those who left or were proven dead taken out.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { Process, View } from './model.ts'
import type { Run } from './run.ts'
import { holdQuorum, isSucceeded } from './votes.ts'

export const checker: Checker = {
  property: 'P1',
  check(run: Run): Result {
    const verdict = new Verdict('P1')
    for (const [line, views] of primaryLines(run)) checkChain(run, verdict, line, views)
    return verdict
  },
}

/** The primary views of each line, by epoch. */
export function primaryLines(run: Run): Map<string, View[]> {
  const lines = new Map<string, View[]>()
  for (const view of run.space.views.values()) {
    const first = view.first
    if (first?.primary === true && first.line !== null) pushTo(lines, first.line, view)
  }
  for (const views of lines.values()) views.sort((a, b) => a.epoch - b.epoch)
  return lines
}

function checkChain(run: Run, verdict: Verdict, line: string, views: readonly View[]): void {
  const last = new Map<Process, View>()
  let before: View | null = null
  for (const view of views) {
    if (before !== null) {
      const predecessor = before
      const at = view.installs[0]?.at.line
      const follows =
        predecessor.epoch < view.epoch &&
        (view.installs.some(({ process }) => last.get(process) === predecessor) ||
          inherits(run, { predecessor, view, last }))
      verdict.expect(
        follows,
        () =>
          `primary view ${view.id} of line ${line} has no member that comes from ${predecessor.id}, the one before it`,
        at,
      )
    }
    for (const { process } of view.installs) last.set(process, view)
    before = view
  }
}

/** Is its death proven to somebody in `view`, though perhaps in a view between that was not primary? */
function isProvenDead(run: Run, process: Process | undefined, view: View): boolean {
  const [first] = view.installs
  if (process === undefined || first === undefined) return false
  const { crash, origin } = process
  if (crash === null) return false
  if (isSucceeded(run, process, first.at.line)) return true
  if (origin === '') return false
  return crash.line < first.at.line && view.installs.some((install) => install.process.origin === origin)
}

/** Two primary views, one after the other, and the last one of the line at each process when the later one came. */
interface Step {
  readonly predecessor: View
  readonly view: View
  readonly last: ReadonlyMap<Process, View>
}

/** Nobody alive in `view` installed `predecessor`, but a quorum of it took part in the decision. */
function inherits(run: Run, { predecessor, view, last }: Step): boolean {
  const here = predecessor.installs.flatMap(({ process }) => (view.members.has(process.id) ? [process] : []))
  // Who brought it along was bound to the later one, but may not have lived to tell its application, or may have heard
  // of it only as an attempt that might have come to something.
  const isBound = (process: Process): boolean =>
    run.of('ready').some(({ data }) => data.p === process.id && data.view === view.id)
  if (here.some((each) => last.get(each) === predecessor && isBound(each))) return true
  if (here.length > 0) return false
  const gone = new Set<string>()
  for (const { data } of view.installs) {
    for (const id of [...(data.left ?? []), ...(data.dead ?? [])]) gone.add(id)
  }
  // Whoever has not moved on from the view before the predecessor can complete that one, and must.
  const haveMovedOn = view.installs.every(
    ({ process, before }) => !predecessor.members.has(process.id) || (before?.view.epoch ?? 0) > predecessor.epoch,
  )
  const base = [...predecessor.members].filter((id) => {
    const process = run.process(id)
    return !gone.has(id) && process?.leave == null && !(haveMovedOn && isProvenDead(run, process, view))
  })
  return holdQuorum(predecessor, base, view.members)
}
