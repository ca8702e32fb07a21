/**
 * Keys and values in one object store of IndexedDB, no more than votes need.
 *
 * Of its own, so that a page that meets only its other tabs installs and bundles nothing beside Tutti.
 */

/** The object store; also in databases of earlier versions. */
const storeName = 'records'

/** One database with one object store. Opened at the first use; every promise rejects if storage is denied. */
export class RecordStore {
  readonly #name: string
  #database: Promise<IDBDatabase> | null = null

  constructor(name: string) {
    this.#name = name
  }

  /** Durable when resolved, as far as the browser promises it. */
  async set(key: string, value: unknown): Promise<void> {
    await this.#run('readwrite', (store) => store.put(value, key))
  }

  /** The value, or undefined. */
  get(key: string): Promise<unknown> {
    return this.#run('readonly', (store) => store.get(key))
  }

  async delete(key: string): Promise<void> {
    await this.#run('readwrite', (store) => store.delete(key))
  }

  /** All keys, ascending. */
  keys(): Promise<IDBValidKey[]> {
    return this.#run('readonly', (store) => store.getAllKeys())
  }

  /** Replaces what is under a key by what `change` makes of it, if anything is there; nobody writes in between. */
  async update(key: string, change: (value: unknown) => unknown): Promise<void> {
    await this.#run('readwrite', (store) => {
      const reading = store.get(key)
      reading.onsuccess = () => {
        if (reading.result !== undefined) store.put(change(reading.result), key)
      }
      return reading
    })
  }

  /** Browsers drop connections on resume: one more try on a fresh one. */
  async #run<Result>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<Result>): Promise<Result> {
    try {
      return await this.#attempt(mode, ask)
    } catch {
      this.#database = null
      return await this.#attempt(mode, ask)
    }
  }

  async #attempt<Result>(
    mode: IDBTransactionMode,
    ask: (store: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result> {
    this.#database ??= this.#open()
    // A record that a power failure takes back would pass for the last one when its site starts again.
    const transaction = (await this.#database).transaction(storeName, mode, { durability: 'strict' })
    return new Promise((resolve, reject) => {
      const request = ask(transaction.objectStore(storeName))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(transaction.error)
    })
  }

  #open(): Promise<IDBDatabase> {
    const opening = new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(this.#name)
      request.onupgradeneeded = () => request.result.createObjectStore(storeName)
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error)
    })
    const forget = (): void => {
      if (this.#database === opening) this.#database = null
    }
    opening.then((database) => {
      database.onclose = forget
      // Whoever wants to delete the database, or make it anew, must not wait for this tab.
      database.onversionchange = () => {
        database.close()
        forget()
      }
    }, forget)
    return opening
  }
}
