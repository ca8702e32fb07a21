/**
 * The storage of browsers: IndexedDB, by idb-keyval, where the kernel runs. Web Locks tell whose copies are of processes
 * that are gone.
 */
import type { StorageSpec } from '../../lib/ports/storage.ts'
import { openIdbStorage } from './store.ts'

/** Options of `idbKeyval`. */
export interface IdbKeyvalOptions {
  /** The database. Default `tutti-objects`. */
  readonly database?: string
  /**
   * `strict` (default): what is said to be durable has been flushed to the disk. `relaxed`: handed to the operating system,
   * which a power failure may take back; writes are faster.
   */
  readonly durability?: 'strict' | 'relaxed'
}

/** Stores objects in IndexedDB: `openSpace(name, { storage: idbKeyval() })`. Throws a TypeError for options that are none. */
export function idbKeyval(options: IdbKeyvalOptions = {}): StorageSpec {
  const { database, durability } = options
  if (database !== undefined && (typeof database !== 'string' || database === '')) {
    throw new TypeError('database: a name')
  }
  if (durability !== undefined && durability !== 'strict' && durability !== 'relaxed') {
    throw new TypeError("durability: 'strict' or 'relaxed'")
  }
  return { type: 'idb-keyval', options, create: openIdbStorage }
}
