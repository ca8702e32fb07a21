/**
 * The bounded counter: total and uniform order, consistent; a value that never leaves its bounds, and ids that are given
 * out once.
 *
 * Steps are agreed on one after the other, so whether one still fits is the same everywhere: a stock that two parts of a
 * split could each sell to zero needs this, where a plain counter adds up whatever each part has done.
 */
import { UsageError } from '../errors.ts'
import { OutOfBoundsError } from '../tool-errors.ts'
import { agreedSettings, closeMachine, toUsageError } from './agreed.ts'
import { type AtomicOptions, atomicReplica, atomicVariant, type Participant } from './atomic.ts'
import type { TakingPart } from './atomic-machine.ts'
import { assertState, isCount, isTotal } from './checks.ts'
import type { CounterChange, CounterEvents } from './counter.ts'
import { ChangeEvent, ObjectTarget } from './events.ts'
import type { Ledger } from './ledger.ts'
import type { MachineHooks, MachineReplica } from './machine-replica.ts'
import { CounterPart } from './parts.ts'
import type { CallOptions } from './queue.ts'
import type { GroupPort, ObjectKind } from './replica.ts'
import type { Answer, Caller, Machine } from './state-machine.ts'

/** How a bounded counter is opened: with a bound. All who open it give the same ones. */
export type BoundedCounterOptions = AtomicOptions & (Bounds<'min'> | Bounds<'max'>)

/** The bounds, of which one must be there. Safe integers. It starts at 0, or at the bound next to it. */
type Bounds<Needed extends 'min' | 'max'> = {
  /** It never goes below. */
  readonly min?: number
  /** It never goes above. */
  readonly max?: number
} & { readonly [Bound in Needed]: number }

/** Consecutive ids, both ends included. */
export interface IdBlock {
  readonly from: number
  readonly to: number
}

/** The requests, by their first element: `[read]`, `[add, n]`, `[block, n]`. */
const OP = { read: 0, add: 1, block: 2 } as const

/** A value between bounds, and the last id given out. */
export class BoundedMachine implements TakingPart {
  readonly min: number
  readonly max: number
  value: number
  lastId = 0
  /** Told of each step; the author is null if the state is replaced. */
  watch: (delta: number, author: string | null) => void = () => undefined

  constructor(min: number, max: number) {
    this.min = min
    this.max = max
    this.value = Math.min(Math.max(0, min), max)
  }

  apply(body: unknown, { process }: Caller): Answer | null {
    if (!Array.isArray(body)) return null
    const [op, n] = body as unknown[]
    if (op === OP.read) return body.length === 1 ? [true, this.value] : null
    if (body.length !== 2) return null
    if (op === OP.add) return Number.isSafeInteger(n) ? this.#add(n as number, process) : null
    return op === OP.block && isCount(n) ? this.#block(n) : null
  }

  #add(n: number, author: string): Answer {
    const refusal = this.#refusalOf(n)
    if (refusal !== null) return refusal
    this.#set(this.value + n, author)
    return [true, this.value]
  }

  #refusalOf(n: number): Answer | null {
    // Of two safe integers, so what is rounded is out of bounds too.
    const value = this.value + n
    if (value < this.min) return [false, 'out-of-bounds', `it would be below ${this.min}`]
    if (value > this.max) return [false, 'out-of-bounds', `it would be above ${this.max}`]
    return null
  }

  /** `[the value that was read, or null, what is added]`. */
  check(part: unknown): Answer | null {
    if (
      !Array.isArray(part) ||
      part.length !== 2 ||
      !part.every((n, i) => Number.isSafeInteger(n) || (i === 0 && n === null))
    )
      return null
    const [expected, n] = part as [number | null, number]
    if (expected !== null && expected !== this.value) return [true, false]
    return this.#refusalOf(n) ?? [true, true]
  }

  carryOut(part: unknown, { process }: Caller): void {
    const [, n] = part as [unknown, number]
    this.#set(this.value + n, process)
  }

  #set(value: number, author: string | null): void {
    const delta = value - this.value
    this.value = value
    if (delta !== 0) this.watch(delta, author)
  }

  /** The last one of the block. */
  #block(n: number): Answer {
    if (n > Number.MAX_SAFE_INTEGER - this.lastId) return [false, 'out-of-bounds', 'there are not as many ids']
    this.lastId += n
    return [true, this.lastId]
  }

  save(): unknown {
    return [this.value, this.lastId]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 2, 'bounded counter')
    const [value, lastId] = saved as unknown[]
    assertState(Number.isSafeInteger(value) && isTotal(lastId), 'bounded counter')
    assertState((value as number) >= this.min && (value as number) <= this.max, 'bounds')
    this.lastId = lastId
    this.#set(value as number, null)
  }
}

