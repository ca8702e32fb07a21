/**
 * What every handle has in common, typed events; and those of objects: `subscribe`, and one change event per batch.
 *
 * Own operations of one task, and deliveries of one batch, end in a single `change` event. The state itself is
 * never late: reads show an operation as soon as the call returns.
 */
import { checkFunction } from './check-function.ts'

/** Who made a change. */
export interface ChangeOrigin {
  /** The process that made it; null if several parts were united and it cannot be told. */
  readonly author: string | null
  /** True if this process made it. */
  readonly local: boolean
}

/** An object has changed: everything since the last such event. */
export class ChangeEvent<Change> extends Event {
  readonly changes: readonly Change[]

  constructor(changes: readonly Change[]) {
    super('change')
    this.changes = changes
  }
}

/** What may listen to an event. */
export type Listener<E extends Event> = ((event: E) => void) | { handleEvent(event: E): void } | null

/** A value seen through reads: nothing in it may be assigned to. */
export type DeepReadonly<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<DeepReadonly<K>, DeepReadonly<V>>
    : T extends ReadonlySet<infer V>
      ? ReadonlySet<DeepReadonly<V>>
      : T extends Date | RegExp | Error | ArrayBuffer | ArrayBufferView
        ? T
        : T extends object
          ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
          : T

/** An `EventTarget` whose events are listed in `Events`. */
export class TypedTarget<Events> extends EventTarget {
  override addEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: Listener<Events[Type] & Event>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    super.addEventListener(type, listener as EventListenerOrEventListenerObject | null, options)
  }

  override removeEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: Listener<Events[Type] & Event>,
    options?: boolean | EventListenerOptions,
  ): void {
    super.removeEventListener(type, listener as EventListenerOrEventListenerObject | null, options)
  }
}

/** The base of the objects' handles. */
export class ObjectTarget<Events> extends TypedTarget<Events> {
  #isHeard = false

  /**
   * Calls `fn` after every change, without arguments: read the handle's `snapshot` then. Returns what ends it.
   * Bound to the handle, so that it can be passed on by itself.
   */
  readonly subscribe: (fn: () => void) => () => void = (fn) => {
    checkFunction('what `subscribe` calls', fn)
    const listener = (): void => fn()
    this.#isHeard = true
    EventTarget.prototype.addEventListener.call(this, 'change', listener)
    return () => EventTarget.prototype.removeEventListener.call(this, 'change', listener)
  }

  /** Has anybody ever listened? Until then no event need be made. */
  protected get isHeard(): boolean {
    return this.#isHeard
  }

  override addEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: Listener<Events[Type] & Event>,
    options?: boolean | AddEventListenerOptions,
  ): void {
    this.#isHeard = true
    super.addEventListener(type, listener, options)
  }
}

/** Calls `emit` once for any number of marks: at the next {@link flush}, at the latest at the end of the task. */
export class Coalescer {
  readonly #emit: () => void
  #isMarked = false
  #isScheduled = false

  constructor(emit: () => void) {
    this.#emit = emit
  }

  /** Something has changed. */
  mark(): void {
    this.#isMarked = true
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  /** Emits now what is marked. */
  flush(): void {
    if (!this.#isMarked) return
    this.#isMarked = false
    this.#emit()
  }
}
