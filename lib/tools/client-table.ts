/**
 * What every member of a group remembers of its clients: how far each one's casts have come. So a cast that another member
 * makes again, when the one that made it is gone, is told once.
 *
 * Clients number their casts. Of each client the highest number told is kept; a cast is told if its number is higher, and the
 * one before it has been told, or is known to be held by all, or was refused. It is part of the group's state: united parts
 * have the higher numbers of both.
 *
 * A client that has left the space, or is proven dead, is forgotten when every member of the group has said that it knows
 * that: whatever a member casts for a client comes before that word of its own, so nothing of it is under way then. Others
 * are dropped at a view, those first that have been silent for longest, when there are more than {@link CLIENTS_MAX}; a client
 * says with each cast when it came, and what may have been dropped is not told again.
 *
 * Source: completion records (RIFL, Lee et al. 2015); the client table of viewstamped replication (Liskov, Cowling 2012).
 */
import { assertState, compareText, isAuthor, isTotal } from '../objects/checks.ts'
import type { GroupView } from '../objects/replica.ts'
import { epochOf } from './client-words.ts'

/** Clients that are remembered over a view, at most. */
export const CLIENTS_MAX = 4_096

/** A cast of a client, as far as it matters here. */
export interface ClientCast {
  readonly client: string
  /** The epoch of the space's view in which the client came. */
  readonly born: number
  readonly n: number
  /** The cast before it that was not refused; 0: there is none. */
  readonly after: number
  /** Up to this number the client's casts are held by all, or refused. */
  readonly base: number
}

/**
 * What a cast is. `new`: it is told; `again`: it has been; `early`: one before it is missing, and it is cast again after that;
 * `forgotten`: it may have been told.
 */
export type Verdict = 'new' | 'again' | 'early' | 'forgotten'

interface Entry {
  born: number
  last: number
  /** The epoch of the view in which it was last heard. */
  seen: number
  /** Members that know that it is gone for good. */
  readonly over: Set<string>
}

/** The clients of one group. */
export class ClientTable {
  #clients = new Map<string, Entry>()
  /** Who came at this epoch or before may have been dropped. */
  #forgotten = 0
  #members: readonly string[] = []

  /** Who came at this epoch or before, and is not known, may have been dropped. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** The highest number of that client that was told; 0: none. */
  last(client: string): number {
    return this.#clients.get(client)?.last ?? 0
  }

  /** Takes a cast in, that is delivered in a view. */
  take({ client, born, n, after, base }: ClientCast, view: string): Verdict {
    const known = this.#clients.get(client)
    if (known === undefined && born <= this.#forgotten) return 'forgotten'
    const last = known?.last ?? 0
    if (n <= last) return 'again'
    if (last < after && base < after) return 'early'
    const seen = epochOf(view)
    if (known === undefined) this.#clients.set(client, { born, last: n, seen, over: new Set() })
    else Object.assign(known, { born: Math.max(born, known.born), last: n, seen })
    return 'new'
  }

  /** A member says that these are gone for good: it casts nothing more for them. */
  leave(clients: readonly string[], author: string): void {
    for (const client of clients) {
      this.#clients.get(client)?.over.add(author)
      this.#forget(client)
    }
  }

  /** Clients of whom that member has to say that they are gone: it knows it, or another one has said so. */
  toLeave(self: string, isGone: (client: string) => boolean): string[] {
    const all: string[] = []
    for (const [client, { over }] of this.#clients)
      if (!over.has(self) && (over.size > 0 || isGone(client))) all.push(client)
    return all
  }

  /** A view of the group. */
  view({ members }: GroupView): void {
    this.#members = members
    for (const client of [...this.#clients.keys()]) this.#forget(client)
    const excess = this.#clients.size - CLIENTS_MAX
    if (excess <= 0) return
    const all = [...this.#clients].sort(([a, x], [b, y]) => x.seen - y.seen || compareText(a, b))
    for (const [client, { born }] of all.slice(0, excess)) {
      this.#forgotten = Math.max(this.#forgotten, born)
      this.#clients.delete(client)
    }
  }

  #forget(client: string): void {
    const over = this.#clients.get(client)?.over
    if (over !== undefined && this.#members.length > 0 && this.#members.every((member) => over.has(member)))
      this.#clients.delete(client)
  }

  /** `[forgotten, [client, born, last, seen, over][]]`, sorted. */
  save(): unknown {
    const all = [...this.#clients].sort(([a], [b]) => compareText(a, b))
    return [this.#forgotten, all.map(([id, { born, last, seen, over }]) => [id, born, last, seen, [...over].sort()])]
  }

  load(saved: unknown): void {
    const { forgotten, clients } = read(saved)
    this.#forgotten = forgotten
    this.#clients = clients
  }

  /** Unites another part's with this one. */
  merge(saved: unknown): void {
    const { forgotten, clients } = read(saved)
    this.#forgotten = Math.max(this.#forgotten, forgotten)
    for (const [client, theirs] of clients) {
      const mine = this.#clients.get(client)
      if (mine === undefined) {
        this.#clients.set(client, theirs)
        continue
      }
      mine.born = Math.max(mine.born, theirs.born)
      mine.last = Math.max(mine.last, theirs.last)
      mine.seen = Math.max(mine.seen, theirs.seen)
      for (const member of theirs.over) mine.over.add(member)
    }
  }
}

function read(saved: unknown): { readonly forgotten: number; readonly clients: Map<string, Entry> } {
  assertState(Array.isArray(saved) && saved.length === 2, 'clients')
  const [forgotten, list] = saved as unknown[]
  assertState(isTotal(forgotten) && Array.isArray(list), 'clients')
  const clients = new Map<string, Entry>()
  for (const each of list as unknown[]) {
    assertState(Array.isArray(each) && each.length === 5, 'client')
    const [id, born, last, seen, over] = each as unknown[]
    assertState(isAuthor(id) && isTotal(born) && isTotal(last) && isTotal(seen), 'client')
    assertState(Array.isArray(over) && over.every(isAuthor), 'client')
    clients.set(id, { born, last, seen, over: new Set(over) })
  }
  return { forgotten, clients }
}
