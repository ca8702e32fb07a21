/**
 * A space as an application holds it: its view, its status, and the groups and objects opened in it.
 */

import { AppSide, closedError, type SpaceEvent } from './app-port.ts'
import type { Backend } from './backend.ts'
import { Connections } from './connections.ts'
import { ClosedError, InvariantError, TransportError, type TuttiError, UsageError } from './errors.ts'
import { EventNumbers, Followers, type NumberedSource } from './event-numbers.ts'
import {
  ConnectionEvent,
  FaultEvent,
  LineLostEvent,
  ProblemEvent,
  type SpaceEventMap,
  StatusEvent,
  ViewEvent,
} from './events.ts'
import type { Group, GroupOpenOptions } from './group.ts'
import type { ProcessId } from './kernel/api.ts'
import { checkName } from './names.ts'
import type { BoundedCounter, BoundedCounterOptions } from './objects/bounded-counter.ts'
import type { CounterOptions, SharedCounter } from './objects/counter.ts'
import { TypedTarget } from './objects/events.ts'
import type { MapOptions, SharedMap } from './objects/map.ts'
import type { Presence, PresenceOptions } from './objects/presence.ts'
import type { QueueOptions, SharedQueue } from './objects/queue.ts'
import type { RegisterOptions, SharedRegister } from './objects/register.ts'
import type { ObjectKind } from './objects/replica.ts'
import type { SetOptions, SharedSet } from './objects/set.ts'
import type { TotalMap, TotalMapOptions } from './objects/total-map.ts'
import type { Platform } from './platform.ts'
import type { HostNote, HostTick } from './port-messages.ts'
import type { Logger } from './ports/log.ts'
import { Region } from './region.ts'
import { type OpenRequest, Registry, unlessAborted } from './registry.ts'
import {
  type ConnectedMember,
  type Connection,
  type SpaceStatus,
  type SpaceView,
  toConnection,
  toSpaceView,
} from './space-view.ts'
import type { TraceLine as FullTraceLine } from './testing/trace.ts'
import { Timers } from './timers.ts'
import type { Ballot, BallotOptions, Ballots, BallotTerms } from './tools/ballot.ts'
import type { BarrierOptions, SharedBarrier } from './tools/barrier.ts'
import { channelGroup, channelKind, SpaceChannel } from './tools/channel.ts'
import type { LatchOptions, SharedLatch } from './tools/latch.ts'
import type { LeaderContext, LeaderOptions, Leaders, Leadership } from './tools/leader.ts'
import { LOCKS_GROUP, LockManager } from './tools/locks.ts'
import type { Once, OnceContext, OnceOptions } from './tools/once.ts'
import type { SemaphoreOptions, SharedSemaphore } from './tools/semaphore.ts'
import { ProcessTrace, type TraceLine } from './trace.ts'
import { Waiters } from './waiters.ts'

/** What every `open` takes besides the object's own options. */
export interface OpenOptions {
  /** Gives up waiting for the object. */
  readonly signal?: AbortSignal
}

/** What a space is made of; `openSpace` puts it together. */
export interface SpaceParts {
  readonly name: string
  readonly self: ProcessId
  readonly platform: Platform
  readonly logger: Logger
  /** The web origin, for the trace. */
  readonly origin: string
  readonly trace: ((line: FullTraceLine) => void) | undefined
  /** It votes without state. */
  readonly isWitness: boolean
}

/** What the space itself keeps in a group: its names begin so, and no application's do. */
const INTERNAL_PREFIX = 'tutti:'

/** A tool that the space keeps. */
interface InternalTool {
  handleEnd(): void
}

/** How long the goodbye may take before the space is closed without it. */
const CLOSE_MS = 5000

/** The set of processes that share one membership. Made by `openSpace`. */
export class Space extends TypedTarget<SpaceEventMap> implements NumberedSource<ViewEvent> {
  /** @internal */
  readonly followers: Followers<ViewEvent>
  /** The name it was opened by. */
  readonly name: string
  /** This process: one incarnation, never the same twice. */
  readonly self: ProcessId

