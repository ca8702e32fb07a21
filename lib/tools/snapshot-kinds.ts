/**
 * What snapshots know of the single kinds of objects: how their states read, and how what was read is written again.
 */
import { type AtomicOptions, atomicVariant } from '../objects/atomic.ts'
import { AtomicMachine, type TakingPart, type TransactionKey } from '../objects/atomic-machine.ts'
import type { BoundedCounter } from '../objects/bounded-counter.ts'
import { BoundedMachine } from '../objects/bounded-counter.ts'
import type { SharedCounter } from '../objects/counter.ts'
import { CounterState } from '../objects/counter-state.ts'
import type { SharedMap } from '../objects/map.ts'
import { MapState } from '../objects/map-state.ts'
import type { SharedQueue } from '../objects/queue.ts'
import { QueueMachine } from '../objects/queue-machine.ts'
import type { SharedRegister } from '../objects/register.ts'
import { RegisterMachine } from '../objects/register-machine.ts'
import type { SharedSet } from '../objects/set.ts'
import type { MachineContext } from '../objects/state-machine.ts'
import type { TotalMap } from '../objects/total-map.ts'
import { TotalMapMachine } from '../objects/total-map-machine.ts'
import { decodeValue, hashValue } from '../values.ts'

/** How the space opens what is not open. */
export interface Openers {
  map(name: string, options: { readonly forgetAfterMs?: number }): Promise<SharedMap>
  totalMap(name: string, how: AtomicOptions): Promise<TotalMap>
  set(name: string, options: { readonly forgetAfterMs?: number }): Promise<SharedSet>
  counter(name: string, options: { readonly forgetAfterMs?: number }): Promise<SharedCounter>
  boundedCounter(
    name: string,
    how: AtomicOptions & { readonly min: number; readonly max: number },
  ): Promise<BoundedCounter>
  register(name: string, how: AtomicOptions): Promise<SharedRegister>
  queue(
    name: string,
    how: AtomicOptions & { readonly maxTries?: number; readonly maxSize: number },
  ): Promise<SharedQueue>
}

/** Is a transaction over several objects committed, as the ledger has it at the cut? Throws if nobody can tell. */
export type Decided = (key: TransactionKey) => boolean

/** One kind. `variant` is what the options add to the kind's name, but for `atomic`. */
export interface RestorableKind {
  /** What a state holds; `decided` of an atomic object, else null. Throws for a malformed one. */
  read(state: unknown, variant: string, decided: Decided | null): unknown
  open(openers: Openers, name: string, variant: string, how: AtomicOptions): Promise<object>
  /** Does it hold nothing? */
  isEmpty(handle: unknown): boolean
  /** Why it cannot take that; null if it can. */
  refusal?(handle: unknown, value: unknown): string | null
  /** What of that `write` leaves alone, and why; null: nothing. */
  leftAlone?(value: unknown): string | null
  /** Makes it hold that. Of available objects, all at once, in a batch. */
  write(handle: unknown, value: unknown, signal: AbortSignal | undefined): undefined | Promise<unknown>
  /** It must be empty, whatever is asked for. */
  readonly onlyEmpty?: true
}

/** What is in a bounded counter. */
interface Bounded {
  readonly value: number
  readonly lastId: number
}

/** What is in a queue: items in their order. */
interface Queued {
  readonly items: readonly { readonly value: unknown; readonly priority: number; readonly delayMs: number }[]
  readonly dead: readonly { readonly value: unknown; readonly priority: number; readonly reason: string }[]
}

/** Where what is read is ended: nothing is granted there, and nobody is answered. */
const NOWHERE: MachineContext = {
  view: '',
  line: '',
  isPrimary: false,
  members: new Set(),
  ranked: [],
  nextToken: () => ['', '', 0],
  answer: () => undefined,
}

/**
 * The machine's part of an agreed object's state. An atomic one may have been held for a transaction at the cut: if that was
 * committed by then, what it changes is carried out, for other objects may have ended it already.
 */
