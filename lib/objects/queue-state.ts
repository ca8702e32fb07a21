/**
 * The delivered state of a shared queue: which item waits, who holds which, who waits for one.
 *
 * A deterministic state machine over totally ordered, uniform operations and views. Waiting takes are matched with
 * waiting items in order; each match carries a token (line, view, n) that is higher than any before it, and a
 * completion counts only with the token of the item's present grant. So an item has exactly one accepted completion,
 * however often it had to be granted.
 *
 * An item whose holder left or is proven dead goes back at once. A holder that merely vanished keeps it until an
 * `expire` operation, which the most senior member casts when the holder's lease must have run out.
 */
import { decodeValue } from '../values.ts'
import { assertState, isAuthor, isCount, isTotal } from './checks.ts'
import type { GroupView } from './replica.ts'
import { isToken, sameToken, type Token } from './token.ts'

/** An item in somebody's hands. */
export interface Grant {
  readonly taker: string
  /** Which of the taker's takes it answers. */
  readonly take: number
  readonly token: Token
  /** The taker left or is proven dead. */
  readonly isGone: boolean
  /** The first primary view without the taker, since it was last in one; null while it is there. */
  readonly orphanedIn: string | null
}

/** One item. Replaced, never changed. */
export interface QueueItem {
  /** Counts items from 1, in the order in which they were added. */
  readonly id: number
  /** The value as it travels and is saved. */
  readonly bytes: Uint8Array
  readonly value: unknown
  /** How often it was given to a taker, the present one included. */
  readonly attempts: number
  readonly grant: Grant | null
}

/** What an operation or a view has done. */
export type Happening =
  | { readonly type: 'added'; readonly item: QueueItem; readonly by: string; readonly call: number }
  | { readonly type: 'full'; readonly by: string; readonly call: number }
  | { readonly type: 'waiting'; readonly by: string; readonly take: number }
  /** A take beyond the limit: it does not wait. */
  | { readonly type: 'overmuch'; readonly by: string; readonly take: number }
  | { readonly type: 'taken'; readonly item: QueueItem; readonly grant: Grant }
  /** Back in front: failed by its holder, given up by it, or the holder is gone. `grant` is the one that ended. */
  | {
      readonly type: 'returned'
      readonly item: QueueItem
      readonly grant: Grant
      readonly by: string | null
      readonly call: number
      readonly failure: string | null
    }
  | {
      readonly type: 'done'
      readonly item: QueueItem
      readonly grant: Grant
      readonly call: number
      readonly result: Uint8Array | null
    }
  /** A completion with an old token, or by a process that is no member. */
  | { readonly type: 'refused'; readonly by: string; readonly call: number }

/** The operations, by their first element. */
export const OP = { add: 0, take: 1, untake: 2, done: 3, fail: 4, giveBack: 5, expire: 6 } as const

/** A queue holds at most this many items; an `add` beyond is refused at every member. */
export const QUEUE_ITEMS_MAX = 100_000
/** A process waits for at most this many items at a time; a take beyond is refused at every member. */
export const QUEUE_TAKES_MAX = 1_024
/** The reason of a failure is cut to this length. */
export const FAILURE_MAX = 1_024

/** A process that waits for an item. */
interface Take {
  readonly taker: string
  readonly take: number
}

/** Items, grants, waiting takes. */
export class QueueState {
  readonly #items = new Map<number, QueueItem>()
  /** Ids of the items in somebody's hands. */
  readonly #taken = new Set<number>()
  /** Waiting ids that have been in somebody's hands, ascending. All are below every id that has not. */
  #returned: number[] = []
  /** The highest id ever added. */
  #lastId = 0
  /** The highest id ever granted: above it, every item still waits for its first taker. */
  #lastGranted = 0
  #takes: Take[] = []
  /** The view in which `#n` counts grants. */
  #view = ''
  #n = 0
  #line = ''
  #isPrimary = false
  #members: ReadonlySet<string> = new Set()
  #version = 0

  /** Grows whenever an item has changed. */
  get version(): number {
    return this.#version
  }

