/**
 * State transfer: snapshots taken at the beginning of a group view, in chunks, under credits, without stopping the group.
 *
 * Protocol: at a group view that somebody enters without the agreed state, each donor asks its application for a
 *   snapshot *at the view*; the application answers with the bytes, which stream on the bulk channel. The receiver
 *   tells its application once every source is complete; casts of the view were buffered there meanwhile. A view at
 *   which everybody who came along has delivered the same casts leaves nothing unstable for a snapshot to cover.
 *   A new group view before that begins afresh with whoever is there; a stalled donor is replaced by such a view. Of what
 *   has all come, whoever gave it may be gone by then, since to him it is given: it is put together before the view closes.
 *   A state of more than `announceBytes` is announced by a list of its segments (`segments.ts`): only those go that are
 *   neither in what is left of transfers that came to nothing nor in the state that the receiver had before.
 * Provides: T1, T2, T3. Bounds: `chunksInFlight` per link, `transferBytesMax` per state, `cutBytes` of work in a step but
 *   where a view closes.
 */
import type { ProcessId, StateSource, ViewId } from './api.ts'
import type { Core } from './core.ts'
import type { Chunk, Message, StateTask } from './frame.ts'
import type { Group } from './group.ts'
import { parseViewId } from './ids.ts'
import { Incoming, Part } from './incoming.ts'
import { Announced, type Outgoing, Stream } from './outgoing.ts'
import { drawKey } from './segments.ts'

/** What the transfer layer needs from above. */
export interface TransferHooks {
  group(name: string): Group | undefined
  /** The state of the group is whole now. */
  becameWhole(group: Group): void
  /** A donor does not answer: ask for a view in which another one gives. */
  restate(group: Group, avoid: ProcessId): void
}

/** Donor and receiver side of all transfers of one process. */
export class Transfer {
  private readonly core: Core
  private readonly hooks: TransferHooks
  private nextId = 1
  private readonly asked = new Map<number, Outgoing>()
  private streams: Stream[] = []
  private readonly incoming = new Map<string, Incoming>()
  /** Large states that are being cut into segments. */
  private cutting: Announced[] = []
  /** Requests for the own state as bytes, by number: of which group. */
  private readonly asksOwn = new Map<number, string>()
  /** Groups whose state came out wrong: it is taken whole the next time. */
  private readonly distrusted = new Set<string>()
  /** Chunks that came before the view they belong to was installed here. */
  private ahead: { readonly from: ProcessId; readonly chunk: Chunk }[] = []

  constructor(core: Core, hooks: TransferHooks) {
    this.core = core
    this.hooks = hooks
  }

  /** A group view was installed (its `view` event is out): donors are asked, receivers begin to wait. */
  begin(group: Group, tasks: readonly StateTask[]): void {
    const { self } = this.core
    const before = this.incoming.get(group.name)
    this.abandon(group.name)
    const cut = [...group.deliveredN].sort((a, b) => (a[0] < b[0] ? -1 : 1))
    const subviews = new Map<ViewId, ProcessId[]>()
    for (const task of tasks) {
      for (const source of task.sources) {
        if (source.donor !== self || task.need === self) continue
        const to = subviews.get(source.subview) ?? []
        to.push(task.need)
        subviews.set(source.subview, to)
      }
    }
    for (const [subview, to] of subviews) {
      const id = this.nextId++
      const { acted, line } = group.status
      this.asked.set(id, { group: group.name, view: group.viewId, subview, to, cut, acted: { acted, line } })
      this.core.trace({ e: 'transfer', g: group.name, view: group.viewId, to })
      this.core.app({ type: 'snapshot', group: group.name, view: group.viewId, transfer: id, to })
    }
    const mine = tasks.find((task) => task.need === self)
    if (mine === undefined || mine.mode === 'own' || mine.mode === 'anew') return
    const left = before?.leftOvers(this.core.limits.transferBytesMax) ?? []
    const about = { task: mine, ownCut: cut, left, progressAt: this.core.now }
    const incoming = new Incoming(group.name, group.viewId, about)
    for (const { donor } of mine.sources) if (donor !== self) incoming.byDonor.set(donor, new Part())
    this.incoming.set(group.name, incoming)
    const { epoch } = this.core.era
    const ahead = this.ahead.filter(({ chunk }) => parseViewId(chunk.view).epoch >= epoch)
    // Those of groups whose turn has not come yet would be taken for late.
    this.ahead = ahead.filter(({ chunk }) => chunk.group !== group.name)
    for (const { from, chunk } of ahead) if (chunk.group === group.name) this.handleChunk(from, chunk)
    this.complete(group.name)
  }

