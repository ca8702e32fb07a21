/**
 * The shared map: causal, available, `Map`-shaped.
 *
 * Own operations show at once, as an overlay on the delivered state; an overlay entry goes when its own cast is
 * delivered. A cast that is lost is cast again: an operation counts once, however often it comes. Parts of a split merge. Concurrent writes to one key: the one with more history under that key wins,
 * then the higher author id; the same at every member. A delete wins over what its author had seen, no more.
 * Iteration is in key order, which is the same everywhere.
 */

import { UsageError } from '../errors.ts'
import { decodeValue, encodeValue } from '../values.ts'
import { compareText } from './checks.ts'
import { ChangeEvent, type ChangeOrigin, Coalescer, type DeepReadonly, ObjectTarget } from './events.ts'
import { MapForgetting } from './folding-map.ts'
import { checkForgetAfter, foldingVariant } from './forget-watch.ts'
import { authorOf } from './lineage.ts'
import { type MapEntry, type MapOp, MapState, sameDot } from './map-state.ts'
import type { CastFate, GroupPort, GroupView, ObjectKind, OpInfo, Replica, Succession } from './replica.ts'
import { fits, type StandardSchemaV1, validateForWrite } from './schema.ts'

/** How a map is opened. */
export interface MapOptions<V> {
  /**
   * Types and checks the values. A write that does not fit is a `SchemaError`; a peer's value that does not fit is
   * kept in the state but hidden from reads, so that members with an older or newer schema lose nothing.
   * Synchronous, and without transforms.
   */
  readonly schema?: StandardSchemaV1<unknown, V>
  /**
   * If given, what the state remembers of members that are gone, beyond what they wrote, is forgotten this long after, in
   * ms (say 24 h), and whoever is away for longer may lose what it wrote last: that is reported. All who open the object
   * give it, or none does. Absent: two numbers for each process that ever wrote stay in the state.
   */
  readonly forgetAfterMs?: number
}

/** One key has changed. */
export interface MapChange<V> extends ChangeOrigin {
  readonly type: 'set' | 'delete'
  readonly key: string
  /** The value now; undefined after a delete. */
  readonly value: DeepReadonly<V> | undefined
  /** The value before; undefined if there was none. */
  readonly previous: DeepReadonly<V> | undefined
}

/** The events of a map. */
export interface MapEvents<V> {
  readonly change: ChangeEvent<MapChange<V>>
}

/** What reads see of a key. */
interface Visible {
  readonly author: string
  readonly k: number
  readonly value: unknown
}

/** An own operation that was cast and not yet delivered. */
interface Pending {
  /** The number of its cast. */
  n: number
  /** As it is cast. */
  readonly op: readonly unknown[]
  /** Under what this process made it: its id, or its key in a map that folds. */
  readonly author: string
  readonly k: number
  readonly keys: readonly string[]
  /** What it writes; undefined for deletes. */
  readonly entry: MapEntry | undefined
}

interface Touched {
  readonly before: Visible | undefined
  /** Who touched it last. */
  author: string | null
}

/** A shared map as the application holds it. Reads are synchronous. */
export class SharedMap<V = unknown> extends ObjectTarget<MapEvents<V>> {
  readonly #replica: MapReplica

