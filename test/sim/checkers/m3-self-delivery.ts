/**
 * M3 Self delivery: who sends a cast and neither crashes nor leaves (the space or the group) delivers it, unless the
 * application was told that the cast was lost or of unknown outcome. Judged once `tSettle` has passed since
 * the send, and since the process was last thawed. Of uniform casts of consistent groups `lost` means that nobody delivers
 * them in the line that the sender stays in: what is asked again by whoever is told so does not happen twice.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { at } from './collections.ts'
import type { Delivery, Message } from './model.ts'
import type { Run } from './run.ts'

const EXCUSES = new Set(['lost', 'unknown'])

export const checker: Checker = {
  property: 'M3',
  check(run: Run): Result {
    const verdict = new Verdict('M3')
    for (const message of run.messages) {
      const { sender, send, m } = message
      checkLost(run, message, verdict)
      if (send === null || !mustDeliver(run, message)) continue
      verdict.expect(
        at(sender.deliveredAt, message.index) > 0,
        () => `${sender.id} sends ${m} in view ${send.view.id} of "${send.data.g}" and never delivers it`,
        send.line,
      )
    }
    return verdict
  },
}

function checkLost(run: Run, message: Message, verdict: Verdict): void {
  const { sender, group, m, settles } = message
  if (group?.options?.uniform !== true || group.options.consistency !== 'consistent') return
  const lost = settles.find(({ outcome }) => outcome === 'lost')
  if (lost === undefined) return
  const next = sender.installs.get(run.space)?.find(({ at: { line } }) => line > lost.line)
  if (next === undefined) return
  const isInLine = ({ space }: Delivery): boolean => space?.data.line === next.data.line
  const delivery = message.deliveries.find(isInLine)
  verdict.expect(
    delivery === undefined,
    () => `${sender.id} is told that ${m} in "${group.name}" is lost, and ${delivery?.process.id} delivers it`,
    lost.line,
  )
}

function mustDeliver(run: Run, { sender, send, settles }: Message): boolean {
  if (send === null || send.data.client === true || !run.isLive(sender)) return false
  if (sender.leaves.get(send.data.g)?.some((leave) => leave.line > send.line) === true) return false
  if (settles.some(({ outcome }) => EXCUSES.has(outcome))) return false
  const from = Math.max(send.t, sender.frozen.at(-1)?.to?.t ?? 0)
  return run.end.t - from >= (run.bounds?.tSettle ?? 0)
}
