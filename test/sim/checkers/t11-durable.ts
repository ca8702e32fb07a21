/**
 * T11 What was said to be durable comes back. Each process puts numbered elements into objects, which show what they have.
 *
 * Nothing is invented: an object shows what was put into it, once. It comes back with no half state: of an available object, a
 * process's elements without a gap, and, where its order is causal, with each what that process had seen when it put it there,
 * unless somebody has shown such a half before, or it was no part of what came back, but was cast to it since (seed 82057). And
 * it does not go back at a process, unless that is told (`anew`, `lineLost`, `refound`).
 *
 * An available object shows, from when it may be used, all that was said to be durable to a process of the same store that
 * was gone when it was opened; if that one was only going, it does at rest; so it does if somebody else used the store before
 * it had read that, who may have taken it over, and with whom it ends in one view. A consistent one that acts shows all that was
 * said to be durable to anybody before its process started, whoever is back (`consistent-claims.ts` has what excuses it).
 *
 * Nobody is told that a record has changed of whose store none was torn.
 *
 * At rest no object waits, and each question whether all is durable has been answered. What was lost with its store was not
 * durable, and who was told that its store cannot be read is not judged.
 */
import type { TraceElements } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import { ConsistentClaims } from './consistent-claims.ts'
import { type Claim, Claims, lacks } from './durable-claims.ts'
import type { Located, Message, Process } from './model.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

/** Whoever is only going when an object is opened is looked for once more, so long after, in ms. */
const LOOK_AGAIN_MS = 3_000
/** What cannot be read, whatever is there. */
const UNREAD = new Set(['denied', 'lost', 'blocked', 'unknown'])

export const checker: Checker = {
  property: 'T11',
  check(run: Run): Result {
    const verdict = new Verdict('T11')
    const stores = new Map(
      run.of('start').flatMap(({ data }) => (data.store === undefined ? [] : [[data.p, data.store]])),
    )
    if (stores.size === 0) return verdict
    const claims = new Claims(run, stores)
    const shown = shownIn(run)
    checkElements(run, verdict, shown)
    checkBack(run, verdict, shown)
    checkAvailable(run, verdict, { shown, claims })
    new ConsistentClaims(run, verdict, claims).check(shown)
    checkTold(run, verdict, stores)
    checkRest(run, verdict, shown)
    return verdict
  },
}

/** What an object shows at a process, at a line. */
export interface Shown {
  readonly line: number
  readonly t: number
  readonly process: Process
  /** Of the space, in force there. */
  readonly space: Located<'holds'>['space']
  readonly g: string
  readonly has: TraceElements
  readonly acts: boolean
  /** The line itself; null: a `put`, which shows what was there before it. */
  readonly holds: Located<'holds'>['data'] | null
}

function shownIn(run: Run): Shown[] {
  const shown: Shown[] = []
  for (const { data, process, space, line, t } of run.of('holds'))
    if (process !== null)
      shown.push({ line, t, process, space, g: data.g, has: data.has, acts: data.acts, holds: data })
  for (const { data, process, space, line, t } of run.of('put'))
    if (process !== null)
      shown.push({ line, t, process, space, g: data.g, has: data.seen, acts: data.acts, holds: null })
  return shown.sort((a, b) => a.line - b.line)
}

/** Nothing is invented, nothing is there twice; and what is read back is no half of what belongs together. */
function checkElements(run: Run, verdict: Verdict, shown: readonly Shown[]): void {
  const puts = new Map<string, Located<'put'>[]>()
  for (const put of run.of('put')) pushTo(puts, `${put.data.g} ${put.data.p}`, put)
  const options = new Map(run.groups.map(({ name, options }) => [name, options]))
  const halves = new Set<string>()
  const read = new Set<string>()
  for (const now of shown) {
    const { g, has, holds, process, acts, line } = now
    const { consistency, order } = options.get(g) ?? {}
    const where = (): string => `${process.id}'s "${g}"`
    if (holds?.twice !== undefined) verdict.fail(`${where()} shows ${holds.twice.join()} twice`, line)
    const gaps = new Map((holds?.more ?? []).map((element) => [element, 'what was put there before']))
    for (const [author, k] of Object.entries(has)) {
      const put = puts.get(`${g} ${author}`)?.[k - 1]
      const isPut = put !== undefined && put.line < line
      verdict.expect(isPut, () => `${where()} shows ${author}.${k}, which nobody put there`, line)
      const lack = order === 'fifo' || put === undefined ? null : lacks(has, put.data.seen)
      if (lack !== null) gaps.set(`${author}.${k}`, `${lack}, which ${author} had seen`)
    }
    const isRead = acts && consistency === 'available' && !read.has(`${process.id} ${g}`)
    if (acts) read.add(`${process.id} ${g}`)
    for (const [element, what] of gaps) {
      // Whoever was cut off before the states of two parts were united has such a half, and may have stored that.
      if (isRead && isAlone(run, now) && !halves.has(`${g} ${element}`) && !wasCast(run, now, puts, element))
        verdict.fail(`${where()} comes back with ${element}, and not with ${what}`, line)
      halves.add(`${g} ${element}`)
    }
  }
}

/** Was that element cast to this process by then? The cast of an element is written down right before it. */
function wasCast(
  run: Run,
  { process, g, line }: Shown,
  puts: ReadonlyMap<string, readonly Located<'put'>[]>,
  element: string,
): boolean {
  const [author = '', k] = element.split('.')
  const before = puts.get(`${g} ${author}`)?.[Number(k) - 2]?.line ?? 0
  const put = puts.get(`${g} ${author}`)?.[Number(k) - 1]?.line ?? 0
  const isMeant = ({ sender, group, cast }: Message): boolean =>
    sender.id === author && group?.name === g && cast !== null && cast.line > before && cast.line < put
  const delivered = run.messages.findLast(isMeant)?.deliveries ?? []
  return delivered.some((each) => each.process === process && each.at.line < line)
}

