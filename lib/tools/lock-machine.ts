/**
 * The deterministic state of all locks of a space: who holds each, and who waits for it, in order.
 *
 * The model is that of the Web Locks API: a queue per name; the first in it is granted as soon as it is compatible with
 * what is held (one exclusive holder, or any number of shared ones), so nobody overtakes. A steal takes away all that is
 * held of a name and goes to the front. Each grant carries a token higher than all before it. Nobody is granted anything
 * outside the primary component, nor while out of reach. A lock that several may hold exclusively is a semaphore.
 *
 * A request that would wait for ever, as far as requests say what is not given up before them (`claims.ts`), is refused.
 *
 * Source: W3C, Web Locks API, section 4 (algorithms); Burrows 2006 (sequencers, as Chubby calls the tokens).
 */
import { assertState, compareText, isAuthor, isCount } from '../objects/checks.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { isToken, sameToken, type Token } from '../objects/token.ts'
import { type Claim, claimKey, isClaims, isNumbers, saveClaims } from './claims.ts'
import { writeCycle } from './cycle.ts'
import { LOCK_NAME_MAX } from './lock-request.ts'
import { findKnot, type Hold, type Knot, type Wait, youngestOf } from './wait-graph.ts'
import { isHolders, type PermitHolder, type Suspicion, WaitsElsewhere } from './waits-elsewhere.ts'

/** How a lock is held: by one alone, or together with others who share it. */
export type LockMode = 'exclusive' | 'shared'

/** What a request of a lock asks for: to wait for it, to have it at once or not at all, or to take it away. */
export type LockWish = 'wait' | 'ifAvailable' | 'steal'

/** The requests of the machine. */
export type LockRequest =
  | readonly [kind: 'lock', name: string, mode: LockMode, wish: LockWish, claims?: readonly Claim[]]
  | readonly [kind: 'unlock', name: string, token: Token]
  | readonly [kind: 'query']
  /** A process waits in another table, for what these hold. Answered only if it is refused. */
  | readonly [kind: 'await', table: string, holders: readonly PermitHolder[], claims: readonly Claim[]]
  /** Calls of this process that are part of the suspicion of that number still wait, and hold what they claim. */
  | readonly [kind: 'confirm', suspicion: number, calls: readonly number[]]

/** The code of the answer to who is refused, because it would wait for ever. */
export const DEADLOCK = 'deadlock'

/** A request as it waits. */
export interface WaitingLock {
  readonly caller: Caller
  readonly name: string
  readonly mode: LockMode
  readonly wish: LockWish
  /** Requests and grants are counted together, for the order over all names. */
  readonly place: number
  /** What its process does not give up before it is answered. */
  readonly claims: readonly Claim[]
}

/** A lock as it is held. */
export interface HeldLock {
  readonly caller: Caller
  readonly name: string
  readonly mode: LockMode
  readonly token: Token
  readonly place: number
}

/** How a lock came to be held no more: by its holder, by somebody's steal, or since its holder is gone. */
export type LockEnd = 'unlocked' | 'stolen' | 'released'

interface Lock {
  /** In the order in which they were granted. */
  held: HeldLock[]
  /** First come, first served. */
  readonly waiting: WaitingLock[]
}

/** All locks. */
export class LockMachine implements Machine {
  /** Told when a lock is no longer held: for the process that held it. Not part of the state. */
  ended: (lock: HeldLock, how: LockEnd) => void = () => undefined

  readonly #holdersMax: number
  readonly #table: string
  #locks = new Map<string, Lock>()
  #place = 0
  readonly #elsewhere = new WaitsElsewhere()

  /**
   * @param holdersMax how many may hold a lock `exclusive`: more than one make a semaphore of it.
   * @param table how claims name this table.
   */
  constructor(holdersMax = 1, table = '') {
    this.#holdersMax = holdersMax
    this.#table = table
  }

  /** Does this process hold that lock under that token? */
  isHeld(process: string, name: string, token: Token): boolean {
    const held = this.#locks.get(name)?.held
    return held?.some((each) => each.caller.process === process && sameToken(each.token, token)) === true
  }

