/**
 * What every member of a group remembers of its clients: how far each one's casts have come. So a cast that another member
 * makes again, when the one that made it is gone, is told once.
 *
 * Clients number their casts. Of each client the highest number told is kept; a cast is told if its number is higher, and the
 * one before it has been told, or is known to be held by all, or was refused. It is part of the group's state: united parts
 * have the higher numbers of both.
 *
 * A client that has left the space, or is proven dead, is forgotten when every member of the group has said that it knows
 * that: whatever a member casts for a client comes before that word of its own, so nothing of it is under way among them. That it
 * is gone is remembered, of the last {@link GONE_MAX} over a view: who was cut off may have casts of it to make. Others are dropped at a view, those first that have been silent for longest, when there are more than {@link CLIENTS_MAX}; a client
 * says with each cast when it came, and what may have been dropped is not told again.
 *
 * Source: completion records (RIFL, Lee et al. 2015); the client table of viewstamped replication (Liskov, Cowling 2012).
 */
import { assertState, compareText, isAuthor, isTotal } from '../objects/checks.ts'
import type { GroupView } from '../objects/replica.ts'
import { epochOf } from './client-words.ts'

/** Clients that are remembered over a view, at most. */
export const CLIENTS_MAX = 4_096
/** Clients gone for good of which that is remembered over a view, at most. */
export const GONE_MAX = 1_024

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
  /** Those that are gone for good, with the epoch in which each was last heard. */
  #gone = new Map<string, number>()
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
    if (known === undefined && (born <= this.#forgotten || this.#gone.has(client))) return 'forgotten'
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
    for (const client of oldest(this.#gone, (seen) => seen, GONE_MAX)) this.#gone.delete(client)
    for (const client of oldest(this.#clients, ({ seen }) => seen, CLIENTS_MAX)) {
      this.#forgotten = Math.max(this.#forgotten, this.#clients.get(client)?.born ?? 0)
      this.#clients.delete(client)
    }
  }

  #forget(client: string): void {
    const known = this.#clients.get(client)
    if (known === undefined || this.#members.length === 0) return
    if (!this.#members.every((member) => known.over.has(member))) return
    this.#clients.delete(client)
    this.#gone.set(client, known.seen)
  }

  /** `[forgotten, [client, born, last, seen, over][], [client, seen][]]`, sorted. */
  save(): unknown {
    const all = [...this.#clients].sort(([a], [b]) => compareText(a, b))
    const clients = all.map(([id, { born, last, seen, over }]) => [id, born, last, seen, [...over].sort()])
    return [this.#forgotten, clients, [...this.#gone].sort(([a], [b]) => compareText(a, b))]
  }

  load(saved: unknown): void {
    const { forgotten, clients, gone } = read(saved)
    this.#forgotten = forgotten
    this.#clients = clients
    this.#gone = gone
  }

  /** Unites another part's with this one. */
  merge(saved: unknown): void {
    const { forgotten, clients, gone } = read(saved)
    this.#forgotten = Math.max(this.#forgotten, forgotten)
    for (const [client, seen] of gone) this.#gone.set(client, Math.max(seen, this.#gone.get(client) ?? 0))
    for (const client of this.#gone.keys()) {
      this.#clients.delete(client)
      clients.delete(client)
    }
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

/** Those with the lowest numbers, the same at all, beyond so many. */
function oldest<Value>(all: ReadonlyMap<string, Value>, numberOf: (value: Value) => number, max: number): string[] {
  if (all.size <= max) return []
  const sorted = [...all].sort(([a, x], [b, y]) => numberOf(x) - numberOf(y) || compareText(a, b))
  return sorted.slice(0, all.size - max).map(([id]) => id)
}

/** A state, taken apart. */
interface Saved {
  readonly forgotten: number
  readonly clients: Map<string, Entry>
  readonly gone: Map<string, number>
}

function read(saved: unknown): Saved {
  assertState(Array.isArray(saved) && saved.length === 3, 'clients')
  const [forgotten, list, ids] = saved as unknown[]
  assertState(isTotal(forgotten) && Array.isArray(list) && Array.isArray(ids), 'clients')
  const gone = new Map<string, number>()
  for (const each of ids as unknown[]) {
    assertState(Array.isArray(each) && each.length === 2 && isAuthor(each[0]) && isTotal(each[1]), 'client')
    gone.set(each[0], each[1])
  }
  const clients = new Map<string, Entry>()
  for (const each of list as unknown[]) {
    assertState(Array.isArray(each) && each.length === 5, 'client')
    const [id, born, last, seen, over] = each as unknown[]
    assertState(isAuthor(id) && isTotal(born) && isTotal(last) && isTotal(seen), 'client')
    assertState(Array.isArray(over) && over.every(isAuthor), 'client')
    clients.set(id, { born, last, seen, over: new Set(over) })
  }
  return { forgotten, clients, gone }
}
