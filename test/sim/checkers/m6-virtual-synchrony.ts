/**
 * M6 Virtual synchrony: processes that install the same next view directly after a view delivered the same casts in it.
 *
 * Judged for the views of every group and, since a group view may outlive several space views, for those of the space
 * as well: those who move together from one space view to the next delivered, in each group view that they share to
 * the end of it, the same casts since it began.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Delivery, Install, Process, View } from './model.ts'
import type { Run } from './run.ts'
import { type Class, classesOf } from './together.ts'

export const checker: Checker = {
  property: 'M6',
  check(run: Run): Result {
    const verdict = new Verdict('M6')
    const compare = comparer(run, verdict)
    for (const together of classesOf(run)) {
      if (together.next === null) continue
      const where = `before they move together to ${together.next.id}`
      if (together.view.group !== run.space) {
        compare(
          together.installs.map((install) => [install.process, install.deliveries, install]),
          together.view,
          where,
        )
      }
    }
    checkSpace(run, compare)
    return verdict
  },
}

type Entry = readonly [process: Process, deliveries: readonly Delivery[], install: Install]
type Compare = (entries: readonly Entry[], view: View, where: string) => void

/** Compares sets of deliveries with the first one's, in time linear in their sizes. */
function comparer(run: Run, verdict: Verdict): Compare {
  const marks = new Int32Array(run.messages.length)
  let round = 0
  return (entries, view, where) => {
    const [reference, ...others] = entries
    if (reference === undefined) return
    const mark = ++round
    for (const { message } of reference[1]) marks[message.index] = mark
    const size = sizeOf(reference[1])
    for (const [process, deliveries, install] of others) {
      const extra = deliveries.find(({ message }) => marks[message.index] !== mark)
      const equal = extra === undefined && sizeOf(deliveries) === size
      verdict.expect(
        equal,
        () => {
          const mine = new Set(deliveries.map(({ message }) => message))
          const missed = extra?.message.m ?? reference[1].find(({ message }) => !mine.has(message))?.message.m
          const [has, lacks] = extra === undefined ? [reference[0].id, process.id] : [process.id, reference[0].id]
          return `${has} delivers ${missed} in view ${view.id} of "${view.group.name}", ${lacks} does not, ${where}`
        },
        install.after?.at.line,
      )
    }
  }
}

function sizeOf(deliveries: readonly Delivery[]): number {
  let size = 0
  for (const { first } of deliveries) if (first) size++
  return size
}

function checkSpace(run: Run, compare: Compare): void {
  const bySpace = deliveriesBySpace(run)
  for (const together of classesOf(run)) {
    if (together.next === null || together.view.group !== run.space) continue
    for (const [view, entries] of sharedViews(together, bySpace)) {
      if (entries.length > 1) compare(entries, view, `before they move together to space view ${together.next.id}`)
    }
  }
}

/** Per space install, per group install: what was delivered. */
function deliveriesBySpace(run: Run): Map<Install, Map<Install, Delivery[]>> {
  const bySpace = new Map<Install, Map<Install, Delivery[]>>()
  for (const delivery of run.deliveries) {
    const { space, install } = delivery
    if (space === null || install === null) continue
    const byGroup = getOrMake(bySpace, space, () => new Map<Install, Delivery[]>())
    pushTo(byGroup, install, delivery)
  }
  return bySpace
}

/** Per group view in force at the end of the class's space view: its members in the class and what they delivered. */
function sharedViews(together: Class, bySpace: ReadonlyMap<Install, Map<Install, Delivery[]>>): Map<View, Entry[]> {
  const shared = new Map<View, Entry[]>()
  for (const space of together.installs) {
    const end = space.after?.at.line ?? 0
    for (const [group, installs] of space.process.installs) {
      if (group === space.view.group) continue
      const install = installs.findLast((candidate) => candidate.at.line < end)
      if (install === undefined) continue
      const leave = space.process.leaves.get(group.name)?.findLast((asked) => asked.line < end)
      if (leave !== undefined && leave.line > install.at.line) continue
      pushTo(shared, install.view, [space.process, bySpace.get(space)?.get(install) ?? [], space])
    }
  }
  return shared
}
