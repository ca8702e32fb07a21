/**
 * The group that a space's locks are kept in: total and uniform, consistent, opened by whoever uses a lock.
 */
import type { ObjectKind } from '../objects/replica.ts'
import { LockReplica } from './lock-replica.ts'

/** The group's name; an application's own group cannot have it. */
export const LOCKS_GROUP = 'tutti:locks'

/** Opens the locks. */
export const locksKind: ObjectKind<LockReplica, object> = {
  kind: 'locks',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create: (port) => {
    const replica = new LockReplica(port)
    return { replica, handle: replica }
  },
}
