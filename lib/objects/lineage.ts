/**
 * Lineages: what an object that folds knows of the chains of primary views through which its state was handed on, and of
 * what was marked in them to be folded.
 *
 * Only a lineage folds. A key that may be folded (a *homed* one) bears its lineage and the epoch of the view in which it
 * began. A settled view of the lineage marks the homed keys whose authors are no members, and of members all but the last,
 * with what stands under them; after `forgetAfterMs` what was marked is folded, and its names are forgotten: the *horizon* of the lineage is then the
 * epoch of that view. All who have been in that view have the same mark, so whoever has not, knows of it: its *reach* lies
 * before the horizon.
 *
 * Source: docs/decisions/015. Tests: test/unit/objects/folding.test.ts, map-folding.test.ts, folding-keys.test.ts.
 */
import { assertState, compareText, isAuthor, isCount, isTotal } from './checks.ts'
import type { Succession } from './replica.ts'

/** `author/opening`, or of a homed one `author/opening/epoch/lineage`. */
export type Key = string

/** Where a key began. */
export interface Home {
  readonly epoch: number
  readonly lineage: string
}

/** What stood under each key when it was marked. */
export type Mark<Held> = ReadonlyMap<Key, Held>

/** A chain of primary views, as far as a state knows of it. */
interface Lineage<Held> {
  /** The last view of it in which this state was. */
  reach: string
  /** The epoch of the last view whose marks are folded; 0 if there is none. */
  horizon: number
  /** Of all that is folded; how many numbers, and which, is the object's business. */
  readonly sums: number[]
  /** What is marked up to there is to be folded at the next settled view, at which all have the same. */
  due: number
  /** By the epoch of the view that marked them, ascending. */
  readonly marks: Map<number, Mark<Held>>
}

/** What an object has under its keys, and how it folds them. */
export interface Folds<Held> {
  /** How many numbers sum up what is folded. */
  readonly sums: number
  keys(): Iterable<Key>
  get(key: Key): Held
  /** All members of a settled view have the same under a homed key. */
  settle(key: Key): void
  /** A key goes that was marked; adds it to the sums. */
  fold(key: Key, marked: Held, sums: number[]): void
  saveMark(mark: Mark<Held>): unknown[]
  /** Throws a ValueError on what is no mark. */
  readMark(saved: readonly unknown[]): Mark<Held>
}

/** What the states that are to be united have of one lineage. */
export interface Meeting<Held> {
  /** The keys that are folded once all have come to its latest horizon, with their marks, so far as anybody has them. */
  readonly past: ReadonlyMap<Key, Held | undefined>
  /**
   * Brings all to that horizon: what those who have come as far had marked is folded, and what the others know of the
   * lineage counts no more. False if they have folded different things: never, if all keep to the protocol.
   */
  bring(): boolean
}

/** All lineages of one state. */
export class Lineages<Held> {
  readonly #folds: Folds<Held>
  readonly #all = new Map<string, Lineage<Held>>()
  /** The lineage whose view is in force, if it is one's. */
  #acting: string | null = null

  constructor(folds: Folds<Held>) {
    this.#folds = folds
  }

  get size(): number {
    return this.#all.size
  }

  ids(): IterableIterator<string> {
    return this.#all.keys()
  }

