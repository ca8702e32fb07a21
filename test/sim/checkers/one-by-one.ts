/** Casts of one sender that have waited: where they change between total groups they are sent one by one. */

import type { Message } from './model.ts'
import { orderOf, type Run } from './run.ts'

/** From the sending of a total cast until the cast behind it, which is sent once the number is known, is sent and settled. */
export const ROUND_MS = 2_000

/** When the last cast was sent whose number, or if a gbcast, in any group, whose cut this one waits for; long ago if there is none. */
export function sentBefore(run: Run, { sender, n, send, group }: Message): number {
  let last = Number.NEGATIVE_INFINITY
  for (const other of run.messages) {
    if (other.sender !== sender || other.n >= n || other.send === null) continue
    if (send !== null && other.send.line > send.line) continue
    const order = orderOf(other)
    if (order === 'gbcast' || (order === 'total' && other.group !== group)) last = Math.max(last, other.send.t)
  }
  return last
}
