/**
 * A space as an application holds it: its view, its status, and the groups and objects opened in it.
 */

import { AppSide, closedError, type SpaceEvent } from './app-port.ts'
import type { Backend } from './backend.ts'
import { Connections } from './connections.ts'
import { ClosedError, InvariantError, StorageError, TransportError, type TuttiError, UsageError } from './errors.ts'
import { EventNumbers, Followers, type NumberedSource } from './event-numbers.ts'
import {
  ConnectionEvent,
  FaultEvent,
  LineLostEvent,
  ProblemEvent,
  StatusEvent,
  StorageFaultEvent,
  ViewEvent,
} from './events.ts'
import type { Group, GroupOpenOptions } from './group.ts'
import type { ProcessId } from './kernel/api.ts'
import { checkOptions } from './names.ts'
import { checkFunction } from './objects/check-function.ts'
import type { Mail, ObjectKind } from './objects/replica.ts'
import type { Platform } from './platform.ts'
import type { HostNote, HostTick } from './port-messages.ts'
import type { Logger } from './ports/log.ts'
import { Region } from './region.ts'
import { type OpenRequest, Registry } from './registry.ts'
import type { OpenOptions } from './space-objects.ts'
import { SpaceTools } from './space-tools.ts'
import {
  type ConnectedMember,
  type Connection,
  type SpaceStatus,
  type SpaceView,
  toConnection,
  toSpaceView,
} from './space-view.ts'
import type { StorageFaultReason, StoreCommand, StoreNote } from './storage/messages.ts'
import type { TraceLine as FullTraceLine } from './testing/trace.ts'
import { Timers } from './timers.ts'
import type { CallStamp } from './tools/call-context.ts'
import type { SnapshotHost } from './tools/snapshot-host.ts'
import { ProcessTrace, type TraceLine } from './trace.ts'
import { Waiters } from './waiters.ts'

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
  /** Objects are stored. Absent: they are not. */
  readonly isStoring?: boolean
}

/** How long the goodbye may take before the space is closed without it. */
const CLOSE_MS = 5000
/** Of the problems found while the space was opened, so many are told. */
const EARLY_PROBLEMS_MAX = 64

/** The set of processes that share one membership. Made by `openSpace`. */
export class Space extends SpaceTools implements NumberedSource<ViewEvent> {
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
  readonly #connections: Connections
  readonly #numbers = new EventNumbers()
  #backend: Backend | null = null
  #view: SpaceView | null = null
  #members: readonly ConnectedMember[] | null = null
  #status: SpaceStatus = 'connecting'
  #isSearching = true
  #isEnded = false
  #faults = 0
  /** Problems found before anybody could listen; null from then on. */
  #earlyProblems: TuttiError[] | null = []
  readonly #viewWaiters = new Waiters()
  readonly #refoundWaiters = new Waiters()
  readonly #endWaiters = new Waiters()
  /** Calls of `durable`, by number. */
  readonly #syncWaiters = new Map<number, { resolve: () => void; reject: (error: Error) => void }>()
  #syncs = 0
  #endError: Error | null = null
  #closing: Promise<void> | null = null
  readonly #timers: Timers
  readonly #removePageHide: () => void
  readonly #removeFreeze: () => void

