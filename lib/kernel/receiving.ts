/**
 * Receiving: what comes in of casts, from the frame to the layer that delivers it.
 *
 * Pieces of large casts are put together by the link. What belongs to a view that this process is about to say READY for
 * waits until it is in it; what comes from a member that a row was given without waits too, and is acknowledged only when
 * that member comes along after all.
 * Requires: links in order; membership, for who is being removed.
 * Provides: M5, M6 (with cut.ts), S6.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import { receiversOf } from './cut.ts'
import type { Delivery } from './delivery.ts'
import { streamKey } from './era.ts'
import type { Cast, DataFrame, Item, Message, Part } from './frame.ts'
import type { Groups } from './groups.ts'
import type { Link, Unclear } from './link.ts'
import type { Membership } from './membership.ts'
import type { MessageItem } from './messages.ts'

/** The layers that it passes things to. */
interface Beside {
  readonly membership: Membership
  readonly delivery: Delivery
  readonly groups: Groups
}

/** What it needs from the rest of the kernel. */
export interface ReceivingHooks {
  handleMessage(from: ProcessId, message: Message): void
  /** A peer broke the rules: its frames are taken no longer. */
  fault(peer: ProcessId, code: string): void
  /** Room has come about. */
  renewGrants(): void
}

/** What came in and is not delivered yet, by way of its view and its sender. */
export class Receiving {
  private readonly core: Core
  private readonly membership: Membership
  private readonly delivery: Delivery
  private readonly groups: Groups
  private readonly hooks: ReceivingHooks
  /** What came of a view that this process is about to say READY for. */
  private early: { readonly peer: ProcessId; readonly part: DataFrame | Message }[] = []
  private earlyView: ViewId = ''

  constructor(core: Core, { membership, delivery, groups }: Beside, hooks: ReceivingHooks) {
    this.core = core
    this.membership = membership
    this.delivery = delivery
    this.groups = groups
    this.hooks = hooks
  }

  /** A frame of casts. */
  handleData(link: Link, peer: ProcessId, frame: DataFrame): void {
    this.believe(frame.view)
    const { era } = this.core
    if (frame.view !== era.id) {
      this.keepEarly(frame.view, peer, frame)
      return
    }
    const rank = link.rank
    if (rank < 0) return
    for (let i = 0; i + 1 < frame.stable.length; i += 2)
      era.learnStable(frame.stable[i] ?? -1, frame.stable[i + 1] ?? 0)
    for (let i = 0; i + 1 < frame.settled.length; i += 2)
      era.learnSettled(frame.settled[i] ?? -1, frame.settled[i + 1] ?? 0)
    link.learnDone(Math.min(frame.done, era.seq))
    for (const item of frame.items) this.handleItem(link, peer, rank, item, frame.no)
    if (era.isClosed) this.membership.progress()
  }

  /** A peer is in that view. What came of it before this process was in it comes first. */
  believe(view: ViewId): void {
    if (view !== this.core.era.id) this.membership.sawInstalled(view)
    if (this.early.length === 0 || this.earlyView !== this.core.era.id) return
    for (const { peer, part } of this.early.splice(0)) {
      const link = this.core.links.get(peer)
      if ('k' in part) this.hooks.handleMessage(peer, part)
      else if (link !== undefined) this.handleData(link, peer, part)
    }
  }

  /**
   * A view may be installed by others before this process has said READY for it: a later flush without it completes the
   * view that it was to be in. As long as it may still say so, what they send there waits.
   */
  keepEarly(view: ViewId, peer: ProcessId, part: DataFrame | Message): void {
    if (!this.membership.isFlushingTo(view)) return
    if (this.earlyView !== view) this.early = []
    this.earlyView = view
    this.early.push({ peer, part })
  }

