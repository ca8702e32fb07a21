/**
 * F1 Safe prefix: a uniform cast that is delivered before the transitional signal is one that every member of its view
 * delivers before it goes on to another view, unless it crashes or leaves before that. One that goes on outside the
 * primary component delivers it in a consistent group only if somebody who comes along has delivered it (M6), so there
 * it is not judged.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { at } from './collections.ts'
import type { Delivery, Group, Install, Process } from './model.ts'
import { isUniform, type Run } from './run.ts'

export const checker: Checker = {
  property: 'F1',
  check(run: Run): Result {
    const verdict = new Verdict('F1')
    for (const delivery of run.deliveries) {
      if (delivery.first && !delivery.transitional && isUniform(delivery.message))
        checkRelease(run.space, verdict, delivery)
    }
    return verdict
  },
}

function checkRelease(spaceGroup: Group, verdict: Verdict, delivery: Delivery): void {
  const { install, space, message, process, group } = delivery
  if (install === null || space === null) return
  for (const other of install.view.installs) {
    if (other.process === process) continue
    const next = leaves(other, space.view.installs.find((own) => own.process === other.process) ?? null)
    if (next === null) continue
    if (next.view.group === spaceGroup && group.options?.consistency === 'consistent' && !next.data.primary) continue
    const delivered = at(other.process.deliveredAt, message.index)
    verdict.expect(
      delivered > 0 && delivered < next.at.line,
      () =>
        `${process.id} delivers uniform ${message.m} of "${group.name}" in view ${install.view.id}, which ${other.process.id} leaves for ${next.view.id} without it`,
      next.at.line,
    )
  }
}

/** What ended a member's part in a group view within a space view: its next view of either, whichever came first. */
function leaves(install: Install, space: Install | null): Install | null {
  if (space === null || hasAskedToLeave(install.process, install)) return null
  const { after } = install
  const next = space.after
  if (after === null || next === null) return next ?? after
  return after.at.line < next.at.line ? after : next
}

/** Who leaves the group delivers nothing more to its application. */
function hasAskedToLeave(process: Process, { view, at: { line } }: Install): boolean {
  return process.leaves.get(view.group.name)?.some((leave) => leave.line > line) ?? false
}
