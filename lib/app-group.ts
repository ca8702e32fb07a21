/**
 * One group as the application side holds it: a replica, driven by the group's agreed sequence.
 *
 * It keeps the replica's state in step with the kernel's {@link StatePlan}: casts are buffered while a state
 * is awaited, snapshots are answered at exactly the event that asks for them, other parts' states are
 * loaded or merged, and the object counts as whole only then.
 */

import { ClosedError } from './errors.ts'
import { type KeptEvent, packState, type TravellingState, unpackState, type WaitingCast } from './kept-events.ts'
import type { AppEvent, GroupOptions, StatePlan, ViewInfo } from './kernel/api.ts'
import type { CastFate, GroupPhase, GroupPort, GroupView, Receipt, Replica } from './objects/replica.ts'
import type { CastReceipt } from './receipt.ts'
import type { TraceSink } from './trace.ts'
import { decodeValue, encodeValue, hashBytes, hashValue } from './values.ts'

/** What a group needs of the side it belongs to. */
export interface GroupContext {
  readonly self: string
  /** Where trace lines go, or undefined when the run is not traced. */
  readonly trace: TraceSink | undefined
  /** Casts of this process so far, over all groups. */
  castsMade(): number
  now(): number
  after(ms: number, fn: () => void): () => void
  /** Runs `fn` in a task of its own, soon. */
  defer(fn: () => void): void
  leaseStart(): number | null
  cast(group: AppGroup, payload: Uint8Array, signal: AbortSignal | undefined): CastReceipt
  leave(group: AppGroup): void
  fault(peer: string, code: string, detail?: unknown): void
  isWritable(): boolean
}

/** What whoever opened the group is told; each at most once, except `writable`. */
export interface GroupHooks {
  /** It is a member and its state is whole: the object may be handed out. */
  readonly whole?: () => void
  /** No more deliveries come: the join failed, the space closed, or (error null) it left as asked. */
  readonly ended?: (error: Error | null) => void
  /** More may be cast again, or no more. */
  readonly writable?: (isWritable: boolean) => void
}

type Of<Type extends AppEvent['type']> = Extract<AppEvent, { type: Type }>

/** A digest is traced once in so many deliveries. */
const DIGEST_EVERY = 16

/** One group's replica, its buffer and its port. */
export class AppGroup implements GroupPort {
  readonly name: string
  readonly opening: number
  /** What it was opened with. */
  readonly options: GroupOptions

  readonly #context: GroupContext
  readonly #hooks: GroupHooks
  #replica: Replica | null = null
  #phase: GroupPhase = 'joining'
  #endError: Error | null = null
  #isJoined = false
  #isHandedOut = false
  #info: ViewInfo | null = null
  #view: GroupView | null = null
  #awaits: 'nothing' | 'first view' | 'merge' | 'replace' = 'first view'
  #buffer: WaitingCast[] = []
  /** Casts not released when the primary component was lost, and the views since: see {@link handleKeep}. */
  #kept: KeptEvent[] = []
  #viewOfIndex = ''
  #index = 0
  #undigested = 0
  /** The hash that the last merge has traced. */
  #merged: string | null = null
  /** Per sender the highest cast number applied. */
  readonly #cut = new Map<string, number>()
  #refs = 1
  #closing: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null

  constructor(name: string, options: GroupOptions, context: GroupContext, hooks: GroupHooks) {
    this.name = name
    this.opening = context.castsMade()
    this.options = options
    this.#context = context
    this.#hooks = hooks
  }

  /** Gives the group the replica that it drives; once, before the first event. */
  attach(replica: Replica): void {
    this.#replica = replica
  }

  get self(): string {
    return this.#context.self
  }

  get view(): GroupView | null {
    return this.#view
  }

  /** The whole of what is known of the current view. */
  get viewInfo(): ViewInfo | null {
    return this.#info
  }

  get phase(): GroupPhase {
    return this.#phase
  }

  /** True when it is a member and no state is awaited. */
  get isWhole(): boolean {
    return this.#isJoined && this.#awaits === 'nothing'
  }

  /** True if a cast would be taken now. */
  get isWritable(): boolean {
    return this.#phase !== 'leaving' && this.#phase !== 'ended' && this.#context.isWritable()
  }

  cast(op: unknown, options?: { readonly signal?: AbortSignal }): Receipt {
    if (this.#phase === 'leaving' || this.#phase === 'ended') {
      throw this.#endError instanceof ClosedError ? this.#endError : new ClosedError(`group "${this.name}" is closed`)
    }
    return this.#context.cast(this, encodeValue(op), options?.signal)
  }

