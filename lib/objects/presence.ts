/**
 * Presence: what each member says of itself, for as long as it is there. Fifo, available.
 *
 * Only its own casts change a member's entry, so parts of a split have nothing to agree on: of an entry, the one with the
 * higher number counts. Each part drops the entries of those who are not in its view, in the event in which they leave it,
 * and who returns brings its own along: as a newcomer's, the state that comes is united with the one here.
 */
import { BusyError } from '../errors.ts'
import { encodeValue } from '../values.ts'
import { readStored, type StoredValue } from './agreed.ts'
import { assertState, compareText, isAuthor, isCount } from './checks.ts'
import { ChangeEvent, type ChangeOrigin, Coalescer, type DeepReadonly, ObjectTarget } from './events.ts'
import { Fitting } from './fitting.ts'
import type { CastFate, GroupPort, GroupView, ObjectKind, OpInfo, Replica } from './replica.ts'
import { type StandardSchemaV1, validateForWrite } from './schema.ts'

/** How presence is opened. */
export interface PresenceOptions<T> {
  /**
   * Types and checks the values. A write that does not fit is a `SchemaError`; a peer's value that does not is hidden.
   * Synchronous, and without transforms.
   */
  readonly schema?: StandardSchemaV1<unknown, T>
}

/** What a member says has changed. */
export interface PresenceChange<T> extends ChangeOrigin {
  /** `gone`: it is in the view no more, and `author` is null. `clear`: it is there, and says nothing. */
  readonly type: 'set' | 'clear' | 'gone'
  /** The member. */
  readonly id: string
  /** What it says now; undefined but for `set`. */
  readonly value: DeepReadonly<T> | undefined
  /** What it said before; undefined if nothing. */
  readonly previous: DeepReadonly<T> | undefined
}

/** The events of presence. */
export interface PresenceEvents<T> {
  readonly change: ChangeEvent<PresenceChange<T>>
}

/** Before what could not be sent is tried again, in ms. */
const RETRY_MS = 50

/** What one member says. */
interface Entry {
  /** Grows with everything that it says. */
  readonly k: number
  /** Null: nothing. It stays, so that what it said before does not come back with another state. */
  readonly stored: StoredValue | null
}

/** Of a member that says something. */
type Saying = Entry & { readonly stored: StoredValue }

/** The entries of the members of the view, by rank. Reads are synchronous. */
export class Presence<T = unknown> extends ObjectTarget<PresenceEvents<T>> {
  readonly #replica: PresenceReplica

