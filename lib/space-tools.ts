/**
 * The tools of a space: what its processes agree on without opening an object for it. Each stands in groups of the space's
 * own, whose names applications cannot use, and is loaded when first used.
 */
import { ClosedError, UsageError } from './errors.ts'
import type { EventNumbers } from './event-numbers.ts'
import type { SpaceEventMap } from './events.ts'
import type { AttachOptions, GroupClient } from './group-client.ts'
import { checkName, checkNotOwn } from './names.ts'
import { checkFunction } from './objects/check-function.ts'
import type { Ledger } from './objects/ledger.ts'
import type { Mail, ObjectKind } from './objects/replica.ts'
import type { Transact, TransactOptions } from './objects/transact.ts'
import { unlessAborted } from './objects/unless-aborted.ts'
import { CAST_SIZE_MAX } from './own-casts.ts'
import type { OpenRequest } from './registry.ts'
import type { OpenOptions } from './space-objects.ts'
import { SpaceObjects } from './space-objects.ts'
import type { SpaceView } from './space-view.ts'
import type { Legacy } from './tools/attachment.ts'
import type { AuditLog, AuditOptions } from './tools/audit.ts'
import type { Ballot, BallotOptions, Ballots, BallotTerms } from './tools/ballot.ts'
import type { CallStamp } from './tools/call-context.ts'
import { channelBytesMax, channelGroup, channelKind, SpaceChannel } from './tools/channel.ts'
import type { LeaderContext, LeaderOptions, Leaders, Leadership } from './tools/leader.ts'
import { LOCKS_GROUP, LockManager } from './tools/locks.ts'
import type { Once, OnceContext, OnceOptions } from './tools/once.ts'
import type { Replicated, ReplicateOptions } from './tools/replicated.ts'
import type { Service, ServiceHandler } from './tools/service.ts'
import type { ServiceCallOptions, ServiceClient } from './tools/service-client.ts'
import type { SnapshotHost } from './tools/snapshot-host.ts'
import type { Restored, RestoreOptions, RestoreSpace } from './tools/snapshot-restore.ts'
import type { SpaceSnapshot } from './tools/snapshot-value.ts'
import type { SnapshotTool } from './tools/snapshots.ts'
import { type PublishOptions, Topic, Topics } from './tools/topics.ts'
import type { WaitTable } from './tools/wait-teller.ts'

/** What the space itself keeps in a group: its names begin so, and no application's do. */
const INTERNAL_PREFIX = 'tutti:'
/** Where a process is asked to take part in a snapshot; as in `tools/snapshot-taker.ts`, which is loaded by then only. */
const SNAPSHOT_ADDRESS = 'tutti:snapshots'

/** A tool that the space keeps. */
interface InternalTool {
  handleEnd(): void
}

/** The part of a space that has its tools. */
export abstract class SpaceTools extends SpaceObjects {
  /** Opened when first asked for, until the space closes. */
  readonly #internals = new Map<string, Promise<InternalTool>>()
  readonly #openInternals = new Set<InternalTool>()
  readonly #clients = new Map<string, ServiceClient>()
  readonly #attached = new Map<string, GroupClient>()
  /** Of the clients that have been. */
  readonly #legacies = new Map<string, Legacy>()
  readonly #serving = new Set<string>()
  #locks: LockManager | null = null
  #topics: Topics | null = null
  #areClosed = false

  abstract get view(): SpaceView
  /** The web origin. */
  protected abstract readonly origin: string
  /** Direct messages. */
  protected abstract readonly mail: Mail
  /** For the events of this space. */
  protected abstract readonly numbers: EventNumbers
  /** Counts what a peer did wrong. */
  protected abstract countFault(peer: string, code: string): void
  /** It votes without state, and is in no group. */
  protected abstract readonly isWitness: boolean
  /** Opens what is the space's own. */
  protected abstract openOwn<Handle, Options extends object>(request: OpenRequest<Handle, Options>): Promise<Handle>