  /** The group's view changed or the group is gone: what was under way is void. */
  abandon(name: string): void {
    this.incoming.delete(name)
    for (const [id, group] of this.asksOwn) if (group === name) this.asksOwn.delete(id)
    for (const [id, out] of this.asked) if (out.group === name) this.asked.delete(id)
    this.streams = this.streams.filter((s) => s.out.group !== name)
    if (this.cutting.length > 0) {
      this.cutting = this.cutting.filter((cut) => this.streams.some(({ announced }) => announced === cut))
    }
  }

  isAwaiting(name: string): boolean {
    return this.incoming.has(name)
  }

  /** Does a state of that peer not come, that is awaited? */
  isAwaitingFrom(peer: ProcessId): boolean {
    for (const { byDonor } of this.incoming.values()) if (byDonor.get(peer)?.isDone === false) return true
    return false
  }

  /** Is a state of the group on its way from here? Until all of it has come, nobody else may have one. */
  isGiving(name: string): boolean {
    for (const out of this.asked.values()) if (out.group === name) return true
    for (const link of this.core.links.values()) if (link.isCarrying(name)) return true
    return this.streams.some((stream) => stream.out.group === name)
  }

  /** The application's answer. */
  handleSnapshot(id: number, state: Uint8Array | null): void {
    const own = this.asksOwn.get(id)
    if (own !== undefined) this.handleOwn(id, own, state)
    const out = this.asked.get(id)
    if (out === undefined) return
    this.asked.delete(id)
    let given: Uint8Array | null | Announced = state
    if (state !== null && state.length > this.core.limits.announceBytes) {
      given = new Announced(state, drawKey(this.core.env.random), this.core.limits.chunkBytes)
      this.cutting.push(given)
    }
    for (const to of out.to) this.streams.push(new Stream(out, to, given))
  }

  /** Sends as many chunks as the links take. */
  pump(): void {
    this.work()
    if (this.streams.length === 0) return
    const { chunkBytes, transferTimeoutMs } = this.core.limits
    this.streams = this.streams.filter((stream) => {
      const link = this.core.links.get(stream.to)
      // Whoever does not say what it lacks has another view, or will ask for one: it keeps nobody from leaving.
      if (link === undefined || stream.hasAskedFor(this.core.now) > 2 * transferTimeoutMs) return false
      while (stream.isReady && link.chunkRoom > 0) {
        const { chunk, isDone } = stream.next(chunkBytes)
        link.sendChunk(chunk)
        if (isDone) return false
      }
      return true
    })
  }

  /** The receiver of an announced state says what it lacks. */
  handleWant(from: ProcessId, { group, of, ranges }: Extract<Message, { k: 'want' }>): void {
    const stream = this.streams.find(({ out, to }) => to === from && out.group === group && out.view === of)
    stream?.want(ranges)
  }

