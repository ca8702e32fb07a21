/**
 * Delivery: fifo, causal and total order, gbcasts, uniform release, and the cut at a flush.
 *
 * Protocol: a cast carries its causal past as dependencies, pruned once every addressee is known to have *delivered*
 *   them (held is not enough: a uniform or total cast may be held and still wait), and not because others cover them
 *   (decision 019). A receiver waits for those addressed to it. Candidates are tried smallest Lamport stamp first. Total
 *   casts wait for their turn, which an engine tells (`total.ts`). Gbcasts wait until the group is cut, by a round of its
 *   own or by a flush, and all other casts up to there are delivered; then they come, smallest Lamport stamp first.
 * Requires: links in order.
 * Provides: O1–O4 (in a group), O6–O8, O5 for uniform casts released before the cut.
 * Bounds: held casts are bounded by the senders' windows.
 * Source: Birman, Schiper, Stephenson 1991 (causal multicast); Birman, Joseph 1987 (GBCAST); DESIGN of dependency lists.
 */
import type { GroupOptions, ProcessId, TotalEngineName } from './api.ts'
import type { Core } from './core.ts'
import { Domains } from './domain.ts'
import { type CutUnderWay, type Held, streamKey } from './era.ts'
import type { Cast, GroupInstall } from './frame.ts'
import { castKey, type Group } from './group.ts'
import { MovingSequencer } from './moving-sequencer.ts'
import { RoundRobin } from './round-robin.ts'
import { Sequencer } from './sequencer.ts'
import { compareHeld, type EngineHooks, insertSorted, isRecord, type TotalEngine } from './total.ts'

/** What delivery needs from the layer above. */
export interface DeliveryHooks {
  /** A group whose cut is decided has delivered all of its old view. */
  installGroup(group: Group): void
  /** Might a cast of a group that this process is not in be addressed to it, because it is joining? */
  mightConcern(rank: number, stream: number, seq: number): boolean
  /** An own total cast got its position. */
  placedOwn(): void
  /** An own gbcast is delivered. */
  cutOwn(): void
}

/** Outside the primary component, what a consistent group had not released is nobody's to deliver. */
function isKept({ options }: Group, cut: CutUnderWay | null): boolean {
  return cut !== null && !cut.isPrimary && isHeldBack(options)
}

/** Do casts of such a group wait for the primary component? */
export function isHeldBack(options: GroupOptions): boolean {
  return options.uniform && options.consistency === 'consistent'
}

function bySeq(a: Held, b: Held): number {
  return a.cast.seq - b.cast.seq
}

/** The delivery engine of one kernel. */
export class Delivery {
  private readonly core: Core
  private readonly hooks: DeliveryHooks
  private readonly engines: Readonly<Record<TotalEngineName, TotalEngine>>
  readonly domains: Domains
  /** Casts of fifo and causal groups that wait. */
  private pending: Held[] = []
  /** Casts of a group view that is not installed here yet. */
  private early: Held[] = []
  /** Casts that the cut under way has not delivered: see `isKept`. */
  private kept: Held[] = []
  /** Held gbcasts over all groups. */
  private gbcasts = 0
  private isPumping = false

  constructor(core: Core, hooks: DeliveryHooks) {
    this.core = core
    this.hooks = hooks
    const engineHooks: EngineHooks = {
      placedOwn: hooks.placedOwn,
      isReleased: (held) => this.isReleased(held),
      holdsAllCounted: (group, install) => this.holdsAllCounted(group, install),
      addDep: (rank, stream, seq) => this.addDep(rank, stream, seq),
    }
    const sequencer = new Sequencer(core, engineHooks)
    const moving = new MovingSequencer(core, sequencer)
    this.engines = { sequencer, moving, 'round-robin': new RoundRobin(core, engineHooks) }
    this.domains = new Domains(core, engineHooks)
  }

  /** What orders the casts of a total group. */
  engineOf({ options: { engine, domain } }: Group): TotalEngine {
    if (domain !== undefined) return this.domains
    return engine === undefined ? this.engines.sequencer : this.engines[engine]
  }

  /** A new space view: nothing of the old one is left. */
  reset(): void {
    this.pending = []
    this.early = []
    this.kept = []
    this.gbcasts = 0
    this.domains.reset()
  }

