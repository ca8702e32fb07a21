/**
 * The kernel of one process: its layers put together. One event in, one full drain of effects out.
 *
 * Bottom to top: link · detector · contacts · membership (cut, primary) · delivery (causal, total, stability) · rounds (group views)
 * · transfer. Each layer owns its state; this file only passes things between them and installs views.
 */
import { type Memory, untoldIn } from './acted.ts'
import type {
  AppEvent,
  Command,
  Effect,
  Input,
  KernelEnv,
  KernelHandle,
  KernelOptions,
  ProcessId,
  ViewId,
  VoteRecord,
} from './api.ts'
import { Away } from './away.ts'
import { Casting } from './casting.ts'
import { Contacts } from './contacts.ts'
import type { Core } from './core.ts'
import { Delivery } from './delivery.ts'
import { Detector } from './detector.ts'
import { Era } from './era.ts'
import type { Cast, DataFrame, Departed, Frame, GroupInstall, Item, Message, Part } from './frame.ts'
import { isNews } from './gone.ts'
import { Groups } from './groups.ts'
import { viewIdOf } from './ids.ts'
import { installView } from './install.ts'
import { Joins } from './joins.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { Link } from './link.ts'
import { type Flush, Membership } from './membership.ts'
import { Rounds } from './rounds.ts'
import { Transfer } from './transfer.ts'

/** See {@link KernelHandle}. */
export class Kernel implements KernelHandle, Core {
  readonly self: ProcessId
  readonly name: string
  readonly origin: string
  readonly weight: number
  readonly isWitness: boolean
  readonly env: KernelEnv
  readonly limits: Limits
  readonly links: Map<ProcessId, Link> = new Map()
  readonly departed: Map<ProcessId, Departed> = new Map()
  readonly formers: Map<ProcessId, Departed> = new Map()
  now = 0
  effects: Effect[] = []
  era: Era
  lamport = 0
  backlogBytes = 0
  aheadBytes = 0
  isBusy = false
  ackedDirty = false
  votes: VoteRecord = { last: null, attempt: null }
  line: string | null = null
  generation = 0
  voiceFrom = 0
  remembered: Memory = new Map()
  isFenced = false
  readonly detector: Detector
  readonly away: Away
  readonly contacts: Contacts
  readonly membership: Membership
  readonly delivery: Delivery
  readonly rounds: Rounds
  readonly groups: Groups
  readonly joins: Joins
  readonly casting: Casting
  readonly transfer: Transfer
  private readonly local: Message[] = []
  private consumed = 0
  private delivered = 0
  private isStarted = false
  private isStopped = false
  private leavingSince = Number.NaN
  private goodbyeSince = Number.NaN
  private isQuick = false
  private answered: number | null = null
  /** What came of a view that this process is about to say READY for. */
  private early: { readonly peer: ProcessId; readonly part: DataFrame | Message }[] = []
  private earlyView: ViewId = ''
  /** What would change groups' views in a space view that may be over. */
  private fenced: { readonly from: ProcessId; readonly message: Message }[] = []

  constructor(env: KernelEnv, options: KernelOptions) {
    this.env = env
    this.self = options.self
    this.name = options.name
    this.origin = options.origin
    this.weight = options.weight ?? 1
    this.isWitness = options.isWitness ?? false
    this.limits = { ...defaultLimits, ...options.limits }
    this.era = this.firstEra()
    this.detector = new Detector(this)
    this.away = new Away(this, this.detector)
    this.delivery = new Delivery(this, {
      installGroup: (group) => this.groups.install(group),
      mightConcern: (rank, stream, seq) => this.joins.mightConcern(rank, stream, seq),
      placedOwn: () => this.casting.placed(),
      cutOwn: () => this.casting.cut(),
    })
    this.rounds = new Rounds(this)
    this.transfer = new Transfer(this, {
      group: (name) => this.groups.byName.get(name),
      becameWhole: (group) => this.groups.becameWhole(group),
      restate: (group, avoid) => this.groups.requestRestate(group, avoid),
    })
    this.groups = new Groups(this, { delivery: this.delivery, transfer: this.transfer })
    this.joins = new Joins(this, this.groups)
    this.casting = new Casting(this, { delivery: this.delivery, groups: this.groups })
    this.contacts = new Contacts(this, this.detector)
    this.membership = new Membership(
      this,
      { detector: this.detector, contacts: this.contacts, away: this.away },
      {
        groupRows: () => this.groups.rows(),
        closed: () => this.groups.closed(),
        untold: (movers) =>
          untoldIn(this.groups.noteAwaited(this.rounds.remembered()), movers, {
            self: this.self,
            isNews: (noted) => this.groups.isNews(noted),
          }),
        takeLate: (part) => this.takeLate(part),
        install: (flush) => this.install(flush),
        forward: (to, sender, seq) => this.forward(to, sender, seq),
        holds: (sender, seq) => this.find(sender, seq) !== null,
        isWanting: () => !this.era.view.primary || this.groups.isWaiting || this.rounds.isWaiting,
      },
      this.isWitness ? null : options.foundAfterMs,
    )
  }

