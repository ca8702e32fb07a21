/**
 * One group's copy in a store, as its process writes it: a snapshot, and a log of what has happened since.
 *
 * What is written at any moment is a state that this process has had, up to own casts that it had not seen delivered. So
 * nothing is logged that came after a state which is not stored yet: while the page awaits others' states, deliveries are
 * held back, and once it has them it is asked for a snapshot, with which the log begins anew. The same happens when the
 * log has grown larger than the snapshot. One write is under way at a time; what gathers meanwhile is the next.
 *
 * A write that fails ends the log: the group goes on in memory, whoever waits for durability is told that there is none,
 * and from time to time a fresh snapshot is tried. Each write is guarded by the head of the copy, so that a log never goes
 * on where somebody has removed or taken over what it belongs to. One that gets no answer in time counts as failed until the
 * answer comes, and nothing else is written before: two of them could be carried out in either order.
 */

import { withoutNews } from '../group-view.ts'
import type { GroupView } from '../objects/replica.ts'
import type { Storage, StorageReason, StorageWrite } from '../ports/storage.ts'
import { batchKey, coveredBy, encodeHead, encodeParts, headKey, partKey, type StoredCopy } from './copies.ts'
import { encodeLogEvent, furtherBy, type LogEvent } from './log-event.ts'
import type { Elsewhere } from './messages.ts'
import { joinBytes } from './record.ts'
import { type Acted, compareViews, type Origin } from './standing.ts'

/** Bytes of a log from which on it is compacted, if it is larger than the snapshot as well. */
export const LOG_BYTES_MAX: number = 256 * 1024
/** Batches of a log from which on it is compacted. */
export const BATCHES_MAX = 512
/** Bytes that wait to be written at most: beyond them, a snapshot is cheaper. */
export const QUEUE_BYTES_MAX: number = 8 * 1024 * 1024
/** How long the store may take over a write, in ms, before whoever waits for it is told that it does not answer. */
export const WRITE_MS = 5_000
/** How long after a failed write the next one is tried, in ms. */
export const RETRY_MS = 10_000

/** Former processes that a copy stands for at most: the last ones. */
const COVERS_MAX = 256

/** What a log needs of the side it belongs to. */
export interface LogContext {
  readonly self: string
  readonly storage: Storage
  /** Where the copy is. */
  readonly prefix: string
  readonly kind: string
  /**
   * It acts in the primary component only: its views are logged, and how far it has come; own casts are not, before they are
   * delivered. Nothing is logged before it is told (`state`) that there is something worth it.
   */
  readonly isAgreed: boolean
  setTimer(ms: number, fn: () => void): () => void
  /** It wants a snapshot: see {@link GroupLog.takeRequest}. */
  wanting(): void
  /** Nothing is stored from here on; once, until `mended`. */
  failed(reason: StorageReason, cause: unknown): void
  /** Everything is stored again. */
  mended(): void
}

/** What is said of a state that is worth storing: see `keepAgreed` of `StoreCommand`. */
export interface AgreedBeginning {
  readonly era: number
  readonly hasActed: boolean
  readonly origin: Origin
  readonly elsewhere: Elsewhere | null
}

interface Waiter {
  /** It waits for this change. */
  readonly at: number
  readonly done: (fault: StorageReason | null) => void
}

/** A snapshot that was asked for, and what has happened since. */
interface Request {
  readonly id: number
  readonly since: Uint8Array[]
}

