/**
 * The locks of a space at one process: the delivered state, this process's open requests, and what it holds.
 *
 * A request whose cast was lost, or may be, is made again under another number; should the first one have taken effect,
 * nobody here knows it, and it is taken back as soon as it shows. A release is repeated until it is seen. So nothing that
 * this process does not know of is held in its name for longer than its casts take.
 */
import { BusyError, ClosedError, StaleTokenError, UnknownOutcomeError } from '../errors.ts'
import { Leases } from '../objects/leases.ts'
import { OrphanWatch } from '../objects/orphan-watch.ts'
import type { GroupPort, GroupView, OpInfo, Receipt, Replica } from '../objects/replica.ts'
import { sameToken, type Token } from '../objects/token.ts'
import { HeldLock } from './held-lock.ts'
import {
  codeOf,
  type HeldEntry,
  LOCK_OP,
  type LockEnd,
  type LockEntry,
  type LockHappening,
  LockState,
  type Manner,
  type Mode,
} from './lock-state.ts'

/** Before what could not be sent, or may be lost, is sent again, in ms. */
const RETRY_MS = 50

/** What is asked for. */
export interface LockRequest {
  readonly name: string
  readonly mode: Mode
  readonly manner: Manner
  /** Takes the request back. */
  readonly signal?: AbortSignal | undefined
}

interface Open {
  readonly request: LockRequest
  readonly resolve: (own: Own | null) => void
  readonly reject: (reason: unknown) => void
  /** When it was asked for, or asked for again. */
  since: number
  /** It has been seen waiting in the state. */
  isRegistered: boolean
}

/** A lock of this process, until it ends. */
export interface Own {
  readonly call: number
  readonly lock: HeldLock
  /** How it ended: released, or taken away with an error. */
  end: { readonly error: Error | null } | null
  /** Told once, when it ends. */
  onEnd: ((error: Error | null) => void) | null
}

interface Query {
  readonly resolve: (entries: readonly LockEntry[]) => void
  readonly reject: (reason: unknown) => void
}

/** The deterministic half of the locks with what this process wants of them. */
export class LockReplica implements Replica {
  readonly port: GroupPort
  readonly state: LockState = new LockState()
  /** Called when somebody waits, holds or lets go: for tools that look at the whole table. */
  changed: () => void = () => undefined

  readonly #leases: Leases<HeldLock>
  readonly #orphans: OrphanWatch
  /** Numbers requests and queries; begins after what an earlier opening of this process may have used. */
  #lastCall: number
  readonly #open = new Map<number, Open>()
  readonly #own = new Map<number, Own>()
  readonly #queries = new Map<number, Query>()
  #isDirty = false
  #isStopped = false

  constructor(port: GroupPort, leaseMs: number) {
    this.port = port
    this.#lastCall = port.opening
    this.#leases = new Leases(port, leaseMs, { thing: 'lock', object: 'space' })
    const { state } = this
    const castExpire = (ids: readonly number[], view: string): boolean =>
      this.#castQuietly([LOCK_OP.expire, ids, view]) !== null
    this.#orphans = new OrphanWatch(port, { held: () => state.held(), castExpire }, leaseMs)
  }

  // What the application asks