  private firstEra(): Era {
    const id = viewIdOf({ epoch: 1, leader: this.self })
    const view = {
      id,
      spaceView: id,
      members: [{ id: this.self, name: this.name, origin: this.origin, weight: this.weight, witness: this.isWitness }],
      primary: false,
      line: null,
      prev: null,
      trans: [this.self],
      missing: [],
      subviews: [],
      joined: [this.self],
      left: [],
      dead: [],
      expelled: [],
      away: [],
      wasAwayMs: 0,
    }
    return new Era(view, 1, this.self)
  }

  step(now: number, inputs: readonly Input[]): Effect[] {
    this.effects = []
    if (this.isStopped) return []
    this.now = Math.max(now, this.now)
    const gap = this.detector.noticeGap(this.now)
    if (gap > 0) this.away.woke(gap)
    if (!this.isStarted) {
      this.isStarted = true
      this.rounds.reset([])
      this.app({ type: 'view', group: '', view: this.era.view, state: 'whole' })
    }
    for (const input of inputs) {
      this.handle(input)
      this.drainLocal()
    }
    this.settle()
    return this.effects
  }

  get nextWake(): number {
    if (this.isStopped) return Number.POSITIVE_INFINITY
    let at = Math.min(this.detector.nextBeat, this.transfer.nextCheck)
    if (!this.away.isLagging) at = Math.min(at, this.membership.nextCheck)
    for (const link of this.links.values()) if (link.isOpen) at = Math.min(at, link.ackDue)
    if (!Number.isNaN(this.goodbyeSince)) at = Math.min(at, this.goodbyeSince + this.limits.goodbyeMs)
    else if (!Number.isNaN(this.leavingSince)) {
      const until = this.leavingSince + this.limits.leaveWaitMs
      at = Math.min(at, until > this.now ? until : until + this.limits.goodbyeMs)
    }
    return at
  }

  app(event: AppEvent): void {
    if (event.type === 'deliver') this.delivered += event.payload.length
    this.effects.push({ type: 'app', event })
  }

  trace(line: Readonly<Record<string, unknown>> & { readonly e: string }): void {
    this.env.trace?.(line)
  }

  tell(peer: ProcessId, message: Message): void {
    if (peer === this.self) this.local.push(message)
    else this.links.get(peer)?.messages.push(message)
  }

  cutMovers(): readonly ProcessId[] {
    return this.movers
  }

  private movers: readonly ProcessId[] = []

  dump(): unknown {
    return {
      self: this.self,
      view: this.era.view,
      isClosed: this.era.isClosed,
      seq: this.era.seq,
      stable: this.era.stable,
      promised: this.membership.promised,
      flush: this.membership.flush,
      groups: [...this.groups.byName.values()].map(({ name, viewId, gn, isClosed, status }) => ({
        name,
        viewId,
        gn,
        isClosed,
        status,
      })),
      queue: this.casting.length,
      votes: this.votes,
      line: this.line,
    }
  }

  private drainLocal(): void {
    for (let message = this.local.shift(); message !== undefined; message = this.local.shift()) {
      this.handleMessage(this.self, message)
    }
  }

