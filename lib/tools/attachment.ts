/**
 * A client's side of a group: it finds a member to attach to, gives it its casts, and follows what that is told.
 *
 * What it has cast is kept here until every member of the group holds it; when the member that serves it is gone, has parted
 * from this process, or closes the group, all of that goes to another one, under the same numbers. What it was told it
 * remembers by sender, so that it is told once, whoever tells it. If no member can go on from where it was, it is told of a gap.
 */
import {
  BusyError,
  ClosedError,
  TooLargeError,
  UnknownOutcomeError,
  UsageError,
  ValueError,
  ViewChangedError,
} from '../errors.ts'
import { isCount } from '../objects/checks.ts'
import type { GroupView, Mail, MailView } from '../objects/replica.ts'
import { NoHandlerError } from '../tool-errors.ts'
import { decodeValue, encodeValue } from '../values.ts'
import {
  attachedAddress,
  CLIENT_CAST_BYTES_MAX,
  CLIENT_CAST_SIZE_MAX,
  CLIENT_CASTS_MAX,
  epochOf,
  FED,
  FEED_WINDOW,
  type FedCast,
  type GapReason,
  readBefore,
  readFedCast,
  readView,
  SENDERS_MAX,
  sponsorAddress,
  TO_ATTACHED,
  TO_SPONSOR,
  type Told,
  VIEWS_MAX,
  type WireEntry,
} from './client-words.ts'

/** Before what found no room, or no member, is tried again, in ms. */
const RETRY_MS = 50
/** Before those are asked again who are about to become members, and before all are, if there was none, in ms. */
const JOINING_MS = 200
const SEEK_MS = 1_000

/** What a client is told of its group. */
export interface AttachmentEvents {
  /** A member serves it, or no longer: then another one is looked for. */
  attached(sponsor: string | null): void
  /** Nobody in this view of the space is a member of such a group. */
  nobody(): void
  cast(cast: FedCast, value: unknown): void
  view(view: GroupView): void
  state(): void
  gap(reason: GapReason): void
  /** The member that serves this client has delivered the cast. */
  told(n: number): void
  /** All members hold it. */
  held(n: number): void
  /** It is not told, or nobody knows whether it is. */
  failed(n: number, error: Error): void
  /** There is room again. */
  room(): void
  fault(code: string, from: string): void
}

/**
 * What a client leaves to the next one of its process. Members remember its numbers; and what was under way is brought to its
 * end, for a cast that comes behind it would else be told without it at some members, and after it at others.
 */
export interface Legacy {
  /** The number of its last cast, of the last one that was settled and not refused, and of its session. */
  readonly last: number
  readonly good: number
  readonly session: number
  readonly own: readonly Own[]
  /** What it was told, for those casts come after it: views, the newest first, and the highest numbers of members and clients. */
  readonly views: readonly string[]
  readonly members: ReadonlyMap<string, Highest>
  readonly clients: ReadonlyMap<string, Highest>
}

/** What a first client is left. */
export const NO_LEGACY: Legacy = {
  ...{ last: 0, good: 0, session: 0, own: [], views: [] },
  ...{ members: new Map(), clients: new Map() },
}

/** How it follows. */
export interface AttachmentOptions {
  readonly legacy: Legacy
  /** Casts and states, not the views alone. */
  readonly isFollowing: boolean
}

/** A cast of a client that not all members hold. */
export interface Own {
  readonly n: number
  readonly view: string | null
  readonly isGbcast: boolean
  readonly bytes: Uint8Array
  /** The session in which it was given to a member, last and first; null: it is to be given to one; it never was. */
  sentIn: number | null
  sentFirst: number | null
  isHeld: boolean
}

const UNSENT = { sentIn: null, sentFirst: null, isHeld: false } as const

/** The highest number of a sender, and the view in which that was told. */
interface Highest {
  n: number
  view: string
}