  /** Made by {@link presenceKind}. */
  constructor(replica: PresenceReplica) {
    super()
    this.#replica = replica
    replica.emit = (changes) => {
      if (this.isHeard) this.dispatchEvent(new ChangeEvent(changes as readonly PresenceChange<T>[]))
    }
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  /** How many members say something. */
  get size(): number {
    return this.snapshot.size
  }

  /** What each member says, by rank; the same object until something changes. */
  get snapshot(): ReadonlyMap<string, DeepReadonly<T>> {
    return this.#replica.snapshot() as ReadonlyMap<string, DeepReadonly<T>>
  }

  /** What this member says: the id is a process's, `space.self` for this one. Undefined if nothing, or if it is not there. */
  get(id: string): DeepReadonly<T> | undefined {
    return this.#replica.visible(id)?.stored?.value as DeepReadonly<T> | undefined
  }

  /** Is this member there, and does it say something? */
  has(id: string): boolean {
    return this.#replica.visible(id) !== undefined
  }

  /**
   * Says something of this process, instead of what it said before: here at once. The value is copied.
   * Throws ValueError, SchemaError, TooLargeError, BusyError, ClosedError; then nothing was said.
   */
  set(value: T): void {
    this.#replica.set(value)
  }

  /** Says nothing any more. Throws BusyError, ClosedError. */
  clear(): void {
    this.#replica.clear()
  }

  keys(): MapIterator<string> {
    return this.snapshot.keys()
  }

  values(): MapIterator<DeepReadonly<T>> {
    return this.snapshot.values()
  }

  entries(): MapIterator<[string, DeepReadonly<T>]> {
    return this.snapshot.entries()
  }

  [Symbol.iterator](): MapIterator<[string, DeepReadonly<T>]> {
    return this.snapshot.entries()
  }

  forEach(fn: (value: DeepReadonly<T>, id: string, presence: this) => void, thisArg?: unknown): void {
    for (const [id, value] of this.snapshot) fn.call(thisArg, value, id, this)
  }

  /** Leaves the group: for the others, this process is gone. Reads keep showing the last state. */
  close(): Promise<void> {
    return this.#replica.port.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The deterministic half of presence, and this process's own entry, which shows before it is delivered. */
export class PresenceReplica implements Replica {
  readonly port: GroupPort
  /** Where change events go. */
  emit: (changes: readonly PresenceChange<unknown>[]) => void = () => undefined

  readonly #schema: StandardSchemaV1 | undefined
  readonly #fitting: Fitting
  readonly #changes = new Coalescer(() => this.#emitChanges())
  /** Those of the members of the view, as they were delivered. */
  readonly #entries = new Map<string, Entry>()
  /** By rank; null before the first view. */
  #members: ReadonlySet<string> | null = null
  /** What this process has said last, delivered or not. */
  #own: Entry | null = null
  /** The number of what this process says last; never used again, even if that was taken back. */
  #k: number
  /** The cast that carries `#own`, while it is under way. */
  #castN: number | null = null
  /** There was no room for it: it is cast in a while. */
  #isToRetry = false
  /** What was visible when the last event was emitted, for those that have changed. */
  readonly #before = new Map<string, Saying | undefined>()
  #snapshot: ReadonlyMap<string, unknown> = new Map()
  #isStale = false

  constructor(port: GroupPort, { schema }: PresenceOptions<unknown>) {
    this.port = port
    this.#schema = schema
    this.#fitting = new Fitting(schema)
    // An earlier opening has said at most as much as this process had made casts.
    this.#k = port.opening
  }

  set(value: unknown): void {
    const stored = readStored(encodeValue(validateForWrite(this.#schema, value)))
    this.#say({ k: this.#k + 1, stored })
  }

  clear(): void {
    if (this.#ownEntry()?.stored) this.#say({ k: this.#k + 1, stored: null })
  }

  #say(entry: Entry): void {
    this.#cast(entry)
    this.#touch(this.port.self)
    this.#own = entry
    this.#k = entry.k
  }

  #cast({ k, stored }: Entry): void {
    this.#castN = this.port.cast([k, stored?.bytes ?? null]).n
  }

  /** What a member says, if reads show it. */
  visible(id: string): Saying | undefined {
    if (this.#members?.has(id) !== true) return undefined
    const entry = id === this.port.self ? this.#ownEntry() : this.#entries.get(id)
    return isSaying(entry) && this.#fitting.isShown(entry.stored) ? entry : undefined
  }

  #ownEntry(): Entry | undefined {
    const delivered = this.#entries.get(this.port.self)
    return this.#own !== null && this.#own.k > (delivered?.k ?? 0) ? this.#own : delivered
  }

  snapshot(): ReadonlyMap<string, unknown> {
    if (this.#isStale) {
      this.#isStale = false
      const shown = new Map<string, unknown>()
      for (const id of this.#members ?? []) {
        const entry = this.visible(id)
        if (entry !== undefined) shown.set(id, entry.stored.value)
      }
      // A view alone changes nothing, unless somebody is gone or the ranks are others.
      if (!isSame(shown, this.#snapshot)) this.#snapshot = shown
    }
    return this.#snapshot
  }

  apply(op: unknown, { author }: OpInfo): boolean {
    if (!Array.isArray(op) || op.length !== 2 || !isCount(op[0])) return false
    const stored = op[1] === null ? null : readStored(op[1])
    if (op[1] !== null && stored === null) return false
    // A client may cast as well, and is nowhere to be seen.
    if (this.#members?.has(author) !== false) this.#take(author, { k: op[0], stored })
    return true
  }

  view({ members }: GroupView): void {
    for (const id of [...(this.#members ?? []), ...members]) this.#touch(id)
    this.#members = new Set(members)
    this.#prune()
  }

  /** Of who is not there, nothing is kept: it brings it along when it returns. */
  #prune(): void {
    const present = this.#members
    if (present === null) return
    for (const id of this.#entries.keys()) if (!present.has(id)) this.#entries.delete(id)
  }

  settle(): void {
    this.#sayAgain()
    this.#changes.flush()
  }

  /** What this process says must be in the state: it may have been replaced by one that does not know of it. */
  #sayAgain(): void {
    const own = this.#own
    if (own === null || this.#castN !== null || !this.port.isWhole) return
    if (own.k <= (this.#entries.get(this.port.self)?.k ?? 0)) return
    if (!this.#castAgain(own)) this.#takeBack()
  }

  /** Casts it now, or a while later if there is no room. False: it cannot be sent, nor later. */
  #castAgain(own: Entry): boolean {
    try {
      this.#cast(own)
    } catch (error) {
      if (!(error instanceof BusyError)) return false
      this.#sayLater()
    }
    return true
  }

  #sayLater(): void {
    if (this.#isToRetry) return
    this.#isToRetry = true
    this.port.after(RETRY_MS, () => {
      this.#isToRetry = false
      this.#sayAgain()
    })
  }

  #takeBack(): void {
    this.#touch(this.port.self)
    this.#own = null
  }

  lost(n: number, fate: CastFate): void {
    // Of what was said before the last, nobody asks.
    if (n !== this.#castN || this.#own === null) return
    this.#castN = null
    // What was refused would be again; else the same entry, which others may have had, counts once.
    if (fate === 'refused' || !this.#castAgain(this.#own)) this.#takeBack()
  }

  /** `[id, k, bytes or null, …]`, ascending. */
  save(): unknown {
    const ids = [...this.#entries.keys()].sort(compareText)
    return ids.flatMap((id) => {
      const entry = this.#entries.get(id)
      return [id, entry?.k, entry?.stored?.bytes ?? null]
    })
  }

  load(saved: unknown): void {
    const loaded = readState(saved)
    for (const id of this.#entries.keys()) this.#touch(id)
    this.#entries.clear()
    for (const [id, entry] of loaded) this.#take(id, entry)
  }

  merge(saved: unknown): void {
    for (const [id, entry] of readState(saved)) this.#take(id, entry)
    // The state may be of a view before this one.
    this.#prune()
  }

  #take(id: string, entry: Entry): void {
    if (entry.k <= (this.#entries.get(id)?.k ?? 0)) return
    this.#touch(id)
    const own = id === this.port.self ? this.#own : null
    this.#entries.set(id, own?.k === entry.k ? own : entry)
    if (id !== this.port.self) return
    this.#k = Math.max(this.#k, entry.k)
    if (own !== null && entry.k >= own.k) this.#castN = null
  }

  #touch(id: string): void {
    if (!this.#before.has(id)) this.#before.set(id, this.visible(id))
    this.#isStale = true
    this.#changes.mark()
  }

  #emitChanges(): void {
    const changes: PresenceChange<unknown>[] = []
    for (const [id, before] of this.#before) {
      const after = this.visible(id)
      if (after === before) continue
      const isThere = this.#members?.has(id) === true
      const author = isThere ? id : null
      const type = after !== undefined ? 'set' : isThere ? 'clear' : 'gone'
      const [value, previous] = [after?.stored.value, before?.stored.value]
      changes.push({ type, id, value, previous, author, local: author === this.port.self })
    }
    this.#before.clear()
    if (changes.length > 0) this.emit(changes)
  }
}

function isSaying(entry: Entry | undefined): entry is Saying {
  return entry !== undefined && entry.stored !== null
}

/** Do they hold the same, in the same order? */
function isSame(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown>): boolean {
  if (a.size !== b.size) return false
  const others = b.entries()
  for (const [id, value] of a) {
    const other = others.next().value
    if (other?.[0] !== id || other[1] !== value) return false
  }
  return true
}

function readState(saved: unknown): Map<string, Entry> {
  assertState(Array.isArray(saved) && saved.length % 3 === 0, 'presence')
  const state = new Map<string, Entry>()
  let previous = ''
  for (let i = 0; i < saved.length; i += 3) {
    const [id, k, bytes] = saved.slice(i, i + 3) as unknown[]
    const stored = bytes === null ? null : readStored(bytes)
    assertState(isAuthor(id) && id > previous && isCount(k), 'entry')
    assertState(bytes === null || stored !== null, 'value')
    state.set(id, { k, stored })
    previous = id
  }
  return state
}

/** Opens presence: `space.open(presenceKind, name, options)`, or `space.presence(name, options)` for short. */
export const presenceKind: ObjectKind<Presence, PresenceOptions<unknown>> = {
  kind: 'presence',
  order: 'fifo',
  uniform: false,
  consistency: 'available',
  isPassing: true,
  create(port, options) {
    const replica = new PresenceReplica(port, options)
    return { replica, handle: new Presence(replica) }
  },
}
