/**
 * M6 Virtual synchrony: processes that install the same next view directly after a view delivered the same casts in it.
 *
 * Judged for the views of every group and, since a group view may outlive several space views, for those of the space
 * as well: those who move together from one space view to the next delivered, in each group view that they share to
 * the end of it, the same casts since it began.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { compareSets, movesOf } from './moves.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'M6',
  check(run: Run): Result {
    const verdict = new Verdict('M6')
    compareSets(run, verdict, movesOf(run), () => true)
    return verdict
  },
}
