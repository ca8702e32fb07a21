/**
 * L8 Nobody is held up by one who does not listen: a cast of an available group is sent within `tDetect` and `tView` of
 * when it was made, of when its sender was in the group, or of when something else last went wrong meanwhile, a crash, a
 * freeze or a path: whoever has not consumed what it was sent is found out and put out of the way within the one, and
 * there is a view without it within the other. Casts that have waited for that may still wait for each other's numbers:
 * each of them counts from the one before it. Excused is whoever was itself frozen, silent or blocked meanwhile, or
 * `tView` before, and whoever dies or leaves first.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { Message } from './model.ts'
import { isInTurn } from './one-by-one.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'L8',
  check(run: Run): Result {
    const verdict = new Verdict('L8')
    if (run.bounds === null) return verdict
    const { tDetect, tView } = run.bounds
    const blocked = new Blocked(run)
    const troubles = troublesOf(run)
    for (const message of run.messages) {
      const { m, cast, send, sender, settles, group } = message
      if (cast === null || group?.options?.consistency !== 'available') continue
      const deadline = restAfter(Math.max(cast.t, joinedAt(message)), troubles, tDetect + tView)
      const end = Math.min(send?.t ?? Number.POSITIVE_INFINITY, settles[0]?.t ?? Number.POSITIVE_INFINITY)
      if (end > deadline && (deadline > run.end.t || isGone(message, deadline))) continue
      if (blocked.was(sender.id, { from: cast.t - tView, to: Math.min(end, deadline) })) continue
      verdict.expect(
        end <= deadline || isInTurn(run, message, Math.min(end, run.end.t)),
        () => `${m} in "${group.name}" is held up for more than ${tDetect + tView} ms: it is ${howLate(message)}`,
        cast.line,
      )
    }
    return verdict
  },
}

/** When something was done to a process or a path, or ended, other than that a page does nothing; ascending. */
function troublesOf(run: Run): number[] {
  const times = (['crash', 'freeze', 'thaw', 'cut', 'heal'] as const).flatMap((e) => run.of(e).map(({ t }) => t))
  for (const { t, data } of run.of('slow')) times.push(t, t + (data.ms ?? 0))
  return times.sort((a, b) => a - b)
}

/** The end of the first stretch of so many ms, from that time on, in which nothing else goes wrong. */
function restAfter(from: number, troubles: readonly number[], ms: number): number {
  let start = from
  for (const t of troubles) {
    if (t > start + ms) break
    start = Math.max(start, t)
  }
  return start + ms
}

function howLate({ cast, send }: Message): string {
  return send === null ? 'never sent' : `sent after ${Math.round(send.t - (cast?.t ?? 0))} ms`
}

/** When its sender was in the group: what it casts before that waits. */
function joinedAt({ sender, group, cast }: Message): number {
  const settles = sender.joinSettles.get(group?.name ?? '') ?? []
  const before = settles.findLast(({ t }) => t <= (cast?.t ?? 0))
  return (before ?? settles[0])?.t ?? Number.POSITIVE_INFINITY
}

/** Has its sender died, or asked to leave the group or the space, by then? */
function isGone({ sender, group }: Message, deadline: number): boolean {
  const leaves = sender.leaves.get(group?.name ?? '') ?? []
  return [sender.crash, sender.leave, ...leaves].some((at) => at !== null && at.t <= deadline)
}

interface Span {
  readonly from: number
  readonly to: number
}

/** When processes could not do anything themselves. */
class Blocked {
  readonly #spans = new Map<string, Span[]>()

  constructor(run: Run) {
    for (const { id, frozen } of run.processes) {
      for (const { from, to } of frozen)
        pushTo(this.#spans, id, { from: from.t, to: to?.t ?? Number.POSITIVE_INFINITY })
    }
    for (const { data, t } of run.of('stall')) pushTo(this.#spans, data.q, { from: t, to: t + data.ms })
    for (const { process, t } of run.of('suspend'))
      if (process !== null) pushTo(this.#spans, process.id, { from: t, to: t })
  }

  was(id: string, { from, to }: Span): boolean {
    return (this.#spans.get(id) ?? []).some((span) => span.from <= to && from <= span.to)
  }
}