  /** Use `openSpace`. */
  constructor(parts: SpaceParts) {
    super()
    const { name, self, platform, logger, origin, trace, isWitness, isStoring = false } = parts
    this.name = name
    this.self = self
    this.#parts = parts
    this.#connections = new Connections(self)
    this.followers = new Followers(this.#numbers)
    this.#timers = new Timers(platform, () => this.#backend)
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
      ...(isStoring ? { store: (command: StoreCommand) => this.#backend?.store(command) } : {}),
      ...(trace === undefined ? {} : { trace: (line: TraceLine) => this.#write(line) }),
    })
    this.#registry = new Registry(this.#app)
    this.answerInvitations()
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

  /** Opens a plain group, for casts without an object. */
  async group(name: string, options: GroupOpenOptions = {}): Promise<Group> {
    checkOptions(name, options)
    const { groupKind } = await import('./group.ts')
    const sponsor = options.clients === true ? await import('./tools/sponsor.ts') : null
    const kind = groupKind(options, this.#numbers, {
      whenLeader: (group, fn, leaderOptions) => this.whenLeader(group, fn, leaderOptions),
      serve: (group, handler, serveOptions) => this.serve(group, handler, serveOptions),
      makeSponsor: sponsor === null ? null : (port, how) => new sponsor.Sponsor(port, how),
    })
    return this.#open({ kind, name, options, hasState: options.state !== undefined || options.clients === true })
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
   * Throws what `fn` throws, and UsageError (`fn` is no function).
   */
  batch<Result>(fn: () => Result): Result {
    checkFunction('what a batch does', fn)
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
   * Resolves once everything that is in the stored objects of this process now, its own operations among it, is stored here:
   * it is in them when the space is opened again with this storage, whatever becomes of this process and of the others.
   *
   * Rejects with StorageError (something of it is not stored, and may never be: `reason` says why; the objects go on in
   * memory), ClosedError, UsageError (the space was opened without `storage`).
   */
  durable(): Promise<void> {
    if (this.#parts.isStoring !== true) {
      return Promise.reject(new UsageError('durable: open the space with storage, or nothing ever is'))
    }
    if (this.#isEnded || this.#app.isClosed) {
      return Promise.reject(this.#endError ?? new ClosedError('the space is closed'))
    }
    this.#app.flush()
    this.#syncs += 1
    const id = this.#syncs
    this.#backend?.store({ type: 'sync', id })
    return new Promise((resolve, reject) => {
      this.#syncWaiters.set(id, { resolve, reject })
    })
  }

  #handleSynced({ id, fault }: Extract<StoreNote, { type: 'synced' }>): void {
    const waiter = this.#syncWaiters.get(id)
    this.#syncWaiters.delete(id)
    if (fault === null) waiter?.resolve()
    else waiter?.reject(notStored(fault))
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
    this.#app.receive(tick.events, tick.at)
    this.#updateStatus()
    if (!this.#refoundWaiters.isEmpty && !this.#isEnded && !this.#app.isWanting) this.#refoundWaiters.resolve()
  }

  /** @internal A transport has a problem. */
  handleProblem(transport: string, problem: { code: string; message: string; cause?: unknown }): void {
    const { code, message, cause } = problem
    this.report(new TransportError(`${transport}: ${message}`, code, cause === undefined ? {} : { cause }))
  }

  /** @internal Tells of a problem, once somebody can listen. */
  report(error: TuttiError): void {
    this.#parts.logger.warn(`tutti: ${error.message}`, error)
    if (this.#earlyProblems === null) this.dispatchEvent(new ProblemEvent(error))
    else if (this.#earlyProblems.length < EARLY_PROBLEMS_MAX) this.#earlyProblems.push(error)
  }

  /** @internal The space is handed over: whoever listens at once hears what was found on the way. */
  tellEarlyProblems(): void {
    this.#parts.platform.schedule(() => {
      const early = this.#earlyProblems ?? []
      this.#earlyProblems = null
      for (const error of early) this.dispatchEvent(new ProblemEvent(error))
    })
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
    if (error !== null) this.report(error as TuttiError)
    this.#viewWaiters.reject(this.#endError ?? new ClosedError('the space closed before it had a view'))
    this.#refoundWaiters.reject(this.#endError ?? new ClosedError('the space is closed'))
    for (const { reject } of this.#syncWaiters.values()) {
      reject(this.#endError ?? new ClosedError('the space is closed'))
    }
    this.#syncWaiters.clear()
    this.#endWaiters.resolve()
  }

  protected get origin(): string {
    return this.#parts.origin
  }

  protected countFault(peer: string, code: string): void {
    this.#handleFault(peer, code)
  }

  protected get numbers(): EventNumbers {
    return this.#numbers
  }

  protected get mail(): Mail {
    return this.#app.mail
  }

  protected get isWitness(): boolean {
    return this.#parts.isWitness
  }

  protected get snapshotHost(): SnapshotHost {
    const app = this.#app
    return {
      part: () => {
        const view = this.#view
        if (view === null) return null
        const { id, primary, line } = view
        const members = view.members.flatMap((member) => (member.witness ? [] : [member.id]))
        return { view: id, members, away: view.away.map((each) => each.id), primary, line }
      },
      groups: () => app.records(),
      hold: (group, op) => app.hold(group, op),
    }
  }

  protected heldHere(name: string): { readonly kind: string; readonly handle: object } | null {
    return this.#registry.held(name)
  }

  protected stampCall(): CallStamp {
    const { platform } = this.#parts
    return { now: Math.floor(platform.timeOrigin + platform.now()), seed: platform.newId() }
  }

  protected openOwn<Handle, Options extends object>(request: OpenRequest<Handle, Options>): Promise<Handle> {
    return this.#open({ ...request, isOwn: true })
  }

  async #open<Handle, Options extends object>(request: OpenRequest<Handle, Options>): Promise<Handle> {
    if (this.#parts.isWitness) {
      throw new UsageError(`"${request.name}": a witness holds no state; open groups and objects without witness: true`)
    }
    return this.#registry.open(request)
  }

  async #close(): Promise<void> {
    this.closeTools()
    if (this.#isEnded) return
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
    this.closeTools()
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
          this.report(this.#endError as TuttiError)
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
        this.#endError ??= new InvariantError(`the kernel stopped: ${note.message}`, { dump: note.dump })
        return this.report(this.#endError as TuttiError)
      case 'restored':
        return this.#app.restored(note)
      case 'synced':
        return this.#handleSynced(note)
      case 'storage': {
        const { group, reason, message, cause } = note
        const error = new StorageError(message, { reason, ...(cause === undefined ? {} : { cause }) })
        this.dispatchEvent(new StorageFaultEvent(group, reason, error))
        return
      }
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

  #updateStatus(): void {
    const status = this.#findStatus()
    if (status === this.#status) return
    this.#status = status
    if (status === 'closed') this.closeTools()
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

function notStored(reason: StorageFaultReason): StorageError {
  return new StorageError('not everything is stored; what is not goes on in memory', { reason })
}
