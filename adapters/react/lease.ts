/**
 * What a mounted component has open, as `useSyncExternalStore` wants it: a store that begins to open something when it is
 * started, tells how far it is, and lets go when it is stopped.
 *
 * It can be started again: React's StrictMode, and hot reloading, mount a component, unmount it and mount it again.
 */

/** How far something is that takes a while to open. The same object until it changes. */
export type Opening<Value> =
  | { readonly status: 'opening'; readonly value: null; readonly error: null }
  | { readonly status: 'open'; readonly value: Value; readonly error: null }
  | { readonly status: 'failed'; readonly value: null; readonly error: Error }

/** Something on its way, and how to let go of it: at once, also before it is there. */
export interface Lease<Value> {
  readonly ready: Promise<Value>
  release(): void
}

const OPENING: Opening<never> = Object.freeze({ status: 'opening', value: null, error: null })

/** Holds one lease at a time. */
export class LeaseStore<Value> {
  #state: Opening<Value> = OPENING
  #take: (() => Lease<Value>) | null = null
  #lease: Lease<Value> | null = null
  readonly #listeners = new Set<() => void>()

  /** For `useSyncExternalStore`. */
  readonly subscribe = (fn: () => void): (() => void) => {
    this.#listeners.add(fn)
    return () => this.#listeners.delete(fn)
  }

  /** For `useSyncExternalStore`. */
  readonly get = (): Opening<Value> => this.#state

  /** Takes a lease, and gives what lets go of it. */
  start(take: () => Lease<Value>): () => void {
    this.#take = take
    this.#open()
    return () => {
      this.#take = null
      this.#letGo()
    }
  }

  /** Lets go, and takes another lease; nothing if it is not started. */
  readonly restart = (): void => {
    if (this.#take === null) return
    this.#letGo()
    this.#open()
  }

  #open(): void {
    if (this.#take === null) return
    const lease = this.#take()
    this.#lease = lease
    this.#set(OPENING)
    lease.ready.then(
      (value) => {
        if (this.#lease === lease) this.#set(Object.freeze({ status: 'open', value, error: null }))
      },
      (error: unknown) => {
        if (this.#lease === lease) this.#set(Object.freeze({ status: 'failed', value: null, error: toError(error) }))
      },
    )
  }

  #letGo(): void {
    this.#lease?.release()
    this.#lease = null
    this.#set(OPENING)
  }

  #set(state: Opening<Value>): void {
    if (state === this.#state) return
    this.#state = state
    for (const listener of [...this.#listeners]) listener()
  }
}

/** What was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** What a server renders: nothing is opened there. */
export function openingOnServer(): Opening<never> {
  return OPENING
}
