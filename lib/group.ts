/**
 * A group as an application holds it: cast into it, and follow one agreed sequence of casts, views and states.
 */
import { eitherSignal } from './either-signal.ts'
import { ClosedError, UsageError, ValueError } from './errors.ts'
import { type EventNumbers, Followers, type NumberedEvent, type NumberedSource } from './event-numbers.ts'
import { checkName } from './names.ts'
import { TypedTarget } from './objects/events.ts'
import { Iteration } from './objects/iteration.ts'
import type { CastOptions, GroupPort, GroupView, ObjectKind, OpInfo, Receipt, Replica } from './objects/replica.ts'
import type { StatePort } from './ports/state.ts'
import { assignSlots, slotOf } from './tools/balance.ts'
import { CLIENT_OP, LOG_ENTRIES } from './tools/client-casts.ts'
import type { LeaderContext, LeaderOptions } from './tools/leader.ts'
import type { Replies, RequestOptions } from './tools/replies.ts'
import { type RequestHandler, Requests } from './tools/requests.ts'
import type { Service, ServiceHandler } from './tools/service.ts'
import type { Sponsor, SponsorOptions } from './tools/sponsor.ts'

/** The most that a member may be told to keep for clients. */
const KEEP_MAX = 65_536

/** How a group is opened; every process must name the same. */
export interface GroupOpenOptions {
  /** How casts are ordered. Default `causal`. */
  readonly order?: 'fifo' | 'causal' | 'total'
  /** A cast is delivered only when every member holds it. Default false. */
  readonly uniform?: boolean
  /**
   * A cast is delivered, if at all, in the view that was `group.view` when it was made; one that could only be sent later
   * is not sent: its receipt rejects with a ViewChangedError. Default false: it is sent in the next view.
   */
  readonly strong?: boolean
  /** `available`: goes on in every part of a split. `consistent` (only with `total`): acts in the primary component only. Default `consistent` for `total`, else `available`. */
  readonly consistency?: 'available' | 'consistent'
  /**
   * Who gives the casts of a `total` group their places. `sequencer`: its first member; 2 delays, 1 for that member's own
   * casts. `moving`: first the same, but the role goes to a member that makes most of the casts, and away from one that is
   * busy (`space.setBusy`). `round-robin`: the members have the places in turn; 1 delay where all cast alike, and many
   * small messages where they do not. Default `sequencer`. docs/total-order.md says when to choose which.
   */
  readonly engine?: 'sequencer' | 'moving' | 'round-robin'
  /**
   * A cast is sent when whatever comes before it in *other* groups is delivered at all members of those. So nobody ever
   * gets it without what came before it, not even if that is lost with its sender. It waits two delays and a little after
   * a cast of this process to another group, three after one of somebody else's, and as long as a silent member is not
   * excluded; what was cast later waits behind it. Default false: what came before it may be lost, if it was in another group.
   */
  readonly strict?: boolean
  /**
   * Total groups that name the same domain share one total order: two casts, of whichever of them, come in the same order
   * at all who get both. Nobody need be in all of them. It costs what `round-robin` costs: 2 delays, and a record from each
   * member to each. The order waits for every member of the groups that a process is in, and, while the view of one of
   * those changes, for that. Only with `order: 'total'`, without another `engine`, and without gbcasts. 1 to 256 characters.
   */
  readonly domain?: string
  /**
   * Processes that are not members may attach to the group (`space.attach`): cast into it, and follow it. Then every member
   * remembers how far each client's casts have come, and the last events for those who follow. Default false.
   */
  readonly clients?: boolean
  /** How many of the last events this member keeps, at least, for clients that come from another member. Default 1,024. */
  readonly clientsKeep?: number
  /** The object whose state newcomers get. It applies each cast in a `cast` listener, before it returns. */
  readonly state?: StatePort
  /** Gives up waiting for the group. */
  readonly signal?: AbortSignal
}

