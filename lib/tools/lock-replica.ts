/**
 * The locks of a space at one process: the delivered state, the requests of this process, and what it holds.
 *
 * The state is deterministic (`lock-machine.ts`), and requests reach it exactly once (`machine-replica.ts`). Here is what
 * a clock decides: whether a grant is used, and when what is held may no longer be.
 */
import { BusyError, ClosedError, StaleTokenError, UnknownOutcomeError } from '../errors.ts'
import { Leases } from '../objects/leases.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind } from '../objects/replica.ts'
import { isToken, type Token } from '../objects/token.ts'
import { LockGrant } from './lock.ts'
import { type HeldLock, type LockEnd, LockMachine, type LockMode, type LockRequest } from './lock-machine.ts'
import { type OpenLockRequest, spaceClosed } from './lock-request.ts'

/** How long a holder may act on what it last heard, in ms. */
export const LEASE_MS = 10_000

/** Before what could not be sent, or is not confirmed, is looked at again, in ms. */
const RETRY_MS = 50

/** A lock as `query` shows it. */
export interface LockInfo {
  readonly name: string
  readonly mode: LockMode
  /** The process that holds it or waits for it. */
  readonly clientId: string
}

/** All locks of the space at one moment. */
export interface LockManagerSnapshot {
  /** In the order in which they were granted. */
  readonly held: LockInfo[]
  /** In the order in which they were asked for. */
  readonly pending: LockInfo[]
}

interface Running {
  readonly grant: LockGrant
  readonly request: OpenLockRequest
}

/** What locks are, for whoever makes something of them. */
export interface LockSettings {
  /** What they are called in errors: `the lock`. */
  readonly what: string
  /** How long a holder may act on what it last heard, in ms. */
  readonly leaseMs: number
  /** How many may hold one exclusively. */
  readonly holdersMax: number
  /** What calls reject with when all is closed. */
  readonly closed: () => Error
}

/** The handle of the group that carries the locks. */
export class LockReplica {
  readonly replica: MachineReplica<LockMachine>
  /** Told, at most once a batch, that the state may have changed. */
  changed: () => void = () => undefined

  readonly #settings: LockSettings
  readonly #port: GroupPort
  readonly #leases: Leases<string, LockGrant>
  /** What this process has in hand, or is about to give back, by token. */
  readonly #inHand = new Set<string>()
  /** Whose callback was called, until their unlock has taken effect. */
  readonly #running = new Map<string, Running>()
  /** Stolen before it could be handed out. */
  readonly #stolen = new Set<string>()
  #cancelSweep: (() => void) | null = null
  #isStopped = false

  constructor(port: GroupPort, settings: LockSettings) {
    const { what, leaseMs, holdersMax } = settings
    const machine = new LockMachine(holdersMax)
    machine.ended = (lock, how) => this.#observe(lock, how)
    this.#port = port
    this.#settings = settings
    this.#leases = new Leases(port, leaseMs, what)
    this.replica = new MachineReplica(
      port,
      machine,
      { what, whenNotPrimary: 'wait', leaseMs },
      {
        toError: (code, message) => new TypeError(`${code}: ${message}`),
        unwanted: (body, value) => this.#giveBack(body as LockRequest, value),
        strayed: () => this.#sweepSoon(),
        settled: (isLoaded) => this.#settled(isLoaded),
        changed: () => this.changed(),
      },
    )
  }

  // What the application asks

