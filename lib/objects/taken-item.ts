/**
 * An item of a queue in this process's hands.
 */
import type { DeepReadonly } from './events.ts'
import type { Token } from './token.ts'

/** How an item that failed goes on. */
export interface FailOptions {
  /** Nobody takes it again for so long, in ms: 0 to 2,147,483,647, by default 0. */
  readonly delay?: number
  /** Trying again would not help: it becomes a dead letter at once. By default false. */
  readonly dead?: boolean
}

/** How a taken item acts on its queue. */
export interface ItemActions {
  done(item: TakenItem<unknown>, result: unknown): Promise<void>
  fail(item: TakenItem<unknown>, reason: unknown, options: FailOptions): Promise<void>
  extend(item: TakenItem<unknown>, ms: number | undefined): Promise<void>
}

type About<T> = Pick<TakenItem<T>, 'id' | 'item' | 'token' | 'attempts' | 'priority'>

/** An item that this process holds, until `done` or `fail`, or until the others give it to someone else. */
export class TakenItem<T> {
  /** The item's id, the same at every member. */
  readonly id: string
  /** The item itself. */
  readonly item: DeepReadonly<T>
  /** Present it with every write to a guarded resource, which refuses a token lower than one it has seen. */
  readonly token: Token
  /** How often somebody has had the item in hand, this time included. */
  readonly attempts: number
  readonly priority: number
  readonly #actions: ItemActions
  /** Made when somebody asks for the signal. */
  #controller: AbortController | null = null
  #lost: Error | null = null
  #isEnding = false

  /** Made by the queue. */
  constructor({ id, item, token, attempts, priority }: About<T>, actions: ItemActions) {
    this.id = id
    this.item = item
    this.token = token
    this.attempts = attempts
    this.priority = priority
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

  /** True once `done` or `fail` was called, unless that was rejected. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  /**
   * Completes the item; it leaves the queue. Resolves when every member holds the completion.
   * Rejects with StaleTokenError if the item was given to someone else meanwhile, or has ended; ValueError or TooLargeError
   * (the result cannot travel), NotPrimaryError, BusyError, UnknownOutcomeError, ClosedError.
   */
  done(result?: unknown): Promise<void> {
    return this.#end(this.#actions.done(this, result))
  }

  /**
   * Gives the item back, in front of those that nobody has tried; or, after as many tries as the queue allows, it becomes a
   * dead letter. Rejects as `done` does, and with UsageError (the delay).
   */
  fail(reason?: unknown, options: FailOptions = {}): Promise<void> {
    return this.#end(this.#actions.fail(this, reason, options))
  }

  /**
   * Says that the work goes on: the time for which the item was taken begins anew, or is `ms` from now on (1 to
   * 2,147,483,647). An item that was taken for no limited time has none until then. Resolves when every member holds that.
   * Rejects with StaleTokenError if it is no longer this process's, or may no longer be; else as `fail` does.
   */
  extend(ms?: number): Promise<void> {
    return this.#actions.extend(this, ms)
  }

  async #end(told: Promise<void>): Promise<void> {
    this.#isEnding = true
    try {
      await told
    } catch (error) {
      this.#isEnding = false
      throw error
    }
  }

  /** Called by the queue alone. */
  abort(reason: Error): void {
    this.#lost ??= reason
    this.#controller?.abort(this.#lost)
  }
}
