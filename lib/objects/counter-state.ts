/**
 * The delivered state of a counter that folds: totals by key, and sums of those whose authors are gone.
 *
 * What is folded, when, and where it is known, is in `lineage.ts`; here it is summed up. What a state has of keys that
 * began before the horizon is in the sum, unless the others know it by its name; where it may have more, that is reported,
 * and not counted.
 *
 * Source: docs/decisions/015. Tests: test/unit/objects/folding.test.ts.
 */
import { assertState, isCount, isTotal } from './checks.ts'
import { ascending, type Home, homeOf, isKey, type Key, Lineages, type Mark } from './lineage.ts'
import type { Succession } from './replica.ts'

/** What one author has added under one key: up and down. */
export interface Totals {
  /** How many operations they sum up. */
  readonly k: number
  readonly up: number
  readonly down: number
}

export const NOTHING: Totals = { k: 0, up: 0, down: 0 }

/** Ends the key of what was counted under one that is summed up, beyond what was marked. */
const EXCESS = '/more'

/** What has gone wrong where states were united. */
export interface Losses {
  /** Of these keys, more may have been counted than what is here. */
  readonly lost: readonly Key[]
  /** Lineages of which the states have summed up different things: never, if all keep to the protocol. */
  readonly torn: readonly string[]
}

