/**
 * S6 No resurrection: who was excluded in a view is not in its immediate successor under the same incarnation, unless
 * the successor is a merge view that names, for it, the very view it comes from (or, in a group, it joined anew).
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Install } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'S6',
  check(run: Run): Result {
    const verdict = new Verdict('S6')
    for (const install of run.installs) {
      const { before, after } = install
      if (before === null || after === null) continue
      for (const id of before.view.members) {
        if (install.view.members.has(id)) continue
        verdict.expect(
          !after.view.members.has(id) || mayReturn(run, id, before, after),
          () =>
            `${id} was excluded in ${install.view.id} and is back in its successor ${after.view.id}, which does not say from where`,
          after.at.line,
        )
      }
    }
    return verdict
  },
}

function mayReturn(run: Run, id: string, before: Install, after: Install): boolean {
  const group = after.view.group
  const member = run.process(id)
  // A member of the view before asked for that one before anybody had it, and anew after: a page that was blocked may get
  // all three views only then.
  const known = before.view.installs[0]?.at.line ?? before.at.line
  if (group !== run.space && (member?.joins.get(group.name)?.some((join) => join.line > known) ?? false)) return true
  const part = after.data.subviews?.find((subview) => subview.members.includes(id))
  if (part === undefined || part.id === after.data.prev) return false
  const own = after.view.installs.find((install) => install.process === member)
  return own === undefined || own.data.prev === null || own.data.prev === part.id
}
