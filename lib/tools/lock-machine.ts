/**
 * The deterministic state of all locks of a space: who holds each, and who waits for it, in order.
 *
 * The model is that of the Web Locks API: a queue per name; the first in it is granted as soon as it is compatible with
 * what is held (one exclusive holder, or any number of shared ones), so nobody overtakes. A steal takes away all that is
 * held of a name and goes to the front. Each grant carries a token higher than all before it. Nobody is granted anything
 * outside the primary component, nor while out of reach. A lock that several may hold exclusively is a semaphore.
 *
 * Source: W3C, Web Locks API, section 4 (algorithms); Burrows 2006 (sequencers, as Chubby calls the tokens).
 */
import { assertState, compareText, isAuthor, isCount } from '../objects/checks.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { isToken, sameToken, type Token } from '../objects/token.ts'
import { LOCK_NAME_MAX } from './lock-request.ts'

/** How a lock is held: by one alone, or together with others who share it. */
export type LockMode = 'exclusive' | 'shared'

/** What a request of a lock asks for: to wait for it, to have it at once or not at all, or to take it away. */
export type LockWish = 'wait' | 'ifAvailable' | 'steal'

/** The requests of the machine. */
export type LockRequest =
  | readonly [kind: 'lock', name: string, mode: LockMode, wish: LockWish]
  | readonly [kind: 'unlock', name: string, token: Token]
  | readonly [kind: 'query']

/** A request as it waits. */
export interface WaitingLock {
  readonly caller: Caller
  readonly name: string
  readonly mode: LockMode
  readonly wish: LockWish
  /** Requests and grants are counted together, for the order over all names. */
  readonly place: number
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
  #locks = new Map<string, Lock>()
  #place = 0

  /** @param holdersMax how many may hold a lock `exclusive`: more than one make a semaphore of it. */
  constructor(holdersMax = 1) {
    this.#holdersMax = holdersMax
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

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body)) return null
    switch (body[0]) {
      case 'lock':
        return isLockRequest(body) ? this.#request(body, caller, context) : null
      case 'unlock':
        return isUnlock(body) ? this.#unlock(body, caller, context) : null
      case 'query':
        // It is read where it was asked for, now that all that was before it is there.
        return body.length === 1 ? [true, null] : null
      default:
        return null
    }
  }

  #request(
    [, name, mode, wish]: Extract<LockRequest, readonly ['lock', ...unknown[]]>,
    caller: Caller,
    context: MachineContext,
  ): Answer | 'waits' {
    const lock = this.#locks.get(name) ?? { held: [], waiting: [] }
    this.#locks.set(name, lock)
    const request: WaitingLock = { caller, name, mode, wish, place: this.#nextPlace() }
    if (wish === 'steal') lock.waiting.unshift(request)
    else lock.waiting.push(request)
    // It is answered in here if it can be.
    return this.#grant(name, context, caller) ?? 'waits'
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
    return [true, true]
  }

  cancel({ process, call }: Caller, context: MachineContext): void {
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
  }

  isHolding(process: string): boolean {
    for (const { held } of this.#locks.values()) if (held.some(({ caller }) => caller.process === process)) return true
    return false
  }

  viewed(context: MachineContext): void {
    for (const [name] of this.#sorted()) this.#grant(name, context)
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

  /** `[place, held, waiting]`, each in its order. */
  save(): unknown {
    const held = this.held().map(({ caller, name, mode, token, place }) => {
      return [caller.process, caller.call, name, mode, [...token], place]
    })
    // In the order of the queues, which a steal that waits for the primary component is in front of.
    const waiting = this.#sorted().flatMap(([name, lock]) =>
      lock.waiting.map(({ caller, mode, wish, place }) => [caller.process, caller.call, name, mode, wish, place]),
    )
    return [this.#place, held, waiting]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 3, 'locks')
    const [place, held, waiting] = saved as unknown[]
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
    this.#locks = locks
    this.#place = place
  }
}

function isLockRequest(body: readonly unknown[]): body is Extract<LockRequest, readonly ['lock', ...unknown[]]> {
  const [, name, mode, wish] = body
  return body.length === 4 && isName(name) && isMode(mode) && isWish(wish) && (wish !== 'steal' || mode === 'exclusive')
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
  assertState(Array.isArray(saved) && saved.length === 6, 'waiting lock')
  const [process, call, name, mode, wish, place] = saved as unknown[]
  assertState(isAuthor(process) && isCount(call) && isName(name) && isMode(mode), 'waiting lock')
  assertState(isWish(wish) && isPlace(place), 'waiting lock')
  return { caller: { process, call }, name, mode, wish, place }
}
