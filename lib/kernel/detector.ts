/**
 * Failure detection: explicit heartbeats decide, a closed link is an alert, a freed Web Lock is proof.
 *
 * Protocol: a heartbeat on every link per period; silence of a member beyond `suspectAfterMs`, or a link that stays
 *   closed beyond its grace, makes it suspect. Whoever finds a member silent tells whom it takes for the coordinator, and
 *   nobody is left out on the word of one observer while there are others who hear it: then only if the silence lasts.
 *   A process whose own timers fired late moves all deadlines by the gap: it was away, the others were not. One that was
 *   late again and again, but did not sleep, waits longer for silent members, up to twice as long, until its timers have
 *   been on time for a while: what makes it late may be on the others' side too. Whoever said that it is about to be frozen
 *   is not suspect for its silence, but if it holds something up, or after `suspendedMs`; a heartbeat says that it is not
 *   frozen.
 * Provides: L5. Source: JGroups FD_SOCK + FD_ALL pairing and VERIFY_SUSPECT; Lifeguard's local health and its
 *   confirmations by others.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import type { HeartbeatFrame, ViewSummary } from './frame.ts'
import { compareViewIds } from './ids.ts'

/** What is known of one peer from its heartbeats. */
export interface Seen {
  at: number
  view: ViewId
  isMember: boolean
  summary: ViewSummary | null
  /** The strangers of its view that it has open links to, by that summary. */
  linked: ReadonlySet<ProcessId>
  /** Its last stamp, to be echoed; and our last stamp that it echoed. */
  sentAt: number
  echo: number
  /** Our last stamp that it echoed from within our view, before it closed that: no view without us was there yet. */
  held: number
}

const nobody: ReadonlySet<ProcessId> = new Set()

/** After so many heartbeats on time, it was late once less. */
const onTimeBeats = 4

/** Heartbeats, and what follows from their absence. */
export class Detector {
  private readonly core: Core
  readonly seen: Map<ProcessId, Seen> = new Map()
  /** Members of the view that said they have another view without us. */
  private readonly moved: Set<ProcessId> = new Set()
  /** Members that others have found silent in this view: when they last said so. */
  private readonly reports: Map<ProcessId, number> = new Map()
  /** Whom this process has told of which silent members in this view. */
  private readonly reported: Map<ProcessId, ProcessId> = new Map()
  /** Who said that it is about to be frozen, and when that came. */
  readonly suspended: Map<ProcessId, number> = new Map()
  /** Members that hold something up, if they are suspended. */
  readonly pressing: Set<ProcessId> = new Set()
  private beatAt = 0
  /** Before this moment no member's deadline is over; 0: to be worked out again, since something was heard. */
  private soonest = 0
  private lastStep = Number.NaN
  /** How often this process was late, of late. */
  private lateness = 0
  /** Heartbeats sent on time since. */
  private onTime = 0
  highestEpoch = 0

  constructor(core: Core) {
    this.core = core
  }

  /** The start of a step: a long gap means that this process was away. Returns how long; 0: it was not. */
  noticeGap(now: number): number {
    const gap = now - this.lastStep
    const { heartbeatMs } = this.core.limits
    this.lastStep = now
    if (!(gap > heartbeatMs * 2)) return 0
    this.core.trace({ e: 'resume', gap })
    this.soonest = 0
    this.onTime = 0
    if (!this.isSleep(gap)) this.lateness = Math.min(this.core.limits.lateMax, this.lateness + 1)
    for (const seen of this.seen.values()) seen.at += gap
    for (const link of this.core.links.values()) link.downSince += gap
    for (const [id, at] of this.suspended) this.suspended.set(id, at + gap)
    return gap
  }

  /** Is that too long for a process that was merely late? Its last heartbeat may be a period older than the gap. */
  isSleep(gap: number): boolean {
    const { suspectAfterMs, heartbeatMs } = this.core.limits
    return gap >= suspectAfterMs - heartbeatMs
  }

  /** Heartbeats go at the end of this step. */
  beatNow(): void {
    this.beatAt = 0
  }

  /** A peer is about to be frozen. */
  handleSuspend(peer: ProcessId): void {
    this.soonest = 0
    this.suspended.set(peer, this.core.now)
    this.core.trace({ e: 'suspended', q: peer })
  }

  /** A peer is not frozen. */
  handleAwake(peer: ProcessId): void {
    if (!this.suspended.delete(peer)) return
    this.soonest = 0
    const seen = this.seen.get(peer)
    if (seen !== undefined) seen.at = Math.max(seen.at, this.core.now)
  }

  /** A suspended member holds something up. */
  press(peer: ProcessId): void {
    this.soonest = 0
    this.pressing.add(peer)
  }

  /** Would it be a member of a view that is proposed now? */
  isPresent(peer: ProcessId): boolean {
    return !this.isSuspect(peer) && !this.suspended.has(peer)
  }

  get nextBeat(): number {
    return this.beatAt
  }

