/**
 * Casts of one sender that have waited: where they change between total groups they are sent one by one. A round is a
 * chain of frames: a cast, its number, and with `uniform` what says that all have both. What one of them is late on its
 * way counts for nothing. The chain is in one frame at a time, and whatever is behind a late frame comes when that comes:
 * so all that it can lose is the time in which any frame is late, once, of those that have come by its end.
 */

import type { Message, Process } from './model.ts'
import { orderOf, type Run } from './run.ts'

/** From the sending of a total cast until the cast behind it, which is sent once the number is known, is sent and settled. */
const ROUND_MS = 2_000
/** So long after it was sent, a frame that a `late` line tells of is late. */
const LATE_MS = 500

/** Has it come, or not yet come, by then, within a round of the one that it waits for? */
export function isInTurn(run: Run, message: Message, until: number): boolean {
  const from = sentBefore(run, message)
  if (from === Number.NEGATIVE_INFINITY) return false
  return until - from - lateWithin(run, message.sender, { from, to: until }) <= ROUND_MS
}

/** When the last cast was sent whose number, or if a gbcast, in any group, whose cut this one waits for; long ago if there is none. */
function sentBefore(run: Run, { sender, n, send, group }: Message): number {
  let last = Number.NEGATIVE_INFINITY
  for (const other of run.messages) {
    if (other.sender !== sender || other.n >= n || other.send === null) continue
    if (send !== null && other.send.line > send.line) continue
    const order = orderOf(other)
    if (order === 'gbcast' || (order === 'total' && other.group !== group)) last = Math.max(last, other.send.t)
  }
  return last
}

/** For how long of that a frame was late that has come since, from one member of the process's view to another. */
function lateWithin(run: Run, process: Process, { from, to }: { readonly from: number; readonly to: number }): number {
  const members = run.spaceAt(process, to)?.view.members
  let ms = 0
  let reached = from
  for (const { t, data } of run.of('late')) {
    const end = t + data.ms
    const start = Math.max(t + LATE_MS, reached)
    if (end > to || end <= start || !data.links.flat().every((id) => members?.has(id))) continue
    ms += end - start
    reached = end
  }
  return ms
}
