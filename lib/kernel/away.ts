/**
 * Away: members that said that they are about to be frozen, and what this process knows of its own sleep.
 *
 * Protocol: SUSPEND to everybody, in the step in which the host says that it may be the last one. A suspended member is in
 *   no view that is proposed from then on (membership.ts), which is proposed at once if the member has a role or holds
 *   something up (`Kernel.press`). The rows name who is away; the view tells what all of them together say. RESUME, or a
 *   heartbeat, ends it. A process that may have slept, since it said so or since its clock shows a gap, is *fenced*: it
 *   casts nothing and has no lease until every other member has answered a heartbeat from within the view, or there is
 *   another view. If there is one because it slept, that view says so.
 *   A process is *lagging* whose application has consumed nothing for `lagMs` although its backlog is full and somebody
 *   has used up what it was granted: it suspends itself, is silent and takes part in nothing new, until the application
 *   has caught up with half of it; then it goes on as one that slept.
 * Requires: the detector; rows that reach everybody who installs.
 * Provides: S9; of S4, that `away` is agreed on. Bounds: `awayMax` names, `awayForMs` each.
 * Source: Lifeguard's local health, taken to the end: whoever may have been away suspects itself before others. Spread's
 *   clients are killed when 1000 messages queue for them; demoting is what its users asked for.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import type { Detector } from './detector.ts'
import type { Era } from './era.ts'
import type { AwayRow, Row } from './frame.ts'
import { type Absences, agreedDeparted } from './gone.ts'
import { compareViewIds, viewIdOf } from './ids.ts'
import type { Limits } from './limits.ts'
import type { Flush } from './membership.ts'

/** Somebody who is away. */
interface Known extends AwayRow {
  readonly since: ViewId
}

/** Who is away in the new view: from the rows alone, so the same at everyone. Those who went first are in front. */
export function uniteAway(
  rows: readonly Row[],
  present: ReadonlySet<ProcessId>,
  view: ViewId,
  limits: Limits,
): Known[] {
  const departed = agreedDeparted(rows)
  const united = new Map<ProcessId, Known>()
  for (const row of rows) {
    for (const told of row.away) {
      if (present.has(told.id) || departed.has(told.id) || told.forMs > limits.awayForMs) continue
      const entry: Known = { ...told, since: told.since ?? view }
      const known = united.get(entry.id)
      if (known === undefined || compareKnown(known, entry) < 0) united.set(entry.id, entry)
    }
  }
  return [...united.values()].sort((a, b) => compareKnown(a, b) || a.rank - b.rank).slice(-limits.awayMax)
}

/** By when they went; of one view, whoever is said to have been away for longer comes later. */
function compareKnown(a: Known, b: Known): number {
  return compareViewIds(a.since, b.since) || a.forMs - b.forMs
}

/** What the rows of a flush say to one of those who install. */
export function absencesOf(flush: Flush, { self, limits }: Core): Absences {
  const { rows, part, parts, ballot } = flush
  const present = new Set(parts.flatMap(({ members }) => members))
  const away = uniteAway(rows, present, viewIdOf(ballot), limits)
  const ownRows = rows.filter(({ from }) => part.members.includes(from))
  const isAsleep = ownRows.every(({ from, away }) => away.some(({ id, since }) => id === from && since === null))
  const own = rows.find(({ from }) => from === self)?.away.find(({ id }) => id === self)
  return {
    away: away.map(({ id, name, origin, rank, since }) => ({ id, name, origin, rank, since })),
    isAsleep,
    wasAwayMs: own !== undefined && (isAsleep || parts.length > 1) ? own.forMs : 0,
  }
}

/** The own sleep. */
interface Sleep {
  readonly from: number
  /** Null while it may go on. */
  readonly until: number | null
  /** The view in which it began, if that is over. */
  readonly view: ViewId | null
}

/** One process's account of who is away, and of its own sleep. */
export class Away {
  private readonly core: Core
  private readonly detector: Detector
  /** For how long those who are away have been so when the view began, and when that was. */
  private known: ReadonlyMap<ProcessId, number> = new Map()
  private knownAt = 0
  /** When it said that it is about to be frozen. */
  private suspendedAt = Number.NaN
  /** Since when it must hear that its view stands. */
  private fencedAt = Number.NaN
  private sleep: Sleep | null = null
  /** Since when the application has consumed nothing, the backlog being full and somebody held up by it. */
  private stuckSince = Number.NaN
  /** It holds others up no longer, and waits for its application. */
  isLagging = false
  /** By suspended member: who was told that it holds something up, and when. */
  private readonly told: Map<ProcessId, { readonly coordinator: ProcessId; readonly at: number }> = new Map()

  constructor(core: Core, detector: Detector) {
    this.core = core
    this.detector = detector
  }

  /** Has it said that it is about to be frozen, and may be any moment? */
  get isSilent(): boolean {
    return !Number.isNaN(this.suspendedAt)
  }

  /** Is somebody named in the view as away who has left or died meanwhile? */
  get hasDeparted(): boolean {
    const { era, departed } = this.core
    return era.view.away.some(({ id }) => departed.has(id))
  }

  /** The application's command: this may be the last step for long. */
  suspend(): void {
    if (!this.isSilent) this.fallSilent(this.core.now)
  }

