/**
 * What a request to a group comes to: an entry for each member of one view, gathered until there are as many replies as were
 * asked for. The asker may be a member (`requests.ts`) or a client (`client-requests.ts`).
 */
import { BusyError, ClosedError, UsageError } from '../errors.ts'
import type { GroupView, Mail } from '../objects/replica.ts'
import { nameAndMessage } from '../thrown.ts'
import { NoHandlerError, NoRepliesError, RemoteError } from '../tool-errors.ts'

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
  /** The view in which it was delivered; as a client gets it, without who joined or left. */
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

const PENDING: ReplyEntry = { status: 'pending' }
const LEFT: ReplyEntry = { status: 'left' }

/** The replies to one request, as they come in. */
export class Gathering {
  readonly #group: string
  readonly #options: RequestOptions
  readonly #over: () => void
  readonly #stopListening: () => void
  #resolve: (replies: Replies) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  /** Null before it is known to be delivered. */
  #view: GroupView | null = null
  readonly #entries = new Map<string, ReplyEntry>()
  /** What came before that. */
  #early: { readonly from: string; readonly entry: ReplyEntry }[] = []
  #isOver = false
  /** What it comes to. */
  readonly result: Promise<Replies>

  /** @param over is called once, when nothing more is awaited */
  constructor(group: string, options: RequestOptions, over: () => void) {
    this.#group = group
    this.#options = options
    this.#over = over
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    const { signal } = options
    const onAbort = (): void => this.fail(signal?.reason)
    this.#stopListening = () => signal?.removeEventListener('abort', onAbort)
    signal?.addEventListener('abort', onAbort, { once: true })
  }

  /** The view that it is complete against; null before it is known. */
  get view(): GroupView | null {
    return this.#view
  }

  /** It was delivered in that view. Of those who are gone since nothing more is heard. */
  begin(view: GroupView, isGone: (member: string) => boolean = () => false): void {
    this.#view = view
    for (const member of view.members) this.#entries.set(member, isGone(member) ? LEFT : PENDING)
    for (const { from, entry } of this.#early) if (this.#entries.has(from)) this.#entries.set(from, entry)
    this.#early = []
    this.#check(true)
  }

  /** A member has replied, or never will. */
  hear(from: string, entry: ReplyEntry): void {
    if (this.#view === null) {
      if (!this.#early.some((known) => known.from === from)) this.#early.push({ from, entry })
      return
    }
    if (this.#entries.get(from)?.status !== 'pending') return
    this.#entries.set(from, entry)
    this.#check(entry.status !== 'left')
  }

  /** These are gone. */
  leave(isGone: (member: string) => boolean): void {
    let isNews = false
    for (const [member, { status }] of this.#entries) {
      if (status !== 'pending' || !isGone(member)) continue
      this.#entries.set(member, LEFT)
      isNews = true
    }
    if (isNews) this.#check(false)
  }

  /** What these have said does not count, if it came before the request was delivered. */
  part(isGone: (member: string) => boolean): void {
    this.#early = this.#early.filter(({ from }) => !isGone(from))
    this.leave(isGone)
  }

  /** Is it complete now, or can it not be any more? `isHeard`: a reply has come. */
  #check(isHeard: boolean): void {
    if (this.#isOver) return
    const { replies = 'all' } = this.#options
    let heard = 0
    let pending = 0
    for (const { status } of this.#entries.values()) {
      if (status === 'reply') heard += 1
      else if (status === 'pending') pending += 1
    }
    if (typeof replies === 'function') {
      if (isHeard && heard > 0 && this.#isEnough(replies)) return
      if (pending > 0) return
    } else if (replies === 'all') {
      if (pending === 0) this.#settle()
      return
    } else {
      const wanted = replies === 'first' ? 1 : replies === 'majority' ? Math.floor(this.#entries.size / 2) + 1 : replies
      if (heard >= wanted) return this.#settle()
      if (heard + pending >= wanted) return
    }
    const message = `a request to group "${this.#group}" got ${heard} replies, of which ${describe(replies)} were asked for`
    this.fail(new NoRepliesError(message, { replies: this.#replies() }))
  }

  /** True if it has been asked, and that was the end. */
  #isEnough(isEnough: (replies: Replies) => boolean): boolean {
    try {
      if (!isEnough(this.#replies())) return false
      this.#settle()
    } catch (error) {
      this.fail(error)
    }
    return true
  }

  #settle(): void {
    if (this.#end()) this.#resolve(this.#replies())
  }

  /** Ends it with that error. */
  fail(error: unknown): void {
    if (this.#end()) this.#reject(error)
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#stopListening()
    this.#over()
    return true
  }

  #replies(): Replies {
    if (this.#view === null) throw new TypeError('a request that is not delivered')
    const values: unknown[] = []
    for (const entry of this.#entries.values()) if (entry.status === 'reply') values.push(entry.value)
    return { view: this.#view, entries: new Map(this.#entries), values }
  }
}

function describe(replies: Exclude<RequestOptions['replies'], undefined>): string {
  return typeof replies === 'function' ? 'others' : `${replies}`
}

/** Throws a UsageError unless it is one of those that there are. */
export function checkReplies(replies: RequestOptions['replies']): void {
  if (replies === undefined || typeof replies === 'function') return
  if (replies === 'first' || replies === 'all' || replies === 'majority') return
  if (Number.isInteger(replies) && (replies as number) > 0) return
  throw new UsageError("replies: 'first', 'all', 'majority', a whole number above 0, or a function")
}

/**
 * A reply as it travels, behind the number of its request: `[true, value]`; `[false, name, message]`; `[]`: there is no handler;
 * `[null]`: nothing is heard of it any more, for it was given while the two were apart.
 */
export type ReplyBody = readonly unknown[]

/** It has a state that covers the request, and did not see it. */
export const SKIPPED: ReplyBody = [false, 'SkippedError', 'it was given a state that is one of after the request']
/** It has replied, and was not heard. */
export const UNHEARD: ReplyBody = [null]

/** What a reply of that member is as an entry; null: it is none. */
export function readReply(body: ReplyBody, group: string, from: string): ReplyEntry | null {
  const [ok, value, message] = body
  if (body.length === 0) {
    const error = new NoHandlerError(`a member of group "${group}" has no handler for requests`)
    return { status: 'failed', error }
  }
  if (ok === null && body.length === 1) return LEFT
  if (ok === true && body.length === 2) return { status: 'reply', value }
  if (ok !== false || body.length !== 3 || typeof value !== 'string' || typeof message !== 'string') return null
  return { status: 'failed', error: new RemoteError(message, { process: from, remoteName: value }) }
}

/** What a handler that throws has replied. */
export function failure(error: unknown): ReplyBody {
  return [false, ...nameAndMessage(error)]
}

/** Where a reply goes, and what comes before it in the message. */
export interface ReplyAddress {
  readonly to: string
  readonly address: string
  readonly head: readonly unknown[]
}

/** Sends a reply, unless the asker is out of reach: then it is not heard. `over`: called once it is sent, or never is. */
export function sendReply(mail: Mail, where: ReplyAddress, body: ReplyBody, over: () => void = () => undefined): void {
  const { to, address, head } = where
  if (mail.view?.members.includes(to) === false) return over()
  try {
    mail.send(to, address, [...head, ...body])
  } catch (error) {
    if (error instanceof BusyError) return void mail.after(RETRY_MS, () => sendReply(mail, where, body, over))
    // The name of an error may be no value either.
    if (!(error instanceof ClosedError)) return sendReply(mail, where, failure(error), over)
  }
  over()
}
