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
      const onAbort = (): void => {
        this.#waiting.delete(waiter)
        reject(signal?.reason)
      }
      // A signal may outlive any number of waits.
      const end = (): void => signal?.removeEventListener('abort', onAbort)
      const waiter: Waiter = {
        resolve() {
          end()
          resolve()
        },
        reject(reason) {
          end()
          reject(reason)
        },
      }
      if (signal?.aborted) return reject(signal.reason)
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', onAbort, { once: true })
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