/** A bounded counter as the application holds it. */
export class BoundedCounter extends ObjectTarget<CounterEvents> {
  readonly #replica: MachineReplica<Machine>
  readonly #machine: BoundedMachine
  readonly #ledger: Ledger | null
  /** By author, since the last event. */
  readonly #deltas = new Map<string | null, number>()

  /** Made by {@link boundedCounterKind}. */
  constructor(port: GroupPort, options: BoundedCounterOptions) {
    super()
    const machine = new BoundedMachine(...boundsOf(options))
    this.#machine = machine
    this.#ledger = options.ledger ?? null
    machine.watch = (delta, author) => this.#deltas.set(author, (this.#deltas.get(author) ?? 0) + delta)
    const settings = agreedSettings('counter', options)
    const hooks: MachineHooks = {
      toError: (code, message) =>
        code === 'out-of-bounds'
          ? new OutOfBoundsError(`counter "${port.name}": ${message}`)
          : toUsageError(code, message),
      changed: () => this.#tell(),
    }
    this.#replica = atomicReplica(port, machine, { settings, hooks, options })
  }

  /** @internal */
  get replica(): MachineReplica<Machine> {
    return this.#replica
  }

  /** @internal How it takes part in transactions. */
  get participant(): Participant {
    return { replica: this.#replica, ledger: this.#ledger, begin: () => new CounterPart(this.value).part }
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  /** The lower bound; `Number.MIN_SAFE_INTEGER` if none was given. */
  get min(): number {
    return this.#machine.min
  }

  /** The upper bound; `Number.MAX_SAFE_INTEGER` if none was given. */
  get max(): number {
    return this.#machine.max
  }

  /** The value as far as it was delivered here. */
  get value(): number {
    return this.#machine.value
  }

  /** The same as `value`: a number is its own snapshot. */
  get snapshot(): number {
    return this.value
  }

  /** The value, no older than any step that has returned anywhere before this call. Rejects as `add` does. */
  async read(options: CallOptions = {}): Promise<number> {
    return (await this.#replica.call([OP.read], options)) as number
  }

  /**
   * Adds a whole number, which may be negative. Resolves with the value after it when every member holds it.
   * Rejects with OutOfBoundsError (the value is beyond a bound after it: nothing was added), UsageError unless `n` is a
   * safe integer, NotPrimaryError, BusyError, UnknownOutcomeError, ClosedError, or the signal's reason: if it aborts when
   * the step is under way, it may take effect all the same.
   */
  async add(n = 1, options: CallOptions = {}): Promise<number> {
    if (!Number.isSafeInteger(n)) throw new UsageError('a counter counts in safe integers')
    return (await this.#replica.call([OP.add, n], options)) as number
  }

  /**
   * Reserves `n` consecutive ids, from 1 on, which nobody else gets of this counter. They have nothing to do with its
   * value or bounds. What is not used is lost: so it is if the call rejects and has taken effect all the same.
   * Rejects with UsageError unless `n` is a whole number from 1, else as `add` does.
   */
  async block(n: number, options: CallOptions = {}): Promise<IdBlock> {
    if (!isCount(n)) throw new UsageError('a block has a whole number of ids, from 1')
    const to = (await this.#replica.call([OP.block, n], options)) as number
    return { from: to - n + 1, to }
  }

  #tell(): void {
    const deltas = [...this.#deltas].filter(([, delta]) => delta !== 0)
    this.#deltas.clear()
    if (deltas.length === 0 || !this.isHeard) return
    const { value } = this
    const { self } = this.#replica.port
    const changes = deltas.map(([author, delta]): CounterChange => ({ author, delta, value, local: author === self }))
    this.dispatchEvent(new ChangeEvent(changes))
  }

  /** Leaves the group, once every opener here has closed it: calls reject then. Reads keep showing the last state. */
  close(): Promise<void> {
    return closeMachine(this.#replica)
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#replica.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Checks the bounds. Throws a UsageError. */
function boundsOf(options: BoundedCounterOptions): [min: number, max: number] {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min > max) {
    throw new UsageError('min and max must be safe integers, min no higher than max')
  }
  return [min, max]
}

/**
 * Opens a bounded counter: `space.open(boundedCounterKind, name, options)`, or `space.counter(name, { min: 0 })` for short.
 */
export const boundedCounterKind: ObjectKind<BoundedCounter, BoundedCounterOptions> = {
  kind: 'bounded-counter',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  terms: ['min', 'max', 'atomic'],
  variant: (options) => ` ${boundsOf(options).join(' ')}${atomicVariant(options)}`,
  create(port, options) {
    const handle = new BoundedCounter(port, options)
    return { replica: handle.replica, handle }
  },
}