  /** Sends heartbeats when they are due. */
  beat(promisedEpoch: number, summary: () => ViewSummary, isSilent = false): boolean {
    const { now, era, limits } = this.core
    if (now < this.beatAt) return false
    this.beatAt = now + limits.heartbeatMs
    if (this.lateness > 0) this.recover()
    if (isSilent) return false
    for (const link of this.core.links.values())
      if (link.isOpen) this.sendBeat(link.peer, promisedEpoch, summary, era.id)
    return true
  }

  /** By how much more patient it is, from 1 to 2. Once is no pattern: the gap itself is not counted as others' silence. */
  private get caution(): number {
    return this.lateness < 2 ? 1 : 1 + (this.lateness - 1) / (this.core.limits.lateMax - 1)
  }

  /** One more period on time. */
  private recover(): void {
    this.onTime += 1
    if (this.onTime < onTimeBeats) return
    this.onTime = 0
    this.lateness -= 1
    this.soonest = 0
  }

  /** A heartbeat out of turn. */
  sendBeat(peer: ProcessId, promisedEpoch: number, summary: () => ViewSummary, view: ViewId): void {
    const link = this.core.links.get(peer)
    if (link === undefined || !link.isOpen) return
    const isMember = this.core.era.ranks.has(peer)
    link.send('control', {
      t: 'heartbeat',
      view,
      isMember,
      isClosed: this.core.era.isClosed || this.core.isLeaving,
      epoch: promisedEpoch,
      summary: isMember ? null : summary(),
      sentAt: this.core.now,
      echo: this.seen.get(peer)?.sentAt ?? 0,
      ack: link.controlAck(),
    })
  }

  handleBeat(peer: ProcessId, frame: HeartbeatFrame): void {
    const { era, now } = this.core
    this.highestEpoch = Math.max(this.highestEpoch, frame.epoch)
    this.soonest = 0
    if (this.suspended.size > 0) this.handleAwake(peer)
    // Whoever stays in a view before ours is as good as silent: it may never come to ours, if that was completed without it.
    const isBehind = era.ranks.has(peer) && compareViewIds(frame.view, era.id) < 0
    const before = this.seen.get(peer)
    const isHolding = frame.view === era.id && !frame.isClosed
    this.seen.set(peer, {
      at: isBehind ? (before?.at ?? now) : now,
      view: frame.view,
      isMember: frame.isMember,
      summary: frame.summary,
      linked: frame.summary === null ? nobody : new Set(frame.summary.linked),
      sentAt: frame.sentAt,
      echo: frame.echo,
      held: isHolding ? frame.echo : (before?.held ?? 0),
    })
    // A view older than ours is one that the peer is about to leave for ours.
    if (era.ranks.has(peer) && !frame.isMember && compareViewIds(frame.view, era.id) > 0) this.moved.add(peer)
  }

  /**
   * The cut came from the leader of a flush: it is alive, and not believed gone for as long as the READY to it binds. The
   * first heartbeat of one that was frozen may come later than what it had waiting; whoever answers that, and takes it for
   * gone all the same, leaves others in a view that nobody comes to (plan l5-10360).
   */
  handleLeader(peer: ProcessId): void {
    const { now, limits } = this.core
    this.soonest = 0
    const seen = this.seen.get(peer)
    if (seen !== undefined) seen.at = Math.max(seen.at, now + limits.readyHoldMs - limits.suspectAfterMs * this.caution)
  }

  linkUp(peer: ProcessId): void {
    this.soonest = 0
    const seen = this.seen.get(peer)
    if (seen !== undefined) seen.at = Math.max(seen.at, this.core.now)
  }

  /** A path ended: a deadline has come closer. */
  linkDown(): void {
    this.soonest = 0
  }

  newView(): void {
    this.soonest = 0
    this.moved.clear()
    this.reports.clear()
    this.reported.clear()
    this.pressing.clear()
    for (const id of this.core.era.members) {
      const seen = this.seen.get(id)
      if (seen !== undefined) {
        // A view that was completed late may hold who has long been silent.
        if (this.core.now < this.deadline(id)) seen.at = Math.max(seen.at, this.core.now)
      } else {
        this.seen.set(id, {
          at: this.core.now,
          view: '',
          isMember: true,
          summary: null,
          linked: nobody,
          sentAt: 0,
          echo: 0,
          held: 0,
        })
      }
    }
  }

  /**
   * Does that peer hear this process? Its heartbeats echo ours; on a path that has just come up the echo is yet to come.
   * Whoever is heard and hears nothing cannot answer: proposed to again and again, it would keep the view closed for good.
   */
  isHeardBy(peer: ProcessId): boolean {
    const heard = Math.max(this.seen.get(peer)?.echo ?? 0, this.core.links.get(peer)?.upSince ?? 0)
    return this.core.now - heard < this.core.limits.suspectAfterMs
  }

