/**
 * The state machine of an object that takes part in transactions over several objects: one machine, and what is held of it
 * for a transaction that is under way.
 *
 * A transaction holds an object by `prepare`, which is refused if what was read of it has changed; from then on nothing
 * forbids its changes any more, since whatever could waits. `end` makes them, or drops them, and lets go. Who waits is served
 * in the order of asking: requests and other transactions alike.
 *
 * Source: Gray 1978 (two-phase commit); Kung, Robinson 1981 (validation of optimistic reads).
 */
import { assertState, isAuthor, isCount, isTotal } from './checks.ts'
import type { Answer, Caller, Machine, MachineContext } from './state-machine.ts'

/** The requests beside those of the machine, by their first element; those of machines begin with numbers. */
export const ATOMIC_OP = { prepare: 'prepare', end: 'end', alone: 'alone' } as const

/** What a `prepare`, or a transaction `alone`, comes to; else it is refused with an error. */
export const ATOMIC_ANSWER = { held: 0, done: 1, stale: 2 } as const

/** Objects of one transaction, at most. */
export const PARTS_MAX = 64

/** Who makes a transaction, in which opening of the ledger, and its number there. */
export type TransactionKey = readonly [process: string, opening: number, n: number]

/** A machine whose object can take part. */
export interface TakingPart extends Machine {
  /**
   * May this be done now? `[true, whether what was read is still so]`, or what it is refused with; null if it is malformed,
   * which does not depend on the state. Changes nothing.
   */
  check(part: unknown): Answer | null
  /** Does it. It was checked, and nothing has changed since but by requests that may be made besides. */
  carryOut(part: unknown, caller: Caller, context: MachineContext): void
  /** From here on, or no longer (null), this is to be carried out: nothing else may take what it needs. */
  reserve?(part: unknown): void
  /** May the request be done while something is reserved? By default none may. */
  isBesides?(body: readonly unknown[]): boolean
}

/** What is held for a transaction. */
export interface Held {
  readonly key: TransactionKey
  /** The names of all objects in it. */
  readonly names: readonly string[]
  readonly part: unknown
}

interface Waiting {
  readonly caller: Caller
  readonly body: readonly unknown[]
}

/** A machine with what is held of it. */
export class AtomicMachine implements Machine {
  readonly machine: TakingPart
  #held: Held | null = null
  #waiting: Waiting[] = []

  constructor(machine: TakingPart) {
    this.machine = machine
  }

  /** For which transaction it is held; null if for none. */
  get held(): Held | null {
    return this.#held
  }

  /**
   * `[prepare, key, names, part]` and `[alone, part]` are answered as {@link ATOMIC_ANSWER} says; `[end, key, whether it is
   * committed]` with null, also if nothing is held for that one (any more).
   */
  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body)) return null
    if (body[0] === ATOMIC_OP.end) return this.#end(body, context)
    if (!this.#isPassing(body)) {
      this.#waiting.push({ caller, body })
      return 'waits'
    }
    return this.#do(body, caller, context)
  }

  #isPassing(body: readonly unknown[]): boolean {
    if (this.#held === null && this.#waiting.length === 0) return true
    return typeof body[0] === 'number' && this.machine.isBesides?.(body) === true
  }

  #do(body: readonly unknown[], caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (body[0] === ATOMIC_OP.prepare) return this.#prepare(body)
    if (body[0] === ATOMIC_OP.alone) return this.#doAlone(body, caller, context)
    return this.machine.apply(body, caller, context)
  }

  #prepare(body: readonly unknown[]): Answer | null {
    const [, key, names, part] = body
    if (body.length !== 4 || !isKey(key) || !areNames(names)) return null
    const answer = this.machine.check(part)
    if (answer === null || !answer[0]) return answer
    if (answer[1] !== true) return [true, ATOMIC_ANSWER.stale]
    this.#hold({ key, names, part })
    return [true, ATOMIC_ANSWER.held]
  }

  #doAlone([, part, ...more]: readonly unknown[], caller: Caller, context: MachineContext): Answer | null {
    const answer = more.length > 0 ? null : this.machine.check(part)
    if (answer === null || !answer[0]) return answer
    if (answer[1] !== true) return [true, ATOMIC_ANSWER.stale]
    this.machine.carryOut(part, caller, context)
    return [true, ATOMIC_ANSWER.done]
  }

  #end(body: readonly unknown[], context: MachineContext): Answer | null {
    const [, key, isCommitted] = body
    if (body.length !== 3 || !isKey(key) || typeof isCommitted !== 'boolean') return null
    const held = this.#held
    if (held === null || !sameKey(held.key, key)) return [true, null]
    this.#hold(null)
    const [process, , call] = key
    if (isCommitted) this.machine.carryOut(held.part, { process, call }, context)
    this.#serve(context)
    return [true, null]
  }

  #hold(held: Held | null): void {
    this.#held = held
    this.machine.reserve?.(held?.part ?? null)
  }

  /** Those who wait, until one holds it. */
  #serve(context: MachineContext): void {
    while (this.#held === null) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      const answer = this.#do(next.body, next.caller, context)
      if (answer !== 'waits') context.answer(next.caller, answer ?? [false, 'malformed', 'the request is malformed'])
    }
  }

  cancel(caller: Caller, context: MachineContext): void {
    const isOther = (each: Waiting): boolean =>
      each.caller.process !== caller.process || each.caller.call !== caller.call
    const left = this.#waiting.filter(isOther)
    const isOfMachine = left.length === this.#waiting.length
    this.#waiting = left
    if (isOfMachine) this.machine.cancel?.(caller, context)
  }

  release(process: string, context: MachineContext): void {
    this.machine.release?.(process, context)
  }

  isHolding(process: string): boolean {
    return this.machine.isHolding?.(process) === true
  }

  viewed(context: MachineContext): void {
    this.machine.viewed?.(context)
  }

  /** `[machine, held, waiting]`; those who wait in their order. */
  save(): unknown {
    const held = this.#held
    const waiting = this.#waiting.map(({ caller: { process, call }, body }) => [process, call, [...body]])
    return [this.machine.save(), held && [[...held.key], [...held.names], held.part], waiting]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 3 && Array.isArray(saved[2]), 'atomic object')
    const held = readHeld(saved[1])
    const waiting = saved[2].map(readWaiting)
    this.machine.load(saved[0])
    this.#waiting = waiting
    this.#hold(held)
  }
}

/** Are they one transaction? */
export function sameKey(a: TransactionKey, b: TransactionKey): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2]
}

/** The key of a transaction, or what could be one. */
export function isKey(key: unknown): key is TransactionKey {
  return Array.isArray(key) && key.length === 3 && isAuthor(key[0]) && isTotal(key[1]) && isCount(key[2])
}

/** Names of objects. */
export function areNames(names: unknown): names is readonly string[] {
  if (!Array.isArray(names) || names.length < 1 || names.length > PARTS_MAX) return false
  return names.every((name) => typeof name === 'string')
}

function readHeld(saved: unknown): Held | null {
  if (saved === null) return null
  assertState(Array.isArray(saved) && saved.length === 3, 'transaction')
  const [key, names, part] = saved as unknown[]
  assertState(isKey(key) && areNames(names), 'transaction')
  return { key, names, part }
}

function readWaiting(saved: unknown): Waiting {
  assertState(Array.isArray(saved) && saved.length === 3, 'waiting request')
  const [process, call, body] = saved as unknown[]
  assertState(isAuthor(process) && isCount(call) && Array.isArray(body), 'waiting request')
  return { caller: { process, call }, body }
}
