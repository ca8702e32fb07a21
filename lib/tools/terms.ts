/**
 * What a machine has granted to this process under a token, for as long as that is sure: a leadership, the run of a `once`.
 *
 * A term begins only with a grant that is still in force, and not with one that has waited here while this process slept or
 * was cut off: that one must first be confirmed by an answer of the others. It ends with the lease, with the line, or when
 * the state says that another has it.
 *
 * Source: Gray, Cheriton 1989 (leases).
 */
import { type Holding, Leases } from '../objects/leases.ts'
import type { GroupPort } from '../objects/replica.ts'
import type { Token } from '../objects/token.ts'

/** Before something is tried or looked at again, in ms. */
export const RETRY_MS = 50

/** One grant in this process's hands. */
export class Term implements Holding {
  /** What is granted. */
  readonly key: string
  readonly token: Token
  readonly #controller = new AbortController()

  constructor(key: string, token: Token) {
    this.key = key
    this.token = token
  }

  /** Aborts when it is over, or may be. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isLost(): boolean {
    return this.signal.aborted
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason)
  }
}

/** What the state at this process says. */
export interface GrantState {
  /** Is that what this process is granted there? */
  isGranted(key: string, token: Token): boolean
  /** Is it the state in force: of the primary view that this process is in? */
  isInForce(): boolean
}

/** How terms are granted. */
export interface TermSettings {
  /** How long a holder may act on what it last heard, in ms. */
  readonly leaseMs: number
  /** What is granted, in errors: `the leadership`. */
  readonly what: string
}

/** The terms of one process in one group. */
export class Terms {
  readonly #port: GroupPort
  readonly #state: GrantState
  readonly #leases: Leases<string, Term>
  /** What ends pauses when the clock does. */
  readonly #pauses = new Set<() => void>()
  #isStopped = false

  constructor(port: GroupPort, { leaseMs, what }: TermSettings, state: GrantState) {
    this.#port = port
    this.#state = state
    this.#leases = new Leases(port, leaseMs, what)
  }

  /** What was asked for at `since` was granted. Null if it is no longer, or if the signal aborted before that was sure. */
  async begin(grant: { key: string; token: Token; since: number }, signal?: AbortSignal): Promise<Term | null> {
    const { key, token, since } = grant
    if (!this.#leases.isFresh(since)) await this.#untilConfirmed(grant, signal)
    if (this.#isStopped || signal?.aborted || !this.#state.isGranted(key, token)) return null
    const term = new Term(key, token)
    this.#leases.hold(key, { thing: term, token, since })
    return term
  }

  /** It waited here: the others must have answered since, and this state must still be theirs. */
  async #untilConfirmed({ key, token }: { key: string; token: Token }, signal?: AbortSignal): Promise<void> {
    const since = this.#port.now()
    while (!this.#isStopped && !signal?.aborted && this.#state.isGranted(key, token)) {
      const start = this.#port.leaseStart()
      if (start !== null && start > since && this.#state.isInForce()) return
      await this.pause()
    }
  }

  /** Its holder has done with it. */
  end({ key, token }: Term): void {
    this.#leases.end(key, token, false)
  }

  /** A batch of deliveries is over. */
  settled(): void {
    this.#leases.loseUnless((key, token) => this.#state.isGranted(key, token))
    this.#leases.watchLine()
  }

  /** Waits a little, or until everything ends. */
  pause(): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const cancel = this.#port.after(RETRY_MS, end)
      this.#pauses.add(end)
    })
  }

  /** Nothing is held any more. */
  stop(reason: Error): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#leases.stop(reason)
    for (const end of [...this.#pauses]) end()
  }
}
