/**
 * Leading: when a view is proposed, and the flush as its leader.
 *
 * The coordinator is the first member that nobody believes gone. It gathers what it is to act on (failures, strangers,
 * who left or sleeps), proposes, collects a row of each, decides, and says INSTALL once all are READY. A proposal that is
 * overtaken, late or names somebody gone is begun anew with a larger ballot.
 * Requires: the member's side (membership.ts); contacts, for whom to take in; founding, for the right to begin a line.
 * Provides: L1, L5; P1 (with primary.ts).
 * Source: Birman, Joseph 1987 (GBCAST flush); Ensemble INTER/HEAL (merge by coordinators); Derecho (adoption).
 */
import type { ProcessId, VoteRecord } from './api.ts'
import type { Away } from './away.ts'
import type { Contacts } from './contacts.ts'
import type { Core } from './core.ts'
import type { Detector } from './detector.ts'
import { Founding } from './founding.ts'
import type { Message, Part, Row } from './frame.ts'
import { type Ballot, compareBallots, compareViewIds, parseViewId, viewIdOf } from './ids.ts'
import type { Flush, Membership } from './membership.ts'
import { decide, hasOutlook } from './primary.ts'

type Of<K extends Message['k']> = Extract<Message, { k: K }>

interface Lead {
  readonly ballot: Ballot
  readonly parts: readonly Part[]
  readonly since: number
  readonly found: string | null
  /** The line is founded in place of the one that the members are in. */
  readonly isAnew: boolean
  readonly rows: Map<ProcessId, Row>
  readonly ready: Set<ProcessId>
  phase: 'rows' | 'asking' | 'ready'
}

/** The layers that it stands on. */
interface Below {
  readonly detector: Detector
  readonly contacts: Contacts
  readonly away: Away
  readonly membership: Membership
}

/** What it needs from the rest of the kernel. */
export interface LeadingHooks {
  /** Is this no primary component, or is there a group in it that waits for somebody? */
  isWanting(): boolean
}

/** The flush as its leader, and when there is to be one. */
export class Leading {
  private readonly core: Core
  private readonly detector: Detector
  private readonly contacts: Contacts
  private readonly away: Away
  private readonly membership: Membership
  private readonly hooks: LeadingHooks
  private readonly founding: Founding
  private lead: Lead | null = null
  /** The last own proposal out of this view. */
  private proposed: Ballot | null = null
  private wantedSince = Number.NaN
  /** When what is wanted is proposed, if nothing changes. */
  private wantedAt = Number.NaN
  private notBefore = 0
  /** The line that this process was asked to give up. */
  private givenUp: { readonly line: string | null } | null = null
  /** Something came in that may change what `evaluate` finds. */
  private isTouched = true
  /** Until then time alone changes nothing. */
  private quietUntil = 0
  /** Since this process gave its last row, somebody's vote was taken out. */
  private isCountNews = false
  /** What the members of this view had voted for when it came about. */
  private votesHere: readonly VoteRecord[] = []

  constructor(
    core: Core,
    { detector, contacts, away, membership }: Below,
    hooks: LeadingHooks,
    foundAfterMs: number | null,
  ) {
    this.core = core
    this.detector = detector
    this.contacts = contacts
    this.away = away
    this.membership = membership
    this.hooks = hooks
    this.founding = new Founding(core, foundAfterMs)
  }

  /** Something came in that bears on who is here. */
  touch(): void {
    this.isTouched = true
  }

  /** Somebody is gone for good, and what it had voted for is known: where a majority was missing, it need not be any more. */
  countedOut(): void {
    this.isCountNews = true
  }

  /** Looks at everything anew; called at the end of each step. Most steps are of data, and change nothing here. */
  evaluate(): void {
    if (this.core.isLeaving || (!this.isTouched && this.core.now < this.quietUntil)) return
    this.isTouched = false
    this.lookAround()
    const isAtRest = this.lead === null && this.membership.flush === null && Number.isNaN(this.wantedSince)
    this.quietUntil = isAtRest ? this.nextCheck : 0
  }