  /** All locks that are held, in the order in which they were granted. */
  held(): HeldLock[] {
    return [...this.#locks.values()].flatMap(({ held }) => held).sort((a, b) => a.place - b.place)
  }

  /** All requests that wait, in the order in which they were made. */
  waiting(): WaitingLock[] {
    return [...this.#locks.values()].flatMap(({ waiting }) => waiting).sort((a, b) => a.place - b.place)
  }

  /** A deadlock, of which those in it are to say whether it is one. */
  get suspicion(): Suspicion | null {
    return this.#elsewhere.suspicion
  }

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body)) return null
    switch (body[0]) {
      case 'lock':
        return isLockRequest(body) ? this.#request(body, caller, context) : null
      case 'unlock':
        return isUnlock(body) ? this.#unlock(body, caller, context) : null
      case 'await':
        return isAwait(body) ? this.#await(body, caller) : null
      case 'confirm':
        return isConfirm(body) ? this.#confirm(body, caller, context) : null
      case 'query':
        // It is read where it was asked for, now that all that was before it is there.
        return body.length === 1 ? [true, null] : null
      default:
        return null
    }
  }

  #request(
    [, name, mode, wish, claims = []]: Extract<LockRequest, readonly ['lock', ...unknown[]]>,
    caller: Caller,
    context: MachineContext,
  ): Answer | 'waits' {
    const lock = this.#locks.get(name) ?? { held: [], waiting: [] }
    this.#locks.set(name, lock)
    const request: WaitingLock = { caller, name, mode, wish, place: this.#nextPlace(), claims }
    if (wish === 'steal') lock.waiting.unshift(request)
    else lock.waiting.push(request)
    // It is answered in here if it can be.
    let answer = this.#grant(name, context, caller)
    // Who claims nothing keeps nobody.
    if (answer === null && claims.length > 0) answer = this.#refuseDeadlocked(context, caller)
    this.#suspect()
    return answer ?? 'waits'
  }

  #unlock(
    [, name, token]: Extract<LockRequest, readonly ['unlock', ...unknown[]]>,
    { process }: Caller,
    context: MachineContext,
  ): Answer {
    const lock = this.#locks.get(name)
    const held = lock?.held.find((each) => each.caller.process === process && sameToken(each.token, token))
    // A lock that was lost meanwhile is none of this process's business.
    if (lock === undefined || held === undefined) return [true, false]
    lock.held = lock.held.filter((each) => each !== held)
    this.ended(held, 'unlocked')
    this.#grant(name, context)
    this.#suspect()
    return [true, true]
  }

  #await(
    [, table, holders, claims]: Extract<LockRequest, readonly ['await', ...unknown[]]>,
    caller: Caller,
  ): Answer | 'waits' {
    this.#elsewhere.add({ caller, table, holders, claims, place: this.#nextPlace() })
    this.#suspect()
    return 'waits'
  }

  #confirm(
    [, id, calls]: Extract<LockRequest, readonly ['confirm', ...unknown[]]>,
    { process }: Caller,
    context: MachineContext,
  ): Answer {
    const knot = this.#elsewhere.confirm(id, calls, process)
    const youngest = knot === null ? null : youngestOf(knot)
    if (knot !== null && youngest !== null) {
      context.answer(youngest.caller, refusal(knot, youngest))
      this.#drop(youngest.caller, context)
      this.#suspect()
    }
    return [true, null]
  }

  cancel(caller: Caller, context: MachineContext): void {
    this.#drop(caller, context)
    this.#suspect()
  }

  /** A request waits no more. */
  #drop({ process, call }: Caller, context: MachineContext): void {
    this.#elsewhere.remove({ process, call })
    for (const [name, { waiting }] of this.#locks) {
      const at = waiting.findIndex(({ caller }) => caller.process === process && caller.call === call)
      if (at < 0) continue
      waiting.splice(at, 1)
      this.#grant(name, context)
      return
    }
  }

  release(process: string, context: MachineContext): void {
    for (const [name, lock] of this.#sorted()) {
      const gone = lock.held.filter(({ caller }) => caller.process === process)
      if (gone.length === 0) continue
      lock.held = lock.held.filter(({ caller }) => caller.process !== process)
      for (const each of gone) this.ended(each, 'released')
      this.#grant(name, context)
    }
    this.#suspect()
  }

  isHolding(process: string): boolean {
    for (const { held } of this.#locks.values()) if (held.some(({ caller }) => caller.process === process)) return true
    return false
  }

  viewed(context: MachineContext): void {
    for (const [name] of this.#sorted()) this.#grant(name, context)
    this.#refuseDeadlocked(context)
    this.#suspect()
  }

  /** Grants what can be granted of a name. The answer to `asking`, if it is answered, is returned instead of told. */
  #grant(name: string, context: MachineContext, asking?: Caller): Answer | null {
    const lock = this.#locks.get(name)
    if (lock === undefined) return null
    let own: Answer | null = null
    const answer = (caller: Caller, value: Token | null): void => {
      if (caller === asking) own = [true, value]
      else context.answer(caller, [true, value])
    }
    if (context.isPrimary) {
      this.#refuseUnavailable(lock, context, answer)
      for (let next = lock.waiting[0]; next !== undefined; next = lock.waiting[0]) {
        // Of who has just gone, what waits is about to be taken back.
        if (!context.members.has(next.caller.process)) break
        if (next.wish === 'steal') this.#takeAway(lock)
        if (!this.#isCompatible(next.mode, lock.held)) break
        lock.waiting.shift()
        const { caller, mode } = next
        const held: HeldLock = { caller, name, mode, token: context.nextToken(), place: this.#nextPlace() }
        lock.held.push(held)
        answer(caller, held.token)
      }
    }
    if (lock.held.length + lock.waiting.length === 0) this.#locks.delete(name)
    return own
  }

  /** Who wants it at once or not at all does not wait: it must be first, and compatible. */
  #refuseUnavailable(lock: Lock, { members }: MachineContext, answer: (caller: Caller, value: null) => void): void {
    for (let at = 0; at < lock.waiting.length; ) {
      const each = lock.waiting[at]
      if (each?.wish === 'ifAvailable' && members.has(each.caller.process)) {
        const mayFollow = lock.waiting.slice(0, at).every(({ mode }) => mode === 'shared' && each.mode === 'shared')
        if (!mayFollow || !this.#isCompatible(each.mode, lock.held)) {
          lock.waiting.splice(at, 1)
          answer(each.caller, null)
          continue
        }
      }
      at += 1
    }
  }

  /** May it be held together with these? */
  #isCompatible(mode: LockMode, held: readonly HeldLock[]): boolean {
    if (held.some((each) => each.mode !== mode)) return false
    return mode === 'shared' || held.length < this.#holdersMax
  }

  // Deadlocks

  /**
   * Refuses whoever would wait for ever, within this table, where all is known. A deadlock comes about by a request that
   * waits and claims something, so that is the youngest in it. The answer to `asking`, if it is that, is returned.
   */
  #refuseDeadlocked(context: MachineContext, asking?: Caller): Answer | null {
    if (!context.isPrimary) return null
    for (;;) {
      const knot = findKnot(this.#waits())
      const youngest = knot === null ? null : youngestOf(knot)
      if (knot === null || youngest === null) return null
      this.#drop(youngest.caller, context)
      if (youngest.caller === asking) return refusal(knot, youngest)
      context.answer(youngest.caller, refusal(knot, youngest))
    }
  }

  /** Together with the waits elsewhere, of which this table has only been told. */
  #suspect(): void {
    this.#elsewhere.suspect(this.#findAnywhere(this.#elsewhere))
  }

  #findAnywhere(elsewhere: WaitsElsewhere): Knot | null {
    return elsewhere.isEmpty ? null : findKnot([...this.#waits(), ...elsewhere.waits()])
  }

  /** What waits in this table, for the graph. */
  #waits(): Wait[] {
    return [...this.#locks].flatMap(([name, { held, waiting }]) => {
      const holds = held.map(({ caller, token, mode }): Hold & { readonly mode: LockMode } => {
        return { key: claimKey([this.#table, token]), process: caller.process, token, mode }
      })
      const exclusive = holds.filter(({ mode }) => mode === 'exclusive')
      // Of permits, there is none left only when all are held.
      const isFull = this.#holdersMax === 1 || held.length >= this.#holdersMax
      let behind: Wait | null = null
      return waiting.map(({ caller, place, mode, claims }) => {
        const inTheWay = !isFull ? [] : mode === 'shared' ? exclusive : holds
        const what = { table: this.#table, name, mode }
        const needs = this.#holdersMax === 1 ? 'all' : 'one'
        const wait: Wait = { caller, place, what, holds: inTheWay, needs, behind, claims: claims.map(claimKey) }
        behind = wait
        return wait
      })
    })
  }

  #takeAway(lock: Lock): void {
    const stolen = lock.held
    lock.held = []
    for (const each of stolen) this.ended(each, 'stolen')
  }

  #nextPlace(): number {
    this.#place += 1
    return this.#place
  }

  #sorted(): [name: string, lock: Lock][] {
    return [...this.#locks].sort(([a], [b]) => compareText(a, b))
  }

  /** `[place, held, waiting, elsewhere]`, each in its order. */
  save(): unknown {
    const held = this.held().map(({ caller, name, mode, token, place }) => {
      return [caller.process, caller.call, name, mode, [...token], place]
    })
    // In the order of the queues, which a steal that waits for the primary component is in front of.
    const waiting = this.#sorted().flatMap(([name, lock]) =>
      lock.waiting.map(({ caller, mode, wish, place, claims }) => {
        return [caller.process, caller.call, name, mode, wish, place, saveClaims(claims)]
      }),
    )
    return [this.#place, held, waiting, this.#elsewhere.save()]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 4, 'locks')
    const [place, held, waiting, elsewhere] = saved as unknown[]
    assertState(isPlace(place) && Array.isArray(held) && Array.isArray(waiting), 'locks')
    const locks = new Map<string, Lock>()
    const lockOf = (name: string): Lock => {
      const lock = locks.get(name) ?? { held: [], waiting: [] }
      locks.set(name, lock)
      return lock
    }
    for (const each of held) {
      const lock = readHeld(each)
      lockOf(lock.name).held.push(lock)
    }
    for (const each of waiting) {
      const request = readWaiting(each)
      lockOf(request.name).waiting.push(request)
    }
    const known = this.#locks
    this.#locks = locks
    try {
      this.#elsewhere.load(elsewhere, (read) => this.#findAnywhere(read))
    } catch (error) {
      this.#locks = known
      throw error
    }
    this.#place = place
  }
}

