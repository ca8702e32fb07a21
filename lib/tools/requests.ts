/**
 * Requests to a group: one cast, in the group's order, and a reply from each member, as a direct message.
 *
 * A request is complete against one view: that in which it is delivered, which is the same at all who get it. Each member of
 * that view ends as one entry: it replied, it failed, or it left, because it is in no later view, or has not come along from
 * one view of the space to the next together with the asker, so that its reply may be lost. What it says after that is not
 * heard. Requests are known by the number of their cast, which is never used again.
 *
 * Source: group RPC of Isis (Birman, Joseph 1987) and of JGroups (`RpcDispatcher`), without their time-outs.
 */
import { BusyError, ClosedError, UnknownOutcomeError, UsageError } from '../errors.ts'
import type { GroupPort, GroupView, OpInfo } from '../objects/replica.ts'
import { NoHandlerError, NoRepliesError, RemoteError } from '../tool-errors.ts'

/** Requests of one process in one group that are under way, at most. */
export const REQUESTS_MAX = 1024
/** Before a reply is sent again that found no room, in ms. */
const RETRY_MS = 50

/** What has become of a request at one member. */
export type ReplyEntry<Value = unknown> =
  | { readonly status: 'reply'; readonly value: Value }
  /** It left, or was cut off, and had not replied. */
  | { readonly status: 'left' }
  /** It has no handler, or that threw. */
  | { readonly status: 'failed'; readonly error: NoHandlerError | RemoteError }
  /** It may still reply: only where fewer replies were asked for than there are members. */
  | { readonly status: 'pending' }

/** What a request came to. */
export interface Replies<Value = unknown> {
  /** The view in which it was delivered. */
  readonly view: GroupView
  /** By member of that view, in the order of its ranks; one for each. */
  readonly entries: ReadonlyMap<string, ReplyEntry<Value>>
  /** Of those who replied, in the order of their ranks. */
  readonly values: readonly Value[]
}

/** How a request is made. */
export interface RequestOptions<Value = unknown> {
  /**
   * When it is complete. `all`: no entry is pending (the default); `first`, a number, `majority` (more than half of the view):
   * so many members have replied; a function: it is called after each reply, and says so.
   */
  readonly replies?: 'first' | 'all' | 'majority' | number | ((replies: Replies<Value>) => boolean)
  /** Ends the wait; takes the request back if it is still unsent. */
  readonly signal?: AbortSignal
}

/** What a handler is told besides the request. */
export interface RequestContext {
  /** Who asks. It may be this process. */
  readonly from: string
  /** The view that the request is delivered in. */
  readonly view: GroupView
}

/** Replies to requests. Called as the request is delivered, in the group's order: what it does before it first awaits is done before the next cast is delivered. */
export type RequestHandler = (value: unknown, context: RequestContext) => unknown

interface Open {
  readonly options: RequestOptions
  readonly resolve: (replies: Replies) => void
  readonly reject: (error: unknown) => void
  readonly stopListening: () => void
  /** Null before it is delivered. */
  view: GroupView | null
  readonly entries: Map<string, ReplyEntry>
  /** What came before it was delivered here. */
  early: { readonly from: string; readonly entry: ReplyEntry }[]
}

const PENDING: ReplyEntry = { status: 'pending' }
const LEFT: ReplyEntry = { status: 'left' }

/** How a reply is written: `[n, true, value]`, `[n, false, name, message]`, or `[n]`: there is no handler. */
type Reply = readonly unknown[]

/** The requests of one group, asked and answered. */
export class Requests {
  readonly #port: GroupPort
  /** How a request is cast. */
  readonly #wrap: (request: unknown) => unknown
  readonly #open = new Map<number, Open>()
  #handler: RequestHandler | null = null
  #stopListening: (() => void) | null = null

  constructor(port: GroupPort, wrap: (request: unknown) => unknown = (request) => request) {
    this.#port = port
    this.#wrap = wrap
  }

