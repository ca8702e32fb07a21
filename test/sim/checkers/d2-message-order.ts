/**
 * D2 Message order: direct messages from one process to another come in the order in which they were sent, and who gets one
 * got all before it, but for those of which their sender is told that they may not have arrived.
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { type Mailed, mailOf } from './mail.ts'
import { derive, type Run } from './run.ts'

export const checker: Checker = {
  property: 'D2',
  check(run: Run): Result {
    const verdict = new Verdict('D2')
    for (const sent of derive(run, mailOf).byPair.values()) checkPair(run, verdict, sent)
    return verdict
  },
}

function checkPair(run: Run, verdict: Verdict, sent: readonly Mailed[]): void {
  let last: Mailed | null = null
  /** Sent before, not got, and not told of. */
  let missing: Mailed | null = null
  for (const mailed of sent) {
    const { post, gets, ends } = mailed
    const [get] = gets
    const { data, process } = post
    if (get === undefined) {
      // Whoever is gone is told nothing more.
      if (ends.length === 0 && process !== null && run.isLive(process)) missing ??= mailed
      continue
    }
    const before: Mailed | null = last
    verdict.expect(
      (before?.gets[0]?.line ?? 0) < get.line,
      () => `${data.to} gets ${data.m} before ${before?.post.data.m}`,
      get.line,
    )
    const lost: Mailed | null = missing
    verdict.expect(lost === null, () => `${data.to} gets ${data.m}, and never ${lost?.post.data.m}`, get.line)
    last = mailed
  }
}
