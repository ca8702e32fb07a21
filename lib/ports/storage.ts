/**
 * The storage port: where a process keeps what is to outlive it. Interfaces only.
 *
 * A store is a flat table of keys and bytes, shared by all processes that name the same one (the tabs of an origin). What
 * stands in it is Tutti's business (`lib/storage`); an adapter over IndexedDB, OPFS or a file system gives a store these
 * few calls. They are made where the kernel runs.
 */

/** Everything of one write happens, or nothing of it. */
export interface StorageWrite {
  /** The write is carried out only if these keys hold exactly these bytes; null: nothing. */
  readonly guards: readonly (readonly [key: string, bytes: Uint8Array | null])[]
  readonly remove: readonly string[]
  /** After the removals. */
  readonly put: readonly (readonly [key: string, bytes: Uint8Array])[]
}

/** What went wrong, as far as an adapter can tell. */
export type StorageReason =
  /** There is no room. */
  | 'quota'
  /** There is no storage here, or it may not be used (private windows, sandboxed frames). */
  | 'denied'
  /** The connection was lost, and a fresh one did not help. */
  | 'lost'
  /** No answer came in time: an upgrade or a deletion elsewhere blocks it, or the disk is stalled. */
  | 'blocked'
  | 'unknown'

/** What an adapter's calls reject with, if it can tell why. */
export interface StorageFailure extends Error {
  readonly reason: StorageReason
}

/** A store as one process uses it. Every promise may reject, with a {@link StorageFailure} if the adapter knows why. */
export interface Storage {
  /** All keys that begin with `prefix`, ascending. */
  keys(prefix: string): Promise<readonly string[]>
  /** What stands under these keys, in their order; undefined: nothing. */
  read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>
  /**
   * Carries the write out as a whole. Resolves true when it is durable, as far as the platform promises that; false if a
   * guard was not met, and then nothing was written. Adapters try once more on a fresh connection before they reject: a
   * write that was carried out, and whose answer was lost, may then resolve false.
   */
  write(write: StorageWrite): Promise<boolean>
  /**
   * Who uses the store and lives, this process among them; null where nobody can tell. A process that is in doubt is named.
   */
  living(): Promise<ReadonlySet<string> | null>
  /** The last call. The process does not count as living any more. */
  close(): void
}

/** What a store is opened with. */
export interface StorageHost {
  /** The process that opens it. It counts as living from here to `close`, or to its end. */
  readonly self: string
}

/** What `openSpace({ storage })` takes: plain data that can be posted to the worker, which finds the code by `type`. */
export interface StorageSpec {
  readonly type: string
  /** Structured-cloneable. */
  readonly options: unknown
  /** For in-thread use (Node, tests, no worker). */
  readonly create?: (options: unknown, host: StorageHost) => Storage
}