  /** @param from since when it has been away, as its application will see it. */
  private fallSilent(from: number): void {
    const { core } = this
    this.suspendedAt = core.now
    this.sleep = { from, until: null, view: null }
    this.fence()
    core.trace(this.isLagging ? { e: 'suspend', lagging: true } : { e: 'suspend' })
    for (const link of core.links.values()) if (link.isOpen) link.messages.push({ k: 'suspend' })
  }

  /** The application's command, or a gap in the clock: it is over. If it lags, only what the application does tells that. */
  resume(): void {
    const { core } = this
    if (!this.isSilent || this.isLagging) return
    this.suspendedAt = Number.NaN
    this.sleep = { from: this.sleep?.from ?? core.now, until: core.now, view: this.sleep?.view ?? null }
    core.trace({ e: 'resume' })
    if (core.isFenced) this.fence()
    for (const link of core.links.values()) if (link.isOpen) link.messages.push({ k: 'resume' })
    this.detector.beatNow()
  }

  /** The clock shows a gap: so long it did not run. */
  woke(gap: number): void {
    const { now } = this.core
    // The application could not consume either.
    this.stuckSince = Number.NaN
    if (this.isSilent) this.resume()
    else if (this.detector.isSleep(gap)) {
      this.sleep = { from: this.sleep?.from ?? now - gap, until: now, view: this.sleep?.view ?? null }
      this.fence()
      this.detector.beatNow()
    }
  }

  /** It still runs: then it was not frozen. */
  notice(): void {
    if (this.isSilent && this.core.now - this.suspendedAt >= this.core.limits.suspendingMs) this.resume()
  }

  /** The backlog is full. A flush is waited for: it takes no more than others do. */
  watchBacklog(): void {
    const { core } = this
    const { now, era, links } = core
    if (this.isSilent || era.isClosed) return
    let isWaitedFor = false
    for (const { rank, isExhausted } of links.values()) if (rank >= 0 && isExhausted) isWaitedFor = true
    if (!isWaitedFor) this.stuckSince = Number.NaN
    else if (Number.isNaN(this.stuckSince)) this.stuckSince = now
    else if (now - this.stuckSince >= core.limits.lagMs) {
      this.isLagging = true
      this.fallSilent(this.stuckSince)
    }
  }

  /** The application has consumed something. True if it lagged, and does no longer. */
  hasCaughtUp(): boolean {
    const { backlogBytes, limits } = this.core
    this.stuckSince = Number.NaN
    if (!this.isLagging || backlogBytes > limits.backlogBytesMax / 2) return false
    this.isLagging = false
    this.resume()
    return true
  }

  private fence(): void {
    const { core } = this
    if (core.era.members.length === 1) return
    core.trace({ e: 'fence', view: core.era.id })
    core.isFenced = true
    this.fencedAt = core.now
  }

  private unfence(by: 'answers' | 'view'): void {
    const { core } = this
    if (!core.isFenced) return
    core.isFenced = false
    core.trace({ e: 'unfence', view: core.era.id, by })
  }

  /** Somebody was heard. If all others still are in this view, nothing has happened. */
  reassure(): void {
    if (this.isSilent || !this.detector.hasHeardSince(this.fencedAt)) return
    this.sleep = null
    this.unfence('answers')
  }

  /**
   * Is that one to be told that the member holds something up? Again after a while: whoever is told before it hears of the
   * suspension takes that for silence.
   */
  isToTell(member: ProcessId, coordinator: ProcessId): boolean {
    const { self, now, limits } = this.core
    const last = this.told.get(member)
    if (coordinator === self || (last?.coordinator === coordinator && now - last.at < limits.heartbeatMs)) return false
    this.told.set(member, { coordinator, at: now })
    return true
  }

  /** For a row: who is away, or suspended and not coming along; and this process itself, if it has slept. */
  rows(movers: readonly ProcessId[]): AwayRow[] {
    const { era, now, self } = this.core
    const rows: AwayRow[] = era.view.away.map((each) => ({ ...each, forMs: this.forMs(each.id) }))
    if (this.detector.suspended.size > 0) {
      for (const { id, name, origin } of era.view.members) {
        const at = this.detector.suspended.get(id)
        if (at === undefined || movers.includes(id)) continue
        const rank = era.ranks.get(id) ?? 0
        rows.push({ id, name, origin, rank, since: null, forMs: Math.round(Math.max(0, now - at)) })
      }
    }
    if (this.sleep === null) return rows
    const { from, until, view } = this.sleep
    const { name, origin } = this.core
    const forMs = Math.round((until ?? now) - from)
    rows.push({ id: self, name, origin, rank: era.selfRank, since: view, forMs })
    return rows
  }

  private forMs(id: ProcessId): number {
    return (this.known.get(id) ?? 0) + Math.round(this.core.now - this.knownAt)
  }

  /** A view is installed. Whoever has slept, and is still alone with those who did, will be told so once more. */
  newView(flush: Flush, old: Era): void {
    const { core } = this
    this.told.clear()
    this.unfence('view')
    const present = new Set(core.era.members)
    this.known = new Map(
      uniteAway(flush.rows, present, core.era.id, core.limits).map(({ id, forMs }): [ProcessId, number] => [id, forMs]),
    )
    // Where nobody is away, when the view began makes no difference.
    this.knownAt = this.known.size > 0 ? core.now : 0
    if (this.isSilent) this.fence()
    else if (this.sleep !== null) {
      const isAlone = core.era.view.wasAwayMs > 0 && flush.parts.length === 1
      this.sleep = isAlone ? { ...this.sleep, view: this.sleep.view ?? old.id } : null
    }
  }
}