  /** All items, in the order in which they were added. */
  get items(): ReadonlyMap<number, QueueItem> {
    return this.#items
  }

  /** The items in somebody's hands. */
  held(): QueueItem[] {
    return [...this.#taken].flatMap((id) => this.#items.get(id) ?? [])
  }

  /** The ids of items whose holder has vanished, by the view in which they were orphaned. */
  orphans(): Map<string, number[]> {
    const orphans = new Map<string, number[]>()
    for (const { id, grant } of this.held()) {
      if (grant === null || grant.orphanedIn === null) continue
      orphans.set(grant.orphanedIn, [...(orphans.get(grant.orphanedIn) ?? []), id])
    }
    return orphans
  }

  /** Is that the primary view that it acts in? Not, as long as another state is to replace this one. */
  isActingIn(view: GroupView | null): boolean {
    return view !== null && this.#isPrimary && this.#view === view.id
  }

  /** Is this take waiting? */
  isWaiting(taker: string, take: number): boolean {
    return this.#takes.some((waiting) => waiting.taker === taker && waiting.take === take)
  }

  /** Applies an operation; null if it is malformed (nothing has changed then). */
  apply(op: unknown, author: string): Happening[] | null {
    if (!Array.isArray(op)) return null
    const happened = this.#applyOp(op, author)
    if (happened === null) return null
    return [...happened, ...this.#match()]
  }

  #applyOp(op: readonly unknown[], author: string): Happening[] | null {
    switch (op[0]) {
      case OP.add:
        return op.length === 3 ? this.#add(author, op[1], op[2]) : null
      case OP.take:
        return op.length === 2 ? this.#take(author, op[1]) : null
      case OP.untake:
        return op.length === 2 ? this.#untake(author, op[1]) : null
      case OP.done:
        return op.length === 5 ? this.#done(author, op) : null
      case OP.fail:
        return op.length === 5 && typeof op[4] === 'string' ? this.#giveUp(author, op, op[4]) : null
      case OP.giveBack:
        return op.length === 4 ? this.#giveUp(author, op, null) : null
      case OP.expire:
        return op.length === 3 ? this.#expire(author, op[1], op[2]) : null
      default:
        return null
    }
  }

  #add(by: string, call: unknown, bytes: unknown): Happening[] | null {
    if (!isCount(call) || !(bytes instanceof Uint8Array)) return null
    let value: unknown
    try {
      value = decodeValue(bytes)
    } catch {
      return null
    }
    if (this.#items.size >= QUEUE_ITEMS_MAX) return [{ type: 'full', by, call }]
    this.#lastId += 1
    const item: QueueItem = { id: this.#lastId, bytes, value, attempts: 0, grant: null }
    this.#put(item)
    return [{ type: 'added', item, by, call }]
  }

  #take(taker: string, take: unknown): Happening[] | null {
    if (!isCount(take)) return null
    // A grant to somebody who is gone would be orphaned only by a view that has already been.
    if (!this.#members.has(taker)) return []
    if (this.isWaiting(taker, take)) return []
    // Its untakes may be still on their way: nothing is wrong with the taker.
    if (this.#takes.filter((waiting) => waiting.taker === taker).length >= QUEUE_TAKES_MAX) {
      return [{ type: 'overmuch', by: taker, take }]
    }
    this.#takes.push({ taker, take })
    return [{ type: 'waiting', by: taker, take }]
  }

  #untake(taker: string, take: unknown): Happening[] | null {
    if (!isCount(take)) return null
    this.#takes = this.#takes.filter((waiting) => waiting.taker !== taker || waiting.take !== take)
    return []
  }

  #done(by: string, op: readonly unknown[]): Happening[] | null {
    const [, call, id, token, result] = op
    if (!isCount(call) || !isCount(id) || !isToken(token)) return null
    if (result !== null && !isValueBytes(result)) return null
    const item = this.#items.get(id)
    const grant = item?.grant
    if (!item || !grant || !this.#mayEnd(by, grant, token)) return [{ type: 'refused', by, call }]
    this.#items.delete(id)
    this.#taken.delete(id)
    this.#version += 1
    return [{ type: 'done', item, grant, call, result }]
  }

  #giveUp(by: string, op: readonly unknown[], failure: string | null): Happening[] | null {
    const [, call, id, token] = op
    if (!isCount(call) || !isCount(id) || !isToken(token)) return null
    if (failure !== null && failure.length > FAILURE_MAX) return null
    const item = this.#items.get(id)
    const grant = item?.grant
    if (!item || !grant || !this.#mayEnd(by, grant, token)) return [{ type: 'refused', by, call }]
    return [this.#putBack(item, grant, { by, call, failure })]
  }

  #mayEnd(by: string, grant: Grant, token: Token): boolean {
    return this.#members.has(by) && grant.taker === by && sameToken(grant.token, token)
  }

  /** Gives back those of the named items whose holder has been gone since the named view. */
  #expire(by: string, ids: unknown, view: unknown): Happening[] | null {
    if (!Array.isArray(ids) || !ids.every(isCount) || typeof view !== 'string') return null
    const happened: Happening[] = []
    if (!this.#members.has(by)) return happened
    for (const id of ids) {
      const item = this.#items.get(id)
      const grant = item?.grant
      if (item && grant && grant.orphanedIn === view) {
        happened.push(this.#putBack(item, grant, { by, call: 0, failure: null }))
      }
    }
    return happened
  }

  #putBack(
    item: QueueItem,
    grant: Grant,
    how: { readonly by: string | null; readonly call: number; readonly failure: string | null },
  ): Happening {
    const back: QueueItem = { ...item, grant: null }
    this.#put(back)
    this.#taken.delete(item.id)
    const at = this.#returned.findIndex((id) => id > item.id)
    this.#returned.splice(at < 0 ? this.#returned.length : at, 0, item.id)
    return { type: 'returned', item: back, grant, ...how }
  }

  /** Grants waiting items to waiting takes, in order. Only a primary component does. */
  #match(): Happening[] {
    const happened: Happening[] = []
    if (!this.#isPrimary) return happened
    let served = 0
    for (const { taker, take } of this.#takes) {
      const item = this.#next()
      if (item === undefined) break
      served += 1
      this.#n += 1
      const token: Token = [this.#line, this.#view, this.#n]
      const grant: Grant = { taker, take, token, isGone: false, orphanedIn: null }
      const taken: QueueItem = { ...item, attempts: item.attempts + 1, grant }
      this.#put(taken)
      this.#taken.add(item.id)
      happened.push({ type: 'taken', item: taken, grant })
    }
    if (served > 0) this.#takes = this.#takes.slice(served)
    return happened
  }

  #put(item: QueueItem): void {
    this.#items.set(item.id, item)
    this.#version += 1
  }

  #next(): QueueItem | undefined {
    const id = this.#returned.shift()
    if (id !== undefined) return this.#items.get(id)
    if (this.#lastGranted >= this.#lastId) return undefined
    this.#lastGranted += 1
    return this.#items.get(this.#lastGranted)
  }

  /**
   * Installs a view, after every operation of the one before. A state that is about to be replaced is given the view
   * only after the new state was loaded; a view that the loaded state has already seen changes nothing: who has left or
   * died depends on where one comes from, and the state is from elsewhere.
   */
  install(view: GroupView): Happening[] {
    const isSeen = this.#view === view.id
    this.#view = view.id
    this.#line = view.line ?? ''
    this.#isPrimary = view.primary
    this.#members = new Set(view.members)
    if (isSeen) return []
    this.#n = 0
    const gone = new Set([...view.left, ...view.dead])
    const happened: Happening[] = []
    for (const item of this.held().sort((a, b) => a.id - b.id)) {
      if (item.grant === null) continue
      const isGone = item.grant.isGone || gone.has(item.grant.taker)
      const orphanedIn = this.#orphanedIn(item.grant)
      // A minority only notes who is gone: what becomes of the items is for the primary component.
      if (isGone && view.primary && !this.#members.has(item.grant.taker)) {
        happened.push(this.#putBack(item, item.grant, { by: null, call: 0, failure: null }))
      } else if (isGone !== item.grant.isGone || orphanedIn !== item.grant.orphanedIn) {
        this.#put({ ...item, grant: { ...item.grant, isGone, orphanedIn } })
      }
    }
    if (view.primary) this.#takes = this.#takes.filter(({ taker }) => this.#members.has(taker))
    return [...happened, ...this.#match()]
  }

  #orphanedIn(grant: Grant): string | null {
    if (!this.#isPrimary) return grant.orphanedIn
    return this.#members.has(grant.taker) ? null : (grant.orphanedIn ?? this.#view)
  }

  /** `[last id, last granted, view, n, items, takes]`; items ascending, takes in their order. */
  save(): unknown {
    // An item that was replaced stands where it stood: the map is in the order of the ids.
    const items = [...this.#items.values()].map(({ id, bytes, attempts, grant }) => [
      id,
      bytes,
      attempts,
      grant && [grant.taker, grant.take, [...grant.token], grant.isGone, grant.orphanedIn],
    ])
    const takes = this.#takes.flatMap(({ taker, take }) => [taker, take])
    return [this.#lastId, this.#lastGranted, this.#view, this.#n, items, takes]
  }

  /** Reads a saved state into this one. Throws a ValueError for anything else, and has changed nothing then. */
  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 6, 'queue')
    const [lastId, lastGranted, view, n, savedItems, savedTakes] = saved as unknown[]
    assertState(isTotal(lastId) && isTotal(lastGranted) && lastGranted <= lastId, 'ids')
    assertState(typeof view === 'string' && isTotal(n), 'grants')
    assertState(Array.isArray(savedItems) && savedItems.length <= QUEUE_ITEMS_MAX, 'items')
    const items = savedItems.map(readItem)
    let previous = 0
    for (const { id, grant } of items) {
      assertState(id > previous && id <= lastId, 'item order')
      assertState(grant === null || id <= lastGranted, 'a grant of an item never granted')
      previous = id
    }
    assertState(items.filter(({ id }) => id > lastGranted).length === lastId - lastGranted, 'a missing item')
    const takes = readTakes(savedTakes)
    this.#items.clear()
    this.#taken.clear()
    for (const item of items) {
      this.#items.set(item.id, item)
      if (item.grant !== null) this.#taken.add(item.id)
    }
    this.#returned = items.filter(({ id, grant }) => id <= lastGranted && grant === null).map(({ id }) => id)
    this.#lastId = lastId
    this.#lastGranted = lastGranted
    this.#takes = takes
    this.#view = view
    this.#n = n
    this.#version += 1
  }
}

function readItem(saved: unknown): QueueItem {
  assertState(Array.isArray(saved) && saved.length === 4, 'item')
  const [id, bytes, attempts, grant] = saved as unknown[]
  assertState(isCount(id) && isValueBytes(bytes) && isTotal(attempts), 'item')
  return { id, bytes, value: decodeValue(bytes), attempts, grant: grant === null ? null : readGrant(grant) }
}

function readGrant(saved: unknown): Grant {
  assertState(Array.isArray(saved) && saved.length === 5, 'grant')
  const [taker, take, token, isGone, orphanedIn] = saved as unknown[]
  assertState(isAuthor(taker) && isCount(take) && isToken(token) && typeof isGone === 'boolean', 'grant')
  assertState(orphanedIn === null || typeof orphanedIn === 'string', 'grant')
  return { taker, take, token, isGone, orphanedIn }
}

function readTakes(saved: unknown): Take[] {
  assertState(Array.isArray(saved) && saved.length % 2 === 0, 'takes')
  const takes: Take[] = []
  for (let i = 0; i < saved.length; i += 2) {
    const taker: unknown = saved[i]
    const take: unknown = saved[i + 1]
    assertState(isAuthor(taker) && isCount(take), 'take')
    takes.push({ taker, take })
  }
  return takes
}

function isValueBytes(bytes: unknown): bytes is Uint8Array {
  if (!(bytes instanceof Uint8Array)) return false
  try {
    decodeValue(bytes)
    return true
  } catch {
    return false
  }
}
