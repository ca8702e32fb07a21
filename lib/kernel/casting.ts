/**
 * Own casts: the queue before they are sent, their stamps, their stability.
 *
 * Protocol: one queue over all groups, in call order. Its head waits while its group's view is closed, while a receiver
 *   has no room or has not been sent what goes ahead of a large cast (`ahead.ts`), while its causal past is more than
 *   one list holds, and — for a cast to another group — while an earlier total cast of this process has no position
 *   (else sequencers of different groups and causality across groups could wait for each other in a circle). So it does
 *   while an earlier gbcast of this process is not delivered, of which it asks the coordinator to cut the group; only
 *   more gbcasts in that group do not wait: other casts of it come after the cut, and in other groups the cut has to be
 *   decided first. Casts of strict groups wait for what comes before them elsewhere (`strict.ts`). Casts of consistent groups stand aside while there is no primary component. Casts of strong groups are
 *   of the view in which the application made them: those that are still here when it is over are refused, once the next
 *   one is told.
 * Bounds: `queueMax` (the application is told by `writable`), the receivers' grants.
 */
import { aheadOf, sendPieces } from './ahead.ts'
import type { AppEvent, Command, ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import type { Delivery } from './delivery.ts'
import type { Cast, Item } from './frame.ts'
import type { Group } from './group.ts'
import { type Groups, isActing } from './groups.ts'
import { Strictness } from './strict.ts'

interface Entry {
  readonly group: string
  readonly n: number
  readonly payload: Uint8Array
  /** Of a strong group: the view it was made in, or null if there was none. Else undefined. */
  readonly madeIn: ViewId | null | undefined
  readonly isGbcast: boolean
}

/** An own cast that was dropped at a cut: by everyone who comes along (`lost`), or here, where others may have it. */
export interface LostCast {
  readonly group: string
  readonly n: number
  readonly outcome: 'lost' | 'unknown'
}

/** The payload at the head of the queue, on its way ahead of its cast. */
interface Upload {
  readonly n: number
  readonly view: ViewId
  /** When it was first begun with. */
  readonly since: number
  /** How far, by receiver. */
  readonly sent: Map<ProcessId, number>
}

/** What a record has beside what it tells of positions. */
const recordOnly = { n: 0, payload: new Uint8Array(0), isGbcast: false }

/** The casting half of one process. */
export class Casting {
  private readonly core: Core
  private readonly delivery: Delivery
  private readonly groups: Groups
  private queue: Entry[] = []
  private aside: Entry[] = []
  /** Own total casts sent and not yet placed, all of one group. */
  private unplaced = 0
  private unplacedGid = -1
  /** Own gbcasts sent and not yet delivered, all of that group, before one cut. They count as unplaced. */
  private uncut = 0
  private upload: Upload | null = null
  private readonly settled: Set<number> = new Set()
  /** Numbers of own casts that stood aside and are not settled: what was cast after them does not wait for them. */
  private readonly waiting: Set<number> = new Set()
  private settledUpTo = 0
  private isToldOfSettled = true
  private isWritable = true
  /** Waiting casts of strong groups. */
  private strong = 0
  /** Views of groups that were begun or left when those were last looked through. */
  private viewsSeen = 0
  private readonly strictness: Strictness

  constructor(core: Core, layers: { readonly delivery: Delivery; readonly groups: Groups }) {
    this.core = core
    this.delivery = layers.delivery
    this.groups = layers.groups
    this.strictness = new Strictness(core)
  }

  get length(): number {
    return this.queue.length + this.aside.length
  }

  /** Nothing of our own is under way. */
  get isQuiet(): boolean {
    return this.queue.length === 0 && this.core.era.unstable.length === 0 && this.uncut === 0
  }

  add({ group, n, payload, view, service }: Extract<Command, { type: 'cast' }>): void {
    if (payload.length > this.core.limits.castBytesMax) {
      this.end(group, n, 'refused')
      return
    }
    if (service === 'gbcast' && this.groups.byName.get(group)?.options.domain !== undefined) {
      this.end(group, n, 'refused')
      return
    }
    if (view !== undefined && !this.isIn(group, view)) {
      this.end(group, n, 'viewChanged')
      return
    }
    if (view !== undefined) this.strong += 1
    this.queue.push({ group, n, payload, madeIn: view, isGbcast: service === 'gbcast' })
    this.tellWritable()
  }

  /** Does something of our own wait for that peer: for its word that it holds a uniform cast, or for room? */
  isHeldUpBy(peer: ProcessId): boolean {
    const { era, links, limits } = this.core
    const link = links.get(peer)
    if (link === undefined) return false
    const [head] = this.queue
    if (head !== undefined) {
      if (!link.hasRoom(Math.min(head.payload.length, limits.pieceBytes)) || this.strictness.isHeldUpBy(peer))
        return true
      if (era.deps.size > limits.depsMax) return true
    }
    return this.groups.hasUniform && era.unstable.some(({ seq, dests }) => seq > link.ackedSeq && dests.includes(peer))
  }

  private isIn(group: string, view: ViewId | null): boolean {
    return this.groups.byName.get(group)?.viewId === view
  }

  /** Refuses what waits in views that are over. Those who wait in views that are closed may find that they go on. */
  private refuseOutdated(): void {
    if (this.viewsSeen === this.groups.viewsBegun) return
    this.viewsSeen = this.groups.viewsBegun
    if (this.strong === 0) return
    this.queue = this.queue.filter((entry) => {
      if (entry.madeIn === undefined || this.isIn(entry.group, entry.madeIn)) return true
      this.strong -= 1
      this.end(entry.group, entry.n, 'viewChanged')
      return false
    })
    this.tellWritable()
  }

  cancel(ns: readonly number[]): void {
    const wanted = new Set(ns)
    const keep = (entry: Entry): boolean => {
      if (!wanted.has(entry.n)) return true
      if (entry.madeIn !== undefined) this.strong -= 1
      this.end(entry.group, entry.n, 'refused')
      return false
    }
    this.queue = this.queue.filter(keep)
    this.aside = this.aside.filter(keep)
    this.tellWritable()
  }

  private end(group: string, n: number, outcome: Extract<AppEvent, { type: 'castEnd' }>['outcome']): void {
    this.core.app({ type: 'castEnd', group, n, outcome })
    this.settle(n)
  }

  private settle(n: number): void {
    if (n === 0) return
    this.waiting.delete(n)
    if (n <= this.settledUpTo) this.isToldOfSettled = false
    else this.settled.add(n)
    this.advanceSettledUpTo()
  }

  private advanceSettledUpTo(): void {
    for (let n = this.settledUpTo + 1; this.settled.delete(n) || this.waiting.has(n); n += 1) {
      this.settledUpTo = n
      this.isToldOfSettled = false
    }
  }

  private tellStable(): void {
    if (this.isToldOfSettled) return
    this.isToldOfSettled = true
    const upTo = this.settledUpTo
    const except = this.waiting.size === 0 ? [] : [...this.waiting].filter((n) => n <= upTo)
    this.core.app({ type: 'stable', upTo, except })
  }

  private tellWritable(): void {
    const isWritable = this.length < this.core.limits.queueMax
    if (isWritable === this.isWritable) return
    this.isWritable = isWritable
    this.core.app({ type: 'writable', writable: isWritable })
  }

  /** Sends what may be sent. True if anything was. */
  drain(): boolean {
    const { era } = this.core
    let sent = 0
    this.refuseOutdated()
    if (era.isClosed || this.core.isFenced) return false
    if (era.view.primary && this.aside.length > 0) {
      this.queue = [...this.aside, ...this.queue]
      this.aside = []
    }
    let at = 0
    for (; at < this.queue.length; at += 1) {
      const entry = this.queue[at]
      if (entry === undefined) break
      const group = this.groups.byName.get(entry.group)
      if (group === undefined) {
        if (this.groups.isJoining(entry.group)) break
        this.end(entry.group, entry.n, 'refused')
        continue
      }
      if (group.options.consistency === 'consistent' && !isActing(group, era)) {
        if (entry.madeIn !== undefined) {
          // It acts in another view at the earliest.
          this.strong -= 1
          this.end(entry.group, entry.n, 'refused')
          continue
        }
        this.aside.push(entry)
        this.waiting.add(entry.n)
        this.advanceSettledUpTo()
        continue
      }
      const ahead = aheadOf(entry.payload, this.core.limits)
      // Meanwhile the group may be closed: pieces are of no view of it.
      if (ahead > 0 && !this.sendAhead(group, entry)) break
      if (group.isClosed || (this.unplaced > 0 && this.unplacedGid !== group.gid)) break
      if (this.uncut > 0 && !entry.isGbcast) break
      if (!this.hasRoom(group, entry.payload.length - ahead) || !this.canTellPast()) break
      if (group.options.strict === true && this.strictness.isWaiting(group)) break
      this.send(group, entry)
      sent += 1
    }
    if (at > 0) {
      this.queue = this.queue.slice(at)
      this.tellWritable()
    }
    if (this.upload !== null && this.queue[0]?.n !== this.upload.n) this.giveUpUpload()
    if (sent > 0) this.delivery.pump()
    this.tellStable()
    return sent > 0
  }

  /**
   * Sends ahead what the receivers have room for. True once all of it is out to all of them. The group's view may change
   * meanwhile: who has come has everything to get, who has left gets nothing more.
   */
  private sendAhead(group: Group, { n, payload }: Entry): boolean {
    const { era, self, links, limits } = this.core
    if (this.upload?.n !== n || this.upload.view !== era.id) {
      const since = this.upload?.n === n ? this.upload.since : this.core.lamport
      this.giveUpUpload()
      this.upload = { n, view: era.id, since, sent: new Map() }
      this.core.trace({ e: 'ahead', m: `${self}#${n}`, g: group.name, view: group.viewId, bytes: payload.length })
    }
    const { since, sent } = this.upload
    for (const id of [...sent.keys()]) if (!group.members.includes(id)) this.giveUpTo(sent, id)
    const end = aheadOf(payload, limits)
    let isOut = true
    for (const id of group.members) {
      const link = links.get(id)
      if (id === self || link === undefined) continue
      const at = sendPieces(link, { payload, since }, sent.get(id) ?? 0, limits)
      sent.set(id, at)
      if (at < end) isOut = false
    }
    return isOut
  }

  /** The head of the queue is another one now: receivers need not keep what they were sent. */
  private giveUpUpload(): void {
    const { upload } = this
    this.upload = null
    if (upload?.view !== this.core.era.id) return
    for (const id of [...upload.sent.keys()]) this.giveUpTo(upload.sent, id)
  }

  private giveUpTo(sent: Map<ProcessId, number>, id: ProcessId): void {
    if ((sent.get(id) ?? 0) > 0) {
      this.core.links.get(id)?.items.push({ k: 'piece', at: 0, since: 0, bytes: new Uint8Array(0) })
    }
    sent.delete(id)
  }

  private hasRoom(group: Group, bytes: number): boolean {
    for (const id of group.members) {
      if (id === this.core.self) continue
      const link = this.core.links.get(id)
      if (link !== undefined && !link.hasRoom(bytes)) return false
    }
    return true
  }

  /**
   * Is the causal past short enough to be listed? It shrinks as what is in it is delivered everywhere, of which nobody would
   * tell as long as nothing else goes.
   */
  private canTellPast(): boolean {
    const { era, limits } = this.core
    if (era.deps.size <= limits.depsMax) return true
    this.delivery.buildDeps()
    if (era.deps.size <= limits.depsMax) return true
    this.strictness.hasten()
    return false
  }

  private send(group: Group, entry: Entry): void {
    const { core } = this
    const { options } = group
    core.trace({
      e: 'send',
      m: `${core.self}#${entry.n}`,
      g: group.name,
      view: group.viewId,
      order: entry.isGbcast ? 'gbcast' : options.order,
      uniform: options.uniform,
      strong: options.strong,
      client: false,
      seq: core.era.seq + 1,
      payload: entry.payload,
    })
    if (this.upload?.n === entry.n) this.upload = null
    if (entry.madeIn !== undefined) this.strong -= 1
    const isPlaced = options.order === 'total' && !entry.isGbcast
    const cast = this.make(group, entry, isPlaced ? this.delivery.engineOf(group).stamp(group) : null)
    group.ownLast = cast.seq
    if (options.order === 'total' || entry.isGbcast) {
      this.unplaced += 1
      this.unplacedGid = group.gid
    }
    this.multicast(group, cast)
    if (entry.isGbcast) this.askToCut(group)
  }

  private askToCut({ name, gn }: Group): void {
    const { core } = this
    const [coordinator] = core.era.members
    this.uncut += 1
    if (this.uncut > 1 || coordinator === undefined) return
    core.tell(coordinator, { k: 'groupCut', view: core.era.id, name, gn })
  }

  private make(
    group: Group,
    { n, payload, isGbcast }: Pick<Entry, 'n' | 'payload' | 'isGbcast'>,
    order: readonly number[] | null,
  ): Cast {
    const { core } = this
    core.era.seq += 1
    core.lamport += 1
    return {
      seq: core.era.seq,
      n,
      gid: group.gid,
      gn: group.gn,
      lamport: core.lamport,
      // Nothing comes before a record.
      deps: n > 0 ? this.delivery.buildDeps() : [],
      payload,
      order,
      isGbcast,
    }
  }

  private multicast(group: Group, cast: Cast): void {
    const { core } = this
    const { era } = core
    const ahead = aheadOf(cast.payload, core.limits)
    const item: Item = {
      k: 'cast',
      cast: ahead === 0 ? cast : { ...cast, payload: cast.payload.subarray(ahead) },
      ahead,
    }
    const dests: ProcessId[] = []
    for (const id of group.members) {
      if (id === core.self) continue
      dests.push(id)
      core.links.get(id)?.items.push(item)
    }
    const own = { seq: cast.seq, n: cast.n, dests }
    era.unstable.push(own)
    era.unsettled.push(own)
    this.delivery.receive(cast, era.selfRank)
    if (cast.n > 0) this.delivery.addDep(era.selfRank, group.gid * 2, cast.seq)
    core.ackedDirty = true
  }

  /** Multicasts what the engines of total groups have to tell of positions. True if that was anything. */
  tellPositions(): boolean {
    const { era } = this.core
    if (era.isClosed || this.core.isFenced) return false
    let isTold = false
    for (const group of era.groups.values()) {
      if (group.options.order !== 'total' || (group.isClosed && group.options.domain === undefined)) continue
      for (const order of this.delivery.engineOf(group).speak(group)) {
        const cast = this.make(group, recordOnly, order)
        // Of a domain, nobody goes on before all is said.
        if (group.options.domain === undefined) group.lastOrderSeq = cast.seq
        this.multicast(group, cast)
        isTold = true
      }
    }
    if (isTold) this.delivery.pump()
    return isTold
  }

  /** An own total cast got its place. */
  placed(): void {
    if (this.unplaced > 0) this.unplaced -= 1
  }

  /** An own gbcast is delivered: its cut is decided, and what follows is sent after it. */
  cut(): void {
    if (this.uncut > 0) this.uncut -= 1
    this.placed()
  }

  /** What every addressee has acknowledged is stable. */
  advanceStability(): void {
    const { era, links } = this.core
    let done = 0
    for (const { seq, n, dests } of era.unstable) {
      const isHeld = dests.every((id) => (links.get(id)?.ackedSeq ?? 0) >= seq)
      if (!isHeld) break
      done += 1
      this.settle(n)
      era.learnStable(era.selfRank, seq)
    }
    if (done > 0) era.unstable.splice(0, done)
    this.advanceSettled()
    this.tellStable()
  }

  /** What every addressee has delivered, this process among them, is settled. */
  private advanceSettled(): void {
    const { era, links } = this.core
    const own = era.doneUpTo(era.selfRank)
    let done = 0
    for (const { seq, dests } of era.unsettled) {
      if (seq > own || !dests.every((id) => (links.get(id)?.doneSeq ?? 0) >= seq)) break
      done += 1
      era.learnSettled(era.selfRank, seq)
    }
    if (done > 0) era.unsettled.splice(0, done)
  }

  /** The old view is closed and delivered: its casts are settled; queued ones wait for the new view. */
  newView(dropped: readonly LostCast[]): void {
    for (const { group, n, outcome } of dropped) this.end(group, n, outcome)
    for (const { n } of this.core.era.unstable) this.settle(n)
    this.unplaced = 0
    this.uncut = 0
    this.tellStable()
  }

  /** The end: what was not sent never will be. */
  close(): void {
    for (const entry of [...this.queue, ...this.aside]) this.end(entry.group, entry.n, 'refused')
    for (const { n } of this.core.era.unstable) if (n > 0) this.settle(n)
    this.queue = []
    this.aside = []
  }
}
