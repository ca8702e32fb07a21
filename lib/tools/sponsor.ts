/**
 * A member as the sponsor of clients: it casts for them, and feeds them what it is told of the group.
 *
 * A client attaches to one member, in a session of its own, and says how far it has come: which casts of its own are not held
 * by all yet, and what it was told. The member casts those again, in their order (`sponsored-casts.ts`), and feeds what comes
 * next (`feeder.ts`). What it has cast it tells of as soon as its own table (`client-table.ts`) has it, and again when every
 * member holds it; what was lost on the way is cast again. Before it casts anything for a client it waits until it has delivered
 * itself what the client was told in the view that both are in, so that everybody gets the cast after that.
 *
 * Sessions end with the client's word, when another one begins, or when the two part from each other.
 */
import { BusyError, ClosedError } from '../errors.ts'
import { isCount, isTotal } from '../objects/checks.ts'
import type { GroupPort, GroupView, OpInfo } from '../objects/replica.ts'
import { encodeValue } from '../values.ts'
import { ClientAsks } from './client-asks.ts'
import { CLIENT_OP } from './client-casts.ts'
import { type Attached, type Introduction, newSession, readWhere } from './client-session.ts'
import { type ClientCast, ClientTable } from './client-table.ts'
import {
  attachedAddress,
  FED,
  readHeldIn,
  sponsorAddress,
  TO_ATTACHED,
  TO_SPONSOR,
  type WireEntry,
} from './client-words.ts'
import { Departures } from './departures.ts'
import { FeedLog, gapEntry, type LogEntry } from './feed-log.ts'
import { Feeder } from './feeder.ts'
import type { ReplyBody } from './replies.ts'
import { decode, SponsoredCasts } from './sponsored-casts.ts'

/** Before what found no room, or was lost, is tried again, in ms. */
const RETRY_MS = 50

/** What the group makes of a client's cast, or of a request of a client. */
export interface ToldCast {
  readonly client: string
  readonly n: number
  /** The member that cast it. */
  readonly via: string
  readonly value: unknown
  /** Where the reply to a request goes; null: it is none. */
  readonly reply: ((body: ReplyBody) => void) | null
}

/** What a sponsor is made for. */
export interface SponsorOptions {
  /** Casts are bound to the view in which they are made. */
  readonly isStrong: boolean
  /** Only the primary component acts. */
  readonly isConsistent: boolean
  /** How many events are kept. */
  readonly keep: number
}

/** The clients of one group, as one member serves them. */
export class Sponsor {
  readonly #port: GroupPort
  readonly #isStrong: boolean
  readonly #table = new ClientTable()
  readonly #log: FeedLog
  readonly #attached = new Map<string, Attached>()
  readonly #casts: SponsoredCasts
  readonly #feeder: Feeder
  readonly #departures: Departures
  readonly #asks: ClientAsks
  readonly #stopListening: () => void
  #isRetrying = false
  #isEnded = false

