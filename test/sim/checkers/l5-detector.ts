/**
 * L5 Detector completeness and accuracy: nobody keeps a crashed process in its view for longer than `tDetect`, counted
 * from the crash if nothing else happens to the world meanwhile, else from the quiet line; and no view excludes a process
 * without a cause, which is over for `tDetect` at most. Causes are that the process, the view's coordinator or whoever
 * installs it was frozen or skewed, or said that it was about to be, or that its application lagged, or that the process was cut off, or its path was reset, slow or stopped for more than a moment, or a frame on it drawn that late, from anybody in the view. A
 * merge that its leader did not live or stay to tell everybody of excuses the next view from having those who never heard
 * of it; one of whose members died or left before it was in it, or whose members were away or did not get through to each
 * other for longer than a promise to it binds, excuses the next view from having those who have been in another view meanwhile; and
 * so it excuses a view whom its members had promised to be in besides, and were not, as that merge came after all.
 * The number of exclusions of live processes is reported as `falseExclusions`, of whatever cause.
 */

import type { LineOf } from '../../../lib/testing/trace.ts'
import { parseViewId } from '../../../lib/testing/trace-names.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { At, Install, Located, Process, View } from './model.ts'
import { type Rest, restOf } from './rest.ts'
import { isOlder, type Run } from './run.ts'

export const checker: Checker = {
  property: 'L5',
  check(run: Run): Result {
    const verdict = new Verdict('L5')
    const falseExclusions = checkAccuracy(run, verdict)
    const rest = restOf(run)
    if (rest !== null) {
      const faults = faultTimes(run)
      for (const crashed of run.processes)
        if (crashed.crash !== null) checkDetected(run, verdict, rest, { crashed, faults })
    }
    return { checked: verdict.checked, violations: verdict.violations, metrics: { falseExclusions } }
  },
}

const FAULTS = ['crash', 'freeze', 'thaw', 'lose', 'skew', 'cut', 'heal', 'slow'] as const

function faultTimes(run: Run): number[] {
  return FAULTS.flatMap((fault) => run.of(fault).map(({ t }) => t))
}

/** A path that is slow or stopped for no longer is no reason to believe anybody gone. */
const BRIEF_MS = 1_000

/** For so long it binds whoever has said READY for a view; then it may give its row for another one. */
const PROMISE_MS = 1_000

/** Whoever has said that it is about to be frozen is silent for so long, if it is not. */
const SAID_MS = 2_500

interface Crash {
  readonly crashed: Process
  readonly faults: readonly number[]
}

function checkDetected(run: Run, verdict: Verdict, { quiet, end, bounds }: Rest, { crashed, faults }: Crash): void {
  const crash = crashed.crash
  if (crash === null) return
  const near = faults.filter((t) => t > crash.t - bounds.tDetect && t < crash.t + bounds.tDetect).length
  const stalls = run.of('stall').filter(({ t, data }) => t < crash.t + bounds.tDetect && t + data.ms > crash.t)
  for (const process of run.processes) {
    if (!run.isLive(process) || process.part < 0) continue
    // The crash itself is one of the faults near it. Who is blocked, or was frozen long before (seed 175524), shows nothing.
    const isBlocked = stalls.some(({ data }) => data.q === process.id) || isFrozen(process, crash.t, bounds.tDetect)
    const isAtOnce = near <= 1 && !isBlocked
    const deadline = (isAtOnce ? crash.t : Math.max(crash.t, quiet.t)) + bounds.tDetect
    if (deadline > end.t) continue
    const install = run.spaceAt(process, deadline)
    if (install === null) continue
    verdict.expect(
      !install.view.members.has(crashed.id),
      () =>
        `${process.id} still has ${crashed.id} in view ${install.view.id}, ${bounds.tDetect} ms after it crashed or the network came to rest`,
      install.at.line,
    )
    const last = run.last(process, run.space)
    if (last !== null && last !== install && last.view.members.has(crashed.id)) {
      verdict.fail(`${process.id} ends in view ${last.view.id} with ${crashed.id}, which crashed`, last.at.line)
    }
  }
}

/** Is it frozen at some time of so many ms from then on? */
function isFrozen({ frozen }: Process, t: number, ms: number): boolean {
  return frozen.some(({ from, to }) => from.t < t + ms && (to === null || to.t > t))
}