  now(): number {
    return this.#context.now()
  }

  after(ms: number, fn: () => void): () => void {
    return this.#context.after(ms, fn)
  }

  leaseStart(): number | null {
    return this.#context.leaseStart()
  }

  fault(code: string, detail?: unknown): void {
    this.#context.fault('', code, detail)
  }

  /** Counts one more user: it takes one more {@link close} to leave. */
  retain(): void {
    this.#refs += 1
  }

  close(): Promise<void> {
    if (this.#phase === 'ended') return Promise.resolve()
    this.#refs -= 1
    if (this.#refs > 0) return Promise.resolve()
    if (this.#closing === null) {
      let resolve: () => void = () => undefined
      const promise = new Promise<void>((onResolve) => {
        resolve = onResolve
      })
      this.#closing = { promise, resolve }
    }
    if (this.#phase !== 'leaving') {
      this.#phase = 'leaving'
      this.#context.leave(this)
    }
    return this.#closing.promise
  }

  /** The end of the join. */
  handleJoined(): void {
    this.#isJoined = true
    if (this.#phase === 'joining') this.#phase = 'open'
  }

  /** The end of everything; `error` is null when it left as asked. */
  handleEnd(error: Error | null): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#endError = error
    this.#buffer = []
    this.#closing?.resolve()
    this.#hooks.ended?.(error)
  }

  /** Passes the writable signal on. */
  handleWritable(isWritable: boolean): void {
    this.#hooks.writable?.(isWritable)
  }

  /** Installs a view: resolves what was buffered as the plan says, then tells the replica. */
  handleView(view: ViewInfo, plan: StatePlan): void {
    if (plan !== 'replace') this.#replay(null)
    else if (this.#isConsistent) {
      // Only a state makes it whole again. Other groups may have to go on from what is here, if nobody has more.
      this.#buffer = []
      this.#kept = []
    }
    if (view.primary) this.#applyKept(view.line)
    this.#awaits = plan === 'whole' ? 'nothing' : plan
    this.#info = view
    this.#view = toGroupView(view)
    this.#context.trace?.(viewLine(this.name, view))
    // A state that is about to be replaced must not act on the view: the one that comes is told instead.
    if (plan !== 'replace') this.#tellView()
  }

  #tellView(): void {
    const view = this.#view
    if (view === null) return
    // What was kept comes before it, if it comes at all.
    if (this.#kept.length > 0) this.#kept.push(view)
    else this.#guard('view', () => this.#replica?.view(view))
  }

  /**
   * The line goes on from the state kept here, so from what was kept with it. A line that takes the place of theirs has
   * views and casts of its own: what is granted by them must not bear a token that the old line may have given as well.
   */
  #applyKept(line: string | null): void {
    const kept = this.#kept.splice(0)
    for (const event of kept) {
      if ('payload' in event) this.#applyOne(event)
      else this.#guard('view', () => this.#replica?.view(event.line === null ? event : { ...event, line }))
    }
    // Not a state of the view that is still in force: that is told of only in the next one.
    this.#undigested += kept.length
  }

  /** Takes one cast: applies it, or buffers it while a state is awaited. */
  handleDeliver(event: Of<'deliver'>): void {
    const pending = this.#locate(event)
    if (this.#awaits === 'nothing') this.#apply(pending)
    else this.#buffer.push(pending)
  }

  /**
   * Keeps a cast that members who were cut off may have delivered. It travels with the state, and takes effect as soon
   * as a primary view goes on from it. The replica is not told of views meanwhile: it would take them for earlier.
   */
  handleKeep(event: Of<'keep'>): void {
    // A state says nothing of the view it is in, which whoever gets it with these casts must know first.
    if (this.#kept.length === 0 && this.#view !== null) this.#kept.push(this.#view)
    this.#kept.push(this.#locate(event))
  }

  /** Keeps a view that nobody here has installed, and those cut off may have, between the casts before and in it. */
  handleKeepView(view: ViewInfo): void {
    if (this.#kept.length === 0 && this.#view !== null) this.#kept.push(this.#view)
    this.#kept.push(toGroupView(view))
  }

  /** The cast's place in the agreed sequence. */
  #locate(event: Of<'deliver' | 'keep'>): WaitingCast {
    if (event.view !== this.#viewOfIndex) {
      this.#viewOfIndex = event.view
      this.#index = 0
    }
    this.#index += 1
    const { from, n, view } = event
    return { payload: event.payload, info: { author: from, local: from === this.self, n, view, index: this.#index } }
  }

  /** An own cast will not be delivered here. */
  handleCastEnd(n: number, fate: CastFate): void {
    this.#guard('lost', () => this.#replica?.lost?.(n, fate))
  }

  /**
   * Answers a snapshot request, now or in a later task: the state with every event before this one, none after,
   * buffered casts excluded.
   */
  handleSnapshot(event: Of<'snapshot'>, answer: (state: Uint8Array | null) => void): void {
    if (this.#awaits === 'replace' || this.#awaits === 'first view') return answer(null)
    if (this.#context.trace) this.#traceSnapshot(event, this.#context.trace)
    let steps: Iterator<undefined, unknown> | undefined
    if (!this.#guard('save', () => (steps = this.#replica?.saveInSteps?.()))) return answer(null)
    // What goes with the state is what is kept now, whenever the state is ready.
    const about = { kept: [...this.#kept], cut: new Map(this.#cut) }
    const give = (state: Uint8Array | null): void =>
      answer(state === null || !this.#isConsistent ? state : packState({ state, ...about }))
    if (steps === undefined) give(this.#save())
    else this.#saveOn(steps, give)
  }

  /** Goes one step, and the others in tasks of their own: what comes in meanwhile is delivered between them. */
  #saveOn(steps: Iterator<undefined, unknown>, answer: (state: Uint8Array | null) => void): void {
    // Nobody waits for the state of a group that has ended.
    if (this.#phase === 'ended') return
    let state: Uint8Array | null = null
    let isDone = true
    this.#guard('save', () => {
      const step = steps.next()
      if (step.done) state = encodeValue(step.value)
      else isDone = false
    })
    if (isDone) answer(state)
    else this.#context.defer(() => this.#saveOn(steps, answer))
  }

  #traceSnapshot(event: Of<'snapshot'>, trace: TraceSink): void {
    const state = this.#save()
    if (state === null) return
    const line = {
      e: 'stateOut',
      g: this.name,
      transfer: event.transfer,
      view: event.view,
      cut: this.#cutRecord(),
      h: hashBytes(state),
    }
    for (const to of event.to) trace({ ...line, to })
  }

  /** Loads or unites the states that were awaited, then replays the casts that they do not cover. */
  handleState(event: Of<'state'>): void {
    const isReplacing = this.#awaits === 'replace' || this.#awaits === 'first view'
    const isTaken = this.#guard('state', () => (isReplacing ? this.#load(event) : this.#merge(event)))
    if (!isTaken) return
    if (isReplacing) this.#tellView()
    const isUntouched = !isReplacing && this.#buffer.length === 0
    this.#replay(event)
    this.#awaits = 'nothing'
    this.#traceDigest(isUntouched ? this.#merged : null)
  }

  /** Emits the change events of a batch of deliveries, then hands the object out if it has just become whole. */
  settle(): void {
    if (this.#phase === 'ended') return
    try {
      this.#replica?.settle()
    } catch (error) {
      this.#context.fault('', 'replica-settle', error)
    }
    if (this.#isHandedOut || !this.isWhole) return
    this.#isHandedOut = true
    this.#hooks.whole?.()
  }

  /** Traces the hash of the state, if it is whole. */
  digest(): void {
    this.#traceDigest(null)
  }

  /** `known`: the hash, if the state is the same as when it was taken. */
  #traceDigest(known: string | null): void {
    this.#undigested = 0
    if (!this.#context.trace || !this.options.state || this.#awaits !== 'nothing' || this.#info === null) return
    const h = known ?? this.#hash()
    if (h === null) return
    this.#context.trace({ e: 'digest', g: this.name, view: this.#info.id, cut: this.#cutRecord(), h })
  }

  #apply(pending: WaitingCast): void {
    this.#applyOne(pending)
    this.#undigested += 1
    if (this.#undigested >= DIGEST_EVERY) this.digest()
  }

  #applyOne(pending: WaitingCast): void {
    const { payload, info } = pending
    this.#cut.set(info.author, Math.max(info.n, this.#cut.get(info.author) ?? 0))
    let isGood = false
    try {
      const op = readOperation(payload)
      if (op !== null) isGood = this.#replica?.apply(op.value, info) ?? false
    } catch (error) {
      this.#context.fault('', 'replica-apply', error)
    }
    if (!isGood) this.#context.fault(info.author, 'bad-operation', { group: this.name, n: info.n })
  }

  /**
   * Applies what was buffered: all of it if no state came, or else what came since the state's view began. What waited
   * longer is in the state; only now is it sure that the own state is not the one to go on from.
   */
  #replay(state: Of<'state'> | null): void {
    const buffer = this.#buffer
    this.#buffer = []
    for (const pending of buffer) {
      const { author, n, view } = pending.info
      if (state === null || (view === state.view && n > (ownValue(state.cut, author) ?? 0))) this.#apply(pending)
    }
  }

  #load(event: Of<'state'>): void {
    const [source, ...others] = event.sources
    if (source === undefined || source.state === null) throw new TypeError('a state event without a state')
    const { state, kept, cut } = this.#isConsistent ? unpackState(source.state, this.self) : plain(source.state)
    this.#replica?.load(decodeValue(state))
    this.#kept = [...kept]
    // Several sources: the first is the whole state, other parts' states are united into it.
    for (const { state } of others) if (state !== null) this.#replica?.merge?.(decodeValue(state))
    this.#cut.clear()
    this.#cover(Object.entries(event.cut))
    this.#cover(cut)
    if (!this.#context.trace) return
    if (others.length > 0) {
      // United from several parts, it is nobody's snapshot.
      this.#traceMerge(event)
      return
    }
    this.#context.trace({
      e: 'stateIn',
      g: this.name,
      from: source.from,
      view: event.view,
      cut: this.#cutRecord(),
      h: hashBytes(this.#save() ?? state),
    })
  }

  #merge(event: Of<'state'>): void {
    const replica = this.#replica
    if (replica === null) return
    const others = event.sources.filter((source) => source.state !== null)
    const states = others.map((source) => decodeValue(source.state as Uint8Array))
    if (replica.merge) for (const state of states) replica.merge(state)
    else if (event.sources[0]?.state) replica.load(states[0])
    this.#cover(Object.entries(event.cut))
    this.#traceMerge(event)
  }

  #traceMerge(event: Of<'state'>): void {
    if (!this.#context.trace) return
    this.#merged = this.#hash()
    this.#context.trace({
      e: 'merge',
      g: this.name,
      view: event.view,
      order: event.sources.map((part) => part.subview),
      h: this.#merged ?? hashBytes(new Uint8Array()),
    })
  }

  #cover(cut: Iterable<readonly [string, number]>): void {
    for (const [from, n] of cut) this.#cut.set(from, Math.max(n, this.#cut.get(from) ?? 0))
  }

  get #isConsistent(): boolean {
    return this.options.consistency === 'consistent'
  }

  #save(): Uint8Array | null {
    let state: Uint8Array | null = null
    this.#guard('save', () => {
      if (this.#replica !== null) state = encodeValue(this.#replica.save())
    })
    return state
  }

  /** The digest of the state. */
  #hash(): string | null {
    let hash: string | null = null
    this.#guard('save', () => {
      if (this.#replica !== null) hash = hashValue(this.#replica.save())
    })
    return hash
  }

  #cutRecord(): Record<string, number> {
    const record: Record<string, number> = {}
    for (const author of [...this.#cut.keys()].sort()) record[author] = this.#cut.get(author) ?? 0
    return record
  }

  /** A replica that throws is reported; the other groups go on. */
  #guard(what: string, fn: () => void): boolean {
    try {
      fn()
      return true
    } catch (error) {
      this.#context.fault('', `replica-${what}`, error)
      return false
    }
  }
}

