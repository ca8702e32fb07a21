/**
 * One request of a lock at the process that makes it, from the call to the end of its callback.
 */
import type { Claimed } from './holding.ts'
import type { Lock } from './lock.ts'
import type { LockMode, LockWish } from './lock-machine.ts'

/** The longest name of a lock, in UTF-16 code units: the specification sets none. */
export const LOCK_NAME_MAX = 65_536

/** What the API rejects with where the page is no more. */
export function spaceClosed(): DOMException {
  return new DOMException('the space is closed', 'InvalidStateError')
}

/** What is asked for, checked. */
export interface LockAsk {
  readonly name: string
  readonly mode: LockMode
  readonly wish: LockWish
  readonly signal: AbortSignal | undefined
  readonly callback: (lock: Lock | null) => unknown
  /** What is not given up before it is answered. */
  readonly holding?: readonly Claimed[]
}

/** A request that its promise has not been settled for. */
export class OpenLockRequest {
  readonly ask: LockAsk
  /** Settles as the API says. */
  readonly promise: Promise<unknown>
  /** When it was asked for, or asked for again, by this process's clock. */
  since = 0
  /** When what was granted for it came, if no lease was left then. */
  lateSince: number | null = null
  /** Its callback has been called: it cannot be taken back any more. */
  isBegun = false
  #isSettled = false
  readonly #settled: () => void
  #resolve: (value: unknown) => void = () => undefined
  #reject: (reason: unknown) => void = () => undefined
  readonly #onAbort = (): void => this.reject(this.ask.signal?.reason)

  /** @param settled is told when the promise settles. */
  constructor(ask: LockAsk, settled: (request: OpenLockRequest) => void) {
    this.#settled = () => settled(this)
    this.ask = ask
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    ask.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Its promise has been settled. */
  get isSettled(): boolean {
    return this.#isSettled
  }

  /** Calls the callback: with a lock, or with null if there is none. What it throws is a rejection. */
  begin(lock: Lock | null): Promise<unknown> {
    this.isBegun = true
    this.#stopListening()
    const { callback } = this.ask
    try {
      return Promise.resolve(callback(lock))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  resolve(value: unknown): void {
    if (this.#settle()) this.#resolve(value)
  }

  reject(reason: unknown): void {
    if (this.#settle()) this.#reject(reason)
  }

  /** Once. Not by the promise itself: that would hide from the browser that nobody handles its rejection. */
  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#stopListening()
    this.#settled()
    return true
  }

  #stopListening(): void {
    this.ask.signal?.removeEventListener('abort', this.#onAbort)
  }
}
