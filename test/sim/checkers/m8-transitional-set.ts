/**
 * M8 Transitional set: the set that comes with W after V is within both; and of those who install W, it holds exactly
 * those whose previous view is V too, the process itself among them: it alone, if it comes from no view. A merge view lists
 * it in the part that is V.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Install, View } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M8',
  check(run: Run): Result {
    const verdict = new Verdict('M8')
    for (const view of run.views) {
      for (const install of view.installs) {
        const fault = check(view, install)
        verdict.expect(
          fault === null,
          () =>
            `${install.process.id} gets view ${view.id} of "${view.group.name}" after ${install.data.prev}: ${fault}`,
          install.at.line,
        )
      }
    }
    return verdict
  },
}

function check(view: View, { process, data }: Install): string | null {
  const before = view.group.views.get(data.prev ?? '')
  const trans = new Set(data.trans)
  if (data.prev === null) return trans.size === 1 && trans.has(process.id) ? null : 'it comes alone'
  if (!trans.has(process.id)) return 'it is not in its own transitional set'
  for (const id of trans) {
    if (!view.members.has(id)) return `${id} is in the transitional set, not in the view`
    if (before?.first != null && !before.members.has(id))
      return `${id} is in the transitional set, not in the view before`
  }
  for (const other of view.installs) {
    if (trans.has(other.process.id) === (other.data.prev === data.prev)) continue
    return `${other.process.id} comes from ${other.data.prev}, the transitional set says otherwise`
  }
  const part = data.subviews?.find(({ members }) => members.includes(process.id))
  if (part !== undefined && part.id !== data.prev) return `it is listed in the part ${part.id}`
  return null
}
