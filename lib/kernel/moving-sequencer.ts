/**
 * The moving sequencer: as the fixed one, but the role goes to whom it serves best.
 *
 * Protocol: a group view begins with the fixed sequencer's. Whoever has the role hands it over in a record that gives
 *   positions, as its last word: behind the numbers stands the pair (successor's rank, 0), and behind that (own rank, 0)
 *   if it wants to be spared. The successor numbers from the next position on, once it has all records below: only then
 *   does it know what is still without a number. It goes to a member that made three quarters of the last `moveAfter`
 *   numbered casts, whose casts then take 1 delay; and from a process that its host says is `busy` to any that has not
 *   asked to be spared in this view. A sequencer that is gone is replaced by the flush alone.
 * Provides: one sequencer at a time, in the order of positions; their moments are those of the records, as for the fixed
 *   one, for the successor begins after its predecessor's last.
 * At a cut the records of a successor may be here and some of its predecessor's lost: the positions behind such a gap are
 *   void. Nobody who comes along has delivered by them, and of a uniform group nobody at all, since what comes before a
 *   position there is held by all.
 * Bounds: a list of ranks for each group view.
 * Source: Défago, Schiper, Urbán 2004 (moving sequencers; dynamic ones as in Amoeba's and Horus' with hints). Differs:
 *   no token goes round: an idle or well-placed sequencer keeps the role for ever.
 */
import type { Core } from './core.ts'
import type { Held } from './era.ts'
import { castKey, type Group, type MovingState, type TotalState } from './group.ts'
import type { Sequencer } from './sequencer.ts'
import { nothingToSay, type TotalEngine } from './total.ts'

/** See {@link TotalEngine}. */
export class MovingSequencer implements TotalEngine {
  private readonly core: Core
  private readonly fixed: Sequencer

  constructor(core: Core, fixed: Sequencer) {
    this.core = core
    this.fixed = fixed
  }

  stamp(): null {
    return null
  }

  take(group: Group, held: Held): void {
    this.fixed.take(group, held)
  }

  takeRecord(group: Group, held: Held, order: readonly number[]): void {
    const { total } = group
    const state = stateOf(total)
    let end = order.length
    while (end >= 3 && order[end - 1] === 0) end -= 2
    const numbers = order.slice(0, end)
    for (let i = 1; i + 1 < end; i += 2) {
      const [rank = 0, seq = 0] = numbers.slice(i, i + 2)
      if (!total.placed.has(castKey(rank, seq))) state.known += 1
      if (seq > (total.numbered.get(rank) ?? 0)) total.numbered.set(rank, seq)
    }
    this.fixed.takeRecord(group, held, numbers)
    if (end === order.length) return
    const [successor, , spared] = order.slice(end)
    if (spared !== undefined) state.spared.add(spared)
    if (successor !== this.core.era.selfRank) return
    state.from = (order[0] ?? 0) + (end - 1) / 2
    state.tally.clear()
    total.assigned = state.from
    this.core.trace({ e: 'sequencer', g: group.name, view: group.viewId, position: state.from })
  }

  speak(group: Group): readonly (readonly number[])[] {
    const { total } = group
    const { from, known } = stateOf(total)
    if (total.unnumbered.length === 0 || from === null || known < from) return nothingToSay
    const records = this.fixed.number(group)
    const last = records.at(-1)
    if (last === undefined) return records
    const end = this.handOver(group, records)
    return end.length === 0 ? records : [...records.slice(0, -1), [...last, ...end]]
  }

  /** Counts who made what was numbered. The end of the last record, if it is the last one from here. */
  private handOver(group: Group, records: readonly (readonly number[])[]): readonly number[] {
    const { core } = this
    const state = stateOf(group.total)
    let counted = 0
    for (const record of records) {
      for (let i = 1; i < record.length; i += 2) {
        const rank = record[i] ?? 0
        state.tally.set(rank, (state.tally.get(rank) ?? 0) + 1)
      }
    }
    let most: number | null = null
    for (const [rank, count] of state.tally) {
      counted += count
      if (most === null || count > (state.tally.get(most) ?? 0)) most = rank
    }
    const isDue = counted >= core.limits.moveAfter || core.env.buggify?.('hand-over') === true
    const isMost = most !== null && (state.tally.get(most) ?? 0) * 4 >= counted * 3
    if (isDue) state.tally.clear()
    const { selfRank, ranks } = core.era
    const others = group.members.flatMap((id) => ranks.get(id) ?? []).filter((rank) => this.mayHave(state, rank))
    if (core.isBusy) {
      const successor = isMost && others.includes(most ?? -1) ? most : others[0]
      if (successor === undefined || successor === null) return []
      state.from = null
      return [successor, 0, selfRank, 0]
    }
    if (!isDue || !isMost || !others.includes(most ?? -1)) return []
    state.from = null
    return [most ?? 0, 0]
  }

  private mayHave({ spared }: MovingState, rank: number): boolean {
    return rank !== this.core.era.selfRank && !spared.has(rank)
  }

  first(group: Group): Held | null {
    if (this.core.era.isCutting) this.voidBehindGap(group)
    return this.fixed.first(group)
  }

  /** Once in a cut, when everything is here: what is recorded behind a position that nobody here knows has none. */
  private voidBehindGap({ name, total }: Group): void {
    const state = stateOf(total)
    if (state.isTrimmed) return
    state.isTrimmed = true
    const { records, next } = total
    let position = next
    while (records.has(position)) position += 1
    const isWhole = position - next === records.size
    for (const each of isWhole ? [] : [...records.keys()]) if (each > position) records.delete(each)
    if (!isWhole) this.core.trace({ e: 'voidRecords', g: name, position })
  }

  done(group: Group, held: Held): void {
    this.fixed.done(group, held)
  }
}

function stateOf({ moving }: TotalState): MovingState {
  if (moving === null) throw new Error('a moving sequencer without its state')
  return moving
}
