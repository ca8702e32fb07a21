/**
 * Logical links: one per peer, with its own contiguous frame numbers, independent of the path that carries it.
 *
 * Protocol: each direction has three numbered streams (control, data, bulk) that share a *session*. A frame is kept
 *   until the peer's cumulative acknowledgement covers it. A new path begins with HELLO both ways, which names the
 *   last contiguous numbers, and everything after them is sent again. Excluding a peer begins a new session.
 * Requires: paths that deliver in order or not at all.
 * Provides: safety — within a session every frame is processed once and in order; liveness — as long as paths come back.
 * Bounds: unacknowledged data is bounded by the grant, bulk by `chunksInFlight`. What a peer sends ahead of a cast is
 *   granted as it comes, until all of them together have sent `aheadBytesMax`: then only the one who began first is, so
 *   that everywhere the same one goes on, and none waits for another in a circle, or for ever.
 * Source: Derecho's monotone rows (absolute counters); JGroups NAKACK4 (positive acknowledgements).
 */
import { Assembly, aheadOf, type Piece, sendPieces } from './ahead.ts'
import type { Channel, ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import type {
  BulkFrame,
  Cast,
  Chunk,
  ControlFrame,
  DataFrame,
  Frame,
  HelloFrame,
  Item,
  Message,
  StreamAck,
} from './frame.ts'
import { Inbox, type MessageName } from './messages.ts'

/** Counted for an item besides its payload, so that empty casts are not free. */
const itemOverheadBytes = 32

/** Payload bytes of a frame, as flow control counts them; the same at both ends. */
export function itemsBytes(items: readonly Item[]): number {
  let bytes = 0
  for (const item of items) bytes += itemBytes(item)
  return bytes
}

function itemBytes(item: Item): number {
  if (item.k === 'eov') return itemOverheadBytes
  return itemOverheadBytes + ('cast' in item ? item.cast.payload : item.bytes).length
}

/** A large cast to be forwarded; it goes as the grant allows. */
interface LargeForward {
  readonly sender: ProcessId
  readonly cast: Cast
  at: number
  isDone: boolean
}

interface SentData {
  readonly frame: DataFrame
  /** Highest own cast number in it, within the space view `frame.view`. */
  readonly lastSeq: number
}

/** A direct message, and the frame in which the last of it went. */
interface Unheard extends MessageName {
  readonly no: number
}

/** A cast in a frame, and the group view that it belongs to. */
interface Unplaced {
  readonly no: number
  readonly gid: number
  readonly gn: number
}

/** What a cast in a frame depends on, and this process neither holds nor knows to be none of its business. */
export interface Unclear {
  readonly no: number
  readonly rank: number
  readonly stream: number
  readonly seq: number
}

/** One peer, as the links layer knows it. */
export class Link {
  readonly peer: ProcessId
  name = ''
  origin = ''
  /** The peer's rank in the space view in force; -1 for a stranger. */
  rank: number
  /** A path is there. */
  isUp = false
  /** HELLO was received on this path: numbered frames may go. */
  isOpen = false
  downSince: number
  /** When the last frame of it came. */
  heardAt: number
  /** When the present path came up, or the last one. */
  upSince = 0
  session = 1
  peerSession = 0
  /** Highest own cast of the current space view that the peer holds, with everything before it addressed to it. */
  ackedSeq = 0
  /** Highest own cast of the current space view up to which the peer has delivered everything addressed to it. */
  doneSeq = 0
  private doneTold = 0
  /** Frames beyond are received but not part of the flush row that was given: they do not count as held. */
  ackCap: number = Number.POSITIVE_INFINITY
  /** Casts in group views that this process has not heard of, by the frames that they came in. */
  private unplaced: Unplaced[] = []
  private unclear: Unclear[] = []
  private settledTold: number[] = []
  /** The peer waits for casts to be settled, in this space view. */
  isHastened = false
  /** Waiting for the end of the step. */
  messages: Message[] = []
  items: Item[] = []
  /** When an acknowledgement must go at the latest, if nothing carries it before. */
  ackDue: number = Number.POSITIVE_INFINITY
  framesToAck = 0
  private readonly core: Core
  private control: ControlFrame[] = []
  private data: SentData[] = []
  private bulk: BulkFrame[] = []
  private nextControl = 1
  private nextData = 1
  private nextBulk = 1
  private gotControl = 0
  private gotData = 0
  private gotBulk = 0
  private sentBytes = 0
  private grant: number
  private receivedBytes = 0
  private grantGiven: number
  /** What the peer was told to be stable on this path, by rank. */
  private stableTold: number[] = []
  private bulkAckDue = false
  private readonly assembly: Assembly = new Assembly()
  /** Direct messages of this space view that the peer is not known to have. */
  unheard: Unheard[] = []
  /** What it sends of direct messages. */
  readonly inbox: Inbox = new Inbox()
  /** Of this space view. */
  private forwards: LargeForward[] = []

  constructor(core: Core, peer: ProcessId) {
    this.core = core
    this.peer = peer
    this.rank = core.era.ranks.get(peer) ?? -1
    this.downSince = core.now
    this.heardAt = core.now
    this.grant = core.limits.windowBytes
    this.grantGiven = core.limits.windowBytes
  }

  up(): void {
    this.isUp = true
    this.upSince = this.core.now
    this.isOpen = false
    this.send('control', this.hello())
  }

  down(): void {
    if (!this.isUp) return
    this.isUp = false
    this.isOpen = false
    this.downSince = this.core.now
  }

  /** Begins a new outgoing session: what the peer has not acknowledged is forgotten. Called when the peer is excluded. */
  reset(): void {
    this.session += 1
    this.control = []
    this.data = []
    this.bulk = []
    this.nextControl = this.nextData = this.nextBulk = 1
    this.messages = []
    this.items = []
    this.forwards = []
    this.sentBytes = 0
    this.grant = this.core.limits.windowBytes
    if (this.isUp) this.send('control', this.hello())
  }

  /** A new space view: cast numbers start again. */
  newView(): void {
    this.rank = this.core.era.ranks.get(this.peer) ?? -1
    this.ackedSeq = 0
    this.doneSeq = 0
    this.doneTold = 0
    this.ackCap = Number.POSITIVE_INFINITY
    this.unplaced = []
    this.unclear = []
    this.stableTold = []
    this.settledTold = []
    this.isHastened = false
    this.forwards = []
    this.clearAhead()
  }

  /** Forwards a cast of a removed sender; a large one once in a view, however often its flush is begun again. */
  forward(sender: ProcessId, cast: Cast): void {
    if (aheadOf(cast.payload, this.core.limits) === 0) this.items.push({ k: 'forward', sender, cast, ahead: 0 })
    else if (!this.forwards.some((known) => known.sender === sender && known.cast.seq === cast.seq)) {
      this.forwards.push({ sender, cast, at: 0, isDone: false })
      this.core.trace({ e: 'forwardAhead', q: sender, bytes: cast.payload.length })
    }
  }

  private pumpForwards(): void {
    const { limits } = this.core
    for (const forward of this.forwards) {
      if (forward.isDone) continue
      const { sender, cast } = forward
      const ahead = aheadOf(cast.payload, limits)
      forward.at = sendPieces(this, { payload: cast.payload, since: cast.lamport }, forward.at, limits)
      const rest = cast.payload.subarray(ahead)
      if (forward.at < ahead || !this.hasRoom(rest.length)) return
      this.items.push({ k: 'forward', sender, cast: { ...cast, payload: rest }, ahead })
      forward.isDone = true
    }
  }

  /** The peer sends something ahead of a cast. False if it breaks the rules. */
  takePiece(piece: Piece): boolean {
    const before = this.assembly.bytes
    const isGood = this.assembly.take(piece, this.core.limits)
    this.core.aheadBytes += this.assembly.bytes - before
    return isGood
  }

  /** A cast that came on this link, with what was sent ahead of it; null if that is not what it says. */
  takeCast({ cast, ahead }: Extract<Item, { cast: Cast }>): Cast | null {
    if (ahead === 0) return cast
    this.core.aheadBytes -= this.assembly.bytes
    const payload = this.assembly.join(ahead, cast.payload, this.core.limits)
    return payload === null ? null : { ...cast, payload }
  }

  /**
   * A cast came, in the frame of that number, for a group view whose INSTALL, which comes by another stream, is not here.
   * To acknowledge it would make it stable, and so released, though a cut without whoever knows that view drops it.
   */
  holdBack(cast: Unplaced): void {
    this.unplaced.push(cast)
  }

  /** This process has heard of the group's views up to that one. */
  placeUpTo(gid: number, gn: number): void {
    if (this.unplaced.length === 0) return
    this.unplaced = this.unplaced.filter((cast) => cast.gid !== gid || cast.gn > gn)
    this.needAck(this.core.now)
  }

  /**
   * A cast came that depends on what is not here, and may be meant for others: by a view of a group that this process has
   * not heard of. To acknowledge it would make it stable, and so released, though a cut where nobody knows that view drops
   * it, with what it depends on (seed 13249).
   */
  holdUnclear(dependency: Unclear): void {
    this.unclear.push(dependency)
  }

  /** Acknowledges what is clear now. */
  clearUp(isClear: (dependency: Unclear) => boolean): void {
    if (this.unclear.length === 0) return
    const rest = this.unclear.filter((dependency) => !isClear(dependency))
    if (rest.length === this.unclear.length) return
    this.unclear = rest
    this.needAck(this.core.now)
  }

  private clearAhead(): void {
    if (this.assembly.bytes === 0) return
    this.core.aheadBytes -= this.assembly.bytes
    this.assembly.clear()
    if (this.owesGrant) this.needAck(this.core.now)
  }

  /** Must the peer wait with what it sends ahead? During a flush nobody must: what is forwarded then may be needed. */
  private get isHeldUp(): boolean {
    const { aheadBytes, limits, era, links } = this.core
    if (aheadBytes < limits.aheadBytesMax || this.assembly.bytes === 0 || era.isClosed) return false
    for (const link of links.values()) if (link.assembly.bytes > 0 && link.isAheadOf(this)) return true
    return false
  }

  private isAheadOf(other: Link): boolean {
    return (this.assembly.since - other.assembly.since || this.rank - other.rank) < 0
  }

  /** May a cast of so many payload bytes go without overrunning the peer's grant? */
  hasRoom(bytes: number): boolean {
    let queued = 0
    for (const item of this.items) queued += itemBytes(item)
    return this.sentBytes + queued + itemOverheadBytes + bytes <= this.grant
  }

  /** Data frames the peer has not acknowledged, or items about to be sent. */
  get hasUnackedData(): boolean {
    return this.data.length > 0 || this.items.length > 0
  }

  get hasUnackedControl(): boolean {
    return this.control.length > 0 || this.messages.length > 0
  }

  /** How many more chunks may go out now. */
  get chunkRoom(): number {
    return this.core.limits.chunksInFlight - this.bulk.length
  }

  /** Is part of a state of that group on its way, or to be sent again? */
  isCarrying(group: string): boolean {
    return this.bulk.some(({ chunk }) => chunk?.group === group)
  }

  sendChunk(chunk: Chunk): void {
    const frame: BulkFrame = { t: 'bulk', session: this.session, no: this.nextBulk++, ack: this.bulkAck(), chunk }
    this.bulk.push(frame)
    if (this.isOpen) this.send('bulk', frame)
  }

  /** The end of a step: one control frame and as many data frames as the queued items fill. */
  flush(now: number): void {
    if (this.messages.length > 0) {
      const frame: ControlFrame = {
        t: 'control',
        session: this.session,
        no: this.nextControl++,
        ack: this.controlAck(),
        messages: this.messages,
      }
      this.messages = []
      this.control.push(frame)
      if (this.isOpen) this.send('control', frame)
    }
    if (this.forwards.length > 0) this.pumpForwards()
    if (this.items.length > 0) this.flushItems()
    if (this.isOpen && this.ackDue <= now) this.send('data', this.dataFrame(0, []))
    if (this.bulkAckDue && this.isOpen) {
      this.bulkAckDue = false
      this.send('bulk', { t: 'bulk', session: this.session, no: 0, ack: this.bulkAck(), chunk: null })
    }
  }

  private flushItems(): void {
    let items: Item[] = []
    let bytes = 0
    const all = this.items
    this.items = []
    for (const item of all) {
      const size = itemBytes(item)
      if (items.length > 0 && bytes + size > this.core.limits.frameFillBytes) {
        this.post(items, bytes)
        items = []
        bytes = 0
      }
      items.push(item)
      bytes += size
    }
    this.post(items, bytes)
  }

  private post(items: Item[], bytes: number): void {
    let lastSeq = 0
    const no = this.nextData++
    for (const item of items) {
      if (item.k === 'cast') lastSeq = item.cast.seq
      else if (item.k === 'message' && item.left === 0) this.unheard.push({ no, n: item.n, group: item.group })
    }
    const frame = this.dataFrame(no, items)
    this.sentBytes += bytes
    this.data.push({ frame, lastSeq })
    if (this.isOpen) this.send('data', frame)
  }

  private dataFrame(no: number, items: readonly Item[]): DataFrame {
    const { era } = this.core
    const stable = this.news(era.stable, this.stableTold)
    const settled = this.news(era.settled, this.settledTold)
    const done = this.rank < 0 ? 0 : era.doneUpTo(this.rank)
    if (this.isOpen) this.doneTold = done
    if (this.core.backlogBytes < this.core.limits.backlogBytesMax && !this.isHeldUp) {
      this.grantGiven = this.receivedBytes + this.core.limits.windowBytes
    }
    this.ackDue = Number.POSITIVE_INFINITY
    this.framesToAck = 0
    return {
      t: 'data',
      session: this.session,
      no,
      ack: { session: this.peerSession, no: this.heldData() },
      grant: this.grantGiven,
      view: era.id,
      stable,
      settled,
      done,
      items,
    }
  }

  /** The direct messages of the view that is over, which the peer is not known to have. */
  takeUnheard(): readonly MessageName[] {
    const { unheard } = this
    if (unheard.length > 0) this.unheard = []
    return unheard
  }

  /** The last frame that may be acknowledged: with all before it, it would be part of this process's flush row. */
  private heldData(): number {
    const first = Math.min(
      this.unplaced[0]?.no ?? Number.POSITIVE_INFINITY,
      this.unclear[0]?.no ?? Number.POSITIVE_INFINITY,
    )
    return Math.min(this.gotData, this.ackCap, first - 1)
  }

  /** Pairs (rank, seq) that the peer was not told on this path. */
  private news(known: readonly number[], told: number[]): number[] {
    const pairs: number[] = []
    for (let rank = 0; rank < known.length; rank += 1) {
      const seq = known[rank] ?? 0
      if (seq <= (told[rank] ?? 0)) continue
      pairs.push(rank, seq)
      if (this.isOpen) told[rank] = seq
    }
    return pairs
  }

  /** Has more of the peer's casts been delivered than it was told? */
  get isDoneNews(): boolean {
    return this.rank >= 0 && this.core.era.doneUpTo(this.rank) > this.doneTold
  }

  /** The peer says how far it has delivered. */
  learnDone(seq: number): void {
    if (seq <= this.doneSeq) return
    this.doneSeq = seq
    this.core.ackedDirty = true
  }

  /** Has the peer less credit than it could have? Then an acknowledgement is due when the application catches up. */
  get owesGrant(): boolean {
    return this.receivedBytes + this.core.limits.windowBytes - this.grantGiven > this.core.limits.windowBytes / 2
  }

  /** Has the peer used up its credit, but for less than a piece may take? Then whatever it has to send may be waiting. */
  get isExhausted(): boolean {
    return this.grantGiven - this.receivedBytes < this.core.limits.pieceBytes + itemOverheadBytes
  }

  needAck(at: number): void {
    if (at < this.ackDue) this.ackDue = at
  }

  /** Is there anything of `rank`'s stability that the peer was not told? */
  isStableNews(rank: number): boolean {
    return (this.core.era.stable[rank] ?? 0) > (this.stableTold[rank] ?? 0)
  }

  /** Is there anything of `rank`'s casts that is settled, and that the peer was not told? */
  isSettledNews(rank: number): boolean {
    return (this.core.era.settled[rank] ?? 0) > (this.settledTold[rank] ?? 0)
  }

  hello(): HelloFrame {
    return {
      t: 'hello',
      version: 1,
      name: this.core.name,
      origin: this.core.origin,
      session: this.session,
      peerSession: this.peerSession,
      gotControl: this.gotControl,
      gotData: this.gotData,
      gotBulk: this.gotBulk,
    }
  }

  /** The peer names what it has; the rest goes again. */
  handleHello(frame: HelloFrame): void {
    this.name = frame.name
    this.origin = frame.origin
    this.seeSession(frame.session)
    if (frame.peerSession === this.session) {
      this.ackControl({ session: frame.peerSession, no: frame.gotControl })
      this.ackBulk({ session: frame.peerSession, no: frame.gotBulk })
    }
    if (this.isOpen || !this.isUp) return
    this.isOpen = true
    // What was acknowledged on the old path may be lost with it, and is not numbered: nobody would ask for it.
    if (this.gotData > 0) this.needAck(this.core.now + this.core.limits.ackDelayMs)
    this.stableTold = []
    this.settledTold = []
    this.doneTold = 0
    for (const sent of this.control) this.send('control', sent)
    // What was received is not sent again, but only an acknowledgement from within the view says that it is held.
    const isHeld = frame.peerSession === this.session && this.core.env.buggify?.('resend') !== true
    const received = isHeld ? frame.gotData : 0
    for (const sent of this.data) if (sent.frame.no > received) this.send('data', sent.frame)
    for (const sent of this.bulk) this.send('bulk', sent)
  }

  /** A number in order? Duplicates and other sessions are dropped. */
  accept(frame: ControlFrame | DataFrame | BulkFrame): boolean {
    this.seeSession(frame.session)
    if (frame.session !== this.peerSession) return false
    if (frame.t === 'control') {
      this.ackControl(frame.ack)
      if (frame.no !== this.gotControl + 1) return false
      this.gotControl = frame.no
    } else if (frame.t === 'data') {
      if (frame.ack.session === this.session && frame.grant > this.grant) this.grant = frame.grant
      this.ackData(frame.ack, frame.view)
      if (frame.no === 0) return true
      if (frame.no !== this.gotData + 1) return false
      this.gotData = frame.no
      this.receivedBytes += itemsBytes(frame.items)
      this.framesToAck += 1
      const isUrgent = this.framesToAck >= this.core.limits.ackFrames || this.owesGrant
      this.needAck(isUrgent ? this.core.now : this.core.now + this.core.limits.ackDelayMs)
    } else {
      this.ackBulk(frame.ack)
      if (frame.no === 0) return false
      if (frame.no !== this.gotBulk + 1) return false
      this.gotBulk = frame.no
      this.bulkAckDue = true
    }
    return true
  }

  controlAck(): StreamAck {
    return { session: this.peerSession, no: this.gotControl }
  }

  private bulkAck(): StreamAck {
    return { session: this.peerSession, no: this.gotBulk }
  }

  private seeSession(session: number): void {
    if (session <= this.peerSession) return
    this.peerSession = session
    this.gotControl = this.gotData = this.gotBulk = 0
    this.unplaced = []
    this.unclear = []
    this.receivedBytes = 0
    this.grantGiven = this.core.limits.windowBytes
    this.inbox.clear()
    this.clearAhead()
  }

  ackControl(ack: StreamAck): void {
    if (ack.session !== this.session) return
    while (this.control.length > 0 && (this.control[0]?.no ?? 0) <= ack.no) this.control.shift()
  }

  /** Held counts within one view: one who has moved on, or is still to come, says nothing about ours. */
  private ackData(ack: StreamAck, view: ViewId): void {
    if (ack.session !== this.session) return
    let count = 0
    for (const sent of this.data) {
      if (sent.frame.no > ack.no) break
      count += 1
      if (sent.lastSeq > this.ackedSeq && sent.frame.view === this.core.era.id && view === sent.frame.view) {
        this.ackedSeq = sent.lastSeq
        this.core.ackedDirty = true
      }
    }
    if (count > 0) this.data.splice(0, count)
    if (this.unheard.length > 0 && view === this.core.era.id)
      this.unheard = this.unheard.filter(({ no }) => no > ack.no)
  }

  private ackBulk(ack: StreamAck): void {
    if (ack.session !== this.session) return
    while (this.bulk.length > 0 && (this.bulk[0]?.no ?? 0) <= ack.no) this.bulk.shift()
  }

  send(channel: Channel, frame: Frame): void {
    this.core.effects.push({ type: 'send', peer: this.peer, channel, frame })
  }
}
