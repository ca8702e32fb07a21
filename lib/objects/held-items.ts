/**
 * The items of a queue that this process holds, and its lease on them.
 *
 * A holder may act on what it last heard of the others for one lease. After that they may have given its items away,
 * so the items' signals abort. The clock decides nothing else here.
 */
import { StaleTokenError } from '../errors.ts'
import type { Grant } from './queue-state.ts'
import type { GroupPort } from './replica.ts'
import type { TakenItem } from './taken-item.ts'

interface Held {
  readonly taken: TakenItem<unknown>
  readonly grant: Grant
  /** When it was asked for. */
  readonly since: number
}

/** What one process holds of one queue. */
export class HeldItems {
  readonly #port: GroupPort
  readonly #leaseMs: number
  readonly #held = new Map<number, Held>()
  #cancelLease: (() => void) | null = null

  constructor(port: GroupPort, leaseMs: number) {
    this.#port = port
    this.#leaseMs = leaseMs
  }

  has(id: number): boolean {
    return this.#held.has(id)
  }

  /** Would it be this process's for a while yet, if it was asked for at `since`? */
  isFresh(since: number): boolean {
    return this.#leftOf(since) > 0
  }

  #leftOf(since: number): number {
    return Math.max(this.#port.leaseStart() ?? since, since) + this.#leaseMs - this.#port.now()
  }

  /**
   * An item was given to this process, which asked for it at `since`: then, all others were there. Of what has happened
   * since, a grant says nothing: it may have waited here while this process slept.
   */
  hold(id: number, held: Held): void {
    this.#held.set(id, held)
    // Its lease may end before those of others.
    this.#cancelLease?.()
    this.#cancelLease = null
    this.#watchLease()
  }

  /** A grant has ended. `isTakenAway`: not by this process. */
  end(id: number, grant: Grant, isTakenAway: boolean): void {
    const held = this.#held.get(id)
    if (held?.grant.token.join() !== grant.token.join()) return
    if (isTakenAway) this.#lose(id, held.taken)
    this.#held.delete(id)
  }

  /** The whole state was replaced: loses what is not granted in it. */
  loseUnless(isGranted: (id: number, grant: Grant) => boolean): void {
    for (const [id, { taken, grant }] of this.#held) if (!isGranted(id, grant)) this.#lose(id, taken)
  }

  /** The queue is closed: everything is lost. */
  stop(): void {
    this.#cancelLease?.()
    for (const { taken } of this.#held.values()) taken.abort(new StaleTokenError('the queue was closed'))
    this.#held.clear()
  }

  #lose(id: number, taken: TakenItem<unknown>): void {
    this.#held.delete(id)
    taken.abort(new StaleTokenError('the item was taken from this process'))
  }

  /** Aborts the signals of held items once this process has not been heard for a lease. */
  #watchLease(): void {
    if (this.#cancelLease !== null || this.#held.size === 0) return
    let next = Number.POSITIVE_INFINITY
    for (const { taken, since } of this.#held.values()) {
      if (taken.isLost) continue
      const left = this.#leftOf(since)
      if (left <= 0) taken.abort(new StaleTokenError('the lease has run out: the others may have given the item away'))
      else next = Math.min(next, left)
    }
    if (next === Number.POSITIVE_INFINITY) return
    this.#cancelLease = this.#port.after(next, () => {
      this.#cancelLease = null
      this.#watchLease()
    })
  }
}
