/**
 * Events that a consistent group keeps until its line goes on.
 *
 * Casts that were held but not released when the primary component was lost may have been delivered by members who were
 * cut off. They, and the views since, take effect as soon as a primary view goes on from the state they are kept with,
 * and travel with every copy of it, so that whoever leads the line on has them.
 */
import { withoutNews } from './group-view.ts'
import type { GroupView, OpInfo } from './objects/replica.ts'

/** A cast that waits, and its place in the agreed sequence. */
export interface WaitingCast {
  readonly payload: Uint8Array
  readonly info: OpInfo
}

/** A cast that a replica may have to apply, or a view that comes after such a cast. */
export type KeptEvent = WaitingCast | GroupView

/** The kept events of one group, in their order. */
export class KeptEvents {
  #events: KeptEvent[] = []

  /** True if nothing is kept: views go to the replica then. */
  get isEmpty(): boolean {
    return this.#events.length === 0
  }

  /** Keeps one more event. `current` is the view that the group is in. */
  add(event: KeptEvent, current: GroupView | null): void {
    // A state says nothing of the view it is in, which whoever gets it with these events must know first.
    if (this.isEmpty && current !== null) this.#events.push(current)
    this.#events.push(event)
  }

  /** Those kept now, for a copy of the state. */
  copy(): readonly KeptEvent[] {
    return [...this.#events]
  }

  /** How many of them are casts. */
  get casts(): number {
    return this.#events.filter((event) => 'payload' in event).length
  }

  /** Takes all of them out. */
  take(): readonly KeptEvent[] {
    return this.#events.splice(0)
  }

  /** Keeps those that came with a state, and no others. Of who has come and gone with its view, the state has heard. */
  replace(events: readonly KeptEvent[]): void {
    this.#events = events.map((event, i) => (i > 0 || 'payload' in event ? event : withoutNews(event)))
  }
}
