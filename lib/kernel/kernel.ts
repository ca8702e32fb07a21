/**
 * The kernel of one process: its layers put together. One event in, one full drain of effects out.
 *
 * Bottom to top: link · detector · contacts · membership (cut) and leading (primary) · delivery (causal, total, stability) · rounds (group views)
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
  VoteRecord,
} from './api.ts'
import { Away } from './away.ts'
import { Casting } from './casting.ts'
import { Contacts } from './contacts.ts'
import type { Core } from './core.ts'
import { Delivery } from './delivery.ts'
import { Departures } from './departures.ts'
import { Detector } from './detector.ts'
import { Era } from './era.ts'
import type { Departed, Frame, GroupInstall, Message } from './frame.ts'
import { agreedDeparted } from './gone.ts'
import { Goodbye } from './goodbye.ts'
import { Groups } from './groups.ts'
import { viewIdOf } from './ids.ts'
import { installView } from './install.ts'
import { Joins } from './joins.ts'
import { Leading } from './leading.ts'
import { isLeap } from './leaps.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { Link } from './link.ts'
import { type Flush, Membership } from './membership.ts'
import { Messages } from './messages.ts'
import { Receiving } from './receiving.ts'
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
  isLeaving = false
  readonly detector: Detector
  readonly away: Away
  readonly contacts: Contacts
  readonly membership: Membership
  readonly leading: Leading
  readonly departures: Departures
  readonly receiving: Receiving
  readonly goodbye: Goodbye
  readonly delivery: Delivery
  readonly rounds: Rounds
  readonly groups: Groups
  readonly joins: Joins
  readonly casting: Casting
  readonly messages: Messages
  readonly transfer: Transfer
  private readonly local: Message[] = []
  private consumed = 0
  private delivered = 0
  private isStarted = false
  private isStopped = false
  private answered: number | null = null
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
    this.messages = new Messages(this)
    this.contacts = new Contacts(this, this.detector)
    this.membership = new Membership(
      this,
      { detector: this.detector, away: this.away },
      {
        groupRows: () => this.groups.rows(),
        closed: () => this.groups.closed(),
        untold: (movers) =>
          untoldIn(this.groups.noteAwaited(this.rounds.remembered()), movers, {
            self: this.self,
            isNews: (noted) => this.groups.isNews(noted),
          }),
        takeLate: (part) => this.receiving.takeLate(part),
        install: (flush) => this.install(flush),
        forward: (to, sender, seq) => this.receiving.forward(to, sender, seq),
        holds: (sender, seq) => this.receiving.find(sender, seq) !== null,
        gaveRow: () => {
          this.leading.gaveRow()
          this.departures.gaveRow()
        },
        installed: (flush) => {
          this.leading.installed(flush)
          this.departures.newView(agreedDeparted(flush.rows))
        },
        fault: (peer, code) => this.fault(peer, code),
      },
    )
    this.leading = new Leading(
      this,
      { detector: this.detector, contacts: this.contacts, away: this.away, membership: this.membership },
      { isWanting: () => !this.era.view.primary || this.groups.isWaiting || this.rounds.isWaiting },
      this.isWitness ? null : options.foundAfterMs,
    )
    this.departures = new Departures(this, {
      coordinator: () => this.membership.coordinator(),
      countedOut: () => this.leading.countedOut(),
    })
    const { membership, delivery, groups, casting, messages } = this
    this.receiving = new Receiving(
      this,
      { membership, delivery, groups },
      {
        handleMessage: (from, message) => this.handleMessage(from, message),
        fault: (peer, code) => this.fault(peer, code),
        renewGrants: () => this.renewGrants(),
      },
    )
    this.goodbye = new Goodbye(this, { casting, groups, messages })
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
    if (!this.away.isLagging) at = Math.min(at, this.leading.nextCheck)
    for (const link of this.links.values()) if (link.isOpen) at = Math.min(at, link.ackDue)
    return Math.min(at, this.goodbye.nextCheck)
  }

  app(event: AppEvent): void {
    if (event.type === 'deliver' || event.type === 'message') this.delivered += event.payload.length
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
      if (!this.away.isLagging) this.leading.evaluate()
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
    this.receiving.clearUp()
    this.pushStability()
    this.messages.drain()
    for (const link of this.links.values()) link.flush(this.now)
    if (this.goodbye.advance()) this.stop()
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
    if (input.type !== 'frame' && input.type !== 'commands' && input.type !== 'wake') this.leading.touch()
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
        this.departures.handleDead({ id: input.peer, isDead: true, votes: input.record, ended: [] })
        return
      case 'persisted':
        this.membership.handlePersisted(input.ticket)
        return
      case 'foundAnswer':
        this.leading.handleFoundAnswer(input.granted)
        return
      case 'searched':
        this.leading.searched()
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
    link.heardAt = this.now
    if (isLeap(frame, { epoch: this.membership.highestEpoch, generation: this.generation, lamport: this.lamport })) {
      this.fault(peer, 'leap')
      return
    }
    if (frame.t === 'hello') {
      this.leading.touch()
      const wasOpen = link.isOpen
      link.handleHello(frame)
      if (!wasOpen && link.isOpen) {
        if (!this.detector.seen.has(peer)) this.leading.met()
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
      if (!frame.isMember || link.rank < 0) this.leading.touch()
      if (frame.isMember) this.receiving.believe(frame.view)
      if (this.isFenced) this.away.reassure()
      return
    }
    if (!link.accept(frame)) return
    if (frame.t === 'control') {
      for (const message of frame.messages) this.handleMessage(peer, message)
    } else if (frame.t === 'data') this.receiving.handleData(link, peer, frame)
    else if (frame.chunk !== null) this.transfer.handleChunk(peer, frame.chunk)
  }

  /** Room has come about: who was granted less than it could have been is told. */
  private renewGrants(): void {
    for (const link of this.links.values()) if (link.owesGrant) link.needAck(this.now)
  }

  private handleMessage(from: ProcessId, message: Message): void {
    const { leading, membership, groups, rounds } = this
    leading.touch()
    if ('view' in message && message.k !== 'refuse' && message.view !== this.era.id) {
      // Its sender is in that view; whoever leads a flush need not be the coordinator, who may be the last to hear of it.
      this.receiving.believe(message.view)
      if (message.view !== this.era.id) {
        this.receiving.keepEarly(message.view, from, message)
        return
      }
    }
    switch (message.k) {
      case 'foreign':
        this.contacts.handleForeign(from, message)
        return
      case 'suspect':
        if (message.departed !== null) this.departures.handle(message.departed)
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
        this.departures.handle({ ...message.departed, id: from, isDead: false })
        return
      case 'propose':
        membership.handlePropose(from, message)
        return
      case 'refuse':
        leading.handleRefuse(from, message)
        return
      case 'row':
        leading.handleRow(from, message)
        return
      case 'cut':
        membership.handleCut(from, message)
        return
      case 'ready':
        leading.handleReady(from, message)
        return
      case 'install':
        membership.handleInstall(from, message)
        return
      case 'refound':
        leading.handleRefound()
        return
      case 'groupRequest':
        if (this.isFenced) this.fenced.push({ from, message })
        else if (!this.era.isClosed && this.era.members[0] === this.self && !this.isLeaving)
          rounds.handleRequest(from, message)
        return
      case 'groupRefuse':
        groups.handleRefuse(message)
        return
      case 'groupCut':
        if (!this.era.isClosed && this.era.members[0] === this.self && !this.isLeaving) rounds.handleCut(from, message)
        return
      case 'groupPrepare':
        // Whoever has said goodbye is in no further view: it has told which groups end with it.
        if (from === this.era.members[0] && !this.isLeaving) groups.handlePrepare(message)
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
        if (!this.era.isClosed && this.era.members[0] === this.self && !this.isLeaving) this.joins.answer(from)
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

  private handleCommand(command: Command): void {
    switch (command.type) {
      case 'cast':
        this.casting.add(command)
        return
      case 'send':
        this.messages.add(command)
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
        if (isMore && this.away.hasCaughtUp()) this.leading.touch()
        this.renewGrants()
        return
      }
      case 'refound':
        this.leading.refound()
        return
      case 'busy':
        this.isBusy = command.busy
        return
      case 'suspend':
        if (!this.isLeaving) this.away.suspend()
        return
      case 'resume':
        this.away.resume()
        return
      case 'leave':
        this.goodbye.begin(command.quick)
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
        this.leading.touch()
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
    return this.contacts.isToBeTaken || this.casting.isHeldUpBy(id) || this.messages.isHeldUpBy(id)
  }

  private stop(): void {
    this.isStopped = true
    this.casting.close()
    this.messages.close()
    this.app({ type: 'closed', reason: 'left' })
    this.effects.push({ type: 'stopped' })
  }

  private install(flush: Flush): void {
    if (flush.plan === null || flush.decision === null) return
    this.receiving.begins(viewIdOf(flush.ballot))
    this.movers = flush.plan.movers
    installView(this, flush, flush.plan, flush.decision)
  }
}
