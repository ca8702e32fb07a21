/**
 * One group as the application side holds it: its life from the join to the end, and its agreed sequence.
 *
 * It keeps the {@link GroupState} in step with the kernel's {@link StatePlan}: casts are buffered while a state is
 * awaited, snapshots are answered at exactly the event that asks for them, and the object counts as whole only once
 * what was awaited has come.
 */

import { BusyError, ClosedError, UsageError } from './errors.ts'
import { GroupState, type StateContext } from './group-state.ts'
import { toGroupView, withoutNews } from './group-view.ts'
import type { KeptEvent, WaitingCast } from './kept-events.ts'
import type { AppEvent, GroupOptions, ViewInfo } from './kernel/api.ts'
import type {
  CastFate,
  CastOptions,
  GroupPhase,
  GroupPort,
  GroupView,
  Mail,
  Receipt,
  Replica,
  Succession,
} from './objects/replica.ts'
import { Offering, type Stored } from './offering.ts'
import { encodeRequest, encodeRestoration, encodeUnion } from './operations.ts'
import type { CastReceipt } from './receipt.ts'
import type { MakeReplica } from './storage/restoring.ts'
import type { Acted, Origin } from './storage/standing.ts'
import type { GroupRecord } from './tools/snapshot-host.ts'
import { viewLine } from './trace.ts'
import { encodeValue } from './values.ts'

/** What a group needs of the side it belongs to. */
export interface GroupContext extends StateContext {
  /** Casts of this process so far, over all groups. */
  castsMade(): number
  readonly mail: Mail
  now(): number
  after(ms: number, fn: () => void): () => void
  leaseStart(): number | null
  /** When the kernel said what is being handled, by the clock of `now`; now, if nothing is. */
  heardAt(): number
  cast(group: AppGroup, payload: Uint8Array, options: CastOptions): CastReceipt
  leave(group: AppGroup): void
  isWritable(): boolean
  /** It acts, for the first time or on from what was stored: from here on its state is worth storing. */
  begun(group: AppGroup): void
  /** It looks once more for what is stored; answered with `looked`. */
  lookAgain(group: AppGroup): void
  /** What it had to offer that was stored is in the group's state, or of no use. */
  offerEnded(group: AppGroup, stored: Stored, outcome: 'taken' | 'late'): void
}

/** What whoever opened the group is told; each at most once, except `writable`. */
export interface GroupHooks {
  /** It is a member and its state is whole: the object may be handed out. */
  readonly whole?: () => void
  /** No more deliveries come: the join failed, the space closed, or (error null) it left as asked. */
  readonly ended?: (error: Error | null) => void
  /** More may be cast again, or no more. */
  readonly writable?: (isWritable: boolean) => void
  /** It is a group that is stored wherever anything is: the same at all who open it. */
  readonly isStored?: boolean
}

type Of<Type extends AppEvent['type']> = Extract<AppEvent, { type: Type }>

/** A view as the replica is told of it. */
interface ToldView {
  readonly view: GroupView
  readonly succession: Succession | undefined
}

/** A cast that waits for a state, and when it was heard. */
interface PendingCast extends WaitingCast {
  readonly at: number
}

/** A state that may be replaced: what was kept with it, and the views and casts that it has not been given since. */
interface Aside {
  readonly kept: readonly KeptEvent[]
  readonly events: (ToldView | PendingCast | { readonly keep: KeptEvent })[]
}

/** To whoever stores the group: it has no state before it has gone on from what was stored. */
const NOTHING = new Uint8Array(0)

/** Before what could not be brought into a group is tried again, in ms. */
const BRING_AGAIN_MS = 100

/** A digest is traced once in so many deliveries. */
const DIGEST_EVERY = 16

/** One group: its port, its views, and the casts that wait for a state. */
export class AppGroup implements GroupPort {
  readonly name: string
  readonly opening: number
  /** What it was opened with. */
  readonly options: GroupOptions

