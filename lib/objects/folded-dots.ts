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
import { ascending, isKey, type Key, Lineages } from './lineage.ts'

/** Of one state. */
export class FoldedDots {
  /** All dots seen, but for those that are folded. */
  readonly context: CausalContext
  /** Dots that came since the last settled view of their lineage: others of that view may not know them. */
  unsure: CausalContext = new CausalContext()
  /** Folded keys of which the context has a rest. */
  readonly rests: Set<Key> = new Set<Key>()
  /** Of these keys, something may be lost. */
  readonly lost: Set<Key> = new Set<Key>()
  readonly lineages: Lineages<Ranges> = new Lineages<Ranges>({
    // How many dots.
    sums: 1,
    keys: () => this.context.authors().filter((key) => this.names(key)),
    get: (key) => this.context.ranges(key),
    settle: (key) => this.unsure.set(key, []),
    fold: (key, marked, sums) => {
      sums[0] = marked.reduce((sum, bound, i) => sum + (i % 2 === 0 ? -bound : bound + 1), sums[0] ?? 0)
      this.keepRest(key, without(this.context.ranges(key), marked))
    },
    saveMark: (mark) => [...mark].flatMap(([key, ranges]) => [key, [...ranges]]),
    readMark: (saved) => {
      const context = CausalContext.load(saved, isKey)
      return new Map(context.authors().map((key) => [key, context.ranges(key)]))
    },
  })

  constructor(context: CausalContext) {
    this.context = context
  }

  /** A key is folded. */
  keepRest(key: Key, rest: Ranges): void {
    this.context.set(key, rest)
    this.unsure.set(key, [])
    if (rest.length > 0) this.rests.add(key)
  }

  /** Does the state have that key by its name, and not just a rest of it? */
  names(key: Key): boolean {
    return this.context.knows(key) && !this.rests.has(key)
  }

  /** Is that key folded, or was it never known here and can be told from those no more? */
  isPast(key: Key): boolean {
    return !this.names(key) && this.lineages.isBefore(key)
  }

  /** `[outside, unsure, rests, acting, lineages]`; `outside` are the authors of entries that the context does not name. */
  save(outside: readonly Key[]): unknown[] {
    return [outside, this.unsure.save(), ascending(this.rests), ...this.lineages.save()]
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
    folded.lineages.load(lineages)
    return folded
  }
}
