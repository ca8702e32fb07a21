/**
 * The donor's side of a transfer: one state on its way to one receiver, chunk by chunk.
 *
 * Protocol: a small state goes as it is. A large one is announced: first goes the list of its segments, then, once the
 *   receiver has said which of them it wants, those and no others, in order.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Acted, Chunk } from './frame.ts'
import { areRanges, encodeEnd, encodeEntries, encodeHead, type Ranges } from './segment-list.ts'
import { type Key, Segmenter } from './segments.ts'

/** A state, and whom it is for. */
export interface Outgoing {
  readonly group: string
  readonly view: ViewId
  readonly subview: ViewId
  readonly to: readonly ProcessId[]
  readonly cut: readonly (readonly [ProcessId, number])[]
  readonly acted: Acted
}

const neverActed: Acted = { acted: 0, line: null }

/** A state that is to be announced: cut once, whoever gets it. The list goes while it is still being cut. */
export class Announced {
  readonly segmenter: Segmenter
  /** The list so far, in chunks. */
  readonly chunks: Uint8Array[] = []
  /** The last of them is the last of all. */
  isCut = false
  private readonly chunkBytes: number
  private rest: Uint8Array
  private listed = 0

  constructor(bytes: Uint8Array, key: Key, chunkBytes: number) {
    this.segmenter = new Segmenter(bytes, key)
    this.chunkBytes = chunkBytes
    this.rest = encodeHead(key, bytes.length)
  }

  /** Goes on for about that many bytes. */
  go(budget: number): void {
    const { segmenter, chunkBytes } = this
    this.isCut = segmenter.go(budget)
    const parts = [this.rest, encodeEntries(segmenter, this.listed)]
    if (this.isCut) parts.push(encodeEnd(segmenter.check))
    this.listed = segmenter.lengths.length
    let rest = concat(parts)
    for (; rest.length > chunkBytes || (this.isCut && rest.length > 0); rest = rest.subarray(chunkBytes)) {
      this.chunks.push(rest.subarray(0, chunkBytes))
    }
    this.rest = rest
  }
}

/** One state on its way to one receiver. */
export class Stream {
  readonly out: Outgoing
  readonly to: ProcessId
  /** Null if the application gave none. */
  private readonly bytes: Uint8Array | null
  readonly announced: Announced | null
  private phase: 'list' | 'asking' | 'state'
  private askingSince = Number.NaN
  private index = 0
  /** Chunks of the list that are sent. */
  private listed = 0
  /** From where to where the state is still to be sent. */
  private spans: [from: number, to: number][]

  constructor(out: Outgoing, to: ProcessId, state: Uint8Array | null | Announced) {
    this.out = out
    this.to = to
    this.announced = state instanceof Announced ? state : null
    this.bytes = state instanceof Announced ? state.segmenter.bytes : state
    this.phase = this.announced === null ? 'state' : 'list'
    this.spans = [[0, this.bytes?.length ?? 0]]
  }

  /** Is there a chunk to send now? */
  get isReady(): boolean {
    return this.phase === 'state' || (this.phase === 'list' && this.listed < (this.announced?.chunks.length ?? 0))
  }

  /** For how long the receiver has been asked what it lacks; 0 if it is not. */
  hasAskedFor(now: number): number {
    if (this.phase !== 'asking') return 0
    if (Number.isNaN(this.askingSince)) this.askingSince = now
    return now - this.askingSince
  }

  /** The receiver names what it lacks. False if it makes no sense. */
  want(ranges: Ranges): boolean {
    const { lengths } = this.announced?.segmenter ?? { lengths: [] }
    if (this.phase !== 'asking' || !areRanges(ranges, lengths.length)) return false
    this.phase = 'state'
    this.spans = []
    let at = 0
    let i = 0
    const skipTo = (end: number): number => {
      for (; i < end; i += 1) at += lengths[i] ?? 0
      return at
    }
    for (let r = 0; r < ranges.length; r += 2) {
      const first = ranges[r] ?? 0
      this.spans.push([skipTo(first), skipTo(first + (ranges[r + 1] ?? 0))])
    }
    return true
  }

  /** The next chunk, of at most so many bytes; and whether it was the last of all. */
  next(chunkBytes: number): { readonly chunk: Chunk; readonly isDone: boolean } {
    const { out, index } = this
    this.index += 1
    const isList = this.phase === 'list'
    const bytes = isList ? this.takeList() : this.takeState(chunkBytes)
    const isLast = isList ? this.phase !== 'list' : this.spans.length === 0
    const chunk: Chunk = {
      group: out.group,
      view: out.view,
      subview: out.subview,
      index,
      isLast,
      cut: index === 0 ? out.cut : [],
      acted: index === 0 ? out.acted : neverActed,
      bytes,
      what: isList ? 'list' : this.bytes === null ? 'refused' : 'state',
    }
    return { chunk, isDone: isLast && !isList }
  }

  private takeList(): Uint8Array {
    const { chunks, isCut } = this.announced ?? { chunks: [], isCut: true }
    const bytes = chunks[this.listed] ?? new Uint8Array(0)
    this.listed += 1
    if (isCut && this.listed === chunks.length) this.phase = 'asking'
    return bytes
  }

  private takeState(chunkBytes: number): Uint8Array {
    const parts: Uint8Array[] = []
    let room = chunkBytes
    for (let span = this.spans[0]; span !== undefined && room > 0; span = this.spans[0]) {
      const end = Math.min(span[1], span[0] + room)
      parts.push(this.bytes?.subarray(span[0], end) ?? new Uint8Array(0))
      room -= end - span[0]
      span[0] = end
      if (end < span[1]) break
      this.spans.shift()
    }
    return concat(parts)
  }
}

/** Byte strings end to end; a single one is not copied. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
