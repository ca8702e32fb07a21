/**
 * What calls of an object wait for, one after the other.
 *
 * A process whose calls have waited outside the primary component makes casts in several total groups, and each of them
 * waits for the number of the one before it (`one-by-one.ts`): so the last of many calls waits for as many rounds, and so
 * does whoever waits for what its process is about to give back. And who stands in line for a lock waits for all before it.
 */
import { pushTo } from './collections.ts'
import type { Message, Process } from './model.ts'
import { isInTurn } from './one-by-one.ts'
import { derive, type Run } from './run.ts'

/**
 * In the last view of its process, and with no fault any more, a call is cast again only where one before it was lost: what
 * is behind that one comes too early once. Whatever is cast more often than that waits for something else.
 */
const TRIES_MAX = 2

/** A cast that carries a call, in the last view of its process. */
interface Carrier {
  readonly message: Message
  /** How often its call was cast before, there. */
  readonly tries: number
}

/**
 * When the last cast that carries a call of the object, at that process or, if null, at any, is settled (or the run ends): of
 * those that were made by `deadline`, had then not been sent, and have gone in their turn. Long ago if there is none.
 */
export function lastTurn(run: Run, { obj, by }: { obj: string; by: Process | null }, deadline: number): number {
  let last = Number.NEGATIVE_INFINITY
  for (const { message, tries } of derive(run, carriersOf).get(obj) ?? []) {
    const { cast, send, settles, sender } = message
    if ((by !== null && sender !== by) || tries >= TRIES_MAX) continue
    if (cast === null || cast.t > deadline || (send !== null && send.t <= deadline)) continue
    const end = settles[0]?.t ?? run.end.t
    if (end > last && isInTurn(run, message, end)) last = end
  }
  return last
}

/** Up to when a thing passes from hand to hand, with no more than so many ms between one time and the next, from there on. */
export function lastPass(run: Run, lock: string, { from, ms }: { from: number; ms: number }): number {
  let last = from
  for (const t of derive(run, passesOf).get(lock) ?? []) {
    if (t > last + ms) break
    last = Math.max(last, t)
  }
  return last
}

/** By lock: when it was granted to somebody, or given up, ascending. */
function passesOf(run: Run): Map<string, number[]> {
  const passes = new Map<string, number[]>()
  for (const { data, t } of [...run.of('grant'), ...run.of('release')]) pushTo(passes, data.lock, t)
  // Objects are held for one transaction at a time.
  for (const { data, t } of run.of('exec'))
    if (Array.isArray(data.body) && data.body[0] === 'end') pushTo(passes, 'deals/', t)
  for (const times of passes.values()) times.sort((a, b) => a - b)
  return passes
}

function carriersOf(run: Run): Map<string, Carrier[]> {
  const messages = new Map(run.messages.map((message) => [message.m, message]))
  const tries = new Map<string, number>()
  const carriers = new Map<string, Carrier[]>()
  for (const { data, process, t } of run.of('ask')) {
    const message = data.m === undefined ? undefined : messages.get(data.m)
    if (message === undefined || process === null || !run.isLive(process)) continue
    const settled = Math.max(run.quiet?.t ?? 0, run.last(process, run.space)?.at.t ?? 0)
    const key = `${data.p} ${data.obj} ${data.call.join(' ')}`
    const before = tries.get(key) ?? 0
    if (t > settled) tries.set(key, before + 1)
    pushTo(carriers, data.obj, { message, tries: before })
  }
  return carriers
}
