/**
 * The vote records of the processes of one origin, in IndexedDB: each process writes its own, and a survivor
 * reads a dead one's once its lock is free.
 */
import { createStore, del, get, keys, set, type UseStore, update } from 'idb-keyval'
import type { PrimaryRecord, VoteRecord } from '../../lib/kernel/api.ts'
import { isProcessId } from './messages.ts'

/** How long the record of a dead process is kept after a sweep has first seen it so. */
const keepOrphansMs = 24 * 3600 * 1000
const membersMax = 1024

interface Entry {
  readonly record: VoteRecord
  /** Wall-clock time at which a sweep first found the process's lock free. */
  readonly orphanedAt: number | null
}

/** The vote records of one space at this origin. */
export class VoteStore {
  readonly #database: string
  readonly #space: string
  #store: UseStore | null = null

  /** @param space the space's name as it stands in lock names. */
  constructor(database: string, space: string) {
    this.#database = database
    this.#space = space
  }

  /** Writes a process's record; durable when resolved. */
  async write(process: string, record: VoteRecord): Promise<void> {
    const entry: Entry = { record, orphanedAt: null }
    await this.#twice((store) => set(this.#key(process), entry, store))
  }

  /** A process's record, or null if there is none that can be understood. */
  async read(process: string): Promise<VoteRecord | null> {
    const entry: unknown = await this.#twice((store) => get<unknown>(this.#key(process), store))
    return isObject(entry) ? readVoteRecord(entry['record']) : null
  }

  /** Forgets a process's record. */
  async remove(process: string): Promise<void> {
    await this.#twice((store) => del(this.#key(process), store))
  }

  /** Marks the records of processes that are not alive, and removes those that were marked long ago. */
  async sweep(isAlive: (process: string) => boolean, now: number): Promise<void> {
    const prefix = this.#key('')
    for (const key of await this.#twice((store) => keys<IDBValidKey>(store))) {
      if (typeof key !== 'string' || !key.startsWith(prefix) || isAlive(key.slice(prefix.length))) continue
      const entry: unknown = await this.#twice((store) => get<unknown>(key, store))
      const orphanedAt = isObject(entry) ? entry['orphanedAt'] : now - keepOrphansMs - 1
      if (typeof orphanedAt === 'number' && now - orphanedAt > keepOrphansMs) {
        await this.#twice((store) => del(key, store))
      } else if (typeof orphanedAt !== 'number') {
        await this.#twice((store) =>
          update<unknown>(key, (old) => (isObject(old) ? { ...old, orphanedAt: now } : old), store),
        )
      }
    }
  }

  #key(process: string): string {
    return `${this.#space}/${process}`
  }

  /** Browsers drop IndexedDB connections on resume: one more try on a fresh one. */
  async #twice<T>(use: (store: UseStore) => Promise<T>): Promise<T> {
    try {
      this.#store ??= createStore(this.#database, 'records')
      return await use(this.#store)
    } catch {
      this.#store = createStore(this.#database, 'records')
      return await use(this.#store)
    }
  }
}

/** A copy of a stored vote record, or null if it is not one. */
export function readVoteRecord(value: unknown): VoteRecord | null {
  if (!isObject(value)) return null
  const last = readPrimary(value['last'])
  const attempt = readPrimary(value['attempt'])
  return last === undefined || attempt === undefined ? null : { last, attempt }
}

function readPrimary(value: unknown): PrimaryRecord | null | undefined {
  if (value === null) return null
  if (!isObject(value)) return undefined
  const { line, id, members } = value
  if (typeof line !== 'string' || typeof id !== 'string' || !Array.isArray(members)) return undefined
  return members.length <= membersMax && members.every(isProcessId) ? { line, id, members: [...members] } : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
