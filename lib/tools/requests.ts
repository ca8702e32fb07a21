/**
 * Requests to a group: one cast, in the group's order, and a reply from each member, as a direct message.
 *
 * A request is complete against one view: that in which it is delivered, which is the same at all who get it. Each member of
 * that view ends as one entry: it replied, it failed, or it left, because it is in no later view, or has not come along from
 * one view of the space to the next together with the asker, so that its reply may be lost. What it says after that is not
 * heard. Requests are known by the number of their cast, which is never used again.
 *
 * Those of clients are answered here as well (`client-asks.ts` says to which of them).
 *
 * Source: group RPC of Isis (Birman, Joseph 1987) and of JGroups (`RpcDispatcher`), without their time-outs.
 */
import { BusyError, UnknownOutcomeError, UsageError } from '../errors.ts'
import type { GroupPort, GroupView, OpInfo } from '../objects/replica.ts'
import {
  checkReplies,
  failure,
  Gathering,
  type Replies,
  type ReplyBody,
  type RequestOptions,
  readReply,
  SKIPPED,
  sendReply,
} from './replies.ts'

/** Requests of one process in one group that are under way, at most. */
export const REQUESTS_MAX = 1024

/** What a handler is told besides the request. */
export interface RequestContext {
  /** Who asks. It may be this process. */
  readonly from: string
  /** The view that the request is delivered in. */
  readonly view: GroupView
  /** The member that cast it for `from`, a client of the group (`space.attach`). Absent: `from` is a member. */
  readonly via?: string
}

/** Replies to requests. Called as the request is delivered, in the group's order: what it does before it first awaits is done before the next cast is delivered. */
export type RequestHandler = (value: unknown, context: RequestContext) => unknown

/** The requests of one group, asked and answered. */
export class Requests {
  readonly #port: GroupPort
  /** How a request is cast. */
  readonly #wrap: (request: unknown) => unknown
  readonly #open = new Map<number, Gathering>()
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
  async request(value: unknown, options: RequestOptions): Promise<Replies> {
    const { signal } = options
    checkReplies(options.replies)
    signal?.throwIfAborted()
    if (this.#open.size >= REQUESTS_MAX) throw new BusyError(`${REQUESTS_MAX} requests of this process are under way`)
    this.#listen()
    const { n, delivered } = this.#port.castRequest(this.#wrap(value), signal === undefined ? {} : { signal })
    const gathering = new Gathering(this.#port.name, options, () => this.#open.delete(n))
    this.#open.set(n, gathering)
    delivered.catch((error: unknown) => gathering.fail(error))
    return await gathering.result
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
    this.#answer(value, { from: author, view }, (body) => this.#reply(author, n, body))
    return true
  }

  /** A request of a client, which `via` has cast; what is to be said to it goes to `reply`. */
  deliverOf(
    { client, via, value }: { readonly client: string; readonly via: string; readonly value: unknown },
    reply: (body: ReplyBody) => void,
  ): void {
    const { view } = this.#port
    if (view !== null) this.#answer(value, { from: client, view, via }, reply)
  }

  /** One was delivered while this process waited for a state, which covers it: the handler does not see it. */
  skip({ author, n }: OpInfo): void {
    if (author === this.#port.self)
      this.#open.get(n)?.fail(new UnknownOutcomeError('the request came before the state of its asker'))
    this.#reply(author, n, SKIPPED)
  }

  #begin(n: number, view: GroupView, id: string): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    if (view.id === id) open.begin(view)
    else open.fail(new UnknownOutcomeError('the request was delivered after its view'))
  }

  #answer(value: unknown, context: RequestContext, reply: (body: ReplyBody) => void): void {
    if (this.#handler === null) return reply([])
    try {
      const result = this.#handler(value, context)
      if (!isThenable(result)) return reply([true, result])
      Promise.resolve(result).then(
        (settled) => reply([true, settled]),
        (error: unknown) => reply(failure(error)),
      )
    } catch (error) {
      reply(failure(error))
    }
  }

  #reply(to: string, n: number, body: ReplyBody): void {
    sendReply(this.#port.mail, { to, address: this.#port.name, head: [n] }, body)
  }

  /** A view of the group, after the deliveries of the one before. */
  view(view: GroupView): void {
    const members = new Set(view.members)
    for (const open of [...this.#open.values()]) open.leave((member) => !members.has(member))
  }

  #part(parted: readonly string[]): void {
    for (const open of [...this.#open.values()]) open.part((member) => parted.includes(member))
  }

  // What is heard

  #hear(from: string, reply: unknown): void {
    if (!Array.isArray(reply)) return this.#port.fault('bad-reply', { group: this.#port.name, from })
    const [n, ...body] = reply as [unknown, ...unknown[]]
    // One that is over, or never was.
    const open = typeof n === 'number' ? this.#open.get(n) : undefined
    if (open === undefined) return
    const entry = readReply(body, this.#port.name, from)
    if (entry === null) this.#port.fault('bad-reply', { group: this.#port.name, from })
    else open.hear(from, entry)
  }

  /** The group has ended here. */
  end(): void {
    this.#stopListening?.()
    for (const open of [...this.#open.values()]) {
      // Of the others, their receipts tell.
      if (open.view !== null)
        open.fail(new UnknownOutcomeError(`group "${this.#port.name}" was closed while a request was under way`))
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}
