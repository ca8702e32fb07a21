/**
 * Lists of segments as they travel, and what a receiver makes of one: which segments it holds, which it wants.
 *
 * A list is `key (4 × 4 bytes) | bytes of the state (4) | per segment: length (2), digest (7) | check (7)`, little-endian.
 */
import { type Key, prime, Segmenter, type SegmentList, segmentBytesMax } from './segments.ts'

const headBytes = 20
const entryBytes = 9
const endBytes = 7

/** How a list begins: before the state is cut. */
export function encodeHead(key: Key, bytes: number): Uint8Array {
  const out = new Uint8Array(headBytes)
  const view = new DataView(out.buffer)
  for (const [i, point] of key.entries()) view.setUint32(i * 4, point, true)
  view.setUint32(16, bytes, true)
  return out
}

/** The segments from a place on. */
export function encodeEntries(
  { lengths, digests }: Pick<SegmentList, 'lengths' | 'digests'>,
  from: number,
): Uint8Array {
  const out = new Uint8Array((lengths.length - from) * entryBytes)
  const view = new DataView(out.buffer)
  for (let i = from; i < lengths.length; i += 1) {
    const at = (i - from) * entryBytes
    view.setUint16(at, lengths[i] ?? 0, true)
    writeDigest(view, at + 2, digests[i] ?? 0)
  }
  return out
}

/** How it ends. */
export function encodeEnd(check: number): Uint8Array {
  const out = new Uint8Array(endBytes)
  writeDigest(new DataView(out.buffer), 0, check)
  return out
}

/** The list that a peer's bytes stand for; null if they are none, or of a state of more than `bytesMax`. */
export function decodeList(encoded: Uint8Array, bytesMax: number): SegmentList | null {
  const count = (encoded.length - headBytes - endBytes) / entryBytes
  if (!Number.isInteger(count) || count < 1) return null
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length)
  const point = (i: number): number => view.getUint32(i * 4, true)
  const key: Key = [point(0), point(1), point(2), point(3)]
  const bytes = view.getUint32(16, true)
  if (bytes > bytesMax || key.some((each) => each < 1 || each >= prime)) return null
  const lengths: number[] = []
  const digests: number[] = []
  let sum = 0
  for (let i = 0; i < count; i += 1) {
    const length = view.getUint16(headBytes + i * entryBytes, true)
    if (length < 1 || length > segmentBytesMax) return null
    sum += length
    lengths.push(length)
    digests.push(readDigest(view, headBytes + i * entryBytes + 2))
  }
  return sum === bytes ? { key, bytes, lengths, digests, check: readDigest(view, encoded.length - endBytes) } : null
}

function writeDigest(view: DataView, at: number, digest: number): void {
  view.setUint32(at, digest % 2 ** 32, true)
  view.setUint16(at + 4, Math.floor(digest / 2 ** 32) & 0xffff, true)
  view.setUint8(at + 6, Math.floor(digest / 2 ** 48))
}

function readDigest(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32 + view.getUint8(at + 6) * 2 ** 48
}

/** Segments by their place in a list: pairs (first, how many), ascending. */
export type Ranges = readonly number[]

/** Looks for a list's segments in what is held, a little at a time. */
export class Search {
  readonly list: SegmentList
  private readonly known = new Map<number, Uint8Array>()
  private readonly waiting: Uint8Array[]
  private segmenter: Segmenter | null = null

  constructor(list: SegmentList, bases: readonly Uint8Array[]) {
    this.list = list
    this.waiting = [...bases]
  }

  /** Goes on for about that many bytes. True once all is looked through. */
  go(budget: number): boolean {
    if (this.segmenter === null) {
      const next = this.waiting.shift()
      if (next === undefined) return true
      this.segmenter = new Segmenter(next, this.list.key)
    }
    if (!this.segmenter.go(budget)) return false
    const { bytes, lengths, digests } = this.segmenter
    let at = 0
    for (const [i, length] of lengths.entries()) {
      this.known.set(digests[i] ?? 0, bytes.subarray(at, at + length))
      at += length
    }
    this.segmenter = null
    return this.waiting.length === 0
  }

  /** The segment at that place of the list, if it is held. */
  held(i: number): Uint8Array | undefined {
    const found = this.known.get(this.list.digests[i] ?? -1)
    return found?.length === this.list.lengths[i] ? found : undefined
  }

  /** What is not held, in at most so many ranges: past that, short stretches of what is held are wanted as well. */
  wanted(rangesMax: number): number[] {
    for (let gap = 0; ; gap = gap * 2 + 1) {
      const ranges = this.rangesOf(gap)
      if (ranges.length <= rangesMax * 2) return ranges
    }
  }

  /** For the trace: how large the state is, and how much of it is wanted. */
  count(ranges: Ranges): { readonly bytes: number; readonly wanted: number } {
    let wanted = 0
    for (let r = 0; r < ranges.length; r += 2) {
      const first = ranges[r] ?? 0
      for (let i = first; i < first + (ranges[r + 1] ?? 0); i += 1) wanted += this.list.lengths[i] ?? 0
    }
    return { bytes: this.list.bytes, wanted }
  }

  /** Stretches of up to `gap` held segments are bridged. */
  private rangesOf(gap: number): number[] {
    const ranges: number[] = []
    let end = Number.NEGATIVE_INFINITY
    for (let i = 0; i < this.list.lengths.length; i += 1) {
      if (this.held(i) !== undefined) continue
      const last = ranges.length - 1
      if (i - end <= gap) ranges[last] = (ranges[last] ?? 0) + i + 1 - end
      else ranges.push(i, 1)
      end = i + 1
    }
    return ranges
  }
}

/** Are these ranges of a list of so many segments? */
export function areRanges(ranges: Ranges, count: number): boolean {
  let end = 0
  for (let i = 0; i < ranges.length; i += 2) {
    const first = ranges[i] ?? -1
    const many = ranges[i + 1] ?? 0
    if (first < end || many < 1 || first + many > count) return false
    end = first + many
  }
  return ranges.length % 2 === 0
}
