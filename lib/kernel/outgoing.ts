/**
 * The donor's side of a transfer: one state on its way to one receiver, chunk by chunk.
 *
 * Protocol: a small state goes as it is. A large one is announced: first goes the list of its segments, then, once the
 *   receiver has said which of them it wants, those and no others, in order.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Acted, Chunk } from './frame.ts'
import { areRanges, encodeList, type Ranges } from './segment-list.ts'
import { Segmenter } from './segments.ts'

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

/** A state that is to be announced: cut once, whoever gets it. */
export class Announced {
  readonly segmenter: Segmenter
  /** Once it is cut. */
  list: Uint8Array | null = null

  constructor(bytes: Uint8Array, key: ConstructorParameters<typeof Segmenter>[1]) {
    this.segmenter = new Segmenter(bytes, key)
  }

  go(budget: number): void {
    if (this.segmenter.go(budget)) this.list = encodeList(this.segmenter.list)
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
  private index = 0
  /** How far it is in the list. */
  private at = 0
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
    return this.phase === 'state' || (this.phase === 'list' && this.announced?.list !== null)
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
    const bytes = isList ? this.takeList(chunkBytes) : this.takeState(chunkBytes)
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

  private takeList(chunkBytes: number): Uint8Array {
    const list = this.announced?.list ?? new Uint8Array(0)
    const bytes = list.subarray(this.at, this.at + chunkBytes)
    this.at += bytes.length
    if (this.at === list.length) this.phase = 'asking'
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
    return concat(parts, chunkBytes - room)
  }
}

/** Byte strings end to end; a single one is not copied. */
export function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  const all = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
