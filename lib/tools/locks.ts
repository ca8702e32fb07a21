/**
 * Locks over all processes of a space, by the Web Locks API: `request` and `query` with its arguments, exceptions and
 * order, and two things more on each lock, a fencing token and a signal.
 *
 * What may happen to a lock of many devices, and never to one of a single browser: its holder is cut off. The primary
 * component then gives the lock to the next one when the holder's lease has run out; the holder's `signal` aborts before
 * that, and its `request` rejects with an AbortError, as if the lock had been stolen. Outside the primary component
 * requests wait.
 *
 * Source: Web Locks API, W3C, §2.3 (LockManager) and §4 (algorithms).
 */
import { ClosedError, StaleTokenError } from '../errors.ts'
import { unlessAborted } from '../objects/unless-aborted.ts'
import type { HeldLock } from './held-lock.ts'
import { LOCK_NAME_MAX } from './lock-names.ts'
import type { LockReplica, LockRequest, Own } from './lock-replica.ts'
import type { LockEntry } from './lock-state.ts'

/** Runs while the lock is held. Null: it was not to be had at once, and `ifAvailable` was set. */
export type LockCallback<Result> = (lock: HeldLock | null) => Result

/** Who holds or waits for a lock: `LockInfo` of the Web Locks API. `clientId` is the process. */
export interface LockDescription {
  readonly name: string
  readonly mode: 'exclusive' | 'shared'
  readonly clientId: string
}

/** What {@link Locks.query} tells. */
export interface LocksSnapshot {
  /** In the order in which they were granted. */
  readonly held: LockDescription[]
  /** In the order in which they were asked for. */
  readonly pending: LockDescription[]
}

/** The locks of one space. `space.locks`; has the shape of `navigator.locks`. */
export class Locks implements LockManager {
  readonly #join: () => Promise<LockReplica>
  #replica: Promise<LockReplica> | null = null

  /** @param join joins the group that the locks are kept in. */
  constructor(join: () => Promise<LockReplica>) {
    this.#join = join
  }

  /**
   * Asks for the lock of that name, calls `callback` with it, and lets it go when what that returns has settled. Resolves
   * or rejects as that does, when all members hold the release.
   *
   * Rejects with TypeError (no callback, an unknown mode), NotSupportedError (a name that begins with a hyphen, or is
   * longer than 1,024 characters; `steal` or `ifAvailable` with each other or with `signal`; `steal` of a shared lock),
   * InvalidStateError (the space is closed), AbortError (the lock was stolen, or taken from a process that was cut off),
   * the signal's reason, or BusyError (10,000 locks of this process, 100,000 of the space).
   */
  request<Result>(name: string, callback: (lock: HeldLock) => Result): Promise<Awaited<Result>>
  request<Result>(name: string, options: LockOptions, callback: LockCallback<Result>): Promise<Awaited<Result>>
  async request<Result>(
    name: string,
    optionsOrCallback: LockOptions | ((lock: HeldLock) => Result),
    maybeCallback?: LockCallback<Result>,
  ): Promise<Awaited<Result>> {
    const hasOptions = maybeCallback !== undefined || typeof optionsOrCallback !== 'function'
    const callback = (hasOptions ? maybeCallback : optionsOrCallback) as LockCallback<Result> | undefined
    const options = hasOptions ? ((optionsOrCallback ?? {}) as LockOptions) : {}
    if (typeof callback !== 'function') throw new TypeError('locks.request: the last argument is a function')
    const request = readRequest(`${name}`, options)
    const { replica, own } = await this.#acquire(request)
    return own === null ? await callback(null) : await hold(replica, own, callback)
  }

  /** Joined once, and left with the space; if that failed, the next call tries again. */
  #open(): Promise<LockReplica> {
    this.#replica ??= this.#join().catch((error: unknown) => {
      this.#replica = null
      throw error
    })
    return this.#replica
  }

  async #acquire(request: LockRequest): Promise<{ readonly replica: LockReplica; readonly own: Own | null }> {
    try {
      const replica = await unlessAborted(this.#open(), request.signal)
      return { replica, own: await replica.acquire(request) }
    } catch (error) {
      throw request.signal?.aborted ? error : toDomException(error)
    }
  }

  /** What is held and what is waited for, everything included that this process asked for before. Rejects with InvalidStateError. */
  async query(): Promise<LocksSnapshot> {
    try {
      const entries = await (await this.#open()).query()
      const held = entries.flatMap((entry) => (entry.grant === null ? [] : { entry, at: entry.grant.token[2] }))
      return {
        held: held.sort((a, b) => a.at - b.at).map(({ entry }) => describe(entry)),
        pending: entries.filter(({ grant }) => grant === null).map(describe),
      }
    } catch (error) {
      throw toDomException(error)
    }
  }
}

function describe({ name, mode, by }: LockEntry): LockDescription {
  return { name, mode, clientId: by }
}

/** The arguments of a request, checked in the order of the specification. */
function readRequest(name: string, options: LockOptions): LockRequest {
  const { mode = 'exclusive', ifAvailable = false, steal = false, signal } = options
  if (mode !== 'exclusive' && mode !== 'shared') throw new TypeError(`locks.request: "${mode}" is no mode`)
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('locks.request: the signal is no AbortSignal')
  }
  if (name.startsWith('-')) throw notSupported('the name of a lock does not begin with a hyphen')
  if (name.length > LOCK_NAME_MAX) throw notSupported(`the name of a lock has at most ${LOCK_NAME_MAX} characters`)
  if (steal && ifAvailable) throw notSupported('a lock is stolen, or had if it is available: not both')
  if (steal && mode !== 'exclusive') throw notSupported('only an exclusive lock can be stolen')
  if (signal !== undefined && (steal || ifAvailable)) {
    throw notSupported('a request that does not wait takes no signal')
  }
  signal?.throwIfAborted()
  return { name, mode, manner: steal ? 'steal' : ifAvailable ? 'if-available' : 'wait', signal }
}

function notSupported(message: string): DOMException {
  return new DOMException(message, 'NotSupportedError')
}

/** Runs the callback with the lock. The first to come decides: the lock is taken away, or its release is held by all. */
function hold<Result>(replica: LockReplica, own: Own, callback: LockCallback<Result>): Promise<Awaited<Result>> {
  return new Promise((resolve, reject) => {
    let settle: () => void = () => undefined
    replica.whenEnded(own, (error) => (error === null ? settle() : reject(toDomException(error))))
    const release = (how: () => void): void => {
      settle = how
      replica.release(own)
    }
    const running = new Promise<Result>((done) => done(callback(own.lock))) as Promise<Awaited<Result>>
    running.then(
      (result) => release(() => resolve(result)),
      (reason: unknown) => release(() => reject(reason)),
    )
  })
}

/** The platform's own words for it. */
function toDomException(error: unknown): unknown {
  if (error instanceof StaleTokenError) return new DOMException(error.message, 'AbortError')
  if (error instanceof ClosedError) return new DOMException(error.message, 'InvalidStateError')
  return error
}