  private lookAround(): void {
    const { self, now } = this.core
    const coordinator = this.membership.coordinator()
    this.contacts.report(coordinator, this.membership.highestEpoch)
    this.detector.report(coordinator)
    if (coordinator !== self) {
      this.founding.drop()
      // It is back: whoever closed views without it must take it in, or leave the lead to it.
      if (this.lead !== null && !this.lead.parts[0]?.members.includes(coordinator)) this.lead = null
      if (!this.isForsaken()) {
        this.wantedSince = Number.NaN
        this.lead = null
        return
      }
    }
    if (this.lead !== null) {
      this.watchLead(this.lead)
      if (this.lead !== null) return
    }
    if (
      this.membership.flush !== null &&
      this.membership.flush.ballot.leader !== self &&
      !this.isStuck(this.membership.flush)
    )
      return
    const suspects = this.core.era.members.filter((id) => this.detector.isSuspect(id))
    const failures = suspects.length > 0
    const isNewsOfAway = coordinator === self && this.away.hasDeparted
    const isStuck = this.core.era.isClosed || this.isForsaken()
    const isCountNews = this.isCountNews && this.mayGoOn()
    const strangers = coordinator === self ? this.contacts.candidates() : []
    if (coordinator === self) this.founding.consider(this.detector.seen)
    if (
      !failures &&
      !isStuck &&
      !isCountNews &&
      !isNewsOfAway &&
      strangers.length === 0 &&
      this.founding.line === null
    ) {
      this.wantedSince = Number.NaN
      return
    }
    if (Number.isNaN(this.wantedSince)) this.wantedSince = now
    this.wantedAt = Math.max(
      this.wantedSince + this.hold(failures || isStuck || isNewsOfAway, strangers),
      this.notBefore,
    )
    if (failures && !isStuck) {
      this.wantedAt = Math.max(this.wantedAt, Math.min(...suspects.map((id) => this.detector.actsOn(id))))
    }
    if (now < this.wantedAt) return
    this.wantedSince = Number.NaN
    this.propose(strangers)
  }

  /** Would a view of the same members be primary, and this one is not? By what this process knows: there may be more to it. */
  private mayGoOn(): boolean {
    const { votes, departed, era } = this.core
    const { primary, line } = era.view
    if (primary || line === null) return false
    const records = [votes, ...this.votesHere, ...[...departed.values()].flatMap((d) => d.votes ?? [])]
    return hasOutlook(records, line, { departed, present: era.ranks })
  }

  /** How long to wait for more of the same kind. */
  private hold(isUrgent: boolean, strangers: readonly Part[]): number {
    const { failureHoldMs, gatherMs, mergeHoldMs } = this.core.limits
    if (isUrgent) return failureHoldMs
    if (strangers.length === 0) return 0
    return this.contacts.isMoreComing(strangers) ? gatherMs : mergeHoldMs
  }

  /** When `evaluate` must look again although nothing comes in. */
  get nextCheck(): number {
    const { now, limits } = this.core
    let at = this.detector.nextDeadline
    if (!Number.isNaN(this.wantedSince)) at = Math.min(at, this.wantedAt)
    if (this.lead !== null) at = Math.min(at, this.lead.since + limits.flushTimeoutMs)
    if (this.membership.flush !== null) at = Math.min(at, this.patienceEnd(this.membership.flush))
    at = Math.min(at, this.founding.nextAsk)
    return at <= now ? now + 10 : at
  }

  /**
   * Did an own proposal close views, and nobody has superseded it? If the coordinator that it was to exclude is back
   * meanwhile, that one knows nothing of it: only whoever began it can bring those who gave their rows into another view.
   * So too if this process itself refused it.
   */
  private isForsaken(): boolean {
    if (this.proposed !== null && compareBallots(this.membership.promised, this.proposed) <= 0) return true
    // Or a stranger's did, and was given up: nobody else here knows of it.
    const { flush } = this.membership
    return (
      flush !== null &&
      flush.ballot.leader !== this.membership.coordinator() &&
      this.core.now >= this.patienceEnd(flush)
    )
  }

