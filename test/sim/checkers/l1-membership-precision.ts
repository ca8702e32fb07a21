/**
 * L1 Membership precision: the live processes of each part of the final network end with one space view whose members
 * are the part, installed within `tView` of the last change (the quiet line, or a later start, join or leave).
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Process } from './model.ts'
import { partsAtRest, restOf, viewDeadline } from './rest.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'L1',
  check(run: Run): Result {
    const verdict = new Verdict('L1')
    const rest = restOf(run)
    if (rest === null) return verdict
    const deadline = viewDeadline(run, rest)
    if (deadline > rest.end.t) return verdict
    for (const part of partsAtRest(run)) checkPart(run, verdict, part, deadline)
    return verdict
  },
}

function checkPart(run: Run, verdict: Verdict, part: readonly Process[], deadline: number): void {
  const expected = part
    .map(({ id }) => id)
    .sort()
    .join(' ')
  let name: string | null = null
  for (const process of part) {
    const last = run.last(process, run.space)
    const members = [...(last?.view.members ?? [])].sort().join(' ')
    name ??= last?.view.id ?? null
    verdict.expect(
      members === expected && last?.view.id === name,
      () =>
        `${process.id} ends in view ${last?.view.id ?? 'none'} {${members}}, its part is {${expected}}${members === expected ? ` in view ${name}` : ''}`,
      last?.at.line,
    )
    if (last !== null && last.at.t > deadline) {
      verdict.fail(
        `${process.id} installs its last view ${last.view.id} at ${last.at.t} ms, ${last.at.t - deadline} ms late`,
        last.at.line,
      )
    }
  }
}
