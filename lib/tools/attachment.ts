/**
 * A client's side of a group: it finds a member to attach to (`sponsor-search.ts`), gives it its casts (`own-client-casts.ts`),
 * and follows what that is told (`followed.ts`).
 *
 * What it has cast is kept here until every member of the group holds it; when the member that serves it is gone, has parted
 * from this process, or closes the group, all of that goes to another one, under the same numbers. What it was told it
 * remembers by sender, so that it is told once, whoever tells it. If no member can go on from where it was, it is told of a gap.
 */
import { BusyError, ClosedError } from '../errors.ts'
import { isCount } from '../objects/checks.ts'
import type { Mail, MailView } from '../objects/replica.ts'
import { NoHandlerError } from '../tool-errors.ts'
import { decodeValue } from '../values.ts'
import {
  attachedAddress,
  type Delivered,
  epochOf,
  FEED_WINDOW,
  readDelivered,
  readFedCast,
  sponsorAddress,
  TO_ATTACHED,
  TO_SPONSOR,
  type WireEntry,
} from './client-words.ts'
import { Followed, type FollowedBefore, type FollowedEvents } from './followed.ts'
import { type CastsBefore, type OwnCastEvents, OwnClientCasts, type OwnService } from './own-client-casts.ts'
import type { ReplyBody } from './replies.ts'
import { JOINING_MS, SponsorSearch } from './sponsor-search.ts'

/** Before what found no room is tried again, in ms. */
const RETRY_MS = 50

/** What a client is told of its group. */
export interface AttachmentEvents extends FollowedEvents, OwnCastEvents {
  /** A member serves it, or no longer: then another one is looked for. */
  attached(sponsor: string | null): void
  /** Nobody in this view of the space is a member of such a group. */
  nobody(): void
  /** The member that serves this client has delivered the cast, of a request: there. */
  told(n: number, delivered: Delivered | null): void
  /** A member says what has come of a request there. False: that makes no sense. */
  reply(from: string, n: number, body: ReplyBody): boolean
  /** There is a view of the space. */
  viewed(view: MailView, parted: readonly string[]): void
  /** The lowest number of its requests that it waits for; null: none. */
  waits(): number | null
  fault(code: string, from: string): void
}

/**
 * What a client leaves to the next one of its process. Members remember its numbers; and what was under way is brought to its
 * end, for a cast that comes behind it would else be told without it at some members, and after it at others. What it was told
 * is left as well, for those casts come after it.
 */
export interface Legacy extends CastsBefore, FollowedBefore {
  /** The number of its last session. */
  readonly session: number
}

/** What a first client is left. */
export const NO_LEGACY: Legacy = {
  ...{ last: 0, good: 0, heldIn: null, session: 0, own: [], views: [] },
  ...{ members: new Map(), clients: new Map() },
}

/** How it follows. */
export interface AttachmentOptions {
  readonly legacy: Legacy
  /** Casts and states, not the views alone. */
  readonly isFollowing: boolean
}

/** The link between one client and the group that it is attached to. */
export class Attachment {
  readonly #group: string
  readonly #mail: Mail
  readonly #events: AttachmentEvents
  readonly #isFollowing: boolean
  readonly #stopListening: () => void
  readonly #search: SponsorSearch
  readonly #casts: OwnClientCasts
  readonly #followed: Followed
  /** The member that serves this client, or is asked to; null: one is looked for. */
  #sponsor: string | null = null
  #isAttached = false
  #session = 0
  #isRetrying = false
  #isEnded = false
  #born = 0
  #received = 0
  #acked = 0
  #unackedBytes = 0
  #pieces: Uint8Array[] = []

