/**
 * A semaphore: a number of permits, each held by one request at a time. It is a lock that so many may hold.
 *
 * Source: Dijkstra 1965.
 */
import { ClosedError } from '../errors.ts'
import type { GroupPort, ObjectKind } from '../objects/replica.ts'
import type { Token } from '../objects/token.ts'
import { claimedBy, makeClaimable, readHolding } from './holding.ts'
import type { Lock } from './lock.ts'
import { LEASE_MS, LockReplica } from './lock-replica.ts'
import { OpenLockRequest } from './lock-request.ts'
import { checkWhole, ToolHandle } from './tool-handle.ts'
import type { WaitTable } from './wait-teller.ts'

/** Permits of a semaphore, at most. */
const PERMITS_MAX = 65_536

/** How a semaphore is opened. */
export interface SemaphoreOptions {
  /** How many hold it at once, 1 to 65,536. The same at every member. */
  readonly permits: number
}

/** What a semaphore shows. */
export interface SemaphoreSnapshot {
  readonly permits: number
  /** Who holds the permits that are given, one entry each, in the order of the grants. */
  readonly holders: readonly string[]
  /** Who waits, in line. */
  readonly waiting: readonly string[]
}

/** A permit in this process's hands. */
export interface Permit {
  /** Higher than that of every grant before: present it with every guarded write. */
  readonly token: Token
  /** Aborts with a StaleTokenError when the permit is no longer this process's, or may no longer be. */
  readonly signal: AbortSignal
  /** Gives it back. Resolves when others can have it, or when it is lost; never rejects. */
  release(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** How a permit is asked for. */
export interface AcquireOptions {
  /** Takes the request back while it waits. */
  readonly signal?: AbortSignal | undefined
  /** Locks and permits of this process that are not given up before: as for locks, so that a deadlock is seen. */
  readonly holding?: Iterable<Lock | Permit> | undefined
}

/** A semaphore as the application holds it. */
export class SharedSemaphore extends ToolHandle<SemaphoreSnapshot> {
  readonly #locks: LockReplica
  /** How many hold it at once. */
  readonly permits: number

  /** Made by {@link semaphoreKind}. */
  constructor(port: GroupPort, locks: LockReplica, permits: number) {
    super(port)
    this.#locks = locks
    this.permits = permits
    locks.changed = () => this.tellChange()
  }

  /** How many permits nobody holds. */
  get available(): number {
    return this.permits - this.#locks.replica.machine.held().length
  }

  /**
   * Waits for a permit, in line. Waits while this process is not in the primary component. Rejects with BusyError (more
   * than 1,024 of this process wait), ClosedError, the signal's reason, or, with `holding`, DeadlockError (it would wait for
   * ever), UsageError (it holds something of another space), TooLargeError (more than 64 things), TypeError (other things).
   */
  acquire(options: AcquireOptions = {}): Promise<Permit> {
    const { signal } = options
    return new Promise((resolve, reject) => {
      const holding = readHolding(options.holding)
      signal?.throwIfAborted()
      const callback = (lock: Lock | null): unknown => {
        if (lock === null) return undefined
        return new Promise<void>((end) => {
          const release = (): Promise<void> => {
            end()
            return request.promise.then(nothing, nothing)
          }
          const { token } = lock
          const permit: Permit = {
            token,
            get signal() {
              return lock.signal
            },
            release,
            [Symbol.asyncDispose]: release,
          }
          makeClaimable(permit, claimedBy(lock))
          resolve(permit)
        })
      }
      const request = new OpenLockRequest(
        { name: '', mode: 'exclusive', wish: 'wait', signal, callback, holding },
        nothing,
      )
      request.promise.catch(reject)
      this.#locks.request(request)
    })
  }

  /** @internal Where waits for permits are told, so that deadlocks are seen that go over several things. */
  tellWaitsTo(table: () => Promise<WaitTable>): void {
    this.#locks.tellWaitsTo(table)
  }

  protected override look(): SemaphoreSnapshot {
    const { machine } = this.#locks.replica
    const process = ({ caller }: { readonly caller: { readonly process: string } }): string => caller.process
    return { permits: this.permits, holders: machine.held().map(process), waiting: machine.waiting().map(process) }
  }

  protected override stop(): void {
    this.#locks.stop()
  }
}

function nothing(): void {}

/** Opens a semaphore: `space.semaphore(name, { permits })` for short. */
export const semaphoreKind: ObjectKind<SharedSemaphore, SemaphoreOptions> = {
  kind: 'semaphore',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  isPassing: true,
  variant: ({ permits }) => `(${permits})`,
  create(port, { permits }) {
    checkWhole('permits', permits, 1, PERMITS_MAX)
    const locks = new LockReplica(port, {
      kind: 'semaphore',
      what: 'the permit',
      leaseMs: LEASE_MS,
      holdersMax: permits,
      closed: () => new ClosedError(`semaphore "${port.name}" is closed`),
    })
    return { replica: locks.replica, handle: new SharedSemaphore(port, locks, permits) }
  },
}
