/**
 * What calls of an object wait for, one after the other.
 *
 * A process whose calls have waited outside the primary component makes casts in several total groups, and each of them
 * waits for the number of the one before it (`one-by-one.ts`): so the last of many calls waits for as many rounds, and so
 * does whoever waits for what its process is about to give back. And who stands in line for a lock waits for all before it;
 * if one of those has vanished, for its lease, which counts from the primary view without it.
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
 * those that were made by `deadline`, were then not settled, and have gone in their turn. Long ago if there is none.
 */
export function lastTurn(run: Run, { obj, by }: { obj: string; by: Process | null }, deadline: number): number {
  let last = Number.NEGATIVE_INFINITY
  for (const { message, tries } of derive(run, carriersOf).get(obj) ?? []) {
    const { cast, settles, sender } = message
    if ((by !== null && sender !== by) || tries >= TRIES_MAX) continue
    const end = settles[0]?.t ?? run.end.t
    if (cast === null || cast.t > deadline || end <= deadline) continue
    if (end > last && isInTurn(run, message, end)) last = end
  }
  return last
}

/**
 * Up to when a thing of an object passes from hand to hand, or is lost by who has vanished with it, with no more than so
 * many ms between one time and the next, from there on.
 */
export function lastPass(
  run: Run,
  { obj, name }: { obj: string; name: string },
  { from, ms }: { from: number; ms: number },
): number {
  let last = from
  const passes = derive(run, passesOf).get(`${obj}/${name}`) ?? []
  const losses = derive(run, lossesOf).get(obj) ?? []
  for (const t of [...passes, ...losses].sort((a, b) => a - b)) {
    if (t > last + ms) break
    last = Math.max(last, t)
  }
  return last
}

/**
 * By object: the views from which the leases of those counted whose holdings have ended by that, so that somebody who waited
 * was given something.
 */
function lossesOf(run: Run): Map<string, number[]> {
  const groups = new Map(run.groups.map((group) => [group.name, group]))
  const losses = new Map<string, number[]>()
  for (const { data } of run.of('exec')) {
    const { obj, op, since, deeds } = data
    if (op !== 'expire' || since === undefined || !deeds.some(({ answers = [] }) => answers.length > 0)) continue
    const t = groups.get(obj)?.views.get(since)?.installs[0]?.at.t
    if (t !== undefined) pushTo(losses, obj, t)
  }
  return losses
}

/** By lock: when it was granted to somebody, or given up. */
function passesOf(run: Run): Map<string, number[]> {
  const passes = new Map<string, number[]>()
  for (const { data, t } of [...run.of('grant'), ...run.of('release')]) pushTo(passes, data.lock, t)
  // Objects are held for one transaction at a time.
  for (const { data, t } of run.of('exec'))
    if (Array.isArray(data.body) && data.body[0] === 'end') pushTo(passes, 'deals/', t)
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
