/**
 * Moves: what processes delivered in a view that they leave together, and the comparison of such sets.
 *
 * A move is one from a group view to the next; or, since a group view may outlive several space views, one from a space
 * view to the next, for each group view that its movers share to the end of it.
 */

import type { Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Delivery, Install, Process, View } from './model.ts'
import { derive, type Run } from './run.ts'
import { type Class, classesOf } from './together.ts'

/** One process's share in a move. */
export interface Mover {
  readonly process: Process
  /** In the group view, and in the space view if it is that which is left. */
  readonly deliveries: readonly Delivery[]
  /** The view that is left, as this process installed it. */
  readonly left: Install
}

/** At least two processes leave a view together. */
export interface Move {
  /** The group view in which they delivered. */
  readonly view: View
  readonly movers: readonly Mover[]
  /** Where to, in words. */
  readonly where: string
}

/** All moves of a run, computed once. */
export function movesOf(run: Run): readonly Move[] {
  return derive(run, compute)
}

/** The moves, and the like of those who are at rest in one view: they agree on an order, though not yet on a set. */
export function sharesOf(run: Run): readonly Pick<Move, 'view' | 'movers'>[] {
  const resting = classesOf(run).filter(({ next, view }) => next === null && view.group !== run.space)
  return [...movesOf(run), ...resting.map(({ view, installs }) => ({ view, movers: installs.map(moverOf) }))]
}

/** Compares every mover's set of those deliveries that `counts` with the first one's, in time linear in their sizes. */
export function compareSets(run: Run, verdict: Verdict, moves: Iterable<Move>, counts: (d: Delivery) => boolean): void {
  const marks = new Int32Array(run.messages.length)
  let round = 0
  for (const { view, movers, where } of moves) {
    const [first, ...others] = movers
    if (first === undefined) continue
    const reference = first.deliveries.filter(counts)
    const mark = ++round
    for (const { message } of reference) marks[message.index] = mark
    const size = sizeOf(reference)
    for (const { process, deliveries, left } of others) {
      const mine = deliveries.filter(counts)
      const extra = mine.find(({ message }) => marks[message.index] !== mark)
      verdict.expect(
        extra === undefined && sizeOf(mine) === size,
        () => {
          const own = new Set(mine.map(({ message }) => message))
          const missed = extra?.message.m ?? reference.find(({ message }) => !own.has(message))?.message.m
          const [has, lacks] = extra === undefined ? [first.process.id, process.id] : [process.id, first.process.id]
          return `${has} delivers ${missed} in view ${view.id} of "${view.group.name}", ${lacks} does not, ${where}`
        },
        left.after?.at.line,
      )
    }
  }
}

function sizeOf(deliveries: readonly Delivery[]): number {
  let size = 0
  for (const { first } of deliveries) if (first) size++
  return size
}

function compute(run: Run): Move[] {
  const moves: Move[] = []
  const bySpace = deliveriesBySpace(run)
  for (const together of classesOf(run)) {
    const { view, next, installs } = together
    if (next === null) continue
    if (view.group !== run.space) {
      moves.push({ view, movers: installs.map(moverOf), where: `before they move together to ${next.id}` })
      continue
    }
    for (const [shared, movers] of sharedViews(together, bySpace)) {
      if (movers.length > 1) {
        moves.push({ view: shared, movers, where: `before they move together to space view ${next.id}` })
      }
    }
  }
  return moves
}

function moverOf(left: Install): Mover {
  return { process: left.process, deliveries: left.deliveries, left }
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
function sharedViews(together: Class, bySpace: ReadonlyMap<Install, Map<Install, Delivery[]>>): Map<View, Mover[]> {
  const shared = new Map<View, Mover[]>()
  for (const left of together.installs) {
    const end = left.after?.at.line ?? 0
    for (const [group, installs] of left.process.installs) {
      if (group === left.view.group) continue
      const install = installs.findLast((candidate) => candidate.at.line < end)
      if (install === undefined) continue
      const leave = left.process.leaves.get(group.name)?.findLast((asked) => asked.line < end)
      if (leave !== undefined && leave.line > install.at.line) continue
      const deliveries = bySpace.get(left)?.get(install) ?? []
      pushTo(shared, install.view, { process: left.process, deliveries, left })
    }
  }
  return shared
}
