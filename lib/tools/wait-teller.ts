/**
 * Tells the table of locks of this process's waits in another table, so that deadlocks are seen that go over both.
 *
 * Only waits that claim something matter, and only those that last: a wait is told of once the same ones have held all
 * permits for {@link TELL_AFTER_MS}, and taken back when that is no longer so.
 */
import type { GroupPort } from '../objects/replica.ts'
import { DeadlockError } from '../tool-errors.ts'
import type { Claimed } from './holding.ts'
import type { PermitHolder } from './waits-elsewhere.ts'

/** A wait that is over before that is not told of, in ms. */
export const TELL_AFTER_MS = 200

/** A wait as it is told. */
export interface ToldWait {
  readonly table: string
  readonly holders: readonly PermitHolder[]
  readonly claims: readonly Claimed[]
}

/** Where waits are told: the table of locks, at this process. */
export interface WaitTable {
  /** Takes note of a wait, up to the signal. `stands`: is it still so? Rejects with a DeadlockError if it is refused. */
  tell(
    wait: ToldWait,
    options: { signal: AbortSignal; stands: (needed: ReadonlySet<string>) => boolean },
  ): Promise<unknown>
}

/** A request that may wait. */
export interface WatchedRequest {
  /** What was cast for it. */
  readonly body: unknown
  readonly claims: readonly Claimed[]
  /** Is it wanted, and are those of its claims in hand? */
  stands(needed: ReadonlySet<string>): boolean
  /** It is to be taken back. */
  refuse(error: DeadlockError): void
}

interface Watched {
  readonly request: WatchedRequest
  /** Those who hold all permits, as text; null: it does not wait for them. */
  seen: string | null
  cancelTimer: (() => void) | null
  /** Takes back what was told. */
  told: AbortController | null
}

/** The waits of one process in one table. */
export class WaitTeller {
  readonly #port: GroupPort
  readonly #holdersOf: (body: unknown) => readonly PermitHolder[] | null
  readonly #table: () => Promise<WaitTable>
  readonly #watched = new Set<Watched>()

  /** @param holdersOf who hold all permits, if the request of that body waits for one; else null. */
  constructor(
    port: GroupPort,
    holdersOf: (body: unknown) => readonly PermitHolder[] | null,
    table: () => Promise<WaitTable>,
  ) {
    this.#port = port
    this.#holdersOf = holdersOf
    this.#table = table
  }

  /** A request is made. Returns what ends that. */
  watch(request: WatchedRequest): () => void {
    const watched: Watched = { request, seen: null, cancelTimer: null, told: null }
    this.#watched.add(watched)
    return () => {
      this.#watched.delete(watched)
      this.#takeBack(watched)
    }
  }

  /** The table in which is waited may have changed. */
  settled(): void {
    for (const watched of this.#watched) this.#look(watched)
  }

  stop(): void {
    for (const watched of this.#watched) this.#takeBack(watched)
    this.#watched.clear()
  }

  #look(watched: Watched): void {
    const holders = this.#holdersOf(watched.request.body)
    const seen = textOf(holders)
    if (seen === watched.seen) return
    this.#takeBack(watched)
    watched.seen = seen
    if (holders !== null) watched.cancelTimer = this.#port.after(TELL_AFTER_MS, () => this.#tell(watched, holders))
  }

  #takeBack(watched: Watched): void {
    watched.cancelTimer?.()
    watched.cancelTimer = null
    watched.told?.abort()
    watched.told = null
    watched.seen = null
  }

  #tell(watched: Watched, holders: readonly PermitHolder[]): void {
    const { request, seen } = watched
    const told = new AbortController()
    watched.told = told
    const stands = (needed: ReadonlySet<string>): boolean =>
      textOf(this.#holdersOf(request.body)) === seen && request.stands(needed)
    this.#table()
      .then((table) => {
        told.signal.throwIfAborted()
        const wait: ToldWait = { table: this.#port.name, holders, claims: request.claims }
        return table.tell(wait, { signal: told.signal, stands })
      })
      .catch((error: unknown) => {
        if (told.signal.aborted) return
        if (error instanceof DeadlockError) return request.refuse(error)
        // The table could not take it, or has forgotten this process: it is told again.
        watched.seen = null
        this.#look(watched)
      })
  }
}

function textOf(holders: readonly PermitHolder[] | null): string | null {
  return holders === null ? null : JSON.stringify(holders)
}
