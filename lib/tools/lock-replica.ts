/**
 * The locks of a space at one process: the delivered state, the requests of this process, and what it holds.
 *
 * The state is deterministic (`lock-machine.ts`), and requests reach it exactly once (`machine-replica.ts`). Here is what
 * a clock decides: whether a grant is used, and when what is held may no longer be.
 */

import { BusyError, ClosedError, StaleTokenError, TooLargeError, UnknownOutcomeError, UsageError } from '../errors.ts'
import { Leases } from '../objects/leases.ts'
import { type MachineCall, MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind } from '../objects/replica.ts'
import { StraySweep } from '../objects/stray-sweep.ts'
import { isToken, type Token } from '../objects/token.ts'
import { CLAIMS_MAX, claimKey } from './claims.ts'
import { readCycle } from './cycle.ts'
import { type Claimed, makeClaimable } from './holding.ts'
import { LockGrant } from './lock.ts'
import { DEADLOCK, type HeldLock, type LockEnd, LockMachine, type LockMode, type LockRequest } from './lock-machine.ts'
import { type OpenLockRequest, spaceClosed } from './lock-request.ts'
import { type ToldWait, type WaitTable, WaitTeller } from './wait-teller.ts'
import type { PermitHolder } from './waits-elsewhere.ts'

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
  readonly kind: 'lock' | 'semaphore'
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
export class LockReplica implements WaitTable {
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
  /** Granted when no lease was left, and not confirmed by the others yet. */
  readonly #late = new Set<OpenLockRequest>()
  readonly #sweep: StraySweep
  /** Tells the table of locks what is waited for here, if this is another one. */
  #teller: WaitTeller | null = null
  /** The suspicion that this process has confirmed. */
  #confirmed = 0
  #cancelConfirm: (() => void) | null = null
  #isStopped = false