/** One entry of a group's agreed sequence, and its `number` among all events that this process is told in the space. */
export type GroupEvent = NumberedEvent &
  (
    | {
        readonly type: 'cast'
        /** Who cast it. */
        readonly from: string
        /** True if this process did. */
        readonly local: boolean
        readonly value: unknown
        /** The member that cast it for `from`, a client of the group (`space.attach`). Absent: `from` is a member. */
        readonly via?: string
        /** The sender's cast number; a client has numbers of its own in each group. */
        readonly n: number
        /** The view it is delivered in, and its place in it; equal at all members for `total`. */
        readonly view: string
        readonly index: number
      }
    | { readonly type: 'view'; readonly view: GroupView }
    /** The state was replaced, or united with another part's. */
    | { readonly type: 'state' }
  )

/** A `GroupEvent` as a DOM event: `cast`, `view` or `state`. Dispatched in the agreed order, as it is delivered. */
export class GroupEntryEvent<Entry extends GroupEvent = GroupEvent> extends Event {
  readonly entry: Entry

  constructor(entry: Entry) {
    super(entry.type)
    this.entry = entry
  }
}

/** The events of a group. */
export interface GroupEventMap {
  readonly cast: GroupEntryEvent<Extract<GroupEvent, { type: 'cast' }>>
  readonly view: GroupEntryEvent<Extract<GroupEvent, { type: 'view' }>>
  readonly state: GroupEntryEvent<Extract<GroupEvent, { type: 'state' }>>
  /** `group.writable` has changed. */
  readonly writable: Event
  readonly close: Event
}

/** A member's part of what all do: one of `of` equal parts, the one of number `rank`, from 0. */
export interface GroupShare {
  readonly rank: number
  readonly of: number
}

/** How the space runs what only a leader may: `space.whenLeader`. */
export type WhenLeader = <Result>(
  name: string,
  fn: (context: LeaderContext) => Result | PromiseLike<Result>,
  options: LeaderOptions,
) => Promise<Result>

/** How the space serves calls: `space.serve`. */
export type Serve = (
  name: string,
  handler: ServiceHandler,
  options: { readonly signal?: AbortSignal },
) => Promise<Service>

/** What a group needs of its space. */
export interface GroupTools {
  readonly whenLeader: WhenLeader
  readonly serve: Serve
  /** The members' half for clients; null where the group takes none, and it is not loaded. */
  readonly makeSponsor: ((port: GroupPort, options: SponsorOptions) => Sponsor) | null
}

/** What of a group depends on how it was opened. */
export interface GroupShape {
  readonly isConsistent: boolean
  /** Null: it takes no clients. */
  readonly clients: SponsorOptions | null
}

/** A named subset of a space with its own views and order. */
export class Group extends TypedTarget<GroupEventMap> implements AsyncIterable<GroupEvent>, NumberedSource<GroupEvent> {
  /** @internal */
  readonly followers: Followers<GroupEvent>
  readonly #port: GroupPort
  readonly #tools: GroupTools
  readonly #closed = new AbortController()
  readonly #isConsistent: boolean
  readonly #iterations = new Set<Iteration<GroupEvent>>()
  readonly #requests: Requests
  /** Null: it takes no clients. */
  readonly #sponsor: Sponsor | null
  #isClosed = false
  /** The view that it told last; null: none, or its state has been replaced since. */
  #toldView: string | null = null
  /** By slot, in that view. */
  #owners: { readonly view: string; readonly slots: readonly string[] } | null = null

  /** Use `space.group`. */
  constructor(port: GroupPort, numbers: EventNumbers, tools: GroupTools, { isConsistent, clients }: GroupShape) {
    super()
    this.#port = port
    this.#tools = tools
    this.#isConsistent = isConsistent
    this.#sponsor = clients === null ? null : (tools.makeSponsor?.(port, clients) ?? null)
    this.#requests = new Requests(port, this.#sponsor === null ? (op) => op : (op) => [CLIENT_OP.request, op])
    this.followers = new Followers(numbers)
  }

  get name(): string {
    return this.#port.name
  }

  /** The current view of the group. */
  get view(): GroupView | null {
    return this.#port.view
  }

  /**
   * The most senior member of the current view; null outside the primary component. It changes with the view, without a
   * message, and so without a promise that there is no second one: a process that was cut off may not know yet. What only
   * one may do belongs in {@link whenLeader}.
   */
  get leader(): string | null {
    const { view } = this.#port
    return view?.primary === true && !this.#isClosed ? (view.members[0] ?? null) : null
  }

