/**
 * Contacts: the strangers in sight, and which of their views this one is to take in.
 *
 * Protocol: each member tells its coordinator which strangers it has open links to, and each process tells strangers, with
 *   its view, whom of them it has open links to. A view that is taken in is one whose members all have open links to all
 *   members here, and to all of the other views that are taken in, by what both sides say. The preferred view takes the
 *   other in.
 * Requires: heartbeats to strangers.
 * Provides: for merges (membership.ts), that nobody is proposed to who would refuse for want of a link.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import type { Detector } from './detector.ts'
import type { Message, Part, ViewSummary } from './frame.ts'
import { compareViewIds } from './ids.ts'

/** Who could come along. */
export class Contacts {
  private readonly core: Core
  private readonly detector: Detector
  /** Members' reports: the strangers they have open links to. */
  private readonly reports: Map<ProcessId, ReadonlySet<ProcessId>> = new Map()
  /** The last report: from which view, about whom, to whom. */
  private reportedView: ViewId = ''
  private reported: readonly ProcessId[] = []
  private reportedTo: ProcessId = ''
  /** Whose view is to take ours in: it is told the same. */
  private taker: ProcessId | null = null

  constructor(core: Core, detector: Detector) {
    this.core = core
    this.detector = detector
  }

  /** For strangers. */
  summary(): ViewSummary {
    const { view, members } = this.core.era
    return { id: view.id, members, primary: view.primary, line: view.line, linked: this.linkedStrangers() }
  }

  /** A view is installed: who was a stranger need not be one. */
  newView(): void {
    this.reports.clear()
    this.reportedView = ''
  }

  /** Tells the coordinator, and that of the view which is to take ours in, which strangers this process could talk to. */
  report(coordinator: ProcessId, highestEpoch: number): void {
    const linked = this.linkedStrangers()
    const taker = linked.length === 0 ? null : this.findTaker()
    const isNews = this.reportedView !== this.core.era.id || !sameIds(linked, this.reported)
    if (taker !== null && (isNews || taker !== this.taker))
      this.detector.sendBeat(taker, highestEpoch, () => this.summary(), this.core.era.id)
    this.taker = taker
    if (!isNews && coordinator === this.reportedTo) return
    this.reportedView = this.core.era.id
    this.reported = linked
    this.reportedTo = coordinator
    this.core.tell(coordinator, { k: 'foreign', view: this.core.era.id, linked })
    if (coordinator === this.core.self) return
    const { members, view } = this.core.era
    for (const id of view.away.length === 0 ? members : [...members, ...view.away.map((each) => each.id)]) {
      const departed = this.core.departed.get(id)
      if (departed?.isDead) this.core.tell(coordinator, { k: 'suspect', view: this.core.era.id, peer: id, departed })
    }
  }

  /** The first of the most preferred view that is in sight; null if that is ours. */
  private findTaker(): ProcessId | null {
    let taker: ViewSummary | null = null
    for (const [peer, { summary }] of this.detector.seen) {
      if (summary === null || this.core.era.ranks.has(peer) || this.detector.isGone(peer)) continue
      if (isPreferred(summary, taker ?? this.core.era.view)) taker = summary
    }
    return taker?.members[0] ?? null
  }

  /** Is there a view that would take ours in? */
  get isToBeTaken(): boolean {
    return this.taker !== null
  }

  private linkedStrangers(): readonly ProcessId[] {
    let linked: ProcessId[] | null = null
    for (const link of this.core.links.values()) {
      if (link.rank >= 0 || !link.isOpen || this.core.departed.has(link.peer)) continue
      linked ??= []
      linked.push(link.peer)
    }
    return linked?.sort() ?? []
  }

  /** A member's report. */
  handleForeign(from: ProcessId, message: Extract<Message, { k: 'foreign' }>): void {
    if (message.view === this.core.era.id) this.reports.set(from, new Set(message.linked))
  }

  /** Views of strangers that this view should take in now: between all members of all of them there are open links. */
  candidates(): Part[] {
    let views: Map<ViewId, ViewSummary> | null = null
    for (const [peer, seen] of this.detector.seen) {
      if (seen.summary === null || this.core.era.ranks.has(peer) || this.core.departed.has(peer)) continue
      const link = this.core.links.get(peer)
      if (link === undefined || !link.isOpen || this.detector.isGone(peer) || !this.detector.isHeardBy(peer)) continue
      views ??= new Map()
      views.set(seen.summary.id, seen.summary)
    }
    if (views === null) return []
    const own = this.core.era.members.filter((id) => this.detector.isPresent(id))
    const parts: Part[] = []
    let size = own.length
    for (const summary of [...views.values()].sort((a, b) => compareViewIds(a.id, b.id))) {
      if (isPreferred(summary, this.core.era.view)) return []
      const isReachable = summary.members.every((stranger) => {
        if (this.core.era.ranks.has(stranger)) return false
        const seen = this.detector.seen.get(stranger)
        if (seen?.view !== summary.id || this.detector.isGone(stranger) || !this.detector.isHeardBy(stranger))
          return false
        return (
          own.every((id) => (this.reports.get(id)?.has(stranger) ?? false) && seen.linked.has(id)) &&
          parts.every((part) => part.members.every((id) => seen.linked.has(id) && this.isLinked(id, stranger)))
        )
      })
      if (!isReachable || size + summary.members.length > this.core.limits.membersMax) continue
      size += summary.members.length
      parts.push({ view: summary.id, members: summary.members })
    }
    return parts
  }

  /** Has that stranger said that it has an open link to that other one? */
  private isLinked(stranger: ProcessId, other: ProcessId): boolean {
    return this.detector.seen.get(stranger)?.linked.has(other) ?? false
  }

  /** Is a stranger about who cannot come along yet? */
  isMoreComing(parts: readonly Part[]): boolean {
    const coming = new Set(parts.flatMap((part) => part.members))
    const isMore = (id: ProcessId): boolean =>
      !coming.has(id) && !this.core.era.ranks.has(id) && !this.core.departed.has(id)
    for (const { peer, isUp, isOpen } of this.core.links.values()) {
      if (isUp && isMore(peer) && !(isOpen && this.detector.isGone(peer))) return true
    }
    for (const linked of this.reports.values()) for (const id of linked) if (isMore(id)) return true
    return false
  }
}

function sameIds(a: readonly ProcessId[], b: readonly ProcessId[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i])
}

/** What decides which of two views takes the other in. */
interface Standing {
  readonly id: ViewId
  readonly primary: boolean
  readonly members: readonly unknown[]
}

/** Which of two views takes the other in: primary first, then the larger, then the lower id. */
function isPreferred(a: Standing, b: Standing): boolean {
  if (a.primary !== b.primary) return a.primary
  if (a.members.length !== b.members.length) return a.members.length > b.members.length
  return compareViewIds(a.id, b.id) < 0
}
