/** Processes that ask for locks, and what comes of it. */
import type { Lock } from '../../../lib/tools/lock.ts'
import { type LockReplica, type LocksOptions, locksKind } from '../../../lib/tools/lock-replica.ts'
import { LockManager, type LockOptions } from '../../../lib/tools/locks.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'

/** One process. */
export type Member = TotalMember<LockReplica>

/** One request, as a test sees it. */
export interface Asked {
  /** What the callback was given; undefined while it has not been called. */
  lock: Lock | null | undefined
  /** `pending`, or what came of it. */
  result: unknown
  /** Ends the callback, with that as its result. */
  end(result?: unknown): void
  fail(reason: unknown): void
}

/** Asks for a lock, to hold it until `end` or `fail`. */
export function ask(locks: LockManager, name: string, options: LockOptions = {}): Asked {
  let end: (result?: unknown) => void = () => undefined
  let fail: (reason: unknown) => void = () => undefined
  const work = new Promise<unknown>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  const asked: Asked = { lock: undefined, result: 'pending', end, fail }
  const callback = (lock: Lock | null): unknown => {
    asked.lock = lock
    return lock === null ? 'none' : work
  }
  locks.request(name, options, callback).then(
    (value) => {
      asked.result = value
    },
    (error: unknown) => {
      asked.result = error
    },
  )
  return asked
}

/** So many processes with their lock managers; `rest` lets what is under way end. */
export function made(count: number, seed = 1) {
  const cluster = new TotalCluster<LockReplica, LocksOptions>(locksKind, {}, count, seed)
  const managers = new Map<string, LockManager>()
  const managerOf = (member: Member): LockManager => {
    const known = managers.get(member.id) ?? new LockManager(() => Promise.resolve(member.handle))
    managers.set(member.id, known)
    return known
  }
  const members = [...cluster.primary]
  const of = (index: number): LockManager => managerOf(members[index] as Member)
  return { cluster, members, of, managerOf, rest: () => cluster.advance(200) }
}

/** The lock that was granted. Throws if none was. */
export function lockOf(asked: Asked | undefined): Lock {
  if (!asked?.lock) throw new Error('no lock was granted')
  return asked.lock
}

/** An error by its name. */
export function nameOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.name : String(error)
}

/** What it rejects with, by name. */
export async function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'none',
    (error: unknown) => nameOf(error),
  )
}

/** A callback that has nothing to do. */
export const nothing = (): undefined => undefined