  handleChunk(from: ProcessId, chunk: Chunk): void {
    const group = this.hooks.group(chunk.group)
    const incoming = this.incoming.get(chunk.group)
    if (incoming === undefined || incoming.view !== chunk.view) {
      const isAhead = group === undefined || group.viewId !== chunk.view
      if (isAhead && this.ahead.length < this.core.limits.chunksInFlight * 64) this.ahead.push({ from, chunk })
      return
    }
    const part = incoming.byDonor.get(from)
    if (part === undefined || part.isDone) return
    if (chunk.what === 'refused') {
      if (group !== undefined) this.hooks.restate(group, from)
      return
    }
    if (!part.take(chunk, this.core.limits.transferBytesMax)) return
    // Whoever sends the state of one group has not stalled with those of others: they come after it.
    for (const other of this.incoming.values()) {
      if (other.byDonor.get(from)?.isDone === false) other.progressAt = this.core.now
    }
    incoming.progressAt = this.core.now
    if (part.phase === 'listed') this.beginSearch(incoming)
    else if (part.isDone) this.complete(chunk.group)
  }

  /** A list has come: what is held is looked through, the own state as well if the application still has one. */
  private beginSearch(incoming: Incoming): void {
    const { limits } = this.core
    const isDistrusted = this.distrusted.has(incoming.group)
    if (incoming.own === 'unasked' && !isDistrusted) {
      const id = this.nextId++
      this.asksOwn.set(id, incoming.group)
      incoming.own = 'asked'
      incoming.ownAskedAt = this.core.now
      this.core.app({ type: 'base', group: incoming.group, transfer: id })
    }
    if (incoming.own === 'asked') return
    const bases = isDistrusted || this.core.env.buggify?.('whole') === true ? [] : incoming.bases
    for (const [donor, part] of incoming.byDonor) {
      if (part.phase !== 'listed' || part.beginSearch(bases, limits.transferBytesMax)) continue
      // No list, or of too large a state: as good as a donor that stalls. It need not wait for an answer.
      this.core.tell(donor, { k: 'want', group: incoming.group, of: incoming.view, ranges: [] })
    }
  }

  private handleOwn(id: number, group: string, state: Uint8Array | null): void {
    this.asksOwn.delete(id)
    const incoming = this.incoming.get(group)
    if (incoming?.own !== 'asked') return
    incoming.own = state
    incoming.progressAt = this.core.now
    this.beginSearch(incoming)
  }

  /** What takes long is done a little in each step. */
  private work(): void {
    const { cutBytes } = this.core.limits
    for (const announced of this.cutting) {
      announced.go(cutBytes)
      if (!announced.isCut) return
    }
    this.cutting = []
    for (const incoming of this.incoming.values()) {
      for (const [donor, part] of incoming.byDonor) {
        if (part.phase !== 'searching' && part.phase !== 'building') continue
        incoming.progressAt = this.core.now
        if (!this.workOn(incoming, donor, part)) return
      }
    }
  }

  /** False: there is more to do. */
  private workOn(incoming: Incoming, donor: ProcessId, part: Part): boolean {
    const { limits } = this.core
    if (part.phase === 'searching' && part.search !== null) {
      if (!part.search.go(limits.cutBytes)) return false
      const ranges = part.search.wanted(limits.listMax)
      part.want(ranges)
      this.core.tell(donor, { k: 'want', group: incoming.group, of: incoming.view, ranges })
      this.core.trace({ e: 'want', g: incoming.group, view: incoming.view, from: donor, ...part.search.count(ranges) })
      return true
    }
    const isRight = part.goOnBuilding(limits.cutBytes)
    if (isRight === null) return false
    if (isRight) this.complete(incoming.group)
    else {
      this.core.trace({ e: 'mismatch', g: incoming.group, view: incoming.view, from: donor })
      part.phase = 'receiving'
      const group = this.hooks.group(incoming.group)
      // If nothing that was held is to blame, the donor is: as good as one that stalls.
      if (group !== undefined && !this.distrusted.has(incoming.group)) this.hooks.restate(group, donor)
      this.distrusted.add(incoming.group)
    }
    return true
  }