  /**
   * Whoever is not the coordinator waits a little longer, for that one to act: two proposals in one view overtake each
   * other, and strangers who gave their rows for one of them wait for it in vain (seed 34452).
   */
  private patienceEnd(flush: Flush): number {
    const isFirst = this.membership.coordinator() === this.core.self
    return this.membership.patienceEnd(flush) + (isFirst ? 0 : this.core.limits.flushTimeoutMs / 4)
  }

  /**
   * Is its leader, a stranger, in another view meanwhile? Then it has given that proposal up, and who was asked is not
   * told. Who is to be taken in waits for the next one.
   */
  private isGivenUp({ ballot, parts, phase }: Flush): boolean {
    const { leader } = ballot
    const view = this.detector.seen.get(leader)?.view
    const from = parts.find(({ members }) => members.includes(leader))?.view
    if (phase !== 'row' || view === undefined || from === undefined || this.core.era.ranks.has(leader)) return false
    return compareViewIds(view, from) > 0 && view !== viewIdOf(ballot) && !this.contacts.isToBeTaken
  }

  private isStuck(flush: Flush): boolean {
    if (flush.ballot.leader === this.core.self) return true
    if (this.core.now >= this.patienceEnd(flush) || this.isGivenUp(flush)) return true
    const link = this.core.links.get(flush.ballot.leader)
    return link === undefined || this.detector.isGone(flush.ballot.leader)
  }

  searched(): void {
    this.founding.searched()
  }

  /** The first contact with a peer. */
  met(): void {
    this.founding.met()
  }

  handleFoundAnswer(isGranted: boolean): void {
    const { founding, lead } = this
    founding.answer(isGranted)
    if (lead?.phase !== 'asking') return
    if (founding.line === lead.found) this.conclude(lead)
    else this.giveUp(0)
  }

  /**
   * Gives up what the missing hold: asks the coordinator to go on from what is here, as a line of its own. Asked again in
   * every view until there is another line, or nothing is missing any more.
   */
  refound(): void {
    this.givenUp = { line: this.core.line }
    this.askAnew()
  }

  private askAnew(): void {
    const { core, givenUp } = this
    if (givenUp === null) return
    if (core.line !== givenUp.line || !this.hooks.isWanting()) this.givenUp = null
    else core.tell(this.membership.coordinator(), { k: 'refound', view: core.era.id })
  }

  /** A member has given up whoever is missing. A witness leads where nobody has a state to go on from: it begins nothing. */
  handleRefound(): void {
    if (this.core.isWitness) return
    if (this.membership.coordinator() === this.core.self && !this.core.era.isClosed && this.hooks.isWanting())
      this.founding.beginAnew()
  }

  /** This process gave a row: what it knows of votes is told. */
  gaveRow(): void {
    this.isCountNews = false
  }

  /** A view is installed: what was proposed out of the one before is over. */
  installed({ ballot, rows }: Flush): void {
    this.touch()
    this.votesHere = rows.map(({ votes }) => votes)
    this.proposed = null
    this.contacts.newView()
    this.founding.newView()
    this.askAnew()
    if (this.lead !== null && compareBallots(this.lead.ballot, ballot) <= 0) this.lead = null
  }

  // ---- leader -----------------------------------------------------------------------------------------------

  private propose(strangers: readonly Part[]): void {
    const { self, era, now } = this.core
    // Whoever is met first may have what is missing.
    const isAnew = this.founding.isAnew && strangers.length === 0
    const found = isAnew || !this.founding.isAnew ? this.founding.line : null
    const own = era.members.filter((id) => this.detector.isPresent(id))
    const parts: Part[] = [{ view: era.id, members: own }, ...strangers]
    const ballot: Ballot = { epoch: this.membership.highestEpoch + 1, leader: self }
    // A ballot names one proposal for good, also one that this process itself refuses before it promises anything.
    this.detector.highestEpoch = ballot.epoch
    this.lead = { ballot, parts, since: now, found, isAnew, rows: new Map(), ready: new Set(), phase: 'rows' }
    this.proposed = ballot
    this.core.trace({ e: 'propose', view: viewIdOf(ballot), parts: parts.map((p) => p.members) })
    const message: Message = { k: 'propose', ballot, parts, found }
    for (const part of parts) for (const id of part.members) this.core.tell(id, message)
  }

