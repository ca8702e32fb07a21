/**
 * The objects of the workload `kept`. Each process puts elements into them, numbered from 1 in each object, and what an object
 * has of them can be read off: an element is `<process>.<k>`.
 */
import type { CastFate, GroupPort, ObjectKind, OpInfo, Replica } from '../../../lib/objects/replica.ts'

/** An object in the hands of one process. */
export interface KeptObject {
  /** Puts this process's next element into it, its k-th. Throws BusyError, ClosedError: then it is not in it. */
  put(k: number): void
  /** What it shows, own elements that are under way among them where it shows such; one that is there twice comes twice. */
  elements(): readonly string[]
  close(): Promise<void>
}

/** A set of elements as one process holds it: available, causal. Its replica knows no differences of states. */
class ListReplica implements Replica, KeptObject {
  readonly #port: GroupPort
  readonly #delivered = new Set<string>()
  /** Own elements under way, by the number of the cast. */
  readonly #pending = new Map<number, number>()

  constructor(port: GroupPort) {
    this.#port = port
  }

  put(k: number): void {
    this.#pending.set(this.#port.cast(k).n, k)
  }

  elements(): readonly string[] {
    const own = [...this.#pending.values()].map((k) => `${this.#port.self}.${k}`)
    return [...new Set([...this.#delivered, ...own])]
  }

  close(): Promise<void> {
    return this.#port.close()
  }

  apply(op: unknown, { author, local, n }: OpInfo): boolean {
    if (typeof op !== 'number') return false
    if (local) this.#pending.delete(n)
    this.#delivered.add(`${author}.${op}`)
    return true
  }

  lost(n: number, fate: CastFate): void {
    const k = this.#pending.get(n)
    this.#pending.delete(n)
    // What is there already counts once.
    if (k !== undefined && fate !== 'refused') this.put(k)
  }

  view(): void {
    // A list asks nothing of who is present.
  }

  save(): unknown {
    return [...this.#delivered].sort()
  }

  load(state: unknown): void {
    this.#delivered.clear()
    this.merge(state)
  }

  merge(state: unknown): void {
    for (const element of textsOf(state)) this.#delivered.add(element)
  }

  settle(): void {
    // Nobody listens.
  }
}

/** Elements in the agreed order: consistent, total and uniform. */
class BookReplica implements Replica, KeptObject {
  readonly #port: GroupPort
  #entries: string[] = []

  constructor(port: GroupPort) {
    this.#port = port
  }

  put(k: number): void {
    this.#port.cast(k)
  }

  elements(): readonly string[] {
    return this.#entries
  }

  close(): Promise<void> {
    return this.#port.close()
  }

  apply(op: unknown, { author }: OpInfo): boolean {
    if (typeof op !== 'number') return false
    this.#entries.push(`${author}.${op}`)
    return true
  }

  view(): void {
    // Nor does a book.
  }

  save(): unknown {
    return [...this.#entries]
  }

  load(state: unknown): void {
    this.#entries = textsOf(state)
  }

  settle(): void {
    // Nobody listens.
  }
}

function textsOf(state: unknown): string[] {
  if (!Array.isArray(state) || !state.every((each) => typeof each === 'string')) throw new TypeError('malformed list')
  return [...state]
}

export const listKind: ObjectKind<KeptObject, object> = {
  kind: 'list',
  order: 'causal',
  uniform: false,
  consistency: 'available',
  create(port) {
    const replica = new ListReplica(port)
    return { replica, handle: replica }
  },
}

export const bookKind: ObjectKind<KeptObject, object> = {
  kind: 'book',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port) {
    const replica = new BookReplica(port)
    return { replica, handle: replica }
  },
}
