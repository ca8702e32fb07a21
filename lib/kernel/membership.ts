/**
 * Membership: the coordinator-led flush from one space view (or several) to the next.
 *
 * Protocol: PROPOSE → ROW → CUT → (forward) → READY → INSTALL, under a ballot that is the epoch of the view it would
 *   install. After its row a member sends and delivers nothing in the old view until the cut. Join, rejoin, merge and
 *   heal are one mechanism: a proposal with several parts. A flush can be superseded by a larger ballot, never
 *   cancelled. READY is said only from the view that the row was given for; whoever said READY installs as soon as it
 *   sees that anybody has.
 * Requires: links in order; a detector; contacts, for whom to take in.
 * Provides: S1–S8, M5–M8, P1 (with primary.ts), L1.
 * Source: Birman, Joseph 1987 (GBCAST flush); Ensemble INTER/HEAL (merge by coordinators); Derecho (adoption).
 * Differs: all five delays in every case, so that one mechanism serves both kinds of groups.
 */
import type { PrimaryRecord, ProcessId, ViewId } from './api.ts'
import type { Away } from './away.ts'
import type { Contacts } from './contacts.ts'
import type { Core } from './core.ts'
import { type CutPlan, planCut } from './cut.ts'
import type { Detector } from './detector.ts'
import { Founding } from './founding.ts'
import type { Asked, Decision, Departed, HeldCast, Message, Part, RemovedRow, Row } from './frame.ts'
import { type Ballot, compareBallots, noBallot, parseViewId, viewIdOf } from './ids.ts'
import { decide, hasOutlook } from './primary.ts'
import { bySeniority, recordOf } from './quorum.ts'
import { isRecord } from './total.ts'

type Of<K extends Message['k']> = Extract<Message, { k: K }>

/** A flush as one member takes part in it. */
export interface Flush {
  readonly ballot: Ballot
  readonly parts: readonly Part[]
  readonly part: Part
  readonly since: number
  readyAt: number
  phase: 'row' | 'cut' | 'ready'
  rows: readonly Row[]
  decision: Decision | null
  plan: CutPlan | null
  isPersisted: boolean
  ticket: number
  /** The attempt that was promised to before this one. */
  attemptBefore: PrimaryRecord | null
}

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

/** What membership needs from the rest of the kernel. */
export interface MembershipHooks {
  groupRows(): Row['groups']
  /** The view is closed to casts. */
  closed(): void
  /** What is known of consistent groups, and would not be known to those who come along otherwise. */
  untold(movers: readonly ProcessId[]): Row['remembered']
  /** Takes hold of what came late from those who are not removed any more. */
  takeLate(part: Part): void
  /** The cut is agreed: deliver the rest and begin the new view. */
  install(flush: Flush): void
  forward(to: ProcessId, sender: ProcessId, seq: number): void
  holds(sender: ProcessId, seq: number): boolean
  /** Is this no primary component, or is there a group in it that waits for somebody? */
  isWanting(): boolean
}

/** The layers that it stands on. */
interface Below {
  readonly detector: Detector
  readonly contacts: Contacts
  readonly away: Away
}

/** The flush, as member and as leader. */
export class Membership {
  private readonly core: Core
  private readonly detector: Detector
  private readonly contacts: Contacts
  private readonly away: Away
  private readonly hooks: MembershipHooks
  promised: Ballot = noBallot
  flush: Flush | null = null
  /** Flushes this process said READY for, from its current view, by the id they would install. */
  readonly readies: Map<ViewId, Flush> = new Map()
  private lead: Lead | null = null
  /** The last own proposal out of this view. */
  private proposed: Ballot | null = null
  private wantedSince = Number.NaN
  /** When what is wanted is proposed, if nothing changes. */
  private wantedAt = Number.NaN
  private notBefore = 0
  private tickets = 0
  private readonly founding: Founding
  /** The line that this process was asked to give up. */
  private givenUp: { readonly line: string | null } | null = null
  /** Something came in that may change what `evaluate` finds. */
  private isTouched = true
  /** Until then time alone changes nothing. */
  private quietUntil = 0
  /** Since this process gave its last row, somebody's vote was taken out. */
  private isCountNews = false
  /** Others' proposals that a row was given to while an attempt was open, and whose outcome is not known: they may have completed it. */
  private readonly asked: Map<ViewId, Asked> = new Map()
  isLeaving = false

  constructor(core: Core, { detector, contacts, away }: Below, hooks: MembershipHooks, foundAfterMs: number | null) {
    this.core = core
    this.detector = detector
    this.contacts = contacts
    this.away = away
    this.hooks = hooks
    this.founding = new Founding(core, foundAfterMs)
  }

  get highestEpoch(): number {
    return Math.max(this.core.era.epoch, this.promised.epoch, this.detector.highestEpoch)
  }

