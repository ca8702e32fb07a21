/**
 * Transactions over several atomic objects of a space: all of their changes take effect, or none.
 *
 * The function reads what was delivered here, and notes what it writes. Then the objects are held, one after the other in the
 * order of their names, so that transactions do not wait for each other in circles; one of which something that was read has
 * changed lets all go, and the function is called again. The ledger decides; and all objects are told. Whoever makes a
 * transaction may vanish at any point of this: `atomic.ts` says who ends it then.
 *
 * One that only reads, and is overtaken again and again, holds first and reads then: so it does not starve.
 *
 * Source: Kung, Robinson 1981; Gray 1978; Havender 1968 (ordered acquisition).
 */

import { eitherSignal } from '../either-signal.ts'
import { type TuttiError, UnknownOutcomeError, UsageError } from '../errors.ts'
import { ConflictError, NotAtomicError } from '../tool-errors.ts'
import { pause } from './agreed.ts'
import { type Part, type Participant, tell } from './atomic.ts'
import { ATOMIC_ANSWER, ATOMIC_OP, AtomicMachine, PARTS_MAX, sameKey, type TransactionKey } from './atomic-machine.ts'
import type { BoundedCounter } from './bounded-counter.ts'
import { checkFunction } from './check-function.ts'
import { compareText, isCount } from './checks.ts'
import type { Ledger } from './ledger.ts'
import type { CounterPart, QueuePart, RegisterPart } from './parts.ts'
import type { CallOptions, SharedQueue } from './queue.ts'
import type { SharedRegister } from './register.ts'
import type { GroupPort } from './replica.ts'
import type { TotalMap } from './total-map.ts'
import type { Transaction } from './transaction.ts'

/** How often a function is called, at most, by default. */
const TRIES = 32

/** After so many runs that were overtaken, what one that only reads has read is held while it runs again. */
const HOLD_AFTER = 3

/** An async function that only reads is waited for by what is held for so long at most, in ms. */
const HOLD_MS = 250

/** Before it is looked again whether an object acts, in ms. */
const LOOK_MS = 400

/** Why a run is given up: an object does not act now. */
class IdleReason extends Error {
  readonly port: GroupPort

  constructor(port: GroupPort) {
    super()
    this.port = port
  }

  /** It takes a call back, as any signal does. */
  override get name(): string {
    return 'AbortError'
  }
}

/** How a transaction is made. */
export interface TransactOptions extends CallOptions {
  /** How often the function is called, at most, before a ConflictError: 1 or more, by default 32. */
  readonly tries?: number
}

interface Used {
  readonly participant: Participant
  readonly part: Part
}

/** What the function of a transaction is given: the objects, as they are here, with what it writes. Not to be used after it. */
export class Transact {
  readonly #ledger: Ledger
  readonly #used = new Map<object, Used>()
  #isOver = false