/** The link between one client and the group that it is attached to. */
export class Attachment {
  readonly #group: string
  readonly #mail: Mail
  readonly #events: AttachmentEvents
  readonly #isFollowing: boolean
  readonly #stopListening: () => void
  /** The member that serves this client, or is asked to; null: one is looked for. */
  #sponsor: string | null = null
  #isAttached = false
  #session = 0
  /** Who was asked who is a member, and has not answered; null: nobody is asked now. */
  #asked: Set<string> | null = null
  /** Members to try, and those that cannot go on from here. */
  #candidates: string[] = []
  #behind: string[] = []
  /** Somebody is a member, though none serves yet. */
  #isAnybodyThere = false
  #isRetrying = false
  #isEnded = false
  #born = 0

  /** Its casts, by number, that are not held by all. */
  readonly #own = new Map<number, Own>()
  #ownBytes = 0
  #last = 0
  /** The highest number that is settled and was not refused. */
  #good = 0
  #wasFull = false
  /** What was under way at the end. */
  #left: readonly Own[] = []

  /** The views that it was told, the newest first. */
  #views: string[] = []
  /** Those that the client before it was told. */
  readonly #viewsBefore: readonly string[]
  readonly #members: Map<string, Highest>
  readonly #clients: Map<string, Highest>
  /** It was told of the state that came with the newest view; the last entry was a state. */
  #isUnited = false
  #wasState = false
  /** The entry to come may be the state that it was told of already. */
  #skipsState = false
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
    this.#last = legacy.last
    this.#good = legacy.good
    this.#session = legacy.session
    this.#viewsBefore = legacy.views
    this.#members = new Map(legacy.members)
    this.#clients = new Map(legacy.clients)
    for (const own of legacy.own) {
      this.#own.set(own.n, { ...own, sentIn: null })
      this.#ownBytes += own.bytes.length
    }
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
    return !this.#isEnded && this.#own.size < CLIENT_CASTS_MAX && this.#ownBytes < CLIENT_CAST_BYTES_MAX
  }

  /** What the next client of this process is to be left, once this one has ended. */
  get legacy(): Legacy {
    const told = { views: this.#allViews, members: this.#members, clients: this.#clients }
    return { last: this.#last, good: this.#good, session: this.#session, own: this.#left, ...told }
  }

  /**
   * Casts a value; returns its number and how many bytes it has. Throws ValueError, TooLargeError, BusyError, ClosedError:
   * nothing was sent then.
   */
  cast(value: unknown, isGbcast: boolean): { readonly n: number; readonly size: number } {
    if (this.#isEnded) throw new ClosedError(`the client of "${this.#group}" is closed`)
    const bytes = encodeValue(value)
    const size = bytes.length
    if (size > CLIENT_CAST_SIZE_MAX)
      throw new TooLargeError(`a client's cast of ${size} bytes: become a member`, size, CLIENT_CAST_SIZE_MAX)
    if (!this.isWritable) throw new BusyError(`${this.#own.size} casts of this client are under way`)
    this.#last += 1
    const own: Own = { n: this.#last, view: this.#views[0] ?? null, isGbcast, bytes, ...UNSENT }
    this.#own.set(own.n, own)
    this.#ownBytes += size
    this.#wasFull = !this.isWritable
    this.#send()
    return { n: own.n, size }
  }

  /** Takes a cast back, if it was not given to anybody. */
  cancel(n: number): boolean {
    const own = this.#own.get(n)
    if (own === undefined || own.sentFirst !== null) return false
    this.#remove(own)
    return true
  }

  // A member to serve this client

  #drive(): void {
    const { view } = this.#mail
    if (this.#isEnded || view === null) return
    if (this.#sponsor === null) this.#seek(view)
    else {
      this.#send()
      this.#ack()
    }
  }

  /** Asks all processes of the space who is a member, or attaches to one that is known to be. */
  #seek(view: MailView): void {
    const next = this.#candidates.shift()
    if (next !== undefined) return this.#ask(next, false)
    const behind = this.#behind[0]
    if (behind !== undefined) {
      this.#behind = []
      return this.#ask(behind, true)
    }
    if (this.#asked !== null) return
    this.#asked = new Set()
    this.#isAnybodyThere = false
    for (const member of view.members) {
      if (this.#post(member, [TO_SPONSOR.find])) this.#asked?.add(member)
      else {
        this.#asked = null
        return this.#retry(RETRY_MS)
      }
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
    const where = this.#allViews.length === 0 ? null : this.#position()
    // It begins with what comes, whatever another client of this process was told.
    const how = [this.#isFollowing, where, this.#views.length === 0, isAnyway]
    if (this.#post(member, [TO_SPONSOR.attach, this.#session, this.#born, this.#base, ...how])) return
    this.#sponsor = null
    this.#candidates.unshift(member)
    this.#retry(RETRY_MS)
  }

  /** That process is no member; `isThere`: but it may be one soon. */
  #notThere(process: string, isThere: boolean): void {
    this.#isAnybodyThere ||= isThere
    this.#candidates = this.#candidates.filter((each) => each !== process)
    this.#behind = this.#behind.filter((each) => each !== process)
    if (process === this.#sponsor) this.#detach()
    this.#notAsked([process])
  }

  #notAsked(processes: readonly string[]): void {
    if (this.#asked === null) return
    for (const process of processes) this.#asked.delete(process)
    if (this.#asked.size > 0) return
    this.#asked = null
    if (!this.#isAnybodyThere) this.#events.nobody()
    this.#retry(this.#isAnybodyThere ? JOINING_MS : SEEK_MS)
  }

  #detach(): void {
    const wasAttached = this.#isAttached
    this.#sponsor = null
    this.#isAttached = false
    if (wasAttached) this.#events.attached(null)
    this.#drive()
  }

  #viewed({ members }: MailView, parted: readonly string[]): void {
    const isLost = (process: string): boolean => parted.includes(process) || !members.includes(process)
    this.#candidates = this.#candidates.filter((each) => members.includes(each))
    this.#behind = this.#behind.filter((each) => members.includes(each))
    // What was asked of those who parted may be lost, and of who is new nobody was asked.
    this.#asked = null
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

  // Own casts

  /** Up to this number its casts are held by all, or refused. */
  get #base(): number {
    for (const n of this.#own.keys()) return n - 1
    return this.#last
  }

  /** Gives the member what it has not got in this session, in order. */
  #send(): void {
    const sponsor = this.sponsor
    if (sponsor === null) return
    let after = this.#good
    for (const own of this.#own.values()) {
      if (own.sentIn !== this.#session) {
        const { n, view, isGbcast, bytes } = own
        const message = [TO_SPONSOR.cast, this.#session, n, after, this.#base, view, isGbcast, bytes]
        if (!this.#post(sponsor, message)) return this.#retry(RETRY_MS)
        own.sentIn = this.#session
        own.sentFirst ??= this.#session
      }
      after = own.n
    }
  }

  #hold(n: number): void {
    const own = this.#own.get(n)
    if (own === undefined || own.isHeld) return
    own.isHeld = true
    this.#events.held(n)
    // In their order: what is given to another member goes on without a hole.
    for (const first of this.#own.values()) {
      if (!first.isHeld) break
      this.#good = first.n
      this.#remove(first)
    }
  }

  /** A cast is refused; if because of its view, so are those behind it that were not made in the one in force. */
  #refused(n: unknown, code: unknown, view: unknown): void {
    const refused = [...this.#own.values()].filter(
      (own) => own.n === n || (code === 'view' && own.n > (n as number) && own.view !== view),
    )
    // What came behind it was not taken.
    for (const own of this.#own.values()) if (own.n > (n as number)) own.sentIn = null
    for (const own of refused) {
      this.#remove(own)
      const what = `cast ${own.n} of a client of "${this.#group}"`
      // Another member, which is in another part of a split, may have cast it there.
      const isSure = own.sentFirst === null || own.sentFirst === this.#session
      const error = isSure
        ? refusalOf(`${code}`, what)
        : new UnknownOutcomeError(`${what} may have been told elsewhere`)
      this.#events.failed(own.n, error)
    }
    this.#send()
  }

  #remove(own: Own): void {
    if (!this.#own.delete(own.n)) return
    this.#ownBytes -= own.bytes.length
    if (!this.#wasFull || !this.isWritable) return
    this.#wasFull = false
    this.#events.room()
  }

  /** Nobody knows which of the casts that others were given before were told; this session's were not. */
  #beginAnew(floor: number): void {
    this.#born = Math.max(epochOf(this.#mail.view?.id ?? ''), floor + 1)
    for (const own of [...this.#own.values()]) {
      if (own.sentFirst === null || own.sentFirst === this.#session) continue
      this.#remove(own)
      const message = `the members of "${this.#group}" have forgotten this client, which was away`
      this.#events.failed(own.n, new UnknownOutcomeError(message))
    }
    for (const own of this.#own.values()) Object.assign(own, UNSENT)
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
    if (kind === TO_ATTACHED.members) return this.#learn(first)
    if (kind === TO_ATTACHED.elsewhere && first === 0) return this.#notThere(from, true)
    // What is left of another session.
    if (from !== this.#sponsor || first !== this.#session) return
    switch (kind) {
      case TO_ATTACHED.attached:
        this.#isAttached = true
        this.#candidates = []
        this.#behind = []
        this.#skipsState = this.#isUnited
        this.#events.attached(from)
        return this.#send()
      case TO_ATTACHED.elsewhere:
        return this.#notThere(from, true)
      case TO_ATTACHED.behind:
        this.#behind.push(from)
        return this.#detach()
      case TO_ATTACHED.forgotten:
        return this.#beginAnew(isCount(second) ? second : 0)
      case TO_ATTACHED.fed:
        return this.#feed(from, second, 0)
      case TO_ATTACHED.piece:
        return this.#piece(from, second, third)
      case TO_ATTACHED.told:
        if (isCount(second) && this.#own.has(second)) this.#events.told(second)
        return
      case TO_ATTACHED.held:
        return this.#hold(second as number)
      case TO_ATTACHED.refused:
        return this.#refused(second, third, (message as unknown[])[4])
      default:
        this.#events.fault('bad-sponsor', from)
    }
  }

  /** Who is a member, as one of them sees it. Clients spread over them. */
  #learn(list: unknown): void {
    const there: ReadonlySet<unknown> = new Set(this.#mail.view?.members)
    if (!Array.isArray(list) || this.#asked === null) return
    const members = (list as unknown[]).filter((each): each is string => there.has(each))
    if (members.length === 0) return
    this.#asked = null
    this.#isAnybodyThere = true
    const at = spread(`${this.#mail.self} ${this.#session}`, members.length)
    this.#candidates = [...members.slice(at), ...members.slice(0, at)]
    this.#behind = []
    if (this.#sponsor === null) this.#drive()
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
      if (!Array.isArray(entry) || !this.#take(entry)) this.#events.fault('bad-sponsor', from)
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

  /** False if it is none. */
  #take(entry: WireEntry): boolean {
    const { skipsState, wasState } = { skipsState: this.#skipsState, wasState: this.#wasState }
    this.#skipsState = false
    this.#wasState = entry[0] === FED.state
    if (entry[0] === FED.state) {
      if (skipsState) return true
      this.#isUnited = true
      this.#events.state()
      return true
    }
    if (entry[0] === FED.gap) {
      this.#events.gap(entry[1] === 'parted' ? 'parted' : 'behind')
      return true
    }
    if (entry[0] === FED.view) return this.#takeView(entry[1], wasState)
    if (entry[0] === FED.before) return this.#takeBefore(entry)
    const cast = readFedCast(entry)
    if (cast === null) return false
    this.#unackedBytes += cast.bytes.length
    const numbers = cast.via === null ? this.#members : this.#clients
    // Told by another member already.
    if (cast.n <= (numbers.get(cast.from)?.n ?? 0)) return true
    this.#remember(numbers, cast)
    let value: unknown
    try {
      value = decodeValue(cast.bytes)
    } catch {
      return false
    }
    this.#events.cast(cast, value)
    return true
  }

  #takeView(value: unknown, isUnited: boolean): boolean {
    const view = readView(value)
    if (view === null) return false
    // Told by another member already.
    if (this.#views.includes(view.id)) return true
    this.#views = [view.id, ...this.#views].slice(0, VIEWS_MAX)
    this.#isUnited = isUnited
    this.#events.view(view)
    return true
  }

  /** It begins in the middle of a view: what comes before that is not told later either. */
  #takeBefore(entry: WireEntry): boolean {
    const before = readBefore(entry)
    if (before === null) return false
    const { view } = before
    const lists = [[this.#members, before.members] as const, [this.#clients, before.clients] as const]
    for (const [numbers, list] of lists)
      for (const [from, n] of list) if (n > (numbers.get(from)?.n ?? 0)) this.#remember(numbers, { from, n, view })
    return true
  }

  /** Those heard last are remembered. */
  #remember(numbers: Map<string, Highest>, { from, n, view }: Pick<FedCast, 'from' | 'n' | 'view'>): void {
    numbers.delete(from)
    numbers.set(from, { n, view })
    if (numbers.size <= SENDERS_MAX) return
    for (const oldest of numbers.keys()) {
      numbers.delete(oldest)
      return
    }
  }

  get #allViews(): string[] {
    const before = this.#viewsBefore.filter((view) => !this.#views.includes(view))
    return [...this.#views, ...before].slice(0, VIEWS_MAX)
  }

  #position(): unknown {
    const views = this.#allViews
    const ages = new Map(views.map((view, age) => [view, age]))
    const told = (numbers: ReadonlyMap<string, Highest>): Told[] =>
      [...numbers].map(([sender, { n, view }]) => [sender, n, ages.get(view) ?? VIEWS_MAX])
    return [views, told(this.#members), told(this.#clients), this.#isUnited]
  }

  /** Ends it. What is not settled fails with that error, if it was given to anybody; else it is closed. */
  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stopListening()
    if (this.#sponsor !== null) this.#post(this.#sponsor, [TO_SPONSOR.detach, this.#session])
    for (const { n, sentFirst } of [...this.#own.values()]) {
      const error =
        sentFirst === null
          ? new ClosedError(`the client of "${this.#group}" is closed`)
          : new UnknownOutcomeError(`the client of "${this.#group}" was closed while its cast ${n} was under way`)
      if (sentFirst === null) this.#own.delete(n)
      this.#events.failed(n, error)
    }
    this.#left = [...this.#own.values()]
    this.#own.clear()
  }
}

function refusalOf(code: string, what: string): Error {
  if (code === 'view') return new ViewChangedError(`${what} was not cast: the view it was made in is over`)
  if (code === 'service') return new UsageError(`${what} was refused: gbcasts are none of a group with a domain`)
  if (code === 'busy') return new BusyError(`${what} was refused: the member that serves it has no room`)
  return new ValueError(`${what} was refused: ${code}`, '')
}

/** The error that says that nobody is a member. */
export function nobodyError(group: string): NoHandlerError {
  return new NoHandlerError(`nobody in this view of the space has "${group}" open with clients: true`)
}

/** A number below `count` that depends on the text alone (FNV-1a). */
function spread(text: string, count: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  return (hash >>> 0) % count
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
