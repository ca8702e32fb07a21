/**
 * The state machine of a queue: which item waits, who holds which, who waits for one, and what has failed too often.
 *
 * Waiting takes are matched with waiting items; each match carries a token (line, view, n) that is higher than any before
 * it, and a completion counts only with the token of the item's present grant. So an item has exactly one accepted
 * completion, however often it had to be granted. What its holder failed with, or lost, goes back in front of what nobody
 * has tried, or, after `maxTries`, among the dead letters.
 *
 * A machine reads no clock: that a delay is over, or the time for the work on an item, is a request as any other, which
 * members make by their own clocks. The first one counts; each countdown has a key, so that no other is ended by mistake.
 */
import { readStored } from './agreed.ts'
import type { TakingPart } from './atomic-machine.ts'
import { assertState, isCount, isTotal } from './checks.ts'
import { Heap } from './heap.ts'
import {
  type Countdown,
  compareWaiting,
  type Grant,
  isReason,
  isWait,
  type QueueItem,
  readAdd,
  readItem,
  readTake,
  saveAdd,
  saveItem,
  saveTake,
  type WaitingAdd,
  type WaitingTake,
} from './queue-items.ts'
import type { Answer, Caller, MachineContext } from './state-machine.ts'
import { isToken, sameToken, type Token } from './token.ts'

/**
 * The requests, by their first element: `[add, bytes, priority, delay, whether it waits for room]`, `[take, limit]`,
 * `[done, id, token, result or null]`, `[fail, id, token, reason, delay, whether it is hopeless]`,
 * `[giveBack, id, token, whether it was in hand]`, `[extend, id, token, limit]`, `[due, keys]`, `[restore, id]`, `[drop, id]`.
 */
export const OP = {
  add: 0,
  take: 1,
  done: 2,
  fail: 3,
  giveBack: 4,
  extend: 5,
  due: 6,
  restore: 7,
  drop: 8,
} as const

/** A queue holds at most this many items, dead letters included. */
export const QUEUE_ITEMS_MAX = 100_000
/** A process waits for at most this many items at a time; a take beyond is refused at every member. */
export const QUEUE_TAKES_MAX = 512
/** A process waits for room with at most this many adds at a time. */
export const QUEUE_ADDS_MAX = 256
/** Countdowns that are reported at a time, at most. */
export const DUE_MAX = 1_024

/** Why an item went back, where nobody has said: its holder is gone, or had its time. */
export const GONE = 'its holder is gone'
export const TIMED_OUT = 'its time ran out'

/** What a queue is opened with, the same at every member. */
export interface QueueTerms {
  /** After so many it is a dead letter; 0: never. */
  readonly maxTries: number
  /** So many wait or are taken, at most; dead letters apart. */
  readonly maxSize: number
}

/** How a grant ended without a completion. */
interface Return {
  /** Null: its holder is gone, or had its time. */
  readonly by: string | null
  /** What its holder failed with; null if it did not say that it failed. */
  readonly failure: string | null
}

/** What has happened to an item, or to all of them. */
export type Happening =
  | { readonly type: 'added'; readonly item: QueueItem; readonly by: string }
  | { readonly type: 'due' | 'restored' | 'dropped'; readonly item: QueueItem; readonly by: string }
  | { readonly type: 'taken' | 'extended'; readonly item: QueueItem; readonly grant: Grant }
  /** It waits again, or is dead. `grant` is the one that ended. */
  | ({ readonly type: 'returned' | 'dead'; readonly item: QueueItem; readonly grant: Grant } & Return)
  | { readonly type: 'done'; readonly item: QueueItem; readonly grant: Grant; readonly result: Uint8Array | null }
  /** The whole state was replaced. */
  | { readonly type: 'replaced' }

const STALE: Answer = [false, 'stale-token', 'the item is no longer held under this token']
const FULL: Answer = [false, 'busy', 'the queue is full']

/** Items, grants, and who waits. */
export class QueueMachine implements TakingPart {
  readonly terms: QueueTerms
  /** Told of what happens. Not part of the state. */
  watch: (happening: Happening) => void = () => undefined
  /** Told of countdowns that begin. Not part of the state. */
  counting: (countdown: Countdown, isDelay: boolean) => void = () => undefined

