/**
 * The group that a space's locks are kept in: total and uniform, consistent, opened by whoever uses a lock.
 */
import type { ObjectKind } from '../objects/replica.ts'
import { LockReplica } from './lock-replica.ts'

/** How long a holder may act on what it last heard, in ms. */
const LEASE_MS = 10_000

/** The group's name; an application's own group cannot have it. */
export const LOCKS_GROUP = 'tutti:locks'

/** How they are opened. */
export interface LocksOptions {
  /** How long a holder may act on what it last heard, in ms (default 10,000). The same at every member. */
  readonly leaseMs?: number
}

/** Opens the locks. */
export const locksKind: ObjectKind<LockReplica, LocksOptions> = {
  kind: 'locks',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create: (port, { leaseMs = LEASE_MS }) => {
    const replica = new LockReplica(port, leaseMs)
    return { replica, handle: replica }
  },
}