/** One state; see above. */
export class CounterState {
  readonly #totals = new Map<Key, Totals>()
  /** Homed keys that have changed since the last settled view of their lineage: others of that view may not know it. */
  readonly #unsure = new Set<Key>()
  readonly #lineages = new Lineages<Totals>({
    sums: 2,
    keys: () => this.#totals.keys(),
    get: (key) => this.get(key),
    settle: (key) => this.#unsure.delete(key),
    fold: (key, { up, down }, sums) => {
      sums[0] = (sums[0] ?? 0) + up
      sums[1] = (sums[1] ?? 0) + down
      const now = this.get(key)
      this.#drop(key)
      if (now.up > up || now.down > down) {
        this.#totals.set(key + EXCESS, { k: now.k, up: now.up - up, down: now.down - down })
      }
    },
    saveMark: saveTotals,
    readMark: readTotalsByKey,
  })

  keys(): IterableIterator<Key> {
    return this.#totals.keys()
  }

  get(key: Key): Totals {
    return this.#totals.get(key) ?? NOTHING
  }

  /** Does anything stand under that key? */
  holds(key: Key): boolean {
    return this.#totals.has(key)
  }

  /** What no key stands for any more. */
  sum(): number {
    let sum = 0
    for (const [up = 0, down = 0] of this.#lineages.sums()) sum += up - down
    return sum
  }

  /** What a key that begins now bears, or null if it cannot be homed. */
  get home(): Home | null {
    return this.#lineages.home
  }

  /** What is marked and not yet to be summed up: lineage and epoch. */
  marks(): [lineage: string, epoch: number][] {
    return this.#lineages.marks()
  }

  /** Is that key summed up, or was it never known here and can be told from those no more? */
  isPast(key: Key): boolean {
    return !this.#totals.has(key) && this.#lineages.isBefore(key)
  }

  /** The later totals count. False if they come too late. */
  take(key: Key, totals: Totals): boolean {
    if (totals.k <= this.get(key).k) return true
    if (this.isPast(key)) return false
    this.#totals.set(key, totals)
    if (homeOf(key) !== null) this.#unsure.add(key)
    return true
  }

  /** A view of the space. */
  install(view: { readonly members: readonly string[]; readonly primary: boolean }, to: Succession): void {
    this.#lineages.install(view, to)
  }

  /** What was marked up to that view will be summed up. */
  forget(id: string, upTo: number): void {
    this.#lineages.forget(id, upTo)
  }

  #drop(key: Key): void {
    this.#totals.delete(key)
    this.#unsure.delete(key)
  }

  /**
   * Unites other parts' states into this one, all at once; it may change them.
   */
  unite(others: readonly CounterState[]): Losses {
    const states = [this as CounterState, ...others]
    const lost = new Set<Key>()
    const torn: string[] = []
    const all = states.map((state) => state.#lineages)
    for (const id of ascending(new Set(all.flatMap((lineages) => [...lineages.ids()])))) {
      const { past, bring } = Lineages.meet(id, all)
      if (!bring()) torn.push(id)
      // What is still there is of those who have not come as far.
      for (const [key, mark] of past) {
        for (const state of states) if (!state.#foldLate(key, mark)) lost.add(key)
      }
    }
    for (const other of others) {
      for (const [key, totals] of other.#totals) if (totals.k > this.get(key).k) this.#totals.set(key, totals)
      for (const key of other.#unsure) this.#unsure.add(key)
    }
    this.#lineages.unite(all.slice(1))
    return { lost: ascending(lost), torn }
  }

  /** The others have folded a key, or forgotten its mark as well. False if there may be more under it than that. */
  #foldLate(key: Key, mark: Totals | undefined): boolean {
    const now = this.get(key)
    const isUnsure = this.#unsure.has(key)
    this.#drop(key)
    if (mark === undefined) return !isUnsure
    const more = { k: now.k, up: now.up - mark.up, down: now.down - mark.down }
    if ((more.up > 0 || more.down > 0) && now.k > this.get(key + EXCESS).k) this.#totals.set(key + EXCESS, more)
    return true
  }

  /** `[key, k, up, down, …]`, ascending; then, where anything may be folded, `[unsure, acting, lineages]`. */
  save(): unknown {
    const saved = saveTotals(new Map(ascending(this.#totals.keys()).map((key) => [key, this.get(key)])))
    if (this.#lineages.size > 0 || this.#unsure.size > 0) {
      saved.push([ascending(this.#unsure), ...this.#lineages.save()])
    }
    return saved
  }

  /** Reads a saved state. Throws a ValueError for anything else. */
  static load(saved: unknown): CounterState {
    assertState(Array.isArray(saved) && saved.length % 4 < 2, 'counter')
    const state = new CounterState()
    const length = saved.length - (saved.length % 4)
    for (const [key, totals] of readTotalsByKey(saved.slice(0, length))) state.#totals.set(key, totals)
    if (length === saved.length) return state
    const tail: unknown = saved.at(-1)
    assertState(Array.isArray(tail) && tail.length === 3, 'what is folded')
    const [unsure, ...lineages] = tail as unknown[]
    assertState(Array.isArray(unsure) && unsure.every(isCounted), 'keys')
    for (const key of unsure) state.#unsure.add(key)
    state.#lineages.load(lineages)
    return state
  }
}

/** `[k, up, down]`, or null if it is anything else. */
export function readTotals(op: unknown): Totals | null {
  if (!Array.isArray(op) || op.length !== 3) return null
  const [k, up, down] = op as unknown[]
  return isCount(k) && isTotal(up) && isTotal(down) ? { k, up, down } : null
}

/** A key under which totals may stand. */
function isCounted(value: unknown): value is Key {
  return isKey(value) || (typeof value === 'string' && value.endsWith(EXCESS) && isKey(value.slice(0, -EXCESS.length)))
}

function saveTotals(mark: Mark<Totals>): unknown[] {
  return [...mark].flatMap(([key, { k, up, down }]) => [key, k, up, down])
}

function readTotalsByKey(saved: readonly unknown[]): Map<Key, Totals> {
  assertState(saved.length % 4 === 0, 'totals')
  const totalsOf = new Map<Key, Totals>()
  let previous = ''
  for (let i = 0; i < saved.length; i += 4) {
    const key: unknown = saved[i]
    const totals = readTotals(saved.slice(i + 1, i + 4))
    assertState(isCounted(key) && key > previous && totals !== null, 'totals')
    totalsOf.set(key, totals)
    previous = key
  }
  return totalsOf
}