  readonly #context: GroupContext
  readonly #hooks: GroupHooks
  readonly #state: GroupState
  #phase: GroupPhase = 'joining'
  #endError: Error | null = null
  #isJoined = false
  #isHandedOut = false
  #info: ViewInfo | null = null
  #view: GroupView | null = null
  #awaits: 'nothing' | 'first view' | 'merge' | 'replace' = 'first view'
  /** The view in force, if the replica was not told of it because a state is to come. */
  #skipped: ToldView | null = null
  #buffer: PendingCast[] = []
  /** Of a consistent group: what is here, and what has come since a state was first announced to it, which may not need one. */
  #aside: Aside | null = null
  /** The line in which its state was before one was awaited. */
  #lineThen: string | null = null
  /** The lease counts from there while a state is awaited: what is held is that of before (seed 90675). */
  #leaseThen: number | null = null
  /** When the cast that is being applied was heard. */
  #appliedAt: number | null = null
  #viewOfIndex = ''
  #index = 0
  #undigested = 0
  #refs = 1
  /** Of a group that is stored: makes replicas that read copies. */
  #makeReplica: MakeReplica | null = null
  /** Of a consistent group: what was stored here, and was not brought in. */
  readonly #offering: Offering
  /** Of a consistent group: it is stored here. */
  #isKept = false
  /** Era and whether it had acted when its state was last said to be worth storing; empty: it says so once it is. */
  #keptAs = ''
  /** Of a consistent group: its state has come outside the primary component, and that was not said of it yet. */
  #isBrought = false
  /** `view` while the group waits for what was stored. */
  #masked: { readonly of: GroupView; readonly as: GroupView } | null = null
  /** The own casts that bring what was stored here, and what they bring: whoever has one of them lacks nothing of it. */
  readonly #unions = new Map<number, unknown>()
  #closing: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null

