/**
 * What a map that folds keeps beside its entries and its context.
 *
 * An author's dots under one key of `lineage.ts` go from the context when that is folded; entries that are alive stand on,
 * outside of it. A dot of a folded key, or of one from before the horizon that has no name here, so was seen: one without
 * an entry was deleted. Only what came under a folded key beyond its mark stays in the context: its *rest*.
 *
 * Source: docs/decisions/020. Tests: test/unit/objects/map-folding.test.ts.
 */
import { CausalContext, type Ranges, without } from './causal-context.ts'
import { assertState } from './checks.ts'
import { ascending, type Folds, isKey, type Key, Lineages, type Mark } from './lineage.ts'
import type { Succession } from './replica.ts'

/** What is summed up: how many dots were folded. Those of one lineage and horizon have the same. */
const SUMS = 1

/** Of one state. */
export class FoldedDots {
  lineages: Lineages<Ranges> = new Lineages<Ranges>()
  /** Dots that came since the last settled view of their lineage: others of that view may not know them. */
  unsure: CausalContext = new CausalContext()
  /** Folded keys of which the context has a rest. */
  readonly rests: Set<Key> = new Set<Key>()
  /** Of these keys, something may be lost. */
  readonly lost: Set<Key> = new Set<Key>()
  readonly #context: CausalContext

  constructor(context: CausalContext) {
    this.#context = context
  }

  readonly folds: Folds<Ranges> = {
    sums: SUMS,
    keys: () => this.#context.authors().filter((key) => !this.rests.has(key)),
    get: (key) => this.#context.ranges(key),
    settle: (key) => this.unsure.set(key, []),
    fold: (key, marked, sums) => {
      sums[0] = (sums[0] ?? 0) + count(marked)
      this.keepRest(key, without(this.#context.ranges(key), marked))
    },
  }

  /** A key is folded. */
  keepRest(key: Key, rest: Ranges): void {
    this.#context.set(key, rest)
    this.unsure.set(key, [])
    if (rest.length > 0) this.rests.add(key)
  }

  /** Is that key folded, or was it never known here and can be told from those no more? */
  isPast(key: Key): boolean {
    return (this.rests.has(key) || !this.#context.knows(key)) && this.lineages.isBefore(key)
  }

  /** A view of the space. */
  install(view: { readonly members: readonly string[]; readonly primary: boolean }, to: Succession): void {
    this.lineages.install(view, to, this.folds)
  }

  /** `[outside, unsure, rests, acting, lineages]`; `outside` are the authors of entries that the context does not name. */
  save(outside: readonly Key[]): unknown[] {
    return [outside, this.unsure.save(), ascending(this.rests), ...this.lineages.save(saveMark)]
  }

  /** Reads what was saved, but for `outside`. Throws a ValueError for anything else. */
  static load(context: CausalContext, [, unsure, rests, ...lineages]: readonly unknown[]): FoldedDots {
    const folded = new FoldedDots(context)
    folded.unsure = CausalContext.load(unsure, isKey)
    assertState(Array.isArray(rests), 'rests')
    for (const key of rests) {
      assertState(isKey(key) && context.knows(key), 'rest')
      folded.rests.add(key)
    }
    folded.lineages = Lineages.load(lineages, SUMS, readMark)
    return folded
  }
}

function count(ranges: Ranges): number {
  return ranges.reduce((sum, bound, i) => sum + (i % 2 === 0 ? -bound : bound + 1), 0)
}

function saveMark(mark: Mark<Ranges>): unknown[] {
  return [...mark].flatMap(([key, ranges]) => [key, [...ranges]])
}

function readMark(saved: readonly unknown[]): Mark<Ranges> {
  const context = CausalContext.load(saved, isKey)
  return new Map(context.authors().map((key) => [key, context.ranges(key)]))
}