/** Null if they are no operation's bytes. */
function readOperation(payload: Uint8Array): { readonly value: unknown } | null {
  try {
    return { value: decodeValue(payload) }
  } catch {
    return null
  }
}

/** The `view` line of the trace, for the space (`g` empty) and for groups. */
export function viewLine(group: string, view: ViewInfo): Readonly<Record<string, unknown>> & { readonly e: string } {
  const isMerged = view.subviews.length > 1
  return {
    e: 'view',
    g: group,
    id: view.id,
    sv: view.spaceView,
    members: view.members.map((member) => member.id),
    prev: view.prev,
    trans: view.trans,
    primary: view.primary,
    line: view.line,
    ...(isMerged ? { subviews: view.subviews.map((part) => ({ id: part.id, members: part.members })) } : {}),
    left: view.left,
    dead: view.dead,
    expelled: view.expelled,
    away: [],
  }
}

function toGroupView(view: ViewInfo): GroupView {
  return Object.freeze({
    id: view.id,
    members: Object.freeze(view.members.map((member) => member.id)),
    primary: view.primary,
    line: view.line,
    missing: view.missing,
    joined: view.joined,
    left: view.left,
    dead: view.dead,
    expelled: view.expelled,
  })
}

/** The state of an available group travels as it is. */
function plain(state: Uint8Array): TravellingState {
  return { state, kept: [], cut: new Map() }
}

function ownValue(record: Readonly<Record<string, number>>, key: string): number | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
