/**
 * Fencing tokens: `[line, view, n]`, ordered within a line by the view's epoch, the number of the group's view in it, then n.
 */

import type { TraceToken } from '../../../lib/testing/trace.ts'
import { parseViewId } from '../../../lib/testing/trace-names.ts'

/** Negative if `a` is smaller. Only for tokens of one line. */
export function compareTokens(a: TraceToken, b: TraceToken): number {
  if (a[1] === b[1]) return a[2] - b[2]
  const x = parseViewId(a[1])
  const y = parseViewId(b[1])
  return x.epoch - y.epoch || x.n - y.n || a[2] - b[2]
}

/** Are they one token? */
export function sameToken(a: TraceToken, b: TraceToken): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2]
}
