/**
 * The queue of what is due: a binary heap by time, then by the order of scheduling.
 */

/** Something that happens at a time. In the queue at most once. */
export abstract class Due {
  /** When, in virtual ms. Set by the queue. */
  declare t: number
  /** Breaks ties. Set by the queue. */
  declare order: number

  // Plain assignments, not initialized fields: this is made once for every frame.
  constructor() {
    this.t = 0
    this.order = 0
  }

  /** Makes it happen. */
  abstract fire(): void
}

/** Earliest first; of the same time, first scheduled first. */
export class Heap {
  readonly #items: Due[] = []
  #order = 0

  get size(): number {
    return this.#items.length
  }

  /** Schedules `due` for `t`. */
  push(t: number, due: Due): void {
    due.t = t
    due.order = this.#order
    this.#order += 1
    const items = this.#items
    let at = items.length
    items.push(due)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = items[parent] as Due
      if (!isBefore(due, above)) break
      items[at] = above
      at = parent
    }
    items[at] = due
  }

  /** When the next one is due; `Infinity` if there is none. */
  get nextTime(): number {
    return this.#items[0]?.t ?? Number.POSITIVE_INFINITY
  }

  /** Takes the next one. */
  pop(): Due | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || last === first) return first
    const { length } = items
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(items[child + 1] as Due, items[child] as Due)) child += 1
      const below = items[child] as Due
      if (!isBefore(below, last)) break
      items[at] = below
      at = child
    }
    items[at] = last
    return first
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.t < b.t || (a.t === b.t && a.order < b.order)
}