/** See above. */
export class GroupLog {
  readonly #context: LogContext
  /** −1: nothing of it is stored. */
  #generation = -1
  /** The bytes of the head that is stored. */
  #head: Uint8Array | null = null
  #parts = 0
  #batches = 0
  #logBytes = 0
  #stateBytes = 0
  /** Records of the present generation that are to be written. */
  #queue: Uint8Array[] = []
  #queueBytes = 0
  /** The state that the next generation begins with. */
  #snapshot: Uint8Array | null = null
  /** Own casts that are under way. */
  readonly #open = new Map<number, Uint8Array>()
  /** Copies of others whose content is in this one, or will be once what waits is written. */
  #adopted: readonly StoredCopy[] = []
  #request: Request | null = null
  #isWanting = false
  /** The page had no state worth storing when it was asked: it is asked again when something happens. */
  #isPutOff = false
  /** Nor has it anything in its object: all of that is stored. */
  #hasNothing = false
  /** What stands under the copy's keys is not known. */
  #isUnclear = false
  /** The copy is to be there, with nothing in it. */
  #isClaiming = false
  /** Of a group that acts in the primary component only: how far the page has come. */
  #acted: Acted | null = null
  /** Of the state that it logs, once that is known. */
  #origin: Origin = {}
  /** The last view. */
  #told: GroupView | null = null
  #era = 0
  /** Whom the copy stands for, beside its writer. */
  #covers: readonly string[] = []
  /** Nothing that happens is worth storing before. */
  #hasBegun: boolean
  /** Since the last view, casts were kept: they take effect with a later one. */
  #hasKept = false
  /** The page awaits a state. */
  #isAwaiting = false
  /** It has had one, of which there is no snapshot yet. */
  #isStale = false
  #view = ''
  #index = 0
  /** Grows with everything that happens. */
  #changes = 0
  /** The last change before those that are held back. */
  #heldAt = 0
  #stored = 0
  #waiters: Waiter[] = []
  /** Why the last write failed. */
  #failure: StorageReason | null = null
  /** Nothing is logged until the next snapshot. */
  #isSuspended = false
  #isWriting = false
  /** The write that is under way had no answer in time. */
  #isLate = false
  #isEnded = false
  #cancelRetry: () => void = () => undefined

  constructor(context: LogContext) {
    this.#context = context
    this.#hasBegun = !context.isAgreed
  }

  /** The state that it begins with, null: that of the beginning; and whose copies are in it. */
  begin(state: Uint8Array | null, adopted: readonly StoredCopy[]): void {
    this.#adopted = adopted
    if (state === null) return
    this.#changes += 1
    this.#snapshot = state
    this.#kick()
  }

  /** Begins an empty copy, which stands for this process. Nothing is logged until `state`. */
  claim(empty: readonly StoredCopy[]): void {
    this.#changes += 1
    this.#isClaiming = true
    // Copies in which nothing has happened stand for their writers: this one does from here on.
    this.#covers = coveredBy(empty).slice(-COVERS_MAX)
    this.#adopted = empty
    this.#kick()
    this.#heldAt = this.#changes
    this.#isStale = true
  }

  /** The group's state is worth storing from here on. `era`: how often it has gone on from what was stored. */
  beginAgreed({ era, hasActed, origin, elsewhere }: AgreedBeginning): void {
    this.#hasBegun = true
    this.#era = era
    this.#origin = origin
    // Another part's state has come further than the primary views seen here; those that came since say how far it is.
    const seen = this.#acted?.standing.view ?? null
    if (elsewhere !== null && (seen === null || compareViews(seen, elsewhere.view) < 0)) this.#acted = elsewhere.acted
    if (this.#acted !== null) {
      const { standing, holders } = this.#acted
      const now = { ...standing, era, hasActed: hasActed || standing.hasActed }
      this.#acted = { standing: now, holders, ...origin }
    }
    this.state()
  }

  /** Nothing could be read: it begins as if a write had failed, which was told of already. */
  beginFailed(reason: StorageReason): void {
    this.#failure = reason
    this.#isSuspended = true
    this.#isUnclear = true
    this.#retryLater()
  }

