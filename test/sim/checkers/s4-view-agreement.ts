/**
 * S4 View agreement: installs of one id carry the same members in the same order, with the same weights, the same primary
 * flag, line, space view and parts, wherever they happen; and those who come from the same view are told the same of who is gone and why.
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
      if (first === null || view.installs.length < 2) continue
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
