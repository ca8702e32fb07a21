/**
 * Domains: total groups of one name of a domain share one total order.
 *
 * Protocol: nobody need be in all the groups, so the order is agreed on by the members of each: whoever gets a cast says a
 *   stamp later than all that it has delivered in the domain, and multicasts it in the cast's group, one record for all
 *   casts of one step. The *place* of a cast is the highest that its group's members say, (stamp, rank); equal ones come
 *   smallest (Lamport, rank, seq) first. A cast is delivered when all have said theirs, and no cast of the domain that is
 *   here can still get a lower place. 2 delays, and (n − 1)² copies of records for each batch of casts.
 * A group's view ends (COUNT) with a stamp that its members promise to say of whatever they have not seen of it by then, so
 *   INSTALL knows a place above all of the old view; until they hold all of it, they deliver nothing above their promises.
 *   In the new view stamps begin above: places grow with views. Whoever sends its count still says stamps.
 * At a cut of the space casts that somebody has said nothing of get the highest place that is said, and one above all that
 *   any of the group's members here has delivered in the domain (told in the rows); never one below an earlier cast of the
 *   same sender. All compute the same. If anybody ever delivered it, everybody had said a stamp, and nobody here has
 *   delivered anything above: so places agree with causality also then. With `uniform`, where nobody has delivered it, it
 *   comes after all that somebody who is gone may have delivered, since it may have said a late stamp of it: whatever has
 *   got its place. Nothing of that depends on it: its sender casts elsewhere only once it is released. A group's view that
 *   follows begins before the order goes on.
 * Provides: O9; O5–O8 per domain. With `uniform`, what is said of a cast is held by all when it is delivered.
 * Liveness: whoever waits for a place below some other waits, at the end of a chain, for a member that has not spoken yet,
 *   or for a group's view change, which waits for lower places only. Nothing that is cast later is waited for.
 * Bounds: what is held is bounded by the senders' windows.
 * Source: Skeen's algorithm (Birman, Joseph 1987, ABCAST); Guerraoui, Schiper 1997 (genuine multicast to several groups).
 *   Differs: stamps go to all, not to the sender (2 delays, not 3); virtual synchrony ends what is left open.
 */
import type { Core } from './core.ts'
import { type Held, streamKey } from './era.ts'
import { castKey, type DomainState, type Group } from './group.ts'
import { boundOf, comparePlacings, type Placing } from './placings.ts'
import { type EngineHooks, nothingToSay, type TotalEngine } from './total.ts'

/** Ranks in a place. */
const span = 1_024
/** Casts in one record. */
const saidPerRecord = 512

/** See {@link TotalEngine}. */
export class Domains implements TotalEngine {
  private readonly core: Core
  private readonly hooks: EngineHooks
  /** By domain: the highest place delivered in this space view. */
  private reached = new Map<string, number>()

  constructor(core: Core, hooks: EngineHooks) {
    this.core = core
    this.hooks = hooks
  }

  /** A new space view. */
  reset(): void {
    this.reached = new Map()
  }

  /** The highest place that this process has delivered in the domain of the group, or 0. */
  reachedIn({ options }: Group): number {
    return this.reached.get(options.domain ?? '') ?? 0
  }

  /** The group's view ends: what is said of its casts from here on. Returns a place that none of them gets above by it. */
  close(group: Group): number {
    const { core } = this
    core.lamport += 1
    stateOf(group).closedAt = core.lamport
    return this.placeAt(core.lamport)
  }

  /** A view of the group begins, after one whose places end there. */
  begin(orderEnd: number): void {
    const { core } = this
    core.lamport = Math.max(core.lamport, Math.ceil(orderEnd / span))
  }

  private placeAt(stamp: number): number {
    return stamp * span + this.core.era.selfRank
  }

  stamp(): null {
    return null
  }

  take(group: Group, held: Held): void {
    const { core } = this
    const state = stateOf(group)
    const key = castKey(held.rank, held.cast.seq)
    const item = itemOf(state, key)
    item.held = held
    group.total.held.set(key, held)
    // Else it is too late to say anything: the cut tells.
    if (!core.era.isClosed) item.own = this.placeAt(this.willSay(state, held))
    state.placings.add(item)
  }

  /** The stamp that this member says of it. */
  private willSay(state: DomainState, { cast, rank }: Held): number {
    const { core } = this
    if (cast.lamport > core.lamport) core.lamport = cast.lamport
    // What is not said yet may be said later: while this process is fenced, it may deliver what must come before.
    if (state.toSay.length === 0 || core.lamport > state.stamp) {
      if (state.closedAt === null) core.lamport += 1
      state.stamp = state.closedAt ?? core.lamport
    }
    state.toSay.push(rank, cast.seq)
    return state.stamp
  }