/** Counts exclusions of live processes; those without any excuse are violations. */
function checkAccuracy(run: Run, verdict: Verdict): number {
  const excuses = new Excuses(run)
  const installs = run.of('install')
  let count = 0
  for (const install of run.installs) {
    if (install.view.group !== run.space || install.before === null) continue
    for (const id of excluded(install)) {
      const other = run.process(id)
      if (other === undefined || isBefore(other.crash, install) || isBefore(other.leave, install)) continue
      const left = install.before.view
      const { line, t } = kernelAt(installs, install)
      const theirs = currentOf(run, other, line)
      const wasThere = left.installs.some(({ process, at }) => process === other && at.line < line)
      // It has gone on without this process, or another that comes along here: its own view is judged for that.
      const hasNewer = theirs !== undefined && isOlder(left, theirs.view)
      const wentPast = hasNewer && hasLeftBehind(run, other, { process: install.process, line })
      if ((wasThere || wentPast) && !hasAll(membersAt(run, other, line), install)) continue
      count++
      verdict.expect(
        excuses.has(install, t, other, wasThere ? [] : [parseViewId(left.id).coordinator]) ||
          (!wasThere && hasNewer && excuses.wasHeldUp(left, t)) ||
          (!wasThere && hasNewer && excuses.wasApart(left.members, waitedFor(run, other, left))) ||
          (!wasThere && goneBackTo(run, other, left).some(({ members, span }) => excuses.wasApart(members, span))),
        () => `${install.process.id} excludes ${id} in view ${install.view.id}, though nothing happened to them`,
        install.at.line,
      )
    }
  }
  return count
}

/** Where the kernel installed that view, of which an application that lags or is paused may hear much later (seed 20181 of lag, 24053). */
function kernelAt(installs: readonly Located<'install'>[], { process, view, at }: Install): At {
  return (
    installs.findLast((each) => each.process === process && each.line < at.line && each.data.view === view.id) ?? at
  )
}

function excluded({ before, view, data }: Install): string[] {
  const gone = new Set([...(data.left ?? []), ...(data.dead ?? [])])
  return [...(before?.view.members ?? [])].filter((id) => !view.members.has(id) && !gone.has(id))
}

/** Has it, before that line, gone from a view with the one who installs to one without it? */
function hasLeftBehind(run: Run, other: Process, { process, line }: { process: Process; line: number }): boolean {
  const installs = other.installs.get(run.space) ?? []
  return installs.some(({ before, view, at }) => {
    return at.line < line && before?.view.members.has(process.id) === true && !view.members.has(process.id)
  })
}

/** From when to when that process waited in vain for a view that it had said READY for; null if its promise bound it till then. */
function waitedFor(run: Run, process: Process, view: View): Span | null {
  const from = run.of('ready').find((ready) => ready.process === process && ready.data.view === view.id)?.t
  const to = run.of('install').find(({ data }) => data.view === view.id)?.t
  return from === undefined || to === undefined || to - from <= PROMISE_MS ? null : { from, to }
}

/**
 * The views that it installed after it had said READY for that one, though it had promised them before, with how long it
 * had waited for them by then: they came after all (seed 850509).
 */
function goneBackTo(run: Run, process: Process, view: View): { members: ReadonlySet<string>; span: Span }[] {
  const readies = run.of('ready').filter((ready) => ready.process === process)
  const late = readies.find(({ data }) => data.view === view.id)
  if (late === undefined) return []
  const installs = run.of('install').filter((each) => each.process === process && each.line > late.line)
  return readies.flatMap(({ line, t, data }) => {
    const install = installs.find((each) => each.data.view === data.view)
    if (install === undefined || line >= late.line || late.t - t <= PROMISE_MS) return []
    return [{ members: new Set(install.data.members), span: { from: t, to: late.t } }]
  })
}

/** Has that view all who come along from the view that this install leaves? */
function hasAll(members: ReadonlySet<string> | undefined, { process, view, before }: Install): boolean {
  if (members?.has(process.id) !== true) return false
  return [...view.members].every((id) => members.has(id) || before?.view.members.has(id) !== true)
}

/** Those in the space view that a process was in at that line, though its application may hear of it later. */
function membersAt(run: Run, process: Process, line: number): ReadonlySet<string> | undefined {
  const last = run.of('install').findLast((install) => install.process === process && install.line < line)
  return last === undefined ? currentOf(run, process, line)?.view.members : new Set(last.data.members)
}

/** The space install in force at a process at that line. */
function currentOf(run: Run, process: Process, line: number): Install | undefined {
  return process.installs.get(run.space)?.findLast(({ at }) => at.line < line)
}

function isBefore(at: { readonly line: number } | null, install: Install): boolean {
  return at !== null && at.line < install.at.line
}

/** From when to when something was the matter, in virtual ms. */
interface Span {
  readonly from: number
  to: number
}

/** What was done to processes and pairs, and when; each may show in views until `grace` ms after it is over. */
class Excuses {
  readonly #grace: number
  readonly #away = new Map<string, Span[]>()
  /** Crashed or asked to leave, from that time on. */
  readonly #gone = new Map<string, Span>()
  readonly #links: { readonly ends: readonly string[]; readonly span: Span }[] = []
  readonly #splits: { readonly partOf: ReadonlyMap<string, number>; readonly span: Span }[] = []
  /** Something is done to the network as a whole. */
  readonly #all: Span[] = []