  /** What is summed up, by lineage. */
  sums(): (readonly number[])[] {
    return [...this.#all.values()].map(({ sums }) => sums)
  }

  /** What a key that begins now bears, or null if it cannot be homed. */
  get home(): Home | null {
    const lineage = this.#lineageInForce
    return this.#acting === null || lineage === undefined
      ? null
      : { epoch: epochOf(lineage.reach), lineage: this.#acting }
  }

  get #lineageInForce(): Lineage<Held> | undefined {
    return this.#acting === null ? undefined : this.#all.get(this.#acting)
  }

  /** What is marked and not yet to be folded: lineage and epoch. */
  marks(): [lineage: string, epoch: number][] {
    const id = this.#acting ?? ''
    const lineage = this.#all.get(id)
    return [...(lineage?.marks.keys() ?? [])].flatMap((epoch) => (epoch > (lineage?.due ?? 0) ? [[id, epoch]] : []))
  }

  /** Did that key begin before the horizon? If it has no name here, it is folded, or was never known here. */
  isBefore(key: Key): boolean {
    const home = homeOf(key)
    // What began in the view itself was not marked by it.
    return home !== null && home.epoch < (this.#all.get(home.lineage)?.horizon ?? 0)
  }

  /** A view of the space. */
  install(
    { members, primary }: { readonly members: readonly string[]; readonly primary: boolean },
    { space, after, isSettled }: Succession,
  ): void {
    const folds = this.#folds
    this.#acting = null
    if (!primary) return
    for (const [id, { reach }] of this.#all) if (reach === after) this.#acting = id
    if (this.#acting === null && isSettled) {
      this.#acting = space
      const sums = Array.from({ length: folds.sums }, () => 0)
      this.#all.set(space, { reach: space, horizon: 0, sums, due: 0, marks: new Map() })
    }
    const lineage = this.#lineageInForce
    if (lineage === undefined) return
    lineage.reach = space
    if (!isSettled) return
    this.#fold(lineage, lineage.due)
    const marked = new Set([...lineage.marks.values()].flatMap((mark) => [...mark.keys()]))
    const mark = new Map<Key, Held>()
    const homed = ascending(folds.keys()).filter((key) => homeOf(key)?.lineage === this.#acting)
    const last = lastOf(homed)
    for (const key of homed) {
      folds.settle(key)
      const author = authorOf(key)
      const isInUse = members.includes(author) && last.get(author) === key
      if (!isInUse && !marked.has(key)) mark.set(key, folds.get(key))
    }
    if (mark.size > 0) lineage.marks.set(epochOf(space), mark)
  }

  /** What was marked up to that view will be folded. */
  forget(id: string, upTo: number): void {
    const lineage = this.#all.get(id)
    if (lineage !== undefined) lineage.due = Math.max(lineage.due, Math.min(upTo, epochOf(lineage.reach)))
  }

  /** Looks how far each of some states has come in one lineage. */
  static meet<Held>(id: string, states: readonly Lineages<Held>[]): Meeting<Held> {
    const horizon = Math.max(...states.map((state) => state.#all.get(id)?.horizon ?? 0))
    const knowing = states.filter((state) => epochOf(state.#all.get(id)?.reach ?? '-1') >= horizon)
    const marks = new Map<Key, Held>()
    // Who has come as far knows by its name what is not folded.
    const named = new Set<Key>()
    for (const state of knowing) {
      for (const key of state.#folds.keys()) named.add(key)
      for (const [epoch, mark] of state.#all.get(id)?.marks ?? []) {
        if (epoch <= horizon) for (const [key, held] of mark) marks.set(key, held)
      }
    }
    const past = new Map<Key, Held | undefined>()
    for (const key of states.flatMap((state) => [...state.#folds.keys()])) {
      const home = homeOf(key)
      const isBefore = home?.lineage === id && home.epoch < horizon
      if (isBefore && (marks.has(key) || !named.has(key))) past.set(key, marks.get(key))
    }
    const bring = (): boolean => {
      for (const state of states) if (!knowing.includes(state)) state.#all.delete(id)
      const sums = knowing.map((state) => {
        const lineage = state.#all.get(id)
        if (lineage !== undefined) state.#fold(lineage, horizon)
        return lineage?.sums.join()
      })
      return sums.every((sum) => sum === sums[0])
    }
    return { past, bring }
  }

  #fold(lineage: Lineage<Held>, upTo: number): void {
    for (const [epoch, mark] of [...lineage.marks]) {
      if (epoch > upTo) continue
      for (const [key, held] of mark) this.#folds.fold(key, held, lineage.sums)
      lineage.marks.delete(epoch)
      lineage.horizon = Math.max(lineage.horizon, epoch)
    }
  }

  /** Takes over what the others know, once all have come to the same horizons. */
  unite(others: readonly Lineages<Held>[]): void {
    const reach = (state: Lineages<Held>): number => epochOf(state.#lineageInForce?.reach ?? '0')
    // Of those that act, the one that has come furthest acts in the view that unites them.
    const last = others.reduce<Lineages<Held>>((most, other) => (reach(other) > reach(most) ? other : most), this)
    this.#acting = last.#acting
    for (const [id, theirs] of others.flatMap((other) => [...other.#all])) {
      const mine = this.#all.get(id)
      const due = Math.max(theirs.due, mine?.due ?? 0)
      const later = mine === undefined || epochOf(theirs.reach) > epochOf(mine.reach) ? theirs : mine
      this.#all.set(id, Object.assign(later, { due }))
    }
  }

  /** `[acting, [[id, reach, horizon, …sums, due, [[epoch, …mark], …]], …]]`. */
  save(): [acting: string | null, lineages: unknown[]] {
    const lineages = ascending(this.#all.keys()).map((id) => {
      const { reach = '', horizon = 0, sums = [], due = 0, marks = new Map() } = this.#all.get(id) ?? {}
      return [
        id,
        reach,
        horizon,
        ...sums,
        due,
        [...marks].map(([epoch, mark]) => [epoch, ...this.#folds.saveMark(mark)]),
      ]
    })
    return [this.#acting, lineages]
  }

  /** Reads what was saved. Throws a ValueError for anything else. */
  load([acting, lineages]: readonly unknown[]): void {
    assertState(Array.isArray(lineages), 'lineages')
    for (const each of lineages) {
      assertState(Array.isArray(each) && each.length === this.#folds.sums + 5, 'lineage')
      const [id, reach, ...numbers] = each as unknown[]
      const marks = numbers.pop()
      assertState(isViewId(id) && isViewId(reach) && !this.#all.has(id), 'lineage')
      assertState(numbers.every(isTotal) && Array.isArray(marks), 'lineage')
      const [horizon = 0] = numbers
      const lineage: Lineage<Held> = {
        reach,
        horizon,
        sums: numbers.slice(1, -1),
        due: numbers.at(-1) ?? 0,
        marks: new Map(),
      }
      for (const mark of marks) {
        assertState(Array.isArray(mark) && isCount(mark[0]), 'mark')
        lineage.marks.set(mark[0], this.#folds.readMark(mark.slice(1)))
      }
      this.#all.set(id, lineage)
    }
    assertState(acting === null || (isViewId(acting) && this.#all.has(acting)), 'lineage in force')
    this.#acting = acting
  }
}

/** The key under which an author acts, in one of its openings of the object, and under one home. */
export function keyOf(author: string, opening: number, home: Home | null = null): Key {
  return home === null ? `${author}/${opening}` : `${author}/${opening}/${home.epoch}/${home.lineage}`
}

/** Who acted under a key. */
export function authorOf(key: Key): string {
  return key.split('/', 1)[0] ?? ''
}

/** Where a key began; null if it is never folded. */
export function homeOf(key: Key): Home | null {
  const parts = key.split('/')
  return parts.length === 4 ? { epoch: Number(parts[2]), lineage: parts[3] ?? '' } : null
}

/** Of keys of one lineage, the last of each author, which begins nothing more under the others. */
function lastOf(keys: readonly Key[]): Map<string, Key> {
  const rank = (key: Key): number[] => key.split('/').slice(1, 3).map(Number)
  const last = new Map<string, Key>()
  for (const key of keys) {
    const [opening = 0, epoch = 0] = rank(key)
    const [lastOpening = -1, lastEpoch = 0] = rank(last.get(authorOf(key)) ?? '')
    if (opening > lastOpening || (opening === lastOpening && epoch > lastEpoch)) last.set(authorOf(key), key)
  }
  return last
}

/** A key, or what could be one. */
export function isKey(value: unknown): value is Key {
  if (typeof value !== 'string') return false
  const [author, opening, epoch, lineage, ...rest] = value.split('/')
  if (!isAuthor(author) || !isTotal(Number(opening)) || rest.length > 0) return false
  return epoch === undefined || (isCount(Number(epoch)) && isViewId(lineage))
}

/** An id of a view of the space. */
export function isViewId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 100 && /^[0-9]+\.[A-Za-z0-9_-]{1,64}(\.[0-9]+)?$/.test(value)
}

/** Sorted, the same everywhere. */
export function ascending(keys: Iterable<string>): string[] {
  return [...keys].sort(compareText)
}

function epochOf(view: string): number {
  return Number.parseInt(view, 10)
}
