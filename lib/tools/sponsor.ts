/**
 * A member as the sponsor of clients: it casts for them, and feeds them what it is told of the group.
 *
 * A client attaches to one member, in a session of its own, and says how far it has come: which casts of its own are not held
 * by all yet, and what it was told. The member casts those again, in their order, and feeds what comes next. What it has cast
 * it tells of as soon as its own table (`client-table.ts`) has it, and again when every member holds it; what was lost on the
 * way is cast again. Before it casts anything for a client it waits until it has delivered itself what the client was told in
 * the view that both are in, so that everybody gets the cast after that.
 *
 * Sessions end with the client's word, when another one begins, or when the two part from each other.
 */
import { BusyError, ClosedError, UsageError, ViewChangedError } from '../errors.ts'
import { isCount, isTotal } from '../objects/checks.ts'
import type { GroupPort, GroupView, OpInfo } from '../objects/replica.ts'
import { decodeValue, encodeValue } from '../values.ts'
import { CLIENT_OP } from './client-casts.ts'
import { type ClientCast, ClientTable } from './client-table.ts'
import {
  attachedAddress,
  CLIENT_CAST_SIZE_MAX,
  CLIENT_CASTS_MAX,
  compareViews,
  FED,
  FEED_WINDOW,
  PIECE_BYTES,
  type Position,
  readPosition,
  sponsorAddress,
  TO_ATTACHED,
  TO_SPONSOR,
  type Told,
  type WireEntry,
} from './client-words.ts'
import { FeedLog, gapEntry, type LogEntry, type Pending } from './feed-log.ts'

/** Before what found no room, or was lost, is tried again, in ms. */
const RETRY_MS = 50
/** Clients gone for good that are remembered, so that what is known of them is forgotten. */
const GONE_MAX = 1_024
/** Entries that go in one message, and their bytes. */
const BATCH = { entries: 64, bytes: PIECE_BYTES }

/** What the group makes of a client's cast. */
export interface ToldCast {
  readonly client: string
  readonly n: number
  /** The member that cast it. */
  readonly via: string
  readonly value: unknown
}

/** What a sponsor is made for. */
export interface SponsorOptions {
  /** Casts are bound to the view in which they are made. */
  readonly isStrong: boolean
  /** How many events are kept. */
  readonly keep: number
}

/** A cast that a client has asked for. */
interface Item {
  readonly n: number
  readonly after: number
  /** The view in which the client made it. */
  readonly view: string | null
  readonly isGbcast: boolean
  readonly bytes: Uint8Array
  /** It is under way. */
  isCast: boolean
  /** It was lost, and is cast again in a moment: not within what told so. */
  isResting: boolean
  /** So often it was cast. */
  attempts: number
  isTold: boolean
  /** All members hold it, as it was cast last. */
  isStable: boolean
}

/** A client that is attached here. */
interface Attached {
  readonly id: string
  readonly session: number
  readonly born: number
  /** It wants casts, and not the views alone. */
  readonly isFollowing: boolean
  /** What it was told before; null: it begins here. */
  readonly position: Position | null
  /** The same, by sender. */
  readonly told: { readonly members: ReadonlyMap<string, number>; readonly clients: ReadonlyMap<string, number> }
  /** The casts below are held by all, or refused: that is how far its own are settled. */
  base: number
  /** This member has delivered what it was told. */
  isReady: boolean
  /** The next entry of the log. */
  next: number
  /** What must still come in the view in force, or was lost with another member. */
  pending: Pending | null
  /** Sizes of the entries under way. */
  readonly flying: number[]
  flyingBytes: number
  sent: number
  readonly items: Map<number, Item>
  /** The last cast that was taken here; null: none in this session. */
  last: number | null
  /** The casts that come now follow on one that was refused, until the client knows. */
  isBroken: boolean
}

/** The clients of one group, as one member serves them. */
export class Sponsor {
  readonly #port: GroupPort
  readonly #isStrong: boolean
  readonly #table = new ClientTable()
  readonly #log: FeedLog
  readonly #attached = new Map<string, Attached>()
  readonly #gone = new Set<string>()
  /** Of whom a cast is under way that says that they are gone. */
  readonly #leaving = new Set<string>()
  readonly #stopListening: () => void
  /** Who is to be said to be gone may have changed. */
  #isDue = false
  #isRetrying = false
  #isEnded = false

