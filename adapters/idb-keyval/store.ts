/**
 * A store in IndexedDB, which runs where the kernel does: in the worker, mostly.
 *
 * idb-keyval makes the requests; the connection is made here, since its own neither asks for durability nor lets go of a
 * database that somebody wants to delete. A call that fails is made once more on a fresh connection: browsers drop
 * connections when they resume.
 */
import { getMany, promisifyRequest, type UseStore } from 'idb-keyval'
import type { Storage, StorageHost, StorageReason, StorageWrite } from '../../lib/ports/storage.ts'

const storeName = 'keyval'
const defaultDatabase = 'tutti-objects'

/** Why a call of the store has failed. */
class IdbStorageError extends Error {
  readonly reason: StorageReason
  override readonly name = 'IdbStorageError'

  constructor(reason: StorageReason, cause: unknown) {
    super(`IndexedDB: ${String(cause)}`, { cause })
    this.reason = reason
  }
}

/** Opens a store; `options` are those of `idbKeyval`. Never throws: where there is no IndexedDB, each call rejects. */
export function openIdbStorage(options: unknown, { self }: StorageHost): Storage {
  const { database = defaultDatabase, durability = 'strict' } = readOptions(options)
  return new IdbStorage(self, database, durability)
}

class IdbStorage implements Storage {
  readonly #name: string
  readonly #durability: 'strict' | 'relaxed'
  readonly #lockPrefix: string
  #connection: Promise<IDBDatabase> | null = null
  #isClosed = false
  /** Resolves when the lock that says that this process lives is held; null: there are no locks. */
  readonly #claim: Promise<LockManager | null>
  #release: () => void = () => undefined

  constructor(self: string, name: string, durability: 'strict' | 'relaxed') {
    this.#name = name
    this.#durability = durability
    this.#lockPrefix = `tutti-objects:${encodeURIComponent(name)}:`
    this.#claim = this.#live(self)
  }

  keys(prefix: string): Promise<readonly string[]> {
    return this.#run('readonly', async (store) => {
      const keys = await promisifyRequest(store.getAllKeys(IDBKeyRange.bound(prefix, `${prefix}\uffff`)))
      return keys.filter((key): key is string => typeof key === 'string')
    })
  }

  read(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#attempt((useStore) => getMany<unknown>([...keys], useStore)).then((values) => values.map(toBytes))
  }

  write(write: StorageWrite): Promise<boolean> {
    return this.#run('readwrite', (store) => writeIn(store, write))
  }

  async living(): Promise<ReadonlySet<string> | null> {
    const locks = await this.#claim
    if (locks === null) return null
    // Those who wait for theirs as well: they live.
    const { held = [], pending = [] } = await locks.query()
    const living = new Set<string>()
    for (const { name } of [...held, ...pending]) {
      if (name?.startsWith(this.#lockPrefix)) living.add(name.slice(this.#lockPrefix.length))
    }
    return living
  }

  close(): void {
    this.#isClosed = true
    this.#release()
    // What is under way is carried out before it closes.
    this.#connection?.then(
      (database) => database.close(),
      () => undefined,
    )
  }

  /** Holds a lock for as long as this process lives. The browser frees it when it is gone, however it went. */
  #live(self: string): Promise<LockManager | null> {
    const locks = typeof navigator === 'undefined' ? undefined : navigator.locks
    if (locks === undefined) return Promise.resolve(null)
    return new Promise((resolve) => {
      locks
        .request(this.#lockPrefix + self, () => {
          resolve(locks)
          return new Promise<void>((free) => {
            this.#release = free
            if (this.#isClosed) free()
          })
        })
        // Denied (sandboxed frames): then nobody can tell.
        .catch(() => resolve(null))
    })
  }

  #run<Result>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => Promise<Result>): Promise<Result> {
    return this.#attempt((useStore) => useStore(mode, ask))
  }

  async #attempt<Result>(ask: (useStore: UseStore) => Promise<Result>): Promise<Result> {
    try {
      return await ask(this.#useStore)
    } catch {
      this.#forget()
      try {
        return await ask(this.#useStore)
      } catch (cause) {
        throw new IdbStorageError(reasonOf(cause), cause)
      }
    }
  }

  readonly #useStore: UseStore = async (mode, ask) => {
    if (this.#isClosed) throw new Error('the store is closed')
    this.#connection ??= this.#open()
    const transaction = (await this.#connection).transaction(storeName, mode, { durability: this.#durability })
    return ask(transaction.objectStore(storeName))
  }

  async #open(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#name)
    request.onupgradeneeded = () => request.result.createObjectStore(storeName)
    const database = await promisifyRequest(request)
    database.onclose = () => this.#forget()
    // Whoever wants to delete the database must not wait for this tab.
    database.onversionchange = () => {
      database.close()
      this.#forget()
    }
    if (this.#isClosed) database.close()
    return database
  }

  #forget(): void {
    this.#connection?.then(
      (database) => database.close(),
      () => undefined,
    )
    this.#connection = null
  }
}

/** All in one transaction: the guards are read, and what they allow is written. */
async function writeIn(store: IDBObjectStore, { guards, remove, put }: StorageWrite): Promise<boolean> {
  const done = ended(store.transaction)
  // Told of by the promise that is awaited last; a transaction that aborts must not count as unhandled before.
  done.catch(() => undefined)
  for (const [key, bytes] of guards) {
    const found = toBytes(await promisifyRequest<unknown>(store.get(key))) ?? null
    if (bytes === null ? found !== null : found === null || !isSame(found, bytes)) return false
  }
  for (const key of remove) store.delete(key)
  for (const [key, bytes] of put) store.put(bytes, key)
  await done
  return true
}

/** Resolves once it is committed. One of its requests that fails aborts it, and only then it knows why. */
function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onabort = () => reject(transaction.error)
  })
}

function toBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  // Something is there, and it is none of ours: no record reads as that.
  return value === undefined ? undefined : new Uint8Array(1)
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

function reasonOf(cause: unknown): StorageReason {
  const name: unknown = (cause as { readonly name?: unknown } | null)?.name
  if (name === 'QuotaExceededError') return 'quota'
  if (name === 'SecurityError' || name === 'ReferenceError' || name === 'NotAllowedError') return 'denied'
  if (name === 'InvalidStateError' || name === 'AbortError') return 'lost'
  // Firefox in private windows of old, and profiles that cannot be written to.
  return name === 'UnknownError' ? 'denied' : 'unknown'
}

function readOptions(options: unknown): { readonly database?: string; readonly durability?: 'strict' | 'relaxed' } {
  if (typeof options !== 'object' || options === null) return {}
  const { database, durability } = options as { readonly database?: unknown; readonly durability?: unknown }
  return {
    ...(typeof database === 'string' && database !== '' ? { database } : {}),
    ...(durability === 'relaxed' ? { durability } : {}),
  }
}