  readonly #parts: SpaceParts
  readonly #trace: ProcessTrace | null = null
  readonly #app: AppSide
  readonly #registry: Registry
  /** Opened when first asked for, until the space closes. */
  readonly #internals = new Map<string, Promise<InternalTool>>()
  readonly #openInternals = new Set<InternalTool>()
  readonly #connections: Connections
  readonly #numbers = new EventNumbers()
  #backend: Backend | null = null
  #view: SpaceView | null = null
  #members: readonly ConnectedMember[] | null = null
  #status: SpaceStatus = 'connecting'
  #isSearching = true
  #isEnded = false
  #faults = 0
  readonly #viewWaiters = new Waiters()
  readonly #refoundWaiters = new Waiters()
  readonly #endWaiters = new Waiters()
  #endError: Error | null = null
  #locks: LockManager | null = null
  #closing: Promise<void> | null = null
  readonly #timers: Timers
  readonly #removePageHide: () => void
  readonly #removeFreeze: () => void

  /** Use `openSpace`. */
  constructor(parts: SpaceParts) {
    super()
    const { name, self, platform, logger, origin, trace, isWitness } = parts
    this.name = name
    this.self = self
    this.#parts = parts
    this.#connections = new Connections(self)
    this.followers = new Followers(this.#numbers)
    this.#timers = new Timers(platform)
    if (trace !== undefined) {
      this.#trace = new ProcessTrace(self, trace, (error) =>
        logger.warn('tutti: the trace ends: its reader threw', error),
      )
      const vote = isWitness ? { witness: true } : {}
      this.#write({ e: 'start', site: self, origin, ...vote })
    }
    this.#app = new AppSide({
      self,
      now: () => platform.now(),
      send: (commands) => this.#backend?.send(commands),
      after: (ms, fn) => this.#timers.after(ms, fn),
      defer: (fn) => platform.schedule(fn),
      space: (event) => this.#handleEvent(event),
      fault: (peer, code, detail) => this.#handleFault(peer, code, detail),
      ...(trace === undefined ? {} : { trace: (line: TraceLine) => this.#write(line) }),
    })
    this.#registry = new Registry(this.#app)
    this.#removePageHide = platform.onPageHide(() => this.#handlePageHide())
    this.#removeFreeze = platform.onFreeze(
      () => this.suspending(),
      () => this.resumed(),
    )
  }

  /** The current view: never without a member, for this process is one. */
  get view(): SpaceView {
    if (this.#view === null) throw new UsageError('the space has no view yet: await openSpace')
    return this.#view
  }

  /** The members of the view, each with how it is reached now. The same array until something changes. */
  get members(): readonly ConnectedMember[] {
    this.#members ??= Object.freeze(
      this.view.members.map((member) => Object.freeze({ ...member, connection: this.#connections.of(member.id) })),
    )
    return this.#members
  }

  /** The most senior member: it leads changes of the view. */
  get coordinator(): ProcessId {
    return this.view.members[0]?.id ?? this.self
  }

  get status(): SpaceStatus {
    return this.#status
  }

  /**
   * Opens a shared map: causal, goes on in every part of a split, merges. With `consistency: 'total'`, a total map: only
   * the primary component writes, its writers return promises, and several keys can be written as one.
   */
  map<Value = unknown>(name: string, options: TotalMapOptions<Value> & OpenOptions): Promise<TotalMap<Value>>
  map<Value = unknown>(name: string, options?: MapOptions<Value> & OpenOptions): Promise<SharedMap<Value>>
  async map<Value>(
    name: string,
    options: (MapOptions<Value> | TotalMapOptions<Value>) & OpenOptions = {},
  ): Promise<SharedMap<Value> | TotalMap<Value>> {
    if ('consistency' in options && options.consistency !== undefined) {
      if (options.consistency !== 'total') throw new UsageError("consistency must be 'total', or left out")
      const { totalMapKind } = await import('./objects/total-map.ts')
      return (await this.open(totalMapKind, name, options)) as TotalMap<Value>
    }
    const { mapKind } = await import('./objects/map.ts')
    return (await this.open(mapKind, name, options)) as SharedMap<Value>
  }

  /**
   * Opens a shared counter: fifo, goes on in every part of a split, adds up. With `min` or `max`, a bounded counter: only
   * the primary component counts, its steps return promises, and it never leaves its bounds.
   */
  counter(name: string, options: BoundedCounterOptions & OpenOptions): Promise<BoundedCounter>
  counter(name: string, options?: CounterOptions & OpenOptions): Promise<SharedCounter>
  async counter(
    name: string,
    options: (CounterOptions | BoundedCounterOptions) & OpenOptions = {},
  ): Promise<SharedCounter | BoundedCounter> {
    if ('min' in options || 'max' in options) {
      const { boundedCounterKind } = await import('./objects/bounded-counter.ts')
      return this.open(boundedCounterKind, name, options)
    }
    const { counterKind } = await import('./objects/counter.ts')
    return this.open(counterKind, name, options)
  }

  /** Opens a shared queue: total and uniform, acts in the primary component; one accepted completion for each item. */
  async queue<Item = unknown>(
    name: string,
    options: QueueOptions<Item> & OpenOptions = {},
  ): Promise<SharedQueue<Item>> {
    const { queueKind } = await import('./objects/queue.ts')
    return (await this.open(queueKind, name, options as QueueOptions<unknown> & OpenOptions)) as SharedQueue<Item>
  }

  /**
   * The locks of the space: the Web Locks API, as `navigator.locks`, over all its processes. Acts in the primary component;
   * each lock has a fencing `token` and a `signal` that aborts when it is lost.
   */
  get locks(): LockManager {
    if (this.#locks === null) {
      this.#locks = new LockManager(async () => {
        const { locksKind } = await import('./tools/lock-replica.ts')
        return this.#open({ kind: locksKind, name: LOCKS_GROUP, options: {}, hasState: true, isOwn: true })
      })
      if (this.#status === 'closed') this.#locks.close()
    }
    return this.#locks
  }

  /** Opens a shared register: one value, total and uniform, written by the primary component only; `compareAndSet`. */
  async register<Value = unknown>(
    name: string,
    options: RegisterOptions<Value> & OpenOptions = {},
  ): Promise<SharedRegister<Value>> {
    const { registerKind } = await import('./objects/register.ts')
    return (await this.open(registerKind, name, options)) as SharedRegister<Value>
  }

  /** Opens a shared set: causal, goes on in every part of a split, merges; adding wins over deleting. */
  async set<Value = unknown>(name: string, options: SetOptions<Value> & OpenOptions = {}): Promise<SharedSet<Value>> {
    const { setKind } = await import('./objects/set.ts')
    return (await this.open(setKind, name, options)) as SharedSet<Value>
  }

  /** Opens presence: what each member says of itself, for as long as it is in the view. Fifo, goes on in every part of a split. */
  async presence<Value = unknown>(
    name: string,
    options: PresenceOptions<Value> & OpenOptions = {},
  ): Promise<Presence<Value>> {
    const { presenceKind } = await import('./objects/presence.ts')
    return (await this.open(presenceKind, name, options)) as Presence<Value>
  }

  /**
   * A channel: the `BroadcastChannel` interface over all processes of the space. At once; what is posted before this process
   * is a member of its group is sent then. Throws UsageError (the name; or this process is a witness).
   */
  channel(name: string): SpaceChannel {
    const text = `${name}`
    checkName('group', channelGroup(text))
    if (this.#parts.isWitness) throw new UsageError(`"${text}": a witness is in no group`)
    const kind = channelKind(this.#parts.origin)
    return new SpaceChannel(
      text,
      this.#open({ kind, name: channelGroup(text), options: {}, hasState: false, isOwn: true }),
    )
  }

  /** Opens a semaphore: so many permits, each held by one at a time. Acts in the primary component. */
  async semaphore(name: string, options: SemaphoreOptions & OpenOptions): Promise<SharedSemaphore> {
    const { semaphoreKind } = await import('./tools/semaphore.ts')
    return this.open(semaphoreKind, name, options)
  }

  /** Opens a barrier: so many processes wait for each other, again and again. Acts in the primary component. */
  async barrier(name: string, options: BarrierOptions & OpenOptions): Promise<SharedBarrier> {
    const { barrierKind } = await import('./tools/barrier.ts')
    return this.open(barrierKind, name, options)
  }

  /** Opens a latch: once counted down to zero, it is open. Acts in the primary component. */
  async latch(name: string, options: LatchOptions & OpenOptions): Promise<SharedLatch> {
    const { latchKind } = await import('./tools/latch.ts')
    return this.open(latchKind, name, options)
  }

  /** Opens a plain group, for casts without an object. */
  async group(name: string, options: GroupOpenOptions = {}): Promise<Group> {
    const { groupKind } = await import('./group.ts')
    const kind = groupKind(options, this.#numbers, (group, fn, leaderOptions) =>
      this.whenLeader(group, fn, leaderOptions),
    )
    return this.#open({ kind, name, options, hasState: options.state !== undefined })
  }

  /**
   * Runs `fn` once this process leads under `name`: at most one process of the space does at a time, the most senior of
   * those who called this, until its `fn` has ended, or it is gone. `fn` is given a `signal`, which aborts when the
   * leadership is lost, or may be (its page was frozen, it is cut off): stop the work then, the next one begins; and a
   * `token`, higher than those of all before it.
   *
   * Resolves with what `fn` returns, which gives the leadership up; to lead again, call it again. Rejects with what `fn`
   * throws, which gives it up as well; the reason of `options.signal`, after `fn` has ended if it had begun; UsageError (the
   * name is not of 1 to 256 characters; a witness cannot lead); BusyError (more than 1,024 calls wait); ClosedError.
   */
  async whenLeader<Result>(
    name: string,
    fn: (context: LeaderContext) => Result | PromiseLike<Result>,
    options: LeaderOptions = {},
  ): Promise<Result> {
    options.signal?.throwIfAborted()
    const leaders = await unlessAborted(this.#leaders(), options.signal)
    return leaders.whenLeader(name, fn, options)
  }

  /**
   * Who leads under `name`: `leader`, `subscribe`, `change` events. The same handle for the same name.
   * Rejects with UsageError (the name is not of 1 to 256 characters; or this process is a witness), ClosedError.
   */
  async leaderOf(name: string): Promise<Leadership> {
    return (await this.#leaders()).leaderOf(name)
  }

  /**
   * Has `fn` run by one of all who ask for this key, now or ever, and gives its result to all: who seeds the document, say.
   * Another asker's `fn` is run if the runner is gone before its result is agreed on, or may be; and if it throws: that
   * asker gets the error, and the next one's is tried. `fn` is given a `signal`, which aborts when somebody else may run
   * by now, and a `token`, higher than those of all runs before; a completion under an older one is refused, so that one
   * result counts. Whoever was refused gets that one.
   *
   * Rejects with what the own `fn` throws, if it was run; ValueError or TooLargeError (its result is no value of Tutti's, or
   * above 64 KiB encoded; the next one's is tried); BusyError (10,000 keys are known: `forgetOnce`); the reason of
   * `options.signal`, if `fn` was under way once that has thrown (if it returns, that counts); UsageError (the key is not of 1 to 256 characters; a
   * witness has no results); UnknownOutcomeError (closed while the completion was under way); ClosedError.
   */
  async once<Result>(
    key: string,
    fn: (context: OnceContext) => Result | PromiseLike<Result>,
    options: OnceOptions = {},
  ): Promise<Result> {
    options.signal?.throwIfAborted()
    return (await unlessAborted(this.#once(), options.signal)).run(key, fn, options)
  }

  /**
   * Decides a value under a name: the first that is proposed, in the agreed order, for ever. Resolves with that one, at
   * all who propose. It shares its names and its limits with `once`: what either has decided, the other gives.
   * Rejects with ValueError, TooLargeError (above 64 KiB), BusyError (10,000 names), UsageError, UnknownOutcomeError
   * (closed meanwhile), ClosedError, or the signal's reason: then it may have been decided all the same.
   */
  async propose<Value>(name: string, value: Value, options: OnceOptions = {}): Promise<Value> {
    options.signal?.throwIfAborted()
    return (await unlessAborted(this.#once(), options.signal)).propose(name, value, options)
  }

  /**
   * Forgets what was done once or decided under this key, at all members: who asks after that runs it again. True if there
   * was a result. What is under way goes on. Rejects with UsageError, UnknownOutcomeError, ClosedError, or the signal's reason.
   */
  async forgetOnce(key: string, options: OnceOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted()
    return (await unlessAborted(this.#once(), options.signal)).forget(key, options)
  }

  /**
   * Opens a ballot, or takes part in the one of that name: `ballot.vote(choice)`, `ballot.decision`. The first to open it
   * sets its terms and its electorate, by default the members of this view; without terms it waits until somebody has.
   * All members report one decision, which outlives whoever opened it. The last 1,000 are remembered.
   * Rejects with UsageError (terms; a witness takes no part), GroupMismatchError (it is open with other terms), BusyError
   * (1,000 are undecided), UnknownOutcomeError (closed meanwhile), ClosedError, or the signal's reason.
   */
  async ballot<Choice extends string = string>(
    name: string,
    terms?: BallotTerms<Choice>,
    options: BallotOptions = {},
  ): Promise<Ballot<Choice>> {
    options.signal?.throwIfAborted()
    const ballots = await unlessAborted(this.#ballots(), options.signal)
    return (await ballots.open(name, terms, options)) as unknown as Ballot<Choice>
  }

  /**
   * Opens an object of any kind. Resolves when this process is a member and the state is whole.
   * The same name, kind and options again give the same handle; it leaves when it was closed as often as it was opened.
   * Rejects with UsageError (name; or this process is a witness), KindMismatchError, GroupMismatchError, ClosedError, or the signal's reason.
   */
  open<Handle, Options extends object>(
    kind: ObjectKind<Handle, Options>,
    name: string,
    options: Options & OpenOptions,
  ): Promise<Handle> {
    return this.#open({ kind, name, options, hasState: true })
  }

  /**
   * Makes a region: handlers of this space's events, asynchronous and overlapping, that enter a critical section in the
   * order of the events. It begins with what it is told to `follow`, and ends with `close`.
   */
  region(): Region {
    return new Region(this.#numbers)
  }

  /**
   * Runs `fn` and sends all casts made in it as one message, over any number of groups.
   *
   * They are stamped with one view, share one frame per member (if it fits 16 KiB) and one causal header, and each
   * object emits one change event for all that a member gets together. It is no transaction: if `fn` throws,
   * what it has cast is sent; and in a `total` group casts of others may come between. `fn` must not be async.
   */
  batch<Result>(fn: () => Result): Result {
    return this.#app.batch(fn)
  }

  /**
   * Gives up whoever is missing, so that consistent groups and queues act again: the present members go on from the
   * latest states among them, as a new line of primary views. Resolves when nothing is missing any more, at once if
   * nothing is.
   *
   * What was agreed on without these members is lost to them. Where the old line goes on, the two do not know of each
   * other, and both give tokens; when they meet, the one with more members goes on, and the other gets a `linelost`
   * event. So this is for people to decide, who know that the missing are gone for good.
   *
   * Rejects with ClosedError, UsageError (a witness has nothing to go on from), or the signal's reason; what was asked may
   * still take effect.
   */
  refound(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#parts.isWitness) return Promise.reject(new UsageError('refound: a witness has no state to go on from'))
    if (this.#isEnded || this.#app.isClosed)
      return Promise.reject(this.#endError ?? new ClosedError('the space is closed'))
    if (!this.#app.isWanting) return Promise.resolve()
    const done = this.#refoundWaiters.wait(signal)
    this.#app.refound()
    return done
  }

  /**
   * Says that this process has better things to do than to serve others, because its page is hidden, say; or that it has
   * time again. While it is busy it hands the order of `total` groups with `engine: 'moving'` over to another member, once
   * it has numbered the next cast. Everything else goes on. Ignored when the space is closed.
   */
  setBusy(isBusy: boolean): void {
    this.#app.setBusy(isBusy)
  }

  /**
   * Says that this process is about to be frozen, or its computer to fall asleep: it is `away` for the others from their next
   * view on, which comes at once if anything waits for it. What is cast from here on waits. Browsers are listened to: for
   * processes that know it otherwise (Electron's `suspend`). It goes on by itself if it was not frozen within 2 s.
   */
  suspending(): void {
    this.#app.suspend()
  }

  /** Says that it goes on. A gap in its clock says the same. */
  resumed(): void {
    this.#app.resume()
  }

  /** A readable picture of the kernel, for bug reports. */
  dump(): Promise<unknown> {
    return this.#backend?.dump() ?? Promise.resolve(null)
  }

  /** Leaves for good, after own casts are held by all (or a little while). Resolves when everything is closed; never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Ends as a crash would, without a goodbye: for tests and demonstrations. */
  kill(): void {
    if (this.#backend === null) this.handleEnded(null)
    else this.#backend.kill()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Gives the space its kernel. */
  connect(backend: Backend): void {
    this.#backend = backend
    if (this.#isEnded) backend.kill()
  }

  /** @internal Resolves at the first view; rejects if the space ends before. */
  ready(): Promise<void> {
    if (this.#view !== null) return Promise.resolve()
    if (this.#isEnded) return Promise.reject(this.#endError ?? new ClosedError('the space is closed'))
    return this.#viewWaiters.wait()
  }

  /** @internal Takes one message of the kernel's side. */
  handleTick(tick: HostTick): void {
    for (const note of tick.notes) this.#handleNote(note)
    this.#app.receive(tick.events)
    this.#updateStatus()
    if (!this.#refoundWaiters.isEmpty && !this.#isEnded && !this.#app.isWanting) this.#refoundWaiters.resolve()
  }

  /** @internal A transport has a problem. */
  handleProblem(transport: string, problem: { code: string; message: string; cause?: unknown }): void {
    const { code, message, cause } = problem
    this.#report(new TransportError(`${transport}: ${message}`, code, cause === undefined ? {} : { cause }))
  }

  /** @internal The kernel's side is gone. */
  handleEnded(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#removePageHide()
    this.#removeFreeze()
    this.#timers.stop()
    this.#endError ??= error
    this.#app.abandon(this.#endError ?? new ClosedError('the space is closed'))
    this.#updateStatus()
    this.#connections.clear()
    this.followers.end()
    this.#members = null
    if (error !== null) this.#report(error as TuttiError)
    this.#viewWaiters.reject(this.#endError ?? new ClosedError('the space closed before it had a view'))
    this.#refoundWaiters.reject(this.#endError ?? new ClosedError('the space is closed'))
    this.#endWaiters.resolve()
  }

  async #open<Handle, Options extends object>(request: OpenRequest<Handle, Options>): Promise<Handle> {
    if (this.#parts.isWitness) {
      throw new UsageError(`"${request.name}": a witness holds no state; open groups and objects without witness: true`)
    }
    return this.#registry.open(request)
  }

  async #leaders(): Promise<Leaders> {
    const { leadersKind } = await import('./tools/leader.ts')
    return this.#openInternal(leadersKind, 'leaders', {})
  }

  async #once(): Promise<Once> {
    const { onceKind } = await import('./tools/once.ts')
    return this.#openInternal(onceKind, 'once', {})
  }

  async #ballots(): Promise<Ballots> {
    const { ballotsKind } = await import('./tools/ballot.ts')
    return this.#openInternal(ballotsKind, 'ballots', {
      electorate: () => this.view.members.flatMap(({ id, witness }) => (witness ? [] : [id])),
      follow: (fn) => this.addEventListener('view', ({ view }) => fn([...view.left, ...view.dead])),
    })
  }

  /** What the space keeps for itself, opened once. */
  async #openInternal<Tool extends InternalTool, Options extends object>(
    kind: ObjectKind<Tool, Options>,
    name: string,
    options: Options,
  ): Promise<Tool> {
    const known = this.#internals.get(name)
    if (known !== undefined) return (await known) as Tool
    const opening = this.#open({ kind, name: INTERNAL_PREFIX + name, options, hasState: true, isOwn: true })
    this.#internals.set(name, opening)
    try {
      const tool = await opening
      this.#openInternals.add(tool)
      return tool
    } catch (error) {
      this.#internals.delete(name)
      throw error
    }
  }

  async #close(): Promise<void> {
    // Before the others are told that they may grant them to somebody else.
    this.#locks?.close()
    if (this.#isEnded) return
    // Before the others hear that it leaves, and give what it holds to somebody else.
    for (const tool of this.#openInternals) tool.handleEnd()
    const ended = this.#endWaiters.wait()
    if (this.#backend === null) this.handleEnded(null)
    // Whoever leaves is at rest, as far as a trace can tell.
    this.#app.digestAll()
    this.#app.leave(false)
    const cancel = this.#parts.platform.setTimer(CLOSE_MS, () => this.#backend?.stop())
    await ended
    cancel()
  }

  /** The page is left, for good or for the back/forward cache: says goodbye, and is closed when the page comes back. */
  #handlePageHide(): void {
    this.#locks?.close()
    this.#app.leave(true, 'hidden')
    // The worker may be frozen with the page before it can answer.
    this.#app.abandon(closedError('hidden'))
    this.#updateStatus()
  }

  #handleEvent(event: SpaceEvent): void {
    switch (event.type) {
      case 'view': {
        this.#view = toSpaceView(event.view)
        this.#members = null
        this.#connections.markGone([...event.view.left, ...event.view.dead])
        this.#updateStatus()
        this.#dispatchView(new ViewEvent(this.#view, this.#numbers.next()))
        this.#viewWaiters.resolve()
        return
      }
      case 'lineLost':
        this.#write({ e: 'lineLost', line: event.line })
        this.dispatchEvent(new LineLostEvent(event.line, event.winner))
        return
      case 'fault':
        return this.#handleFault(event.peer, event.code)
      case 'closed':
        if (event.reason !== 'left') {
          this.#endError ??= closedError(event.reason)
          this.#report(this.#endError as TuttiError)
        }
        return this.#updateStatus()
      case 'writable':
        return
      default:
        return event satisfies never
    }
  }

  #dispatchView(event: ViewEvent): void {
    this.dispatchEvent(event)
    this.followers.tell(event)
  }

  #handleNote(note: HostNote): void {
    switch (note.type) {
      case 'connection':
        return this.#handleConnection(note.peer, toConnection(note.transport))
      case 'problem':
        return this.handleProblem(note.transport, note)
      case 'searched':
        this.#isSearching = false
        return
      case 'trace':
        this.#trace?.kernel(this.#parts.platform.timeOrigin + note.t, note.line)
        return
      case 'broken':
        this.#endError ??= new InvariantError(`the kernel stopped: ${note.message}`)
        this.#parts.logger.warn('tutti: the kernel found itself broken and stopped', note.message, note.dump)
        return this.#report(this.#endError as TuttiError)
      default:
        return note satisfies never
    }
  }

  #handleConnection(peer: ProcessId, connection: Connection): void {
    this.#connections.set(peer, connection)
    this.#members = null
    this.dispatchEvent(new ConnectionEvent(peer, connection))
  }

  #handleFault(peer: ProcessId, code: string, detail?: unknown): void {
    this.#faults += 1
    // A fault of an object here is a bug of it, which nobody may be listening for.
    if (peer === '') this.#parts.logger.warn(`tutti: ${code}`, ...(detail === undefined ? [] : [detail]))
    this.dispatchEvent(new FaultEvent(peer, code, this.#faults))
  }

  /** A line of the application's side. */
  #write(line: TraceLine): void {
    const { platform } = this.#parts
    this.#trace?.app(platform.timeOrigin + platform.now(), line)
  }

  #report(error: TuttiError): void {
    this.dispatchEvent(new ProblemEvent(error))
  }

  #updateStatus(): void {
    const status = this.#findStatus()
    if (status === this.#status) return
    this.#status = status
    if (status === 'closed') this.#locks?.close()
    this.dispatchEvent(new StatusEvent(status))
  }

  #findStatus(): SpaceStatus {
    if (this.#isEnded || this.#app.isClosed) return 'closed'
    const view = this.#view
    if (view === null) return 'connecting'
    if (view.line !== null && !view.primary) return 'degraded'
    if (view.members.length > 1) return 'together'
    return this.#isSearching || this.#connections.isMeeting ? 'connecting' : 'alone'
  }
}
