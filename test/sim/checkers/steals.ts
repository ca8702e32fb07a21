/** Locks that somebody takes away from who has them: by the steps of their machine, whoever hears of it. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import { pushTo } from './collections.ts'
import { derive, type Run } from './run.ts'
import { compareTokens } from './tokens.ts'

/** Was the lock stolen after the lower one of two tokens of one line was granted, up to the higher one? */
export function isStolenBetween(run: Run, lock: string, [a, b]: readonly [TraceToken, TraceToken]): boolean {
  if (a[0] !== b[0]) return false
  const [lower, higher] = compareTokens(a, b) < 0 ? [a, b] : [b, a]
  const steals = derive(run, stealsOf).get(lock) ?? []
  return steals.some(
    (token) => token[0] === lower[0] && compareTokens(token, lower) > 0 && compareTokens(token, higher) <= 0,
  )
}

/** By lock: the tokens that were granted by a steal. */
function stealsOf(run: Run): Map<string, TraceToken[]> {
  const steals = new Map<string, TraceToken[]>()
  for (const { data } of run.of('exec')) {
    if (!Array.isArray(data.body) || data.body[3] !== 'steal') continue
    for (const { answer } of data.deeds)
      if (Array.isArray(answer) && answer[0] === true)
        pushTo(steals, `${data.obj}/${String(data.body[1])}`, answer[1] as TraceToken)
  }
  return steals
}