  /** The end of a step: everything that follows from what came in, then one frame per link. */
  private settle(): void {
    if (this.fenced.length > 0 && !this.isFenced)
      for (const { from, message } of this.fenced.splice(0)) this.handleMessage(from, message)
    if (this.now >= this.detector.nextBeat && !this.away.isSilent) this.joins.beat()
    for (let rounds = 0; rounds < 100; rounds += 1) {
      this.advanceStability()
      this.delivery.pump()
      const isMoved = this.casting.drain()
      const isNumbered = this.casting.tellPositions()
      if (this.detector.suspended.size > 0) this.press()
      if (!this.away.isLagging) this.membership.evaluate()
      const isTalking = this.local.length > 0
      this.drainLocal()
      if (!isMoved && !isNumbered && !isTalking && !this.ackedDirty) break
    }
    this.transfer.check()
    this.transfer.pump()
    this.groups.requestLeaves()
    this.drainLocal()
    this.away.notice()
    if (this.backlogBytes >= this.limits.backlogBytesMax) this.away.watchBacklog()
    const { isSilent } = this.away
    const isBeat = this.detector.beat(this.membership.highestEpoch, () => this.contacts.summary(), isSilent)
    if (isBeat || this.isFenced) this.tellLease()
    this.pushStability()
    for (const link of this.links.values()) link.flush(this.now)
    this.leaveIfDone()
  }

  private tellLease(): void {
    if (!this.groups.hasConsistent) return
    const answered = this.era.view.primary && !this.isFenced ? this.detector.answered() : null
    if (answered === this.answered) return
    this.answered = answered
    this.app({ type: 'lease', start: answered === null ? null : this.detector.leaseStart() })
  }

  private advanceStability(): void {
    if (!this.ackedDirty) return
    this.ackedDirty = false
    this.casting.advanceStability()
  }

  /** Own stability is news for everybody who holds our casts; urgent if a uniform cast waits for it. */
  private pushStability(): void {
    const { era } = this
    if (era.isClosed) return
    for (const link of this.links.values()) {
      if (!link.isOpen || link.rank < 0) continue
      if (link.isDoneNews) link.needAck(this.now + this.limits.ackDelayMs)
      if (link.isHastened && link.isSettledNews(era.selfRank)) link.needAck(this.now)
      if (era.seq > 0 && link.isStableNews(era.selfRank)) {
        link.needAck(this.groups.hasUniform ? this.now : this.now + this.limits.ackDelayMs)
      }
    }
  }

  // ---- inputs -----------------------------------------------------------------------------------------------

  private handle(input: Input): void {
    if (input.type !== 'frame' && input.type !== 'commands' && input.type !== 'wake') this.membership.touch()
    switch (input.type) {
      case 'frame':
        this.handleFrame(input.peer, input.frame)
        return
      case 'commands':
        for (const command of input.commands) this.handleCommand(command)
        return
      case 'linkUp':
        this.link(input.peer).up()
        this.detector.linkUp(input.peer)
        return
      case 'linkDown':
        this.links.get(input.peer)?.down()
        this.detector.linkDown()
        return
      case 'badFrame':
        this.fault(input.peer, input.code)
        return
      case 'dead':
        this.handleDead({ id: input.peer, isDead: true, votes: input.record, ended: [] })
        return
      case 'persisted':
        this.membership.handlePersisted(input.ticket)
        return
      case 'foundAnswer':
        this.membership.handleFoundAnswer(input.granted)
        return
      case 'searched':
        this.membership.searched()
        return
      case 'wake':
        return
    }
  }

  private link(peer: ProcessId): Link {
    let link = this.links.get(peer)
    if (link === undefined) {
      link = new Link(this, peer)
      this.links.set(peer, link)
    }
    return link
  }

  private fault(peer: ProcessId, code: string): void {
    this.effects.push({ type: 'fault', peer, code, fatal: true })
    this.app({ type: 'fault', peer, code })
  }

  private handleFrame(peer: ProcessId, frame: Frame): void {
    const link = this.links.get(peer)
    if (link === undefined || !link.isUp) return
    if (frame.t === 'hello') {
      this.membership.touch()
      const wasOpen = link.isOpen
      link.handleHello(frame)
      if (!wasOpen && link.isOpen) {
        if (!this.detector.seen.has(peer)) this.membership.met()
        this.detector.linkUp(peer)
        // One that lags says nothing until it is back, so that it is not taken for one that is.
        if (!this.away.isLagging)
          this.detector.sendBeat(peer, this.membership.highestEpoch, () => this.contacts.summary(), this.era.id)
      }
      return
    }
    if (frame.t === 'heartbeat') {
      link.ackControl(frame.ack)
      this.detector.handleBeat(peer, frame)
      if (!frame.isMember || link.rank < 0) this.membership.touch()
      if (frame.isMember) this.believe(frame.view)
      if (this.isFenced) this.away.reassure()
      return
    }
    if (!link.accept(frame)) return
    if (frame.t === 'control') {
      for (const message of frame.messages) this.handleMessage(peer, message)
    } else if (frame.t === 'data') this.handleData(link, peer, frame)
    else if (frame.chunk !== null) this.transfer.handleChunk(peer, frame.chunk)
  }