  /** The first member, by rank, that is not believed gone. */
  coordinator(): ProcessId {
    for (const id of this.core.era.members) if (!this.detector.isSuspect(id)) return id
    return this.core.self
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
    if (this.isLeaving || (!this.isTouched && this.core.now < this.quietUntil)) return
    this.isTouched = false
    this.lookAround()
    const isAtRest = this.lead === null && this.flush === null && Number.isNaN(this.wantedSince)
    this.quietUntil = isAtRest ? this.nextCheck : 0
  }

  private lookAround(): void {
    const { self, now } = this.core
    const coordinator = this.coordinator()
    this.contacts.report(coordinator, this.highestEpoch)
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
    if (this.flush !== null && this.flush.ballot.leader !== self && !this.isStuck(this.flush)) return
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
    const records = [votes, ...[...departed.values()].flatMap((d) => d.votes ?? [])]
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
    if (this.flush !== null) at = Math.min(at, this.patienceEnd(this.flush))
    at = Math.min(at, this.founding.nextAsk)
    return at <= now ? now + 10 : at
  }

  /**
   * Did an own proposal close views, and nobody has superseded it? If the coordinator that it was to exclude is back
   * meanwhile, that one knows nothing of it: only whoever began it can bring those who gave their rows into another view.
   * So too if this process itself refused it.
   */
  private isForsaken(): boolean {
    if (this.proposed !== null && compareBallots(this.promised, this.proposed) <= 0) return true
    // Or a stranger's did, and was given up: nobody else here knows of it.
    const { flush } = this
    return flush !== null && flush.ballot.leader !== this.coordinator() && this.core.now >= this.patienceEnd(flush)
  }

  private isStuck(flush: Flush): boolean {
    if (flush.ballot.leader === this.core.self) return true
    if (this.core.now >= this.patienceEnd(flush)) return true
    const link = this.core.links.get(flush.ballot.leader)
    return link === undefined || this.detector.isGone(flush.ballot.leader)
  }

  /** Until when its leader, if it lives, has the time to begin it again: whoever does not wait for that is left out. */
  private patienceEnd({ since }: Flush): number {
    return since + this.core.limits.flushTimeoutMs * 1.25
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
    else core.tell(this.coordinator(), { k: 'refound', view: core.era.id })
  }

  /** A member has given up whoever is missing. A witness leads where nobody has a state to go on from: it begins nothing. */
  handleRefound(): void {
    if (this.core.isWitness) return
    if (this.coordinator() === this.core.self && !this.core.era.isClosed && this.hooks.isWanting())
      this.founding.beginAnew()
  }

  // ---- leader -----------------------------------------------------------------------------------------------

  private propose(strangers: readonly Part[]): void {
    const { self, era, now } = this.core
    // Whoever is met first may have what is missing.
    const isAnew = this.founding.isAnew && strangers.length === 0
    const found = isAnew || !this.founding.isAnew ? this.founding.line : null
    const own = era.members.filter((id) => this.detector.isPresent(id))
    const parts: Part[] = [{ view: era.id, members: own }, ...strangers]
    const ballot: Ballot = { epoch: this.highestEpoch + 1, leader: self }
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
    const isLate = this.core.now - lead.since >= this.core.limits.flushTimeoutMs
    const isOvertaken = compareBallots(this.promised, lead.ballot) > 0
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
      this.asked.set(viewIdOf(lead.ballot), { attempt: adopt.record.id, leader: this.core.self })
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
    if (this.isLeaving || compareBallots(this.promised, lead.ballot) > 0) return
    lead.ready.add(from)
    const all = lead.parts.flatMap((p) => p.members)
    if (!all.every((id) => lead.ready.has(id))) return
    this.lead = null
    for (const id of all) this.core.tell(id, { k: 'install', ballot: lead.ballot })
  }

  // ---- member -----------------------------------------------------------------------------------------------

  handlePropose(from: ProcessId, message: Of<'propose'>): void {
    const { self } = this.core
    const { ballot, parts } = message
    if (ballot.leader !== from || this.isLeaving) return
    const part = parts.find((p) => p.members.includes(self))
    if (part === undefined) return
    // Somebody was in the view we said READY for: it is installed.
    if (part.view !== this.core.era.id) this.sawInstalled(part.view)
    const unlinked = parts
      .flatMap((p) => p.members)
      .filter((id) => id !== self && !(this.core.links.get(id)?.isOpen ?? false))
    const isOld = compareBallots(ballot, this.promised) <= 0
    if (part.view !== this.core.era.id || isOld || unlinked.length > 0 || this.isAboutToInstall(from)) {
      this.core.tell(from, { k: 'refuse', ballot, promised: this.promised, view: this.core.era.id, unlinked })
      return
    }
    this.withdraw()
    this.promised = ballot
    this.flush = {
      ballot,
      parts,
      part,
      since: this.core.now,
      readyAt: 0,
      phase: 'row',
      rows: [],
      decision: null,
      plan: null,
      isPersisted: false,
      ticket: 0,
      attemptBefore: null,
    }
    this.closeView()
    this.hooks.takeLate(part)
    this.core.trace({ e: 'row', view: viewIdOf(ballot), ...this.core.era.account() })
    this.core.tell(from, { k: 'row', ballot, row: this.buildRow(part) })
    const { attempt } = this.core.votes
    if (from !== self && attempt !== null) this.asked.set(viewIdOf(ballot), { attempt: attempt.id, leader: from })
  }