  takeRecord(group: Group, held: Held, order: readonly number[]): void {
    const { core } = this
    held.isDelivered = true
    if (held.cast.lamport > core.lamport) core.lamport = held.cast.lamport
    core.era.delivered.set(streamKey(held.rank, group.gid * 2 + 1), held.cast.seq)
    const state = stateOf(group)
    const place = (order[0] ?? 0) * span + held.rank
    for (let i = 1; i + 1 < order.length; i += 2) {
      const rank = order[i] ?? 0
      const item = itemOf(state, castKey(rank, order[i + 1] ?? 0))
      item.said += 1
      if (place > item.place) item.place = place
      item.records.push(held.rank, held.cast.seq)
      if (rank === core.era.selfRank && item.said === group.members.length && !group.options.uniform)
        this.hooks.placedOwn()
    }
  }

  speak(group: Group): readonly (readonly number[])[] {
    const state = stateOf(group)
    if (state.toSay.length === 0) return nothingToSay
    const records: (readonly number[])[] = []
    for (let at = 0; at < state.toSay.length; at += saidPerRecord * 2)
      records.push([state.stamp, ...state.toSay.slice(at, at + saidPerRecord * 2)])
    state.toSay = []
    return records
  }

  /** The first cast of the whole domain, if it is of this group. */
  first(group: Group): Held | null {
    const { era } = this.core
    const item = this.lowest(group)
    if (item?.held == null) return null
    if (!era.isCutting) {
      if (item.said < group.members.length) return null
      if (group.options.uniform && !this.isReleased(item, item.held)) return null
    }
    for (const other of era.groups.values()) {
      if (other.options.domain !== group.options.domain) continue
      if (era.isCutting) {
        // Its next view begins first: what was cast there may come before.
        if (other.install !== null && this.lowest(other) === null) return null
      } else if (boundOf(item) >= this.promised(other)) return null
      if (other === group) continue
      const rival = this.lowest(other)
      if (rival !== null && comparePlacings(rival, item) < 0) return null
    }
    return item.held
  }

  /** Of a group whose old view is not all here: the place above which nothing of the domain is delivered. */
  private promised(group: Group): number {
    const { closedAt } = stateOf(group)
    if (closedAt === null) return Number.POSITIVE_INFINITY
    if (group.install !== null && this.hooks.holdsAllCounted(group, group.install)) return Number.POSITIVE_INFINITY
    return this.placeAt(closedAt)
  }

  private isReleased({ records }: Placing, held: Held): boolean {
    const { era } = this.core
    for (let i = 0; i + 1 < records.length; i += 2)
      if (!era.isStable(records[i] ?? 0, records[i + 1] ?? 0)) return false
    return this.hooks.isReleased(held)
  }

  /** Of the casts that are here, the one that may come first. */
  private lowest(group: Group): Placing | null {
    const state = stateOf(group)
    if (this.core.era.isCutting && !state.isCut) this.placeOpen(group, state)
    return state.placings.top()
  }

  /** At a cut: the places of casts that somebody has said nothing of. */
  private placeOpen(group: Group, state: DomainState): void {
    const { era } = this.core
    state.isCut = true
    let floor = 0
    for (const [rank, place] of era.cut?.released.get(group.gid)?.last ?? [])
      if (place >= floor && group.members.includes(era.members[rank] ?? '')) floor = place + 1
    const before: number[] = []
    const items = [...state.items.values()].filter(({ held }) => held !== null && !held.isDropped)
    // Somebody who is gone may have delivered those that all have spoken of, and none of the others.
    if (group.options.uniform)
      for (const { said, place } of items) if (said >= group.members.length && place >= floor) floor = place + 1
    for (const item of items.sort((a, b) => (a.held?.cast.seq ?? 0) - (b.held?.cast.seq ?? 0))) {
      const { rank = 0, cast } = item.held ?? {}
      // What it has not told anybody counts for nothing.
      item.own = 0
      if (item.said < group.members.length)
        item.place = Math.max(item.place, floor, (cast?.lamport ?? 0) * span, before[rank] ?? 0)
      before[rank] = item.place
    }
    state.placings.reset(items)
  }

  done(group: Group, held: Held): void {
    const { total } = group
    const { domain = '' } = group.options
    const key = castKey(held.rank, held.cast.seq)
    const state = stateOf(group)
    const place = state.items.get(key)?.place ?? 0
    if (group.options.uniform && held.rank === this.core.era.selfRank) this.hooks.placedOwn()
    if (place > (this.reached.get(domain) ?? 0)) this.reached.set(domain, place)
    state.items.delete(key)
    total.held.delete(key)
    // By that, flush rows tell how many are delivered.
    total.next += 1
  }
}

function itemOf({ items }: DomainState, key: number): Placing {
  let item = items.get(key)
  if (item === undefined) {
    item = { held: null, place: 0, own: 0, said: 0, records: [], key: 0 }
    items.set(key, item)
  }
  return item
}

function stateOf({ total: { domain } }: Group): DomainState {
  if (domain === null) throw new Error('a domain without its state')
  return domain
}