function machineOf<M extends TakingPart>(machine: M, state: unknown, decided: Decided | null): M {
  if (!Array.isArray(state) || state.length !== 5) throw new TypeError('no state of an agreed object')
  if (decided === null) {
    machine.load(state[4])
    return machine
  }
  const atomic = new AtomicMachine(machine)
  atomic.load(state[4])
  const { held } = atomic
  if (held === null || !decided(held.key)) return machine
  const [process, , call] = held.key
  machine.carryOut(held.part, { process, call }, NOWHERE)
  return machine
}

/** As {@link foldingVariant} has it; how long members are remembered is nothing that all must share. */
function folding(variant: string): { readonly forgetAfterMs?: number } {
  return variant === '' ? {} : { forgetAfterMs: 86_400_000 }
}

function isSame(a: unknown, b: unknown): boolean {
  return hashValue(a) === hashValue(b)
}

const map: RestorableKind = {
  read(state, variant) {
    const loaded = MapState.load(state, variant !== '')
    return new Map([...loaded.keys()].sort().map((key) => [key, loaded.entries(key)[0]?.value]))
  },
  open: (openers, name, variant) => openers.map(name, folding(variant)),
  isEmpty: (handle) => (handle as SharedMap).size === 0,
  write(handle, value) {
    const [target, wanted] = [handle as SharedMap, value as Map<string, unknown>]
    for (const key of target.keys()) if (!wanted.has(key)) target.delete(key)
    for (const [key, each] of wanted) if (!target.has(key) || !isSame(target.get(key), each)) target.set(key, each)
    return undefined
  },
}

const set: RestorableKind = {
  read(state, variant) {
    const loaded = MapState.load(state, variant !== '')
    // A key is the encoding of a value, a character a byte.
    const bytesOf = (key: string): Uint8Array => Uint8Array.from(key, (character) => character.charCodeAt(0))
    return new Set([...loaded.keys()].sort().map((key) => decodeValue(bytesOf(key))))
  },
  open: (openers, name, variant) => openers.set(name, folding(variant)),
  isEmpty: (handle) => (handle as SharedSet).size === 0,
  write(handle, value) {
    const [target, wanted] = [handle as SharedSet, value as Set<unknown>]
    const kept = new Set([...wanted].map((each) => hashValue(each)))
    for (const each of [...target.values()]) if (!kept.has(hashValue(each))) target.delete(each)
    for (const each of wanted) if (!target.has(each)) target.add(each)
    return undefined
  },
}

const counter: RestorableKind = {
  read(state, variant) {
    if (variant === '') return sumOf(state as readonly unknown[])
    const loaded = CounterState.load(state)
    return [...loaded.keys()].reduce((sum, key) => sum + loaded.get(key).up - loaded.get(key).down, loaded.sum())
  },
  open: (openers, name, variant) => openers.counter(name, folding(variant)),
  isEmpty: (handle) => (handle as SharedCounter).value === 0,
  write(handle, value) {
    const target = handle as SharedCounter
    target.add((value as number) - target.value)
    return undefined
  },
}

/** Of `[key, k, up, down, …]`. */
function sumOf(saved: readonly unknown[]): number {
  let sum = 0
  for (let i = 0; i < saved.length; i += 4) sum += Number(saved[i + 2]) - Number(saved[i + 3])
  if (!Number.isSafeInteger(sum)) throw new TypeError('no state of a counter')
  return sum
}

const register: RestorableKind = {
  read(state, _variant, decided) {
    const { written } = machineOf(new RegisterMachine(), state, decided)
    return { value: written?.value, version: written?.version ?? 0 }
  },
  open: (openers, name, _variant, how) => openers.register(name, how),
  isEmpty: (handle) => (handle as SharedRegister).version === 0,
  write(handle, value, signal) {
    const target = handle as SharedRegister
    const { version, value: wanted } = value as { readonly version: number; readonly value: unknown }
    const isThere = version === 0 ? target.version === 0 : target.version > 0 && isSame(target.value, wanted)
    return isThere ? undefined : target.set(wanted, signalled(signal))
  },
}

