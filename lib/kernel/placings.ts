/**
 * The casts of one group of a domain that are here, the one that may come first at the top: a binary heap.
 *
 * The lowest place that a cast may get only rises while a view lasts, so it is looked at again only when the cast is at
 * the top. At a cut it may sink: then the heap is built anew.
 */
import type { Held } from './era.ts'
import { compareHeld } from './total.ts'

/** A cast of a domain on its way to its place. */
export interface Placing {
  /** Null: it is not here, but something was said of it. */
  held: Held | null
  /** The highest that was said, by records that are here; its place once all have. */
  place: number
  /** What is said here, or will be. */
  own: number
  /** How many members have said theirs. */
  said: number
  /** Pairs (rank, seq): the records that did. */
  readonly records: number[]
  /** What `boundOf` was when it got where it is in the heap. */
  key: number
}

/** The lowest place that it may get. */
export function boundOf({ place, own }: Placing): number {
  return Math.max(place, own)
}

/** By the lowest places that they may get; equal ones by the casts. */
export function comparePlacings(a: Placing, b: Placing): number {
  return compareBy(boundOf(a), boundOf(b), a, b)
}

function compareBy(keyOfA: number, keyOfB: number, a: Placing, b: Placing): number {
  if (keyOfA !== keyOfB || a.held === null || b.held === null) return keyOfA - keyOfB
  return compareHeld(a.held, b.held)
}

/** See the head of the file. */
export class Placings {
  private heap: Placing[] = []

  /** Adds one whose cast has come. */
  add(item: Placing): void {
    const { heap } = this
    item.key = boundOf(item)
    let at = heap.push(item) - 1
    while (at > 0) {
      const up = (at - 1) >> 1
      const above = heap[up]
      if (above === undefined || !isBefore(item, above)) break
      heap[at] = above
      at = up
    }
    heap[at] = item
  }

  /** The one that may come first, of those neither delivered nor dropped; null if there is none. */
  top(): Placing | null {
    for (;;) {
      const [top] = this.heap
      if (top === undefined) return null
      const bound = boundOf(top)
      if (top.held === null || top.held.isDelivered || top.held.isDropped) {
        const last = this.heap.pop()
        if (last !== undefined && last !== top) this.sink(last)
      } else if (bound === top.key) {
        return top
      } else {
        top.key = bound
        this.sink(top)
      }
    }
  }

  /** At a cut: these, by what is known now. */
  reset(items: readonly Placing[]): void {
    this.heap = []
    for (const item of items) this.add(item)
  }

  /** Puts it in at the top, whose place is free. */
  private sink(item: Placing): void {
    const { heap } = this
    let at = 0
    for (;;) {
      const left = heap[at * 2 + 1]
      const right = heap[at * 2 + 2]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const below = isRight ? right : left
      if (!isBefore(below, item)) break
      heap[at] = below
      at = at * 2 + (isRight ? 2 : 1)
    }
    heap[at] = item
  }
}

function isBefore(a: Placing, b: Placing): boolean {
  return compareBy(a.key, b.key, a, b) < 0
}
