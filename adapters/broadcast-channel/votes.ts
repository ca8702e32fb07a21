/**
 * The vote records of the processes of one origin, in IndexedDB: each process writes its own, and a survivor, or a process
 * that starts later, reads a dead one's once its lock is free.
 */
import type { PrimaryRecord, VoteRecord } from '../../lib/kernel/api.ts'
import { isProcessId } from './messages.ts'
import { RecordStore } from './record-store.ts'

/** How long the record of a dead process is kept after a sweep has first seen it so. */
const keepOrphansMs = 24 * 3600 * 1000
const membersMax = 1024

interface Entry {
  readonly record: VoteRecord
  /** Its process holds its lock for as long as it lives: once that is free, this is its last record. */
  readonly isLocked: boolean
  /** Wall-clock time of the write. */
  readonly writtenAt: number
  /** Wall-clock time at which a sweep first found the process's lock free. */
  readonly orphanedAt: number | null
}

/** The vote records of one space at this origin. */
export class VoteStore {
  readonly #store: RecordStore
  readonly #space: string

  /** @param space the space's name as it stands in lock names. */
  constructor(database: string, space: string) {
    this.#store = new RecordStore(database)
    this.#space = space
  }

  /** Writes a process's record; durable when resolved. `isLocked`: the process holds its lock. */
  async write(process: string, record: VoteRecord, isLocked: boolean): Promise<void> {
    const entry: Entry = { record, isLocked, writtenAt: Date.now(), orphanedAt: null }
    await this.#store.set(this.#key(process), entry)
  }

  /** A process's record, or null if there is none that can be understood. */
  async read(process: string): Promise<VoteRecord | null> {
    const entry = await this.#store.get(this.#key(process))
    return isObject(entry) ? readVoteRecord(entry['record']) : null
  }

  /**
   * The last records of processes that held their locks and do not any more, and had voted: at most `max`, the latest ones.
   *
   * In this order, or a record would be taken for the last one of a process that starts, or goes on, meanwhile: who has
   * a record, then whose lock is held, then the records.
   */
  async dead(
    listAlive: () => Promise<ReadonlySet<string>>,
    max: number,
  ): Promise<{ readonly process: string; readonly record: VoteRecord }[]> {
    const prefix = this.#key('')
    const known = (await this.#store.keys()).flatMap((key) =>
      typeof key === 'string' && key.startsWith(prefix) ? [key.slice(prefix.length)] : [],
    )
    if (known.length === 0) return []
    const alive = await listAlive()
    const found: { readonly process: string; readonly record: VoteRecord; readonly writtenAt: number }[] = []
    for (const process of known) {
      if (alive.has(process) || !isProcessId(process)) continue
      const entry = await this.#store.get(this.#key(process))
      const record = isObject(entry) && entry['isLocked'] === true ? readVoteRecord(entry['record']) : null
      const writtenAt = isObject(entry) ? entry['writtenAt'] : null
      if ((record?.last ?? record?.attempt ?? null) === null) continue
      if (record !== null && typeof writtenAt === 'number') found.push({ process, record, writtenAt })
    }
    return found.sort((a, b) => b.writtenAt - a.writtenAt).slice(0, max)
  }

  /** Forgets a process's record. */
  async remove(process: string): Promise<void> {
    await this.#store.delete(this.#key(process))
  }

  /** Marks the records of processes that are not alive, and removes those that were marked long ago. */
  async sweep(isAlive: (process: string) => boolean, now: number): Promise<void> {
    const prefix = this.#key('')
    for (const key of await this.#store.keys()) {
      if (typeof key !== 'string' || !key.startsWith(prefix) || isAlive(key.slice(prefix.length))) continue
      const entry = await this.#store.get(key)
      const orphanedAt = isObject(entry) ? entry['orphanedAt'] : now - keepOrphansMs - 1
      if (typeof orphanedAt === 'number' && now - orphanedAt > keepOrphansMs) {
        await this.#store.delete(key)
      } else if (typeof orphanedAt !== 'number') {
        await this.#store.update(key, (old) => (isObject(old) ? { ...old, orphanedAt: now } : old))
      }
    }
  }

  #key(process: string): string {
    return `${this.#space}/${process}`
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
  const { line, id, members, weights } = value
  if (typeof line !== 'string' || typeof id !== 'string' || !Array.isArray(members)) return undefined
  if (members.length > membersMax || !members.every(isProcessId)) return undefined
  if (weights === undefined) return { line, id, members: [...members] }
  return areWeights(weights, members.length) ? { line, id, members: [...members], weights: [...weights] } : undefined
}

function areWeights(value: unknown, count: number): value is readonly number[] {
  return Array.isArray(value) && value.length === count && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
