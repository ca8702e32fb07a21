/**
 * A binary heap: what comes first, in logarithmic time. What it orders must not change while it is in it.
 */

/** The first of many, by a total order. */
export class Heap<Entry> {
  readonly #compare: (a: Entry, b: Entry) => number
  #entries: Entry[] = []

  /** @param compare negative if `a` comes before `b`. */
  constructor(compare: (a: Entry, b: Entry) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#entries.length
  }

  /** The first, which stays. */
  peek(): Entry | undefined {
    return this.#entries[0]
  }

  clear(): void {
    this.#entries = []
  }

  push(entry: Entry): void {
    const entries = this.#entries
    let at = entries.length
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = entries[above]
      if (parent === undefined || this.#compare(parent, entry) <= 0) break
      entries[at] = parent
      at = above
    }
    entries[at] = entry
  }

  /** The first, which is taken out. */
  pop(): Entry | undefined {
    const entries = this.#entries
    const first = entries[0]
    const last = entries.pop()
    if (last === undefined || entries.length === 0) return first
    let at = 0
    for (;;) {
      const left = entries[2 * at + 1]
      if (left === undefined) break
      const right = entries[2 * at + 2]
      const isRight = right !== undefined && this.#compare(right, left) < 0
      const child = isRight ? right : left
      if (this.#compare(last, child) <= 0) break
      entries[at] = child
      at = 2 * at + (isRight ? 2 : 1)
    }
    entries[at] = last
    return first
  }
}
