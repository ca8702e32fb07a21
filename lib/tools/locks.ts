/**
 * `space.locks`: the Web Locks API over all processes of a space, with a fencing token and a signal for each lock.
 *
 * What is checked, in which order and with which errors, is as in the specification and WebIDL, as are the order of grants
 * and the settling of promises. This file is what every space has; the rest is loaded when a lock is first asked for.
 *
 * Source: https://w3c.github.io/web-locks/.
 */
import { BusyError, ClosedError, TooLargeError } from '../errors.ts'
import { unlessAborted } from '../objects/unless-aborted.ts'
import { type Claimed, readHolding } from './holding.ts'
import type { Lock } from './lock.ts'
import type { LockMode } from './lock-machine.ts'
import type { LockManagerSnapshot, LockReplica } from './lock-replica.ts'
import { LOCK_NAME_MAX, type LockAsk, OpenLockRequest, spaceClosed } from './lock-request.ts'
import type { Permit } from './semaphore.ts'

/** The name of the group that carries all locks of a space. */
export const LOCKS_GROUP = 'tutti:locks'

/** Locks that a process holds or waits for, at most. */
const REQUESTS_MAX = 1_024

/** How a lock is asked for. */
export interface LockOptions {
  /** `exclusive` (the default): held by one alone; `shared`: by any number of requests that share it. */
  readonly mode?: LockMode | undefined
  /** Does not wait: the callback is given null if the lock cannot be granted at once. */
  readonly ifAvailable?: boolean | undefined
  /** Takes the lock from all who hold it, before all who wait for it. Their promises reject with an `AbortError`. */
  readonly steal?: boolean | undefined
  /** Takes the request back while it waits. */
  readonly signal?: AbortSignal | undefined
  /**
   * Locks and permits of this process that are not given up before this request is answered, 64 at most: then a deadlock is
   * seen, and the request that completes it rejects with a DeadlockError. What is lost or given up already counts for nothing.
   */
  readonly holding?: Iterable<Lock | Permit> | undefined
}

/** What is done while the lock is held: until the promise that it returns has settled. */
export type LockGrantedCallback<Result> = (lock: Lock | null) => Result

/** The locks of a space, as `navigator.locks` are those of an origin. */
export class LockManager {
  readonly #load: () => Promise<LockReplica>
  #loading: Promise<LockReplica> | null = null
  #replica: LockReplica | null = null
  readonly #open = new Set<OpenLockRequest>()
  #isClosed = false

  /** Made by the space. `load` opens the group of the locks. */
  constructor(load: () => Promise<LockReplica>) {
    this.#load = load
  }

