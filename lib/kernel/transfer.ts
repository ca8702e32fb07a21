/**
 * State transfer: snapshots taken at the beginning of a group view, in chunks, under credits, without stopping the group.
 *
 * Protocol: at a group view that somebody enters without the agreed state, each donor asks its application for a
 *   snapshot *at the view*; the application answers with the bytes, which stream on the bulk channel. The receiver
 *   tells its application once every source is complete; casts of the view were buffered there meanwhile. A view at
 *   which everybody who came along has delivered the same casts leaves nothing unstable for a snapshot to cover.
 *   A new group view before that begins afresh with whoever is there; a stalled donor is replaced by such a view.
 * Provides: T1, T2. Bounds: `chunksInFlight` per link, `transferBytesMax` per state.
 */
import type { ProcessId, StateSource, ViewId } from './api.ts'
import type { Core } from './core.ts'
import type { Acted, Chunk, StateTask } from './frame.ts'
import type { Group } from './group.ts'
import { parseViewId } from './ids.ts'

const neverActed: Acted = { acted: 0, line: null }

interface Outgoing {
  readonly group: string
  readonly view: ViewId
  readonly subview: ViewId
  readonly to: readonly ProcessId[]
  readonly cut: readonly (readonly [ProcessId, number])[]
  readonly acted: Acted
}

interface Stream {
  readonly out: Outgoing
  readonly to: ProcessId
  readonly bytes: Uint8Array | null
  index: number
}