/** Is it the only one in its view of the object? */
function isAlone(run: Run, { process, g, line }: Shown): boolean {
  const group = run.groups.find(({ name }) => name === g)
  const installs = (group && process.installs.get(group)) ?? []
  return (installs.findLast(({ at }) => at.line < line)?.view.members.size ?? 1) === 1
}

/** At a process an object never has less than before, unless that is told. */
function checkBack(run: Run, verdict: Verdict, shown: readonly Shown[]): void {
  const options = new Map(run.groups.map(({ name, options }) => [name, options]))
  const told = run.of('refound').map(({ line }) => line)
  const lost = new Map<Process, number[]>()
  for (const each of [...run.of('lineLost'), ...run.of('anew')])
    if (each.process !== null) pushTo(lost, each.process, each.line)
  const before = new Map<string, Shown>()
  for (const now of shown) {
    const { process, g, line } = now
    const isAvailable = options.get(g)?.consistency === 'available'
    if (!now.acts) continue
    const key = `${process.id} ${g}`
    const last = before.get(key)
    before.set(key, now)
    if (last === undefined) continue
    const lines = isAvailable ? [] : [...told, ...(lost.get(process) ?? [])]
    if (lines.some((each) => each > last.line && each < line)) continue
    const lack = lacks(now.has, last.has)
    verdict.expect(lack === null, () => `${process.id}'s "${g}" has lost ${lack}, which it has shown before`, line)
  }
}

function checkAvailable(
  run: Run,
  verdict: Verdict,
  { shown, claims }: { readonly shown: readonly Shown[]; readonly claims: Claims },
): void {
  const options = new Map(run.groups.map(({ name, options }) => [name, options]))
  const opened = new Map(run.of('group').map(({ data, line, t }) => [`${data.p} ${data.g}`, { line, t }]))
  const unread = new Set(run.of('storage').flatMap(({ data }) => (UNREAD.has(data.reason) ? [data.p] : [])))
  const last = new Map(shown.map((each) => [`${each.process.id} ${each.g}`, each]))
  const wanted = new Map<string, readonly Claim[]>()
  for (const now of shown) {
    const { g, process, has, acts, line } = now
    if (options.get(g)?.consistency !== 'available' || !acts || unread.has(process.id)) continue
    const key = `${process.id} ${g}`
    const open = opened.get(key)
    if (open === undefined) continue
    const own = getOrMake(wanted, key, () => claims.found(process, g, open))
    // It joins once it has read what is there: until then others may take it over (seeds 82098, 83049).
    const read = process.joins.get(g)?.[0]?.line ?? open.line
    const isLate = last.get(key) === now && now.t - open.t > 4 * LOOK_AGAIN_MS
    for (const claim of own) {
      const kin = claims.kin(process, open.line).filter((id) => id !== claim.process.id && isOlder(run, id, read))
      const isThere = claim.goneAt.line < open.line && kin.length === 0
      const isGoing = claim.goneAt.t < open.t + LOOK_AGAIN_MS - 100 && kin.every((id) => isWith(run, now, id))
      if (!isThere && !(isLate && isGoing)) continue
      const lack = lacks(has, claim.has)
      verdict.expect(
        lack === null,
        () => `${process.id}'s "${g}" lacks ${lack}, which was durable in its store, as ${claim.process.id} was told`,
        line,
      )
    }
  }
}

function isOlder(run: Run, id: string, line: number): boolean {
  return (run.process(id)?.start?.line ?? line) < line
}

/** Are the two in one view of the object, at last? */
function isWith(run: Run, { process, g }: Shown, id: string): boolean {
  const group = run.groups.find(({ name }) => name === g)
  return group !== undefined && run.last(process, group)?.view.members.has(id) === true
}

/** What was stored is broken only where a record was torn; what others take over meanwhile is not (seeds 82098, 83049). */
function checkTold(run: Run, verdict: Verdict, stores: ReadonlyMap<string, string>): void {
  const torn = run.of('torn').map(({ data, line }) => ({ store: stores.get(data.q), line }))
  for (const { data, line } of run.of('storage')) {
    if (data.reason !== 'corrupt') continue
    const isTorn = torn.some((each) => each.store === stores.get(data.p) && each.line < line)
    verdict.expect(isTorn, () => `${data.p} is told that a record of "${data.g}" has changed, and none was torn`, line)
  }
}

/** At rest everything goes on, and every question is answered. */
function checkRest(run: Run, verdict: Verdict, shown: readonly Shown[]): void {
  const rest = restOf(run)
  if (rest === null) return
  const { tJoin, tSettle } = rest.bounds
  const last = new Map<string, Shown>()
  for (const each of shown) if (each.holds !== null) last.set(`${each.process.id} ${each.g}`, each)
  for (const { process, g, acts, holds } of last.values()) {
    const from = Math.max(rest.quiet.t, process.start?.t ?? 0)
    if (!isAtRest(run, process) || from + tJoin > rest.end.t || endsWaiting(run, process, g)) continue
    const waits = holds?.waits?.join() || 'nobody'
    verdict.expect(acts, () => `${process.id}'s "${g}" is of no use at rest; it waits for ${waits}`, rest.end.line)
  }
  const answered = new Set(run.of('durable').map(({ data }) => `${data.p} ${data.id}`))
  for (const { data, process, t, line } of run.of('sync')) {
    if (process === null || !isAtRest(run, process) || Math.max(t, rest.quiet.t) + tSettle > rest.end.t) continue
    verdict.expect(answered.has(`${data.p} ${data.id}`), () => `${data.p} is never told whether all is durable`, line)
  }
}
