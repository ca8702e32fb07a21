/**
 * The shared counter: fifo, available; every process counts for itself and the value is the sum.
 *
 * An operation carries its author's totals so far, not the step, so repeating it or merging parts of a split in any
 * order counts nothing twice. Own steps show at once. An operation that is lost is part of the next, or cast again.
 */
import { UsageError } from '../errors.ts'
import { assertState, compareText, isAuthor, isCount, isTotal } from './checks.ts'
import { ChangeEvent, type ChangeOrigin, Coalescer, ObjectTarget } from './events.ts'
import { FoldingReplica } from './folding-counter.ts'
import { checkForgetAfter, foldingVariant } from './forget-watch.ts'
import type { CastFate, GroupPort, ObjectKind, OpInfo, Receipt, Replica } from './replica.ts'

/** How a counter is opened. */
export interface CounterOptions {
  /**
   * If given, what members leave behind that are gone is summed up this long after, in ms (say 24 h), and whoever is away
   * for longer may lose what it counted last: that is reported. All who open the object give it, or none does. Absent:
   * one entry for each process that ever counted stays in the state.
   */
  readonly forgetAfterMs?: number
}

/** What one author has added since the last event. */
export interface CounterChange extends ChangeOrigin {
  /** Null of what came as a sum, of several who are gone. */
  readonly author: string | null
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

/** An own operation that was cast and not yet delivered. */
interface Pending {
  /** The number of its cast. */
  n: number
  readonly totals: Totals
}

/** A shared counter as the application holds it. */
export class SharedCounter extends ObjectTarget<CounterEvents> {
  readonly #replica: CounterReplica | FoldingReplica