  private handleData(link: Link, peer: ProcessId, frame: DataFrame): void {
    this.believe(frame.view)
    const { era } = this
    if (frame.view !== era.id) {
      this.keepEarly(frame.view, peer, frame)
      return
    }
    const rank = link.rank
    if (rank < 0) return
    for (let i = 0; i + 1 < frame.stable.length; i += 2)
      era.learnStable(frame.stable[i] ?? -1, frame.stable[i + 1] ?? 0)
    for (let i = 0; i + 1 < frame.settled.length; i += 2)
      era.learnSettled(frame.settled[i] ?? -1, frame.settled[i + 1] ?? 0)
    link.learnDone(Math.min(frame.done, era.seq))
    for (const item of frame.items) this.handleItem(link, peer, rank, item, frame.no)
    if (era.isClosed) this.membership.progress()
  }

  /** A peer is in that view. What came of it before this process was in it comes first. */
  private believe(view: ViewId): void {
    if (view !== this.era.id) this.membership.sawInstalled(view)
    if (this.early.length === 0 || this.earlyView !== this.era.id) return
    for (const { peer, part } of this.early.splice(0)) {
      const link = this.links.get(peer)
      if ('k' in part) this.handleMessage(peer, part)
      else if (link !== undefined) this.handleData(link, peer, part)
    }
  }

  /**
   * A view may be installed by others before this process has said READY for it: a later flush without it completes the
   * view that it was to be in. As long as it may still say so, what they send there waits.
   */
  private keepEarly(view: ViewId, peer: ProcessId, part: DataFrame | Message): void {
    if (!this.membership.isFlushingTo(view)) return
    if (this.earlyView !== view) this.early = []
    this.earlyView = view
    this.early.push({ peer, part })
  }

  private handleItem(link: Link, peer: ProcessId, rank: number, item: Item, no: number): void {
    if (item.k === 'eov') {
      this.era.eovFrom.add(peer)
      return
    }
    if (item.k === 'piece') {
      if (!link.takePiece(item)) this.fault(peer, 'bad-piece')
      else if (item.bytes.length === 0) this.renewGrants()
      return
    }
    const cast = link.takeCast(item)
    if (cast === null) {
      this.fault(peer, 'bad-ahead')
      return
    }
    if (item.ahead > 0) this.renewGrants()
    if (item.k === 'forward') {
      const sender = this.era.ranks.get(item.sender)
      if (sender === undefined) this.fault(peer, 'bad-forward')
      // From one who does not come along, it is for a cut that was given up: this one may be without it.
      else if (this.membership.isReadyWithout(item.sender) || this.membership.isRemoving(peer)) {
        this.era.late.push({ cast, rank: sender })
      } else this.delivery.receiveForwarded(cast, sender)
      return
    }
    if (this.membership.isRemoving(peer)) {
      this.era.late.push({ cast, rank })
      link.ackCap = Math.min(link.ackCap, no - 1)
      return
    }
    this.delivery.receive(cast, rank)
    if (cast.gn > 0 && cast.gn > this.groups.knownViews(cast.gid)) link.holdBack({ no, gid: cast.gid, gn: cast.gn })
    if (this.groups.isUniform(cast.gid)) link.needAck(this.now)
  }

  /** Room has come about: who was granted less than it could have been is told. */
  private renewGrants(): void {
    for (const link of this.links.values()) if (link.owesGrant) link.needAck(this.now)
  }

