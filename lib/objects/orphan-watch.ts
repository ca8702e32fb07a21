/**
 * The watch over an object's orphans: items or locks whose holder has vanished without a word.
 *
 * The most senior member gives them back once their holders' leases must have run out. It does so with a cast that
 * names the view in which they were orphaned, so that it does nothing twice.
 */
import type { GroupPort } from './replica.ts'

/** The others wait this many leases, for clocks that run at different speeds. */
const LEASES_UNTIL_EXPIRY = 1.1

/** What is watched. */
export interface Orphanage<Id> {
  /** What is orphaned now, by the view in which it was. */
  orphans(): ReadonlyMap<string, readonly Id[]>
  /** Casts, if it can be sent now, that these are given back if they are still those of that view. */
  expire(ids: readonly Id[], view: string): void
}

/** One process's watch over one object. */
export class OrphanWatch<Id> {
  readonly #port: GroupPort
  readonly #leaseMs: number
  readonly #orphanage: Orphanage<Id>
  /** When this process saw a view in which something was orphaned. */
  readonly #orphanedSince = new Map<string, number>()
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(port: GroupPort, leaseMs: number, orphanage: Orphanage<Id>) {
    this.#port = port
    this.#leaseMs = leaseMs
    this.#orphanage = orphanage
  }

  /** There is a new view or a new state. */
  watch(): void {
    this.#cancel?.()
    this.#cancel = null
    if (this.#isStopped) return
    const now = this.#port.now()
    const orphans = this.#orphanage.orphans()
    for (const view of this.#orphanedSince.keys()) if (!orphans.has(view)) this.#orphanedSince.delete(view)
    const { view } = this.#port
    for (const id of orphans.keys()) {
      // Their leases count from when they were last answered, and that was no later than when they were last heard.
      const quietMs = view?.id === id ? (view.quietMs ?? 0) : 0
      if (!this.#orphanedSince.has(id)) this.#orphanedSince.set(id, now - quietMs)
    }
    if (orphans.size === 0 || view === null || !view.primary || view.members[0] !== this.#port.self) return
    const patience = this.#leaseMs * LEASES_UNTIL_EXPIRY
    const due = Math.min(...this.#orphanedSince.values()) + patience
    this.#cancel = this.#port.after(Math.max(0, due - now), () => this.#expire(patience))
  }

  /** The object is closed. */
  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #expire(patience: number): void {
    const now = this.#port.now()
    for (const [view, ids] of this.#orphanage.orphans()) {
      const since = this.#orphanedSince.get(view) ?? now
      if (now - since < patience) continue
      this.#orphanage.expire(ids, view)
      // If that cast is lost or could not be sent, try again in a while; it does nothing twice.
      this.#orphanedSince.set(view, now - patience + this.#leaseMs / 10)
    }
    this.watch()
  }
}