  constructor(port: GroupPort, { isStrong, keep }: SponsorOptions) {
    this.#port = port
    this.#isStrong = isStrong
    this.#log = new FeedLog(keep)
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

  /** A cast that a member made for a client; null if it is not told, or no cast. `isGood` says which. */
  takeCast(
    op: readonly unknown[],
    { author, view, index }: OpInfo,
  ): { readonly isGood: boolean; readonly cast: ToldCast | null } {
    const [, client, born, n, after, base, bytes] = op
    const isGood =
      op.length === 7 && typeof client === 'string' && isTotal(born) && isCount(n) && isTotal(after) && isTotal(base)
    if (!isGood || !(bytes instanceof Uint8Array)) return { isGood: false, cast: null }
    const value = decode(bytes)
    if (value === null) return { isGood: false, cast: null }
    const asked: ClientCast = { client, born, n, after, base }
    const verdict = this.#table.take(asked, view)
    const attached = this.#attached.get(client)
    this.#isDue ||= this.#gone.has(client)
    if (verdict === 'forgotten' && attached !== undefined) this.#giveUp(attached)
    else if (verdict === 'new' || verdict === 'again') this.#tellTold(attached, n)
    else this.#castAgain(attached, n, author)
    if (verdict !== 'new') return { isGood: true, cast: null }
    this.#addCast({ sender: client, n, isClients: true }, [view, index, author], bytes)
    return { isGood: true, cast: { client, n, via: author, value: value.value } }
  }

  /** A member says that clients are gone for good. */
  takeLeave([, clients, ...rest]: readonly unknown[], { author }: OpInfo): boolean {
    if (rest.length > 0 || !Array.isArray(clients) || !clients.every((each) => typeof each === 'string')) return false
    this.#table.leave(clients, author)
    this.#isDue = true
    if (author === this.#port.self) for (const client of clients) this.#leaving.delete(client)
    return true
  }

  tellView(view: GroupView): void {
    this.#table.view(view)
    this.#isDue = true
    for (const attached of this.#attached.values()) this.#checkPending(attached)
    this.#log.addView(view, encodeValue(view).length)
  }

  tellState(isReplaced: boolean): void {
    const end = this.#log.end
    if (isReplaced) this.#log.restart()
    this.#log.addState()
    // Who was told all there was goes on with the state, as this member does.
    if (isReplaced) for (const attached of this.#attached.values()) if (attached.next < end) attached.next = -1
    // What it covers is not delivered here.
    for (const attached of this.#attached.values()) {
      const last = this.#table.last(attached.id)
      for (const { n } of [...attached.items.values()]) if (n <= last) this.#tellTold(attached, n)
    }
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

  /** The view in force is over: what a client was told in it, and is not here, died with who told it. */
  #checkPending(attached: Attached): void {
    const { pending } = attached
    if (pending === null) return
    attached.pending = null
    if (!this.#log.covers(pending)) this.#feedUpTo(attached, this.#log.end, 'parted')
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
      if (attached === undefined && kind === TO_SPONSOR.cast) this.#tell(from, [TO_ATTACHED.elsewhere, session])
      return
    }
    if (kind === TO_SPONSOR.detach) this.#attached.delete(from)
    else if (kind === TO_SPONSOR.ack && rest.length === 1 && isTotal(rest[0])) this.#ack(attached, rest[0])
    else if (kind === TO_SPONSOR.cast) this.#ask(attached, rest)
    else this.#malformed(from)
  }

  get #isServing(): boolean {
    return !this.#isEnded && this.#port.phase === 'open' && this.#port.isWhole && this.#log.view !== null
  }

  #malformed(from: string): void {
    this.#port.fault('bad-client', { group: this.#port.name, from })
  }

  #attach(id: string, session: number, rest: readonly unknown[]): void {
    const [born, base, isFollowing, where, isNew, isAnyway] = rest
    const position = where === null ? null : readPosition(where)
    const isRead = where === null || position !== null
    if (rest.length !== 6 || !isTotal(born) || !isTotal(base) || !isRead) return this.#malformed(id)
    const known = this.#attached.get(id)
    if (known !== undefined && known.session >= session) return
    this.#attached.delete(id)
    if (!this.#isServing) return this.#tell(id, [TO_ATTACHED.elsewhere, session])
    const begins = position === null || isNew === true
    const found = begins ? null : this.#log.locate(position)
    if (!begins && found === null && isAnyway !== true) return this.#tell(id, [TO_ATTACHED.behind, session])
    const attached: Attached = {
      ...{ id, session, born, base, position, isFollowing: isFollowing === true },
      told: { members: numbersOf(position?.members), clients: numbersOf(position?.clients) },
      isReady: position === null,
      next: this.#log.end,
      pending: found?.pending ?? null,
      ...{ flying: [], flyingBytes: 0, sent: 0 },
      ...{ items: new Map<number, Item>(), last: null, isBroken: false },
    }
    this.#attached.set(id, attached)
    this.#tell(id, [TO_ATTACHED.attached, session, this.#isStrong])
    // It begins with the view in force.
    if (begins) this.#feed(attached, [[FED.view, this.#port.view], this.#log.before], 1)
    else if (found === null) attached.next = -1
    else {
      attached.next = found.from
      if (found.isParted) this.#feed(attached, [gapEntry('parted')], 1)
    }
    this.#drive()
  }

  #ack(attached: Attached, count: number): void {
    const { flying } = attached
    const behind = attached.sent - flying.length
    if (count > attached.sent) return this.#malformed(attached.id)
    for (const size of flying.splice(0, Math.max(0, count - behind))) attached.flyingBytes -= size
    this.#pump(attached)
  }

  // Casts of clients

  #ask(attached: Attached, rest: readonly unknown[]): void {
    const [n, after, base, view, isGbcast, bytes] = rest
    const isRead = rest.length === 6 && isCount(n) && isTotal(after) && isTotal(base) && after < n && base < n
    if (!isRead || !(view === null || typeof view === 'string') || !(bytes instanceof Uint8Array))
      return this.#malformed(attached.id)
    if (attached.last !== null && after !== attached.last) {
      // It was made before the client heard that the one before it is refused.
      if (attached.isBroken) return
      return this.#refuse(attached, { n, after }, 'number')
    }
    if (bytes.length > CLIENT_CAST_SIZE_MAX) return this.#refuse(attached, { n, after }, 'size')
    if (attached.items.size >= CLIENT_CASTS_MAX) return this.#refuse(attached, { n, after }, 'busy')
    if (decode(bytes) === null) return this.#refuse(attached, { n, after }, 'value')
    attached.last = n
    attached.isBroken = false
    attached.base = Math.max(attached.base, base)
    const item: Item = {
      ...{ n, after, view, isGbcast: isGbcast === true, bytes },
      ...{ isCast: false, isResting: false, attempts: 0, isTold: false, isStable: false },
    }
    attached.items.set(n, item)
    this.#driveCasts(attached)
  }

