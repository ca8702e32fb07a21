/**
 * The watch over a queue's orphans: items whose holder has vanished without a word.
 *
 * The most senior member gives them back once their holders' leases must have run out. It does so with a cast that
 * names the view in which they were orphaned, so that it does nothing twice.
 */
import { OP, type QueueState } from './queue-state.ts'
import type { GroupPort } from './replica.ts'

/** The others wait this many leases, for clocks that run at different speeds. */
const LEASES_UNTIL_EXPIRY = 1.1

/** One process's watch over one queue. */
export class OrphanWatch {
  readonly #port: GroupPort
  readonly #state: QueueState
  readonly #leaseMs: number
  readonly #cast: (op: unknown) => void
  /** When this process saw a view in which somebody's item was orphaned. */
  readonly #orphanedSince = new Map<string, number>()
  #cancel: (() => void) | null = null
  #isStopped = false

  /** @param cast sends an operation if it can be sent now. */
  constructor(port: GroupPort, state: QueueState, leaseMs: number, cast: (op: unknown) => void) {
    this.#port = port
    this.#state = state
    this.#leaseMs = leaseMs
    this.#cast = cast
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

  /** The queue is closed. */
  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #expire(patience: number): void {
    const now = this.#port.now()
    for (const [view, ids] of this.#orphans()) {
      const since = this.#orphanedSince.get(view) ?? now
      if (now - since < patience) continue
      this.#cast([OP.expire, ids, view])
      // If that cast is lost or could not be sent, try again in a while; it does nothing twice.
      this.#orphanedSince.set(view, now - patience + this.#leaseMs / 10)
    }
    this.watch()
  }

  /** The ids of orphaned items by the view in which they were orphaned. */
  #orphans(): Map<string, number[]> {
    const orphans = new Map<string, number[]>()
    for (const { id, grant } of this.#state.held()) {
      if (grant === null || grant.orphanedIn === null) continue
      orphans.set(grant.orphanedIn, [...(orphans.get(grant.orphanedIn) ?? []), id])
    }
    return orphans
  }
}