  constructor(run: Run) {
    this.#grace = run.bounds?.tDetect ?? 0
    for (const { id, frozen, crash, leave } of run.processes) {
      for (const { from, to } of frozen) pushTo(this.#away, id, { from: from.t, to: to?.t ?? Number.POSITIVE_INFINITY })
      const gone = Math.min(crash?.t ?? Number.POSITIVE_INFINITY, leave?.t ?? Number.POSITIVE_INFINITY)
      if (gone < Number.POSITIVE_INFINITY) this.#gone.set(id, { from: gone, to: gone })
    }
    const resumed = run.of('resume')
    for (const { process, t, line, data } of run.of('suspend')) {
      if (process === null) continue
      const end = resumed.find((each) => each.process === process && each.line > line && data.lagging === true)
      const to = data.lagging === true ? (end?.t ?? Number.POSITIVE_INFINITY) : t + SAID_MS
      pushTo(this.#away, process.id, { from: t, to })
    }
    for (const { data, t } of run.of('skew')) pushTo(this.#away, data.q, { from: t, to: Number.POSITIVE_INFINITY })
    for (const { data, t } of run.of('slow')) {
      const { ms } = data
      if (ms === undefined || ms > BRIEF_MS) this.#note(data, { from: t, to: t + (ms ?? 0) })
    }
    // A frame that was drawn late holds up what is behind it on its channel, too (plan l5-1908).
    for (const { data, t } of run.of('late')) if (data.ms > BRIEF_MS) this.#note(data, { from: t, to: t + data.ms })
    let cut: Span | null = null
    for (const { data, t } of [...run.of('cut'), ...run.of('heal')].sort((a, b) => a.line - b.line)) {
      if (cut !== null) cut.to = t
      cut = data.e === 'cut' ? { from: t, to: Number.POSITIVE_INFINITY } : null
      if (data.e === 'cut' && cut !== null) this.#note(data, cut)
    }
  }

  /** A view is of all its members: whoever is cut off from one of them cannot be in it. */
  has({ process, view }: Install, t: number, other: Process, leaders: readonly string[]): boolean {
    const isNear = ({ from, to }: Span): boolean => from <= t && t <= to + this.#grace
    const { coordinator } = parseViewId(view.id)
    if (this.#all.some(isNear)) return true
    if ([process.id, coordinator, other.id, ...leaders].some((id) => this.#away.get(id)?.some(isNear))) return true
    if (leaders.some((id) => isNear(this.#gone.get(id) ?? NEVER))) return true
    const all = new Set([...view.members, ...leaders])
    all.delete(other.id)
    const isLinked = ([a, b]: readonly string[]): boolean =>
      a === other.id ? all.has(b ?? '') : b === other.id && all.has(a ?? '')
    if (this.#links.some(({ ends, span }) => isNear(span) && isLinked(ends))) return true
    return this.#splits.some(({ partOf, span }) => isNear(span) && isApart(partOf, other.id, all))
  }

  /**
   * Did somebody die or leave on the way into that view? Until that is found out, nobody gets there, and what the others
   * have promised to its leader binds them for a shorter time (seed 30043).
   */
  wasHeldUp({ members, installs }: View, t: number): boolean {
    const there = new Set(installs.map(({ process }) => process.id))
    return [...members].some((id) => {
      const gone = there.has(id) ? undefined : this.#gone.get(id)
      return gone !== undefined && gone.from <= t && t <= gone.to + this.#grace
    })
  }

  /**
   * Did some of those not get through to each other in that time, or was one of them away? What a flush waits for is on
   * such a path, or is theirs to say (seed 163379), and the others have kept their promise as long as it binds them (seed
   * 1187).
   */
  wasApart(members: ReadonlySet<string>, waited: Span | null): boolean {
    if (waited === null) return false
    const isThen = ({ from, to }: Span): boolean => from <= waited.to && waited.from <= to
    if (this.#links.some(({ ends, span }) => isThen(span) && ends.every((id) => members.has(id)))) return true
    if ([...members].some((id) => this.#away.get(id)?.some(isThen))) return true
    return this.#splits.some(({ partOf, span }) => {
      const parts = [...members].flatMap((id) => partOf.get(id) ?? [])
      return isThen(span) && parts.some((part) => part !== parts[0])
    })
  }

  #note({ parts, links }: Pick<LineOf<'cut' | 'slow'>, 'parts' | 'links'>, span: Span): void {
    for (const ends of links ?? []) this.#links.push({ ends, span })
    if (parts !== undefined) {
      const partOf = new Map(parts.flatMap((part, index) => part.map((id): [string, number] => [id, index])))
      this.#splits.push({ partOf, span })
    } else if (links === undefined) this.#all.push(span)
  }
}

const NEVER: Span = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY }

/** Is it in another part than one of them? Who was not there when the network was split is in no part. */
function isApart(partOf: ReadonlyMap<string, number>, id: string, others: ReadonlySet<string>): boolean {
  const own = partOf.get(id)
  return own !== undefined && [...others].some((other) => (partOf.get(other) ?? own) !== own)
}
