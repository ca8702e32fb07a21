/**
 * Departures: who has said goodbye, or is proven dead, as this process hears of it, and whom it tells.
 *
 * Protocol: rows carry what is known of those who are gone. Whoever hears of one otherwise tells the coordinator, which may
 *   have no link to it and not see its lock, and what came after the row, or too late for the view before, once more in the
 *   next one: only the coordinator can bring about the view in which that vote counts no more (seeds 338233, 336504).
 * Requires: links in order; a detector, for who the coordinator is.
 * Provides: L10, with leading.ts; what rows say of the departed (P1, with primary.ts).
 * Source: none. Isis and its heirs tell failures only, of members.
 */
import type { ProcessId } from './api.ts'
import type { Core } from './core.ts'
import type { Departed } from './frame.ts'
import { isNews } from './gone.ts'

/** What departures need from the rest of the kernel. */
export interface DepartureHooks {
  coordinator(): ProcessId
  /** Somebody is gone whose vote need not be waited for any more. */
  countedOut(): void
}

/** What this process knows of those who are gone; that itself is in `Core.departed`. */
export class Departures {
  private readonly core: Core
  private readonly hooks: DepartureHooks
  /** Heard of since the last row. */
  private readonly untold: Set<ProcessId> = new Set()

  constructor(core: Core, hooks: DepartureHooks) {
    this.core = core
    this.hooks = hooks
  }

  /**
   * A lock is free. Whoever this process never had a link to was here before it: the others, who cannot see its lock, are
   * told in every row until the line that it voted in goes on without it.
   */
  handleDead(departed: Departed): void {
    const { links, formers, limits } = this.core
    const { id, votes } = departed
    const isFormer = !links.has(id) && (votes?.last ?? votes?.attempt ?? null) !== null
    if (isFormer && formers.size < limits.formersMax) formers.set(id, departed)
    this.handle(departed)
  }

  /** Somebody left or is proven dead: its vote goes with its record. */
  handle(departed: Departed): void {
    const { self, era } = this.core
    if (departed.id === self || !isNews(departed, this.core.departed)) return
    this.core.departed.set(departed.id, departed)
    this.untold.add(departed.id)
    if (departed.votes !== null) this.hooks.countedOut()
    this.core.trace({ e: 'departed', q: departed.id, dead: departed.isDead })
    // A member says its goodbye to all others itself.
    if (departed.isDead || !era.ranks.has(departed.id)) this.tell(departed)
  }

  /** What is known goes along in the row. */
  gaveRow(): void {
    this.untold.clear()
  }

  /** A view is installed; `agreed`: what its rows said. */
  newView(agreed: ReadonlyMap<ProcessId, Departed>): void {
    for (const id of this.untold) {
      const departed = this.core.departed.get(id)
      if (departed !== undefined && isNews(departed, agreed)) this.tell(departed)
    }
  }

  private tell(departed: Departed): void {
    const coordinator = this.hooks.coordinator()
    if (coordinator === this.core.self) return
    this.core.tell(coordinator, { k: 'suspect', view: this.core.era.id, peer: departed.id, departed })
  }
}
