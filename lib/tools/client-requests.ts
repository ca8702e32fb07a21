/**
 * The requests of a client to its group: what `requests.ts` is to members.
 *
 * A request is a cast of the client, and goes its way: to the member that serves it, to another one again if that is gone. Which
 * view it was delivered in, the group remembers; whoever serves the client says so. The replies come from the members
 * themselves. A member has left for the client when a later view of the group is without it, when it is in none that the one who
 * tells of the delivery is in by then, or when it and the client have parted since.
 */
import { BusyError, UnknownOutcomeError } from '../errors.ts'
import type { GroupView, MailView } from '../objects/replica.ts'
import { CLIENT_REQUESTS_MAX, compareViews, type Delivered, epochOf } from './client-words.ts'
import { checkReplies, Gathering, type Replies, type ReplyBody, type RequestOptions, readReply } from './replies.ts'

/** Processes that have parted from this one, of whom that is remembered. */
const PARTED_MAX = 4_096

/** One that is under way. */
interface Open {
  readonly gathering: Gathering
  /** How many views of the space there had been when it was made: who parted from this process before has not left it. */
  readonly since: number
  /** The view in which it was told of last; null before that. */
  within: string | null
}

/** The requests of one client. */
export class ClientRequests {
  readonly #group: string
  readonly #open = new Map<number, Open>()
  /** Views of the space. */
  #views = 0
  /** In which of those they parted from this process last, by its place among them and by its epoch. */
  readonly #parted = new Map<string, { readonly place: number; readonly epoch: number }>()

  constructor(group: string) {
    this.#group = group
  }

  /** The lowest number that is under way; null: none is. */
  get lowest(): number | null {
    for (const n of this.#open.keys()) return n
    return null
  }

  /** See `client.request`. `cast` gives its number; `cancel` takes it back, if it was given to nobody. */
  async request(
    options: RequestOptions,
    { cast, cancel }: { cast(): number; cancel(n: number): void },
  ): Promise<Replies> {
    checkReplies(options.replies)
    options.signal?.throwIfAborted()
    if (this.#open.size >= CLIENT_REQUESTS_MAX)
      throw new BusyError(`${CLIENT_REQUESTS_MAX} requests of this client are under way`)
    const n = cast()
    const gathering = new Gathering(this.#group, options, () => {
      this.#open.delete(n)
      if (this.#open.size === 0) this.#parted.clear()
      cancel(n)
    })
    this.#open.set(n, { gathering, since: this.#views, within: null })
    return await gathering.result
  }

  /** It was delivered, as the member that serves this client says. */
  told(n: number, { view, within }: Delivered): void {
    const open = this.#open.get(n)
    if (open === undefined) return
    open.within = within.id
    const there = new Set(within.members)
    const hasParted = ({ place, epoch }: { place: number; epoch: number }): boolean =>
      place > open.since && epoch > epochOf(within.id)
    const isGone = (member: string): boolean => {
      const parted = this.#parted.get(member)
      return !there.has(member) || (parted !== undefined && hasParted(parted))
    }
    if (open.gathering.view !== null) return open.gathering.leave(isGone)
    if (view !== null) return open.gathering.begin(view, isGone)
    const message = `a request to group "${this.#group}" was delivered in a view that nobody knows any more`
    open.gathering.fail(new UnknownOutcomeError(message))
  }

  /** A member says what has come of one there. False: that makes no sense. */
  hear(from: string, n: number, body: ReplyBody): boolean {
    const open = this.#open.get(n)
    if (open === undefined) return true
    const entry = readReply(body, this.#group, from)
    if (entry !== null) open.gathering.hear(from, entry)
    return entry !== null
  }

  /** There is a view of the space. */
  viewed({ id }: MailView, parted: readonly string[]): void {
    this.#views += 1
    if (this.#open.size === 0) return
    for (const process of parted) {
      this.#parted.delete(process)
      this.#parted.set(process, { place: this.#views, epoch: epochOf(id) })
    }
    for (const process of [...this.#parted.keys()].slice(0, Math.max(0, this.#parted.size - PARTED_MAX)))
      this.#parted.delete(process)
    for (const { gathering } of [...this.#open.values()]) gathering.leave((member) => parted.includes(member))
  }

  /** There is a view of the group. What was told of by somebody who is beyond it is not concerned. */
  grouped({ id, members }: GroupView): void {
    for (const { gathering, within } of [...this.#open.values()])
      if (within !== null && compareViews(id, within) > 0) gathering.leave((member) => !members.includes(member))
  }

  /** Nobody in this view of the space is a member. */
  nobody(): void {
    for (const { gathering } of [...this.#open.values()]) gathering.leave(() => true)
  }

  /** Its cast has failed. */
  fail(n: number, error: Error): void {
    this.#open.get(n)?.gathering.fail(error)
  }

  /** The client has ended. */
  end(): void {
    const message = `the client of "${this.#group}" was closed while a request was under way`
    for (const { gathering } of [...this.#open.values()]) gathering.fail(new UnknownOutcomeError(message))
  }
}
