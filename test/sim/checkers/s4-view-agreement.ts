/**
 * S4 View agreement: installs of one id carry the same members in the same order, the same primary flag, line, space
 * view and parts, wherever they happen.
 */

import type { TraceSubview, ViewLine } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
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
        const difference = differ(first, data)
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

function differ(a: ViewLine, b: ViewLine): string | null {
  if (!sameList(a.members, b.members)) return 'members'
  if (a.primary !== b.primary) return 'primary flag'
  if (a.line !== b.line) return 'line'
  if (a.sv !== b.sv) return 'space view'
  return sameParts(a.subviews, b.subviews) ? null : 'parts'
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
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