  /** What these copies hold is in the log by now, or in what waits to be written: this one stands for their writers as well. */
  adopt(copies: readonly StoredCopy[]): void {
    this.#adopted = [...this.#adopted, ...copies]
    if (this.#context.isAgreed) this.#covers = [...new Set([...this.#covers, ...coveredBy(copies)])].slice(-COVERS_MAX)
    this.#changes += 1
    this.#kick()
  }

  /** This process casts. */
  cast(n: number, payload: Uint8Array): void {
    if (this.#context.isAgreed) return
    // A copy: the payload goes on to others, or into a buffer that does.
    const own = payload.slice()
    this.#open.set(n, own)
    this.#add({ type: 'own', n, payload: own })
  }

  /** A cast was delivered to the page. */
  deliver(from: string, n: number, view: string, payload: Uint8Array): void {
    const index = this.#place(view)
    this.#acted = furtherBy(this.#acted, { view, index, payload })
    this.#askAgain()
    const isOpen = from === this.#context.self && this.#open.delete(n)
    this.#add(isOpen ? { type: 'delivered', n, view, index } : { type: 'cast', from, n, view, index, payload })
  }

  /** A cast is kept by the page, and takes effect with a later view, or never. */
  keep(view: string): void {
    this.#place(view)
    this.#hasKept = true
  }

  /** Counts as the page does. */
  #place(view: string): number {
    if (view !== this.#view) {
      this.#view = view
      this.#index = 0
    }
    this.#index += 1
    return this.#index
  }

  /** An own cast will not be delivered here. */
  end(n: number, isRefused: boolean): void {
    // Where others may have it, it stays in the log: it counts once, however often it comes.
    if (this.#open.delete(n) && isRefused) this.#add({ type: 'refused', n })
  }

  /** A view was told: the page awaits others' states, or goes on from what it has. */
  view(isAwaiting: boolean, view: GroupView): void {
    // What the state was stored with, and others had kept, takes effect with a primary view: that is in no log.
    const isBack = view.primary && this.#told?.primary === false
    if (this.#context.isAgreed) this.#told = view
    if (this.#context.isAgreed && view.primary) {
      const hasActed = this.#acted?.standing.hasActed ?? false
      const standing = { hasActed, era: this.#era, view: view.id, index: 0 }
      this.#acted = { standing, holders: view.members, ...this.#origin }
    }
    if (!this.#hasBegun) return
    this.#askAgain()
    if (isAwaiting) {
      if (!this.#isHeld) this.#heldAt = this.#changes
      this.#changes += 1
      this.#isAwaiting = true
    } else if (this.#isAwaiting || this.#hasKept || isBack) this.state()
    else if (this.#context.isAgreed) this.#add({ type: 'view', view })
  }

  /** The page has had others' states, or applies what it had held back for them. */
  state(): void {
    if (!this.#hasBegun) return
    if (!this.#isHeld) this.#heldAt = this.#changes
    this.#changes += 1
    this.#isAwaiting = false
    this.#hasKept = false
    this.#isStale = true
    this.#request = null
    this.#want()
  }

  /**
   * The id of a snapshot to ask the page for, now: of the state with everything that the page was told up to here. Null if
   * none is wanted.
   */
  takeRequest(nextId: () => number): number | null {
    if (!this.#isWanting || this.#request !== null || this.#isAwaiting || this.#isEnded) return null
    this.#isWanting = false
    const since = [...this.#open].map(([n, payload]) => encodeLogEvent({ type: 'own', n, payload }))
    // As with a state that comes from another member, the object must be told where it is.
    if (this.#told !== null) since.push(encodeLogEvent({ type: 'view', view: withoutNews(this.#told) }))
    if (this.#acted !== null) since.push(encodeLogEvent({ type: 'acted', acted: this.#acted }))
    this.#request = { id: nextId(), since }
    return this.#request.id
  }

  /** The answer to a request; null: the page could not give one; empty: there is nothing before the group has gone on. */
  answer(id: number, state: Uint8Array | null): void {
    const request = this.#request
    if (request === null || request.id !== id) return
    this.#request = null
    if (state === null || state.length === 0) {
      // It waits for what was stored, and goes on without saying so if its state was worth storing before.
      this.#isPutOff = this.#context.isAgreed
      this.#hasNothing = state !== null
      return this.#settleNothing()
    }
    this.#isStale = false
    this.#isSuspended = false
    this.#snapshot = state
    this.#queue = request.since
    this.#queueBytes = request.since.reduce((sum, { length }) => sum + length, 0)
    this.#kick()
  }

  /** Calls back once all that has happened so far is durable, or not going to be. */
  whenStored(done: (fault: StorageReason | null) => void): void {
    if (this.#failure !== null) done(this.#failure)
    else if (this.#stored >= this.#changes) done(null)
    else this.#waiters.push({ at: this.#changes, done })
  }

  /** Something is still to be written. */
  get isBusy(): boolean {
    return !this.#isSuspended && (this.#isWriting || this.#hasWork)
  }

  /** Nothing happens any more; what waits is still written. */
  close(): void {
    this.#cancelRetry()
    this.#isEnded = true
    if (this.#isHeld) this.#tellWaiters('unknown')
  }

  /** Is something held back? */
  get #isHeld(): boolean {
    return this.#isAwaiting || this.#isStale
  }

  get #hasWork(): boolean {
    return (
      this.#snapshot !== null ||
      this.#queue.length > 0 ||
      this.#isClaiming ||
      (this.#adopted.length > 0 && !this.#isHeld)
    )
  }

  #add(event: LogEvent): void {
    if (!this.#hasBegun) return
    this.#changes += 1
    const isOwn = event.type === 'own' || event.type === 'refused'
    // What comes while a state is awaited is in the snapshot after it.
    if (this.#isAwaiting && !isOwn) return
    const isLogged = !this.#isStale && !this.#isSuspended
    if (this.#request === null && !isLogged) return
    const record = encodeLogEvent(event)
    this.#request?.since.push(record)
    if (!isLogged) return
    this.#queue.push(record)
    this.#queueBytes += record.length
    if (this.#queueBytes > QUEUE_BYTES_MAX) this.#overflow()
    else this.#kick()
  }

  /** The store is slower than what happens: a snapshot later takes the place of what waits. */
  #overflow(): void {
    this.#snapshot = null
    this.#queue = []
    this.#queueBytes = 0
    if (!this.#isHeld) this.#heldAt = this.#stored
    this.#isStale = true
    this.#request = null
    this.#want()
  }

  #askAgain(): void {
    if (this.#isPutOff && this.#isStale) this.#want()
  }

  #want(): void {
    this.#isPutOff = false
    this.#isWanting = true
    this.#context.wanting()
  }

  #kick(): void {
    if (this.#isWriting || this.#isSuspended || !this.#hasWork) return
    this.#isWriting = true
    this.#isLate = false
    const cancel = this.#context.setTimer(WRITE_MS, () => this.#becomeLate())
    this.#writeOn().then(
      () => {
        cancel()
        this.#isWriting = false
        this.#kick()
        this.#settleNothing()
      },
      (cause: unknown) => {
        cancel()
        this.#isWriting = false
        this.#fail(reasonOf(cause), cause)
      },
    )
  }

  /** No answer: the write may still be carried out, so it is neither repeated nor forgotten. What happens meanwhile waits. */
  #becomeLate(): void {
    const isNews = this.#failure === null
    this.#isLate = true
    this.#failure = 'blocked'
    this.#tellWaiters('blocked')
    if (isNews && !this.#isEnded) this.#context.failed('blocked', new Error(`no answer within ${WRITE_MS} ms`))
  }

  /** One write: a snapshot with what came since, or a batch. */
  async #writeOn(): Promise<void> {
    const { prefix, kind } = this.#context
    const snapshot = this.#snapshot
    const records = this.#queue
    // A batch for a copy of which nothing is stored begins it, at the state of the beginning.
    const isFirst = snapshot !== null || this.#generation < 0
    const upTo = this.#isHeld ? this.#heldAt : this.#changes
    const adopted = this.#isHeld ? [] : this.#adopted
    this.#snapshot = null
    this.#isClaiming = false
    this.#queue = []
    this.#queueBytes = 0
    if (!this.#isHeld) this.#adopted = []
    const remove: string[] = []
    const put: (readonly [string, Uint8Array])[] = []
    const generation = isFirst ? this.#generation + 1 : this.#generation
    const parts = snapshot === null ? [] : encodeParts(snapshot)
    const partsCount = isFirst ? parts.length : this.#parts
    const isHeadNew = isFirst || adopted.length > 0
    const head = isHeadNew ? encodeHead({ kind, generation, parts: partsCount, covers: this.#covers }) : this.#head
    if (isFirst) {
      remove.push(...(await this.#formerKeys()))
      put.push(...parts.map((part, i) => [partKey(prefix, generation, i), part] as const))
    }
    if (isHeadNew && head !== null) put.push([headKey(prefix), head])
    const batch = isFirst ? 0 : this.#batches
    const bytes = joinBytes(records)
    if (records.length > 0) put.push([batchKey(prefix, generation, batch), bytes])
    const guards: StorageWrite['guards'] = this.#isUnclear ? [] : [[headKey(prefix), this.#head]]
    if (!(await this.#writeWith(adopted, { guards, remove, put }))) return this.#lose()
    this.#head = head
    if (isFirst) {
      this.#generation = generation
      this.#parts = parts.length
      this.#batches = 0
      this.#logBytes = 0
      this.#stateBytes = snapshot?.length ?? 0
      this.#isUnclear = false
    }
    if (isFirst || this.#isLate) this.#mend()
    if (records.length > 0) this.#batches += 1
    this.#logBytes += bytes.length
    this.#markStored(upTo)
    const isLong = this.#logBytes > Math.max(LOG_BYTES_MAX, this.#stateBytes) || this.#batches >= BATCHES_MAX
    if (isLong && !this.#isWanting && this.#request === null && this.#snapshot === null) this.#want()
  }

  /** Writes, and takes the others' copies away with it, if they are still as they were read. */
  async #writeWith(adopted: readonly StoredCopy[], write: StorageWrite): Promise<boolean> {
    const { storage } = this.#context
    if (adopted.length > 0) {
      const guards = [...write.guards, ...adopted.flatMap((copy) => copy.guards)]
      const remove = [...write.remove, ...adopted.flatMap(({ keys }) => keys)]
      if (await storage.write({ ...write, guards, remove })) return true
      // Somebody else has taken one of them over, or it has gone on: that what was read is in both does no harm.
    }
    return storage.write(write)
  }

  /** The keys that a new generation takes the place of. */
  async #formerKeys(): Promise<readonly string[]> {
    const { storage, prefix } = this.#context
    if (this.#isUnclear) return storage.keys(prefix)
    const keys: string[] = []
    for (let i = 0; i < this.#parts; i += 1) keys.push(partKey(prefix, this.#generation, i))
    for (let i = 0; i < this.#batches; i += 1) keys.push(batchKey(prefix, this.#generation, i))
    return keys
  }

  /** The copy is not as it was left: somebody took it over, or has cleared the store. It is written anew. */
  #lose(): void {
    this.#isUnclear = true
    this.#generation += 1
    this.#overflow()
  }

  #markStored(upTo: number): void {
    this.#stored = Math.max(this.#stored, upTo)
    const due = this.#waiters.filter(({ at }) => at <= this.#stored)
    this.#waiters = this.#waiters.filter(({ at }) => at > this.#stored)
    for (const { done } of due) done(null)
  }

  /** What this process had before is stored: whoever asks does not wait for others' states. */
  #settleNothing(): void {
    if (this.#isPutOff && this.#hasNothing && this.#stored >= this.#heldAt) this.#markStored(this.#changes)
  }

  #mend(): void {
    if (this.#failure !== null) this.#context.mended()
    this.#failure = null
  }

  #fail(reason: StorageReason, cause: unknown): void {
    const isNews = this.#failure === null
    this.#failure = reason
    this.#isSuspended = true
    this.#isUnclear = true
    this.#snapshot = null
    this.#isClaiming = false
    this.#queue = []
    this.#queueBytes = 0
    this.#tellWaiters(reason)
    if (isNews) this.#context.failed(reason, cause)
    this.#retryLater()
  }

  #tellWaiters(fault: StorageReason): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { done } of waiters) done(fault)
  }

  #retryLater(): void {
    if (this.#isEnded) return
    this.#cancelRetry = this.#context.setTimer(RETRY_MS, () => {
      if (!this.#isHeld) this.#heldAt = this.#stored
      this.#isStale = true
      this.#want()
    })
  }
}

/** Why a call of an adapter has failed, as far as it says so. */
export function reasonOf(cause: unknown): StorageReason {
  const reason: unknown = (cause as { readonly reason?: unknown } | null)?.reason
  return reason === 'quota' || reason === 'denied' || reason === 'lost' || reason === 'blocked' ? reason : 'unknown'
}
