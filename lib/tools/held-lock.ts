/**
 * A lock in this process's hands.
 */
import type { Holding } from '../objects/leases.ts'
import type { Token } from '../objects/token.ts'
import type { Mode } from './lock-state.ts'

/** What the callback of `locks.request` is given: a `Lock` of the Web Locks API, with a token and a signal. */
export class HeldLock implements Holding {
  readonly name: string
  readonly mode: Mode
  /**
   * Present it with every write to a guarded resource, which refuses a token lower than one it has seen. Higher than the
   * token of any lock of this space that was granted before.
   */
  readonly token: Token
  /** Made when somebody asks for the signal. */
  #controller: AbortController | null = null
  #lost: Error | null = null

  /** Made by the lock manager. */
  constructor({ name, mode, token }: Pick<HeldLock, 'name' | 'mode' | 'token'>) {
    this.name = name
    this.mode = mode
    this.token = token
  }

  /** Aborts with a StaleTokenError when the lock is no longer this process's, or may no longer be: stop the work. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#lost !== null) this.#controller.abort(this.#lost)
    }
    return this.#controller.signal
  }

  /** True once it was aborted. */
  get isLost(): boolean {
    return this.#lost !== null
  }

  /** Called by the lock manager alone. */
  abort(reason: Error): void {
    this.#lost ??= reason
    this.#controller?.abort(this.#lost)
  }
}
