/**
 * S3 Initial view event: every send, delivery and transitional signal of a group at a process belongs to a view of the
 * group that the process has installed. A delivery names the view in force. A send is stamped by the kernel and may
 * precede its view's line; it must follow before the process's next view, and before the end if the process lives.
 * Clients have no view.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Message, Process } from './model.ts'
import { isOlder, type Run } from './run.ts'

export const checker: Checker = {
  property: 'S3',
  check(run: Run): Result {
    const verdict = new Verdict('S3')
    for (const delivery of run.deliveries) {
      const { process, group, view, install, at, message } = delivery
      if (install?.view === view) verdict.checked++
      else if (!isClient(process, group.name, at.line)) {
        verdict.expect(
          false,
          () =>
            `${process.id} delivers ${message.m} of "${group.name}" in ${view.id}, its view is ${install?.view.id ?? 'none'}`,
          at.line,
        )
      }
    }
    for (const { data, line, process } of run.of('trans')) {
      if (process === null) continue
      const group = run.groups.find((g) => g.name === data.g)
      const installs = group === undefined ? undefined : process.installs.get(group)
      const current = installs?.findLast((install) => install.at.line < line)
      verdict.expect(
        current?.view.id === data.view,
        () => `${process.id} gets the transitional signal of ${data.view} in view ${current?.view.id ?? 'none'}`,
        line,
      )
    }
    for (const message of run.messages) checkSend(run, verdict, message)
    return verdict
  },
}

function isClient(process: Process, g: string, line: number): boolean {
  return process.attached.get(g)?.some(({ from, to }) => from < line && (to === 0 || to > line)) ?? false
}

function checkSend(run: Run, verdict: Verdict, { m, sender, send }: Message): void {
  if (send === null || send.data.client === true) return
  const { view, line, t } = send
  const installs = sender.installs.get(view.group) ?? []
  if (installs.some((install) => install.view === view)) {
    verdict.checked++
    return
  }
  const overtaken = installs.some((install) => install.at.line > line && isOlder(view, install.view))
  const overdue = run.isLive(sender) && run.bounds !== null && run.end.t - t > run.bounds.tSettle
  const hasLeft = sender.leaves.has(view.group.name)
  if (overtaken || (overdue && !hasLeft)) {
    verdict.expect(
      false,
      () => `${sender.id} sends ${m} in view ${view.id} of "${view.group.name}", which it never installs`,
      line,
    )
  }
}