  /** Made by {@link counterKind}. */
  constructor(replica: CounterReplica | FoldingReplica) {
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

  /** @internal The group has ended. */
  handleEnd(): void {
    if (this.#replica instanceof FoldingReplica) this.#replica.end()
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
  readonly #ownKey: string
  /** What was delivered, by author and opening. */
  readonly #totals = new Map<string, Totals>()
  /** This process's own totals, steps not yet delivered included. */
  #own: Totals = NOTHING
  /** The number of this process's last operation; never used again, even if it was taken back. */
  #k = 0
  /** In the order in which they were made. */
  readonly #pending: Pending[] = []
  /** What stood under each key when the last event was emitted, for those that have changed. */
  readonly #before = new Map<string, Totals>()
  #value: number | null = 0

  constructor(port: GroupPort) {
    this.port = port
    this.#ownKey = keyOf(port.self, port.opening)
  }

  add(n: number): void {
    if (!Number.isSafeInteger(n)) throw new UsageError('a counter counts in safe integers')
    if (n === 0) return
    const { up, down } = this.#own
    const own = { k: this.#k + 1, up: n > 0 ? up + n : up, down: n < 0 ? down - n : down }
    if (!isTotal(own.up) || !isTotal(own.down)) throw new UsageError('this process has counted beyond 2 ** 53')
    const receipt = this.#cast(own)
    this.#pending.push({ n: receipt.n, totals: own })
    this.#touch(this.#ownKey)
    this.#k = own.k
    this.#own = own
  }

  #cast({ k, up, down }: Totals): Receipt {
    return this.port.cast([this.port.opening, k, up, down])
  }

  lost(n: number, fate: CastFate): void {
    const at = this.#pending.findIndex((each) => each.n === n)
    const pending = this.#pending[at]
    if (pending === undefined) return
    // Later totals include these.
    const isLast = at === this.#pending.length - 1
    try {
      // What was refused would be again; else the same totals, which others may have had, count once.
      if (isLast && fate !== 'refused') {
        pending.n = this.#cast(pending.totals).n
        return
      }
    } catch {
      // It cannot be sent: it is taken back.
    }
    this.#pending.splice(at, 1)
    if (!isLast) return
    this.#touch(this.#ownKey)
    this.#own = this.#pending.at(-1)?.totals ?? this.#totals.get(this.#ownKey) ?? NOTHING
  }

  value(): number {
    if (this.#value === null) {
      let sum = 0
      for (const key of new Set([...this.#totals.keys(), this.#ownKey])) sum += net(this.#visible(key))
      this.#value = sum
    }
    return this.#value
  }

  apply(op: unknown, info: OpInfo): boolean {
    if (!Array.isArray(op) || op.length !== 4 || !isTotal(op[0])) return false
    const totals = readTotals(op.slice(1))
    if (totals === null) return false
    this.#take(keyOf(info.author, op[0]), totals)
    return true
  }

  view(): void {
    // A counter asks nothing of who is present.
  }

  settle(): void {
    this.#changes.flush()
  }

  /** `[author/opening, k, up, down, …]`, ascending. */
  save(): unknown {
    const keys = [...this.#totals.keys()].sort(compareText)
    return keys.flatMap((key) => {
      const { k, up, down } = this.#totals.get(key) ?? NOTHING
      return [key, k, up, down]
    })
  }

  load(saved: unknown): void {
    const loaded = readState(saved)
    for (const key of this.#totals.keys()) this.#touch(key)
    this.#totals.clear()
    for (const [key, totals] of loaded) this.#take(key, totals)
  }

  merge(saved: unknown): void {
    for (const [key, totals] of readState(saved)) this.#take(key, totals)
  }

  lacking(saved: unknown): unknown {
    const later = [...readState(saved)].filter(([key, { k }]) => k > (this.#totals.get(key)?.k ?? 0))
    return later.length === 0 ? null : later.flatMap(([key, { k, up, down }]) => [key, k, up, down])
  }

  #take(key: string, totals: Totals): void {
    if (totals.k <= (this.#totals.get(key)?.k ?? 0)) return
    this.#touch(key)
    this.#totals.set(key, totals)
    if (key !== this.#ownKey) return
    while (this.#pending[0] !== undefined && this.#pending[0].totals.k <= totals.k) this.#pending.shift()
    this.#k = Math.max(this.#k, totals.k)
    if (totals.k > this.#own.k) this.#own = totals
  }

  /** What counts under a key: the delivered totals, or this process's own, which are ahead of them. */
  #visible(key: string): Totals {
    return key === this.#ownKey ? this.#own : (this.#totals.get(key) ?? NOTHING)
  }

  #touch(key: string): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#visible(key))
    this.#value = null
    this.#changes.mark()
  }

  #emitChanges(): void {
    const changes: CounterChange[] = []
    const value = this.value()
    for (const [key, before] of this.#before) {
      const author = key.slice(0, key.indexOf('/'))
      const delta = net(this.#visible(key)) - net(before)
      if (delta !== 0) changes.push({ author, delta, value, local: author === this.port.self })
    }
    this.#before.clear()
    if (changes.length > 0) this.emit(changes)
  }
}

/** Totals grow from nothing in each opening of the counter: a later one must not be taken for an earlier. */
function keyOf(author: string, opening: number): string {
  return `${author}/${opening}`
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
    const key: unknown = saved[i]
    const totals = readTotals(saved.slice(i + 1, i + 4))
    assertState(typeof key === 'string' && key > previous && totals !== null, 'totals')
    const [author, opening, ...rest] = key.split('/')
    assertState(isAuthor(author) && isTotal(Number(opening)) && rest.length === 0, 'author')
    state.set(key, totals)
    previous = key
  }
  return state
}

/** Opens a shared counter: `space.open(counterKind, name)`, or `space.counter(name)` for short. */
export const counterKind: ObjectKind<SharedCounter, CounterOptions> = {
  kind: 'counter',
  order: 'fifo',
  uniform: false,
  consistency: 'available',
  variant: foldingVariant,
  create(port, { forgetAfterMs }) {
    const after = checkForgetAfter(forgetAfterMs)
    const replica = after === null ? new CounterReplica(port) : new FoldingReplica(port, after)
    return { replica, handle: new SharedCounter(replica) }
  },
}