  /** READY was not said for the flush under way, and never will be: nobody need think that it may have been installed. */
  private withdraw(): void {
    const { flush, core } = this
    if (flush?.phase !== 'cut' || core.votes.attempt?.id !== viewIdOf(flush.ballot)) return
    core.votes = { last: core.votes.last, attempt: flush.attemptBefore }
  }

  /** Was a row given in which that peer is removed, and is that flush under way or may it still be installed? */
  isRemoving(peer: ProcessId): boolean {
    if (!this.core.era.isClosed) return false
    return (this.flush !== null && !this.flush.part.members.includes(peer)) || this.isReadyWithout(peer)
  }

  /** Was a row given for that view, and not yet READY said? */
  isFlushingTo(view: ViewId): boolean {
    return this.flush !== null && this.flush.phase !== 'ready' && viewIdOf(this.flush.ballot) === view
  }

  /** Was READY said without that peer? Then the cut is fixed: what comes from it now is not part of it. */
  isReadyWithout(peer: ProcessId): boolean {
    for (const flush of this.readies.values()) if (!flush.part.members.includes(peer)) return true
    return false
  }

  /** READY was said to another leader, who is alive: its install is on its way, and leaving now would look like a crash. */
  private isAboutToInstall(from: ProcessId): boolean {
    const { flush, core } = this
    if (flush === null || flush.phase !== 'ready' || flush.ballot.leader === from) return false
    const isLate = core.now - flush.readyAt >= core.limits.readyHoldMs
    return !isLate && (flush.ballot.leader === core.self || !this.detector.isGone(flush.ballot.leader))
  }

  /** Nothing more is sent in this view; where data is under way, its end is marked. */
  private closeView(): void {
    const { era, links } = this.core
    if (!era.isClosed) this.hooks.closed()
    era.isClosed = true
    // What was held up before is not any more.
    if (this.core.aheadBytes > 0) for (const link of links.values()) if (link.owesGrant) link.needAck(this.core.now)
    if (era.marked !== null) return
    era.marked = new Set()
    for (const id of era.members) {
      const link = links.get(id)
      if (id === this.core.self || link === undefined || !link.hasUnackedData) continue
      link.items.push({ k: 'eov' })
      era.marked.add(id)
    }
  }

  private buildRow(part: Part): Row {
    const { era, votes } = this.core
    this.isCountNews = false
    const removed: RemovedRow[] = []
    const hasUniform = [...era.groups.values()].some(({ options }) => options.uniform)
    era.members.forEach((sender, rank) => {
      const isSelf = rank === era.selfRank
      const stable = era.stable[rank] ?? 0
      if (part.members.includes(sender) && !isSelf) {
        // By this it may have released something, before its sender knew it at its row (seed 4184, `uniform`).
        if (hasUniform && stable > 0) removed.push({ sender, stable, held: [] })
        return
      }
      const late = era.late.filter((l) => l.rank === rank).map(({ cast }) => ({ cast, isDelivered: false }))
      const held = [...(era.held[rank] ?? []), ...late]
        .filter((h) => !isSelf || !h.isDelivered)
        .map(
          ({ cast, isDelivered }): HeldCast => ({
            seq: cast.seq,
            gid: cast.gid,
            gn: cast.gn,
            isOrder: isRecord(cast),
            deps: cast.deps,
            delivered: isDelivered,
          }),
        )
      removed.push({ sender, stable, held })
    })
    return {
      from: this.core.self,
      name: this.core.name,
      origin: this.core.origin,
      view: era.id,
      votes,
      line: this.core.line,
      generation: this.core.generation,
      voiceFrom: this.core.voiceFrom,
      lamport: this.core.lamport,
      groups: this.hooks.groupRows(),
      removed,
      marked: [...(era.marked ?? [])],
      readies: [...this.readies.keys()],
      departed: this.relevantDeparted(),
      remembered: this.hooks.untold(part.members),
      weight: this.core.weight,
      isWitness: this.core.isWitness,
      away: this.away.rows(part.members),
      asked: [...this.asked.values()],
    }
  }

