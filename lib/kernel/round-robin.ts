/**
 * Round robin: the members have the positions in turn, so that nobody gives any.
 *
 * Protocol: member i of n has the positions i, n + i, 2n + i …, its *turns*, and uses them in order; a cast carries the
 *   number of the turn that it takes. A member that sees a cast at a position above its own next turn, and has nothing
 *   to cast, passes: one record, with the number of its next turn, passes all turns below that position. Nobody passes
 *   for a pass: without casts there is no traffic. A position's turn comes when everybody's turns below it are used or
 *   passed, which links in order tell. 1 delay when all cast alike; else 2, for the passes.
 * Provides: O8 within the group: whoever has delivered up to a position has used its own turns below, so what it casts
 *   next comes later. The moment of a position (`total.ts`) is that in which the last turn up to it is used or passed.
 *   O5: a cast is its own record. Whoever lacks a pass knows no other cast at the positions that were passed.
 * At the end of a view all that was cast in it is here: turns that are neither used nor passed are void, and the casts
 *   come in the order of their positions. So nothing is without a position, at no cut. A member that is silent holds up
 *   all others until the flush excludes it.
 * Bounds: a number for each member; what is held is bounded by the senders' windows.
 * Source: Derecho (Jha et al., TOCS 36(2), 2019): round-robin order with null sends. Differs: a pass is one record for
 *   many turns, of any number of casts that came in one step; a turn is carried, not counted, so that a cast which is
 *   forwarded at a cut, behind others that are dropped, has the same position everywhere.
 */
import type { Core } from './core.ts'
import { type Held, streamKey } from './era.ts'
import { castKey, type Group, type RoundRobinState } from './group.ts'
import { type EngineHooks, nothingToSay, type TotalEngine } from './total.ts'

/** Turns above are nobody's: positions stay whole numbers. */
const turnMax = 2 ** 40

/** See {@link TotalEngine}. */
export class RoundRobin implements TotalEngine {
  private readonly core: Core
  private readonly hooks: EngineHooks

  constructor(core: Core, hooks: EngineHooks) {
    this.core = core
    this.hooks = hooks
  }

  stamp(group: Group): readonly number[] {
    return [this.nextTurn(group)]
  }

  private nextTurn(group: Group): number {
    return stateOf(group).turns[this.placeOf(group, this.core.era.selfRank)] ?? 0
  }

  /** Its rank in the group view; −1 for one that is not in it. */
  private placeOf(group: Group, rank: number): number {
    const { places } = stateOf(group)
    const known = places.get(rank)
    if (known !== undefined) return known
    const place = group.members.indexOf(this.core.era.members[rank] ?? '')
    places.set(rank, place)
    return place
  }

  take(group: Group, held: Held): void {
    const { total, members } = group
    const state = stateOf(group)
    const { rank, cast } = held
    const place = this.placeOf(group, rank)
    const turn = Math.min(cast.order?.[0] ?? 0, turnMax)
    const position = turn * members.length + place
    total.held.set(castKey(rank, cast.seq), held)
    const { line } = state
    let at = line.length
    while (at > 0 && (line[at - 1]?.position ?? 0) > position) at -= 1
    line.splice(at, 0, { position, held })
    if (position > state.highest) state.highest = position
    if (rank === this.core.era.selfRank) state.own.push(position)
    this.advance(group, place, turn + 1)
  }

  takeRecord(group: Group, held: Held, order: readonly number[]): void {
    const { core } = this
    held.isDelivered = true
    if (held.cast.lamport > core.lamport) core.lamport = held.cast.lamport
    core.era.delivered.set(streamKey(held.rank, group.gid * 2 + 1), held.cast.seq)
    this.advance(group, this.placeOf(group, held.rank), Math.min(order[0] ?? 0, turnMax))
  }

  /** A member has used or passed its turns below that one. */
  private advance(group: Group, place: number, turn: number): void {
    const state = stateOf(group)
    const { turns } = state
    const before = turns[place] ?? turnMax
    if (turn <= before) return
    turns[place] = turn
    const n = group.members.length
    // The first position that is still open stays so unless it was this member's.
    if (before * n + place > state.open) return
    state.open = turns.reduce((min, each, i) => Math.min(min, each * n + i), Number.POSITIVE_INFINITY)
    this.placeOwn(state, state.open)
  }

  /** What is below that position has its place. */
  private placeOwn({ own }: RoundRobinState, position: number): void {
    while ((own[0] ?? Number.POSITIVE_INFINITY) < position) {
      own.shift()
      this.hooks.placedOwn()
    }
  }

  speak(group: Group): readonly (readonly number[])[] {
    const { highest } = stateOf(group)
    if (highest < 0) return nothingToSay
    const place = this.placeOf(group, this.core.era.selfRank)
    const turn = Math.min(Math.floor((highest - place) / group.members.length) + 1, turnMax)
    if (turn <= this.nextTurn(group)) return nothingToSay
    this.core.trace({ e: 'pass', g: group.name, view: group.viewId, turn })
    return [[turn]]
  }

  first(group: Group): Held | null {
    const { era } = this.core
    const { total, install } = group
    const { line, open } = stateOf(group)
    while (line[0]?.held.isDropped) total.held.delete(keyOf(line.shift()?.held))
    const [head] = line
    if (head === undefined) return null
    if (head.position >= open && !era.isCutting) {
      if (install === null || !this.hooks.holdsAllCounted(group, install)) return null
    }
    if (group.options.uniform && !era.isCutting && !this.hooks.isReleased(head.held)) return null
    total.next = head.position
    return head.held
  }

  done(group: Group, held: Held): void {
    const { total } = group
    const state = stateOf(group)
    state.line.shift()
    total.held.delete(keyOf(held))
    total.next += 1
    this.placeOwn(state, total.next)
  }
}

function keyOf(held: Held | undefined): number {
  return held === undefined ? -1 : castKey(held.rank, held.cast.seq)
}

function stateOf({ total: { roundRobin } }: Group): RoundRobinState {
  if (roundRobin === null) throw new Error('round robin without its state')
  return roundRobin
}
