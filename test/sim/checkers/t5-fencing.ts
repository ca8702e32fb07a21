/**
 * T5 Mutual exclusion with fencing, per lock or queue item.
 *
 * - A token has one holder. The tokens that a process is granted increase; so do those of all processes, except that
 *   one whose view of the space or of the group is behind may hear late of an older grant, and of grants that are shared they may hear in any order.
 * - Nobody is granted what another, who has been in its space views ever since it was granted that, still holds, `shared`
 *   grants apart.
 * - What accepts (a completion at each process, the guarded resource anywhere) never accepts a smaller token after a
 *   larger one.
 * - What somebody steals is taken from who has it, who may hear of its own grant, and of the theft, later.
 * - An item of one line has one accepted completion: all processes that report one report the same token. A line that took
 *   the place of another goes on from what that one had granted, and so may the other, so completions are compared within
 *   the line in which they are accepted, and at each process for as long as it has not lost its line.
 */

import type { TraceToken } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { Install, Located, Process } from './model.ts'
import { derive, isOlder, type Run } from './run.ts'
import { isStolenBetween } from './steals.ts'
import { compareTokens, sameToken } from './tokens.ts'

type Grant = Located<'grant'>
type Release = Located<'release'>

export const checker: Checker = {
  property: 'T5',
  check(run: Run): Result {
    const verdict = new Verdict('T5')
    const releases = new Map<string, Release[]>()
    for (const release of run.of('release')) pushTo(releases, release.data.lock, release)
    const grants = new Map<string, Grant[]>()
    for (const grant of run.of('grant')) pushTo(grants, grant.data.lock, grant)
    for (const [lock, list] of grants) {
      checkGrants(run, verdict, list)
      checkHolders(run, verdict, list, releases.get(lock) ?? [])
    }
    for (const [lock, list] of releases) checkCompletions(run, verdict, list, isItem(grants.get(lock) ?? []))
    checkWrites(run, verdict)
    return verdict
  },
}

function isItem(grants: readonly Grant[]): boolean {
  return grants.every(({ data }) => data.mode === undefined || data.mode === 'item')
}

function checkGrants(run: Run, verdict: Verdict, grants: readonly Grant[]): void {
  const own = new Map<Process, Grant>()
  const holders = new Map<string, Grant>()
  let highest: Grant | null = null
  for (const grant of grants) {
    const { data, process, line } = grant
    if (process === null) continue
    const key = data.token.join('|')
    const other = holders.get(key)
    verdict.expect(
      other === undefined || other.process === process,
      () => `${data.p} and ${other?.data.p} both hold "${data.lock}" with token ${key}`,
      line,
    )
    holders.set(key, grant)
    const last = own.get(process)
    own.set(process, grant)
    if (last !== undefined && isNotAbove(data.token, last.data.token)) {
      verdict.fail(`${data.p} is granted "${data.lock}" with token ${key} after ${last.data.token.join('|')}`, line)
    }
    const above: Grant | null = highest
    if (above === null || compareTokens(data.token, above.data.token) > 0 || data.token[0] !== above.data.token[0])
      highest = grant
    else if (
      above.process !== process &&
      !(above.data.mode === 'shared' && data.mode === 'shared') &&
      isNotAbove(data.token, above.data.token) &&
      !isBehind(grant.space, above.space) &&
      !isBehind(groupOf(run, grant), groupOf(run, above)) &&
      !isStolenBetween(run, data.lock, [data.token, above.data.token]) &&
      !isForgone(run, grant)
    ) {
      verdict.fail(
        `${data.p} is granted "${data.lock}" with token ${key} after ${above.data.p} with ${above.data.token.join('|')}`,
        line,
      )
    }
  }
}

/** Of one line, and not larger. Tokens of different lines have no order. */
function isNotAbove(token: TraceToken, other: TraceToken): boolean {
  return token[0] === other[0] && compareTokens(token, other) <= 0
}

function isBehind(a: Install | null, b: Install | null): boolean {
  return a !== null && b !== null && isOlder(a.view, b.view)
}

/** The view of the item's group that its taker is in. */
function groupOf(run: Run, { data: { lock }, process, line }: Grant): Install | null {
  const group = run.groups.find(({ name }) => name !== '' && lock.startsWith(`${name}/`))
  const installs = group === undefined ? undefined : process?.installs.get(group)
  return installs?.findLast(({ at }) => at.line < line) ?? null
}

/** Each grant finds the one before it given up, or its holder out of a space view since. */
function checkHolders(run: Run, verdict: Verdict, grants: readonly Grant[], releases: readonly Release[]): void {
  let before: Grant | null = null
  for (const grant of grants) {
    const held: Grant | null = before
    // Heard late, it is not the next one: whether it may be is judged by the tokens.
    if (held !== null && isNotAbove(grant.data.token, held.data.token)) continue
    before = grant
    if (held === null || held.process === null || grant.process === null || held.process === grant.process) continue
    if (held.data.mode === 'shared' || grant.data.mode === 'shared') continue
    if (isStolenBetween(run, grant.data.lock, [held.data.token, grant.data.token])) continue
    if (
      !isStillThere(held, grant) ||
      hasGone(run, held.process, { lock: held.data.lock, from: held.line, to: grant.line })
    )
      continue
    verdict.expect(
      isGivenUp(run, held, grant, releases),
      () => `${grant.data.p} is granted "${grant.data.lock}" while ${held.data.p}, which stays with it, holds it`,
      grant.line,
    )
  }
}

