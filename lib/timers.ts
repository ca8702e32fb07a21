/**
 * The timers of a space's objects: they end with the space, so that a closed one keeps nothing alive.
 */
import type { Platform } from './platform.ts'

/** The timers of one space. */
export class Timers {
  readonly #platform: Platform
  /** The cancel functions of those that run. */
  readonly #running = new Set<() => void>()
  #isStopped = false

  constructor(platform: Platform) {
    this.#platform = platform
  }

  /** Runs `fn` after `ms`, unless they are stopped before; returns the cancel function. */
  after(ms: number, fn: () => void): () => void {
    if (this.#isStopped) return () => undefined
    const stop = this.#platform.setTimer(ms, () => {
      this.#running.delete(cancel)
      fn()
    })
    const cancel = (): void => {
      stop()
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
