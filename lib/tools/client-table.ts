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
 * Of a client's requests the view in which each was delivered is remembered, of the last {@link CLIENT_REQUESTS_MAX}, until the
 * client says that it waits for them no longer: so whoever serves it can say whose replies it may wait for.
 *
 * Source: completion records (RIFL, Lee et al. 2015); the client table of viewstamped replication (Liskov, Cowling 2012).
 */
import { assertState, compareText, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { GroupView } from '../objects/replica.ts'
import { CLIENT_REQUESTS_MAX, epochOf, type PlainView, plainView, readPlainView } from './client-words.ts'

/** Clients that are remembered over a view, at most. */
export const CLIENTS_MAX = 4_096
/** Clients gone for good of which that is remembered over a view, at most. */
export const GONE_MAX = 1_024
/** Views that are remembered, beside those in which requests were delivered. */
const VIEWS_MAX = 8

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
  /** Of a request: up to this number the client waits for no replies. Absent: it is none. */
  readonly heard?: number
}

/** A request of a client that was delivered. */
export interface AskedOf {
  readonly client: string
  readonly n: number
  readonly view: GroupView
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
  /** Its requests that it may wait for, with the view in which each was delivered. */
  readonly asked: Map<number, string>
}

/** The clients of one group. */
export class ClientTable {
  #clients = new Map<string, Entry>()
  /** Those that are gone for good, with the epoch in which each was last heard. */
  #gone = new Map<string, number>()
  /** Who came at this epoch or before may have been dropped. */
  #forgotten = 0
  #members: readonly string[] = []
  /** By id. */
  readonly #views = new Map<string, GroupView>()

  /** Who came at this epoch or before, and is not known, may have been dropped. */
  get forgotten(): number {
    return this.#forgotten
  }

  /** The highest number of that client that was told; 0: none. */
  last(client: string): number {
    return this.#clients.get(client)?.last ?? 0
  }

