/** The search for an order of operations: see `t13-linearizable.ts`. */

/** An operation and when it was under way. */
export interface TimedOp {
  /** Its place in the trace. */
  readonly line: number
  readonly f: string
  readonly args: unknown
  readonly from: number
  /** Infinity: it may be done at any time, or never. */
  readonly to: number
  /** Null: what it gave is not known. */
  readonly ok: boolean | null
  readonly value: unknown
}

/** What an object does, one operation after the other, as its applications see it. */
export interface HistoryModel {
  /** The part of the object that it is about, which has nothing to do with others; null: it is not judged. */
  keyOf(op: TimedOp): string | null
  /** A text; equal texts are equal states. */
  readonly start: string
  /** Steps of a search; more say nothing. By default 40,000. */
  readonly stepsMax?: number
  /** Other groups that it stands on, beside that of its name. */
  readonly groups?: readonly string[]
  /** The operation that gives an application the thing by whose name another reads it from then on. */
  readonly given?: { readonly by: string; readonly read: string }
  /** The operations as the model takes them, before they are parted by their keys. */
  prepare?(ops: readonly TimedOp[]): readonly TimedOp[]
  /** The state after it, or null if it cannot have given that there. */
  step(state: string, op: TimedOp): string | null
}

const STEPS_MAX = 40_000

/** Null if there is an order; the first operation that fits nowhere; or `unknown`. */
export function searchOrder(model: HistoryModel, ops: readonly TimedOp[]): TimedOp | null | 'unknown' {
  const done = ops
    .filter(({ to }) => to !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.from - b.from || a.line - b.line)
  const open = ops
    .filter(({ to }) => to === Number.POSITIVE_INFINITY)
    .sort((a, b) => a.from - b.from || a.line - b.line)
  // What may never have been done is left out at first: most of it matters to nobody.
  const search = new Search(model, done, open)
  return search.run()
}

/** Where the search is: what has been done, by bits of both lists. */
class Search {
  readonly #model: HistoryModel
  readonly #done: readonly TimedOp[]
  readonly #open: readonly TimedOp[]
  readonly #stepsMax: number
  readonly #tried = new Set<string>()
  #steps = 0
  #furthest = 0
  #stuckAt: TimedOp | null = null

  constructor(model: HistoryModel, done: readonly TimedOp[], open: readonly TimedOp[]) {
    this.#model = model
    this.#stepsMax = model.stepsMax ?? STEPS_MAX
    this.#done = done
    this.#open = open
  }

  run(): TimedOp | null | 'unknown' {
    const found = this.#from(0, new Set(), new Set(), this.#model.start)
    if (found) return null
    return this.#steps > this.#stepsMax ? 'unknown' : (this.#stuckAt ?? this.#done[0] ?? null)
  }

  /** `first`: all done ones before it are placed, and those of `ahead` as well; `used`: of the open ones. */
  #from(first: number, ahead: ReadonlySet<number>, used: ReadonlySet<number>, state: string): boolean {
    let next = first
    const rest = new Set(ahead)
    while (rest.delete(next)) next += 1
    if (next >= this.#done.length) return true
    const key = `${next}|${[...rest].sort((a, b) => a - b).join()}|${[...used].sort((a, b) => a - b).join()}|${state}`
    if (this.#tried.has(key)) return false
    this.#tried.add(key)
    this.#steps += 1
    if (this.#steps > this.#stepsMax) return false
    if (next + rest.size >= this.#furthest) {
      this.#furthest = next + rest.size
      this.#stuckAt = this.#done[next] ?? null
    }
    // Only what begins before the first end among those left may come next.
    let end = Number.POSITIVE_INFINITY
    const candidates: number[] = []
    for (let i = next; i < this.#done.length; i += 1) {
      const op = this.#done[i]
      if (op === undefined || op.from > end) break
      if (rest.has(i)) continue
      candidates.push(i)
      end = Math.min(end, op.to)
    }
    for (const i of candidates) {
      const op = this.#done[i]
      if (op === undefined || op.from > end) continue
      const after = this.#model.step(state, op)
      if (after !== null && this.#from(next, new Set([...rest, i]), used, after)) return true
    }
    for (const [i, op] of this.#open.entries()) {
      if (op.from > end) break
      if (used.has(i)) continue
      const after = this.#model.step(state, op)
      if (after !== null && after !== state && this.#from(next, rest, new Set([...used, i]), after)) return true
    }
    return false
  }
}