  constructor(name: string, options: GroupOptions, context: GroupContext, hooks: GroupHooks) {
    this.name = name
    this.opening = context.castsMade()
    this.options = options
    this.#context = context
    this.#hooks = hooks
    const isStored = hooks.isStored === true
    this.#state = new GroupState(name, options, context, { isStored, hasOffer: () => this.#offering.mayHave })
    this.#offering = new Offering({
      self: context.self,
      restoration: this.#state.restoration,
      cast: (op) => this.#context.cast(this, encodeRestoration(op), {}).n,
      after: (ms, fn) => void context.after(ms, fn),
      look: () => context.lookAgain(this),
      hasPassed: (acted) => this.#state.hasPassed(acted),
      ended: (stored, outcome) => context.offerEnded(this, stored, outcome),
      fault: (error) => this.fault('replica-restore', error),
    })
  }

  /** Gives the group the replica that it drives; once, before the first event. */
  attach(replica: Replica): void {
    this.#state.attach(replica)
  }

  get self(): string {
    return this.#context.self
  }

  get view(): GroupView | null {
    const view = this.#view
    if (view === null || !this.isRestoring) return view
    // The same object until something changes. Whom this process stands for is not missing here.
    const { missing, ...rest } = this.#state.masked(view)
    const as = { ...rest, missing: missing.filter((id) => !this.#offering.covers.includes(id)) }
    if (this.#masked?.of !== view || this.#masked.as.missing.join() !== as.missing.join())
      this.#masked = { of: view, as }
    return this.#masked.as
  }

  /** It does not act before it has gone on from what was stored. Not known while its state is still to come (seed 61019). */
  get isRestoring(): boolean {
    return this.#awaits !== 'replace' && this.#state.restoration.isWaiting
  }

  /** How often the group has gone on from what was stored. */
  get era(): number {
    return this.#state.restoration.era
  }

  /** Casts have taken effect since the beginning. */
  get hasActed(): boolean {
    return this.#state.restoration.hasActed
  }

  /** See {@link Restoration}. */
  get origin(): Origin {
    return this.#state.restoration.origin
  }

  /** How far its state has come, outside the primary component; null: its primary view says it, or it is not known. */
  get actedElsewhere(): Acted | null {
    return this.#view?.primary === true ? null : this.#state.acted
  }

  /** Goes on from what was stored without those who are missing. */
  forceRestoration(): void {
    this.#offering.force()
    this.#actOnOffers()
  }

  /** Offers what was stored here of a consistent group. */
  offer(stored: Stored): void {
    this.#offering.add(stored)
    this.#actOnOffers()
  }

  /** Of a consistent group: it is stored here. `isAlone`: nobody else may leave something there that was not found yet. */
  keeps(isAlone: boolean): void {
    this.#isKept = true
    if (!isAlone) this.#offering.lookFirst()
  }

  /** It has looked once more for what is stored. */
  looked(): void {
    this.#offering.looked()
    this.#actOnOffers()
  }

  #actOnOffers(): void {
    if (this.options.consistency !== 'consistent' || this.#phase !== 'open' || !this.#isReady) return
    if (this.#view?.primary !== true) return this.#keepElsewhere()
    this.#offering.act()
    if (this.isRestoring || this.#offering.isPending) return
    this.#isBrought = false
    if (this.#keptAs !== this.#standsAs) this.#keep()
  }

  /**
   * A state that has come outside the primary component is worth storing as well: whoever shows it may say that it is durable
   * (seed 82221). What was stored here waits for the primary component; the two lie beside each other until then.
   */
  #keepElsewhere(): void {
    if (!this.#isBrought || this.#view?.primary === true || this.isRestoring) return
    this.#isBrought = false
    if (this.#state.acted !== null) this.#keep()
  }

  #keep(): void {
    this.#keptAs = this.#standsAs
    this.#context.begun(this)
  }

  get #standsAs(): string {
    return `${this.era} ${this.hasActed} ${this.origin.birth}`
  }

  /** It is a member, and awaits no state. */
  get #isReady(): boolean {
    return this.#isJoined && this.#awaits === 'nothing'
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
    if (!this.#isReady || this.isRestoring || this.#offering.isPending) return false
    return this.#isHandedOut || this.#unions.size === 0
  }

  /** The object may be handed out: also one that waits for who is missing, or is in a part that lost the primary component. */
  get #isPresentable(): boolean {
    const isCutOff = this.#view?.primary === false && this.#view.line !== null
    const isMissing = this.#state.restoration.missing.length > 0
    return this.isWhole || (this.#isReady && (isMissing || isCutOff))
  }

  /** True if a cast would be taken now. */
  get isWritable(): boolean {
    return this.#phase !== 'leaving' && this.#phase !== 'ended' && this.#context.isWritable()
  }

  get mail(): Mail {
    return this.#context.mail
  }

  cast(op: unknown, options: CastOptions = {}): Receipt {
    return this.#cast(() => encodeValue(op), options)
  }

  castRequest(op: unknown, options: CastOptions = {}): Receipt {
    return this.#cast(() => encodeRequest(op), options)
  }

  #cast(encode: () => Uint8Array, options: CastOptions): Receipt {
    const { service } = options
    if (service !== undefined && service !== 'gbcast') {
      throw new UsageError(`service: ${JSON.stringify(service)} is none; use 'gbcast', or leave it out`)
    }
    if (service === 'gbcast' && this.options.domain !== undefined) {
      throw new UsageError(
        `service: 'gbcast' is none of a group with a domain: "${this.name}" is of "${this.options.domain}"`,
      )
    }
    if (this.#phase === 'leaving' || this.#phase === 'ended') {
      throw this.#endError instanceof ClosedError ? this.#endError : new ClosedError(`group "${this.name}" is closed`)
    }
    return this.#context.cast(this, encode(), options)
  }

  now(): number {
    return this.#context.now()
  }

  after(ms: number, fn: () => void): () => void {
    return this.#context.after(ms, fn)
  }

  leaseStart(): number | null {
    return this.#awaits === 'replace' ? this.#leaseThen : this.#context.leaseStart()
  }

  heardAt(): number {
    return this.#appliedAt ?? this.#context.heardAt()
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

  /** What was stored is its state from here on, before it has joined. Says of each part whether it could be taken. */
  restore(states: readonly unknown[], make: MakeReplica): boolean[] {
    this.#makeReplica = make
    return this.#state.restore(states)
  }

  /** Its state as it is, as bytes; null if it is that of the beginning, or cannot be had. */
  get restored(): Uint8Array | null {
    return this.#state.isRestored ? this.#state.save() : null
  }

  /** Brings what of a state the group lacks into it, by a cast. */
  bring(state: unknown): void {
    if (this.#makeReplica === null || this.#phase === 'ended' || this.#phase === 'leaving') return
    const lack = this.#state.lacking(state, this.#makeReplica)
    if (lack === null) return
    try {
      const { n } = this.#context.cast(this, encodeUnion(lack), {})
      this.#unions.set(n, lack)
    } catch (error) {
      if (error instanceof BusyError) this.#context.after(BRING_AGAIN_MS, () => this.bring(state))
      else if (!(error instanceof ClosedError)) this.fault('replica-restore', error)
    }
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
    this.#aside = null
    this.#state.end()
    this.#closing?.resolve()
    this.#hooks.ended?.(error)
  }

  /** Passes the writable signal on. */
  handleWritable(isWritable: boolean): void {
    this.#hooks.writable?.(isWritable)
  }

  /** Installs a view: resolves what was buffered as the plan says, then tells the replica. */
  handleView({ view, state: plan, succession }: Of<'view'>): void {
    if (plan === 'replace' && this.#awaits !== 'replace') {
      this.#leaseThen = this.#context.leaseStart()
      this.#lineThen = this.#view?.line ?? null
    }
    if (plan === 'anew' || plan === 'own') {
      this.#skip(this.#buffer.splice(0))
      this.#skipAside()
      if (plan === 'anew') this.#beginAnew()
    } else if (plan !== 'replace') {
      // It was whole all the time, though whoever planned the view before did not know: it goes on from what is here.
      if (this.#aside !== null) this.#goOn(this.#aside)
      else if (this.#skipped !== null) this.#state.view(this.#skipped.view, this.#skipped.succession)
      this.#replay(null)
    } else if (this.options.consistency === 'consistent') {
      // Only a state makes it whole again. Other groups may have to go on from what is here, if nobody has more.
      const kept = this.#state.kept.take()
      if (this.#awaits === 'nothing') this.#aside = { kept, events: [] }
      else if (this.#aside === null) this.#skip(this.#buffer)
      else this.#aside.events.push(...this.#buffer, ...kept.map((keep) => ({ keep })))
      this.#buffer = []
    }
    // Not a state of the view that is still in force: that is told of only in the next one.
    if (view.primary) this.#undigested += this.#state.applyKept(view.line)
    this.#awaits = plan === 'merge' || plan === 'replace' ? plan : 'nothing'
    this.#info = view
    this.#view = toGroupView(view)
    this.#context.trace?.(viewLine(this.name, view))
    if (plan === 'anew' || plan === 'own') this.#context.trace?.({ e: 'anew', g: this.name, view: view.id })
    // A state that is about to be replaced must not act on the view: the one that comes is told instead.
    this.#skipped = plan === 'replace' ? { view: this.#view, succession } : null
    if (this.#skipped !== null) this.#aside?.events.push(this.#skipped)
    if (plan !== 'replace') this.#state.view(this.#view, succession)
  }

  /** Nobody has its state any more; who had may have stored it. */
  #beginAnew(): void {
    if (this.#isKept) this.#offering.lookFirst()
    this.#state.beginAnew()
  }

  /** No state was needed after all: what was put aside is given to the replica, in its order (seed 87213). */
  #goOn({ kept, events }: Aside): void {
    this.#aside = null
    const last = this.#state.kept.take()
    this.#state.kept.replace(kept)
    for (const event of events) {
      if ('keep' in event) this.#state.kept.add(event.keep, null)
      else if ('payload' in event) this.#apply(event)
      else {
        if (event.view.primary) this.#undigested += this.#state.applyKept(event.view.line)
        this.#state.view(event.view, event.succession)
      }
    }
    this.#replay(null)
    for (const keep of last) this.#state.kept.add(keep, null)
  }

  /** Takes one cast: applies it, or buffers it while a state is awaited. */
  handleDeliver(event: Of<'deliver'>): void {
    if (event.from === this.self) {
      this.#unions.delete(event.n)
      this.#offering.done(event.n)
    }
    const pending = { ...this.#locate(event), at: this.#context.heardAt() }
    if (this.#awaits === 'nothing') this.#apply(pending)
    else this.#buffer.push(pending)
  }

  /**
   * Keeps a cast that members who were cut off may have delivered. The replica is not told of views meanwhile: it would
   * take them for earlier.
   */
  handleKeep(event: Of<'keep'>): void {
    this.#state.kept.add(this.#locate(event), this.#view)
  }

  /** Keeps a view that nobody here has installed, and those cut off may have, between the casts before and in it. */
  handleKeepView(view: ViewInfo): void {
    this.#state.kept.add(toGroupView(view), this.#view)
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
    this.#offering.done(n)
    const union = this.#unions.get(n)
    if (this.#unions.delete(n)) return fate === 'refused' ? undefined : this.bring(union)
    this.#state.lost(n, fate)
  }

  /**
   * Answers a snapshot request, now or in a later task: the state with every event before this one, none after,
   * buffered casts excluded.
   */
  handleSnapshot(event: Of<'snapshot'>, answer: (state: Uint8Array | null) => void): void {
    const isWorth = this.#isWorth(event)
    // It says so itself once it is.
    if (!isWorth) this.#keptAs = ''
    if (this.#awaits === 'replace' || this.#awaits === 'first view') answer(null)
    else if (isWorth) this.#state.snapshot(event, this.#view?.primary === true, answer)
    else answer(this.isRestoring ? NOTHING : null)
  }

  /** The group as it is now, with every event so far; null if it has no state, or no view yet. */
  record(): GroupRecord | null {
    if (!this.options.state || this.#view === null || this.#phase === 'ended') return null
    const { order, consistency, kind } = this.options
    const { members, primary } = this.#view
    const { isWhole, name } = this
    return { name, kind, order, consistency, members, primary, isWhole, ...this.#state.record() }
  }

  /**
   * Is the state worth storing, if it is to be? Not one that waits for what was stored. What is found later is decided about in
   * the primary component only: what goes on meanwhile is stored as before (seed 774).
   */
  #isWorth({ transfer }: Of<'snapshot'>): boolean {
    if (transfer >= 0 || this.options.consistency !== 'consistent') return true
    return !this.isRestoring && (this.#view?.primary !== true || !this.#offering.isPending)
  }

  /** Answers with what is here of a state that comes, now or in a later task: null if the object never was whole. */
  handleBase(answer: (state: Uint8Array | null) => void): void {
    if (this.#isHandedOut || this.#state.isRestored) this.#state.base(answer)
    else answer(null)
  }

  /** Loads or unites the states that were awaited, then replays the casts that they do not cover. */
  handleState(event: Of<'state'>): void {
    const isReplacing = this.#awaits === 'replace' || this.#awaits === 'first view'
    const restored = isReplacing ? this.#state.takeRestored() : null
    // What another line's state takes the place of may be what that line waits for.
    const own = isReplacing && this.#isHandedOut ? this.#state.own : null
    if (!this.#state.take(event, isReplacing)) return
    if (isReplacing && this.#view !== null) this.#state.view(withoutNews(this.#view))
    const isUntouched = !isReplacing && this.#buffer.length === 0
    this.#skipped = null
    this.#skipAside()
    this.#replay(event)
    this.#awaits = 'nothing'
    if (restored !== null) this.bring(restored)
    // Before anything that is stored of it.
    this.#isBrought = isReplacing && this.#view?.primary === false
    if (this.#phase === 'open' && this.#isReady) this.#keepElsewhere()
    if (own !== null && this.isRestoring) this.#offering.add({ covers: [this.self], ...own })
    else if (own !== null) this.#tellOf({ covers: [this.self], ...own })
    this.#traceDigest(isUntouched)
  }

  /**
   * It had opened the group where the others of its line were no more, who have opened it anew meanwhile: nobody but this one
   * knows of what it had done in it (seed 71016). What was done in a line that is lost is told with that.
   */
  #tellOf(own: Stored & { readonly acted: Acted }): void {
    if (!this.#isKept || !own.acted.standing.hasActed || this.#view?.line !== this.#lineThen) return
    const { birth } = own.acted
    // Outside the primary component it is not known how far that has come. It is the same one, as far as it goes (seed 774).
    if (!this.#view?.primary && birth !== undefined && birth === this.origin.birth) return
    if (this.#state.hasPassed(own.acted) || this.#state.restoration.judge(own) !== 'late') return
    this.#context.offerEnded(this, own, 'late')
  }

  /** Emits the change events of a batch of deliveries, then hands the object out if it has just become whole. */
  settle(): void {
    if (this.#phase === 'ended') return
    this.#actOnOffers()
    this.#state.settle()
    if (this.#isHandedOut || !this.#isPresentable) return
    this.#isHandedOut = true
    this.#hooks.whole?.()
  }

  /** Traces the hash of the state, if it is whole. */
  digest(): void {
    this.#traceDigest(false)
  }

  #traceDigest(isAsMerged: boolean): void {
    this.#undigested = 0
    if (!this.options.state || this.#awaits !== 'nothing' || this.#info === null) return
    this.#state.traceDigest(this.#info.id, isAsMerged)
  }

  #apply(pending: PendingCast): void {
    this.#appliedAt = pending.at
    this.#state.apply(pending)
    this.#appliedAt = null
    this.#undigested += 1
    if (this.#undigested >= DIGEST_EVERY) this.digest()
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
      else this.#state.skip(pending)
    }
  }

  /** They will not be applied here. */
  #skip(casts: readonly WaitingCast[]): void {
    for (const pending of casts) this.#state.skip(pending)
  }

  #skipAside(): void {
    const { events } = this.#aside ?? { events: [] }
    this.#aside = null
    for (const event of events) if ('payload' in event) this.#state.skip(event)
  }
}

function ownValue(record: Readonly<Record<string, number>>, key: string): number | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
