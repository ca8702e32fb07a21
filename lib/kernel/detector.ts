/**
 * Failure detection: explicit heartbeats decide, a closed link is an alert, a freed Web Lock is proof.
 *
 * Protocol: a heartbeat on every link per period; silence of a member beyond `suspectAfterMs`, or a link that stays
 *   closed beyond its grace, makes it suspect. A process whose own timers fired late moves all deadlines by the gap:
 *   it was away, the others were not.
 * Provides: L5. Source: JGroups FD_SOCK + FD_ALL pairing; Lifeguard's local health.
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
}

const nobody: ReadonlySet<ProcessId> = new Set()

/** Heartbeats, and what follows from their absence. */
export class Detector {
  private readonly core: Core
  readonly seen: Map<ProcessId, Seen> = new Map()
  /** Members of the view that said they have another view without us. */
  private readonly moved: Set<ProcessId> = new Set()
  /** Members of the view that is being adopted who were silent by then. */
  private silent: ReadonlySet<ProcessId> = nobody
  private beatAt = 0
  /** Before this moment no member's deadline is over; 0: to be worked out again, since something was heard. */
  private soonest = 0
  private lastStep = Number.NaN
  highestEpoch = 0

  constructor(core: Core) {
    this.core = core
  }

  /** The start of a step: a long gap means that this process was away. */
  noticeGap(now: number): void {
    const gap = now - this.lastStep
    const { heartbeatMs } = this.core.limits
    this.lastStep = now
    if (!(gap > heartbeatMs * 2)) return
    this.core.trace({ e: 'resume', gap })
    this.soonest = 0
    for (const seen of this.seen.values()) seen.at += gap
    for (const link of this.core.links.values()) link.downSince += gap
  }

  get nextBeat(): number {
    return this.beatAt
  }

  /** Sends heartbeats when they are due. */
  beat(promisedEpoch: number, summary: () => ViewSummary): boolean {
    const { now, era, limits } = this.core
    if (now < this.beatAt) return false
    this.beatAt = now + limits.heartbeatMs
    for (const link of this.core.links.values())
      if (link.isOpen) this.sendBeat(link.peer, promisedEpoch, summary, era.id)
    return true
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
    // Whoever stays in a view before ours is as good as silent: it may never come to ours, if that was completed without it.
    const isBehind = era.ranks.has(peer) && compareViewIds(frame.view, era.id) < 0
    this.seen.set(peer, {
      at: isBehind ? (this.seen.get(peer)?.at ?? now) : now,
      view: frame.view,
      isMember: frame.isMember,
      summary: frame.summary,
      linked: frame.summary === null ? nobody : new Set(frame.summary.linked),
      sentAt: frame.sentAt,
      echo: frame.echo,
    })
    // A view older than ours is one that the peer is about to leave for ours.
    if (era.ranks.has(peer) && !frame.isMember && compareViewIds(frame.view, era.id) > 0) this.moved.add(peer)
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

  /** A view is about to be adopted: whoever began it and is silent would have the others wait for it twice. */
  adopt(members: readonly ProcessId[]): void {
    this.silent = new Set(members.filter((id) => this.seen.has(id) && this.core.now >= this.deadline(id)))
  }

  newView(): void {
    this.soonest = 0
    this.moved.clear()
    const { silent } = this
    this.silent = nobody
    for (const id of this.core.era.members) {
      const seen = this.seen.get(id)
      if (silent.has(id) && this.core.now >= this.deadline(id)) continue
      if (seen !== undefined) seen.at = Math.max(seen.at, this.core.now)
      else {
        this.seen.set(id, {
          at: this.core.now,
          view: '',
          isMember: true,
          summary: null,
          linked: nobody,
          sentAt: 0,
          echo: 0,
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
    return this.core.now >= this.soonest && this.core.now >= this.deadline(peer)
  }

  /** Does this process believe that peer gone, member or stranger? */
  isGone(peer: ProcessId): boolean {
    if (this.core.era.ranks.has(peer)) return this.isSuspect(peer)
    return this.core.departed.has(peer) || this.core.now >= this.deadline(peer)
  }

  /** When the peer becomes suspect if nothing more is heard. */
  deadline(peer: ProcessId): number {
    const { limits } = this.core
    const seen = this.seen.get(peer)
    const link = this.core.links.get(peer)
    const heard = (seen?.at ?? 0) + limits.suspectAfterMs
    if (link !== undefined && !link.isUp) return Math.min(heard, link.downSince + limits.linkDownGraceMs)
    return heard
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

  /** When this process sent the last heartbeat that a majority of its view has answered. */
  leaseStart(): number | null {
    const echoes: number[] = [this.core.now]
    for (const id of this.core.era.members) if (id !== this.core.self) echoes.push(this.seen.get(id)?.echo ?? 0)
    echoes.sort((a, b) => b - a)
    const at = echoes[Math.floor(echoes.length / 2)] ?? 0
    return at > 0 ? at : null
  }
}
