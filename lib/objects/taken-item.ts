/**
 * An item of a queue in this process's hands.
 */
import type { DeepReadonly } from './events.ts'
import type { Token } from './token.ts'

/** How a taken item acts on its queue. */
export interface ItemActions {
  done(item: TakenItem<unknown>, result: unknown): Promise<void>
  fail(item: TakenItem<unknown>, reason: unknown): Promise<void>
}

/** An item that this process holds, until `done` or `fail`, or until the others give it to someone else. */
export class TakenItem<T> {
  /** The item's id, the same at every member. */
  readonly id: string
  /** The item itself. */
  readonly item: DeepReadonly<T>
  /** Present it with every write to a guarded resource, which refuses a token lower than one it has seen. */
  readonly token: Token
  /** How often the item was given to a taker, this time included. */
  readonly attempts: number
  readonly #actions: ItemActions
  /** Made when somebody asks for the signal. */
  #controller: AbortController | null = null
  #lost: Error | null = null

  /** Made by the queue. */
  constructor(about: Omit<TakenItem<T>, 'signal' | 'isLost' | 'done' | 'fail' | 'abort'>, actions: ItemActions) {
    this.id = about.id
    this.item = about.item
    this.token = about.token
    this.attempts = about.attempts
    this.#actions = actions
  }

  /** Aborts with a StaleTokenError when the item is no longer this process's, or may no longer be: stop the work. */
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

  /**
   * Completes the item; it leaves the queue. Resolves when every member holds the completion.
   * Rejects with StaleTokenError if the item was given to someone else meanwhile, UnknownOutcomeError, ClosedError.
   */
  done(result?: unknown): Promise<void> {
    return this.#actions.done(this, result)
  }

  /** Gives the item back, in front of those that were never taken. Rejects as `done` does. */
  fail(reason?: unknown): Promise<void> {
    return this.#actions.fail(this, reason)
  }

  /** Called by the queue alone. */
  abort(reason: Error): void {
    this.#lost ??= reason
    this.#controller?.abort(this.#lost)
  }
}