  private relevantDeparted(): Departed[] {
    const { votes, era, departed, formers } = this.core
    const relevant = new Set([
      ...era.members,
      ...(votes.last?.members ?? []),
      ...(votes.attempt?.members ?? []),
      ...formers.keys(),
      ...era.view.away.map(({ id }) => id),
    ])
    return [...departed.values()].filter((d) => relevant.has(d.id))
  }

  handleCut(from: ProcessId, message: Of<'cut'>): void {
    const { flush, core } = this
    if (flush === null || flush.phase !== 'row' || from !== flush.ballot.leader) return
    if (compareBallots(flush.ballot, message.ballot) !== 0) return
    // Its goodbye carries its last vote: what it promised after that, others would not know of.
    if (this.isLeaving) return
    // Its leader goes on instead of completing anything; to a primary view, only if nothing was left to complete.
    if (message.decision.primary) this.asked.clear()
    else this.asked.delete(viewIdOf(flush.ballot))
    flush.rows = message.rows
    flush.decision = message.decision
    const rows = flush.part.members.flatMap((id) => message.rows.filter((row) => row.from === id))
    flush.plan = planCut(rows, core.era.members, core.self)
    flush.phase = 'cut'
    core.trace({
      e: 'cut',
      view: viewIdOf(flush.ballot),
      expected: flush.plan.expected.size,
      forwards: flush.plan.forwards.length,
    })
    for (const { to, sender, seq } of flush.plan.forwards) this.hooks.forward(to, sender, seq)
    if (message.decision.primary && message.decision.line !== null) {
      const { line, partOrder } = message.decision
      const parts = partOrder.flatMap((i) => flush.parts[i] ?? [])
      const attempt = { line, id: viewIdOf(flush.ballot), members: bySeniority(parts, message.rows) }
      flush.attemptBefore = core.votes.attempt
      core.votes = { last: core.votes.last, attempt: recordOf(attempt, message.rows) }
      this.tickets += 1
      flush.ticket = this.tickets
      core.effects.push({ type: 'persist', ticket: flush.ticket, record: core.votes })
    } else flush.isPersisted = true
    this.progress()
  }

  handlePersisted(ticket: number): void {
    if (this.flush === null || this.flush.ticket !== ticket) return
    this.flush.isPersisted = true
    this.progress()
  }

  /** Everything of the cut here? Then READY. */
  progress(): void {
    const { flush, core } = this
    if (flush === null || flush.phase !== 'cut' || flush.plan === null || !flush.isPersisted) return
    for (const id of flush.plan.awaitEov) if (!core.era.eovFrom.has(id)) return
    for (const name of flush.plan.expected) {
      const at = name.lastIndexOf('#')
      if (!this.hooks.holds(name.slice(0, at), Number(name.slice(at + 1)))) return
    }
    flush.phase = 'ready'
    flush.readyAt = core.now
    this.readies.set(viewIdOf(flush.ballot), flush)
    core.trace({ e: 'ready', view: viewIdOf(flush.ballot) })
    core.tell(flush.ballot.leader, { k: 'ready', ballot: flush.ballot })
  }

  handleInstall(from: ProcessId, message: Of<'install'>): void {
    // A row was given since, to somebody who may have concluded that nobody has installed this: only that one may complete it.
    if (compareBallots(this.promised, message.ballot) > 0 && from !== this.promised.leader) return
    const flush = this.promisedTo(viewIdOf(message.ballot))
    if (flush !== undefined) this.installNow(flush)
  }

  /** A peer was seen in this view: if we said READY for it, it is installed. */
  sawInstalled(view: ViewId): boolean {
    const flush = this.promisedTo(view)
    if (flush === undefined) return false
    this.core.trace({ e: 'evidence', view })
    this.installNow(flush)
    return true
  }

  /** The flush to that view, if READY was said for it. Nothing is installed after the goodbye, which tells of all that was. */
  private promisedTo(view: ViewId): Flush | undefined {
    return this.isLeaving ? undefined : this.readies.get(view)
  }

  private installNow(flush: Flush): void {
    this.touch()
    const current = this.flush
    if (current !== flush) this.withdraw()
    if (flush.decision?.primary) this.asked.clear()
    this.flush = null
    this.proposed = null
    this.readies.clear()
    if (compareBallots(this.promised, flush.ballot) < 0) this.promised = flush.ballot
    this.hooks.install(flush)
    this.contacts.newView()
    this.founding.newView()
    this.askAnew()
    if (this.lead !== null && compareBallots(this.lead.ballot, flush.ballot) <= 0) this.lead = null
    if (current !== null && current !== flush) {
      // A later proposal counted on the view we were in; its leader must ask again.
      this.core.tell(current.ballot.leader, {
        k: 'refuse',
        ballot: current.ballot,
        promised: this.promised,
        view: this.core.era.id,
        unlinked: [],
      })
    }
  }
}