  /** Takes hold of a cast from its sender, in order, or of an own one; what was forwarded before is here already. */
  receive(cast: Cast, rank: number): void {
    const { era } = this.core
    if (cast.seq <= (era.received[rank] ?? 0)) return
    era.received[rank] = cast.seq
    if (era.forwarded.has(castKey(rank, cast.seq))) return
    const held: Held = { cast, rank, isDelivered: false, isDropped: false }
    const list = era.held[rank]
    list?.push(held)
    // Later ones of the sender may have been forwarded before (seed 4009, `uniform`).
    if (era.forwarded.size > 0) list?.sort(bySeq)
    this.route(held)
  }

  /** Takes hold of a cast that a survivor forwards. The flush may be superseded, and the sender's own frames still come. */
  receiveForwarded(cast: Cast, rank: number): void {
    const { era } = this.core
    const list = era.held[rank]
    if (list === undefined || cast.seq <= (era.received[rank] ?? 0)) return
    const key = castKey(rank, cast.seq)
    if (era.forwarded.has(key)) return
    era.forwarded.add(key)
    const held: Held = { cast, rank, isDelivered: false, isDropped: false }
    list.push(held)
    list.sort(bySeq)
    this.route(held)
  }

  private route(held: Held): void {
    const { cast } = held
    const group = this.core.era.groups.get(cast.gid)
    if (group === undefined || group.gn !== cast.gn) {
      insertSorted(this.early, held)
    } else if (cast.order !== null && isRecord(cast)) {
      this.engineOf(group).takeRecord(group, held, cast.order)
    } else if (cast.isGbcast) {
      this.gbcasts += 1
      insertSorted(group.gbcasts, held)
    } else if (group.options.order === 'total') {
      this.engineOf(group).take(group, held)
    } else {
      insertSorted(this.pending, held)
    }
  }

  /** A group view was installed: casts that were too early for the old one have their place now. */
  rerouteEarly(): void {
    const early = this.early
    this.early = []
    for (const held of early) if (!held.isDropped) this.route(held)
  }

  /** The causal past of a cast to be sent now. */
  buildDeps(): number[] {
    const { era } = this.core
    const deps: number[] = []
    for (const [key, seq] of era.deps) {
      const rank = Math.floor(key / 524_288)
      if (era.isSettled(rank, seq)) {
        era.deps.delete(key)
        continue
      }
      deps.push(rank, key % 524_288, seq)
    }
    return deps
  }

  /** Delivers what can be delivered. */
  pump(): void {
    const { era } = this.core
    if (this.isPumping || (era.isClosed && !era.isCutting)) return
    this.isPumping = true
    try {
      for (;;) {
        const next = this.pick()
        if (next !== null) {
          this.deliver(next)
          continue
        }
        if (!this.installDecided()) break
      }
    } finally {
      this.isPumping = false
    }
  }

  private installDecided(): boolean {
    for (const group of this.core.era.groups.values()) {
      if (group.install === null) continue
      if (this.isOldViewDone(group)) {
        this.hooks.installGroup(group)
        return true
      }
    }
    return false
  }

  private isOldViewDone(group: Group): boolean {
    const { era } = this.core
    if (group.install === null) return false
    if (era.isCutting) return this.isAllDelivered(group) && group.gbcasts.every((held) => held.isDropped)
    const { counts, past } = group.install
    for (let i = 0; i + 1 < counts.length; i += 2) {
      const seq = counts[i + 1] ?? 0
      if (seq > (era.delivered.get(streamKey(counts[i] ?? 0, group.gid * 2)) ?? 0)) return false
    }
    if ((group.options.engine ?? 'sequencer') === 'sequencer') return true
    // Nor may a record come when the view that it is of is over: it would be taken for one of a view still to come.
    for (let i = 0; i + 2 < past.length; i += 3) {
      const stream = group.gid * 2 + (past[i + 1] ?? 0)
      if (past[i + 1] === 1 && (past[i + 2] ?? 0) > (era.delivered.get(streamKey(past[i] ?? 0, stream)) ?? 0))
        return false
    }
    return true
  }

  /** Is nothing of the group here that waits, but gbcasts? */
  private isAllDelivered({ gid, gn, total }: Group): boolean {
    for (const held of total.held.values()) if (!held.isDropped) return false
    return !this.pending.some((h) => h.cast.gid === gid && h.cast.gn === gn && !h.isDropped)
  }

  private pick(): Held | null {
    let best: Held | null = null
    let afterSignal: Held | null = null
    for (const held of this.pending) {
      if (held.isDropped || !this.canDeliver(held)) continue
      if (this.comesAfterSignal(held)) {
        afterSignal ??= held
        continue
      }
      best = held
      break
    }
    for (const group of this.core.era.groups.values()) {
      if (group.options.order !== 'total' || group.total.held.size === 0) continue
      const held = this.engineOf(group).first(group)
      if (held === null || (best !== null && compareHeld(best, held) < 0)) continue
      if (this.areDepsMet(held)) best = held
    }
    if (best === null && this.gbcasts > 0) best = this.pickGbcast()
    return best ?? afterSignal
  }

