/**
 * S9 Self-fencing: a process that may have slept, because it said that it would or its clock shows a gap (`fence`), sends
 * no cast until it has another view, or has heard that its view still stands (`unfence`): then nobody else in it had gone
 * on to another one when it began to ask.
 */

import type { LineOf } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Located, Process } from './model.ts'
import { isOlder, type Run } from './run.ts'

export const checker: Checker = {
  property: 'S9',
  check(run: Run): Result {
    const verdict = new Verdict('S9')
    const fences = run.of('fence')
    if (fences.length === 0) return verdict
    for (const process of run.processes) {
      const own = fences.filter((line) => line.process === process)
      const ends = run.of('unfence').filter((line) => line.process === process)
      const sends = own.length === 0 ? [] : run.messages.filter(({ sender }) => sender === process)
      own.forEach((fence, i) => {
        const next = own[i + 1]?.line ?? Number.POSITIVE_INFINITY
        const end = ends.find(({ line }) => line > fence.line && line < next)
        const until = end?.line ?? next
        const sent = sends.find(({ send }) => send !== null && send.line > fence.line && send.line < until)
        verdict.expect(
          sent === undefined,
          () => `${process.id} sends ${sent?.m} without knowing whether view ${fence.data.view} still stands`,
          sent?.send?.line,
        )
        if (end?.data.by === 'answers') checkStands(run, verdict, process, fence)
      })
    }
    return verdict
  },
}

function checkStands(run: Run, verdict: Verdict, process: Process, { data, line }: Located<'fence'>): void {
  const view = run.space.views.get((data as LineOf<'fence'>).view)
  if (view === undefined) return
  for (const other of run.processes) {
    if (other === process || !view.members.has(other.id)) continue
    const current = other.installs.get(run.space)?.findLast(({ at }) => at.line < line)
    verdict.expect(
      current === undefined || !isOlder(view, current.view),
      () => `${process.id} believes that view ${view.id} still stands, which ${other.id} had left`,
      line,
    )
  }
}