  /** Made by {@link mapKind}. */
  constructor(replica: MapReplica) {
    super()
    this.#replica = replica
    replica.emit = (changes) => {
      if (this.isHeard) this.dispatchEvent(new ChangeEvent(changes as MapChange<V>[]))
    }
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  get size(): number {
    return this.#replica.visible.size
  }

  /** The whole map as it is now; the same object until something changes. */
  get snapshot(): ReadonlyMap<string, DeepReadonly<V>> {
    return this.#replica.snapshot() as ReadonlyMap<string, DeepReadonly<V>>
  }

  get(key: string): DeepReadonly<V> | undefined {
    return this.#replica.visible.get(key)?.value as DeepReadonly<V> | undefined
  }

  has(key: string): boolean {
    return this.#replica.visible.has(key)
  }

  /**
   * Writes a key, here at once and in causal order everywhere. The value is copied: later changes to it are not seen.
   * Throws UsageError (key no string), ValueError, SchemaError, TooLargeError, BusyError, ClosedError; then nothing was written.
   */
  set(key: string, value: V): this {
    this.#replica.set(key, value)
    return this
  }

  /** Deletes a key; false if there was nothing to delete. Throws as `set` does. */
  delete(key: string): boolean {
    return this.#replica.delete(key)
  }

  /** Deletes every key that is here now, as one operation; what others add meanwhile stays. */
  clear(): void {
    this.#replica.clear()
  }

  keys(): MapIterator<string> {
    return this.snapshot.keys()
  }

  values(): MapIterator<DeepReadonly<V>> {
    return this.snapshot.values()
  }

  entries(): MapIterator<[string, DeepReadonly<V>]> {
    return this.snapshot.entries()
  }

  [Symbol.iterator](): MapIterator<[string, DeepReadonly<V>]> {
    return this.snapshot.entries()
  }

  forEach(fn: (value: DeepReadonly<V>, key: string, map: this) => void, thisArg?: unknown): void {
    for (const [key, value] of this.snapshot) fn.call(thisArg, value, key, this)
  }

  /** Leaves the group. Reads keep showing the last state. */
  close(): Promise<void> {
    return this.#replica.port.close()
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#replica.end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The deterministic half of a map, and its overlay. */
export class MapReplica implements Replica {
  readonly port: GroupPort
  /** What reads see: the delivered state's winners with the overlay on top. */
  readonly visible: Map<string, Visible> = new Map()
  /** Where change events go. */
  emit: (changes: readonly MapChange<unknown>[]) => void = () => undefined

  readonly #schema: StandardSchemaV1 | undefined
  readonly #changes = new Coalescer(() => this.#emitChanges())
  readonly #forgetting: MapForgetting | null
  #state: MapState
  /** The number of this process's last operation. */
  #k: number
  /** In the order in which they were made. */
  readonly #pending: Pending[] = []
  /** Per key its last own operation that is pending. */
  readonly #overlay = new Map<string, Pending>()
  readonly #touched = new Map<string, Touched>()
  #keyOrder: readonly string[] | null = null
  #snapshot: ReadonlyMap<string, unknown> | null = null

  constructor(port: GroupPort, options: MapOptions<unknown>) {
    this.port = port
    // An earlier opening has made at most as many operations as this process had made casts.
    this.#k = port.opening
    this.#schema = options.schema
    const after = checkForgetAfter(options.forgetAfterMs)
    this.#state = after === null ? new MapState() : MapState.folding()
    this.#forgetting = after === null ? null : new MapForgetting(port, after, () => this.#state)
  }

  /** Under what this process writes now. */
  get #author(): string {
    return this.#forgetting?.key() ?? this.port.self
  }

  set(key: string, input: unknown): void {
    if (typeof key !== 'string') throw new UsageError('a key of a shared map must be a string')
    const bytes = encodeValue(validateForWrite(this.#schema, input))
    const over: (string | number)[] = []
    const clock = 1 + this.#observe(key, over)
    const k = this.#k + 1
    const author = this.#author
    const entry: MapEntry = { author, k, clock, bytes, value: decodeValue(bytes) }
    this.#cast([0, k, key, clock, bytes, over], { author, k, keys: [key], entry })
  }

  delete(key: string): boolean {
    if (!this.visible.has(key)) return false
    const over: (string | number)[] = []
    this.#observe(key, over)
    const k = this.#k + 1
    this.#cast([1, k, key, over], { author: this.#author, k, keys: [key], entry: undefined })
    return true
  }

  clear(): void {
    const keys = [...this.visible.keys()]
    if (keys.length === 0) return
    const context = this.#state.context.copy()
    // Own pending operations are observed as well; they are the ones that follow what was delivered.
    for (const { author, k } of this.#pending) context.add(author, k)
    // What is folded has left its entries behind.
    if (this.#forgetting !== null) {
      for (const key of this.#state.keys()) for (const { author, k } of this.#state.entries(key)) context.add(author, k)
    }
    const k = this.#k + 1
    this.#cast([2, k, context.save()], { author: this.#author, k, keys, entry: undefined })
  }

  /** Lists in `over` all entries of the key that this process knows, delivered and pending; returns the highest clock. */
  #observe(key: string, over: (string | number)[]): number {
    let clock = 0
    for (const entry of this.#state.entries(key)) {
      over.push(entry.author, entry.k)
      clock = Math.max(clock, entry.clock)
    }
    // Earlier pending writes of the key are overwritten by the last one, and come before it.
    const entry = this.#overlay.get(key)?.entry
    if (entry !== undefined) {
      over.push(entry.author, entry.k)
      clock = Math.max(clock, entry.clock)
    }
    return clock
  }

  #cast(op: MapOp, shown: Omit<Pending, 'n' | 'op'>): void {
    const sealed = this.#forgetting?.seal(op, shown.author) ?? op
    const { n } = this.port.cast(sealed)
    const pending: Pending = { n, op: sealed, ...shown }
    this.#k = pending.k
    this.#pending.push(pending)
    for (const key of pending.keys) {
      this.#overlay.set(key, pending)
      this.#refresh(key, this.port.self)
    }
  }

  apply(op: unknown, info: OpInfo): boolean {
    const read = this.#forgetting === null ? { author: info.author, op } : this.#forgetting.read(op, info.author)
    if (typeof read === 'boolean') return read
    const own = info.local && Array.isArray(op) ? this.#pending.find(({ k }) => k === op[1]) : undefined
    const keys = this.#state.apply(read.op, read.author, own?.entry)
    if (keys === null) return false
    this.#forgetting?.report()
    if (own !== undefined) this.#dropPending(own)
    for (const key of keys) this.#refresh(key, info.author)
    return true
  }

  view(view: GroupView, succession?: Succession): void {
    // Otherwise a map asks nothing of who is present.
    if (this.#forgetting?.view(view, succession)) this.#catchUp()
  }

  settle(): void {
    this.#changes.flush()
  }

  save(): unknown {
    return this.#state.save()
  }

  saveInSteps(): Iterator<undefined, unknown> {
    return this.#state.saveInSteps()
  }

  load(saved: unknown): void {
    const state = MapState.load(saved, this.#forgetting !== null)
    const keys = new Set([...this.#state.keys(), ...state.keys()])
    this.#state = state
    this.#forgetting?.begin()
    this.#afterUnion(keys)
  }

  merge(saved: unknown): void {
    if (this.#forgetting === null) this.#afterUnion(this.#state.merge(MapState.load(saved)))
    else this.#forgetting.add(saved)
  }

  lacking(saved: unknown): unknown {
    // A state that folds is united as a whole.
    if (this.#forgetting !== null) return saved
    return this.#state.lackingOf(MapState.load(saved))?.save() ?? null
  }

  united(): void {
    if (this.#forgetting !== null) this.#afterUnion(this.#forgetting.unite())
  }

  /** Nothing is delivered any more. */
  end(): void {
    this.#forgetting?.end()
  }

  /** Of this process's own operations, more may have been delivered, or come too late. */
  #catchUp(): void {
    for (const pending of [...this.#pending]) {
      if (this.#isDone(pending)) this.#dropPending(pending)
      // It is shown no more, but still to come: that it comes too late is reported when it does.
      else if (!this.#isShown(pending)) this.#uncover(pending)
    }
  }

  #isDone({ author, k, keys, entry }: Pending): boolean {
    if (this.#state.context.has(author, k)) return true
    // Under a folded key, what is alive was delivered.
    return entry !== undefined && keys.some((key) => this.#state.entries(key).some(sameDot(entry)))
  }

  /** Is it to do anything yet? Under a folded key, only a delete is. */
  #isShown({ author, k, entry }: Pending): boolean {
    return !(entry === undefined ? this.#state.context.has(author, k) : this.#state.hasSeen(author, k))
  }

  #afterUnion(keys: Iterable<string>): void {
    this.#k = Math.max(this.#k, this.#state.context.highest(this.port.self))
    this.#catchUp()
    for (const key of keys) this.#refresh(key, null)
  }

  lost(n: number, fate: CastFate): void {
    const pending = this.#pending.find((each) => each.n === n)
    if (pending === undefined) return
    try {
      // What was refused would be again; else the same operation, which others may have had, counts once.
      if (fate !== 'refused') {
        pending.n = this.port.cast(pending.op).n
        return
      }
    } catch {
      // It cannot be sent: it is taken back.
    }
    this.#dropPending(pending)
  }

  /** An own operation is in the delivered state, or lost for good: its overlay goes. */
  #dropPending(pending: Pending): void {
    const at = this.#pending.indexOf(pending)
    this.#uncover(pending, at)
    this.#pending.splice(at, 1)
  }

  /** Takes it out of the overlay. */
  #uncover(pending: Pending, at = this.#pending.indexOf(pending)): void {
    // Only what was lost is still pending before it, and what comes too late.
    const before = at === 0 ? [] : this.#pending.slice(0, at)
    for (const key of pending.keys) {
      if (this.#overlay.get(key) !== pending) continue
      const earlier = before.findLast(({ keys }) => keys.includes(key))
      if (earlier === undefined || !this.#isShown(earlier)) this.#overlay.delete(key)
      else this.#overlay.set(key, earlier)
      this.#refresh(key, null)
    }
  }

  /** Works out anew what reads see of a key. */
  #refresh(key: string, author: string | null): void {
    const before = this.visible.get(key)
    const after = this.#look(key)
    if (after?.k === before?.k && after?.author === before?.author) return
    const touched = this.#touched.get(key)
    const by = after?.author ?? author
    if (touched === undefined) this.#touched.set(key, { before, author: by })
    else touched.author = by
    if ((before === undefined) !== (after === undefined)) this.#keyOrder = null
    if (after === undefined) this.visible.delete(key)
    else this.visible.set(key, after)
    this.#snapshot = null
    this.#changes.mark()
  }

  #look(key: string): Visible | undefined {
    const pending = this.#overlay.get(key)
    if (pending !== undefined) return pending.entry
    return this.#state.entries(key).find(({ value }) => fits(this.#schema, value))
  }

  #emitChanges(): void {
    const changes: MapChange<unknown>[] = []
    for (const [key, { before, author }] of this.#touched) {
      const after = this.visible.get(key)
      if (after?.k === before?.k && after?.author === before?.author) continue
      const by = author === null || this.#forgetting === null ? author : authorOf(author)
      const origin = { author: by, local: by === this.port.self }
      const type = after === undefined ? 'delete' : 'set'
      changes.push({ type, key, value: after?.value, previous: before?.value, ...origin })
    }
    this.#touched.clear()
    if (changes.length > 0) this.emit(changes)
  }

  /** The visible map in key order. */
  snapshot(): ReadonlyMap<string, unknown> {
    if (this.#snapshot === null) {
      this.#keyOrder ??= [...this.visible.keys()].sort(compareText)
      this.#snapshot = new Map(this.#keyOrder.map((key) => [key, this.visible.get(key)?.value]))
    }
    return this.#snapshot
  }
}

/** Opens a shared map: `space.open(mapKind, name, options)`, or `space.map(name, options)` for short. */
export const mapKind: ObjectKind<SharedMap, MapOptions<unknown>> = {
  kind: 'map',
  order: 'causal',
  uniform: false,
  consistency: 'available',
  variant: foldingVariant,
  create(port, options) {
    const replica = new MapReplica(port, options)
    return { replica, handle: new SharedMap(replica) }
  },
}