interface Incoming {
  readonly group: string
  readonly view: ViewId
  readonly task: StateTask
  readonly parts: Map<
    string,
    {
      chunks: Uint8Array[]
      bytes: number
      isDone: boolean
      cut: readonly (readonly [ProcessId, number])[]
      acted: Acted
    }
  >
  progressAt: number
  readonly ownCut: readonly (readonly [ProcessId, number])[]
}

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
  /** Chunks that came before the view they belong to was installed here. */
  private ahead: { readonly from: ProcessId; readonly chunk: Chunk }[] = []

  constructor(core: Core, hooks: TransferHooks) {
    this.core = core
    this.hooks = hooks
  }

  /** A group view was installed (its `view` event is out): donors are asked, receivers begin to wait. */
  begin(group: Group, tasks: readonly StateTask[]): void {
    const { self } = this.core
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
    const parts: Incoming['parts'] = new Map()
    for (const source of mine.sources) {
      if (source.donor !== self)
        parts.set(source.donor, { chunks: [], bytes: 0, isDone: false, cut: [], acted: neverActed })
    }
    this.incoming.set(group.name, {
      group: group.name,
      view: group.viewId,
      task: mine,
      parts,
      progressAt: this.core.now,
      ownCut: cut,
    })
    const { epoch } = this.core.era
    const ahead = this.ahead.filter(({ chunk }) => parseViewId(chunk.view).epoch >= epoch)
    this.ahead = []
    for (const { from, chunk } of ahead) this.handleChunk(from, chunk)
    this.complete(group.name)
  }

  /** The group's view changed or the group is gone: what was under way is void. */
  abandon(name: string): void {
    this.incoming.delete(name)
    for (const [id, out] of this.asked) if (out.group === name) this.asked.delete(id)
    this.streams = this.streams.filter((s) => s.out.group !== name)
  }

  isAwaiting(name: string): boolean {
    return this.incoming.has(name)
  }

  /** Does a state of that peer not come, that is awaited? */
  isAwaitingFrom(peer: ProcessId): boolean {
    for (const { parts } of this.incoming.values()) if (parts.get(peer)?.isDone === false) return true
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
    const out = this.asked.get(id)
    if (out === undefined) return
    this.asked.delete(id)
    for (const to of out.to) this.streams.push({ out, to, bytes: state, index: 0 })
  }

  /** Sends as many chunks as the links take. */
  pump(): void {
    if (this.streams.length === 0) return
    const { chunkBytes } = this.core.limits
    this.streams = this.streams.filter((stream) => {
      const link = this.core.links.get(stream.to)
      if (link === undefined) return false
      while (link.chunkRoom > 0) {
        const { out, bytes, index } = stream
        const from = index * chunkBytes
        const length = bytes?.length ?? 0
        const isLast = from + chunkBytes >= length
        link.sendChunk({
          group: out.group,
          view: out.view,
          subview: out.subview,
          index,
          isLast,
          cut: index === 0 ? out.cut : [],
          acted: index === 0 ? out.acted : neverActed,
          bytes: bytes === null ? new Uint8Array(0) : bytes.subarray(from, Math.min(length, from + chunkBytes)),
          isRefused: bytes === null,
        })
        stream.index += 1
        if (isLast) return false
      }
      return true
    })
  }

  handleChunk(from: ProcessId, chunk: Chunk): void {
    const group = this.hooks.group(chunk.group)
    const incoming = this.incoming.get(chunk.group)
    if (incoming === undefined || incoming.view !== chunk.view) {
      const isAhead = group === undefined || group.viewId !== chunk.view
      if (isAhead && this.ahead.length < this.core.limits.chunksInFlight * 64) this.ahead.push({ from, chunk })
      return
    }
    const part = incoming.parts.get(from)
    if (part === undefined || part.isDone) return
    if (chunk.isRefused) {
      if (group !== undefined) this.hooks.restate(group, from)
      return
    }
    if (chunk.index !== part.chunks.length) return
    if (part.bytes + chunk.bytes.length > this.core.limits.transferBytesMax) return
    part.chunks.push(chunk.bytes)
    part.bytes += chunk.bytes.length
    if (chunk.index === 0) Object.assign(part, { cut: chunk.cut, acted: chunk.acted })
    if (chunk.isLast) part.isDone = true
    incoming.progressAt = this.core.now
    this.complete(chunk.group)
  }

  private complete(name: string): void {
    const incoming = this.incoming.get(name)
    const group = this.hooks.group(name)
    if (incoming === undefined || group === undefined || this.hasTold(group)) return
    // Nobody here has the state: it is awaited until a view brings one who has.
    if (incoming.task.sources.length === 0) return
    for (const part of incoming.parts.values()) if (!part.isDone) return
    this.incoming.delete(name)
    const cut: Record<ProcessId, number> = {}
    const sources: StateSource[] = []
    const isReplacing = incoming.task.mode === 'replace'
    for (const { donor, subview } of incoming.task.sources) {
      const part = incoming.parts.get(donor)
      sources.push({ from: donor, subview, state: part === undefined ? null : concat(part.chunks, part.bytes) })
      for (const [id, n] of part?.cut ?? incoming.ownCut) {
        cut[id] = Math.max(Object.hasOwn(cut, id) ? (cut[id] ?? 0) : 0, n)
      }
    }
    if (isReplacing) {
      forget(group.deliveredN, incoming.ownCut)
      const [donor] = incoming.task.sources
      group.status = { ...group.status, ...incoming.parts.get(donor?.donor ?? '')?.acted }
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

  /** Takes what had to wait; replaces donors that stall. */
  check(): void {
    for (const incoming of this.incoming.values()) {
      this.complete(incoming.group)
      if (this.core.now - incoming.progressAt < this.core.limits.transferTimeoutMs) continue
      const group = this.hooks.group(incoming.group)
      const stalled = [...incoming.parts].find(([, part]) => !part.isDone)
      incoming.progressAt = this.core.now
      if (group !== undefined && stalled !== undefined) this.hooks.restate(group, stalled[0])
    }
  }

  get nextCheck(): number {
    let at = Number.POSITIVE_INFINITY
    for (const incoming of this.incoming.values()) {
      at = Math.min(at, incoming.progressAt + this.core.limits.transferTimeoutMs)
    }
    return at
  }
}

/** The state that came replaces the own one together with its cut: only what was delivered since counts. */
function forget(delivered: Map<ProcessId, number>, before: readonly (readonly [ProcessId, number])[]): void {
  for (const [id, n] of before) if (delivered.get(id) === n) delivered.delete(id)
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first !== undefined) return first
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}