/** Is the holder in every space view of the next one, from that of its own grant on? Tokens of two lines have no order. */
function isStillThere(held: Grant, grant: Grant): boolean {
  const { process } = held
  if (process === null || held.data.token[0] !== grant.data.token[0]) return false
  for (let space = grant.space; space !== null; space = space.before) {
    if (!space.view.members.has(process.id)) return false
    if (space.view === held.space?.view) return true
  }
  return false
}

/** Had its taker's later opening of the object given it up when it was told? Then the next holder may have heard of both before. */
function isForgone(run: Run, { data: { lock, token }, line }: Grant): boolean {
  return run
    .of('release')
    .some(
      ({ data, line: at }) =>
        data.lock === lock &&
        (data as { readonly why?: unknown }).why === 'gone' &&
        at < line &&
        sameToken(data.token, token),
    )
}

interface Stretch {
  readonly lock: string
  readonly from: number
  readonly to: number
}

/** Crashed, or asked to leave the space or a group, or was seen to have left the group of the lock or died, in between. */
function hasGone(run: Run, process: Process, { lock, from, to }: Stretch): boolean {
  if ([process.crash, process.leave].some((end) => end !== null && end.line < to)) return true
  for (const leaves of process.leaves.values()) {
    if (leaves.some(({ line }) => line > from && line < to)) return true
  }
  // What is granted while its holder is about to leave the group ends with that.
  const group = lock.slice(0, lock.indexOf('/'))
  const joins = process.joins.get(group) ?? []
  const last = process.leaves.get(group)?.findLast(({ line }) => line < from)
  if (last !== undefined && !joins.some(({ line }) => line > last.line && line < from)) return true
  const seen = derive(run, departuresOf).get(`${group} ${process.id}`) ?? []
  return seen.some((line) => line > from && line < to)
}

/** By group and process: the lines of the views that tell that it left or died. */
function departuresOf(run: Run): Map<string, number[]> {
  const departures = new Map<string, number[]>()
  for (const { at, data } of run.installs)
    for (const id of [...(data.left ?? []), ...(data.dead ?? [])]) pushTo(departures, `${data.g} ${id}`, at.line)
  return departures
}

/**
 * Released before the grant; or, since the holder's application may learn of its own release after the next holder's,
 * later in the file but through a cast that the next holder had delivered.
 */
function isGivenUp(run: Run, held: Grant, grant: Grant, releases: readonly Release[]): boolean {
  const release = releases.find(({ data }) => data.ok !== false && sameToken(data.token, held.data.token))
  if (release === undefined) return false
  if (release.line < grant.line) return true
  return run.messages.some(({ sender, cast, index }) => {
    if (sender !== held.process || cast === null || cast.line < held.line || cast.line > release.line) return false
    const delivered = grant.process?.deliveredAt[index] ?? 0
    return delivered > 0 && delivered < grant.line
  })
}

function checkCompletions(run: Run, verdict: Verdict, releases: readonly Release[], item: boolean): void {
  const highest = new Map<Process, Release>()
  /** By the line in which they were accepted. */
  const accepted = new Map<string | null, Release>()
  for (const release of releases) {
    const { data, process, line } = release
    if (process === null || data.ok !== true) continue
    verdict.checked++
    const last = highest.get(process)
    const isOneHistory = last !== undefined && !hasChangedSides(run, last, release)
    if (isOneHistory && data.token[0] === last.data.token[0] && compareTokens(data.token, last.data.token) < 0) {
      verdict.fail(
        `"${data.lock}" accepts token ${data.token.join('|')} after ${last.data.token.join('|')} at ${data.p}`,
        line,
      )
    } else highest.set(process, release)
    const within = release.space?.data.line ?? null
    const others = [accepted.get(within), isOneHistory ? last : undefined]
    if (!accepted.has(within)) accepted.set(within, release)
    const other = others.find(
      (each) => each !== undefined && each.data.token[0] === data.token[0] && !sameToken(each.data.token, data.token),
    )
    if (item && other !== undefined) {
      verdict.fail(
        `item "${data.lock}" is completed with token ${data.token.join('|')} at ${data.p} and with ${other.data.token.join('|')} at ${other.data.p}`,
        line,
      )
    }
  }
}

/** Has the process lost its line between the two? Then it has taken the other's history for its own. */
function hasChangedSides(run: Run, from: Release, to: Release): boolean {
  if (from.space?.data.line === to.space?.data.line) return false
  return run.of('lineLost').some(({ process, line }) => process === to.process && from.line < line && line < to.line)
}

function checkWrites(run: Run, verdict: Verdict): void {
  const highest = new Map<string, TraceToken>()
  for (const { data, line } of run.of('write')) {
    if (!data.ok) continue
    const key = `${data.token[0]}|${data.lock}`
    const last = highest.get(key)
    verdict.expect(
      last === undefined || compareTokens(data.token, last) >= 0,
      () => `what "${data.lock}" guards accepts token ${data.token.join('|')} after ${last?.join('|')}`,
      line,
    )
    if (last === undefined || compareTokens(data.token, last) > 0) highest.set(key, data.token)
  }
}