  /** Does this process believe that member of its view gone? */
  isSuspect(peer: ProcessId): boolean {
    if (peer === this.core.self) return false
    if (this.core.departed.has(peer) || this.moved.has(peer)) return true
    if (this.isPressing(peer)) return true
    return this.core.now >= this.soonest && this.core.now >= this.deadline(peer)
  }

  /** Tells whoever is to act on it which members are silent, once. */
  report(coordinator: ProcessId): void {
    const { era, self } = this.core
    if (this.core.now < this.soonest) return
    for (const peer of era.members) {
      if (!this.isSuspect(peer)) {
        this.reported.delete(peer)
        continue
      }
      if (coordinator === self || this.isCertain(peer) || this.reported.get(peer) === coordinator) continue
      this.reported.set(peer, coordinator)
      this.core.tell(coordinator, { k: 'suspect', view: era.id, peer, departed: null })
    }
  }

  /** Another member finds that one silent, too. */
  handleReport(peer: ProcessId): void {
    this.reports.set(peer, this.core.now)
  }

  /** Has it said that it is about to be frozen, while something waits for it? */
  private isPressing(peer: ProcessId): boolean {
    return this.suspended.size > 0 && this.suspended.has(peer) && this.pressing.has(peer)
  }

  private isCertain(peer: ProcessId): boolean {
    return this.core.departed.has(peer) || this.moved.has(peer)
  }

  /**
   * From when on a suspect may be left out: at once if it is gone for certain, if another finds it silent too, or if there
   * is nobody else to ask; later if only this process does, whose path to it may be broken.
   */
  actsOn(peer: ProcessId): number {
    const { era, self, now, limits } = this.core
    const isSecond = now - (this.reports.get(peer) ?? Number.NEGATIVE_INFINITY) < limits.suspectAfterMs
    if (this.isCertain(peer) || this.isPressing(peer) || isSecond) return now
    const isAlone = era.members.every((id) => id === self || id === peer || this.isSuspect(id))
    return isAlone ? now : this.deadline(peer) + limits.secondOpinionMs
  }

  /** Does this process believe that peer gone, member or stranger? */
  isGone(peer: ProcessId): boolean {
    if (this.core.era.ranks.has(peer)) return this.isSuspect(peer)
    return this.core.departed.has(peer) || this.suspended.has(peer) || this.core.now >= this.deadline(peer)
  }

  /** When the peer becomes suspect if nothing more is heard. */
  deadline(peer: ProcessId): number {
    const { limits } = this.core
    const seen = this.seen.get(peer)
    const link = this.core.links.get(peer)
    const asleepSince = this.suspended.size > 0 ? this.suspended.get(peer) : undefined
    const heard = (seen?.at ?? 0) + limits.suspectAfterMs * this.caution
    const patience = asleepSince === undefined ? heard : Math.max(heard, asleepSince + limits.suspendedMs)
    if (link !== undefined && !link.isUp) return Math.min(patience, link.downSince + limits.linkDownGraceMs)
    return patience
  }

  /** The earliest moment at which a member may become suspect. */
  get nextDeadline(): number {
    if (this.core.now < this.soonest) return this.soonest
    let next = Number.POSITIVE_INFINITY
    let soonest = Number.POSITIVE_INFINITY
    for (const id of this.core.era.members) {
      if (id === this.core.self) continue
      const deadline = this.deadline(id)
      soonest = Math.min(soonest, deadline)
      if (deadline > this.core.now) next = Math.min(next, deadline)
    }
    this.soonest = soonest
    return next
  }

  /** Have all other members answered in this view a heartbeat that was sent at that time or later? */
  hasHeardSince(time: number): boolean {
    const { era, self } = this.core
    return era.members.every((id) => {
      const seen = this.seen.get(id)
      return id === self || (seen !== undefined && seen.echo >= time && seen.view === era.id)
    })
  }

  /** When this process sent the last heartbeat that more than half of the votes of its view have answered. */
  answered(): number | null {
    return this.quorumOf(({ echo }) => echo)
  }

  /**
   * The same of answers that came from within the view, before it was closed there: whoever has gone on to another view
   * answers, too, and may have given away what a lease is for.
   */
  leaseStart(): number | null {
    return this.quorumOf(({ held }) => held)
  }

  private quorumOf(stamp: (seen: Seen) => number): number | null {
    const { self, now, era } = this.core
    const { members } = era.view
    const isByHeads = members.every(({ weight }) => weight === 0)
    const answers = members.map(({ id, weight }) => {
      const seen = this.seen.get(id)
      return { at: id === self ? now : seen === undefined ? 0 : stamp(seen), weight: isByHeads ? 1 : weight }
    })
    answers.sort((a, b) => b.at - a.at)
    let left = answers.reduce((sum, { weight }) => sum + weight, 0) / 2
    for (const { at, weight } of answers) {
      left -= weight
      if (left < 0) return at > 0 ? at : null
    }
    return null
  }
}
