/**
 * What is the matter with directions of paths, short of an end: they are stopped, or slow. A path that is stopped loses
 * nothing: what was sent meanwhile comes in a burst.
 *
 * A partition (`Network.cut`) is another thing: it is of the whole network, and ends the paths that it lasts on.
 */

/** One such thing. */
export interface Stop {
  /** Does it concern what `from` sends to `to`? */
  readonly concerns: (from: string, to: string) => boolean
  /** Delays are so many times longer; `Infinity`: nothing gets through. */
  readonly factor: number
  /** When it is over. */
  readonly until: number
}

/** All that are in force. */
export class Stops {
  #all: Stop[] = []

  /** Is anything the matter anywhere? */
  get isAny(): boolean {
    return this.#all.length > 0
  }

  add(stop: Stop): void {
    this.#all.push(stop)
  }

  /** False: it was over already. */
  remove(stop: Stop): boolean {
    const before = this.#all.length
    this.#all = this.#all.filter((each) => each !== stop)
    return this.#all.length < before
  }

  clear(): void {
    this.#all = []
  }

  isStopped(from: string, to: string): boolean {
    return this.#all.some(({ factor, concerns }) => factor === Number.POSITIVE_INFINITY && concerns(from, to))
  }

  /** When a frame that is sent now arrives: later; but when it is over, what is under way is as fast as any. */
  slowed(from: string, to: string, { now, delay }: { readonly now: number; readonly delay: number }): number {
    let t = now + delay
    for (const stop of this.#all) {
      if (stop.factor === Number.POSITIVE_INFINITY || !stop.concerns(from, to)) continue
      t = Math.max(t, Math.min(now + delay * stop.factor, stop.until + delay))
    }
    return t
  }

  /** The stops in force, each with the pairs of these processes that it concerns in either direction. */
  *pairs(ids: readonly string[]): Generator<{ readonly stop: Stop; readonly links: [string, string][] }> {
    for (const stop of this.#all) yield { stop, links: pairsOf(stop, ids) }
  }
}

/** The pairs of these processes that it concerns in either direction. */
export function pairsOf({ concerns }: Stop, ids: readonly string[]): [string, string][] {
  return ids.flatMap((a, index) =>
    ids
      .slice(index + 1)
      .filter((b) => concerns(a, b) || concerns(b, a))
      .map((b): [string, string] => [a, b]),
  )
}