  private handleItem(link: Link, peer: ProcessId, rank: number, item: Item, no: number): void {
    if (item.k === 'eov') {
      this.core.era.eovFrom.add(peer)
      return
    }
    if (item.k === 'piece') {
      if (!link.takePiece(item)) this.hooks.fault(peer, 'bad-piece')
      else if (item.bytes.length === 0) this.hooks.renewGrants()
      return
    }
    if (item.k === 'message') {
      this.handleMessage(link, peer, item)
      return
    }
    const cast = link.takeCast(item)
    if (cast === null) {
      this.hooks.fault(peer, 'bad-ahead')
      return
    }
    if (item.ahead > 0) this.hooks.renewGrants()
    if (item.k === 'forward') {
      const sender = this.core.era.ranks.get(item.sender)
      if (sender === undefined) this.hooks.fault(peer, 'bad-forward')
      // From one who does not come along, it is for a cut that was given up: this one may be without it.
      else if (this.membership.isReadyWithout(item.sender) || this.membership.isRemoving(peer)) {
        this.core.era.late.push({ cast, rank: sender, isForwarded: true })
      } else this.delivery.receiveForwarded(cast, sender)
      return
    }
    if (this.membership.isRemoving(peer)) {
      this.core.era.late.push({ cast, rank, isForwarded: false })
      link.ackCap = Math.min(link.ackCap, no - 1)
      return
    }
    this.delivery.receive(cast, rank)
    if (cast.gn > 0 && cast.gn > this.groups.knownViews(cast.gid)) link.holdBack({ no, gid: cast.gid, gn: cast.gn })
    this.holdUnclear(link, cast, no)
    if (this.groups.isUniform(cast.gid)) link.needAck(this.core.now)
  }

  /** It concerns nobody else: whatever becomes of its sender, it is handed over as soon as it is whole. */
  private handleMessage(link: Link, peer: ProcessId, item: MessageItem): void {
    const payload = link.inbox.take(item, this.core.limits)
    if (payload === false) this.hooks.fault(peer, 'bad-message')
    else if (payload !== null) this.core.app({ type: 'message', from: peer, group: item.group, n: item.n, payload })
  }

  private holdUnclear(link: Link, { deps }: Cast, no: number): void {
    for (let i = 0; i + 2 < deps.length; i += 3) {
      const dependency = { no, rank: deps[i] ?? 0, stream: deps[i + 1] ?? 0, seq: deps[i + 2] ?? 0 }
      if (!this.isClear(dependency)) link.holdUnclear(dependency)
    }
  }

  /** Is it here, or known not to be for this process? */
  private isClear({ rank, stream, seq }: Unclear): boolean {
    const { era, self } = this.core
    if (rank === era.selfRank || (era.delivered.get(streamKey(rank, stream)) ?? 0) >= seq) return true
    const group = era.groups.get(stream >> 1)
    if (group === undefined || era.isStable(rank, seq)) return true
    if (era.held[rank]?.some(({ cast }) => cast.seq === seq)) return true
    return !receiversOf({ base: group.baseMembers, installs: group.installs }, rank, stream, seq).includes(self)
  }

  /** The end of a step: what was not clear may be now. */
  clearUp(): void {
    for (const link of this.core.links.values()) link.clearUp((dependency) => this.isClear(dependency))
  }

  /** What is held of that cast, in time or late; null: nothing. */
  find(sender: ProcessId, seq: number): Cast | null {
    const rank = this.core.era.ranks.get(sender)
    if (rank === undefined) return null
    const held = this.core.era.held[rank]?.find((h) => h.cast.seq === seq)?.cast
    return held ?? this.core.era.late.find((l) => l.rank === rank && l.cast.seq === seq)?.cast ?? null
  }

  /** Sends a removed sender's cast to somebody who lacks it. */
  forward(to: ProcessId, sender: ProcessId, seq: number): void {
    const cast = this.find(sender, seq)
    if (cast !== null) this.core.links.get(to)?.forward(sender, cast)
  }

  /**
   * What came late from those who come along after all is theirs; the rest is listed in the next row. As long as a cut
   * without them may be installed, they wait, and are not told that it is held. Before what was forwarded there may be
   * more, which they still send.
   */
  takeLate(part: Part): void {
    const { era } = this.core
    const isOurs = (sender: ProcessId): boolean =>
      part.members.includes(sender) && !this.membership.isReadyWithout(sender)
    for (const late of era.late.splice(0)) {
      if (!isOurs(era.members[late.rank] ?? '')) era.late.push(late)
      else if (late.isForwarded) this.delivery.receiveForwarded(late.cast, late.rank)
      else this.delivery.receive(late.cast, late.rank)
    }
    for (const link of this.core.links.values()) {
      if (!this.membership.isReadyWithout(link.peer)) link.ackCap = Number.POSITIVE_INFINITY
    }
  }

  /** A view begins: what came early of any other is of no use. */
  begins(view: ViewId): void {
    if (this.earlyView !== view) this.early = []
  }
}
