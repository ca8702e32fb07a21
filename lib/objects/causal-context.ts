/**
 * A set of dots: which operations a state has seen, as intervals per author.
 *
 * A dot is (author, k), where k counts the author's operations on one object from 1. What an author did without a gap
 * is one interval, so the set costs two numbers per author, whatever its history; a gap costs two more until it closes.
 */
import { assertState, compareText, isAuthor, isCount } from './checks.ts'

/** The saved form: authors ascending, each with `[from, to, from, to, …]`, ascending, inclusive, not adjacent. */
export type SavedContext = (string | number[])[]

/** `[from, to, from, to, …]`, ascending, inclusive, not adjacent. */
export type Ranges = readonly number[]

/** A mutable set of dots. */
export class CausalContext {
  readonly #byAuthor = new Map<string, number[]>()

  /** Is the dot in the set? */
  has(author: string, k: number): boolean {
    const ranges = this.#byAuthor.get(author)
    if (ranges === undefined) return false
    for (let i = ranges.length - 2; i >= 0; i -= 2) {
      if (k >= at(ranges, i)) return k <= at(ranges, i + 1)
    }
    return false
  }

  /** The highest k of an author, or 0. */
  highest(author: string): number {
    return this.#byAuthor.get(author)?.at(-1) ?? 0
  }

  /** Adds one dot. */
  add(author: string, k: number): void {
    const ranges = this.#byAuthor.get(author)
    if (ranges === undefined) this.#byAuthor.set(author, [k, k])
    else if (at(ranges, ranges.length - 1) === k - 1) ranges[ranges.length - 1] = k
    else if (!this.has(author, k)) this.#byAuthor.set(author, union(ranges, [k, k]))
  }

  /** Adds all dots of another set, but for those of the authors to leave out. */
  addAll(other: CausalContext, isLeftOut: ((author: string) => boolean) | null = null): void {
    for (const [author, ranges] of other.#byAuthor) {
      if (isLeftOut?.(author)) continue
      this.#byAuthor.set(author, union(this.#byAuthor.get(author) ?? [], ranges))
    }
  }

  /** The intervals of an author, a copy; empty if there are none. */
  ranges(author: string): Ranges {
    return [...(this.#byAuthor.get(author) ?? [])]
  }

  /** Are there dots of that author? */
  knows(author: string): boolean {
    return this.#byAuthor.has(author)
  }

  /** Replaces the dots of an author. */
  set(author: string, ranges: Ranges): void {
    if (ranges.length === 0) this.#byAuthor.delete(author)
    else this.#byAuthor.set(author, [...ranges])
  }

  /** A copy that changes independently. */
  copy(): CausalContext {
    const copy = new CausalContext()
    copy.addAll(this)
    return copy
  }

  /** Authors ascending. */
  authors(): string[] {
    return [...this.#byAuthor.keys()].sort(compareText)
  }

  /** The canonical form. */
  save(): SavedContext {
    return this.authors().flatMap((author) => [author, [...(this.#byAuthor.get(author) ?? [])]])
  }

  /** Reads the canonical form. Throws a ValueError for anything else. */
  static load(saved: unknown, isName: (value: unknown) => value is string = isAuthor): CausalContext {
    assertState(Array.isArray(saved) && saved.length % 2 === 0, 'context')
    const context = new CausalContext()
    let previous = ''
    for (let i = 0; i < saved.length; i += 2) {
      const author: unknown = saved[i]
      const ranges: unknown = saved[i + 1]
      assertState(isName(author) && author > previous, 'author')
      assertState(Array.isArray(ranges) && ranges.length > 0 && ranges.length % 2 === 0, 'ranges')
      for (let j = 0; j < ranges.length; j += 2) {
        assertState(isCount(ranges[j]) && isCount(ranges[j + 1]) && ranges[j] <= ranges[j + 1], 'range')
        assertState(j === 0 || ranges[j] > ranges[j - 1] + 1, 'range order')
      }
      context.#byAuthor.set(author, [...(ranges as number[])])
      previous = author
    }
    return context
  }
}

/** The union of two ascending lists of intervals. */
export function union(a: readonly number[], b: readonly number[]): number[] {
  const result: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const takesA = j >= b.length || (i < a.length && at(a, i) <= at(b, j))
    const from = takesA ? at(a, i) : at(b, j)
    const to = takesA ? at(a, i + 1) : at(b, j + 1)
    if (takesA) i += 2
    else j += 2
    const last = result.length - 1
    if (last >= 0 && from <= at(result, last) + 1) result[last] = Math.max(at(result, last), to)
    else result.push(from, to)
  }
  return result
}

/** What is in the first of two ascending lists of intervals, and not in the second. */
export function without(a: Ranges, b: Ranges): number[] {
  const result: number[] = []
  for (let i = 0; i < a.length; i += 2) {
    let from = at(a, i)
    const to = at(a, i + 1)
    for (let j = 0; j < b.length; j += 2) {
      if (at(b, j + 1) < from || at(b, j) > to) continue
      if (at(b, j) > from) result.push(from, at(b, j) - 1)
      from = at(b, j + 1) + 1
    }
    if (from <= to) result.push(from, to)
  }
  return result
}

function at(ranges: readonly number[], index: number): number {
  return ranges[index] ?? 0
}
