/**
 * S6 No resurrection: who was excluded in a view is in no later view of those who excluded it, under the same incarnation,
 * unless that is a merge view that names, for it, the very view it comes from (or, in a group, it enters by a request to join:
 * anew, or by one that it has not seen answered yet, since it never got a view by which it was let in). That goes for every
 * view until it is back, however many are between.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Group, Install, Process } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'S6',
  check(run: Run): Result {
    const verdict = new Verdict('S6')
    for (const process of run.processes) {
      for (const installs of process.installs.values()) checkMember(run, verdict, installs)
    }
    return verdict
  },
}

/** The views of a group at one process, one after the other, as long as it is a member. */
function checkMember(run: Run, verdict: Verdict, installs: readonly Install[]): void {
  /** Who is out, with the view in which it was last seen and the one that excluded it. */
  let out = new Map<string, { readonly seen: Install; readonly excluded: Install }>()
  for (const install of installs) {
    const { before, view } = install
    if (before === null) out = new Map()
    else {
      for (const [id, { seen, excluded }] of out) {
        const isBack = view.members.has(id)
        verdict.expect(
          !isBack || mayReturn(run, id, seen, install),
          () => `${id} was excluded in ${excluded.view.id} and is back in ${view.id}, which does not say from where`,
          install.at.line,
        )
        if (isBack) out.delete(id)
      }
      for (const id of before.view.members) {
        if (!view.members.has(id)) out.set(id, { seen: before, excluded: install })
      }
    }
  }
}

function mayReturn(run: Run, id: string, before: Install, after: Install): boolean {
  const group = after.view.group
  const member = run.process(id)
  // A member of the view before asked for that one before anybody had it, and anew after: a page that was blocked may get
  // all three views only then.
  const known = before.view.installs[0]?.at.line ?? before.at.line
  const joins = member?.joins.get(group.name) ?? []
  if (group !== run.space && joins.some((join) => join.line > known)) return true
  const own = after.view.installs.find((install) => install.process === member)
  if (group !== run.space && member !== undefined && isUnanswered(member, group, own?.at.line ?? after.at.line))
    return true
  const part = after.data.subviews?.find((subview) => subview.members.includes(id))
  if (part === undefined || part.id === after.data.prev) return false
  return own === undefined || own.data.prev === null || own.data.prev === part.id
}

/** Has it, before that line, asked to join the group, and got no view of it since (seed 504892)? */
function isUnanswered({ joins, installs }: Process, group: Group, line: number): boolean {
  const asked = joins.get(group.name)?.findLast((join) => join.line < line)
  if (asked === undefined) return false
  return !(installs.get(group)?.some(({ at }) => at.line > asked.line && at.line < line) ?? false)
}
