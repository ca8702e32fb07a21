/**
 * What objects have in common whose operations are requests to one machine: options, values as they are stored, the end.
 */
import { UsageError } from '../errors.ts'
import { decodeValue } from '../values.ts'
import type { MachineReplica, MachineSettings } from './machine-replica.ts'
import type { GroupPort } from './replica.ts'
import type { Machine } from './state-machine.ts'

/** Options of every object that only the primary component changes. */
export interface AgreedOptions {
  /** Outside the primary component: calls wait (the default), up to their signal, or reject with NotPrimaryError. */
  readonly whenNotPrimary?: 'wait' | 'reject'
}

/** Before what had no room is asked again, in ms. */
const RETRY_MS = 50

/** Nobody holds anything of these objects, so nothing is ever released by it. */
const LEASE_MS = 10_000

/** Checks the options. Throws a UsageError. */
export function agreedSettings(what: string, { whenNotPrimary = 'wait' }: AgreedOptions): MachineSettings {
  if (whenNotPrimary !== 'wait' && whenNotPrimary !== 'reject') {
    throw new UsageError("whenNotPrimary must be 'wait' or 'reject'")
  }
  return { what, whenNotPrimary, leaseMs: LEASE_MS }
}

/** The error for what these machines refuse: nothing but what no member could read. */
export function toUsageError(code: string, message: string): Error {
  return new UsageError(`${code}: ${message}`)
}

/** Leaves the group, once every opener here has closed the object: open calls reject then. */
export function closeMachine(replica: MachineReplica<Machine>): Promise<void> {
  const { port } = replica
  const closed = port.close()
  if (port.phase === 'leaving' || port.phase === 'ended') replica.stop()
  return closed
}

/** Waits a little, before what had no room is asked again. */
export function pause(port: GroupPort): Promise<void> {
  return new Promise((resolve) => port.after(RETRY_MS, resolve))
}

/** A value as it travels and is saved, and itself, decoded once. */
export interface StoredValue {
  readonly bytes: Uint8Array
  readonly value: unknown
}

/** Reads a value that came; null if it is none. */
export function readStored(bytes: unknown): StoredValue | null {
  if (!(bytes instanceof Uint8Array)) return null
  try {
    return { bytes, value: decodeValue(bytes) }
  } catch {
    return null
  }
}

/** Are they the same bytes? */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