  /** See `group.respond`. */
  respond(handler: RequestHandler): () => void {
    if (typeof handler !== 'function') throw new UsageError('respond(handler): the handler is a function')
    if (this.#handler !== null)
      throw new UsageError(`group "${this.#port.name}" has a handler for requests here already`)
    this.#handler = handler
    return () => {
      if (this.#handler === handler) this.#handler = null
    }
  }

  /** See `group.request`. */
  request(value: unknown, options: RequestOptions): Promise<Replies> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      checkReplies(options.replies)
      signal?.throwIfAborted()
      if (this.#open.size >= REQUESTS_MAX) throw new BusyError(`${REQUESTS_MAX} requests of this process are under way`)
      this.#listen()
      const { n, delivered } = this.#port.castRequest(this.#wrap(value), signal === undefined ? {} : { signal })
      const onAbort = (): void => this.#fail(n, signal?.reason)
      const stopListening = (): void => signal?.removeEventListener('abort', onAbort)
      const open: Open = { options, resolve, reject, stopListening, view: null, entries: new Map(), early: [] }
      this.#open.set(n, open)
      signal?.addEventListener('abort', onAbort, { once: true })
      delivered.catch((error: unknown) => this.#fail(n, error))
    })
  }

  #listen(): void {
    this.#stopListening ??= this.#port.mail.listen(this.#port.name, {
      message: (from, reply) => this.#hear(from, reply),
      viewed: (_, parted) => this.#part(parted),
    })
  }

  // What is delivered

  /** A request of the group. */
  deliver(value: unknown, { author, n, view: id }: OpInfo): boolean {
    const { view } = this.#port
    if (view === null) return false
    if (author === this.#port.self) this.#begin(n, view, id)
    this.#answer(value, { from: author, view }, n)
    return true
  }

  /** One was delivered while this process waited for a state, which covers it: the handler does not see it. */
  skip({ author, n }: OpInfo): void {
    if (author === this.#port.self)
      this.#fail(n, new UnknownOutcomeError('the request came before the state of its asker'))
    this.#reply(author, [n, false, 'SkippedError', 'it was given a state that is one of after the request'])
  }

  #begin(n: number, view: GroupView, id: string): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    if (view.id !== id) return this.#fail(n, new UnknownOutcomeError('the request was delivered after its view'))
    open.view = view
    for (const member of view.members) open.entries.set(member, PENDING)
    for (const { from, entry } of open.early) if (open.entries.has(from)) open.entries.set(from, entry)
    open.early = []
    this.#check(n, open, true)
  }

  #answer(value: unknown, context: RequestContext, n: number): void {
    const { from } = context
    if (this.#handler === null) return this.#reply(from, [n])
    try {
      const result = this.#handler(value, context)
      if (!isThenable(result)) return this.#reply(from, [n, true, result])
      Promise.resolve(result).then(
        (settled) => this.#reply(from, [n, true, settled]),
        (error: unknown) => this.#reply(from, failure(n, error)),
      )
    } catch (error) {
      this.#reply(from, failure(n, error))
    }
  }

  #reply(to: string, reply: Reply): void {
    const { mail } = this.#port
    if (mail.view?.members.includes(to) === false) return
    try {
      mail.send(to, this.#port.name, reply)
    } catch (error) {
      if (error instanceof ClosedError) return
      if (error instanceof BusyError) mail.after(RETRY_MS, () => this.#reply(to, reply))
      // The name of an error may be no value either.
      else this.#reply(to, failure(reply[0] as number, error))
    }
  }

  /** A view of the group, after the deliveries of the one before. */
  view(view: GroupView): void {
    const members = new Set(view.members)
    for (const [n, open] of [...this.#open]) this.#leave(n, open, (member) => !members.has(member))
  }

  #part(parted: readonly string[]): void {
    for (const [n, open] of [...this.#open]) {
      open.early = open.early.filter(({ from }) => !parted.includes(from))
      this.#leave(n, open, (member) => parted.includes(member))
    }
  }

  #leave(n: number, open: Open, isGone: (member: string) => boolean): void {
    let isNews = false
    for (const [member, { status }] of open.entries) {
      if (status !== 'pending' || !isGone(member)) continue
      open.entries.set(member, LEFT)
      isNews = true
    }
    if (isNews) this.#check(n, open, false)
  }

  // What is heard

  #hear(from: string, reply: unknown): void {
    if (!Array.isArray(reply)) return this.#port.fault('bad-reply', { group: this.#port.name, from })
    const [n] = reply as [unknown]
    // One that is over, or never was.
    const open = typeof n === 'number' ? this.#open.get(n) : undefined
    if (open === undefined) return
    const entry = this.#read(from, reply)
    if (entry === null) return this.#port.fault('bad-reply', { group: this.#port.name, from })
    if (open.view === null) {
      if (!open.early.some((known) => known.from === from)) open.early.push({ from, entry })
      return
    }
    if (open.entries.get(from)?.status !== 'pending') return
    open.entries.set(from, entry)
    this.#check(n as number, open, true)
  }

  #read(from: string, reply: Reply): ReplyEntry | null {
    const [, ok, value, message] = reply
    if (reply.length === 1) {
      const error = new NoHandlerError(`a member of group "${this.#port.name}" has no handler for requests`)
      return { status: 'failed', error }
    }
    if (ok === true && reply.length === 3) return { status: 'reply', value }
    if (ok !== false || reply.length !== 4 || typeof value !== 'string' || typeof message !== 'string') return null
    return { status: 'failed', error: new RemoteError(message, { process: from, remoteName: value }) }
  }

  /** Is it complete now, or can it not be any more? `isHeard`: a reply has come. */
  #check(n: number, open: Open, isHeard: boolean): void {
    const { replies = 'all' } = open.options
    let heard = 0
    let pending = 0
    for (const { status } of open.entries.values()) {
      if (status === 'reply') heard += 1
      else if (status === 'pending') pending += 1
    }
    if (typeof replies === 'function') {
      if (isHeard && heard > 0 && this.#isEnough(n, open, replies)) return
      if (pending > 0) return
    } else if (replies === 'all') {
      if (pending === 0) this.#settle(n, open)
      return
    } else {
      const wanted = replies === 'first' ? 1 : replies === 'majority' ? Math.floor(open.entries.size / 2) + 1 : replies
      if (heard >= wanted) return this.#settle(n, open)
      if (heard + pending >= wanted) return
    }
    const message = `a request to group "${this.#port.name}" got ${heard} replies, of which ${describe(replies)} were asked for`
    this.#fail(n, new NoRepliesError(message, { replies: repliesOf(open) }))
  }

  /** True if it has been asked, and that was the end. */
  #isEnough(n: number, open: Open, isEnough: (replies: Replies) => boolean): boolean {
    if (!this.#open.has(n)) return true
    try {
      if (!isEnough(repliesOf(open))) return false
      this.#settle(n, open)
    } catch (error) {
      this.#fail(n, error)
    }
    return true
  }

  #settle(n: number, open: Open): void {
    this.#open.delete(n)
    open.stopListening()
    open.resolve(repliesOf(open))
  }

  #fail(n: number, error: unknown): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    this.#open.delete(n)
    open.stopListening()
    open.reject(error)
  }

  /** The group has ended here. */
  end(): void {
    this.#stopListening?.()
    for (const [n, { view }] of [...this.#open]) {
      // Of the others, their receipts tell.
      if (view !== null)
        this.#fail(n, new UnknownOutcomeError(`group "${this.#port.name}" was closed while a request was under way`))
    }
  }
}

function repliesOf({ view, entries }: Open): Replies {
  if (view === null) throw new TypeError('a request that is not delivered')
  const values: unknown[] = []
  for (const entry of entries.values()) if (entry.status === 'reply') values.push(entry.value)
  return { view, entries: new Map(entries), values }
}

function failure(n: number, error: unknown): Reply {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
  return [n, false, `${name}`.slice(0, 256), `${message}`.slice(0, 4096)]
}

function describe(replies: Exclude<RequestOptions['replies'], undefined>): string {
  return typeof replies === 'function' ? 'others' : `${replies}`
}

function checkReplies(replies: RequestOptions['replies']): void {
  if (replies === undefined || typeof replies === 'function') return
  if (replies === 'first' || replies === 'all' || replies === 'majority') return
  if (Number.isInteger(replies) && (replies as number) > 0) return
  throw new UsageError("replies: 'first', 'all', 'majority', a whole number above 0, or a function")
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