  /** Made by `space.transact`. */
  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** A total map in it. Throws NotAtomicError: it cannot take part; UsageError: too many objects, or the transaction is over. */
  of<V>(map: TotalMap<V>): Transaction<V>
  /** A register in it. Throws as for a map. */
  of<T>(register: SharedRegister<T>): RegisterPart<T>
  /** A bounded counter in it. Throws as for a map. */
  of(counter: BoundedCounter): CounterPart
  /** A queue in it. Throws as for a map. */
  of<T>(queue: SharedQueue<T>): QueuePart<T>
  of(object: object): object {
    if (this.#isOver) throw new UsageError('the transaction is over: its function has returned')
    const known = this.#used.get(object)
    if (known !== undefined) return known.part.view
    const { participant = null } = object as { readonly participant?: Participant }
    if (participant === null) throw new NotAtomicError('objects of this kind take no part in transactions')
    const { replica, ledger } = participant
    if (ledger === null)
      throw new NotAtomicError(`"${replica.port.name}" takes no part in transactions: open it with atomic: true`)
    if (ledger !== this.#ledger) throw new NotAtomicError(`"${replica.port.name}" is of another space`)
    if (this.#used.size >= PARTS_MAX) throw new UsageError(`a transaction is over at most ${PARTS_MAX} objects`)
    const part = participant.begin()
    this.#used.set(object, { participant, part })
    return part.view
  }

  /** @internal The objects that matter, by name. It is over. */
  end(): Used[] {
    this.#isOver = true
    for (const { part } of this.#used.values()) part.end()
    const used = [...this.#used.values()].filter(({ part }) => part.isUsed)
    return used.sort((a, b) => compareText(nameOf(a), nameOf(b)))
  }
}

/** Runs a transaction: see `space.transact`. */
export async function transact<Result>(
  ledger: Ledger,
  fn: (tx: Transact) => Result | PromiseLike<Result>,
  { signal, tries = TRIES }: TransactOptions,
): Promise<Result> {
  checkFunction('a transaction', fn)
  if (!isCount(tries)) throw new UsageError('tries must be a whole number from 1')
  let toHold: readonly Used[] = []
  for (let i = 0; i < tries; i += 1) {
    signal?.throwIfAborted()
    const run = toHold.length > 0 ? await callHolding(ledger, fn, toHold, signal) : await call(ledger, fn)
    const { used, hasThrown, isCurrent } = run
    // What it has read of several objects may never have been so at one moment: that may be why it has thrown.
    if (isCurrent || (hasThrown && used.length <= 1)) return run.result()
    const isReadOnly = hasThrown || used.every(({ part }) => part.isReadOnly)
    if (await tryOnce(ledger, used, { isReadOnly, signal })) return run.result()
    if (isReadOnly && i + 1 >= HOLD_AFTER) toHold = used
  }
  throw new ConflictError(`others have changed what the transaction has read ${tries} times`)
}

/** One call of the function. */
interface Run<Result> {
  readonly used: readonly Used[]
  readonly hasThrown: boolean
  /** It has written nothing, and all that it has read was so at one moment, for certain. */
  readonly isCurrent: boolean
  /** What it has returned, or thrown. */
  result(): Result
}

async function call<Result>(ledger: Ledger, fn: (tx: Transact) => Result | PromiseLike<Result>): Promise<Run<Result>> {
  const tx = new Transact(ledger)
  try {
    const value = await fn(tx)
    return { used: tx.end(), hasThrown: false, isCurrent: false, result: () => value }
  } catch (error) {
    const fail = (): never => {
      throw error
    }
    return { used: tx.end(), hasThrown: true, isCurrent: false, result: fail }
  }
}

/** Calls the function while what it has used before is held, so that nobody changes that. Nothing is held any more after it. */
async function callHolding<Result>(
  ledger: Ledger,
  fn: (tx: Transact) => Result | PromiseLike<Result>,
  before: readonly Used[],
  signal: AbortSignal | undefined,
): Promise<Run<Result>> {
  let isCurrent = false
  const runs: Promise<Run<Result>>[] = []
  const whileHeld = async (isStillHeld: () => boolean): Promise<void> => {
    const running = call(ledger, fn)
    runs.push(running)
    const run = await within(HOLD_MS, running, before)
    const names = new Set(before.map(nameOf))
    isCurrent =
      run !== null && isStillHeld() && run.used.every((used) => used.part.isReadOnly && names.has(nameOf(used)))
  }
  const unread = before.map(({ participant }) => ({ participant, part: participant.begin() }))
  await tryOnce(ledger, unread, { isReadOnly: true, signal, whileHeld })
  const run = await (runs[0] ?? call(ledger, fn))
  return { ...run, isCurrent }
}

/** Null if it takes longer than that. */
async function within<Value>(ms: number, promise: Promise<Value>, [first]: readonly Used[]): Promise<Value | null> {
  let cancel: () => void = () => undefined
  const late = new Promise<null>((resolve) => {
    cancel = first?.participant.replica.port.after(ms, () => resolve(null)) ?? cancel
  })
  const value = await Promise.race([promise, late])
  cancel()
  return value
}

/** Resolves with false if something that was read has changed, or an object did not act, and does now. */
async function tryOnce(ledger: Ledger, used: readonly Used[], how: How): Promise<boolean> {
  try {
    return await new Attempt(ledger, used, how).run()
  } catch (error) {
    if (!(error instanceof IdleReason)) throw error
    const { port } = error
    while (port.view?.primary !== true && port.phase !== 'leaving' && port.phase !== 'ended') {
      how.signal?.throwIfAborted()
      await pause(port)
    }
    return false
  }
}

interface How {
  readonly isReadOnly: boolean
  readonly signal: AbortSignal | undefined
  /** What is done while all of them are held; it may ask whether they still are. Does not reject. */
  whileHeld?(isStillHeld: () => boolean): Promise<void>
}

/** One run of the function, and what comes of it. */
class Attempt {
  readonly #ledger: Ledger
  readonly #used: readonly Used[]
  readonly #names: readonly string[]
  readonly #how: How

  constructor(ledger: Ledger, used: readonly Used[], how: How) {
    this.#ledger = ledger
    this.#used = used
    this.#names = used.map(nameOf)
    this.#how = how
  }

  /** Resolves with false if something that was read has changed: nothing has taken effect then. */
  async run(): Promise<boolean> {
    const { signal } = this.#how
    const [first] = this.#used
    if (first === undefined) return true
    if (this.#used.length === 1 && this.#how.whileHeld === undefined) {
      const answer = await first.participant.replica.call([ATOMIC_OP.alone, this.#bodyOf(first)], { signal })
      return answer === ATOMIC_ANSWER.done
    }
    const key = this.#ledger.begin()
    try {
      return await this.#runOverAll(key)
    } finally {
      this.#ledger.finish(key)
    }
  }

  async #runOverAll(key: TransactionKey): Promise<boolean> {
    const held: Used[] = []
    let isCurrent = true
    try {
      for (const used of this.#used) {
        const { signal } = this.#how
        const body = [ATOMIC_OP.prepare, [...key], [...this.#names], this.#bodyOf(used)]
        const asking = this.#untilIdle(used, held.length > 0, signal)
        try {
          isCurrent = (await used.participant.replica.call(body, asking)) === ATOMIC_ANSWER.held
        } finally {
          asking.cancel()
        }
        if (!isCurrent) break
        held.push(used)
      }
      this.#how.signal?.throwIfAborted()
      if (isCurrent) await this.#how.whileHeld?.(() => held.every(({ participant }) => isHeldFor(participant, key)))
    } catch (error) {
      // What is under way lets go by itself, if it is held after all.
      await this.#end(key, held, false)
      throw error
    }
    if (!isCurrent || this.#how.isReadOnly) {
      await this.#end(key, held, false)
      return isCurrent
    }
    return await this.#decide(key)
  }

  /**
   * Objects that act are not held for one that does not, because whoever has its state is missing: that may be for long. Then
   * what is asked of it is taken back.
   */
  #untilIdle(
    { participant }: Used,
    isHolding: boolean,
    signal: AbortSignal | undefined,
  ): { readonly signal: AbortSignal | undefined; cancel(): void } {
    if (!isHolding) return { signal, cancel: () => undefined }
    const { port } = participant.replica
    const idle = new AbortController()
    let cancel: () => void = () => undefined
    const look = (): void => {
      if (port.view?.primary !== true) idle.abort(new IdleReason(port))
      else cancel = port.after(LOOK_MS, look)
    }
    look()
    return {
      signal: signal === undefined ? idle.signal : eitherSignal(signal, idle.signal),
      cancel: () => cancel(),
    }
  }

  /** From here on it is taken back no more. */
  async #decide(key: TransactionKey): Promise<boolean> {
    let isCommitted: boolean
    let unknown: TuttiError | null = null
    try {
      isCommitted = await this.#ledger.commit(key, this.#names)
    } catch (error) {
      if (!(error instanceof UnknownOutcomeError)) throw error
      // The ledger has forgotten this process: what it says now may not be what it has decided and forgotten.
      unknown = error
      isCommitted = await this.#ledger.resolve(key, this.#names)
    }
    await this.#end(key, this.#used, isCommitted)
    if (unknown !== null && !isCommitted) throw unknown
    return isCommitted
  }

  /** Tells all of these. One that is closed here is told by those who are in it. */
  async #end(key: TransactionKey, held: readonly Used[], isCommitted: boolean): Promise<void> {
    const body = [ATOMIC_OP.end, [...key], isCommitted]
    const told = await Promise.allSettled(held.map(({ participant }) => tell(participant.replica, body)))
    const ended = held.filter((_, i) => told[i]?.status === 'fulfilled').map(nameOf)
    if (isCommitted && ended.length > 0) this.#ledger.ended(key, ended)
  }

  #bodyOf({ part }: Used): unknown {
    return part.toBody(this.#how.isReadOnly)
  }
}

/** As far as this process knows. Where it is cut off, others may let go of it, and its own copy stays as it was. */
function isHeldFor({ replica: { machine } }: Participant, key: TransactionKey): boolean {
  return machine instanceof AtomicMachine && machine.held !== null && sameKey(machine.held.key, key)
}

function nameOf({ participant }: Used): string {
  return participant.replica.port.name
}
