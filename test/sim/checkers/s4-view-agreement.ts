/**
 * S4 View agreement: installs of one id carry the same members in the same order, with the same weights, the same primary
 * flag, line, space view and parts, and name the same ones as away, wherever they happen; and those who come from the same
 * view are told the same of who is gone and why. Nobody is away who is a member, nor who has not said that it is about to be
 * frozen.
 */

import type { TraceSubview, ViewLine } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { View } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'S4',
  check(run: Run): Result {
    const verdict = new Verdict('S4')
    for (const view of run.views) {
      const first = view.first
      if (first === null) continue
      for (const { data, process, at } of view.installs) {
        for (const id of data.away ?? []) {
          const hasSaid = run.of('suspend').some((said) => said.process?.id === id && said.line < at.line)
          verdict.expect(
            hasSaid && !view.members.has(id),
            () =>
              `view ${data.id} of "${data.g}" at ${process.id} has ${id} as away, ${hasSaid ? 'a member' : 'unsaid'}`,
            at.line,
          )
        }
      }
      if (view.installs.length < 2) continue
      for (const { data, process, at } of view.installs) {
        if (data === first) continue
        const before = sameSource(view, data)
        const difference = differ(first, data) ?? (before === undefined ? null : differInGone(before, data))
        verdict.expect(
          difference === null,
          () => `view ${data.id} of "${data.g}" has other ${difference} at ${process.id} than at ${first.p}`,
          at.line,
        )
      }
    }
    return verdict
  },
}

/** The first line of the view at one who comes from the same view. */
function sameSource(view: View, data: ViewLine): ViewLine | undefined {
  return view.installs.find((install) => install.data.prev === data.prev)?.data
}

function differInGone(a: ViewLine, b: ViewLine): string | null {
  if (!sameSet(a.left, b.left)) return 'leavers'
  if (!sameSet(a.dead, b.dead)) return 'dead'
  if (!sameSet(a.away, b.away)) return 'away'
  return sameSet(a.expelled, b.expelled) ? null : 'expelled'
}

function sameSet(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return sameList([...a].sort(), [...b].sort())
}

function differ(a: ViewLine, b: ViewLine): string | null {
  if (!sameList(a.members, b.members)) return 'members'
  if (a.primary !== b.primary) return 'primary flag'
  if (a.line !== b.line) return 'line'
  if (a.sv !== b.sv) return 'space view'
  if (!sameNumbers(a.weights, b.weights)) return 'weights'
  if (a.g === '' && !sameList(a.away ?? [], b.away ?? [])) return 'away'
  return sameParts(a.subviews, b.subviews) ? null : 'parts'
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

function sameNumbers(a: readonly number[] = [], b: readonly number[] = []): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

/** A view that was merged from one part may leave the list out. */
function sameParts(a: readonly TraceSubview[] = [], b: readonly TraceSubview[] = []): boolean {
  if (a.length < 2 && b.length < 2) return true
  if (a.length !== b.length) return false
  return a.every((part, i) => {
    const other = b[i]
    return other !== undefined && part.id === other.id && sameList(part.members, other.members)
  })
}
