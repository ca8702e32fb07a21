/**
 * A group as a client holds it: cast into it, and follow its sequence, without being a member.
 */
import { ClosedError, GroupMismatchError, UsageError } from './errors.ts'
import { type EventNumbers, Followers, type NumberedEvent, type NumberedSource } from './event-numbers.ts'
import type { GroupEvent } from './group.ts'
import { TypedTarget } from './objects/events.ts'
import { Iteration } from './objects/iteration.ts'
import type { CastOptions, GroupView, Mail, Receipt } from './objects/replica.ts'
import { CastReceipt } from './receipt.ts'
import { Attachment, type Legacy, nobodyError } from './tools/attachment.ts'
import { ClientRequests } from './tools/client-requests.ts'
import type { FedCast, GapReason } from './tools/client-words.ts'
import type { Replies, RequestOptions } from './tools/replies.ts'
import type { ServiceCallOptions } from './tools/service-client.ts'

/** How long `close` waits for what is under way, in ms. */
const CLOSE_MS = 5_000

/** How a client attaches. */
export interface AttachOptions {
  /** False: it is told of views only, not of casts. Default true. */
  readonly follow?: boolean
  /** Gives up waiting for a member. */
  readonly signal?: AbortSignal
}

/**
 * One entry of what a client is told, in the order of the member that serves it: the group's casts, views and states; or that
 * there is a gap. `behind`: what came between the entry before and the next one is kept by no member any more. `parted`: the
 * last casts that it was told died with the member that told them, and the others have not got them.
 */
export type ClientEvent = GroupEvent | (NumberedEvent & { readonly type: 'gap'; readonly reason: GapReason })

/** A `ClientEvent` as a DOM event: `cast`, `view`, `state` or `gap`. */
export class ClientEntryEvent<Entry extends ClientEvent = ClientEvent> extends Event {
  readonly entry: Entry

  constructor(entry: Entry) {
    super(entry.type)
    this.entry = entry
  }
}

/** The events of a client. */
export interface GroupClientEvents {
  readonly cast: ClientEntryEvent<Extract<ClientEvent, { type: 'cast' }>>
  readonly view: ClientEntryEvent<Extract<ClientEvent, { type: 'view' }>>
  readonly state: ClientEntryEvent<Extract<ClientEvent, { type: 'state' }>>
  readonly gap: ClientEntryEvent<Extract<ClientEvent, { type: 'gap' }>>
  /** `client.sponsor` has changed: another member serves it, or none does now. */
  readonly sponsor: Event
  /** `client.writable` is true again. */
  readonly writable: Event
  readonly close: Event
}

/** What a client needs of its space. */
export interface ClientTools {
  readonly numbers: EventNumbers
  fault(code: string, from: string): void
  call(value: unknown, options?: ServiceCallOptions): Promise<unknown>
}

/** What a client is made of. */
export interface GroupClientParts extends AttachOptions {
  readonly tools: ClientTools
  readonly legacy: Legacy
}

