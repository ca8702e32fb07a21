/**
 * Those who wait for one thing to happen.
 */

interface Waiter {
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** Any number of promises that are settled together. */
export class Waiters {
  readonly #waiting = new Set<Waiter>()

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  /** Waits for the next {@link resolve} or {@link reject}, or until the signal aborts. */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', () => this.#waiting.delete(waiter) && reject(signal.reason), { once: true })
    })
  }

  resolve(): void {
    for (const { resolve } of this.#waiting) resolve()
    this.#waiting.clear()
  }

  reject(reason: unknown): void {
    for (const { reject } of this.#waiting) reject(reason)
    this.#waiting.clear()
  }
}
