/**
 * The timers of a space's objects: they end with the space, so that a closed one keeps nothing alive.
 */
import type { Backend } from './backend.ts'
import type { Platform } from './platform.ts'

/** A hidden page's timers are late by up to a second: the backend looks after those that are so long, leases among them. */
const LONG_MS = 1_000

/** The timers of one space. */
export class Timers {
  readonly #platform: Platform
  readonly #backend: () => Backend | null
  /** The cancel functions of those that run. */
  readonly #running = new Set<() => void>()
  #isStopped = false

  /** @param backend null as long as there is none. */
  constructor(platform: Platform, backend: () => Backend | null) {
    this.#platform = platform
    this.#backend = backend
  }

  /** Runs `fn` after `ms`, unless they are stopped before; returns the cancel function. */
  after(ms: number, fn: () => void): () => void {
    if (this.#isStopped) return () => undefined
    const fire = (): void => {
      cancel()
      fn()
    }
    const stop = this.#platform.setTimer(ms, fire)
    const stopOther = ms < LONG_MS ? undefined : this.#backend()?.after?.(ms, fire)
    const cancel = (): void => {
      stop()
      stopOther?.()
      this.#running.delete(cancel)
    }
    this.#running.add(cancel)
    return cancel
  }

  /** Cancels all, for good. */
  stop(): void {
    this.#isStopped = true
    for (const cancel of [...this.#running]) cancel()
  }
}
