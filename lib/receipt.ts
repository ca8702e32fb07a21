/**
 * Receipts: what became of one own cast, as promises that exist only if someone asks.
 */
import type { Receipt } from './objects/replica.ts'

/** How far a cast has come, from here. */
type Progress = 'open' | 'delivered' | 'failed'

interface Deferred {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** The application side's own record of a cast; the application sees it as a {@link Receipt}. */
export class CastReceipt implements Receipt {
  readonly n: number
  /** The group it was cast in. */
  readonly group: string
  /** Payload bytes, for the bound on undelivered casts. */
  readonly bytes: number

  #abortReason: unknown = undefined
  /** Takes the abort listener away once the cast has ended. */
  #unlisten: (() => void) | null = null
  #progress: Progress = 'open'
  #isStable = false
  #failure: unknown = undefined
  #delivered: Deferred | null = null
  #stable: Deferred | null = null

  constructor(n: number, group: string, bytes: number) {
    this.n = n
    this.group = group
    this.bytes = bytes
  }

  /** The abort signal's reason, once it fired: the receipt then rejects with it rather than with a typed error. */
  get abortReason(): unknown {
    return this.#abortReason
  }

  /** True once this process has delivered the cast. */
  get isDelivered(): boolean {
    return this.#progress === 'delivered'
  }

  /** True while the cast counts against the bound on undelivered casts. */
  get isOpen(): boolean {
    return this.#progress === 'open'
  }

  /** True once every member of the view it was sent in holds the cast. */
  get isStable(): boolean {
    return this.#isStable
  }

  /** True if the application asked for {@link stable}. */
  get wantsStable(): boolean {
    return this.#stable !== null
  }

  /** True when nothing more can happen to it. */
  get isSettled(): boolean {
    return this.#progress === 'failed' || (this.#progress === 'delivered' && this.#isStable)
  }

  /** Resolves when this process has delivered the cast. */
  get delivered(): Promise<void> {
    this.#delivered ??= makeDeferred()
    this.#release(this.#delivered, this.#progress === 'delivered')
    return this.#delivered.promise
  }

  /** Resolves when every member of the view it was sent in holds the cast. */
  get stable(): Promise<void> {
    this.#stable ??= makeDeferred()
    this.#release(this.#stable, this.#isStable)
    return this.#stable.promise
  }

  /** Calls `onAbort` if the signal fires before the cast has ended. */
  listenForAbort(signal: AbortSignal, onAbort: () => void): void {
    const listener = (): void => {
      this.#abortReason = signal.reason
      onAbort()
    }
    signal.addEventListener('abort', listener, { once: true })
    this.#unlisten = () => signal.removeEventListener('abort', listener)
  }

  /** The cast was delivered here. */
  markDelivered(): void {
    if (this.#progress !== 'open') return
    this.#progress = 'delivered'
    this.#unlisten?.()
    this.#delivered?.resolve()
  }

  /** The cast is held everywhere. */
  markStable(): void {
    if (this.#isStable || this.#progress === 'failed') return
    this.#isStable = true
    this.#stable?.resolve()
  }

  /** The cast will not be delivered here, or not become stable. */
  fail(reason: unknown): void {
    if (this.#progress === 'failed') return
    if (this.#progress === 'open') this.#progress = 'failed'
    this.#failure = reason
    this.#unlisten?.()
    this.#delivered?.reject(reason)
    if (!this.#isStable) this.#stable?.reject(reason)
  }

  #release(deferred: Deferred, isReached: boolean): void {
    if (isReached) deferred.resolve()
    else if (this.#failure !== undefined) deferred.reject(this.#failure)
  }
}

function makeDeferred(): Deferred {
  let resolve: () => void = () => undefined
  let reject: (reason: unknown) => void = () => undefined
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
