/**
 * Local edits on their way to the others. A document has changed before its adapter hears of it, so an edit can be refused
 * no more: it waits while the group is not writable, and is cast again if it is lost. Casting it twice does nothing twice.
 */
import type { GroupPort } from 'tutti'

/** One update that is to be cast. */
export interface Outgoing {
  readonly bytes: Uint8Array
  /** It may hold what others wrote, who are not here: content from storage, say. */
  readonly isImport: boolean
}

/** The operations of the group, by their first element. */
export const OP = { say: 'p', updates: 'u', imports: 'i', ask: 'a' } as const

/** Updates that are together at most so long share a cast. */
const BATCH_BYTES = 256 * 1024
/** Longer updates are fetched from their sender instead (a cast of the space has at most 32 MiB). */
export const CAST_BYTES_MAX: number = 30 * 1024 * 1024
/** Before it is tried again, should nobody say that the group is writable, in ms. */
const RETRY_MS = 200

/** The edits of one process. */
export class Outbox {
  readonly #port: GroupPort
  #queue: Outgoing[] = []
  /** By cast number, what is not delivered here yet. */
  readonly #flight = new Map<number, readonly Outgoing[]>()
  /** What was lost, to be cast again before what waits. */
  #lost: { readonly n: number; readonly updates: readonly Outgoing[] }[] = []
  readonly #idle = new Set<() => void>()
  #isScheduled = false
  #isHeld = false
  #cancel: (() => void) | null = null
  /** Called before anything is cast; false: not now. */
  readonly #first: () => boolean

  constructor(port: GroupPort, first: () => boolean) {
    this.#port = port
    this.#first = first
  }

  /** Is nothing waiting, and nothing under way? */
  get isEmpty(): boolean {
    return !this.hasQueue && this.#flight.size === 0
  }

  push(update: Outgoing): void {
    this.#queue.push(update)
    this.soon()
  }

  /** Before all others that wait. */
  pushFirst(update: Outgoing): void {
    this.#takeLost()
    this.#queue.unshift(update)
    this.soon()
  }

  /** Nothing is cast while it is held. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (!isHeld) this.soon()
  }

  get hasQueue(): boolean {
    return this.#queue.length + this.#lost.length > 0
  }

  /** Casts what waits at the end of the task's step, so that edits of one step share a cast. */
  soon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  /** Casts what waits, as far as the group takes it. */
  flush(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#takeLost()
    try {
      if (!this.#first()) return this.#later()
      while (this.#queue.length > 0 && !this.#isHeld) this.#castBatch()
    } catch (error) {
      // What cannot be cast because the group is closed is still in the document, and shared when it is opened again.
      if ((error as { code?: unknown }).code === 'busy') this.#later()
      else this.clear()
    }
  }

  /** Resolves when nothing waits and nothing is under way. */
  emptied(): Promise<void> {
    if (this.isEmpty) return Promise.resolve()
    return new Promise((resolve) => this.#idle.add(resolve))
  }

  /** An own cast has been delivered. */
  delivered(n: number): void {
    this.#flight.delete(n)
    this.#checkIdle()
  }

  /** An own cast will not be delivered here. */
  lost(n: number): void {
    const updates = this.#flight.get(n)
    if (updates === undefined) return
    this.#flight.delete(n)
    this.#lost.push({ n, updates })
    this.soon()
  }

  clear(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#queue = []
    this.#lost = []
    this.#flight.clear()
    this.#checkIdle()
  }

  /** In the order in which it was cast. */
  #takeLost(): void {
    const lost = this.#lost.sort((a, b) => a.n - b.n)
    this.#lost = []
    this.#queue.unshift(...lost.flatMap(({ updates }) => [...updates]))
  }

  #castBatch(): void {
    const batch: Outgoing[] = []
    let size = 0
    for (const update of this.#queue) {
      const isFirst = batch.length === 0
      if (!isFirst && (update.isImport !== batch[0]?.isImport || size + update.bytes.length > BATCH_BYTES)) break
      batch.push(update)
      size += update.bytes.length
    }
    const [first] = batch
    if (first === undefined) return
    const kind = first.isImport ? OP.imports : OP.updates
    const { n } = this.#port.cast(size > CAST_BYTES_MAX ? [OP.ask] : [kind, batch.map(({ bytes }) => bytes)])
    this.#queue.splice(0, batch.length)
    this.#flight.set(n, batch)
  }

  #later(): void {
    this.#cancel ??= this.#port.after(RETRY_MS, () => this.flush())
  }

  #checkIdle(): void {
    if (!this.isEmpty) return
    for (const resolve of this.#idle) resolve()
    this.#idle.clear()
  }
}