  #items = new Map<number, QueueItem>()
  #dead = new Map<number, QueueItem>()
  readonly #ready = new Heap<QueueItem>(compareWaiting)
  /** Ids of the items in somebody's hands. */
  readonly #taken = new Set<number>()
  /** Ids of what they count for. */
  readonly #countdowns = new Map<string, number>()
  #takes: WaitingTake[] = []
  #adds: WaitingAdd[] = []
  /** The highest id ever given. */
  #lastId = 0
  #lastCountdown = 0
  #version = 0
  /** Items that a transaction is about to add. Follows from what is held of the queue. */
  #reserved = 0

  constructor(terms: QueueTerms) {
    this.terms = terms
  }

  /** Grows whenever an item has changed. */
  get version(): number {
    return this.#version
  }

  /** All that wait or are taken. */
  get items(): ReadonlyMap<number, QueueItem> {
    return this.#items
  }

  /** The dead letters. */
  get dead(): ReadonlyMap<number, QueueItem> {
    return this.#dead
  }

  /** The items in somebody's hands, by id. */
  held(): (QueueItem & { readonly grant: Grant })[] {
    return [...this.#taken]
      .sort((a, b) => a - b)
      .flatMap((id) => {
        const item = this.#items.get(id)
        return item?.grant ? [{ ...item, grant: item.grant }] : []
      })
  }

  /** The item, if that process holds it under that token. */
  heldBy(process: string, id: number, token: Token): QueueItem | null {
    const item = this.#items.get(id)
    return item?.grant?.taker === process && sameToken(item.grant.token, token) ? item : null
  }

  /** Is that still waited for? */
  isCounting(key: string): boolean {
    return this.#countdowns.has(key)
  }

  /** How many there are. */
  get countdownCount(): number {
    return this.#countdowns.size
  }

  /** What is waited for. `isDelay`: until an item may be taken; else until it must be back. */
  countdowns(): { readonly countdown: Countdown; readonly isDelay: boolean }[] {
    return [...this.#countdowns.values()].flatMap((id) => {
      const { delay = null, grant = null } = this.#items.get(id) ?? {}
      const countdown = delay ?? grant?.limit ?? null
      return countdown === null ? [] : [{ countdown, isDelay: delay !== null }]
    })
  }

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body)) return null
    const answer = this.#apply(body, caller, context)
    if (answer !== null) this.#serve(context)
    return answer
  }

  #apply(body: readonly unknown[], caller: Caller, context: MachineContext): Answer | 'waits' | null {
    switch (body[0]) {
      case OP.add:
        return body.length === 5 ? this.#add(body, caller, context) : null
      case OP.take:
        return body.length === 2 && isWait(body[1]) ? this.#take({ caller, limitMs: body[1] }) : null
      case OP.done:
      case OP.fail:
      case OP.giveBack:
      case OP.extend:
        return this.#withHeld(body, caller, context)
      case OP.due:
        return body.length === 2 ? this.#end(body[1], caller) : null
      case OP.restore:
        return body.length === 2 && isCount(body[1]) ? this.#restore(body[1], caller) : null
      case OP.drop:
        return body.length === 2 && isCount(body[1]) ? this.#drop(body[1], caller) : null
      default:
        return null
    }
  }

  // Adding

  #add([, bytes, priority, delayMs, waits]: readonly unknown[], caller: Caller, context: MachineContext) {
    const stored = readStored(bytes)
    if (stored === null || !Number.isSafeInteger(priority) || !isWait(delayMs) || typeof waits !== 'boolean')
      return null
    const add: WaitingAdd = { caller, ...stored, priority: priority as number, delayMs }
    if (this.#hasRoom()) return [true, this.#admit(add, context)] as const
    if (!waits || this.#countOf(this.#adds, caller) >= QUEUE_ADDS_MAX) return FULL
    this.#adds.push(add)
    return 'waits'
  }

  #hasRoom(count = 1): boolean {
    const { size } = this.#items
    const more = count + this.#reserved
    return size + more <= this.terms.maxSize && size + this.#dead.size + more <= QUEUE_ITEMS_MAX
  }

  /** `[[bytes, priority, delay], …]`: what is to be added. */
  check(part: unknown): Answer | null {
    const adds = readAdds(part)
    if (adds === null) return null
    return this.#hasRoom(adds.length) ? [true, true] : FULL
  }

  carryOut(part: unknown, caller: Caller, context: MachineContext): void {
    for (const add of readAdds(part) ?? []) this.#admit({ ...add, caller }, context)
    this.#serve(context)
  }

  reserve(part: unknown): void {
    this.#reserved = Array.isArray(part) ? part.length : 0
  }

  /** All but what takes up room. */
  isBesides([op]: readonly unknown[]): boolean {
    return op !== OP.add && op !== OP.restore
  }

  #admit({ caller, bytes, value, priority, delayMs }: WaitingAdd, context: MachineContext): number {
    this.#lastId += 1
    const delay = this.#count(delayMs, context)
    const item: QueueItem = {
      ...{ id: this.#lastId, bytes, value, priority, delay },
      ...{ attempts: 0, grant: null, reason: '' },
    }
    this.#put(item)
    this.watch({ type: 'added', item, by: caller.process })
    this.#wait(item)
    return item.id
  }

  // Taking

  #take(take: WaitingTake): Answer | 'waits' {
    if (this.#countOf(this.#takes, take.caller) >= QUEUE_TAKES_MAX) return [false, 'busy', 'too many open takes']
    this.#takes.push(take)
    return 'waits'
  }

  #countOf(waiting: readonly { readonly caller: Caller }[], { process }: Caller): number {
    return waiting.filter(({ caller }) => caller.process === process).length
  }

  /** Adds what has room, and grants what waits to who waits, in order. */
  #serve(context: MachineContext): void {
    // Of who has just gone, what waits is about to be taken back.
    const isThere = ({ caller }: { readonly caller: Caller }): boolean => context.members.has(caller.process)
    for (let next = this.#adds.find(isThere); next !== undefined && this.#hasRoom(); next = this.#adds.find(isThere)) {
      const add = next
      this.#adds = this.#adds.filter((each) => each !== add)
      context.answer(add.caller, [true, this.#admit(add, context)])
    }
    if (!context.isPrimary || this.#takes.length === 0 || this.#ready.size === 0) return
    const left: WaitingTake[] = []
    for (const take of this.#takes) {
      const item = isThere(take) ? this.#ready.pop() : undefined
      if (item === undefined) left.push(take)
      else this.#grant(item, take, context)
    }
    this.#takes = left
  }

  #grant(item: QueueItem, { caller, limitMs }: WaitingTake, context: MachineContext): void {
    const token = context.nextToken()
    const limit = this.#count(limitMs, context)
    const grant: Grant = { taker: caller.process, token, limit }
    const taken: QueueItem = { ...item, attempts: item.attempts + 1, grant }
    this.#put(taken)
    this.#taken.add(item.id)
    if (limit !== null) this.#begin(limit, item.id, false)
    this.watch({ type: 'taken', item: taken, grant })
    context.answer(caller, [true, [item.id, [...token]]])
  }

  // What is held

  /** A request of who holds an item, or says so. Whether it is malformed does not depend on the state. */
  #withHeld(body: readonly unknown[], { process }: Caller, context: MachineContext): Answer | null {
    const [op, id, token, third, delayMs, isHopeless] = body
    if (!isCount(id) || !isToken(token)) return null
    const item = this.heldBy(process, id, token)
    const held = item?.grant ? { ...item, grant: item.grant } : null
    switch (op) {
      case OP.done:
        if (body.length !== 4 || !(third === null || readStored(third) !== null)) return null
        if (held !== null) this.#complete(held, third as Uint8Array | null)
        break
      case OP.fail:
        if (body.length !== 6 || !isReason(third) || !isWait(delayMs) || typeof isHopeless !== 'boolean') return null
        if (held !== null)
          this.#putBack(held, { by: process, failure: third }, { delay: this.#count(delayMs, context), isHopeless })
        break
      case OP.giveBack:
        if (body.length !== 4 || typeof third !== 'boolean') return null
        if (held !== null)
          this.#putBack({ ...held, attempts: held.attempts - (third ? 0 : 1) }, { by: process, failure: null })
        break
      default:
        if (body.length !== 4 || !isWait(third)) return null
        if (held !== null) this.#extend(held, third, context)
    }
    return held === null ? STALE : [true, null]
  }

  #complete(item: QueueItem & { readonly grant: Grant }, result: Uint8Array | null): void {
    this.#items.delete(item.id)
    this.#letGo(item)
    this.#version += 1
    this.watch({ type: 'done', item, grant: item.grant, result })
  }

  #putBack(
    item: QueueItem & { readonly grant: Grant },
    how: Return,
    { delay = null, isHopeless = false }: { delay?: Countdown | null; isHopeless?: boolean } = {},
  ): void {
    const { grant, attempts, id } = item
    this.#letGo(item)
    const { maxTries } = this.terms
    const isDead = isHopeless || (maxTries > 0 && attempts >= maxTries)
    const reason = how.failure ?? item.reason
    const back: QueueItem = { ...item, grant: null, delay: isDead ? null : delay, reason }
    if (isDead) {
      this.#items.delete(id)
      this.#dead.set(id, back)
      this.#version += 1
    } else this.#put(back)
    this.watch({ type: isDead ? 'dead' : 'returned', item: back, grant, ...how })
    if (!isDead) this.#wait(back)
  }

  #letGo({ id, grant }: QueueItem & { readonly grant: Grant }): void {
    this.#taken.delete(id)
    if (grant.limit !== null) this.#countdowns.delete(grant.limit.key)
  }

  /** Its time begins anew, with `ms` if that is not 0. */
  #extend(item: QueueItem & { readonly grant: Grant }, ms: number, context: MachineContext): void {
    const before = item.grant.limit
    const limit = this.#count(ms === 0 ? (before?.ms ?? 0) : ms, context)
    if (before !== null) this.#countdowns.delete(before.key)
    if (limit !== null) this.#begin(limit, item.id, false)
    const grant: Grant = { ...item.grant, limit }
    const extended: QueueItem = { ...item, grant }
    this.#put(extended)
    this.watch({ type: 'extended', item: extended, grant })
  }

  // Time

  /** The countdown of that many ms; null if there is nothing to be waited for. */
  #count(ms: number, { line, view }: MachineContext): Countdown | null {
    if (ms === 0) return null
    this.#lastCountdown += 1
    // Two lines may go on from one view, each with casts of its own that are of it (seed 990003).
    return { key: `${line}/${view}/${this.#lastCountdown}`, ms }
  }

  #begin(countdown: Countdown, id: number, isDelay: boolean): void {
    this.#countdowns.set(countdown.key, id)
    this.counting(countdown, isDelay)
  }

  /** These are over, says a member. Those that it is not waited for any more were reported by another, or are for nothing. */
  #end(keys: unknown, { process }: Caller): Answer | null {
    if (!Array.isArray(keys) || keys.length > DUE_MAX || !keys.every((key) => typeof key === 'string')) return null
    for (const key of keys) {
      const item = this.#items.get(this.#countdowns.get(key) ?? 0)
      if (item === undefined) continue
      this.#countdowns.delete(key)
      if (item.grant !== null) {
        const held = { ...item, grant: item.grant, reason: TIMED_OUT }
        this.#putBack(held, { by: null, failure: null })
      } else {
        const due: QueueItem = { ...item, delay: null }
        this.#put(due)
        this.watch({ type: 'due', item: due, by: process })
        this.#wait(due)
      }
    }
    return [true, null]
  }

  // Dead letters

  #restore(id: number, { process }: Caller): Answer {
    const item = this.#dead.get(id)
    if (item === undefined) return [true, false]
    if (this.#items.size >= this.terms.maxSize) return FULL
    this.#dead.delete(id)
    const restored: QueueItem = { ...item, attempts: 0, reason: '' }
    this.#put(restored)
    this.watch({ type: 'restored', item: restored, by: process })
    this.#wait(restored)
    return [true, true]
  }

  #drop(id: number, { process }: Caller): Answer {
    const item = this.#dead.get(id)
    if (item === undefined) return [true, false]
    this.#dead.delete(id)
    this.#version += 1
    this.watch({ type: 'dropped', item, by: process })
    return [true, true]
  }

  // Who comes and goes

  cancel({ process, call }: Caller): void {
    const isOther = ({ caller }: { readonly caller: Caller }): boolean =>
      caller.process !== process || caller.call !== call
    this.#takes = this.#takes.filter(isOther)
    this.#adds = this.#adds.filter(isOther)
  }

  release(process: string, context: MachineContext): void {
    for (const item of this.held())
      if (item.grant.taker === process) this.#putBack({ ...item, reason: GONE }, { by: null, failure: null })
    this.#serve(context)
  }

  isHolding(process: string): boolean {
    for (const id of this.#taken) if (this.#items.get(id)?.grant?.taker === process) return true
    return false
  }

  viewed(context: MachineContext): void {
    this.#serve(context)
  }

  // The state

  #put(item: QueueItem): void {
    this.#items.set(item.id, item)
    this.#version += 1
  }

  /** It waits to be taken, or for its delay. */
  #wait(item: QueueItem): void {
    if (item.delay === null) this.#ready.push(item)
    else this.#begin(item.delay, item.id, true)
  }

  /** `[last id, last countdown, items, dead letters, takes, adds]`; items by id, those who wait in their order. */
  save(): unknown {
    const byId = (items: ReadonlyMap<number, QueueItem>): unknown[] =>
      [...items.values()].sort((a, b) => a.id - b.id).map(saveItem)
    const waiting = [this.#takes.map(saveTake), this.#adds.map(saveAdd)]
    return [this.#lastId, this.#lastCountdown, byId(this.#items), byId(this.#dead), ...waiting]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 6, 'queue')
    const [lastId, lastCountdown, savedItems, savedDead, takes, adds] = saved as unknown[]
    assertState(isTotal(lastId) && isTotal(lastCountdown), 'queue')
    assertState([savedItems, savedDead, takes, adds].every(Array.isArray), 'queue')
    const items = readItems(savedItems as unknown[], lastId, false)
    const dead = readItems(savedDead as unknown[], lastId, true)
    assertState(items.size + dead.size <= QUEUE_ITEMS_MAX && ![...dead.keys()].some((id) => items.has(id)), 'items')
    const waitingTakes = (takes as unknown[]).map(readTake)
    const waitingAdds = (adds as unknown[]).map(readAdd)
    this.#items = items
    this.#dead = dead
    this.#takes = waitingTakes
    this.#adds = waitingAdds
    this.#lastId = lastId
    this.#lastCountdown = lastCountdown
    this.#version += 1
    this.#index()
    this.watch({ type: 'replaced' })
  }

  /** What follows from the items. */
  #index(): void {
    this.#ready.clear()
    this.#taken.clear()
    this.#countdowns.clear()
    for (const item of this.#items.values()) {
      const countdown = item.delay ?? item.grant?.limit ?? null
      if (countdown !== null) this.#countdowns.set(countdown.key, item.id)
      if (item.grant !== null) this.#taken.add(item.id)
      else if (item.delay === null) this.#ready.push(item)
    }
  }
}

function readAdds(part: unknown): Omit<WaitingAdd, 'caller'>[] | null {
  if (!Array.isArray(part) || part.length > QUEUE_ADDS_MAX) return null
  const adds: Omit<WaitingAdd, 'caller'>[] = []
  for (const each of part) {
    if (!Array.isArray(each) || each.length !== 3) return null
    const [bytes, priority, delayMs] = each as unknown[]
    const stored = readStored(bytes)
    if (stored === null || !Number.isSafeInteger(priority) || !isWait(delayMs)) return null
    adds.push({ ...stored, priority: priority as number, delayMs })
  }
  return adds
}

function readItems(saved: readonly unknown[], lastId: number, isDead: boolean): Map<number, QueueItem> {
  const items = new Map<number, QueueItem>()
  let previous = 0
  for (const each of saved) {
    const item = readItem(each, isDead)
    assertState(item.id > previous && item.id <= lastId, 'item order')
    previous = item.id
    items.set(item.id, item)
  }
  return items
}