  /** Asks for a lock; settles the request. */
  request(request: OpenLockRequest): void {
    const { name, mode, wish, signal } = request.ask
    if (signal?.aborted) return
    request.lateSince = null
    const body: LockRequest = ['lock', name, mode, wish]
    const sent = (now: number): void => {
      request.since = now
    }
    this.replica.call(body, { signal, sent }).then(
      (token) => {
        if (isToken(token)) this.#receive(request, token)
        else request.begin(null).then(request.resolve.bind(request), request.reject.bind(request))
      },
      (error: unknown) => {
        // The others have forgotten this process, which was away for long, with all that it waited for or held.
        if (error instanceof UnknownOutcomeError && !this.#isStopped) this.request(request)
        else request.reject(this.#toError(error))
      },
    )
  }

  /** What is held and waited for, once all is known that was asked for before. */
  async query(): Promise<LockManagerSnapshot> {
    for (;;) {
      try {
        await this.replica.call(['query'])
        const { machine } = this.replica
        return { held: machine.held().map(toInfo), pending: machine.waiting().map(toInfo) }
      } catch (error) {
        if (!(error instanceof UnknownOutcomeError) || this.#isStopped) throw this.#toError(error)
      }
    }
  }

  #toError(error: unknown): unknown {
    return error instanceof ClosedError || error instanceof UnknownOutcomeError ? this.#settings.closed() : error
  }

  // Grants

  /** A lock was granted to this process. */
  #receive(request: OpenLockRequest, token: Token): void {
    const { name, mode, signal } = request.ask
    const key = keyOf(token)
    if (this.#isStopped) return request.reject(this.#settings.closed())
    if (this.#stolen.delete(key)) {
      this.#inHand.delete(key)
      return request.reject(stolenError(name))
    }
    if (!this.replica.machine.isHeld(this.#port.self, name, token)) {
      // Lost before it could be used, by nobody's steal.
      this.#inHand.delete(key)
      return this.request(request)
    }
    if (signal?.aborted) return void this.#unlock(name, token)
    this.#inHand.add(key)
    if (!this.#leases.isFresh(request.since)) request.lateSince ??= this.#port.now()
    if (request.lateSince !== null && !this.#isConfirmed(request.lateSince)) {
      // It waited here, while this process slept or was cut off: it is used when the others have answered, and this state
      // is still theirs.
      this.#port.after(RETRY_MS, () => this.#receive(request, token))
      return
    }
    this.#run(request, new LockGrant({ name, mode, token }))
  }

  /** Have the others answered since, and is this state still the one in force? */
  #isConfirmed(since: number): boolean {
    const start = this.#port.leaseStart()
    return start !== null && start > since && this.replica.sessions.isActingIn(this.#port.view)
  }

  #run(request: OpenLockRequest, grant: LockGrant): void {
    const { token } = grant.lock
    const key = keyOf(token)
    this.#running.set(key, { grant, request })
    this.#leases.hold(key, { thing: grant, token, since: request.since })
    request.begin(grant.lock).then(
      (value) => this.#finish(grant, () => request.resolve(value)),
      (error: unknown) => this.#finish(grant, () => request.reject(error)),
    )
  }

  /** The callback has ended. Its promise settles when the lock is free for others, or is this process's no more. */
  #finish(grant: LockGrant, settle: () => void): void {
    const { name, token } = grant.lock
    grant.onLost = settle
    if (grant.isLost) settle()
    void this.#unlock(name, token).then(settle)
  }

  /** A request was taken back, and granted all the same. */
  #giveBack([kind, name]: LockRequest, token: unknown): void {
    if (kind === 'lock' && name !== undefined && isToken(token)) void this.#unlock(name, token)
  }

  /** Unlocks until it is unlocked: nobody else can, as long as this process is a member. Resolves then, or never. */
  #unlock(name: string, token: Token): Promise<void> {
    const key = keyOf(token)
    this.#inHand.add(key)
    return new Promise((resolve) => {
      const end = (): void => {
        this.#inHand.delete(key)
        this.#running.delete(key)
        this.#stolen.delete(key)
        this.#leases.end(key, token, false)
        resolve()
      }
      const ask = (): void => {
        const body: LockRequest = ['unlock', name, token]
        this.replica.call(body, { isPatient: true }).then(end, (error: unknown) => {
          if (error instanceof BusyError) this.#port.after(RETRY_MS, ask)
          else end()
        })
      }
      ask()
    })
  }

  // What the group delivers

  #observe(lock: HeldLock, how: LockEnd): void {
    if (lock.caller.process !== this.#port.self) return
    const { name, token } = lock
    const key = keyOf(token)
    const running = this.#running.get(key)
    if (how !== 'stolen') this.#leases.end(key, token, how === 'released')
    else if (running === undefined) this.#stolen.add(key)
    else {
      const error = stolenError(name)
      running.request.reject(error)
      running.grant.abort(error)
      this.#leases.end(key, token, false)
    }
  }

  #settled(isLoaded: boolean): void {
    if (isLoaded) {
      const { self } = this.#port
      this.#leases.loseUnless((key, token) => {
        const name = this.#running.get(key)?.grant.lock.name
        return name !== undefined && this.replica.machine.isHeld(self, name, token)
      })
      this.#sweepSoon()
    }
    this.#leases.watchLine()
  }

  /** A microtask after that: what was answered just now is in hand then. */
  #sweepSoon(): void {
    this.#cancelSweep?.()
    this.#cancelSweep = this.#port.after(RETRY_MS, () => void Promise.resolve().then(() => this.#sweep()))
  }

  /** Unlocks what a state that was loaded says is this process's, and that nobody here knows: of before a loss. */
  #sweep(): void {
    this.#cancelSweep = null
    for (const { caller, name, token } of this.replica.machine.held())
      if (caller.process === this.#port.self && !this.#inHand.has(keyOf(token))) void this.#unlock(name, token)
  }

  // The end

  /** The space is being closed: what is held is lost, and nothing more is granted. Callbacks go on. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#cancelSweep?.()
    this.#leases.stop(new StaleTokenError(`${this.#settings.what} was lost: the space or the object was closed`))
    this.replica.stop()
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.stop()
  }
}

function toInfo({ name, mode, caller }: Pick<HeldLock, 'name' | 'mode' | 'caller'>): LockInfo {
  return { name, mode, clientId: caller.process }
}

/** The same for the same grant alone. */
function keyOf([line, view, n]: Token): string {
  return `${n} ${view} ${line}`
}

function stolenError(name: string): DOMException {
  return new DOMException(`lock "${name}" was stolen`, 'AbortError')
}

/** How the group of the locks is opened. */
export interface LocksOptions {
  /** How long a holder may act on what it last heard, in ms. The same at every member. */
  readonly leaseMs?: number
}

/** The group that carries all locks of a space. */
export const locksKind: ObjectKind<LockReplica, LocksOptions> = {
  kind: 'locks',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, { leaseMs = LEASE_MS }) {
    const handle = new LockReplica(port, { what: 'the lock', leaseMs, holdersMax: 1, closed: spaceClosed })
    return { replica: handle.replica, handle }
  },
}
