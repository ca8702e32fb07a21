/**
 * The fixed sequencer: the first member of the group view gives the positions.
 *
 * Protocol: it numbers a cast once all casts of the group that come before it (happens-before) are numbered, smallest
 *   Lamport stamp first, and multicasts the numbers of one step in one record: a first position, then pairs (rank, seq).
 *   2 delays, 1 for its own casts. If it is gone, the flush settles what it had not numbered, or told nobody.
 * Provides: the moment of a position (see `total.ts`) is that in which the record is made.
 * Bounds: `recordsPerCast` positions in a record; what is held is bounded by the senders' windows.
 * Source: Isis ABCAST by sequencer; Kaashoek, Tanenbaum 1991 (BB). Differs: records go in batches, one a step.
 */
import type { Core } from './core.ts'
import { type Held, streamKey } from './era.ts'
import { castKey, type Group } from './group.ts'
import { compareHeld, type EngineHooks, insertSorted, nothingToSay, type TotalEngine } from './total.ts'

/** Positions in one record. */
const recordsPerCast = 512

/** See {@link TotalEngine}. */
export class Sequencer implements TotalEngine {
  private readonly core: Core
  private readonly hooks: EngineHooks

  constructor(core: Core, hooks: EngineHooks) {
    this.core = core
    this.hooks = hooks
  }

  stamp(): null {
    return null
  }

  take({ total }: Group, held: Held): void {
    const key = castKey(held.rank, held.cast.seq)
    total.held.set(key, held)
    if (!total.placed.has(key)) insertSorted(total.unnumbered, held)
  }

  takeRecord(group: Group, held: Held, order: readonly number[]): void {
    const { era } = this.core
    held.isDelivered = true
    const { total } = group
    let position = order[0] ?? 0
    for (let i = 1; i + 1 < order.length; i += 2) {
      const rank = order[i] ?? 0
      const seq = order[i + 1] ?? 0
      const key = castKey(rank, seq)
      if (!total.placed.has(key)) {
        total.placed.add(key)
        total.records.set(position, { rank, seq, by: held.rank, bySeq: held.cast.seq })
        if (rank === era.selfRank) {
          this.hooks.placedOwn()
          // What is cast from here on counts on that position: where the record is lost, so is that (cut.ts).
          this.hooks.addDep(held.rank, group.gid * 2 + 1, held.cast.seq)
        }
      }
      position += 1
    }
    if (total.unnumbered.length > 0) {
      total.unnumbered = total.unnumbered.filter((h) => !total.placed.has(castKey(h.rank, h.cast.seq)))
    }
    if (held.cast.lamport > this.core.lamport) this.core.lamport = held.cast.lamport
    era.delivered.set(streamKey(held.rank, group.gid * 2 + 1), held.cast.seq)
  }

  speak(group: Group): readonly (readonly number[])[] {
    if (group.total.unnumbered.length === 0 || group.members[0] !== this.core.self) return nothingToSay
    return this.number(group)
  }

  /** Gives the next positions to what can get them. */
  number({ total, gid }: Group): readonly (readonly number[])[] {
    const batch: number[] = []
    const rest: Held[] = []
    for (const held of total.unnumbered) {
      if (this.isPastNumbered(total.numbered, gid, held)) {
        batch.push(held.rank, held.cast.seq)
        total.numbered.set(held.rank, held.cast.seq)
      } else rest.push(held)
    }
    total.unnumbered = rest
    if (batch.length === 0) return nothingToSay
    this.core.trace({ e: 'number', gid, count: batch.length / 2 })
    const records: (readonly number[])[] = []
    for (let at = 0; at < batch.length; at += recordsPerCast * 2) {
      const pairs = batch.slice(at, at + recordsPerCast * 2)
      records.push([total.assigned, ...pairs])
      total.assigned += pairs.length / 2
    }
    return records
  }

  private isPastNumbered(numbered: ReadonlyMap<number, number>, gid: number, held: Held): boolean {
    const { deps } = held.cast
    for (let i = 0; i + 2 < deps.length; i += 3) {
      if (deps[i + 1] !== gid * 2) continue
      if ((deps[i + 2] ?? 0) > (numbered.get(deps[i] ?? 0) ?? 0)) {
        // A cast of an earlier view of the group was delivered before this view began.
        if ((this.core.era.delivered.get(streamKey(deps[i] ?? 0, gid * 2)) ?? 0) < (deps[i + 2] ?? 0)) return false
      }
    }
    return true
  }

  /** The cast at the next position; at a cut, one without a position when none with one is left. */
  first(group: Group): Held | null {
    const { era } = this.core
    const { total, install } = group
    for (;;) {
      const record = total.records.get(total.next)
      if (record === undefined) break
      const key = castKey(record.rank, record.seq)
      const held = total.held.get(key)
      if (held === undefined || held.isDropped) {
        if (!era.isCutting) return null
        // No survivor holds it, or all dropped it: its position stays empty.
        total.held.delete(key)
        total.records.delete(total.next)
        total.next += 1
        continue
      }
      if (group.options.uniform && !era.isCutting) {
        if (!era.isStable(record.by, record.bySeq) || !this.hooks.isReleased(held)) return null
      }
      return held
    }
    if (era.isCutting) {
      for (const position of total.records.keys()) {
        if (position > total.next) {
          total.next = Math.min(...[...total.records.keys()].filter((p) => p > total.next))
          return this.first(group)
        }
      }
      return smallestUnplaced(group)
    }
    if (install === null || total.next < install.orderEnd || !this.hooks.holdsAllCounted(group, install)) return null
    const held = smallestUnplaced(group)
    if (held !== null && group.options.uniform && !this.hooks.isReleased(held)) return null
    return held
  }

  done(group: Group, held: Held): void {
    const { total } = group
    const key = castKey(held.rank, held.cast.seq)
    total.held.delete(key)
    total.placed.delete(key)
    total.unnumbered = total.unnumbered.length > 0 ? total.unnumbered.filter((h) => h !== held) : total.unnumbered
    const record = total.records.get(total.next)
    if (record !== undefined && record.rank === held.rank && record.seq === held.cast.seq) {
      this.hooks.addDep(record.by, group.gid * 2 + 1, record.bySeq)
      total.records.delete(total.next)
    } else if (held.rank === this.core.era.selfRank) this.hooks.placedOwn()
    // Also one without a position takes one: all who deliver it do so in the same order.
    total.next += 1
  }
}

function smallestUnplaced(group: Group): Held | null {
  let best: Held | null = null
  for (const held of group.total.held.values()) {
    if (held.isDropped) continue
    if (best === null || compareHeld(held, best) < 0) best = held
  }
  return best
}
