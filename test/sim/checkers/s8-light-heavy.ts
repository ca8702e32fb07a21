/**
 * S8 Light/heavy consistency: a group view belongs to the space view in force, its members are members of that, and
 * group views are ordered as their space views. A group view that a space view takes members from is replaced before
 * anything more is delivered in the group. Witnesses, which have no state, are in no group, and in the space they rank
 * behind all who are none.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake } from './collections.ts'
import type { Delivery, Install, View } from './model.ts'
import { isOlder, type Run } from './run.ts'

export const checker: Checker = {
  property: 'S8',
  check(run: Run): Result {
    const verdict = new Verdict('S8')
    for (const install of run.installs) {
      if (install.view.group !== run.space) checkGroupView(run, verdict, install)
      checkWitnesses(run, verdict, install)
    }
    const within = new Map<View, Map<View, boolean>>()
    for (const delivery of run.deliveries) checkDelivery(verdict, within, delivery)
    return verdict
  },
}

function checkWitnesses(run: Run, verdict: Verdict, { view, data, process, at }: Install): void {
  if (view.first !== data) return
  const isWitness = (id: string): boolean => run.process(id)?.isWitness === true
  const first = data.members.findIndex(isWitness)
  if (first < 0) return
  const where = `view ${view.id} of "${data.g}" at ${process.id}`
  if (view.group !== run.space) verdict.fail(`${where} has the witness ${data.members[first]}`, at.line)
  verdict.expect(
    data.members.slice(first).every(isWitness),
    () => `in ${where} the witness ${data.members[first]} ranks before members that are none`,
    at.line,
  )
}

function checkGroupView(run: Run, verdict: Verdict, { view, data, process, space, before, at }: Install): void {
  const where = `view ${view.id} of "${data.g}" at ${process.id}`
  verdict.expect(
    space?.view.id === data.sv,
    () => `${where} belongs to space view ${data.sv}, but ${space?.view.id ?? 'none'} is in force`,
    at.line,
  )
  const spaceView = run.space.views.get(data.sv)
  if (spaceView?.first != null) {
    for (const id of view.members) {
      if (!spaceView.members.has(id)) verdict.fail(`${where} has ${id}, which is not in space view ${data.sv}`, at.line)
    }
  }
  const spaceBefore = before === null ? undefined : run.space.views.get(before.data.sv)
  if (spaceView !== undefined && spaceBefore !== undefined && isOlder(spaceView, spaceBefore)) {
    verdict.fail(`${where} belongs to an older space view than ${before?.view.id} before it`, at.line)
  }
}

function checkDelivery(verdict: Verdict, within: Map<View, Map<View, boolean>>, delivery: Delivery): void {
  const { install, space, process, message, group, at } = delivery
  if (install === null || space === null || install.space === space) return
  const bySpace = getOrMake(within, install.view, () => new Map<View, boolean>())
  const holds = getOrMake(bySpace, space.view, () =>
    [...install.view.members].every((id) => space.view.members.has(id)),
  )
  verdict.expect(
    holds,
    () =>
      `${process.id} delivers ${message.m} in view ${install.view.id} of "${group.name}", some of whose members are not in space view ${space.view.id}`,
    at.line,
  )
}
