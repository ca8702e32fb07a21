/**
 * The watch over an object's orphans: what is granted to a process that has vanished without a word.
 *
 * The most senior member has it given back once the holders' leases must have run out. It does so with a cast that
 * names the view in which they were orphaned, so that it does nothing twice.
 */
import type { GroupPort } from './replica.ts'

/** The others wait this many leases, for clocks that run at different speeds. */
const LEASES_UNTIL_EXPIRY = 1.1

/** Something granted, by number. */
export interface Granted {
  readonly id: number
  readonly grant: {
    /** The first primary view without the holder, since it was last in one; null while it is there. */
    readonly orphanedIn: string | null
  } | null
}

/** The object as far as it is watched. */
export interface Watched {
  /** All that is granted. */
  held(): Iterable<Granted>
  /** Sends the operation that gives back those of these whose holders have been gone since that view, if it can be sent now. */
  castExpire(ids: readonly number[], view: string): void
}

/** One process's watch over one object. */
export class OrphanWatch {
  readonly #port: GroupPort
  readonly #watched: Watched
  readonly #leaseMs: number
  /** When this process saw a view in which something was orphaned. */
  readonly #orphanedSince = new Map<string, number>()
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(port: GroupPort, watched: Watched, leaseMs: number) {
    this.#port = port
    this.#watched = watched
    this.#leaseMs = leaseMs
  }

  /** There is a new view or a new state. */
  watch(): void {
    this.#cancel?.()
    this.#cancel = null
    if (this.#isStopped) return
    const now = this.#port.now()
    const orphans = this.#orphans()
    for (const view of this.#orphanedSince.keys()) if (!orphans.has(view)) this.#orphanedSince.delete(view)
    for (const view of orphans.keys()) if (!this.#orphanedSince.has(view)) this.#orphanedSince.set(view, now)
    const { view } = this.#port
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
    for (const [view, ids] of this.#orphans()) {
      const since = this.#orphanedSince.get(view) ?? now
      if (now - since < patience) continue
      this.#watched.castExpire(ids, view)
      // If that cast is lost or could not be sent, try again in a while; it does nothing twice.
      this.#orphanedSince.set(view, now - patience + this.#leaseMs / 10)
    }
    this.watch()
  }

  /** The ids of orphans by the view in which they were orphaned. */
  #orphans(): Map<string, number[]> {
    const orphans = new Map<string, number[]>()
    for (const { id, grant } of this.#watched.held()) {
      if (grant === null || grant.orphanedIn === null) continue
      orphans.set(grant.orphanedIn, [...(orphans.get(grant.orphanedIn) ?? []), id])
    }
    return orphans
  }
}