  constructor(port: GroupPort, settings: LockSettings) {
    const { what, leaseMs, holdersMax } = settings
    const machine = new LockMachine(holdersMax, port.name)
    machine.ended = (lock, how) => this.#observe(lock, how)
    this.#port = port
    this.#settings = settings
    this.#leases = new Leases(port, leaseMs, what)
    this.#sweep = new StraySweep(port, { find: () => this.#strays() })
    this.replica = new MachineReplica(
      port,
      machine,
      { what, whenNotPrimary: 'wait', leaseMs },
      {
        toError: (code, message) => {
          if (code !== DEADLOCK) return new TypeError(`${code}: ${message}`)
          return readCycle(message, (table) => (table === port.name ? settings.kind : 'semaphore'))
        },
        unwanted: (body, value) => this.#giveBack(body as LockRequest, value),
        strayed: () => this.#sweep.soon(),
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
    let claims: readonly Claimed[]
    try {
      claims = this.#claimsOf(request)
    } catch (error) {
      return request.reject(error)
    }
    if (claims.length > 0) return this.#requestHolding(request, claims)
    const sent = (now: number): void => {
      request.since = now
    }
    this.#call(request, ['lock', name, mode, wish], { signal, sent })
  }

  #call(request: OpenLockRequest, body: LockRequest, options: MachineCall, ended: () => void = nothing): void {
    this.replica.call(body, options).then(
      (token) => {
        ended()
        if (isToken(token)) this.#receive(request, token)
        else request.begin(null).then(request.resolve.bind(request), request.reject.bind(request))
      },
      (error: unknown) => {
        ended()
        // The others have forgotten this process, which was away for long, with all that it waited for or held.
        if (error instanceof UnknownOutcomeError && !this.#isStopped) this.request(request)
        else request.reject(this.#toError(error))
      },
    )
  }

  /** As `request`, with what it says that is not given up before. */
  #requestHolding(request: OpenLockRequest, claims: readonly Claimed[]): void {
    const { name, mode, wish, signal } = request.ask
    const body: LockRequest = ['lock', name, mode, wish, claims.map(({ claim }) => claim)]
    const stands = (needed: ReadonlySet<string>): boolean =>
      !request.isSettled && claims.every((each) => !needed.has(claimKey(each.claim)) || each.isInHand())
    const sent = (now: number): void => {
      request.since = now
    }
    // Its own, for it may also be refused by the table of locks.
    const taken = new AbortController()
    const onAbort = (): void => taken.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const unwatch = this.#teller?.watch({
      ...{ body, claims, stands },
      refuse: (error) => {
        request.reject(error)
        taken.abort()
      },
    })
    this.#call(request, body, { signal: taken.signal, sent, stands }, () => {
      unwatch?.()
      signal?.removeEventListener('abort', onAbort)
    })
  }

  /** What of it is in this process's hands. Throws a UsageError or TooLargeError. */
  #claimsOf({ ask: { holding = [], wish } }: OpenLockRequest): readonly Claimed[] {
    if (holding.some(({ process }) => process !== this.#port.self))
      throw new UsageError('what a request is made while holding is of another space')
    if (holding.length > CLAIMS_MAX)
      throw new TooLargeError('a request is made while holding too much', holding.length, CLAIMS_MAX)
    // Only who waits keeps others waiting.
    return wish === 'wait' ? holding.filter((each) => each.isInHand()) : []
  }

  // Deadlocks

  /** Waits here are told to the table of locks. */
  tellWaitsTo(table: () => Promise<WaitTable>): void {
    this.#teller ??= new WaitTeller(this.#port, (body) => this.#holdersInTheWayOf(body), table)
  }

  /** Those who hold all that there is, if the request of that body waits for some of it. */
  #holdersInTheWayOf(body: unknown): readonly PermitHolder[] | null {
    const { machine, sessions } = this.replica
    const call = this.replica.numberOf(body)
    if (call === null || !sessions.isActingIn(this.#port.view)) return null
    const isWaiting = machine.waiting().some(({ caller }) => caller.process === this.#port.self && caller.call === call)
    const held = machine.held()
    if (!isWaiting || held.length < this.#settings.holdersMax) return null
    return held.map(({ caller, token }) => [caller.process, token])
  }

  /** This is the table of locks: takes note of a wait in another one, up to the signal. */
  tell({ table, holders, claims }: ToldWait, options: MachineCall): Promise<unknown> {
    const body: LockRequest = ['await', table, holders, claims.map(({ claim }) => claim)]
    return this.replica.call(body, options)
  }

  /** Says what is so of a deadlock that is suspected, if it is. What is not so, others will hear of. */
  #confirm(): void {
    this.#cancelConfirm?.()
    this.#cancelConfirm = null
    const { suspicion } = this.replica.machine
    if (suspicion === null || suspicion.id === this.#confirmed || this.#isStopped) return
    const { id, knot } = suspicion
    const calls = [...knot.keys()].flatMap(({ caller }) => (caller.process === this.#port.self ? [caller.call] : []))
    if (calls.length === 0) return
    const needed = new Set([...knot.values()].flatMap(({ holds }) => holds.map(({ key }) => key)))
    const stands = calls.every((call) => this.replica.stands(call, needed))
    if (!stands || !this.replica.sessions.isActingIn(this.#port.view)) {
      this.#cancelConfirm = this.#port.after(RETRY_MS, () => this.#confirm())
      return
    }
    this.#confirmed = id
    const body: LockRequest = ['confirm', id, calls]
    this.replica.call(body, { isPatient: true }).catch(() => {
      this.#confirmed = 0
    })
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
    this.#late.delete(request)
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
    if (signal?.aborted || request.isSettled) return void this.#unlock(name, token)
    this.#inHand.add(key)
    if (!this.#leases.isFresh(request.since)) request.lateSince ??= this.#port.now()
    if (request.lateSince !== null && !this.#isConfirmed(request.lateSince)) {
      // It waited here, while this process slept or was cut off: it is used when the others have answered, and this state
      // is still theirs.
      this.#late.add(request)
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
    const { name } = grant.lock
    const { name: table, self } = this.#port
    makeClaimable(grant.lock, {
      claim: [table, token],
      process: self,
      isInHand: () =>
        !this.#isStopped && this.#running.has(key) && !grant.isEnding && this.replica.machine.isHeld(self, name, token),
    })
    this.#leases.hold(key, { thing: grant, token, since: request.since })
    request.begin(grant.lock).then(
      (value) => this.#finish(grant, () => request.resolve(value)),
      (error: unknown) => this.#finish(grant, () => request.reject(error)),
    )
  }

  /** The callback has ended. Its promise settles when the lock is free for others, or is this process's no more. */
  #finish(grant: LockGrant, settle: () => void): void {
    const { name, token } = grant.lock
    grant.isEnding = true
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
      this.#sweep.soon()
      // That of another line may have a suspicion of the same number.
      this.#confirmed = 0
    }
    this.#leases.watchLine()
    this.#teller?.settled()
    this.#confirm()
  }

  /** What a state that was taken over says is this process's, and nobody here knows of. */
  #strays(): Map<string, () => void> {
    const strays = new Map<string, () => void>()
    for (const { caller, name, token } of this.replica.machine.held())
      if (caller.process === this.#port.self && !this.#inHand.has(keyOf(token)))
        strays.set(keyOf(token), () => void this.#unlock(name, token))
    return strays
  }

  // The end

  /** The space is being closed: what is held is lost, and nothing more is granted. Callbacks go on. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#sweep.stop()
    this.#cancelConfirm?.()
    this.#teller?.stop()
    this.#leases.stop(new StaleTokenError(`${this.#settings.what} was lost: the space or the object was closed`))
    this.replica.stop()
    // With the space its timers end: nobody would look at these again.
    for (const request of this.#late) request.reject(this.#settings.closed())
    this.#late.clear()
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

function nothing(): void {}

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
    const handle = new LockReplica(port, {
      ...{ kind: 'lock', what: 'the lock', leaseMs, holdersMax: 1 },
      closed: spaceClosed,
    })
    return { replica: handle.replica, handle }
  },
}
