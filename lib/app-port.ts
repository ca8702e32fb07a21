/**
 * The application's side of the port between page and kernel: pure and synchronous.
 *
 * Casts go out numbered and in batches, one message a tick; events come in on one ordered stream and are
 * handed to the groups they belong to. The worker-backed page, the in-thread mode and the simulator run this
 * same code, so it has no timer, clock or promise of its own; receipts make a promise when asked for one.
 */

import { AppGroup, type GroupContext, type GroupHooks } from './app-group.ts'
import { CastHold } from './cast-hold.ts'
import { BusyError, ClosedError, GroupMismatchError, UsageError } from './errors.ts'
import type { AppEvent, Command, GroupOptions, ProcessId, ViewInfo } from './kernel/api.ts'
import { AppMail } from './mail.ts'
import type { CastOptions, Replica } from './objects/replica.ts'
import type { Stored } from './offering.ts'
import { checkSize, OwnCasts } from './own-casts.ts'
import type { CastReceipt } from './receipt.ts'
import type { RestoredCopy, StoreCommand, StoreNote } from './storage/messages.ts'
import { type MakeReplica, stateOf } from './storage/restoring.ts'
import type { GroupRecord } from './tools/snapshot-host.ts'
import { type TraceSink, viewLine } from './trace.ts'
import { encodeValue, hashBytes } from './values.ts'

/** Consumption is reported with other commands, or by itself once it has grown by so much. */
const CONSUMED_STEP = 16 * 1024

/** What the environment lends the application side. */
export interface AppSideOptions {
  /** This process. */
  readonly self: ProcessId
  /** Milliseconds, monotone; for objects' leases and time-outs only. */
  now(): number
  /** Consumption is reported once it has grown by so many bytes, or with other commands; default 16 KiB. */
  readonly consumedStep?: number
  /** Carries one batch of commands to the kernel. */
  send(commands: readonly Command[]): void
  /** Runs `fn` at the end of the current task; default `queueMicrotask`. */
  readonly schedule?: (fn: () => void) => void
  /** Runs `fn` after `ms`; returns the cancel function. Without it, objects' time-outs never fire. */
  readonly after?: (ms: number, fn: () => void) => () => void
  /** Runs `fn` in a task of its own, soon: long work is done in several. Without it, long work is done at once. */
  readonly defer?: (fn: () => void) => void
  /** Carries what is asked of what is stored, in order with the commands. Without it, nothing is stored. */
  readonly store?: (command: StoreCommand) => void
  /** Takes the application's lines of the trace. */
  readonly trace?: TraceSink
  /** Called for each event that concerns the whole space, in order, after the groups saw it. */
  readonly space?: (event: SpaceEvent) => void
  /** A fault of a replica here (`peer` empty) or in a peer's operation. */
  readonly fault?: (peer: string, code: string, detail?: unknown) => void
}

/** The events that concern the whole space. */
export type SpaceEvent =
  | { readonly type: 'view'; readonly view: ViewInfo }
  | Extract<AppEvent, { type: 'lineLost' | 'fault' | 'closed' | 'writable' }>

/** The application's side of the port. */
export class AppSide {
  readonly self: ProcessId
  /** Direct messages. */
  readonly mail: AppMail
  readonly #options: AppSideOptions
  readonly #schedule: (fn: () => void) => void
  readonly #context: GroupContext
  readonly #groups = new Map<string, AppGroup>()
  readonly #casts: OwnCasts
  readonly #touched = new Set<AppGroup>()
  /** Groups that wait for what is stored of them, before they join. */
  readonly #restoring = new Map<AppGroup, MakeReplica>()
  /** Of groups that are stored. */
  readonly #stored = new Map<AppGroup, MakeReplica>()
  #view: ViewInfo | null = null
  #outbox: Command[] = []
  #isScheduled = false
  #isBatching = false
  #consumed = 0
  #reportedConsumed = 0
  #isKernelWritable = true
  #wasWritable = true
  #leaveReason: 'left' | 'hidden' = 'left'
  /** What calls throw once the kernel has stopped. */
  #closed: ClosedError | null = null
  #leaseStart: number | null = null
  /** When the kernel said what is being handled. */
  #heardAt: number | null = null
  /** While casts wait for a cut of the whole space. */
  #hold: CastHold | null = null