  /**
   * Asks for a lock, and calls `callback` with it when it is granted. The lock is held until the promise that it returns
   * has settled. Resolves or rejects as that promise, once the lock is free for others or no longer this process's.
   *
   * Waits while this process is not in the primary component. Rejects besides with a TypeError (an argument of a wrong
   * type), NotSupportedError (a name that starts with `-`, options that exclude each other), AbortError (the lock was
   * stolen), the signal's reason (it aborted before the grant), InvalidStateError (the space is closed), BusyError (this
   * process holds or waits for 1,024 locks), TooLargeError (the name has more than 65,536 characters), UsageError (this
   * process is a witness; it holds something of another space), or DeadlockError (with `holding`: it would wait for ever).
   */
  request<Result>(name: string, callback: LockGrantedCallback<Result>): Promise<Awaited<Result>>
  request<Result>(name: string, options: LockOptions, callback: LockGrantedCallback<Result>): Promise<Awaited<Result>>
  request(name: unknown, second: unknown, ...rest: unknown[]): Promise<unknown> {
    try {
      return this.#request(rest.length === 0 ? readArguments(name, {}, second) : readArguments(name, second, rest[0]))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * What is held and what is waited for in the whole space, when all is known that was asked for before. Waits while this
   * process is not in the primary component. Rejects with InvalidStateError, BusyError or UsageError, as `request` does, or with the
   * signal's reason, which the Web Locks API does not have here.
   */
  async query({ signal }: { readonly signal?: AbortSignal } = {}): Promise<LockManagerSnapshot> {
    if (this.#isClosed) throw spaceClosed()
    signal?.throwIfAborted()
    return unlessAborted(
      this.#whole().then((replica) => replica.query()),
      signal,
    )
  }

  /** @internal The table of the locks, which is told of waits for other things. */
  async table(): Promise<LockReplica> {
    if (this.#isClosed) throw spaceClosed()
    return this.#whole()
  }

  /** @internal The space is being closed: held locks are lost, and waiting requests refused. Callbacks go on. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#replica?.stop()
    for (const request of this.#open) if (!request.isBegun) request.reject(spaceClosed())
  }

  #request(args: LockArguments): Promise<unknown> {
    if (this.#isClosed) throw spaceClosed()
    const ask = checked(args)
    ask.signal?.throwIfAborted()
    if (this.#open.size >= REQUESTS_MAX) {
      throw new BusyError(`this process holds or waits for ${REQUESTS_MAX} locks: wait for one of them`)
    }
    const request = new OpenLockRequest(ask, (settled) => this.#open.delete(settled))
    this.#open.add(request)
    this.#whole().then(
      (replica) => replica.request(request),
      (error: unknown) => request.reject(error),
    )
    return request.promise
  }

  /** The group, opened at the first use. Requests wait for it in their order. */
  #whole(): Promise<LockReplica> {
    this.#loading ??= this.#load().then(
      (replica) => {
        this.#replica = replica
        if (this.#isClosed) replica.stop()
        return replica
      },
      (error: unknown) => {
        this.#loading = null
        throw error instanceof ClosedError ? spaceClosed() : error
      },
    )
    return this.#loading
  }
}

/** The arguments of a request, of the right types. */
interface LockArguments {
  readonly name: string
  readonly mode: LockMode
  readonly isIfAvailable: boolean
  readonly isSteal: boolean
  readonly signal: AbortSignal | undefined
  readonly callback: LockAsk['callback']
  readonly holding: readonly Claimed[]
}

/** Converts them as WebIDL does, in its order. Throws a TypeError for what is of a wrong type. */
function readArguments(name: unknown, options: unknown, callback: unknown): LockArguments {
  // Not String(name), which takes symbols.
  const text = `${name as string}`
  if (options !== undefined && options !== null && typeof options !== 'object' && typeof options !== 'function') {
    throw new TypeError('the options of a lock are an object')
  }
  const given = (options ?? {}) as Readonly<Record<keyof LockOptions, unknown>>
  const holding = readHolding(given.holding)
  const isIfAvailable = Boolean(given.ifAvailable)
  const { mode: wanted } = given
  const mode = wanted === undefined ? 'exclusive' : `${wanted as string}`
  if (mode !== 'exclusive' && mode !== 'shared') throw new TypeError(`"${mode}" is not a mode of a lock`)
  const { signal } = given
  if (signal !== undefined && !isAbortSignal(signal)) throw new TypeError('the signal is not an AbortSignal')
  const isSteal = Boolean(given.steal)
  if (typeof callback !== 'function') throw new TypeError('the callback of a lock is a function')
  return { name: text, mode, isIfAvailable, isSteal, signal, callback: callback as LockAsk['callback'], holding }
}

/** Refuses what the specification does, in its order. */
function checked({ name, mode, isIfAvailable, isSteal, signal, callback, holding }: LockArguments): LockAsk {
  if (name.startsWith('-')) throw notSupported('names that start with "-" are reserved')
  if (isSteal && isIfAvailable) throw notSupported('steal and ifAvailable exclude each other')
  if (isSteal && mode !== 'exclusive') throw notSupported('only an exclusive lock can be stolen')
  if (signal !== undefined && (isSteal || isIfAvailable)) throw notSupported('a signal excludes steal and ifAvailable')
  if (name.length > LOCK_NAME_MAX)
    throw new TooLargeError('the name of the lock is too long', name.length, LOCK_NAME_MAX)
  return { name, mode, wish: isSteal ? 'steal' : isIfAvailable ? 'ifAvailable' : 'wait', signal, callback, holding }
}

/** Of any window, as the platform sees it. */
function isAbortSignal(value: unknown): value is AbortSignal {
  const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted')?.get
  try {
    return typeof isAborted?.call(value) === 'boolean'
  } catch {
    return false
  }
}

function notSupported(message: string): DOMException {
  return new DOMException(message, 'NotSupportedError')
}
