/**
 * What this process holds by grants of an object (items, locks), and its lease on all of that.
 *
 * A holder may act on what it last heard of the others for one lease. After that they may have given away what it holds,
 * so the signals of all of it abort. The clock decides nothing else here.
 */
import { StaleTokenError } from '../errors.ts'
import type { GroupPort } from './replica.ts'
import { sameToken, type Token } from './token.ts'

/** Something held, as the application sees it. */
export interface Holding {
  readonly token: Token
  /** It was aborted. */
  readonly isLost: boolean
  /** It is no longer this process's, or may no longer be. */
  abort(reason: Error): void
}

interface Held<H> {
  readonly holding: H
  /** When it was asked for. */
  readonly since: number
}

/** How it speaks of what is held. */
export interface LeaseWords {
  /** As in `the item`. */
  readonly thing: string
  /** As in `the queue`. */
  readonly object: string
}

/** What one process holds of one object, by number. */
export class Leases<H extends Holding> {
  readonly #port: GroupPort
  readonly #leaseMs: number
  readonly #words: LeaseWords
  readonly #held = new Map<number, Held<H>>()
  #cancelLease: (() => void) | null = null

  constructor(port: GroupPort, leaseMs: number, words: LeaseWords) {
    this.#port = port
    this.#leaseMs = leaseMs
    this.#words = words
  }

  has(id: number): boolean {
    return this.#held.has(id)
  }

  /**
   * Something was granted to this process, which asked for it at `since`: then, all others were there. Of what has happened
   * since, a grant says nothing: it may have waited here while this process slept.
   */
  hold(id: number, holding: H, since: number): void {
    this.#held.set(id, { holding, since })
    // Its lease may end before those of others.
    this.#cancelLease?.()
    this.#cancelLease = null
    this.#watchLease()
  }

  /** A grant has ended. `isTakenAway`: not by this process. */
  end(id: number, token: Token, isTakenAway: boolean): void {
    const held = this.#held.get(id)
    if (held === undefined || !sameToken(held.holding.token, token)) return
    if (isTakenAway) this.#lose(id, held.holding)
    this.#held.delete(id)
  }

  /** The whole state was replaced: loses what is not granted in it. */
  loseUnless(isGranted: (id: number, token: Token) => boolean): void {
    for (const [id, { holding }] of this.#held) if (!isGranted(id, holding.token)) this.#lose(id, holding)
  }

  /** The object is closed: everything is lost. */
  stop(): void {
    this.#cancelLease?.()
    for (const { holding } of this.#held.values())
      holding.abort(new StaleTokenError(`the ${this.#words.object} was closed`))
    this.#held.clear()
  }

  #lose(id: number, holding: H): void {
    this.#held.delete(id)
    holding.abort(new StaleTokenError(`the ${this.#words.thing} was taken from this process`))
  }

  /** Aborts the signals of what is held once this process has not been heard for a lease. */
  #watchLease(): void {
    if (this.#cancelLease !== null || this.#held.size === 0) return
    const now = this.#port.now()
    let next = Number.POSITIVE_INFINITY
    for (const { holding, since } of this.#held.values()) {
      if (holding.isLost) continue
      const left = Math.max(this.#port.leaseStart() ?? since, since) + this.#leaseMs - now
      if (left <= 0) {
        const { thing } = this.#words
        holding.abort(new StaleTokenError(`the lease has run out: the others may have given the ${thing} away`))
      } else next = Math.min(next, left)
    }
    if (next === Number.POSITIVE_INFINITY) return
    this.#cancelLease = this.#port.after(next, () => {
      this.#cancelLease = null
      this.#watchLease()
    })
  }
}
