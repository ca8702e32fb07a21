/**
 * D1 Message integrity: a direct message that is handed over was sent before, to this process, at this address, with these
 * bytes; it is handed over once, in the view of the space in which the last of it was sent.
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { type Mailed, mailOf } from './mail.ts'
import type { Located } from './model.ts'
import { derive, type Run } from './run.ts'

export const checker: Checker = {
  property: 'D1',
  check(run: Run): Result {
    const verdict = new Verdict('D1')
    const { byName, strays } = derive(run, mailOf)
    for (const { data, line } of strays) verdict.fail(`${data.p} gets ${data.m}, which nobody has sent`, line)
    for (const mailed of byName.values()) {
      for (const [i, get] of mailed.gets.entries()) {
        const breach = i > 0 ? ' twice' : breachOf(mailed, get)
        verdict.expect(breach === null, () => `${get.data.p} gets ${get.data.m}${breach}`, get.line)
      }
    }
    return verdict
  },
}

function breachOf({ post, dispatch }: Mailed, { data, line }: Located<'get'>): string | null {
  if (post.data.to !== data.p) return `, which was sent to ${post.data.to}`
  if (dispatch === null || dispatch.line > line) return ' before it was sent'
  if (post.data.g !== data.g) return ` at "${data.g}", not "${post.data.g}"`
  if (post.data.h !== data.h) return ' with other bytes than sent'
  return dispatch.data.view === data.view ? null : ` in ${data.view}, and it was sent in ${dispatch.data.view}`
}