  private handleMessage(from: ProcessId, message: Message): void {
    const { membership, groups, rounds } = this
    membership.touch()
    if ('view' in message && message.k !== 'refuse' && message.view !== this.era.id) {
      // Its sender is in that view; whoever leads a flush need not be the coordinator, who may be the last to hear of it.
      this.believe(message.view)
      if (message.view !== this.era.id) {
        this.keepEarly(message.view, from, message)
        return
      }
    }
    switch (message.k) {
      case 'foreign':
        this.contacts.handleForeign(from, message)
        return
      case 'suspect':
        if (message.departed !== null) this.handleDeparted(message.departed)
        else if (this.era.ranks.has(from)) {
          this.detector.handleReport(message.peer)
          // Whoever is silent without a word is pressed for no reason, should it say later that it sleeps.
          if (this.detector.suspended.has(message.peer)) this.detector.press(message.peer)
        }
        return
      case 'hasten':
        this.link(from).isHastened = true
        return
      case 'suspend':
        this.detector.handleSuspend(from)
        return
      case 'resume':
        this.detector.handleAwake(from)
        return
      case 'leave':
        this.handleDeparted({ ...message.departed, id: from, isDead: false })
        return
      case 'propose':
        membership.handlePropose(from, message)
        return
      case 'refuse':
        membership.handleRefuse(from, message)
        return
      case 'row':
        membership.handleRow(from, message)
        return
      case 'cut':
        membership.handleCut(from, message)
        return
      case 'ready':
        membership.handleReady(from, message)
        return
      case 'install':
        membership.handleInstall(from, message)
        return
      case 'refound':
        membership.handleRefound()
        return
      case 'groupRequest':
        if (this.isFenced) this.fenced.push({ from, message })
        else if (!this.era.isClosed && this.era.members[0] === this.self && !membership.isLeaving)
          rounds.handleRequest(from, message)
        return
      case 'groupRefuse':
        groups.handleRefuse(message)
        return
      case 'groupCut':
        if (!this.era.isClosed && this.era.members[0] === this.self && !membership.isLeaving)
          rounds.handleCut(from, message)
        return
      case 'groupPrepare':
        // Whoever has said goodbye is in no further view: it has told which groups end with it.
        if (from === this.era.members[0] && !membership.isLeaving) groups.handlePrepare(message)
        return
      case 'groupCount':
        if (this.isFenced) this.fenced.push({ from, message })
        else if (!this.era.isClosed) rounds.handleCount(from, message)
        return
      case 'groupInstall':
        // After the row it is too late: who knows it reports it in its own row.
        if (from === this.era.members[0] && !this.era.isClosed) this.handleGroupInstall(message.install)
        return
      case 'groupSync':
        if (!this.era.isClosed && this.era.members[0] === this.self && !membership.isLeaving) this.joins.answer(from)
        return
      case 'groupSynced':
        if (from === this.era.members[0]) this.joins.handleAnswer()
        return
      case 'want':
        this.transfer.handleWant(from, message)
        return
    }
  }

  private handleGroupInstall(install: GroupInstall): void {
    this.groups.handleInstall(install)
    for (const link of this.links.values()) link.placeUpTo(install.gid, install.gn)
  }

  /**
   * A lock is free. Whoever this process never had a link to was here before it: the others, who cannot see its lock, are
   * told in every row until the line that it voted in goes on without it.
   */
  private handleDead(departed: Departed): void {
    const { id, votes } = departed
    const isFormer = !this.links.has(id) && (votes?.last ?? votes?.attempt ?? null) !== null
    if (isFormer && this.formers.size < this.limits.formersMax) this.formers.set(id, departed)
    this.handleDeparted(departed)
  }

  /** Somebody left or is proven dead: its vote goes with its record. */
  private handleDeparted(departed: Departed): void {
    if (departed.id === this.self || !isNews(departed, this.departed)) return
    this.departed.set(departed.id, departed)
    if (departed.votes !== null) this.membership.countedOut()
    this.trace({ e: 'departed', q: departed.id, dead: departed.isDead })
    const [coordinator] = this.era.members.filter((id) => !this.detector.isSuspect(id))
    if (departed.isDead && coordinator !== undefined && coordinator !== this.self) {
      this.tell(coordinator, { k: 'suspect', view: this.era.id, peer: departed.id, departed })
    }
  }

  private handleCommand(command: Command): void {
    switch (command.type) {
      case 'cast':
        this.casting.add(command)
        return
      case 'cancel':
        this.casting.cancel(command.ns)
        return
      case 'join':
        this.groups.join(command.group, command.options)
        return
      case 'leaveGroup':
        this.groups.leave(command.group)
        return
      case 'snapshot':
        this.transfer.handleSnapshot(command.transfer, command.state)
        return
      case 'consumed': {
        const isMore = command.bytes > this.consumed
        this.consumed = Math.max(this.consumed, command.bytes)
        this.backlogBytes = Math.max(0, this.delivered - this.consumed)
        if (isMore && this.away.hasCaughtUp()) this.membership.touch()
        this.renewGrants()
        return
      }
      case 'refound':
        this.membership.refound()
        return
      case 'busy':
        this.isBusy = command.busy
        return
      case 'suspend':
        if (!this.membership.isLeaving) this.away.suspend()
        return
      case 'resume':
        this.away.resume()
        return
      case 'leave':
        if (Number.isNaN(this.leavingSince)) this.leavingSince = this.now
        if (command.quick) this.isQuick = true
        return
    }
  }

