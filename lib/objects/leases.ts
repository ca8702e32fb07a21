/**
 * What this process holds of an object, and its lease on that: items of a queue, locks.
 *
 * A holder may act on what it last heard of the others for one lease. After that they may have given away what it holds,
 * so the signals of all of it abort. The clock decides nothing else here.
 *
 * Source: Gray, Cheriton 1989 (leases).
 */
import { StaleTokenError } from '../errors.ts'
import type { GroupPort } from './replica.ts'
import { sameToken, type Token } from './token.ts'

/** Something in this process's hands. */
export interface Holding {
  /** True once it was aborted. */
  readonly isLost: boolean
  /** It is no longer this process's, or may no longer be. */
  abort(reason: Error): void
}

interface Held<Thing extends Holding> {
  readonly thing: Thing
  readonly token: Token
  /** When it was asked for, by this process's clock. */
  readonly since: number
}

/** What one process holds of one object, by id. */
export class Leases<Id, Thing extends Holding> {
  readonly #port: GroupPort
  readonly #leaseMs: number
  /** What its things are called in errors: `the item`. */
  readonly #what: string
  readonly #held = new Map<Id, Held<Thing>>()
  #cancelLease: (() => void) | null = null
  #line: string | null = null
  /** What was heard, or asked for, until then is no lease any more. */
  #voidUntil = Number.NEGATIVE_INFINITY

  constructor(port: GroupPort, leaseMs: number, what: string) {
    this.#port = port
    this.#leaseMs = leaseMs
    this.#what = what
  }

  has(id: Id): boolean {
    return this.#held.has(id)
  }

  /** Would it be this process's for a while yet, if it was asked for at `since`? */
  isFresh(since: number): boolean {
    return this.#leftOf(since) > 0
  }

  #leftOf(since: number): number {
    const from = Math.max(this.#port.leaseStart() ?? since, since)
    return from > this.#voidUntil ? from + this.#leaseMs - this.#port.now() : 0
  }

  /**
   * Something was given to this process, which asked for it at `since`: then, all others were there. Of what has happened
   * since, a grant says nothing: it may have waited here while this process slept.
   */
  hold(id: Id, held: Held<Thing>): void {
    this.#held.set(id, held)
    // Its lease may end before those of others.
    this.#cancelLease?.()
    this.#cancelLease = null
    this.#watchLease()
  }

  /** A grant has ended. `isTakenAway`: not by this process. */
  end(id: Id, token: Token, isTakenAway: boolean): void {
    const held = this.#held.get(id)
    if (held === undefined || !sameToken(held.token, token)) return
    if (isTakenAway) this.#lose(id, held.thing)
    this.#held.delete(id)
  }

  /** The whole state was replaced: loses what is not granted in it. */
  loseUnless(isGranted: (id: Id, token: Token) => boolean): void {
    for (const [id, { thing, token }] of this.#held) if (!isGranted(id, token)) this.#lose(id, thing)
  }

  /**
   * After each batch of deliveries. The line may be lost to one whose primary component is elsewhere, and may have given
   * away what is held here, whatever the state of those met says: what was heard in the line that is lost is no lease in the
   * other one (seed 100559). In a primary view the state says whose it is; and a line that is founded anew begins with one.
   */
  watchLine(): void {
    const { view } = this.#port
    if (view === null || view.line === this.#line) return
    const isLost = this.#line !== null && !view.primary
    this.#line = view.line
    if (!isLost) return
    this.#voidUntil = this.#port.now()
    this.#cancelLease?.()
    this.#cancelLease = null
    this.#watchLease()
  }

  /** Nothing is held any more. */
  stop(reason: Error): void {
    this.#cancelLease?.()
    for (const { thing } of this.#held.values()) thing.abort(reason)
    this.#held.clear()
  }

  #lose(id: Id, thing: Thing): void {
    this.#held.delete(id)
    thing.abort(new StaleTokenError(`${this.#what} was taken from this process`))
  }

  /** Aborts the signals of what is held once this process has not been heard for a lease. */
  #watchLease(): void {
    if (this.#cancelLease !== null || this.#held.size === 0) return
    let next = Number.POSITIVE_INFINITY
    for (const { thing, since } of this.#held.values()) {
      if (thing.isLost) continue
      const left = this.#leftOf(since)
      if (left > 0) next = Math.min(next, left)
      else
        thing.abort(
          new StaleTokenError(`the lease has run out: the others may have given ${this.#what} to somebody else`),
        )
    }
    if (next === Number.POSITIVE_INFINITY) return
    this.#cancelLease = this.#port.after(next, () => {
      this.#cancelLease = null
      this.#watchLease()
    })
  }
}