  constructor(port: GroupPort, { isStrong, isConsistent, keep }: SponsorOptions) {
    this.#port = port
    this.#isStrong = isStrong
    this.#log = new FeedLog(keep)
    const tell = (client: string, message: readonly unknown[]): void => this.#tell(client, message)
    const retry = (): void => this.#retry()
    this.#casts = new SponsoredCasts({
      ...{ port, isStrong, isConsistent, tell, retry, table: this.#table, log: this.#log },
      isServing: () => this.#isServing,
      isCurrent: (attached) => this.#attached.get(attached.id) === attached,
      malformed: (from, code) => this.#malformed(from, code),
    })
    this.#feeder = new Feeder(this.#log, tell)
    this.#asks = new ClientAsks(port, this.#table)
    this.#departures = new Departures(port, this.#table, retry)
    this.#stopListening = port.mail.listen(sponsorAddress(port.name), {
      message: (from, message) => this.#take(from, message),
      viewed: ({ members }, parted, gone) => this.#viewed(members, parted, gone),
    })
  }

  get table(): ClientTable {
    return this.#table
  }

  /** Clients that this member serves now. */
  get clients(): string[] {
    return [...this.#attached.keys()]
  }

  // What the group is told

  /** A cast of a member was told. */
  tellCast({ author, n, view, index }: OpInfo, value: unknown): void {
    this.#addCast({ sender: author, n, isClients: false }, [view, index, null], encodeValue(value))
  }

  /** A cast, or a request, that a member made for a client; null if it is not told, or none. `isGood` says which. */
  takeCast(
    op: readonly unknown[],
    { author, view, index }: OpInfo,
  ): { readonly isGood: boolean; readonly cast: ToldCast | null } {
    const [kind, client, born, n, after, base, bytes, heard] = op
    const isRequest = kind === CLIENT_OP.ask
    const isWhole = isRequest ? op.length === 8 && isTotal(heard) : op.length === 7
    const isGood =
      isWhole && typeof client === 'string' && isTotal(born) && isCount(n) && isTotal(after) && isTotal(base)
    if (!isGood || !(bytes instanceof Uint8Array)) return { isGood: false, cast: null }
    const value = decode(bytes)
    if (value === null) return { isGood: false, cast: null }
    const about: ClientCast = { client, born, n, after, base, ...(isRequest ? { heard: heard as number } : {}) }
    const verdict = this.#table.take(about, view)
    const attached = this.#attached.get(client)
    this.#departures.heard(client)
    if (verdict === 'forgotten' && attached !== undefined) this.#giveUp(attached)
    else if (verdict === 'new' || verdict === 'again') this.#casts.tellTold(attached, n)
    else this.#casts.castAgain(attached, n, author)
    if (isRequest && verdict === 'again') this.#asks.again(client, n)
    if (verdict !== 'new') return { isGood: true, cast: null }
    if (isRequest) {
      const reply = this.#asks.begin(client, n)
      return { isGood: true, cast: reply === null ? null : { client, n, via: author, value: value.value, reply } }
    }
    this.#addCast({ sender: client, n, isClients: true }, [view, index, author], bytes)
    return { isGood: true, cast: { client, n, via: author, value: value.value, reply: null } }
  }

  /** A member says that clients are gone for good. */
  takeLeave([, clients, ...rest]: readonly unknown[], info: OpInfo): boolean {
    if (rest.length > 0 || !Array.isArray(clients) || !clients.every((each) => typeof each === 'string')) return false
    this.#departures.take(clients, info)
    return true
  }

  tellView(view: GroupView): void {
    this.#table.view(view)
    this.#departures.viewed()
    for (const attached of this.#attached.values()) this.#feeder.checkPending(attached)
    this.#log.addView(view, encodeValue(view).length)
  }

  tellState(isReplaced: boolean): void {
    const end = this.#log.end
    if (isReplaced) this.#log.restart()
    this.#log.addState()
    // Who was told all there was goes on with the state, as this member does.
    if (isReplaced) for (const attached of this.#attached.values()) if (attached.next < end) attached.next = -1
    // What it covers is not delivered here.
    for (const attached of this.#attached.values()) this.#casts.tellCovered(attached)
    this.#asks.cover()
  }

  /** A batch of deliveries is over. */
  settle(): void {
    this.#drive()
  }

  #addCast(
    about: Pick<LogEntry, 'sender' | 'n' | 'isClients'>,
    [view, index, via]: readonly unknown[],
    bytes: Uint8Array,
  ): void {
    const wire: WireEntry = [FED.cast, about.sender, about.n, view, index, via, bytes]
    this.#log.addCast(wire, { ...about, bytes: bytes.length + 64 })
  }

  // What clients ask

  #take(from: string, message: unknown): void {
    if (!Array.isArray(message)) return this.#malformed(from)
    const [kind, session, ...rest] = message as unknown[]
    if (kind === TO_SPONSOR.find && message.length === 1) {
      if (this.#isServing) this.#tell(from, [TO_ATTACHED.members, [...(this.#port.view?.members ?? [])]])
      else this.#tell(from, [TO_ATTACHED.elsewhere, 0])
      return
    }
    if (!isCount(session)) return this.#malformed(from)
    if (kind === TO_SPONSOR.attach) return this.#attach(from, session, rest)
    const attached = this.#attached.get(from)
    if (attached?.session !== session) {
      // One of a session that is over needs no answer; one that was never here must know.
      if (attached === undefined && isCast(kind)) this.#tell(from, [TO_ATTACHED.elsewhere, session])
      return
    }
    if (kind === TO_SPONSOR.detach) this.#attached.delete(from)
    else if (kind === TO_SPONSOR.ack && rest.length === 1 && isTotal(rest[0])) this.#ack(attached, rest[0])
    else if (!isCast(kind) || !this.#casts.ask(attached, kind, rest)) this.#malformed(from)
  }

  get #isServing(): boolean {
    return !this.#isEnded && this.#port.phase === 'open' && this.#port.isWhole && this.#log.view !== null
  }

  #malformed(from: string, code?: string): void {
    this.#port.fault('bad-client', { group: this.#port.name, from, ...(code === undefined ? {} : { code }) })
  }

  #attach(id: string, session: number, rest: readonly unknown[]): void {
    const [born, good, isFollowing, where, isNew, isAnyway, held] = rest
    const [position, heldIn] = [readWhere(where), readHeldIn(held)]
    const isRead = rest.length === 7 && isTotal(born) && isTotal(good)
    if (!isRead || position === undefined || heldIn === undefined) return this.#malformed(id)
    const known = this.#attached.get(id)
    if (known !== undefined && known.session >= session) return
    this.#attached.delete(id)
    if (!this.#isServing) return this.#tell(id, [TO_ATTACHED.elsewhere, session])
    const begins = position === null || isNew === true
    const found = begins ? null : this.#log.locate(position)
    if (!begins && found === null && isAnyway !== true) return this.#tell(id, [TO_ATTACHED.behind, session])
    const about: Introduction = { id, session, born, good, heldIn, position, isFollowing: isFollowing === true }
    const attached = newSession(about, { next: this.#log.end, pending: found?.pending ?? null })
    this.#attached.set(id, attached)
    this.#tell(id, [TO_ATTACHED.attached, session, this.#isStrong])
    // It begins with the view in force.
    if (begins) this.#feeder.feed(attached, [[FED.view, this.#port.view], this.#log.before], 1)
    else if (found === null) attached.next = -1
    else {
      attached.next = found.from
      if (found.isParted) this.#feeder.feed(attached, [gapEntry('parted')], 1)
    }
    this.#drive()
  }

  #ack(attached: Attached, count: number): void {
    if (!this.#feeder.ack(attached, count)) return this.#malformed(attached.id)
    if (this.#isServing) this.#feeder.pump(attached)
  }

  /** Its casts may have been told, and nobody knows. */
  #giveUp({ id, session }: Attached): void {
    this.#attached.delete(id)
    this.#tell(id, [TO_ATTACHED.forgotten, session, this.#table.forgotten])
  }

  #drive(): void {
    if (!this.#isServing) return
    for (const attached of [...this.#attached.values()]) {
      this.#casts.drive(attached)
      this.#feeder.pump(attached)
    }
    this.#sayWhoIsGone()
  }

  // Who is there

  #viewed(members: readonly string[], parted: readonly string[], gone: readonly string[]): void {
    const there = new Set(members)
    for (const id of [...this.#attached.keys()]) if (!there.has(id) || parted.includes(id)) this.#attached.delete(id)
    this.#departures.add(gone)
    // Who waited for a view of the group that was to come in the view before waits no more.
    this.#drive()
  }

  #sayWhoIsGone(): void {
    if (this.#isServing) for (const id of this.#departures.say()) this.#attached.delete(id)
  }

  #retry(): void {
    if (this.#isRetrying || this.#isEnded) return
    this.#isRetrying = true
    this.#port.after(RETRY_MS, () => {
      this.#isRetrying = false
      for (const { items } of this.#attached.values()) for (const item of items.values()) item.isResting = false
      this.#drive()
    })
  }

  /** Tells a client; without room for that the session ends, and the client goes on elsewhere. */
  #tell(client: string, message: readonly unknown[]): void {
    const { mail } = this.#port
    if (mail.view?.members.includes(client) !== true) return
    try {
      mail.send(client, attachedAddress(this.#port.name), message)
    } catch (error) {
      if (error instanceof ClosedError) return
      if (!(error instanceof BusyError)) throw error
      // Nothing of a session may be left out.
      const session = this.#attached.get(client)?.session ?? 0
      this.#attached.delete(client)
      mail.after(RETRY_MS, () => this.#tell(client, [TO_ATTACHED.elsewhere, session]))
    }
  }

  /** The group is being left: the clients go on elsewhere. */
  stop(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stopListening()
    for (const { id, session } of [...this.#attached.values()]) this.#tell(id, [TO_ATTACHED.elsewhere, session])
    this.#attached.clear()
  }
}

/** A cast, or a request. */
function isCast(kind: unknown): kind is number {
  return kind === TO_SPONSOR.cast || kind === TO_SPONSOR.request
}