  private pickGbcast(): Held | null {
    for (const group of this.core.era.groups.values()) {
      const held = this.nextGbcast(group)
      if (held !== null && this.areDepsMet(held)) return held
    }
    return null
  }

  /** The group's next gbcast, if the cut before which it comes is decided, and all else up to there is delivered. */
  private nextGbcast(group: Group): Held | null {
    const { era } = this.core
    const held = group.gbcasts.find(({ isDropped }) => !isDropped)
    if (held === undefined || !this.isAllDelivered(group)) return null
    if (era.isCutting) return held
    if (group.install === null || !this.holdsAllCounted(group, group.install)) return null
    return group.options.uniform && !this.isReleased(held) ? null : held
  }

  /**
   * At a cut, of a uniform group without positions: nobody who comes along has delivered it. It comes after all that
   * somebody has, and never before what that depends on: whoever delivered a cast had delivered its causal past.
   */
  private comesAfterSignal(held: Held): boolean {
    if (!this.core.era.isCutting) return false
    const group = this.core.era.groups.get(held.cast.gid)
    return group?.options.uniform === true && !this.isReleasedByMover(group, held)
  }

  private canDeliver(held: Held): boolean {
    const group = this.core.era.groups.get(held.cast.gid)
    if (group === undefined) return false
    if (group.options.uniform && !this.isReleased(held)) return false
    return group.options.order === 'fifo' || this.areDepsMet(held)
  }

  /** A uniform cast is released when it and its causal past are stable; at the cut, what survivors hold is all there will be. */
  private isReleased(held: Held): boolean {
    const { era } = this.core
    if (era.isCutting) return true
    if (!era.isStable(held.rank, held.cast.seq)) return false
    const { deps } = held.cast
    for (let i = 0; i + 2 < deps.length; i += 3) if (!era.isStable(deps[i] ?? 0, deps[i + 2] ?? 0)) return false
    return true
  }

  private areDepsMet(held: Held): boolean {
    const { era } = this.core
    const { deps } = held.cast
    for (let i = 0; i + 2 < deps.length; i += 3) {
      const rank = deps[i] ?? 0
      const stream = deps[i + 1] ?? 0
      const seq = deps[i + 2] ?? 0
      const gid = stream >> 1
      if (!era.groups.has(gid)) {
        if (!era.isCutting && this.hooks.mightConcern(rank, stream, seq)) return false
        continue
      }
      if ((era.delivered.get(streamKey(rank, stream)) ?? 0) >= seq) continue
      if (!era.isCutting) return false
      // At the cut everything that will ever come is held: a dependency that is not is void.
      if (this.isWaitingFor(rank, stream, seq)) return false
    }
    return true
  }

  private isWaitingFor(rank: number, stream: number, seq: number): boolean {
    for (const held of this.core.era.held[rank] ?? []) {
      if (held.cast.seq > seq) break
      if (held.isDelivered || held.isDropped || isRecord(held.cast)) continue
      if (held.cast.gid * 2 === stream) return true
    }
    return false
  }

  /** Whoever has entered the group in this space view is never sent what was counted before that. */
  private holdsAllCounted(group: Group, { counts }: GroupInstall): boolean {
    const { era } = this.core
    for (let i = 0; i + 1 < counts.length; i += 2) {
      const rank = counts[i] ?? 0
      const delivered = era.delivered.get(streamKey(rank, group.gid * 2)) ?? 0
      if (Math.max(era.received[rank] ?? 0, delivered) < (counts[i + 1] ?? 0)) return false
    }
    return true
  }