  /** Suspended members that are needed are as good as gone; whoever leads the next flush is told so. */
  private press(): void {
    for (const id of this.era.members) {
      if (!this.detector.suspended.has(id)) continue
      const isNew = !this.detector.pressing.has(id)
      if (isNew && !this.isHeldUpBy(id)) continue
      if (isNew) {
        this.detector.press(id)
        this.membership.touch()
      }
      const coordinator = this.membership.coordinator()
      if (this.away.isToTell(id, coordinator))
        this.tell(coordinator, { k: 'suspect', view: this.era.id, peer: id, departed: null })
    }
  }

  /** Does that member have a role, or does anything here wait for it? */
  private isHeldUpBy(id: ProcessId): boolean {
    if (this.era.isClosed || this.isFenced || this.membership.coordinator() === id) return true
    if (this.groups.isSequencer(id) || this.rounds.isWaitingFor(id) || this.transfer.isAwaitingFrom(id)) return true
    return this.contacts.isToBeTaken || this.casting.isHeldUpBy(id)
  }

  // ---- leaving ----------------------------------------------------------------------------------------------

  private leaveIfDone(): void {
    if (Number.isNaN(this.leavingSince)) return
    if (Number.isNaN(this.goodbyeSince)) {
      const { isHandingOver } = this.groups
      const isQuiet = this.casting.isQuiet && !this.era.isClosed && this.groups.isQuiet
      // Whoever takes over what would be lost is given a little longer.
      const waitMs = this.limits.leaveWaitMs + (isHandingOver ? this.limits.goodbyeMs : 0)
      if (!this.isQuick && !isQuiet && this.now - this.leavingSince < waitMs) return
      this.goodbyeSince = this.now
      this.membership.isLeaving = true
      const departed: Departed = { id: this.self, isDead: false, votes: this.votes, ended: this.groups.endingHere() }
      for (const link of this.links.values()) {
        if (link.isOpen) link.messages.push({ k: 'leave', departed })
        link.flush(this.now)
      }
    }
    const isHeard = [...this.links.values()].every((link) => !link.isOpen || !link.hasUnackedControl)
    if (!isHeard && !this.isQuick && this.now - this.goodbyeSince < this.limits.goodbyeMs) return
    this.isStopped = true
    this.casting.close()
    this.app({ type: 'closed', reason: 'left' })
    this.effects.push({ type: 'stopped' })
  }

  // ---- flush ------------------------------------------------------------------------------------------------

  private find(sender: ProcessId, seq: number): Cast | null {
    const rank = this.era.ranks.get(sender)
    if (rank === undefined) return null
    const held = this.era.held[rank]?.find((h) => h.cast.seq === seq)?.cast
    return held ?? this.era.late.find((l) => l.rank === rank && l.cast.seq === seq)?.cast ?? null
  }

  private forward(to: ProcessId, sender: ProcessId, seq: number): void {
    const cast = this.find(sender, seq)
    if (cast !== null) this.links.get(to)?.forward(sender, cast)
  }

  /**
   * What came late from those who come along after all is theirs; the rest is listed in the next row. As long as a cut
   * without them may be installed, they wait, and are not told that it is held.
   */
  private takeLate(part: Part): void {
    const { era } = this
    const isOurs = (sender: ProcessId): boolean =>
      part.members.includes(sender) && !this.membership.isReadyWithout(sender)
    for (const late of era.late.splice(0)) {
      if (isOurs(era.members[late.rank] ?? '')) this.delivery.receive(late.cast, late.rank)
      else era.late.push(late)
    }
    for (const link of this.links.values()) {
      if (!this.membership.isReadyWithout(link.peer)) link.ackCap = Number.POSITIVE_INFINITY
    }
  }

  private install(flush: Flush): void {
    if (flush.plan === null || flush.decision === null) return
    if (this.earlyView !== viewIdOf(flush.ballot)) this.early = []
    this.movers = flush.plan.movers
    installView(this, flush, flush.plan, flush.decision)
  }
}