  /** Is the proposal still the right one? */
  private watchLead(lead: Lead): void {
    const gone = lead.parts.some((part) => part.members.some((id) => id !== this.core.self && this.detector.isGone(id)))
    const isRestless = this.core.env.buggify?.('restart') === true
    const isLate = isRestless || this.core.now - lead.since >= this.core.limits.flushTimeoutMs
    const isOvertaken = compareBallots(this.membership.promised, lead.ballot) > 0
    if (!gone && !isLate && !isOvertaken) return
    this.core.trace({ e: 'restart', view: viewIdOf(lead.ballot), gone, isLate, isOvertaken })
    this.giveUp(gone ? 0 : this.core.limits.retryMs)
  }

  private giveUp(pause: number): void {
    if (this.lead?.phase === 'asking') this.founding.drop()
    this.lead = null
    this.notBefore = this.core.now + pause * (1 + this.core.env.random())
  }

  handleRefuse(_from: ProcessId, message: Of<'refuse'>): void {
    this.detector.highestEpoch = Math.max(
      this.detector.highestEpoch,
      message.promised.epoch,
      parseViewId(message.view).epoch,
    )
    if (this.lead === null || compareBallots(this.lead.ballot, message.ballot) !== 0) return
    this.core.trace({ e: 'refused', view: viewIdOf(message.ballot) })
    this.giveUp(this.core.limits.retryMs)
  }

  handleRow(from: ProcessId, message: Of<'row'>): void {
    const { lead } = this
    if (lead === null || lead.phase !== 'rows' || compareBallots(lead.ballot, message.ballot) !== 0) return
    const part = lead.parts.find((p) => p.members.includes(from))
    if (part === undefined || message.row.from !== from || message.row.view !== part.view) return
    lead.rows.set(from, message.row)
    for (const p of lead.parts) for (const id of p.members) if (!lead.rows.has(id)) return
    const isFounding = lead.found !== null && [...lead.rows.values()].every((row) => row.line === null)
    if (!isFounding || lead.isAnew || this.founding.isFresh) return this.conclude(lead)
    lead.phase = 'asking'
    this.founding.ask()
  }

  /** All rows are here, and the line that they found, if any, is granted: the decision. */
  private conclude(lead: Lead): void {
    const rows = lead.parts.flatMap((p) => p.members.flatMap((id) => lead.rows.get(id) ?? []))
    const { adopt, decision } = decide(rows, lead.parts, lead)
    if (adopt !== null) {
      this.core.trace({ e: 'adopt', view: adopt.record.id })
      this.membership.noteAsked(lead.ballot, adopt.record.id)
      const { epoch, coordinator } = parseViewId(adopt.record.id)
      for (const id of adopt.members) this.core.tell(id, { k: 'install', ballot: { epoch, leader: coordinator } })
      this.giveUp(this.core.limits.retryMs)
      return
    }
    lead.phase = 'ready'
    if (lead.found !== null && decision.line === lead.found) {
      this.founding.use()
      this.core.trace({ e: 'found', line: lead.found, ...(lead.isAnew ? { of: decision.heirOf } : {}) })
    }
    for (const row of rows) this.core.tell(row.from, { k: 'cut', ballot: lead.ballot, rows, decision })
  }

  handleReady(from: ProcessId, message: Of<'ready'>): void {
    const { lead } = this
    if (lead === null || lead.phase !== 'ready' || compareBallots(lead.ballot, message.ballot) !== 0) return
    // Its goodbye has told that it did not install this, or its row, in this very step, that it has not yet.
    if (this.core.isLeaving || compareBallots(this.membership.promised, lead.ballot) > 0) return
    lead.ready.add(from)
    const all = lead.parts.flatMap((p) => p.members)
    if (!all.every((id) => lead.ready.has(id))) return
    this.lead = null
    for (const id of all) this.core.tell(id, { k: 'install', ballot: lead.ballot })
  }
}