  /** What comes behind it follows on it, and is sent again. */
  #refuse(attached: Attached, { n, after }: Pick<Item, 'n' | 'after'>, code: string): void {
    this.#port.fault('bad-client', { group: this.#port.name, from: attached.id, code })
    if (code !== 'number') {
      for (const number of [...attached.items.keys()]) if (number >= n) attached.items.delete(number)
      attached.last = after
      attached.isBroken = true
    }
    this.#tell(attached.id, [TO_ATTACHED.refused, attached.session, n, code])
  }

  /** What was made in a view that is over, and not told in it; what follows on it is on its way, and of the same kind, or comes again. */
  #refuseOutdated(attached: Attached, { n, after }: Item): void {
    for (const number of [...attached.items.keys()]) if (number >= n) attached.items.delete(number)
    attached.last = after
    attached.isBroken = true
    this.#tell(attached.id, [TO_ATTACHED.refused, attached.session, n, 'view', this.#port.view?.id])
  }

  /** Casts what waits, in its order. */
  #driveCasts(attached: Attached): void {
    if (!this.#isServing || !this.#isReady(attached)) return
    for (const item of [...attached.items.values()]) {
      if (item.isResting) return
      if (item.isCast || !attached.items.has(item.n)) continue
      if (this.#isStrong && this.#isOutdated(attached, item)) continue
      if (!this.#port.isWritable || !this.#cast(attached, item)) return this.#retry()
    }
  }

  /** In a strong group, a cast of a view that is over has been told, or never is. */
  #isOutdated(attached: Attached, item: Item): boolean {
    if (item.view === this.#port.view?.id) return false
    if (this.#table.last(attached.id) < item.n) this.#refuseOutdated(attached, item)
    else {
      this.#tellTold(attached, item.n)
      this.#hold(attached, item)
    }
    return true
  }

  /** Has this member delivered what the client was told in the view that they are in, and what is held of the client's own? */
  #isReady(attached: Attached): boolean {
    if (attached.isReady) return true
    const { position, id, base } = attached
    const theirs = position?.views[0]
    const mine = this.#log.view
    if (theirs === undefined || mine === null) return true
    const order = compareViews(theirs, mine)
    if (order > 0) return false
    if (order === 0) {
      const now = ([, , age]: Told): boolean => age === 0
      if (!position?.members.filter(now).every(([sender, n]) => this.#log.told(sender) >= n)) return false
      if (!position.clients.filter(now).every(([sender, n]) => this.#table.last(sender) >= n)) return false
      if (this.#table.last(id) < base) return false
    }
    attached.isReady = true
    return true
  }

  /** False if there is no room. */
  #cast(attached: Attached, item: Item): boolean {
    const { id, born, base } = attached
    const op = [CLIENT_OP.cast, id, born, item.n, item.after, base, item.bytes]
    try {
      const receipt = this.#port.castRequest(op, item.isGbcast ? { service: 'gbcast' } : {})
      item.isCast = true
      item.attempts += 1
      item.isStable = false
      const { attempts } = item
      const lost = (error: unknown): void => {
        if (attempts === item.attempts) this.#lost(attached, item, error)
      }
      receipt.delivered.catch(lost)
      receipt.stable.then(() => {
        if (attempts === item.attempts) this.#hold(attached, item)
      }, lost)
    } catch (error) {
      if (error instanceof BusyError) return false
      if (!(error instanceof ClosedError))
        this.#refuse(attached, item, error instanceof UsageError ? 'service' : 'value')
    }
    return true
  }

  /** It was not delivered here, or is not known to be held by all: cast again, it is told once. */
  #lost(attached: Attached, item: Item, error: unknown): void {
    if (this.#attached.get(attached.id) !== attached || !attached.items.has(item.n)) return
    item.isCast = false
    if (error instanceof ViewChangedError && !item.isTold && item.view !== this.#port.view?.id)
      this.#refuseOutdated(attached, item)
    else this.#rest(item)
  }

  /** It came too early: what is before it is on its way. */
  #castAgain(attached: Attached | undefined, n: number, author: string): void {
    const item = attached?.items.get(n)
    if (item === undefined || author !== this.#port.self || item.isTold) return
    item.isCast = false
    this.#rest(item)
  }

  #rest(item: Item): void {
    item.isResting = true
    this.#retry()
  }

  #tellTold(attached: Attached | undefined, n: number): void {
    const item = attached?.items.get(n)
    if (attached === undefined || item === undefined || item.isTold) return
    item.isTold = true
    this.#tell(attached.id, [TO_ATTACHED.told, attached.session, n])
    if (item.isStable) this.#hold(attached, item)
  }

  /** Every member holds it: that is all, once it is told. */
  #hold(attached: Attached, item: Item): void {
    item.isStable = true
    if (this.#attached.get(attached.id) !== attached || !item.isTold || !attached.items.delete(item.n)) return
    this.#tell(attached.id, [TO_ATTACHED.held, attached.session, item.n])
  }

  /** Its casts may have been told, and nobody knows. */
  #giveUp({ id, session }: Attached): void {
    this.#attached.delete(id)
    this.#tell(id, [TO_ATTACHED.forgotten, session, this.#table.forgotten])
  }

  // The feed

  #drive(): void {
    if (!this.#isServing) return
    for (const attached of [...this.#attached.values()]) {
      this.#driveCasts(attached)
      this.#pump(attached)
    }
    this.#sayWhoIsGone()
  }

  #pump(attached: Attached): void {
    if (this.#isServing) this.#feedUpTo(attached, this.#log.end, null)
  }

  /** Feeds what comes before that entry, as far as there is room, and then, if so, that there is a gap. */
  #feedUpTo(attached: Attached, end: number, gap: 'parted' | null): void {
    if (attached.next < this.#log.start) this.#skip(attached)
    while (attached.next < end && this.#hasRoom(attached)) {
      const batch: WireEntry[] = []
      let bytes = 0
      while (attached.next < end && batch.length < BATCH.entries && bytes < BATCH.bytes) {
        const entry = this.#log.at(attached.next)
        if (entry === undefined) break
        attached.next += 1
        if (!isFor(attached, entry)) continue
        batch.push(entry.wire)
        bytes += entry.bytes
      }
      if (batch.length > 0) this.#feed(attached, batch, bytes)
    }
    if (gap !== null) this.#feed(attached, [gapEntry(gap)], 1)
  }

  /** What comes next for it is not kept any more. */
  #skip(attached: Attached): void {
    const { opening, start } = this.#log
    attached.next = start
    attached.pending = null
    this.#feed(attached, [gapEntry('behind'), ...opening], 1)
  }

  #hasRoom({ flying, flyingBytes }: Attached): boolean {
    return flying.length < FEED_WINDOW.entries && flyingBytes < FEED_WINDOW.bytes
  }

  /** Sends entries; one that is long goes alone, in pieces. */
  #feed(attached: Attached, entries: readonly WireEntry[], bytes: number): void {
    const { id, session } = attached
    attached.sent += entries.length
    for (const _ of entries) attached.flying.push(bytes / entries.length)
    attached.flyingBytes += bytes
    if (bytes <= 2 * PIECE_BYTES) return this.#tell(id, [TO_ATTACHED.fed, session, entries])
    const whole = encodeValue(entries)
    for (let at = 0; at < whole.length; at += PIECE_BYTES) {
      const isLast = at + PIECE_BYTES >= whole.length
      this.#tell(id, [TO_ATTACHED.piece, session, isLast, whole.subarray(at, at + PIECE_BYTES)])
    }
  }

  // Who is there

  #viewed(members: readonly string[], parted: readonly string[], gone: readonly string[]): void {
    const there = new Set(members)
    for (const id of [...this.#attached.keys()]) if (!there.has(id) || parted.includes(id)) this.#attached.delete(id)
    for (const id of gone) this.#gone.add(id)
    this.#isDue ||= gone.length > 0
    for (const id of [...this.#gone].slice(0, Math.max(0, this.#gone.size - GONE_MAX))) this.#gone.delete(id)
    this.#sayWhoIsGone()
  }

  /** So that nobody remembers their casts for ever. */
  #sayWhoIsGone(): void {
    if (!this.#isDue || !this.#isServing) return
    this.#isDue = false
    const { self } = this.#port
    const clients = this.#table.toLeave(self, (id) => this.#gone.has(id)).filter((id) => !this.#leaving.has(id))
    if (clients.length === 0) return
    for (const id of clients) {
      this.#attached.delete(id)
      this.#leaving.add(id)
    }
    const again = (): void => {
      for (const id of clients) this.#leaving.delete(id)
      this.#isDue = true
      this.#retry()
    }
    try {
      this.#port.castRequest([CLIENT_OP.leave, clients]).delivered.catch(again)
    } catch (error) {
      if (error instanceof BusyError) again()
      else if (!(error instanceof ClosedError)) throw error
    }
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

/** Has it not been told that yet, and does it want it? */
function isFor({ isFollowing, told }: Attached, { sender, n, isClients, view }: LogEntry): boolean {
  if (view !== null) return true
  if (!isFollowing) return false
  return sender === null || n > ((isClients ? told.clients : told.members).get(sender) ?? 0)
}

function numbersOf(told: readonly Told[] | undefined): Map<string, number> {
  return new Map(told?.map(([sender, n]) => [sender, n]))
}

/** A value that may be null; or null: they are no value's bytes. */
function decode(bytes: Uint8Array): { readonly value: unknown } | null {
  try {
    return { value: decodeValue(bytes) }
  } catch {
    return null
  }
}