  /** The view of the group, or of the space, is about to close: what has all come is put together at once. */
  hurry(name: string | null): void {
    for (const incoming of this.incoming.values()) {
      if (name !== null && incoming.group !== name) continue
      for (const [donor, part] of incoming.byDonor) while (part.phase === 'building') this.workOn(incoming, donor, part)
    }
  }

  private get isWorking(): boolean {
    if (this.cutting.length > 0) return true
    for (const { byDonor } of this.incoming.values()) {
      for (const { phase } of byDonor.values()) if (phase === 'searching' || phase === 'building') return true
    }
    return false
  }

  private complete(name: string): void {
    const incoming = this.incoming.get(name)
    const group = this.hooks.group(name)
    if (incoming === undefined || group === undefined || this.hasTold(group)) return
    // Nobody here has the state: it is awaited until a view brings one who has.
    if (incoming.task.sources.length === 0) return
    for (const part of incoming.byDonor.values()) if (!part.isDone) return
    this.incoming.delete(name)
    this.distrusted.delete(name)
    const cut: Record<ProcessId, number> = {}
    const sources: StateSource[] = []
    const isReplacing = incoming.task.mode === 'replace'
    for (const { donor, subview } of incoming.task.sources) {
      const part = incoming.byDonor.get(donor)
      sources.push({ from: donor, subview, state: part?.state ?? null })
      for (const [id, n] of part?.cut ?? incoming.ownCut) {
        cut[id] = Math.max(Object.hasOwn(cut, id) ? (cut[id] ?? 0) : 0, n)
      }
    }
    if (isReplacing) {
      forget(group.deliveredN, incoming.ownCut)
      const [donor] = incoming.task.sources
      group.status = { ...group.status, ...incoming.byDonor.get(donor?.donor ?? '')?.acted }
    }
    for (const [id, n] of Object.entries(cut)) {
      if (n > (group.deliveredN.get(id) ?? 0)) group.deliveredN.set(id, n)
    }
    this.hooks.becameWhole(group)
    this.core.app({ type: 'state', group: name, view: incoming.view, sources, cut })
  }

  /**
   * It has said, for a view to come, that it awaits the state: whoever said the same is taken to have the same, so what
   * comes now waits until casting goes on in this view, or else is void. Consistent groups see to that by their next view.
   */
  private hasTold({ isClosed, options }: Group): boolean {
    return options.consistency === 'available' && (isClosed || this.core.era.isClosed)
  }

  /** Takes what had to wait; replaces donors that stall, and does without an own state that does not come. */
  check(): void {
    const { transferTimeoutMs } = this.core.limits
    for (const incoming of this.incoming.values()) {
      this.complete(incoming.group)
      if (incoming.own === 'asked' && this.core.now - incoming.ownAskedAt >= transferTimeoutMs / 2) {
        incoming.own = null
        this.beginSearch(incoming)
      }
      if (this.core.now - incoming.progressAt < transferTimeoutMs) continue
      const group = this.hooks.group(incoming.group)
      const stalled = [...incoming.byDonor].find(([, part]) => !part.isDone)
      incoming.progressAt = this.core.now
      if (group !== undefined && stalled !== undefined) this.hooks.restate(group, stalled[0])
    }
  }

  get nextCheck(): number {
    if (this.isWorking) return this.core.now
    const { transferTimeoutMs } = this.core.limits
    let at = Number.POSITIVE_INFINITY
    for (const { progressAt, own, ownAskedAt } of this.incoming.values()) {
      at = Math.min(at, progressAt + transferTimeoutMs)
      if (own === 'asked') at = Math.min(at, ownAskedAt + transferTimeoutMs / 2)
    }
    return at
  }
}

/** The state that came replaces the own one together with its cut: only what was delivered since counts. */
function forget(delivered: Map<ProcessId, number>, before: readonly (readonly [ProcessId, number])[]): void {
  for (const [id, n] of before) if (delivered.get(id) === n) delivered.delete(id)
}
