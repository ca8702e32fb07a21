/**
 * Membership: the flush from one space view (or several) to the next, as each member takes part in it; see leading.ts for
 * who leads it and when.
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
import type { Core } from './core.ts'
import { type CutPlan, planCut } from './cut.ts'
import type { Detector } from './detector.ts'
import type { Asked, Decision, Departed, HeldCast, Message, Part, RemovedRow, Row } from './frame.ts'
import { isAhead } from './gone.ts'
import { type Ballot, compareBallots, noBallot, viewIdOf } from './ids.ts'
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
  /** A row was given. */
  gaveRow(): void
  /** Something was installed. */
  installed(flush: Flush): void
  /** A peer has said what cannot be. */
  fault(peer: ProcessId, code: string): void
}

/** The layers that it stands on. */
interface Below {
  readonly detector: Detector
  readonly away: Away
}

/** The flush as a member. */
export class Membership {
  private readonly core: Core
  private readonly detector: Detector
  private readonly away: Away
  private readonly hooks: MembershipHooks
  promised: Ballot = noBallot
  flush: Flush | null = null
  /** Flushes this process said READY for, from its current view, by the id they would install. */
  readonly readies: Map<ViewId, Flush> = new Map()
  private tickets = 0
  /** Others' proposals that a row was given to while an attempt was open, and whose outcome is not known: they may have completed it. */
  private readonly asked: Map<ViewId, Asked> = new Map()

  constructor(core: Core, { detector, away }: Below, hooks: MembershipHooks) {
    this.core = core
    this.detector = detector
    this.away = away
    this.hooks = hooks
  }

  get highestEpoch(): number {
    return Math.max(this.core.era.epoch, this.promised.epoch, this.detector.highestEpoch)
  }

  /** The first member, by rank, that is not believed gone. */
  coordinator(): ProcessId {
    for (const id of this.core.era.members) if (!this.detector.isSuspect(id)) return id
    return this.core.self
  }

  /** Until when its leader, if it lives, has the time to begin it again: whoever does not wait for that is left out. */
  patienceEnd({ since }: Flush): number {
    return since + this.core.limits.flushTimeoutMs * 1.25
  }

  /** This process completes an attempt instead of going on: it is told to others until its outcome is known. */
  noteAsked(ballot: Ballot, attempt: ViewId): void {
    this.asked.set(viewIdOf(ballot), { attempt, leader: ballot.leader })
  }

  handlePropose(from: ProcessId, message: Of<'propose'>): void {
    const { self } = this.core
    const { ballot, parts } = message
    if (ballot.leader !== from || this.core.isLeaving) return
    if (!isViewOf(parts, this.core.limits.membersMax)) {
      this.hooks.fault(from, 'bad-propose')
      return
    }
    const part = parts.find((p) => p.members.includes(self))
    if (part === undefined) return
    // Somebody was in the view we said READY for: it is installed.
    if (part.view !== this.core.era.id) this.sawInstalled(part.view)
    const unlinked = parts
      .flatMap((p) => p.members)
      .filter((id) => id !== self && !(this.core.links.get(id)?.isOpen ?? false))
    const isOld = compareBallots(ballot, this.promised) <= 0
    const isWilful = from !== self && this.core.env.buggify?.('refuse') === true
    if (part.view !== this.core.era.id || isOld || unlinked.length > 0 || this.isAboutToInstall(from) || isWilful) {
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
    this.hooks.gaveRow()
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
      quietMs: this.quietMs(part),
      away: this.away.rows(part.members),
      asked: [...this.asked.values()],
    }
  }

  /**
   * Since when it has answered none of those who are to be left out, and will not any more in this view. Of a view before it
   * nobody knows who had answered them last, so it counts from the beginning of this one at most.
   */
  private quietMs(part: Part): number {
    const { era, links, now } = this.core
    let heardAt = Number.NEGATIVE_INFINITY
    for (const id of era.members)
      if (!part.members.includes(id)) heardAt = Math.max(heardAt, era.startedAt, links.get(id)?.heardAt ?? now)
    return heardAt === Number.NEGATIVE_INFINITY ? 0 : Math.max(0, Math.floor(now - heardAt))
  }

  /** Also those who went on in the line without this process: whoever was with them last may not see their locks. */
  private relevantDeparted(): Departed[] {
    const { votes, era, departed, formers, line } = this.core
    const relevant = new Set([
      ...era.members,
      ...(votes.last?.members ?? []),
      ...(votes.attempt?.members ?? []),
      ...formers.keys(),
      ...era.view.away.map(({ id }) => id),
    ])
    return [...departed.values()].filter((d) => relevant.has(d.id) || isAhead(d, votes.last, line))
  }

  handleCut(from: ProcessId, message: Of<'cut'>): void {
    const { flush, core } = this
    if (flush === null || flush.phase !== 'row' || from !== flush.ballot.leader) return
    if (compareBallots(flush.ballot, message.ballot) !== 0) return
    // Its goodbye carries its last vote: what it promised after that, others would not know of.
    if (this.core.isLeaving) return
    if (!isOrderOf(message.decision.partOrder, flush.parts)) {
      this.hooks.fault(from, 'bad-cut')
      return
    }
    // Its leader goes on instead of completing anything; to a primary view, only if nothing was left to complete.
    if (message.decision.primary) this.asked.clear()
    else this.asked.delete(viewIdOf(flush.ballot))
    this.detector.handleLeader(from)
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
      core.trace({ e: 'attempt', view: attempt.id, line, members: attempt.members })
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
    return this.core.isLeaving ? undefined : this.readies.get(view)
  }

  private installNow(flush: Flush): void {
    const current = this.flush
    if (current !== flush) this.withdraw()
    if (flush.decision?.primary) this.asked.clear()
    this.flush = null
    this.readies.clear()
    if (compareBallots(this.promised, flush.ballot) < 0) this.promised = flush.ballot
    this.hooks.install(flush)
    this.hooks.installed(flush)
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

/** Do the parts make a view: none without members, nobody twice, and no more than a view has, which is asked first? */
function isViewOf(parts: readonly Part[], membersMax: number): boolean {
  let size = 0
  for (const { members } of parts) {
    size += members.length
    if (members.length === 0 || size > membersMax) return false
  }
  return new Set(parts.flatMap(({ members }) => members)).size === size
}

/** Is each part named once? */
function isOrderOf(order: readonly number[], parts: readonly Part[]): boolean {
  const named = new Set(order)
  return order.length === parts.length && named.size === parts.length && order.every((index) => index < parts.length)
}
