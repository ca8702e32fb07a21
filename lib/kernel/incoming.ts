/**
 * The receiver's side of a transfer: the states that a group view makes this process wait for, and what it holds already.
 *
 * Protocol: of an announced state the list comes first. Segments that are in what is left of transfers that came to
 *   nothing, or in the own state of before, are not sent again: the donor is told which ones are wanted. The whole is
 *   verified once it is put together; if it is not what the donor had, it is asked for again as if nothing were held.
 *   So it does not matter how what is held came about, nor of which moment it is.
 * Bounds: what is left of earlier transfers, `transferBytesMax`.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Acted, Chunk, StateTask } from './frame.ts'
import { concat } from './outgoing.ts'
import { decodeList, type Ranges, Search } from './segment-list.ts'
import { foldCheck } from './segments.ts'

type Cut = readonly (readonly [ProcessId, number])[]

/** The state that one donor gives. */
export class Part {
  cut: Cut = []
  acted: Acted = { acted: 0, line: null }
  /** Once it is whole. */
  state: Uint8Array | null = null
  /** Once the list is complete: what is looked for. */
  search: Search | null = null
  phase: 'receiving' | 'listed' | 'searching' | 'building' | 'done' = 'receiving'
  private index = 0
  private chunks: Uint8Array[] = []
  private bytes = 0
  private ranges: Ranges = []
  private build: { readonly state: Uint8Array; i: number; at: number; from: number; r: number; check: number } | null =
    null

  get isDone(): boolean {
    return this.phase === 'done'
  }

  /** Takes a chunk. False if it is out of turn or too much. */
  take(chunk: Chunk, bytesMax: number): boolean {
    if (chunk.index !== this.index || this.phase !== 'receiving') return false
    if (this.bytes + chunk.bytes.length > bytesMax) return false
    this.index += 1
    this.chunks.push(chunk.bytes)
    this.bytes += chunk.bytes.length
    if (chunk.index === 0) {
      this.cut = chunk.cut
      this.acted = chunk.acted
    }
    if (!chunk.isLast) return true
    if (chunk.what === 'list') this.phase = 'listed'
    else if (this.search === null) this.finish(concat(this.chunks))
    else this.phase = 'building'
    return true
  }

  /** The list is complete: it is looked for in what is held. False if it is none. */
  beginSearch(bases: readonly Uint8Array[], bytesMax: number): boolean {
    const list = decodeList(concat(this.chunks), bytesMax)
    if (list === null) return false
    this.search = new Search(list, bases)
    this.chunks = []
    this.bytes = 0
    this.phase = 'searching'
    return true
  }

  /** What the donor is to send. */
  want(ranges: Ranges): void {
    this.ranges = ranges
    this.phase = 'receiving'
  }

  /** Puts the state together and verifies it, for about that many bytes; null: there is more to do; false: it is not what the donor had. */
  goOnBuilding(budget: number): boolean | null {
    const { search } = this
    if (search === null) return false
    const { list } = search
    this.build ??= { state: new Uint8Array(list.bytes), i: 0, at: 0, from: 0, r: 0, check: 0 }
    const { build } = this
    const sent = this.joined()
    for (const until = build.at + budget; build.i < list.lengths.length && build.at < until; build.i += 1) {
      const length = list.lengths[build.i] ?? 0
      const isSent = this.isWanted(build)
      const segment = isSent ? sent.subarray(build.from, build.from + length) : search.held(build.i)
      if (segment?.length !== length) return false
      if (isSent) build.from += length
      build.state.set(segment, build.at)
      build.check = foldCheck(build.state, build.at, build.at + length, { key: list.key, check: build.check })
      build.at += length
    }
    if (build.i < list.lengths.length) return null
    if (build.from !== sent.length || build.check !== list.check) return false
    this.finish(build.state)
    return true
  }

  /** Is the segment within the ranges? Asked in order. */
  private isWanted(build: { readonly i: number; r: number }): boolean {
    const end = (this.ranges[build.r] ?? Number.POSITIVE_INFINITY) + (this.ranges[build.r + 1] ?? 0)
    if (build.i >= end) build.r += 2
    return build.i >= (this.ranges[build.r] ?? Number.POSITIVE_INFINITY)
  }

  private joined(): Uint8Array {
    if (this.chunks.length !== 1) this.chunks = [concat(this.chunks)]
    return this.chunks[0] ?? new Uint8Array(0)
  }

  private finish(state: Uint8Array): void {
    this.state = state
    this.phase = 'done'
    this.chunks = []
    this.search = null
    this.build = null
  }

  /** What of the state is here, if it was announced. */
  get leftOver(): Uint8Array | null {
    if (this.state !== null) return this.state
    return this.search === null || this.bytes === 0 ? null : this.joined()
  }
}

/** All that one group waits for. */
export class Incoming {
  readonly group: string
  readonly view: ViewId
  readonly task: StateTask
  readonly byDonor: Map<ProcessId, Part> = new Map()
  readonly ownCut: Cut
  progressAt: number
  /** What is left of earlier transfers. */
  readonly left: readonly Uint8Array[]
  /** The own state as bytes, of whatever moment: asked for when a list has come. */
  own: 'unasked' | 'asked' | Uint8Array | null = 'unasked'
  ownAskedAt = 0

  constructor(group: string, view: ViewId, about: Pick<Incoming, 'task' | 'ownCut' | 'left' | 'progressAt'>) {
    this.group = group
    this.view = view
    this.task = about.task
    this.ownCut = about.ownCut
    this.left = about.left
    this.progressAt = about.progressAt
  }

  /** Whatever may hold segments of a list. */
  get bases(): readonly Uint8Array[] {
    return this.own instanceof Uint8Array ? [this.own, ...this.left] : this.left
  }

  /** What may hold segments of what comes next, the newest first, if this comes to nothing. */
  leftOvers(bytesMax: number): Uint8Array[] {
    const all: Uint8Array[] = []
    for (const { leftOver } of this.byDonor.values()) if (leftOver !== null) all.push(leftOver)
    all.push(...this.left)
    let bytes = 0
    return all.filter((each) => {
      bytes += each.length
      return bytes <= bytesMax
    })
  }
}