/** A group, in the hands of a process that is not a member. */
export class GroupClient
  extends TypedTarget<GroupClientEvents>
  implements AsyncIterable<ClientEvent>, NumberedSource<ClientEvent>
{
  readonly name: string
  /** @internal */
  readonly followers: Followers<ClientEvent>
  /** @internal Resolves when a member serves it first. */
  readonly ready: Promise<void>
  /** @internal Resolves at its end. */
  readonly closed: Promise<void>
  readonly #mail: Mail
  readonly #tools: ClientTools
  readonly #isFollowing: boolean
  readonly #attachment: Attachment
  readonly #iterations = new Set<Iteration<ClientEvent>>()
  readonly #receipts = new Map<number, CastReceipt>()
  readonly #requests: ClientRequests
  /** What was cast, requests among it, and is not held by all. */
  readonly #underWay = new Set<number>()
  #view: GroupView | null = null
  #refs = 1
  #isClosed = false
  #isClosing = false
  #becomeReady: () => void = () => undefined
  #fail: (error: Error) => void = () => undefined
  #becomeClosed: () => void = () => undefined
  /** Called when nothing is under way any more. */
  #settled: (() => void) | null = null

  /** Use `space.attach`. */
  constructor(name: string, mail: Mail, { follow = true, legacy, tools }: GroupClientParts) {
    super()
    this.name = name
    this.#mail = mail
    this.#tools = tools
    this.#isFollowing = follow
    this.#requests = new ClientRequests(name)
    this.followers = new Followers(tools.numbers)
    this.ready = new Promise((resolve, reject) => {
      this.#becomeReady = resolve
      this.#fail = reject
    })
    // Whoever gave up waiting has been told already.
    this.ready.catch(() => undefined)
    this.closed = new Promise((resolve) => {
      this.#becomeClosed = resolve
    })
    this.#attachment = new Attachment(name, mail, { isFollowing: follow, legacy, events: this.#events() })
  }

  #events(): ConstructorParameters<typeof Attachment>[2]['events'] {
    const { numbers } = this.#tools
    return {
      attached: (sponsor) => {
        if (sponsor !== null) this.#becomeReady()
        this.dispatchEvent(new Event('sponsor'))
      },
      nobody: () => {
        this.#fail(nobodyError(this.name))
        this.#requests.nobody()
      },
      cast: (cast, value) => this.#tellCast(cast, value),
      view: (view) => {
        this.#view = view
        this.#requests.grouped(view)
        this.#tell({ type: 'view', number: numbers.next(), view })
      },
      state: () => this.#tell({ type: 'state', number: numbers.next() }),
      gap: (reason) => this.#tell({ type: 'gap', number: numbers.next(), reason }),
      told: (n, delivered) => {
        this.#receipts.get(n)?.markDelivered()
        if (delivered !== null) this.#requests.told(n, delivered)
      },
      reply: (from, n, body) => this.#requests.hear(from, n, body),
      viewed: (view, parted) => this.#requests.viewed(view, parted),
      waits: () => this.#requests.lowest,
      held: (n) => {
        this.#receipts.get(n)?.markDelivered()
        this.#receipts.get(n)?.markStable()
        this.#end(n)
      },
      failed: (n, error) => {
        this.#receipts.get(n)?.fail(error)
        this.#requests.fail(n, error)
        this.#end(n)
      },
      room: () => this.dispatchEvent(new Event('writable')),
      fault: (code, from) => this.#tools.fault(code, from),
    }
  }

  /** @internal It ends when what it has cast is held by all. */
  get isClosing(): boolean {
    return this.#isClosing
  }

  /** @internal Where the next client of this process goes on. */
  get legacy(): Legacy {
    return this.#attachment.legacy
  }

  /** The last view of the group that this client was told; null before the first. */
  get view(): GroupView | null {
    return this.#view
  }

  /** The member that serves this client; null while one is looked for, and after the end. */
  get sponsor(): string | null {
    return this.#isClosed ? null : this.#attachment.sponsor
  }

  /** False while a cast would be refused with a `BusyError`, and after the end. */
  get writable(): boolean {
    return !this.#isClosing && this.#attachment.isWritable
  }

  /**
   * Casts a value into the group. `delivered` resolves when the member that serves this client has delivered it, `stable` when
   * every member of its view of the group holds it, or who goes on from that with it; in a consistent group, in the primary
   * component. Both reject with UnknownOutcomeError (closed meanwhile; or the members have forgotten
   * this client, which was away; or, in a `strong` group, a sponsor before may have cast it), ViewChangedError (in a `strong`
   * group: not cast in the view that was `client.view`), the
   * signal's reason (taken back while it waited here), or ClosedError. `n` counts this client's casts in this group.
   * Throws ValueError, TooLargeError (512 KiB), BusyError (256 casts, or 4 MiB, that not all members hold), ClosedError, UsageError:
   * nothing was sent then.
   */
  cast(value: unknown, { signal, service }: CastOptions = {}): Receipt {
    signal?.throwIfAborted()
    if (this.#isClosing) throw new ClosedError(`the client of "${this.name}" is closed`)
    if (service !== undefined && service !== 'gbcast')
      throw new UsageError(`service: ${JSON.stringify(service)} is none; use 'gbcast', or leave it out`)
    const { n, size } = this.#attachment.cast(value, service === 'gbcast' ? 'gbcast' : 'cast')
    this.#underWay.add(n)
    const receipt = new CastReceipt(n, this.name, size)
    this.#receipts.set(n, receipt)
    if (signal !== undefined)
      receipt.listenForAbort(signal, () => {
        if (!this.#attachment.cancel(n)) return
        receipt.fail(signal.reason)
        this.#end(n)
      })
    return receipt
  }

  /**
   * Asks all members: what `group.request` says, for a process that is none. Resolves when the replies that are asked for are
   * there, with an entry for each member of the view in which the request was delivered; no member carries it out twice, whoever
   * of those that serve this client dies meanwhile.
   *
   * Rejects with NoRepliesError once there cannot be so many replies (never with `all`, the default); with what the predicate
   * throws; ViewChangedError (in a `strong` group); UnknownOutcomeError (the client is closed meanwhile; or nobody knows any more
   * whether it was delivered, or where); ValueError, TooLargeError (512 KiB), BusyError (256 requests of this client, or as many
   * casts as `cast` says, are under way), ClosedError, UsageError: nothing was sent then; the signal's reason.
   */
  async request<Value = unknown>(value: unknown, options: RequestOptions<Value> = {}): Promise<Replies<Value>> {
    if (this.#isClosing) throw new ClosedError(`the client of "${this.name}" is closed`)
    const cast = (): number => {
      const { n } = this.#attachment.cast(value, 'request')
      this.#underWay.add(n)
      return n
    }
    const cancel = (n: number): void => {
      if (this.#attachment.cancel(n)) this.#end(n)
    }
    return (await this.#requests.request(options as RequestOptions, { cast, cancel })) as Replies<Value>
  }

  /** Calls those who serve under the group's name (`group.serve`): what the `call` of `space.client` says. */
  async call<Value = unknown>(value: unknown, options?: ServiceCallOptions): Promise<Value> {
    return (await this.#tools.call(value, options)) as Value
  }

  /** Follows what this client is told from here on. Ends with it; throws a LaggedError 10,000 entries behind. */
  [Symbol.asyncIterator](): AsyncIterableIterator<ClientEvent> {
    const iteration = new Iteration<ClientEvent>('client', () => this.#iterations.delete(iteration))
    if (this.#isClosed) iteration.end(null)
    else this.#iterations.add(iteration)
    return iteration
  }

  /**
   * Is told nothing more, and casts nothing more, once it was closed as often as it was opened. Resolves when what it has cast
   * is held by all, or 5 s have passed: what is under way then ends as unknown.
   */
  async close(): Promise<void> {
    this.#refs -= 1
    if (this.#refs > 0 || this.#isClosing) return
    this.#isClosing = true
    if (this.#underWay.size > 0 && !this.#isClosed)
      await new Promise<void>((resolve) => {
        const cancel = this.#mail.after(CLOSE_MS, resolve)
        this.#settled = () => {
          cancel()
          resolve()
        }
      })
    this.handleEnd()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #tellCast({ from, n, view, index, via }: FedCast, value: unknown): void {
    const about = { type: 'cast', number: this.#tools.numbers.next(), from, local: from === this.#mail.self } as const
    this.#tell({ ...about, value, n, view, index, ...(via === null ? {} : { via }) })
  }

  #tell(entry: ClientEvent): void {
    if (this.#isClosing) return
    for (const iteration of [...this.#iterations]) iteration.push(entry)
    this.dispatchEvent(new ClientEntryEvent(entry))
    this.followers.tell(entry)
  }

  #end(n: number): void {
    this.#receipts.delete(n)
    this.#underWay.delete(n)
    if (this.#underWay.size === 0) this.#settled?.()
  }

  /** @internal It is opened once more. Throws a GroupMismatchError for other options. */
  retain({ follow = true }: AttachOptions): void {
    if (follow !== this.#isFollowing)
      throw new GroupMismatchError(`"${this.name}" is attached here with other options: use the same ones`)
    this.#refs += 1
  }

  /** @internal The space has closed, or nobody holds it any more. */
  handleEnd(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isClosing = true
    this.#attachment.end()
    this.#requests.end()
    this.#fail(new ClosedError(`the client of "${this.name}" is closed`))
    for (const iteration of [...this.#iterations]) iteration.end(null)
    this.followers.end()
    this.#settled?.()
    this.#becomeClosed()
    this.dispatchEvent(new Event('close'))
  }
}
