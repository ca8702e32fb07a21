/**
 * What lists and texts have in common: a document of their own in a room, opened and closed as other objects are.
 */
import { ClosedError, type Space, UsageError, ValueError } from 'tutti'
import * as Y from 'yjs'
import { TuttiProvider } from './tutti-provider.ts'

/** How a list or a text is opened. */
export interface SharedTypeOptions {
  /** Gives up waiting for it. */
  readonly signal?: AbortSignal
}

/** A type of Yjs, as far as it matters that it changes. */
interface Observable {
  observeDeep(fn: () => void): void
}

/** A list or a text: `Snapshot` is what it holds, for reading. */
export abstract class SharedType<Type extends Observable, Snapshot> extends EventTarget {
  /** The Yjs type, for bindings: what is done to it is done here. */
  readonly type: Type
  readonly #provider: TuttiProvider
  #snapshot: Snapshot | null = null

  /** Calls `fn` after each change. Returns what ends it. Bound to the handle, so that it can be passed on by itself. */
  readonly subscribe: (fn: () => void) => () => void = (fn) => {
    if (typeof fn !== 'function') throw new UsageError('what `subscribe` calls is a function')
    const listener = (): void => fn()
    this.addEventListener('change', listener)
    return () => this.removeEventListener('change', listener)
  }

  protected constructor(provider: TuttiProvider, type: Type) {
    super()
    this.#provider = provider
    this.type = type
    type.observeDeep(() => {
      this.#snapshot = null
      this.dispatchEvent(new Event('change'))
    })
  }

  get name(): string {
    return this.#provider.roomName
  }

  /** The document that it is in. */
  get doc(): Y.Doc {
    return this.#provider.doc
  }

  /** What it holds: the same object until that changes. */
  get snapshot(): Snapshot {
    this.#snapshot ??= this.read()
    return this.#snapshot
  }

  /** Runs `fn`; all that it changes is one change, and one cast. */
  batch<Result>(fn: () => Result): Result {
    this.checkOpen()
    return this.doc.transact(fn)
  }

  /** Leaves. Reads keep showing the last state; what is written throws a ClosedError, as once the space is closed. */
  close(): Promise<void> {
    this.#provider.destroy()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  protected abstract read(): Snapshot

  protected checkOpen(): void {
    // Closed, or ended with the space: what was written now would reach nobody.
    if (!this.#provider.connected) throw new ClosedError(`"${this.name}" is closed`)
  }
}

/** Opens the room, and waits until the document is whole. */
export async function openType(space: Space, name: string, { signal }: SharedTypeOptions): Promise<TuttiProvider> {
  signal?.throwIfAborted()
  const provider = new TuttiProvider(space, name, new Y.Doc(), { awareness: null })
  const onAbort = (): void => provider.destroy()
  signal?.addEventListener('abort', onAbort)
  try {
    await provider.whenSynced
    return provider
  } catch (error) {
    provider.destroy()
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Throws a UsageError unless `index` is a whole number from 0 to `max`. */
export function checkIndex(what: string, index: number, max: number): void {
  if (Number.isInteger(index) && index >= 0 && index <= max) return
  throw new UsageError(`${what}: ${index} is not a whole number from 0 to ${max}`)
}

/** How deep a value may be. */
const DEPTH_MAX = 100

/** Throws a ValueError unless Yjs carries the value as it is: JSON, and byte arrays. */
export function checkValue(value: unknown, path = '', depth = 0): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (value instanceof Uint8Array && path === '') return
  if (depth < DEPTH_MAX && Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) checkValue(value[i], `${path}[${i}]`, depth + 1)
    return
  }
  if (depth < DEPTH_MAX && isPlain(value)) {
    for (const [key, each] of Object.entries(value)) checkValue(each, `${path}.${key}`, depth + 1)
    return
  }
  throw new ValueError('lists and texts carry JSON, and a Uint8Array by itself', path)
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