  /** Takes a cast in, that is delivered in a view. */
  take({ client, born, n, after, base, heard }: ClientCast, view: string): Verdict {
    const known = this.#clients.get(client)
    if ((known?.last ?? 0) === 0 && (born <= this.#forgotten || this.#gone.has(client))) return 'forgotten'
    const last = known?.last ?? 0
    // Who casts it again may say more of what the client has heard: all members take that in, whichever cast they get first.
    if (known !== undefined) {
      known.born = Math.max(born, known.born)
      for (const number of [...known.asked.keys()]) if (number <= (heard ?? 0)) known.asked.delete(number)
    }
    if (n <= last) return 'again'
    if (last < after && base < after) return 'early'
    const seen = epochOf(view)
    const entry = known ?? { born, last: n, seen, over: new Set(), asked: new Map() }
    Object.assign(entry, { last: n, seen })
    this.#clients.set(client, entry)
    if (heard === undefined) return 'new'
    entry.asked.set(n, view)
    for (const number of [...entry.asked.keys()].slice(0, Math.max(0, entry.asked.size - CLIENT_REQUESTS_MAX)))
      entry.asked.delete(number)
    return 'new'
  }

  /** The view in which a request was delivered; null: it is not known. */
  viewOf(client: string, n: number): GroupView | null {
    return this.#views.get(this.#clients.get(client)?.asked.get(n) ?? '') ?? null
  }

  /** The requests that clients may wait for. */
  asked(): AskedOf[] {
    return [...this.#clients].flatMap(([client, { asked }]) =>
      [...asked].flatMap(([n, id]) => {
        const view = this.#views.get(id)
        return view === undefined ? [] : [{ client, n, view }]
      }),
    )
  }

  /**
   * A member says in that view that these are gone for good: it casts nothing more for them. In a `fifo` group others' casts
   * for one, which that member has been told, may still be under way to this one: its word is kept until they come.
   */
  leave(clients: readonly string[], author: string, view: string): void {
    for (const client of clients) {
      if (this.#gone.has(client)) continue
      const none: Entry = { born: 0, last: 0, seen: epochOf(view), over: new Set(), asked: new Map() }
      const entry = this.#clients.get(client) ?? none
      entry.over.add(author)
      this.#clients.set(client, entry)
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
  view(view: GroupView): void {
    this.#members = view.members
    this.#views.set(view.id, view)
    for (const client of [...this.#clients.keys()]) this.#forget(client)
    for (const client of oldest(this.#gone, (seen) => seen, GONE_MAX)) this.#gone.delete(client)
    for (const client of oldest(this.#clients, ({ seen }) => seen, CLIENTS_MAX)) {
      this.#forgotten = Math.max(this.#forgotten, this.#clients.get(client)?.born ?? 0)
      this.#clients.delete(client)
    }
    const wanted = this.#viewsAsked()
    const others = [...this.#views.keys()].filter((id) => !wanted.has(id))
    for (const id of others.slice(0, Math.max(0, others.length - VIEWS_MAX))) this.#views.delete(id)
  }

  #viewsAsked(): ReadonlySet<string> {
    return new Set([...this.#clients.values()].flatMap(({ asked }) => [...asked.values()]))
  }

  #forget(client: string): void {
    const known = this.#clients.get(client)
    if (known === undefined || this.#members.length === 0) return
    if (!this.#members.every((member) => known.over.has(member))) return
    this.#clients.delete(client)
    this.#gone.set(client, known.seen)
  }

  /** `[forgotten, [client, born, last, seen, over, [n, view][]][], [client, seen][], view[]]`, sorted; views as `PlainView`. */
  save(): unknown {
    const all = [...this.#clients].sort(([a], [b]) => compareText(a, b))
    const clients = all.map(([id, { born, last, seen, over, asked }]) => {
      return [id, born, last, seen, [...over].sort(), [...asked].sort(([a], [b]) => a - b)]
    })
    const views: PlainView[] = []
    for (const id of [...this.#viewsAsked()].sort(compareText)) {
      const view = this.#views.get(id)
      if (view !== undefined) views.push(plainView(view))
    }
    return [this.#forgotten, clients, [...this.#gone].sort(([a], [b]) => compareText(a, b)), views]
  }

  load(saved: unknown): void {
    const { forgotten, clients, gone, views } = read(saved)
    this.#addViews(views)
    this.#forgotten = forgotten
    this.#clients = clients
    this.#gone = gone
  }

  /** Unites another part's with this one. */
  merge(saved: unknown): void {
    const { forgotten, clients, gone, views } = read(saved)
    this.#addViews(views)
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
      for (const [n, view] of theirs.asked) mine.asked.set(n, lower(view, mine.asked.get(n)))
    }
  }

  #addViews(views: readonly GroupView[]): void {
    for (const view of views) this.#views.set(view.id, view)
  }
}

/** One view of two in which a request was delivered in parts of a split: the same whichever part is asked. */
function lower(a: string, b: string | undefined): string {
  return b === undefined || compareText(a, b) < 0 ? a : b
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
  readonly views: readonly GroupView[]
}

function read(saved: unknown): Saved {
  assertState(Array.isArray(saved) && saved.length === 4, 'clients')
  const [forgotten, list, ids, plain] = saved as unknown[]
  assertState(isTotal(forgotten) && Array.isArray(list) && Array.isArray(ids) && Array.isArray(plain), 'clients')
  const gone = new Map<string, number>()
  for (const each of ids as unknown[]) {
    assertState(Array.isArray(each) && each.length === 2 && isAuthor(each[0]) && isTotal(each[1]), 'client')
    gone.set(each[0], each[1])
  }
  const clients = new Map<string, Entry>()
  for (const each of list as unknown[]) {
    assertState(Array.isArray(each) && each.length === 6, 'client')
    const [id, born, last, seen, over, requests] = each as unknown[]
    assertState(isAuthor(id) && isTotal(born) && isTotal(last) && isTotal(seen), 'client')
    assertState(Array.isArray(over) && over.every(isAuthor), 'client')
    assertState(Array.isArray(requests), 'client')
    clients.set(id, { born, last, seen, over: new Set(over), asked: readAsked(requests) })
  }
  const views = (plain as unknown[]).map((each) => {
    const view = readPlainView(each)
    assertState(view !== null, 'view')
    return view
  })
  return { forgotten, clients, gone, views }
}

function readAsked(list: readonly unknown[]): Map<number, string> {
  const asked = new Map<number, string>()
  for (const each of list) {
    assertState(Array.isArray(each) && each.length === 2 && isCount(each[0]) && typeof each[1] === 'string', 'client')
    asked.set(each[0], each[1])
  }
  return asked
}
