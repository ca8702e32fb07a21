/**
 * A store in memory, for tests: it outlives the spaces that use it, and fails when it is told to.
 */
import type { Storage, StorageReason, StorageSpec, StorageWrite } from '../../lib/ports/storage.ts'

/** What `memoryStorage` rejects with. */
export class MemoryStorageError extends Error {
  readonly reason: StorageReason
  override readonly name = 'MemoryStorageError'

  constructor(reason: StorageReason) {
    super(`the store in memory was told to fail: ${reason}`)
    this.reason = reason
  }
}

/** Keys and bytes, and who uses them: as the tabs of an origin share theirs. */
export class MemoryStore {
  /** What is stored. Tests may change it. */
  readonly entries: Map<string, Uint8Array> = new Map()
  /** The processes that have it open. */
  readonly living: Set<string> = new Set()
  /** Nobody can tell who lives. */
  isBlind = false
  /** Calls fail, as a store that is full, denied or lost does: reads too, but for `quota`. Null: none does. */
  failing: StorageReason | null = null
  /** Writes that were carried out. */
  writes = 0
  /** Called before each write; what it throws is what the write rejects with, and nothing is written. */
  beforeWrite: (write: StorageWrite) => void | Promise<void> = () => undefined

  /** A copy of what is stored, as a profile that is copied has it. Nobody has it open. */
  clone(): MemoryStore {
    const copy = new MemoryStore()
    for (const [key, bytes] of this.entries) copy.entries.set(key, bytes.slice())
    return copy
  }
}

/** Stores objects in `store`, as long as that is kept: `openSpace(name, { worker: false, storage: memoryStorage(store) })`. */
export function memoryStorage(store: MemoryStore): StorageSpec {
  return { type: 'memory', options: {}, create: (_options, { self }) => new MemoryStorage(store, self) }
}

class MemoryStorage implements Storage {
  readonly #store: MemoryStore
  readonly #self: string

  constructor(store: MemoryStore, self: string) {
    this.#store = store
    this.#self = self
    store.living.add(self)
  }

  async keys(prefix: string): Promise<readonly string[]> {
    this.#check(false)
    return [...this.#store.entries.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  async read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#check(false)
    return keys.map((key) => this.#store.entries.get(key)?.slice())
  }

  async write(write: StorageWrite): Promise<boolean> {
    const { entries } = this.#store
    await this.#store.beforeWrite(write)
    this.#check(true)
    for (const [key, bytes] of write.guards) {
      const found = entries.get(key) ?? null
      if (bytes === null ? found !== null : found === null || !isSame(found, bytes)) return false
    }
    for (const key of write.remove) entries.delete(key)
    for (const [key, bytes] of write.put) entries.set(key, bytes.slice())
    this.#store.writes += 1
    return true
  }

  async living(): Promise<ReadonlySet<string> | null> {
    this.#check(false)
    return this.#store.isBlind ? null : new Set(this.#store.living)
  }

  close(): void {
    this.#store.living.delete(this.#self)
  }

  #check(isWrite: boolean): void {
    const { failing } = this.#store
    if (failing !== null && (isWrite || failing !== 'quota')) throw new MemoryStorageError(failing)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
