/**
 * D3 Messages arrive, or their sender is told: of each direct message of a live process, its receiver gets it, or has crashed
 * or left, or the sender is told that it is refused, and then nobody gets it, or that its fate is unknown. Who goes on from the
 * view in which it was sent together with its sender has got it before the next.
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { mailOf } from './mail.ts'
import type { Process } from './model.ts'
import { isAtRest, restOf } from './rest.ts'
import { derive, type Run } from './run.ts'

export const checker: Checker = {
  property: 'D3',
  check(run: Run): Result {
    const verdict = new Verdict('D3')
    const lasts = lastViews(run)
    const rest = restOf(run)
    for (const mailed of derive(run, mailOf).byName.values()) {
      const { post, gets, ends } = mailed
      const { m, to } = post.data
      const [end] = ends
      verdict.expect(ends.length <= 1, () => `${m} ends twice`, ends[1]?.line)
      if (end?.data.outcome === 'refused')
        verdict.expect(gets.length === 0, () => `${to} gets ${m}, which was refused`, end.line)
      if (gets.length > 0) continue
      const receiver = run.process(to) ?? null
      const isOver = rest !== null && post.t + rest.bounds.tSettle < rest.end.t
      if (isOver && end === undefined && post.process !== null && isAtRest(run, post.process))
        verdict.expect(isGone(receiver), () => `${to} never gets ${m}, and ${post.data.p} is not told`, post.line)
      const sentIn = mailed.dispatch?.data.view
      if (sentIn !== undefined && receiver !== null)
        verdict.expect(
          !lasts.get(receiver)?.get(sentIn)?.includes(post.data.p),
          () => `${to} goes on from ${sentIn} together with ${post.data.p}, without ${m}`,
          post.line,
        )
    }
    return verdict
  },
}

function isGone(receiver: Process | null): boolean {
  return receiver === null || receiver.crash !== null || receiver.leave !== null
}

/** By process and view of the space: with whom it went on from there. */
function lastViews(run: Run): Map<Process, Map<string, readonly string[]>> {
  const lasts = new Map<Process, Map<string, readonly string[]>>()
  for (const { process, view, data } of run.installs) {
    if (view.group !== run.space || data.prev === null) continue
    const views = lasts.get(process) ?? new Map<string, readonly string[]>()
    lasts.set(process, views)
    views.set(data.prev, data.trans)
  }
  return lasts
}
