/**
 * The stores of simulated devices, behind the storage port: processes of one origin share one, others have that of their
 * site. A call takes time, and calls on one store are carried out in their order; a crash loses what is not carried out by
 * then, or not all of it, and may leave the last record of a log torn. A store may be full for a while, and may be lost whole.
 */
import type { Storage, StorageReason, StorageWrite } from '../../lib/ports/storage.ts'
import type { SimProcess } from './process.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

/** A call takes so long, in ms; one in so many meets a disk that is busy. */
const CALL_MS = { from: 0.5, to: 12, slowFrom: 40, slowTo: 400 }
const SLOW_CHANCE = 0.04
/** A lock is free so long after its process has crashed, in ms. */
const LOCK_MS = { from: 0, to: 90 }
/** How often a write that was under way in a crash is carried out, and how often one that is not leaves a torn record. */
const DONE_CHANCE = 0.4
const TORN_CHANCE = 0.3

/** What a call rejects with. */
class SimStorageError extends Error {
  readonly reason: StorageReason

  constructor(reason: StorageReason) {
    super(`a simulated store: ${reason}`)
    this.reason = reason
  }
}

/** A write that is under way. */
interface Writing {
  readonly process: SimProcess
  readonly write: StorageWrite
  /** Carries it out: whether its guards were met. */
  isOver: boolean
}

/** One store. */
export class SimStore {
  readonly name: string
  entries: Map<string, Uint8Array> = new Map()
  /** Whose locks are held. */
  readonly living: Set<string> = new Set()
  /** There is no room until then. */
  fullUntil = 0
  /** Ends with the last call that was made. */
  busyUntil = 0
  writing: Writing[] = []

  constructor(name: string) {
    this.name = name
  }

  /** Carries a write out; false: a guard was not met. */
  apply({ guards, remove, put }: StorageWrite): boolean {
    for (const [key, bytes] of guards) {
      const found = this.entries.get(key) ?? null
      if (bytes === null ? found !== null : found === null || !isSame(found, bytes)) return false
    }
    for (const key of remove) this.entries.delete(key)
    for (const [key, bytes] of put) this.entries.set(key, bytes.slice())
    return true
  }
}

/** All stores of a run. */
export class Stores {
  readonly #world: World
  readonly #random: Random
  readonly #stores = new Map<string, SimStore>()

  constructor(world: World) {
    this.#world = world
    this.#random = world.scenario.random.fork('stores')
  }

  /** That of a device: of its origin, or of its site. */
  at({ site, origin }: { readonly site: string; readonly origin: string }): SimStore {
    const name = origin === '' ? site : origin
    const store = this.#stores.get(name) ?? new SimStore(name)
    this.#stores.set(name, store)
    return store
  }

  get all(): readonly SimStore[] {
    return [...this.#stores.values()]
  }

  /** Opens the store of a process for it. */
  open(process: SimProcess): Storage {
    const store = this.at(process)
    store.living.add(process.id)
    const call = <Result>(act: () => Result, writing?: Writing): Promise<Result> =>
      new Promise((resolve, reject) => {
        const at = Math.max(store.busyUntil, this.#world.now + this.#duration())
        store.busyUntil = at
        this.#world.call(at, () => {
          if (writing?.isOver === true || process.isCrashed) return
          if (writing !== undefined) this.#end(store, writing)
          try {
            const result = act()
            process.worker(() => resolve(result))
          } catch (error) {
            process.worker(() => reject(error))
          }
        })
      })
    return {
      keys: (prefix) => call(() => [...store.entries.keys()].filter((key) => key.startsWith(prefix)).sort()),
      read: (keys) => call(() => keys.map((key) => store.entries.get(key)?.slice())),
      write: (write) => {
        const writing = { process, write, isOver: false }
        store.writing.push(writing)
        return call(() => {
          if (store.fullUntil > this.#world.now && write.put.length > 0) throw new SimStorageError('quota')
          return store.apply(write)
        }, writing)
      },
      living: () => call(() => new Set(store.living)),
      close: () => this.#release(store, process),
    }
  }

  /** The process is gone: of what it was writing the first may have been done, and the last record be torn. */
  died(process: SimProcess): void {
    const store = this.at(process)
    const open = store.writing.filter((each) => each.process === process)
    let isDone = true
    for (const writing of open) {
      this.#end(store, writing)
      isDone &&= this.#random.chance(DONE_CHANCE)
      if (isDone) store.apply(writing.write)
      else if (this.#random.chance(TORN_CHANCE)) this.#tear(store, writing)
    }
    const wait = this.#random.between(LOCK_MS.from, LOCK_MS.to)
    this.#world.call(this.#world.now + wait, () => this.#release(store, process))
  }

  /** Nobody takes the process for living any more. */
  #release(store: SimStore, { id }: SimProcess): void {
    if (store.living.delete(id)) this.#world.trace.world(this.#world.now, { e: 'gone', q: id })
  }

  /** What is in it is gone, whoever uses it. */
  lose(store: SimStore): void {
    store.entries = new Map()
  }

  #end(store: SimStore, writing: Writing): void {
    writing.isOver = true
    store.writing = store.writing.filter((each) => each !== writing)
  }

  /** A write of one more record, and of nothing else, may be there in part. */
  #tear(store: SimStore, { process, write: { guards, remove, put } }: Writing): void {
    const [only, ...others] = put
    if (only === undefined || others.length > 0 || remove.length > 0) return
    const [key, bytes] = only
    store.apply({ guards, remove, put: [[key, bytes.subarray(0, this.#random.int(bytes.length))]] })
    this.#world.trace.world(this.#world.now, { e: 'torn', q: process.id })
  }

  #duration(): number {
    if (this.#random.chance(SLOW_CHANCE)) return this.#random.between(CALL_MS.slowFrom, CALL_MS.slowTo)
    return this.#random.between(CALL_MS.from, CALL_MS.to)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
