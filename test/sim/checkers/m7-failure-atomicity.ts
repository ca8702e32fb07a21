/**
 * M7 Failure atomicity, for uniform casts: processes that move together have delivered the same ones of them before the
 * transitional signal, and the same ones after it. (That they deliver the same in all is M6.)
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { compareSets, movesOf } from './moves.ts'
import { isUniform, type Run } from './run.ts'

export const checker: Checker = {
  property: 'M7',
  check(run: Run): Result {
    const verdict = new Verdict('M7')
    const signalled = movesOf(run).filter(({ movers }) =>
      movers.some(({ deliveries }) => deliveries.some(({ transitional }) => transitional)),
    )
    compareSets(run, verdict, signalled, ({ transitional, message }) => !transitional && isUniform(message))
    compareSets(run, verdict, signalled, ({ transitional, message }) => transitional && isUniform(message))
    return verdict
  },
}
