/**
 * Events as Yjs has them: by name, with any number of arguments (lib0's `ObservableV2`, which editors expect).
 */

type Listener = (...args: never[]) => void

/** Something with events. `Events` gives the arguments by name. */
export class Emitter<Events extends { readonly [Name in keyof Events]: Listener }> {
  readonly #listeners = new Map<keyof Events, Set<Listener>>()

  /** Calls `fn` at each event of the name. Returns it. */
  on<Name extends keyof Events>(name: Name, fn: Events[Name]): Events[Name] {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(fn))
    return fn
  }

  /** Calls `fn` at the next event of the name. */
  once<Name extends keyof Events>(name: Name, fn: Events[Name]): void {
    const once = ((...args: Parameters<Events[Name]>) => {
      this.off(name, once)
      fn(...args)
    }) as Events[Name]
    this.on(name, once)
  }

  off<Name extends keyof Events>(name: Name, fn: Events[Name]): void {
    this.#listeners.get(name)?.delete(fn)
  }

  /** Calls all who listen. What one throws is an uncaught error, as with `EventTarget`, and keeps nobody from being called. */
  emit<Name extends keyof Events>(name: Name, args: Parameters<Events[Name]>): void {
    for (const fn of [...(this.#listeners.get(name) ?? [])]) {
      try {
        fn(...(args as never[]))
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  /** Forgets all who listen. */
  destroy(): void {
    this.#listeners.clear()
  }
}