const totalMap: RestorableKind = {
  read: (state, _variant, decided) =>
    new Map([...machineOf(new TotalMapMachine(), state, decided).entries].map(([key, entry]) => [key, entry.value])),
  open: (openers, name, _variant, how) => openers.totalMap(name, how),
  isEmpty: (handle) => (handle as TotalMap).size === 0,
  write(handle, value, signal) {
    const [target, wanted] = [handle as TotalMap, value as Map<string, unknown>]
    return target.transaction((view) => {
      for (const key of target.keys()) if (!wanted.has(key)) view.delete(key)
      for (const [key, each] of wanted) view.set(key, each)
    }, signalled(signal))
  },
}

const boundedCounter: RestorableKind = {
  read(state, variant, decided) {
    const { value, lastId } = machineOf(new BoundedMachine(...boundsIn(variant)), state, decided)
    return { value, lastId } satisfies Bounded
  },
  open(openers, name, variant, how) {
    const [min, max] = boundsIn(variant)
    return openers.boundedCounter(name, { min, max, ...how })
  },
  isEmpty(handle) {
    const { value, min, max } = handle as BoundedCounter
    return value === Math.min(Math.max(0, min), max)
  },
  refusal(handle, value) {
    const { min, max } = handle as BoundedCounter
    const wanted = (value as Bounded).value
    return wanted < min || wanted > max ? `its bounds are ${min} and ${max}` : null
  },
  async write(handle, value, signal) {
    const target = handle as BoundedCounter
    const { value: wanted, lastId } = value as Bounded
    if (wanted !== target.value) await target.add(wanted - target.value, signalled(signal))
    // Ids that were given out before the snapshot must not be given out again.
    if (lastId > 0) await target.block(lastId, signalled(signal))
  },
}

function boundsIn(variant: string): [min: number, max: number] {
  const [min = Number.NaN, max = Number.NaN] = variant.trim().split(' ').map(Number)
  return [min, max]
}

const queue: RestorableKind = {
  read(state, variant, decided) {
    const [maxTries = 0, maxSize = 0] = variant.trim().split(' ').map(Number)
    const { items, dead } = machineOf(new QueueMachine({ maxTries, maxSize }), state, decided)
    const byId = <Item extends { readonly id: number }>(all: Iterable<Item>): Item[] =>
      [...all].sort((a, b) => a.id - b.id)
    return {
      items: byId(items.values()).map(({ value, priority, delay }) => ({ value, priority, delayMs: delay?.ms ?? 0 })),
      dead: byId(dead.values()).map(({ value, priority, reason }) => ({ value, priority, reason })),
    } satisfies Queued
  },
  open(openers, name, variant, how) {
    const [maxTries = 0, maxSize = 0] = variant.trim().split(' ').map(Number)
    return openers.queue(name, { maxSize, ...(maxTries === 0 ? {} : { maxTries }), ...how })
  },
  isEmpty: (handle) => (handle as SharedQueue).size === 0 && (handle as SharedQueue).dead.length === 0,
  async write(handle, value, signal) {
    const target = handle as SharedQueue
    for (const { value: item, priority, delayMs } of (value as Queued).items)
      await target.add(item, { priority, delay: delayMs, ...signalled(signal) })
  },
  leftAlone(value) {
    const { length } = (value as Queued).dead
    if (length === 0) return null
    return `${length} dead ${length === 1 ? 'letter' : 'letters'}: what has failed elsewhere is nobody's work here`
  },
  onlyEmpty: true,
}

function signalled(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

const KINDS: Readonly<Record<string, RestorableKind>> = {
  map,
  set,
  counter,
  register,
  queue,
  'total-map': totalMap,
  'bounded-counter': boundedCounter,
}

/** What the kind of an object that takes part in transactions ends in. */
const ATOMIC = atomicVariant({ atomic: true })

/** A kind, taken apart. */
export interface KnownKind {
  readonly name: string
  /** Without what says that it is atomic. */
  readonly variant: string
  readonly isAtomic: boolean
  readonly kind: RestorableKind
}

/** The kind of that identity, if its objects can be restored. */
export function kindOf(identity: string): KnownKind | null {
  const [name = ''] = identity.split(/[ +(]/, 1)
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  if (kind === undefined) return null
  const isAtomic = identity.endsWith(ATOMIC)
  return { name, kind, isAtomic, variant: identity.slice(name.length, isAtomic ? -ATOMIC.length : undefined) }
}