  /**
   * The locks of the space: the Web Locks API, as `navigator.locks`, over all its processes. Acts in the primary component;
   * each lock has a fencing `token` and a `signal` that aborts when it is lost.
   */
  get locks(): LockManager {
    if (this.#locks === null) {
      this.#locks = new LockManager(async () => {
        const { locksKind } = await import('./tools/lock-replica.ts')
        return this.openOwn({ kind: locksKind, name: LOCKS_GROUP, options: {}, hasState: true })
      })
      if (this.#areClosed) this.#locks.close()
    }
    return this.#locks
  }

  /**
   * A channel: the `BroadcastChannel` interface over all processes of the space. At once; what is posted before this process
   * is a member of its group is sent then. Throws UsageError (the name; or this process is a witness).
   */
  channel(name: string): SpaceChannel {
    const text = `${name}`
    checkName('group', channelGroup(text))
    if (this.isWitness) throw new UsageError(`"${text}": a witness is in no group`)
    const kind = channelKind(this.origin)
    const hub = this.openOwn({ kind, name: channelGroup(text), options: {}, hasState: false })
    return new SpaceChannel(text, hub, channelBytesMax(this.origin, CAST_SIZE_MAX))
  }

  /**
   * Topics: publish to a name, subscribe to names and patterns. Goes on in every part of a split; what is kept for later
   * subscribers is united again.
   */
  get topics(): Topics {
    this.#topics ??= new Topics(async () => {
      const { TopicHub } = await import('./tools/topic-hub.ts')
      return new TopicHub((kind, name, options) => this.openOwn({ kind, name, options, hasState: true }))
    })
    return this.#topics
  }

  /**
   * One topic of `space.topics`, with the options that it is published with. At once, and costs nothing to keep. What is wrong
   * with the name is told by its first use.
   */
  topic<Value = unknown>(name: string, options: PublishOptions<Value> = {}): Topic<Value> {
    return new Topic(this.topics, name, options)
  }

  /**
   * Runs `fn` once this process leads under `name`: at most one process of the space does at a time, the most senior of
   * those who called this, until its `fn` has ended, or it is gone. `fn` is given a `signal`, which aborts when the
   * leadership is lost, or may be (its page was frozen, it is cut off): stop the work then, the next one begins; and a
   * `token`, higher than those of all before it.
   *
   * Resolves with what `fn` returns, which gives the leadership up; to lead again, call it again. Rejects with what `fn`
   * throws, which gives it up as well; the reason of `options.signal`, after `fn` has ended if it had begun; UsageError (the
   * name is not of 1 to 256 characters; `fn` is no function; a witness cannot lead); BusyError (more than 1,024 calls wait); ClosedError.
   */
  async whenLeader<Result>(
    name: string,
    fn: (context: LeaderContext) => Result | PromiseLike<Result>,
    options: LeaderOptions = {},
  ): Promise<Result> {
    checkFunction('what a leader runs', fn)
    options.signal?.throwIfAborted()
    const leaders = await unlessAborted(this.#leaders(), options.signal)
    return leaders.whenLeader(name, fn, options)
  }

  /**
   * Who leads under `name`: `leader`, `subscribe`, `change` events. The same handle for the same name.
   * Rejects with UsageError (the name is not of 1 to 256 characters; or this process is a witness), ClosedError, or the
   * signal's reason.
   */
  async leaderOf(name: string, { signal }: OpenOptions = {}): Promise<Leadership> {
    signal?.throwIfAborted()
    return (await unlessAborted(this.#leaders(), signal)).leaderOf(name)
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
   * `options.signal`, if `fn` was under way once that has thrown (if it returns, that counts); UsageError (the key is not of 1 to 256 characters;
   * `fn` is no function; a witness has no results); UnknownOutcomeError (closed while the completion was under way); ClosedError.
   */
  async once<Result>(
    key: string,
    fn: (context: OnceContext) => Result | PromiseLike<Result>,
    options: OnceOptions = {},
  ): Promise<Result> {
    checkFunction('what is run once', fn)
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
   * Replicates an object: each method that is called on `object` runs at every process that has opened the name, in one
   * order. The class is deterministic: its methods are synchronous and use `callContext()` for time, chance and ids; the
   * fields are of Tutti's value set. The first one that opens the name gives the fields it begins with; `thing` itself is
   * never called. Acts in the primary component.
   *
   * Rejects with UsageError (what cannot be replicated; the name; options; or this process is a witness), ValueError (a
   * field is no value), KindMismatchError, GroupMismatchError (another `version`), ClosedError, or the signal's reason.
   */
  async replicate<T extends object>(
    name: string,
    thing: T,
    options: ReplicateOptions & OpenOptions = {},
  ): Promise<Replicated<T>> {
    options.signal?.throwIfAborted()
    const { checkClass, replicatedKind } = await import('./tools/replicated.ts')
    const kind = replicatedKind(thing, options, () => this.stampCall())
    const handle = await this.open(kind, name, options)
    try {
      checkClass(handle, thing)
    } catch (error) {
      void handle.close()
      throw error
    }
    return handle
  }

  /**
   * Reads and changes several objects as one: total maps, registers, bounded counters, and queues (to which it adds), all
   * opened with `atomic: true`. `fn` is given a `tx`, and `tx.of(object)` is that object in the transaction. What it does
   * takes effect in all objects, or in none, whoever crashes meanwhile; and only if nothing that it has read was changed
   * before that: else `fn` is called again. So it should do nothing but read and write these; it may be async.
   *
   * Resolves with what `fn` returns, when all members of all those objects hold the changes. One that only reads is told what
   * there was at one moment. Rejects with what `fn` throws (nothing takes effect), NotAtomicError (an object takes no part),
   * ConflictError (after so many `tries`), OutOfBoundsError (of a counter), BusyError (a queue has no room; too many calls
   * wait): nothing has taken effect; NotPrimaryError where the objects were opened so; UsageError; UnknownOutcomeError or
   * ClosedError (closed meanwhile); or the signal's reason: if that aborts when the decision is under way, it may take effect
   * all the same.
   */
  async transact<Result>(
    fn: (tx: Transact) => Result | PromiseLike<Result>,
    options: TransactOptions = {},
  ): Promise<Result> {
    checkFunction('a transaction', fn)
    options.signal?.throwIfAborted()
    const [ledger, { transact }] = await Promise.all([this.ledger(), import('./objects/transact.ts')])
    return unlessAborted(transact(ledger, fn, options), options.signal)
  }

  protected async ledger(): Promise<Ledger> {
    const { ledgerKind } = await import('./objects/ledger.ts')
    return this.#openInternal(ledgerKind, 'ledger', {})
  }

  /** Time and chance for a call. */
  protected abstract stampCall(): CallStamp

  /**
   * Takes a snapshot: the states of all objects of the space, whoever holds them, at one consistent cut. Whatever happened
   * before something that is in it is in it as well, and of what a process has cast in one batch all or nothing is. No call
   * blocks meanwhile; what is cast waits, for two delays, 1.5 s at most.
   *
   * It is of the part of the space that this process is in. If somebody goes or comes meanwhile, it is taken anew. Rejects with
   * SnapshotError (`incomplete`: it came to nothing twelve times), UsageError (this process is a witness), ClosedError,
   * BusyError, or the signal's reason.
   */
  async snapshot({ signal }: { readonly signal?: AbortSignal } = {}): Promise<SpaceSnapshot> {
    signal?.throwIfAborted()
    const tool = await unlessAborted(this.#snapshots(), signal)
    const taken = await tool.take(signal)
    const { assemble } = await import('./tools/snapshot-assemble.ts')
    return assemble(taken, { space: this.name, taken: this.stampCall().now })
  }

  /**
   * Makes the objects of this space hold what a snapshot says, of this space or another: maps, sets, counters, registers and
   * queues of either consistency. What is open here is written as it is open; what is not is opened, and stays open until the
   * space closes. Everything is checked first; then what is agreed on is written, one object after the other, and at last all
   * that is available in one batch.
   *
   * Rejects with SnapshotError (nothing was written: it is damaged, of a newer version, of another kind than what is open; or
   * the objects are not empty, and `replace` was not asked for); GroupMismatchError, SchemaError, or what else a write
   * rejects with: what was written before that stays; ClosedError; or the signal's reason.
   */
  async restore(snapshot: SpaceSnapshot, options: RestoreOptions = {}): Promise<Restored> {
    const { signal } = options
    signal?.throwIfAborted()
    const { restore } = await import('./tools/snapshot-restore.ts')
    const given = signal === undefined ? {} : { signal }
    const space: RestoreSpace = {
      held: (name) => this.heldHere(name),
      batch: (fn) => this.batch(fn),
      openers: {
        map: (name, variant) => this.map(name, { ...variant, ...given }),
        totalMap: (name, how) => this.map(name, { consistency: 'total', ...how, ...given }),
        set: (name, variant) => this.set(name, { ...variant, ...given }),
        counter: (name, variant) => this.counter(name, { ...variant, ...given }),
        boundedCounter: (name, how) => this.counter(name, { ...how, ...given }),
        register: (name, how) => this.register(name, { ...how, ...given }),
        queue: (name, how) => this.queue(name, { ...how, ...given }),
      },
    }
    return await restore(space, snapshot, options)
  }

  /**
   * Opens an audit log: what any process appends, in one order, held by every member of it; the last `keep` entries are kept.
   * `watch` has triggers judged in one place, with all others who watch standing by. Acts in the primary component.
   * Rejects with UsageError (the name, `keep`; a witness holds none), KindMismatchError, GroupMismatchError (another `keep`),
   * ClosedError, or the signal's reason.
   */
  async audit<Value = unknown>(
    name: string,
    options: AuditOptions<Value> & OpenOptions = {},
  ): Promise<AuditLog<Value>> {
    const { auditKind } = await import('./tools/audit.ts')
    const kind = auditKind((leadership, fn, given) => this.whenLeader(leadership, fn, given))
    return (await this.open(kind, name, options)) as unknown as AuditLog<Value>
  }

  /** Comes to where snapshots are taken as soon as somebody asks this process to. */
  protected answerInvitations(): void {
    if (this.isWitness) return
    this.mail.listen(SNAPSHOT_ADDRESS, {
      message: () => {
        this.#snapshots().catch(() => undefined)
      },
    })
  }

  /** What a snapshot needs of this process. */
  protected abstract readonly snapshotHost: SnapshotHost
  /** What is open here under a name. */
  protected abstract heldHere(name: string): { readonly kind: string; readonly handle: object } | null
  abstract batch<Result>(fn: () => Result): Result
  abstract readonly name: string

  /** That of the locks: opened when somebody first waits for a permit while holding something. */
  protected waitTable(): Promise<WaitTable> {
    return this.locks.table()
  }

  /**
   * Serves calls under a name, together with all other processes that do: each call is run by one of them, and by another one
   * if that fails before its outcome is recorded; there is one outcome, which every one of them holds. Resolves once this
   * process is one of them, and is handed calls.
   *
   * `handler` is called with what the client sent, a `signal`, which aborts when another one may run the call by now, and a
   * `token`, higher than those of all runs of this call before. What it returns or resolves with is the outcome, at most 64
   * KiB encoded; so is what it throws (the client gets a RemoteError). It may be run more than once, if its runner fails.
   * `close` ends it: what this process runs is run by another one.
   * Rejects with UsageError (the name; this process serves under it already; a witness cannot), ClosedError, or the signal's
   * reason: it gives up the wait, and is nothing to a service that stands.
   */
  async serve(name: string, handler: ServiceHandler, { signal }: OpenOptions = {}): Promise<Service> {
    checkFunction('what serves calls', handler)
    const { serviceGroup, serviceKind } = await import('./tools/service.ts')
    checkName('group', name)
    checkName('group', serviceGroup(name))
    if (this.#serving.has(name)) throw new UsageError(`this process serves "${name}" already`)
    signal?.throwIfAborted()
    this.#serving.add(name)
    const ended = (): void => void this.#serving.delete(name)
    const follow = (fn: (gone: readonly string[]) => void): (() => void) => {
      const tell = ({ view }: SpaceEventMap['view']): void => fn([...view.left, ...view.dead])
      this.addEventListener('view', tell)
      return () => this.removeEventListener('view', tell)
    }
    const options = { handler, service: name, follow, ended, ...(signal === undefined ? {} : { signal }) }
    try {
      return await this.openOwn({ kind: serviceKind, name: serviceGroup(name), options, hasState: true })
    } catch (error) {
      ended()
      throw error
    }
  }

  /**
   * A client of those who serve under that name: `call(value)`. Any process of the space may be one, whether it serves or not;
   * a witness, too. The same handle for the same name, until the space closes.
   * Rejects with UsageError (the name), ClosedError.
   */
  async client(name: string): Promise<ServiceClient> {
    const { ServiceClient } = await import('./tools/service-client.ts')
    const { serviceGroup } = await import('./tools/service.ts')
    checkName('group', name)
    checkName('group', serviceGroup(name))
    if (this.#areClosed) throw new ClosedError('the space is closed')
    const known = this.#clients.get(name)
    if (known !== undefined) return known
    const client = new ServiceClient(name, this.mail)
    this.#clients.set(name, client)
    return client
  }

  /**
   * Attaches this process to a group of which it is no member: a client, which casts into the group with the group's order,
   * and follows what the group is told, each once and in order, by way of one member after another. The members have the group
   * open with `clients: true`. A witness may be a client, too. Resolves once a member serves this client; the same name again
   * gives the same handle, which ends when it was closed as often as it was opened.
   * Rejects with UsageError (the name), GroupMismatchError (other options than those it is attached with), NoHandlerError
   * (nobody in this view of the space is a member of such a group), ClosedError, or the signal's reason.
   */
  async attach(name: string, options: AttachOptions = {}): Promise<GroupClient> {
    const { signal, ...rest } = options
    signal?.throwIfAborted()
    const { GroupClient } = await import('./group-client.ts')
    const { NO_LEGACY } = await import('./tools/attachment.ts')
    const { sponsorAddress } = await import('./tools/client-words.ts')
    checkName('group', name)
    checkName('group', sponsorAddress(name))
    checkNotOwn(name)
    // One that is being closed has this process's ear until it is.
    for (let ending = this.#attached.get(name); ending?.isClosing; ending = this.#attached.get(name))
      await unlessAborted(ending.closed, signal)
    if (this.#areClosed) throw new ClosedError('the space is closed')
    const known = this.#attached.get(name)
    const tools = {
      numbers: this.numbers,
      fault: (code: string, from: string) => this.countFault(from, code),
      call: async (value: unknown, callOptions?: ServiceCallOptions) =>
        (await this.client(name)).call(value, callOptions),
    }
    const client =
      known ?? new GroupClient(name, this.mail, { ...rest, tools, legacy: this.#legacies.get(name) ?? NO_LEGACY })
    if (known === undefined) {
      this.#attached.set(name, client)
      void client.closed.then(() => {
        this.#attached.delete(name)
        this.#legacies.set(name, client.legacy)
      })
    } else known.retain(rest)
    try {
      await unlessAborted(client.ready, signal)
    } catch (error) {
      void client.close()
      throw error
    }
    return client
  }

  /** What is held is lost, before the others hear that this process leaves and give it to somebody else. */
  protected closeTools(): void {
    if (this.#areClosed) return
    this.#areClosed = true
    this.#locks?.close()
    for (const tool of this.#openInternals) tool.handleEnd()
    for (const client of this.#clients.values()) client.handleEnd()
    for (const client of this.#attached.values()) client.handleEnd()
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

  async #snapshots(): Promise<SnapshotTool> {
    const { snapshotsKind } = await import('./tools/snapshots.ts')
    return this.#openInternal(snapshotsKind, 'snapshots', { host: this.snapshotHost }, false)
  }

  /** What the space keeps for itself, opened once. */
  async #openInternal<Tool extends InternalTool, Options extends object>(
    kind: ObjectKind<Tool, Options>,
    name: string,
    options: Options,
    hasState = true,
  ): Promise<Tool> {
    const known = this.#internals.get(name)
    if (known !== undefined) return (await known) as Tool
    const opening = this.openOwn({ kind, name: INTERNAL_PREFIX + name, options, hasState })
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
}