  constructor(options: AppSideOptions) {
    this.self = options.self
    this.#options = options
    // Wrapped: called as a method, the browser's own would refuse its receiver.
    this.#schedule = options.schedule ?? ((fn) => queueMicrotask(fn))
    this.#casts = new OwnCasts(options.self, options.trace)
    const after = (ms: number, fn: () => void): (() => void) => options.after?.(ms, fn) ?? (() => undefined)
    const fault = (peer: string, code: string, detail?: unknown): void => options.fault?.(peer, code, detail)
    const push = (command: Command): void => this.#push(command)
    this.mail = new AppMail({ self: options.self, trace: options.trace, push, after, fault })
    this.#context = {
      self: options.self,
      trace: options.trace,
      mail: this.mail,
      castsMade: () => this.#casts.made,
      now: () => options.now(),
      after,
      defer: options.defer ?? ((fn) => fn()),
      leaseStart: () => this.#leaseStart,
      heardAt: () => this.#heardAt ?? options.now(),
      cast: (group, payload, castOptions) => this.#cast(group, payload, castOptions),
      leave: (group) => this.#leaveGroup(group),
      fault,
      isWritable: () => this.isWritable,
      begun: (group) => this.#keepAgreed(group),
      offerEnded: (group, stored, outcome) => this.#endOffer(group, stored, outcome),
      lookAgain: (group) => this.#options.store?.({ type: 'lookAgain', group: group.name }),
    }
    options.trace?.({ e: 'join', g: '' })
  }

  /** The current view of the space, or null before the first. */
  get view(): ViewInfo | null {
    return this.#view
  }

  /** True once the kernel has stopped. */
  get isClosed(): boolean {
    return this.#closed !== null
  }

  /** True if a cast would be taken now. */
  get isWritable(): boolean {
    return !this.isClosed && this.#isKernelWritable && this.#casts.hasRoom
  }

  /** Own casts under way: cast, and neither delivered nor ended here. */
  get openCasts(): number {
    return this.#casts.open
  }

  /** A group that was opened and has not ended, if there is one of this name. */
  group(name: string): AppGroup | undefined {
    return this.#groups.get(name)
  }

  /**
   * Becomes a member of a group, or creates it. `attach` makes the replica that the group drives.
   * One attachment per name: whoever shares a group shares the returned object. `hooks.scratch`: it is stored, if anything
   * is; then it joins once it has what is stored of it.
   */
  openGroup(
    name: string,
    options: GroupOptions,
    attach: (group: AppGroup) => Replica,
    hooks: GroupHooks & { readonly scratch?: MakeReplica } = {},
  ): AppGroup {
    if (this.#closed !== null) throw this.#closed
    if (this.#groups.has(name)) throw new UsageError(`group "${name}" is already open: share the handle it returned`)
    const group = new AppGroup(name, options, this.#context, { ...hooks, isStored: hooks.scratch !== undefined })
    group.attach(attach(group))
    this.#groups.set(name, group)
    const { order, uniform, strong, consistency, state, engine, strict, domain } = options
    const by = { ...(engine === undefined ? {} : { engine }), ...(strict === true ? { strict } : {}) }
    const shared = domain === undefined ? name : `@${domain}`
    this.#options.trace?.({ e: 'group', g: name, order, uniform, strong, consistency, domain: shared, state, ...by })
    const { store } = this.#options
    if (hooks.scratch === undefined || store === undefined) {
      this.#join(group)
      return group
    }
    this.#restoring.set(group, hooks.scratch)
    store({ type: 'restore', group: name, kind: options.kind, isAgreed: options.consistency === 'consistent' })
    return group
  }

  #join({ name, options }: AppGroup): void {
    this.#options.trace?.({ e: 'join', g: name })
    this.#push({ type: 'join', group: name, options })
  }

  /** What was stored of a group: it begins with that, and joins; or, if it is open already, brings it into the group. */
  restored(note: Extract<StoreNote, { type: 'restored' }>): void {
    const { group: name, copies, isAnswer, isAlone } = note
    const { store } = this.#options
    const group = this.#groups.get(name)
    if (group === undefined || store === undefined) return
    const make = this.#restoring.get(group)
    if (make === undefined) {
      this.#bringLate(group, copies)
      if (isAnswer) group.looked()
      return
    }
    this.#restoring.delete(group)
    this.#stored.set(group, make)
    if (group.options.consistency === 'consistent') {
      this.#offer(group, copies, make)
      group.keeps(isAlone)
      this.#join(group)
      return
    }
    const read = copies.flatMap((copy) => this.#read(copy, make))
    const taken = group.restore(
      read.map(({ state }) => state),
      make,
    )
    const adopt = read.filter((_, i) => taken[i]).map(({ id }) => id)
    // After what was sent before, and before anything that the group does.
    this.flush()
    store({ type: 'keep', group: name, kind: group.options.kind, state: group.restored, adopt })
    this.#join(group)
    group.settle()
  }

  #bringLate(group: AppGroup, copies: readonly RestoredCopy[]): void {
    const make = this.#stored.get(group)
    if (make === undefined) return
    if (group.options.consistency === 'consistent') return this.#offer(group, copies, make)
    const read = copies.flatMap((copy) => this.#read(copy, make))
    for (const { state } of read) group.bring(state)
    this.flush()
    this.#options.store?.({ type: 'adopted', group: group.name, adopt: read.map(({ id }) => id) })
  }

  /**
   * Of a consistent group, the copy that has come furthest is offered, in the name of all who have left one. That of somebody who
   * lives elsewhere is among them: its writer is waited for, as all are who may have gone on from there.
   */
  #offer(group: AppGroup, copies: readonly RestoredCopy[], make: MakeReplica): void {
    const covers = copies.flatMap(({ id, covers, isLiving }) => (isLiving === true ? [] : [...covers, id]))
    if (covers.length > 0) group.offer({ covers, acted: null, state: null })
    for (const copy of copies) {
      const { acted, isLiving } = copy
      // Who is elsewhere, and has done nothing there that counts, is not waited for.
      if (acted === null || (isLiving === true && !acted.standing.hasActed)) continue
      const own = isLiving === true ? [] : [...copy.covers, copy.id]
      for (const { state } of this.#read(copy, make)) group.offer({ covers: own, acted, state })
    }
  }

  /** From here on, the group's state is stored: first as it is when the worker asks for it. */
  #keepAgreed(group: AppGroup): void {
    const { store } = this.#options
    if (store === undefined || !this.#stored.has(group)) return
    this.flush()
    const { name, era, hasActed, origin, actedElsewhere } = group
    const elsewhere = actedElsewhere === null ? null : { view: group.view?.id ?? '', acted: actedElsewhere }
    store({ type: 'keepAgreed', group: name, era, hasActed, origin, elsewhere })
  }

  #endOffer(group: AppGroup, { covers }: Stored, outcome: 'taken' | 'late'): void {
    const { store } = this.#options
    if (store === undefined || !this.#stored.has(group) || covers.length === 0) return
    this.flush()
    if (outcome === 'taken') store({ type: 'adopted', group: group.name, adopt: covers })
    else store({ type: 'setAside', group: group.name, adopt: covers })
  }

  #read(copy: RestoredCopy, make: MakeReplica): { readonly id: string; readonly state: unknown }[] {
    try {
      return [{ id: copy.id, state: stateOf(copy, make) }]
    } catch (error) {
      this.#context.fault('', 'replica-restore', error)
      return []
    }
  }

  /** Runs `fn` so that the casts made in it, and only they, go to the kernel in one message. Inside another batch it joins that one. */
  batch<Result>(fn: () => Result): Result {
    if (this.#isBatching) return fn()
    this.flush()
    this.#isBatching = true
    try {
      return fn()
    } finally {
      this.#isBatching = false
      this.flush()
    }
  }

  /**
   * Leaves the space for good; the end is the `closed` event. `isQuick`: without waiting for own casts to be stable.
   * @param reason what calls are told from then on.
   */
  leave(isQuick: boolean, reason: 'left' | 'hidden' = 'left'): void {
    if (this.isClosed) return
    this.#leaveReason = reason
    this.#options.trace?.({ e: 'leave', g: '' })
    this.#push({ type: 'leave', quick: isQuick })
    this.flush()
  }

  /** This process is about to be frozen: the others are told at once. What is cast from here on waits. */
  suspend(): void {
    if (this.isClosed) return
    this.#push({ type: 'suspend' })
    this.flush()
  }

  /** It goes on. */
  resume(): void {
    if (this.isClosed) return
    this.#push({ type: 'resume' })
    this.flush()
  }

  /** Is anything here waiting for somebody who is missing: the whole space, or a group that is open here? */
  get isWanting(): boolean {
    if (this.#view?.primary !== true) return true
    for (const group of this.#groups.values()) {
      if (group.isRestoring || (group.viewInfo?.missing.length ?? 0) > 0) return true
    }
    return false
  }

  /** Gives up whoever is missing. */
  refound(): void {
    if (this.#closed !== null) throw this.#closed
    for (const group of this.#groups.values()) group.forceRestoration()
    this.#push({ type: 'refound' })
  }

  /** All groups that are open here and have states, as they are now. */
  records(): GroupRecord[] {
    return [...this.#groups.values()].flatMap((group) => group.record() ?? [])
  }

  /**
   * Casts an operation in a group, and holds back what is cast after it, whatever room there is. Null if that cannot be: the
   * group is not open, or something holds back casts already.
   */
  hold(name: string, op: unknown): CastHold | null {
    const group = this.#groups.get(name)
    if (group?.phase !== 'open' || this.isClosed || this.#hold !== null) return null
    const view = group.view?.id ?? null
    const payload = encodeValue(op)
    const mark = this.#casts.begin(name, payload, view).n
    this.#push({ type: 'cast', group: name, n: mark, payload })
    const last = this.#casts.begin(name, new Uint8Array(0), view).n
    this.#hold = new CastHold(
      { mark, last },
      (n, end) => this.#push({ type: 'cast', group: name, n, payload: encodeValue(end) }),
      (commands) => {
        this.#hold = null
        for (const command of commands) this.#push(command)
      },
    )
    return this.#hold
  }

  /** Says whether this process has better things to do than to serve others. */
  setBusy(isBusy: boolean): void {
    if (this.#closed === null) this.#push({ type: 'busy', busy: isBusy })
  }

  /** Sends what has gathered now, instead of at the end of the task. */
  flush(): void {
    if (this.#consumed !== this.#reportedConsumed && (this.#outbox.length > 0 || this.#isConsumptionDue())) {
      this.#reportedConsumed = this.#consumed
      this.#outbox.push({ type: 'consumed', bytes: this.#consumed })
    }
    if (this.#outbox.length === 0) return
    const commands = this.#outbox
    this.#outbox = []
    this.#options.send(commands)
  }

  /**
   * Takes what the kernel has to say, in its order; then every object touched emits its changes once. `at`: when the kernel
   * said it, by this side's clock.
   */
  receive(events: readonly AppEvent[], at: number = this.#options.now()): void {
    this.#heardAt = at
    for (const event of events) {
      // Whoever has been told of the end hears nothing more.
      if (this.isClosed) break
      this.#handle(event)
    }
    this.#heardAt = null
    if (this.isClosed) return
    this.#announceWritable()
    const touched = [...this.#touched]
    this.#touched.clear()
    for (const group of touched) group.settle()
    if (this.#isConsumptionDue()) this.#scheduleFlush()
  }

  /** The kernel is gone without a word (its worker died): ends everything as a `closed` event would. */
  abandon(error: Error): void {
    this.#close(error)
  }

  /** Traces the state of every group that is whole, as at rest. */
  digestAll(): void {
    for (const group of this.#groups.values()) group.digest()
  }

  #handle(event: AppEvent): void {
    switch (event.type) {
      case 'view':
        return this.#handleView(event)
      case 'deliver':
        return this.#handleDeliver(event)
      case 'message':
        this.#consumed += event.payload.length
        return this.mail.take(event)
      case 'messageEnd':
        return this.mail.end(event)
      case 'mailed':
        return this.mail.left(event.count)
      case 'keep':
        return this.#touch(event.group)?.handleKeep(event)
      case 'keepView':
        return this.#touch(event.group)?.handleKeepView(event.view)
      case 'snapshot':
        return this.#handleSnapshot(event)
      case 'base':
        return this.#handleBase(event)
      case 'state':
        return this.#touch(event.group)?.handleState(event)
      case 'stable':
        return this.#casts.markStable(event)
      case 'trans':
        return this.#options.trace?.({ e: 'trans', g: event.group, view: event.view, trans: event.trans })
      case 'lease':
        // Once heard, it counts for a lease, whatever has become of the view since.
        if (event.start !== null) this.#leaseStart = Math.max(event.start, this.#leaseStart ?? event.start)
        this.#options.trace?.({ e: 'lease', start: event.start })
        return
      case 'joined':
        return this.#handleJoined(event)
      case 'leftGroup':
        return this.#endGroup(event.group, null)
      case 'castEnd':
        return this.#handleCastEnd(event)
      case 'writable':
        this.#isKernelWritable = event.writable
        return
      case 'closed':
        this.#close(closedError(event.reason === 'left' ? this.#leaveReason : event.reason))
        return this.#options.space?.(event)
      default:
        return this.#options.space?.(event)
    }
  }

  #handleView(event: Extract<AppEvent, { type: 'view' }>): void {
    if (event.group !== '') return this.#touch(event.group)?.handleView(event)
    const isFirst = this.#view === null
    this.#view = event.view
    this.#options.trace?.(viewLine('', event.view))
    if (isFirst) this.#options.trace?.({ e: 'settle', of: 'join:', outcome: 'ok' })
    this.mail.viewed(event.view)
    this.#options.space?.({ type: 'view', view: event.view })
  }

  #handleDeliver(event: Extract<AppEvent, { type: 'deliver' }>): void {
    const { from, n, group, view } = event
    this.#consumed += event.payload.length
    this.#options.trace?.({ e: 'deliver', m: `${from}#${n}`, g: group, view, h: hashBytes(event.payload) })
    this.#touch(group)?.handleDeliver(event)
    if (from === this.self) this.#casts.markDelivered(n)
  }

  #handleSnapshot(event: Extract<AppEvent, { type: 'snapshot' }>): void {
    const answer = (state: Uint8Array | null): void => {
      this.#push({ type: 'snapshot', transfer: event.transfer, state })
    }
    const group = this.#groups.get(event.group)
    if (group === undefined) answer(null)
    else group.handleSnapshot(event, answer)
  }

  #handleBase({ group, transfer }: Extract<AppEvent, { type: 'base' }>): void {
    const answer = (state: Uint8Array | null): void => this.#push({ type: 'snapshot', transfer, state })
    const open = this.#groups.get(group)
    if (open === undefined) answer(null)
    else open.handleBase(answer)
  }

  #handleJoined(event: Extract<AppEvent, { type: 'joined' }>): void {
    this.#options.trace?.({ e: 'settle', of: `join:${event.group}`, outcome: event.outcome })
    if (event.outcome === 'ok') return this.#touch(event.group)?.handleJoined()
    const error =
      event.outcome === 'mismatch'
        ? new GroupMismatchError(`group "${event.group}" exists in this space with another kind or other options`)
        : new ClosedError('the space is closed')
    this.#endGroup(event.group, error)
  }

  #handleCastEnd(event: Extract<AppEvent, { type: 'castEnd' }>): void {
    const { group, n, outcome } = event
    // To a replica it is all one why a cast was never sent.
    const fate = outcome === 'viewChanged' ? 'refused' : outcome
    if (this.#casts.end(n, outcome)) this.#touch(group)?.handleCastEnd(n, fate)
  }

  #cast(group: AppGroup, payload: Uint8Array, { signal, service }: CastOptions): CastReceipt {
    if (this.#closed !== null) throw this.#closed
    signal?.throwIfAborted()
    checkSize(payload)
    if (!this.isWritable) throw new BusyError(`${this.openCasts} own casts are under way; wait for one to be delivered`)
    const view = group.view?.id ?? null
    const receipt = this.#casts.begin(group.name, payload, view)
    const { n } = receipt
    this.#push({
      type: 'cast',
      group: group.name,
      n,
      payload,
      ...(group.options.strong ? { view } : {}),
      ...(service === undefined ? {} : { service }),
    })
    if (signal !== undefined) receipt.listenForAbort(signal, () => this.#push({ type: 'cancel', ns: [n] }))
    this.#wasWritable = this.isWritable
    return receipt
  }

  #leaveGroup(group: AppGroup): void {
    if (this.#restoring.delete(group)) return this.#endGroup(group.name, null)
    this.#options.trace?.({ e: 'leave', g: group.name })
    this.#push({ type: 'leaveGroup', group: group.name })
  }

  #endGroup(name: string, error: Error | null): void {
    const group = this.#groups.get(name)
    if (group === undefined) return
    this.#groups.delete(name)
    this.#touched.delete(group)
    this.#restoring.delete(group)
    this.#stored.delete(group)
    group.handleEnd(error)
  }

  #close(error: Error): void {
    if (this.isClosed) return
    this.#closed =
      error instanceof ClosedError ? error : new ClosedError('the space is closed', { cause: error, reason: 'failed' })
    // What has not even gone to the kernel surely took no effect; of the rest nobody here can tell.
    const held = this.#hold?.commands ?? []
    const unsent = new Set([...this.#outbox, ...held].map((command) => (command.type === 'cast' ? command.n : 0)))
    this.#outbox = []
    this.#hold = null
    this.mail.close(this.#closed)
    this.#casts.close(this.#closed, unsent)
    for (const name of [...this.#groups.keys()]) this.#endGroup(name, error)
  }

  #announceWritable(): void {
    const isWritable = this.isWritable
    if (isWritable === this.#wasWritable) return
    this.#wasWritable = isWritable
    for (const group of this.#groups.values()) group.handleWritable(isWritable)
    this.#options.space?.({ type: 'writable', writable: isWritable })
  }

  /** The group, if it is open; it is settled after the present batch of events. */
  #touch(name: string): AppGroup | undefined {
    const group = this.#groups.get(name)
    if (group !== undefined) this.#touched.add(group)
    return group
  }

  #push(command: Command): void {
    if (this.isClosed || this.#hold?.takes(command)) return
    this.#outbox.push(command)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#isScheduled || this.#isBatching) return
    this.#isScheduled = true
    this.#schedule(() => {
      this.#isScheduled = false
      this.flush()
    })
  }

  #isConsumptionDue(): boolean {
    return this.#consumed - this.#reportedConsumed >= (this.#options.consumedStep ?? CONSUMED_STEP)
  }
}

/** What calls of a space reject with that has closed for this reason. */
export function closedError(reason: Extract<AppEvent, { type: 'closed' }>['reason'] | 'hidden'): ClosedError {
  if (reason === 'hidden') {
    const message = 'the space is closed: the page was left; when it is shown again, open the space anew'
    return new ClosedError(message, { reason })
  }
  if (reason === 'superseded') {
    const message = 'the space is closed: the others take this process for dead, so it has stopped; open it again'
    return new ClosedError(message, { reason })
  }
  return new ClosedError('the space is closed', { reason: reason === 'broken' ? 'failed' : reason })
}
