/**
 * The shared counter: fifo, available; every process counts for itself and the value is the sum.
 *
 * An operation carries its author's totals so far, not the step, so repeating it or merging parts of a split in any
 * order counts nothing twice. Own steps show at once.
 */
import { UsageError } from '../errors.ts'
import { assertState, compareText, isAuthor, isCount, isTotal } from './checks.ts'
import { ChangeEvent, type ChangeOrigin, Coalescer, ObjectTarget } from './events.ts'
import type { GroupPort, ObjectKind, OpInfo, Replica } from './replica.ts'

/** A counter has no options yet. */
export type CounterOptions = Readonly<Record<never, never>>

/** What one author has added since the last event. */
export interface CounterChange extends ChangeOrigin {
  readonly author: string
  /** The sum of its steps; may be negative, never 0. */
  readonly delta: number
  /** The counter's value after all changes of this event. */
  readonly value: number
}

/** The events of a counter. */
export interface CounterEvents {
  readonly change: ChangeEvent<CounterChange>
}

/** One author's totals: up and down. */
interface Totals {
  /** How many operations they sum up. */
  readonly k: number
  readonly up: number
  readonly down: number
}

const NOTHING: Totals = { k: 0, up: 0, down: 0 }

/** A shared counter as the application holds it. */
export class SharedCounter extends ObjectTarget<CounterEvents> {
  readonly #replica: CounterReplica

  /** Made by {@link counterKind}. */
  constructor(replica: CounterReplica) {
    super()
    this.#replica = replica
    replica.emit = (changes) => {
      if (this.isHeard) this.dispatchEvent(new ChangeEvent(changes))
    }
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  /** The sum over all processes, own steps included. Exact while its magnitude stays below 2 ** 53. */
  get value(): number {
    return this.#replica.value()
  }

  /** The same as `value`: a number is its own snapshot. */
  get snapshot(): number {
    return this.#replica.value()
  }

  /**
   * Adds a whole number, which may be negative; here at once. Returns the value after it.
   * Throws UsageError unless `n` is a safe integer and this process's own totals stay below 2 ** 53; BusyError, ClosedError.
   */
  add(n = 1): number {
    this.#replica.add(n)
    return this.value
  }

  /** Leaves the group. Reads keep showing the last state. */
  close(): Promise<void> {
    return this.#replica.port.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The deterministic half of a counter, and its overlay. */
export class CounterReplica implements Replica {
  readonly port: GroupPort
  /** Where change events go. */
  emit: (changes: readonly CounterChange[]) => void = () => undefined

  readonly #changes = new Coalescer(() => this.#emitChanges())
  /** What was delivered. */
  readonly #totals = new Map<string, Totals>()
  /** This process's own totals, steps not yet delivered included. */
  #own: Totals = NOTHING
  /** What each author had when the last event was emitted, for those that have changed. */
  readonly #before = new Map<string, Totals>()
  #value: number | null = 0

  constructor(port: GroupPort) {
    this.port = port
  }

  add(n: number): void {
    if (!Number.isSafeInteger(n)) throw new UsageError('a counter counts in safe integers')
    if (n === 0) return
    const { k, up, down } = this.#own
    const own = { k: k + 1, up: n > 0 ? up + n : up, down: n < 0 ? down - n : down }
    if (!isTotal(own.up) || !isTotal(own.down)) throw new UsageError('this process has counted beyond 2 ** 53')
    this.port.cast([own.k, own.up, own.down])
    this.#touch(this.port.self)
    this.#own = own
  }

  value(): number {
    if (this.#value === null) {
      let sum = 0
      for (const author of new Set([...this.#totals.keys(), this.port.self])) sum += net(this.#visible(author))
      this.#value = sum
    }
    return this.#value
  }

  apply(op: unknown, info: OpInfo): boolean {
    const totals = readTotals(op)
    if (totals === null) return false
    this.#take(info.author, totals)
    return true
  }

  view(): void {
    // A counter asks nothing of who is present.
  }

  settle(): void {
    this.#changes.flush()
  }

  /** `[author, k, up, down, …]`, authors ascending. */
  save(): unknown {
    const authors = [...this.#totals.keys()].sort(compareText)
    return authors.flatMap((author) => {
      const { k, up, down } = this.#totals.get(author) ?? NOTHING
      return [author, k, up, down]
    })
  }

  load(saved: unknown): void {
    const loaded = readState(saved)
    for (const author of this.#totals.keys()) this.#touch(author)
    this.#totals.clear()
    for (const [author, totals] of loaded) this.#take(author, totals)
  }

  merge(saved: unknown): void {
    for (const [author, totals] of readState(saved)) this.#take(author, totals)
  }

  #take(author: string, totals: Totals): void {
    if (totals.k <= (this.#totals.get(author)?.k ?? 0)) return
    this.#touch(author)
    this.#totals.set(author, totals)
    if (author === this.port.self && totals.k > this.#own.k) this.#own = totals
  }

  /** What counts for an author: its delivered totals, or this process's own, which are ahead of them. */
  #visible(author: string): Totals {
    return author === this.port.self ? this.#own : (this.#totals.get(author) ?? NOTHING)
  }

  #touch(author: string): void {
    if (!this.#before.has(author)) this.#before.set(author, this.#visible(author))
    this.#value = null
    this.#changes.mark()
  }

  #emitChanges(): void {
    const changes: CounterChange[] = []
    const value = this.value()
    for (const [author, before] of this.#before) {
      const delta = net(this.#visible(author)) - net(before)
      if (delta !== 0) changes.push({ author, delta, value, local: author === this.port.self })
    }
    this.#before.clear()
    if (changes.length > 0) this.emit(changes)
  }
}

function net({ up, down }: Totals): number {
  return up - down
}

function readTotals(op: unknown): Totals | null {
  if (!Array.isArray(op) || op.length !== 3) return null
  const [k, up, down] = op as unknown[]
  return isCount(k) && isTotal(up) && isTotal(down) ? { k, up, down } : null
}

function readState(saved: unknown): Map<string, Totals> {
  assertState(Array.isArray(saved) && saved.length % 4 === 0, 'counter')
  const state = new Map<string, Totals>()
  let previous = ''
  for (let i = 0; i < saved.length; i += 4) {
    const author: unknown = saved[i]
    const totals = readTotals(saved.slice(i + 1, i + 4))
    assertState(isAuthor(author) && author > previous && totals !== null, 'totals')
    state.set(author, totals)
    previous = author
  }
  return state
}

/** Opens a shared counter: `space.open(counterKind, name)`, or `space.counter(name)` for short. */
export const counterKind: ObjectKind<SharedCounter, CounterOptions> = {
  kind: 'counter',
  order: 'fifo',
  uniform: false,
  consistency: 'available',
  create(port) {
    const replica = new CounterReplica(port)
    return { replica, handle: new SharedCounter(replica) }
  },
}