/** The answer to who is refused, with the deadlock that it would complete. */
function refusal(knot: Knot, refused: Wait): Answer {
  return [false, DEADLOCK, writeCycle(knot, refused)]
}

function isLockRequest(body: readonly unknown[]): body is Extract<LockRequest, readonly ['lock', ...unknown[]]> {
  const [, name, mode, wish, claims] = body
  if (body.length !== 4 && !(body.length === 5 && isClaims(claims))) return false
  return isName(name) && isMode(mode) && isWish(wish) && (wish !== 'steal' || mode === 'exclusive')
}

function isAwait(body: readonly unknown[]): body is Extract<LockRequest, readonly ['await', ...unknown[]]> {
  const [, table, holders, claims] = body
  return body.length === 4 && typeof table === 'string' && isHolders(holders) && isClaims(claims)
}

function isConfirm(body: readonly unknown[]): body is Extract<LockRequest, readonly ['confirm', ...unknown[]]> {
  const [, suspicion, calls] = body
  return body.length === 3 && isCount(suspicion) && isNumbers(calls)
}

function isUnlock(body: readonly unknown[]): body is Extract<LockRequest, readonly ['unlock', ...unknown[]]> {
  return body.length === 3 && isName(body[1]) && isToken(body[2])
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= LOCK_NAME_MAX
}

function isMode(mode: unknown): mode is LockMode {
  return mode === 'exclusive' || mode === 'shared'
}

function isWish(wish: unknown): wish is LockWish {
  return wish === 'wait' || wish === 'ifAvailable' || wish === 'steal'
}

function isPlace(place: unknown): place is number {
  return place === 0 || isCount(place)
}

function readHeld(saved: unknown): HeldLock {
  assertState(Array.isArray(saved) && saved.length === 6, 'held lock')
  const [process, call, name, mode, token, place] = saved as unknown[]
  assertState(isAuthor(process) && isCount(call) && isName(name) && isMode(mode), 'held lock')
  assertState(isToken(token) && isPlace(place), 'held lock')
  return { caller: { process, call }, name, mode, token, place }
}

function readWaiting(saved: unknown): WaitingLock {
  assertState(Array.isArray(saved) && saved.length === 7, 'waiting lock')
  const [process, call, name, mode, wish, place, claims] = saved as unknown[]
  assertState(isAuthor(process) && isCount(call) && isName(name) && isMode(mode), 'waiting lock')
  assertState(isWish(wish) && isPlace(place) && isClaims(claims), 'waiting lock')
  return { caller: { process, call }, name, mode, wish, place, claims }
}
