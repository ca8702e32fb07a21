/**
 * Says in the group which of its clients are gone for good, so that nobody remembers their casts for ever
 * (`client-table.ts` says when they may be forgotten).
 */
import { BusyError, ClosedError } from '../errors.ts'
import type { GroupPort, OpInfo } from '../objects/replica.ts'
import { CLIENT_OP } from './client-casts.ts'
import type { ClientTable } from './client-table.ts'

/** Clients gone for good that are remembered, so that what is known of them is forgotten. */
const GONE_MAX = 1_024

/** Who of the clients is gone, as one member knows and says it. */
export class Departures {
  readonly #port: GroupPort
  readonly #table: ClientTable
  readonly #retry: () => void
  readonly #gone = new Set<string>()
  /** Of whom a cast is under way that says that they are gone. */
  readonly #leaving = new Set<string>()
  /** Who is to be said to be gone may have changed. */
  #isDue = false

  /** @param retry has `say` called again a moment later */
  constructor(port: GroupPort, table: ClientTable, retry: () => void) {
    this.#port = port
    this.#table = table
    this.#retry = retry
  }

  /** These have left the space, or are proven dead. */
  add(processes: readonly string[]): void {
    for (const id of processes) this.#gone.add(id)
    this.#isDue ||= processes.length > 0
    for (const id of [...this.#gone].slice(0, Math.max(0, this.#gone.size - GONE_MAX))) this.#gone.delete(id)
  }

  /** There was a cast for that client. */
  heard(client: string): void {
    this.#isDue ||= this.#gone.has(client)
  }

  /** There is a view of the group. */
  viewed(): void {
    this.#isDue = true
  }

  /** A member says that these are gone. */
  take(clients: readonly string[], { author, view }: Pick<OpInfo, 'author' | 'view'>): void {
    this.#table.leave(clients, author, view)
    this.#isDue = true
    if (author === this.#port.self) for (const client of clients) this.#leaving.delete(client)
  }

  /** Says of whom it knows, and has not said it yet; returns them. */
  say(): readonly string[] {
    if (!this.#isDue) return []
    this.#isDue = false
    const { self } = this.#port
    const clients = this.#table.toLeave(self, (id) => this.#gone.has(id)).filter((id) => !this.#leaving.has(id))
    if (clients.length === 0) return []
    for (const id of clients) this.#leaving.add(id)
    const again = (): void => {
      for (const id of clients) this.#leaving.delete(id)
      this.#isDue = true
      this.#retry()
    }
    try {
      this.#port.castRequest([CLIENT_OP.leave, clients]).delivered.catch(again)
    } catch (error) {
      if (error instanceof BusyError) again()
      else if (!(error instanceof ClosedError)) throw error
    }
    return clients
  }
}