  private deliver(held: Held): void {
    const { core } = this
    const { era } = core
    const { cast, rank } = held
    const group = era.groups.get(cast.gid)
    const from = era.members[rank]
    if (group === undefined || from === undefined) return
    held.isDelivered = true
    if (rank === era.selfRank) core.ackedDirty = true
    const isReleased = this.isReleasedByMover(group, held)
    if (cast.isGbcast) this.takeGbcast(group, held)
    else if (group.options.order === 'total') this.engineOf(group).done(group, held)
    else this.pending.splice(this.pending.indexOf(held), 1)
    if (cast.lamport > core.lamport) core.lamport = cast.lamport
    this.remember(cast, rank)
    if (era.isStable(rank, cast.seq)) {
      const list = era.held[rank]
      if (list !== undefined) era.held[rank] = list.filter((h) => h !== held)
    }
    if (!isReleased && isKept(group, era.cut)) {
      this.keep(group, held, from)
      return
    }
    // Of a view that nobody here is told of.
    if (group.untold !== null) return
    if (era.isCutting && group.options.uniform && !isReleased && !group.isTransSignalled) {
      group.isTransSignalled = true
      core.app({ type: 'trans', group: group.name, view: group.viewId, trans: core.cutMovers() })
    }
    group.deliveredN.set(from, cast.n)
    core.backlogBytes += cast.payload.length
    core.app({ type: 'deliver', group: group.name, from, n: cast.n, view: group.viewId, payload: cast.payload })
  }

  /** At a cut: has somebody who comes along delivered it before? Then all do, and the cut tells nothing new of it. */
  private isReleasedByMover(group: Group, held: Held): boolean {
    const { gn, seq } = held.cast
    const released = this.core.era.cut?.released.get(group.gid)
    if (released === undefined || group.untold !== null) return false
    for (const [from, to] of released.whole) if (from <= gn && gn < to) return true
    if (group.options.order !== 'total') return seq <= (released.last.get(held.rank) ?? 0) || this.isStableToMover(held)
    return group.total.next < (released.next.get(gn) ?? 0)
  }

  /**
   * Does somebody who comes along know that all hold it, and its causal past? Whoever is in no group of what comes before
   * it may have released what comes after it (seed 47, `uniform`). A gbcast waits for what is counted besides, which need
   * not be here (seed 346, `gbcast`).
   */
  private isStableToMover({ cast: { seq, deps, isGbcast }, rank }: Held): boolean {
    if (isGbcast) return false
    const stable = this.core.era.cut?.stable ?? []
    if (seq > (stable[rank] ?? 0)) return false
    for (let i = 0; i + 2 < deps.length; i += 3) if ((deps[i + 2] ?? 0) > (stable[deps[i] ?? 0] ?? 0)) return false
    return true
  }

  /**
   * Not delivered, but kept with the state. Members who were cut off may have delivered it, since it is held here; if the
   * next primary view forms without them, on the state kept here, it must contain it.
   */
  private keep(group: Group, held: Held, from: ProcessId): void {
    const { core } = this
    this.kept.push(held)
    const view = group.untold?.viewId ?? group.viewId
    core.trace({ e: 'kept', m: `${from}#${held.cast.n}`, g: group.name, view })
    if (!group.options.state) return
    core.app({
      type: 'keep',
      group: group.name,
      from,
      n: held.cast.n,
      view,
      payload: held.cast.payload,
    })
  }

  /** What the cut has kept. */
  takeKept(): Held[] {
    return this.kept.splice(0)
  }

  private takeGbcast(group: Group, held: Held): void {
    group.gbcasts = group.gbcasts.filter((each) => each !== held)
    this.gbcasts -= 1
    // By that, flush rows tell that it is delivered.
    group.total.next += 1
    if (held.rank === this.core.era.selfRank) this.hooks.cutOwn()
  }

  /** The cast and its causal past belong to the causal past of everything this process does from now on. */
  private remember(cast: Cast, rank: number): void {
    const { era } = this.core
    era.delivered.set(streamKey(rank, cast.gid * 2), cast.seq)
    for (let i = 0; i + 2 < cast.deps.length; i += 3) {
      this.addDep(cast.deps[i] ?? 0, cast.deps[i + 1] ?? 0, cast.deps[i + 2] ?? 0)
    }
    this.addDep(rank, cast.gid * 2, cast.seq)
  }

  addDep(rank: number, stream: number, seq: number): void {
    const { era } = this.core
    if (era.isSettled(rank, seq)) return
    const key = streamKey(rank, stream)
    if (seq > (era.deps.get(key) ?? 0)) era.deps.set(key, seq)
  }

  /** Is anything left that ought to be deliverable? After a cut nothing may be. */
  leftovers(): Held[] {
    const left = this.pending.filter((h) => !h.isDropped)
    for (const { total, gbcasts } of this.core.era.groups.values()) {
      for (const held of total.held.values()) if (!held.isDropped) left.push(held)
      left.push(...gbcasts.filter((held) => !held.isDropped))
    }
    return left
  }

  /** At a cut: casts of group views that were never decided. */
  dropEarly(): Held[] {
    const early = this.early
    this.early = []
    for (const held of early) held.isDropped = true
    return early
  }
}