  /**
   * Runs `fn` once this process leads the group: what `space.whenLeader` says, under the group's name, until the group is
   * closed here, whereupon it rejects with ClosedError.
   */
  async whenLeader<Result>(
    fn: (context: LeaderContext) => Result | PromiseLike<Result>,
    { signal }: LeaderOptions = {},
  ): Promise<Result> {
    const closed = this.#closed.signal
    const either = signal === undefined ? closed : eitherSignal(signal, closed)
    return await this.#tools.whenLeader(this.name, fn, { signal: either })
  }

  /**
   * The member that has this key: the same at all members of the view, computed from its members alone, anew only when they
   * change. A member has at most a quarter more than its even share of all keys; when one comes or goes, few keys move but
   * those that it gets or had. Null if the group is closed here or has no view yet, and in a consistent group outside the
   * primary component. As with {@link leader}, a process that was cut off may name another one: what must not be done twice
   * needs a lock. Throws a UsageError unless the key is a string.
   */
  owner(key: string): string | null {
    const slot = slotOf(key)
    const view = this.#sharedView()
    if (view === null) return null
    if (this.#owners?.view !== view.id) this.#owners = { view: view.id, slots: assignSlots(view.members) }
    return this.#owners.slots[slot] ?? null
  }

  /** Is this process the {@link owner} of the key? */
  owns(key: string): boolean {
    return this.owner(key) === this.#port.self
  }

  /**
   * This process's part of what can be cut in as many equal parts as there are members: its rank, and how many they are.
   * Exactly even, unlike keys, but with every change of the view most of it moves. Null as {@link owner} is.
   */
  get share(): GroupShare | null {
    const view = this.#sharedView()
    const rank = view?.members.indexOf(this.#port.self) ?? -1
    return view === null || rank < 0 ? null : { rank, of: view.members.length }
  }

  /** The view whose members share the work. */
  #sharedView(): GroupView | null {
    const { view } = this.#port
    if (view === null || this.#closed.signal.aborted) return null
    return this.#isConsistent && !view.primary ? null : view
  }

  /** False while a cast would be refused with a `BusyError`, and after the end. */
  get writable(): boolean {
    return this.#port.isWritable
  }

  /**
   * Multicasts a value to the group; it is sent at once, the receipt tells what became of it.
   * Throws ValueError, TooLargeError, BusyError, ClosedError or UsageError; nothing was sent then.
   */
  cast(value: unknown, options?: CastOptions): Receipt {
    return this.#port.cast(value, options)
  }

  /**
   * Asks all members, this one among them: casts a request, which those who `respond` reply to. Resolves when the replies that
   * are asked for are there, with an entry for each member of the view in which the request was delivered: it replied, failed,
   * or left (or, if fewer than all were asked for, is pending).
   *
   * Rejects with NoRepliesError once there cannot be so many replies (never with `all`, the default); with what the predicate
   * throws; as a cast that is not delivered (UnknownOutcomeError, ViewChangedError, NotPrimaryError); UnknownOutcomeError when
   * the group is closed here meanwhile; ValueError, TooLargeError, BusyError (1,024 requests of this process wait), ClosedError,
   * UsageError: nothing was sent then; the signal's reason.
   */
  async request<Value = unknown>(value: unknown, options: RequestOptions<Value> = {}): Promise<Replies<Value>> {
    return (await this.#requests.request(value, options as RequestOptions)) as Replies<Value>
  }

  /**
   * Replies to requests from here on, those of this process and of clients among them: `handler` is called with each as it is delivered, in
   * the group's order, and what it returns, or resolves with, is its reply; what it throws makes this member's entry `failed`.
   * A reply has at most 1 MiB encoded. Returns what ends it; members that do not respond fail with NoHandlerError.
   * Throws UsageError (there is a handler here already).
   */
  respond(handler: RequestHandler): () => void {
    return this.#requests.respond(handler)
  }

  /**
   * Serves calls under the group's name, with all others who do: what `space.serve` says. Clients need not be members.
   */
  async serve(handler: ServiceHandler, options: { readonly signal?: AbortSignal } = {}): Promise<Service> {
    return await this.#tools.serve(this.name, handler, options)
  }

  /** The clients that this member serves now: those of other members are others. Empty without `clients: true`. */
  get clients(): readonly string[] {
    return this.#sponsor?.clients ?? []
  }

  /** Follows the sequence from here on. Ends with the group; throws a LaggedError 10,000 entries behind. */
  [Symbol.asyncIterator](): AsyncIterableIterator<GroupEvent> {
    const iteration = new Iteration<GroupEvent>('group', () => this.#iterations.delete(iteration))
    if (this.#isClosed) iteration.end(null)
    else this.#iterations.add(iteration)
    return iteration
  }

  /** Leaves the group, unless someone else in this process opened it too. */
  close(): Promise<void> {
    const closed = this.#port.close()
    if (this.#port.phase === 'leaving' || this.#port.phase === 'ended') this.#standDown()
    return closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #standDown(): void {
    this.#sponsor?.stop()
    this.#closed.abort(new ClosedError(`group "${this.name}" is closed`))
  }

  /** @internal Called by the replica for each entry. */
  handleEntry(entry: GroupEvent): void {
    for (const iteration of [...this.#iterations]) iteration.push(entry)
    this.dispatchEvent(new GroupEntryEvent(entry))
    this.followers.tell(entry)
  }

  /** @internal The part of its state that is the clients'; null if it takes none. */
  get sponsor(): Sponsor | null {
    return this.#sponsor
  }

  /** @internal A cast of a member. */
  handleCast(value: unknown, info: OpInfo): void {
    const { author, local, n, view, index } = info
    this.#sponsor?.tellCast(info, value)
    const { numbers } = this.followers
    this.handleEntry({ type: 'cast', number: numbers.next(), from: author, local, value, n, view, index })
  }

  /** @internal A request of the group, or what a member casts for clients. */
  handleRequest(value: unknown, info: OpInfo): boolean {
    const sponsor = this.#sponsor
    if (sponsor === null) return this.#requests.deliver(value, info)
    if (!Array.isArray(value)) return false
    const op = value as readonly unknown[]
    if (op[0] === CLIENT_OP.request && op.length === 2) return this.#requests.deliver(op[1], info)
    if (op[0] === CLIENT_OP.leave) return sponsor.takeLeave(op, info)
    if (op[0] !== CLIENT_OP.cast && op[0] !== CLIENT_OP.ask) return false
    const { isGood, cast } = sponsor.takeCast(op, info)
    if (cast === null) return isGood
    const { client, n, via, reply } = cast
    if (reply !== null) {
      this.#requests.deliverOf(cast, reply)
      return true
    }
    const { view, index } = info
    const about = { type: 'cast', number: this.followers.numbers.next(), from: client, via } as const
    this.handleEntry({ ...about, local: client === this.#port.self, value: cast.value, n, view, index })
    return true
  }

  /** @internal A request that the state of this process covers. */
  handleSkipped(info: OpInfo): void {
    this.#requests.skip(info)
  }

  /** @internal A view, after the deliveries of the one before. */
  handleView(view: GroupView): void {
    // What is kept with a state begins with the view that it is of, for those who get both: others are in that already.
    if (view.id === this.#toldView) return
    this.#toldView = view.id
    this.#sponsor?.tellView(view)
    this.handleEntry({ type: 'view', number: this.followers.numbers.next(), view })
    this.#requests.view(view)
  }

  /** @internal The state was replaced, or united with another. */
  handleState(isReplaced: boolean): void {
    if (isReplaced) this.#toldView = null
    this.#sponsor?.tellState(isReplaced)
    this.handleEntry({ type: 'state', number: this.followers.numbers.next() })
  }

  /** @internal A batch of deliveries is over. */
  handleSettle(): void {
    this.#sponsor?.settle()
  }

  /** @internal The group has ended. */
  handleEnd(error: Error | null): void {
    this.#isClosed = true
    this.#requests.end()
    this.#standDown()
    for (const iteration of [...this.#iterations]) iteration.end(error)
    this.followers.end()
    this.dispatchEvent(new Event('close'))
  }

  /** @internal */
  handleWritable(): void {
    this.dispatchEvent(new Event('writable'))
  }
}

/** The kind by which the space opens plain groups. */
export function groupKind(
  options: GroupOpenOptions,
  numbers: EventNumbers,
  tools: GroupTools,
): ObjectKind<Group, GroupOpenOptions> {
  const order = options.order ?? 'causal'
  const consistency = options.consistency ?? (order === 'total' ? 'consistent' : 'available')
  if (!['fifo', 'causal', 'total'].includes(order)) {
    throw new UsageError(`order: ${JSON.stringify(order)} is none; use 'fifo', 'causal' or 'total'`)
  }
  if (consistency !== 'available' && consistency !== 'consistent') {
    throw new UsageError(`consistency: ${JSON.stringify(consistency)} is none; use 'available' or 'consistent'`)
  }
  if (consistency === 'consistent' && order !== 'total') {
    throw new UsageError("consistency: 'consistent' needs order: 'total'")
  }
  const { engine = 'sequencer' } = options
  if (!['sequencer', 'moving', 'round-robin'].includes(engine)) {
    throw new UsageError(`engine: ${JSON.stringify(engine)} is none; use 'sequencer', 'moving' or 'round-robin'`)
  }
  if (engine !== 'sequencer' && order !== 'total') throw new UsageError(`engine: '${engine}' needs order: 'total'`)
  const { domain } = options
  if (domain !== undefined) {
    checkName('domain', domain)
    if (order !== 'total') throw new UsageError(`domain: '${domain}' needs order: 'total'`)
    if (engine !== 'sequencer') {
      throw new UsageError(`domain: '${domain}' has an engine of its own: leave out engine: '${engine}'`)
    }
  }
  const { state, clients = false, clientsKeep = LOG_ENTRIES } = options
  if (state !== undefined && !isStatePort(state)) {
    throw new UsageError('state: an object with the functions `save` and `load`, and perhaps `merge`')
  }
  if (clients && state !== undefined && state.merge === undefined && consistency === 'available')
    throw new UsageError('clients: true needs a state with `merge`, or a consistent group')
  if (!Number.isInteger(clientsKeep) || clientsKeep < 1 || clientsKeep > KEEP_MAX)
    throw new UsageError(`clientsKeep must be a whole number from 1 to ${KEEP_MAX}`)
  const { strong = false } = options
  const isConsistent = consistency === 'consistent'
  const shape: GroupShape = {
    isConsistent,
    clients: clients ? { isStrong: strong, isConsistent, keep: clientsKeep } : null,
  }
  return {
    // Those who take no clients would not understand what is cast for them.
    kind: clients ? 'group with clients' : 'group',
    order,
    uniform: options.uniform ?? false,
    strong,
    consistency,
    engine,
    strict: options.strict ?? false,
    ...(domain === undefined ? {} : { domain }),
    create(port) {
      const handle = new Group(port, numbers, tools, shape)
      return { replica: makeReplica(handle, state), handle }
    },
  }
}

function isStatePort(state: Partial<StatePort> | null): boolean {
  const isMerging = state?.merge === undefined || typeof state.merge === 'function'
  return typeof state?.save === 'function' && typeof state.load === 'function' && isMerging
}

function makeReplica(group: Group, state: StatePort | undefined): Replica {
  const { sponsor } = group
  const merge = state?.merge?.bind(state)
  const isMerging = merge !== undefined || (sponsor !== null && state === undefined)
  return {
    apply(value: unknown, info: OpInfo): boolean {
      group.handleCast(value, info)
      return true
    },
    request: (value, info) => group.handleRequest(value, info),
    skipped: (info) => group.handleSkipped(info),
    view: (view) => group.handleView(view),
    save: () => withClients(sponsor, state?.save() ?? null),
    load(value) {
      const [clients, own] = sponsor === null ? [null, value] : readWithClients(value)
      sponsor?.table.load(clients)
      state?.load(own)
      group.handleState(true)
    },
    ...(isMerging
      ? {
          merge(value: unknown): void {
            const [clients, own] = sponsor === null ? [null, value] : readWithClients(value)
            sponsor?.table.merge(clients)
            merge?.(own)
            group.handleState(false)
          },
        }
      : {}),
    settle: () => group.handleSettle(),
  }
}

/** The state of a group that takes clients has what it remembers of them in front. */
function withClients(sponsor: Sponsor | null, own: unknown): unknown {
  return sponsor === null ? own : [sponsor.table.save(), own]
}

function readWithClients(value: unknown): readonly [clients: unknown, own: unknown] {
  if (!Array.isArray(value) || value.length !== 2) throw new ValueError('malformed state: group with clients', '')
  return [value[0], value[1]]
}