  /** Resolves when the lock is this process's; with null if it was not to be had at once. Rejects with the signal's reason, BusyError or ClosedError. */
  acquire(request: LockRequest): Promise<Own | null> {
    const { signal } = request
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const onAbort = (): void => this.#abandon(open)
      const end = <Arg>(settle: (arg: Arg) => void): ((arg: Arg) => void) => {
        return (arg) => {
          signal?.removeEventListener('abort', onAbort)
          settle(arg)
        }
      }
      const open: Open = { request, resolve: end(resolve), reject: end(reject), since: 0, isRegistered: false }
      this.#ask(open)
      signal?.addEventListener('abort', onAbort)
    })
  }

  /** Has `onEnd` called when the lock ends: with null when all members hold the release, or with why it was taken away. */
  whenEnded(own: Own, onEnd: (error: Error | null) => void): void {
    if (own.end === null) own.onEnd = onEnd
    else onEnd(own.end.error)
  }

  /** Lets it go, if it has not ended. */
  release({ call, lock }: Own): void {
    this.#sendRelease(call, lock.token)
  }

  /** All that is held or waited for, once everything that this process asked for before is in it. */
  query(): Promise<readonly LockEntry[]> {
    return new Promise((resolve, reject) => this.#askFor({ resolve, reject }))
  }

  #ask(open: Open): void {
    const call = this.#nextCall()
    const { name, mode, manner, signal } = open.request
    const receipt = this.#cast([LOCK_OP.request, call, name, codeOf(mode), codeOf(manner)], signal)
    open.isRegistered = false
    open.since = this.port.now()
    this.#open.set(call, open)
    receipt.delivered.catch((reason: unknown) => {
      if (!this.#open.delete(call)) return
      if (reason instanceof UnknownOutcomeError && !this.#isStopped) this.#askAgain(open)
      else open.reject(reason)
    })
  }

  #askAgain(open: Open): void {
    try {
      this.#ask(open)
    } catch (error) {
      open.reject(error)
    }
  }

  #askFor(query: Query): void {
    const call = this.#nextCall()
    const receipt = this.#cast([LOCK_OP.query, call])
    this.#queries.set(call, query)
    receipt.delivered.then(
      () => this.#endQuery(call, query),
      (reason: unknown) => {
        if (!this.#queries.delete(call)) return
        if (!(reason instanceof UnknownOutcomeError) || this.#isStopped) return query.reject(reason)
        try {
          this.#askFor(query)
        } catch (error) {
          query.reject(error)
        }
      },
    )
  }

  /** The query is part of a state that came in its place: that state tells. */
  #endQuery(call: number, query: Query): void {
    if (this.#queries.delete(call)) query.resolve([...this.state.entries])
  }

  /** The application does not want it any more. */
  #abandon(open: Open): void {
    for (const [call, each] of this.#open) {
      if (each !== open) continue
      this.#open.delete(call)
      if (open.isRegistered) this.#castQuietly([LOCK_OP.abort, call])
    }
    open.reject(open.request.signal?.reason)
  }

  /** Until it is seen: nobody else may let it go as long as this process is a member. */
  #sendRelease(call: number, token: Token): void {
    if (this.#isStopped || !this.#isGranted(call, token)) return
    const retry = (): void => {
      if (!this.#isStopped) this.port.after(RETRY_MS, () => this.#sendRelease(call, token))
    }
    this.#castQuietly([LOCK_OP.release, call, [...token]])?.delivered.catch(retry) ?? retry()
  }

  #isGranted(call: number, token: Token): boolean {
    const grant = this.state.find(this.port.self, call)?.grant
    return grant !== undefined && grant !== null && sameToken(grant.token, token)
  }

  #nextCall(): number {
    this.#lastCall += 1
    return this.#lastCall
  }

  #cast(op: unknown, signal?: AbortSignal): Receipt {
    if (this.#isStopped) throw new ClosedError('the space is closed')
    return this.port.cast(op, signal === undefined ? undefined : { signal })
  }

  /** For what nobody waits for; null if it could not be sent. */
  #castQuietly(op: unknown): Receipt | null {
    try {
      const receipt = this.#cast(op)
      receipt.delivered.catch(() => undefined)
      return receipt
    } catch {
      return null
    }
  }

  // What the group delivers

  apply(op: unknown, info: OpInfo): boolean {
    const happened = this.state.apply(op, info.author)
    if (happened === null) return false
    this.#observe(happened)
    return true
  }

  view(view: GroupView): void {
    this.#observe(this.state.install(view))
    this.#orphans.watch()
  }

  settle(): void {
    if (!this.#isDirty) return
    this.#isDirty = false
    this.changed()
  }

  save(): unknown {
    return this.state.save()
  }

  load(saved: unknown): void {
    this.state.load(saved)
    this.#isDirty = true
    this.#leases.loseUnless((call, token) => this.#isGranted(call, token))
    for (const [call, { lock }] of this.#own) if (!this.#isGranted(call, lock.token)) this.#end(call, lossOf('gone'))
    const { self } = this.port
    for (const entry of [...this.state.entries]) {
      if (entry.by !== self) continue
      if (entry.grant === null) this.#register(entry)
      else if (!this.#own.has(entry.call)) this.#receive(entry as HeldEntry)
    }
    for (const [call, open] of this.#open) {
      if (!open.isRegistered || this.state.find(self, call) !== undefined) continue
      this.#open.delete(call)
      this.#askAgain(open)
    }
    this.#orphans.watch()
  }

  #observe(happened: readonly LockHappening[]): void {
    if (happened.length > 0) this.#isDirty = true
    const { self } = this.port
    for (const each of happened) {
      if ('entry' in each) {
        if (each.entry.by === self) this.#observeOwn(each)
      } else if (each.by === self) this.#answer(each)
    }
  }

  #observeOwn(each: Extract<LockHappening, { entry: LockEntry }>): void {
    switch (each.type) {
      case 'waiting':
        this.#register(each.entry)
        return
      case 'granted':
        this.#receive(each.entry)
        return
      case 'ended': {
        const { call, grant } = each.entry
        this.#leases.end(call, grant.token, each.why !== 'released')
        this.#end(call, each.why === 'released' ? null : lossOf(each.why))
      }
    }
  }

  #answer(each: Exclude<LockHappening, { entry: LockEntry }>): void {
    switch (each.type) {
      case 'unavailable':
        this.#settleOpen(each.call)?.resolve(null)
        return
      case 'overmuch':
        this.#settleOpen(each.call)?.reject(new BusyError('too many locks are held or asked for'))
        return
      case 'queried': {
        const query = this.#queries.get(each.call)
        if (query !== undefined) this.#endQuery(each.call, query)
        return
      }
      case 'refused':
        // Whoever took it away has been seen before.
        return
    }
  }

  #settleOpen(call: number): Open | undefined {
    const open = this.#open.get(call)
    this.#open.delete(call)
    return open
  }

  #register({ call }: LockEntry): void {
    const open = this.#open.get(call)
    if (open !== undefined) open.isRegistered = true
    else this.#castQuietly([LOCK_OP.abort, call])
  }

  #receive({ call, name, mode, grant: { token } }: HeldEntry): void {
    const open = this.#settleOpen(call)
    if (open === undefined) {
      // Nobody here waits for it any more.
      this.#sendRelease(call, token)
      return
    }
    const lock = new HeldLock({ name, mode, token })
    const own: Own = { call, lock, end: null, onEnd: null }
    this.#own.set(call, own)
    this.#leases.hold(call, lock, open.since)
    open.resolve(own)
  }

  #end(call: number, error: Error | null): void {
    const own = this.#own.get(call)
    if (own === undefined) return
    this.#own.delete(call)
    own.end = { error }
    own.onEnd?.(error)
  }

  // The end

  /** Called by the space when the group has ended. */
  handleEnd(): void {
    this.stop()
  }

  /** The group is being left: open requests end, and what is held is lost. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#orphans.stop()
    this.#leases.stop()
    const error = new ClosedError('the space is closed')
    for (const call of [...this.#own.keys()]) this.#end(call, error)
    for (const open of [...this.#open.values()]) open.reject(error)
    for (const query of [...this.#queries.values()]) query.reject(error)
    this.#open.clear()
    this.#queries.clear()
  }
}

function lossOf(why: Exclude<LockEnd, 'released'>): StaleTokenError {
  if (why === 'stolen') return new StaleTokenError("the lock was broken by another request with the 'steal' option")
  return new StaleTokenError('the lock was taken from this process, which the others had not heard for a lease')
}