  constructor(
    group: string,
    mail: Mail,
    { events, isFollowing, legacy }: AttachmentOptions & { readonly events: AttachmentEvents },
  ) {
    this.#group = group
    this.#mail = mail
    this.#events = events
    this.#isFollowing = isFollowing
    this.#session = legacy.session
    this.#casts = new OwnClientCasts(group, events, legacy)
    this.#followed = new Followed(events, legacy)
    this.#search = new SponsorSearch({
      mail,
      post: (to, message) => this.#post(to, message),
      retry: (ms) => this.#retry(ms),
      nobody: () => events.nobody(),
    })
    this.#stopListening = mail.listen(attachedAddress(group), {
      message: (from, message) => this.#hear(from, message),
      viewed: (view, parted) => this.#viewed(view, parted),
      bouncesOf: sponsorAddress(group),
      bounced: (from) => this.#notThere(from, false),
    })
    this.#drive()
  }

  /** The member that serves this client; null: one is looked for. */
  get sponsor(): string | null {
    return this.#isAttached ? this.#sponsor : null
  }

  /** Is there room for one more cast? */
  get isWritable(): boolean {
    return !this.#isEnded && this.#casts.hasRoom
  }

  /** What the next client of this process is to be left, once this one has ended. */
  get legacy(): Legacy {
    return { ...this.#casts.legacy, ...this.#followed.legacy, session: this.#session }
  }

  /**
   * Casts a value; returns its number and how many bytes it has. Throws ValueError, TooLargeError, BusyError, ClosedError:
   * nothing was sent then.
   */
  cast(value: unknown, service: OwnService): { readonly n: number; readonly size: number } {
    if (this.#isEnded) throw new ClosedError(`the client of "${this.#group}" is closed`)
    const made = this.#casts.add(value, { view: this.#followed.view, service })
    this.#send()
    return made
  }

  /** Takes a cast back, if it was not given to anybody. */
  cancel(n: number): boolean {
    return this.#casts.cancel(n)
  }

  // A member to serve this client

  #drive(): void {
    if (this.#isEnded || this.#mail.view === null) return
    if (this.#sponsor === null) {
      const next = this.#search.next(RETRY_MS)
      if (next !== null) this.#ask(next.member, next.isAnyway)
    } else {
      this.#send()
      this.#ack()
    }
  }

  /** `isAnyway`: it need not know how to go on. */
  #ask(member: string, isAnyway: boolean): void {
    const { view } = this.#mail
    if (view === null) return
    if (this.#born === 0) this.#born = epochOf(view.id)
    this.#session += 1
    this.#sponsor = member
    this.#isAttached = false
    this.#received = 0
    this.#acked = 0
    this.#unackedBytes = 0
    this.#pieces = []
    // It begins with what comes, whatever another client of this process was told.
    const { good, heldIn } = this.#casts
    const how = [this.#isFollowing, this.#followed.position, this.#followed.view === null, isAnyway, heldIn]
    if (this.#post(member, [TO_SPONSOR.attach, this.#session, this.#born, good, ...how])) return
    this.#sponsor = null
    this.#search.putBack(member)
    this.#retry(RETRY_MS)
  }

  /** That process is no member; `isThere`: but it may be one soon. */
  #notThere(process: string, isThere: boolean): void {
    this.#search.exclude(process, isThere)
    if (process === this.#sponsor) this.#detach()
    this.#search.answered(process)
  }

  #detach(): void {
    const wasAttached = this.#isAttached
    this.#sponsor = null
    this.#isAttached = false
    if (wasAttached) this.#events.attached(null)
    this.#drive()
  }

  #viewed(view: MailView, parted: readonly string[]): void {
    const { members } = view
    const isLost = (process: string): boolean => parted.includes(process) || !members.includes(process)
    this.#search.viewed(members)
    this.#events.viewed(view, parted)
    if (this.#sponsor !== null && isLost(this.#sponsor)) this.#detach()
    else this.#drive()
  }

  #retry(ms: number): void {
    if (this.#isRetrying) return
    this.#isRetrying = true
    this.#mail.after(ms, () => {
      this.#isRetrying = false
      this.#drive()
    })
  }

  #post(to: string, message: readonly unknown[]): boolean {
    try {
      this.#mail.send(to, sponsorAddress(this.#group), message)
      return true
    } catch (error) {
      if (error instanceof BusyError || error instanceof ClosedError) return false
      throw error
    }
  }

  /** Gives the member what it has not got in this session. */
  #send(): void {
    const sponsor = this.sponsor
    if (sponsor === null) return
    if (!this.#casts.send(this.#session, this.#events.waits(), (message) => this.#post(sponsor, message)))
      this.#retry(RETRY_MS)
  }

  /** Nobody knows which of the casts that others were given before were told. */
  #beginAnew(floor: number): void {
    this.#born = Math.max(epochOf(this.#mail.view?.id ?? ''), floor + 1)
    this.#casts.forgotten(this.#session)
    this.#sponsor = null
    this.#isAttached = false
    this.#events.attached(null)
    // Not at once: whoever does not know this client now may not a moment later.
    this.#retry(JOINING_MS)
  }

  // What members say

  #hear(from: string, message: unknown): void {
    if (!Array.isArray(message)) return this.#events.fault('bad-sponsor', from)
    const [kind, first, second, third] = message as unknown[]
    if (kind === TO_ATTACHED.members) {
      if (this.#search.learn(first, this.#session) && this.#sponsor === null) this.#drive()
      return
    }
    if (kind === TO_ATTACHED.elsewhere && first === 0) return this.#notThere(from, true)
    if (kind === TO_ATTACHED.reply) {
      const isGood = isCount(first) && this.#events.reply(from, first, (message as unknown[]).slice(2))
      return isGood ? undefined : this.#events.fault('bad-reply', from)
    }
    // What is left of another session.
    if (from !== this.#sponsor || first !== this.#session) return
    switch (kind) {
      case TO_ATTACHED.attached:
        this.#isAttached = true
        this.#search.found()
        this.#followed.resume()
        this.#events.attached(from)
        return this.#send()
      case TO_ATTACHED.elsewhere:
        return this.#notThere(from, true)
      case TO_ATTACHED.behind:
        this.#search.isBehind(from)
        return this.#detach()
      case TO_ATTACHED.forgotten:
        return this.#beginAnew(isCount(second) ? second : 0)
      case TO_ATTACHED.fed:
        return this.#feed(from, second, 0)
      case TO_ATTACHED.piece:
        return this.#piece(from, second, third)
      case TO_ATTACHED.told:
        if (isCount(second) && this.#casts.has(second))
          this.#events.told(second, readDelivered(third, (message as unknown[])[4]))
        return
      case TO_ATTACHED.held:
        return this.#casts.hold(second as number, `${third}`)
      case TO_ATTACHED.refused:
        this.#casts.refused(second, { code: third, view: (message as unknown[])[4], session: this.#session })
        return this.#send()
      default:
        this.#events.fault('bad-sponsor', from)
    }
  }

  #piece(from: string, isLast: unknown, bytes: unknown): void {
    if (!(bytes instanceof Uint8Array)) return this.#events.fault('bad-sponsor', from)
    this.#pieces.push(bytes)
    if (isLast !== true) return
    const whole = concat(this.#pieces)
    this.#pieces = []
    let entries: unknown = null
    try {
      entries = decodeValue(whole)
    } catch {
      // Told below.
    }
    this.#feed(from, entries, whole.length)
  }

  #feed(from: string, entries: unknown, size: number): void {
    if (!Array.isArray(entries)) return this.#events.fault('bad-sponsor', from)
    const session = this.#session
    this.#unackedBytes += size
    for (const entry of entries as unknown[]) {
      this.#received += 1
      if (Array.isArray(entry)) this.#unackedBytes += bytesOf(entry)
      if (!Array.isArray(entry) || !this.#followed.take(entry)) this.#events.fault('bad-sponsor', from)
      // Whoever was told may have ended it.
      if (this.#isEnded || this.#session !== session) return
    }
    this.#ack()
  }

  #ack(): void {
    const isDue = this.#received - this.#acked >= FEED_WINDOW.entries / 4
    if (!isDue && this.#unackedBytes < FEED_WINDOW.bytes / 4) return
    const sponsor = this.#sponsor
    if (sponsor === null) return
    if (!this.#post(sponsor, [TO_SPONSOR.ack, this.#session, this.#received])) return this.#retry(RETRY_MS)
    this.#acked = this.#received
    this.#unackedBytes = 0
  }

  /** Ends it. What is not settled fails with that error, if it was given to anybody; else it is closed. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stopListening()
    if (this.#sponsor !== null) this.#post(this.#sponsor, [TO_SPONSOR.detach, this.#session])
    this.#casts.end()
  }
}

/** The error that says that nobody is a member. */
export function nobodyError(group: string): NoHandlerError {
  return new NoHandlerError(`nobody in this view of the space has "${group}" open with clients: true`)
}

/** What a cast of the feed takes of the window. */
function bytesOf(entry: WireEntry): number {
  return readFedCast(entry)?.bytes.length ?? 0
}

function concat(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
