/**
 * A lock in this process's hands: what the application sees of it, and how it is lost.
 */
import type { Holding } from '../objects/leases.ts'
import type { Token } from '../objects/token.ts'
import type { LockMode } from './lock-machine.ts'

/** A lock that was granted to this process, until the callback it was handed to has ended, or it is lost. */
export class Lock {
  /** What was asked for. */
  readonly name: string
  /** `exclusive`: nobody else holds it; `shared`: others may share it. */
  readonly mode: LockMode
  /** Higher than that of every grant before: present it with every write to a guarded resource, which refuses a lower one than it has seen. */
  readonly token: Token
  readonly #grant: LockGrant

  /** Made by the lock manager. */
  constructor(grant: LockGrant, about: Pick<Lock, 'name' | 'mode' | 'token'>) {
    this.#grant = grant
    this.name = about.name
    this.mode = about.mode
    this.token = about.token
  }

  /**
   * Aborts when the lock is no longer this process's, or may no longer be: with an `AbortError` if it was stolen, with a
   * StaleTokenError if the lease has run out, the others have given it away, or the space is closed.
   */
  get signal(): AbortSignal {
    return this.#grant.signal
  }
}

/** A grant of this process. */
export class LockGrant implements Holding {
  readonly lock: Lock
  /** Called when it is lost. */
  onLost: () => void = () => undefined
  /** Its callback has ended: it is about to be given up. */
  isEnding = false
  /** Made when somebody asks for the signal. */
  #controller: AbortController | null = null
  #lost: Error | null = null

  constructor(about: Pick<Lock, 'name' | 'mode' | 'token'>) {
    this.lock = new Lock(this, about)
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#lost !== null) this.#controller.abort(this.#lost)
    }
    return this.#controller.signal
  }

  get isLost(): boolean {
    return this.#lost !== null
  }

  abort(reason: Error): void {
    if (this.#lost !== null) return
    this.#lost = reason
    this.#controller?.abort(reason)
    this.onLost()
  }
}
