/**
 * The delivered state of a counter that folds: totals by key, and sums of those whose authors are gone.
 *
 * Only *lineages* fold: chains of primary views of the space in which the state was handed on without a gap. A key that
 * may be folded (a *homed* one) bears its lineage and the epoch of the view in which it began. A settled view of the
 * lineage marks the homed keys whose authors are no members, with their totals; after `forgetAfterMs` what was marked is
 * summed up, and its names are forgotten: the *horizon* of the lineage is then the epoch of that view. All who have been
 * in that view have the same mark, so whoever has not, knows of it: its *reach* lies before the horizon. What it has of
 * keys that began before the horizon is in the sum, unless the others know it by its name; where it may have more, that is
 * reported, and not counted.
 *
 * Source: docs/decisions/015. Tests: test/unit/objects/folding.test.ts.
 */
import { assertState, compareText, isAuthor, isCount, isTotal } from './checks.ts'
import type { Succession } from './replica.ts'

/** What one author has added under one key: up and down. */
export interface Totals {
  /** How many operations they sum up. */
  readonly k: number
  readonly up: number
  readonly down: number
}

export const NOTHING: Totals = { k: 0, up: 0, down: 0 }

/** A chain of primary views, as far as this state knows of it. */
interface Lineage {
  /** The last view of it in which this state was. */
  reach: string
  /** The epoch of the last view whose marks are summed up; 0 if there is none. */
  horizon: number
  up: number
  down: number
  /** What is marked up to there is to be summed up at the next settled view, at which all have the same. */
  due: number
  /** By the epoch of the view that marked them, ascending. */
  readonly marks: Map<number, Map<string, Totals>>
}

/** `author/opening`, `author/opening/epoch/lineage`, or the latter with {@link EXCESS}. */
export type Key = string

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
  readonly #lineages = new Map<string, Lineage>()
  /** The lineage whose view is in force, if it is one's. */
  #acting: string | null = null

  keys(): IterableIterator<Key> {
    return this.#totals.keys()
  }

  get(key: Key): Totals {
    return this.#totals.get(key) ?? NOTHING
  }

  /** What no key stands for any more. */
  sum(): number {
    let sum = 0
    for (const { up, down } of this.#lineages.values()) sum += up - down
    return sum
  }

  /** What a key that begins now bears, or null if it cannot be homed. */
  get home(): { readonly epoch: number; readonly lineage: string } | null {
    const lineage = this.#acting === null ? undefined : this.#lineages.get(this.#acting)
    return this.#acting === null || lineage === undefined
      ? null
      : { epoch: epochOf(lineage.reach), lineage: this.#acting }
  }

  /** What is marked and not yet to be summed up: lineage and epoch. */
  marks(): [lineage: string, epoch: number][] {
    const id = this.#acting ?? ''
    const lineage = this.#lineages.get(id)
    return [...(lineage?.marks.keys() ?? [])].flatMap((epoch) => (epoch > (lineage?.due ?? 0) ? [[id, epoch]] : []))
  }

  /** Is that key summed up, or was it never known here and can be told from those no more? */
  isPast(key: Key): boolean {
    const home = homeOf(key)
    if (home === null || this.#totals.has(key)) return false
    // What began in the view itself was not marked by it.
    return home.epoch < (this.#lineages.get(home.lineage)?.horizon ?? 0)
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
  install(
    { members, primary }: { readonly members: readonly string[]; readonly primary: boolean },
    to: Succession,
  ): void {
    const { space, after, isSettled } = to
    this.#acting = null
    if (!primary) return
    for (const [id, { reach }] of this.#lineages) if (reach === after) this.#acting = id
    if (this.#acting === null && isSettled) {
      this.#acting = space
      this.#lineages.set(space, { reach: space, horizon: 0, up: 0, down: 0, due: 0, marks: new Map() })
    }
    const lineage = this.#acting === null ? undefined : this.#lineages.get(this.#acting)
    if (lineage === undefined) return
    lineage.reach = space
    if (!isSettled) return
    this.#sumUp(lineage, lineage.due)
    const marked = new Set([...lineage.marks.values()].flatMap((mark) => [...mark.keys()]))
    const mark = new Map<Key, Totals>()
    for (const key of ascending(this.#totals.keys())) {
      if (homeOf(key)?.lineage !== this.#acting) continue
      this.#unsure.delete(key)
      if (!members.includes(authorOf(key)) && !marked.has(key)) mark.set(key, this.get(key))
    }
    if (mark.size > 0) lineage.marks.set(epochOf(space), mark)
  }

  /** What was marked up to that view will be summed up. */
  forget(id: string, upTo: number): void {
    const lineage = this.#lineages.get(id)
    if (lineage !== undefined) lineage.due = Math.max(lineage.due, Math.min(upTo, epochOf(lineage.reach)))
  }

  #sumUp(lineage: Lineage, upTo: number): void {
    for (const [epoch, mark] of [...lineage.marks]) {
      if (epoch > upTo) continue
      for (const [key, { up, down }] of mark) {
        lineage.up += up
        lineage.down += down
        const now = this.get(key)
        this.#drop(key)
        if (now.up > up || now.down > down) {
          this.#totals.set(key + EXCESS, { k: now.k, up: now.up - up, down: now.down - down })
        }
      }
      lineage.marks.delete(epoch)
      lineage.horizon = Math.max(lineage.horizon, epoch)
    }
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
    const lost: Key[] = []
    const torn: string[] = []
    for (const id of ascending(new Set(states.flatMap((state) => [...state.#lineages.keys()])))) {
      const found = CounterState.#uniteLineage(id, states)
      lost.push(...found.lost)
      if (found.isTorn) torn.push(id)
    }
    for (const other of others) {
      for (const [key, totals] of other.#totals) if (totals.k > this.get(key).k) this.#totals.set(key, totals)
      for (const key of other.#unsure) this.#unsure.add(key)
    }
    for (const other of others) if (other.#acting !== null) this.#settleActing(other)
    for (const [id, theirs] of others.flatMap((other) => [...other.#lineages])) {
      const mine = this.#lineages.get(id)
      const due = Math.max(theirs.due, mine?.due ?? 0)
      const last = mine === undefined || isLater(theirs, mine) ? theirs : mine
      this.#lineages.set(id, Object.assign(last, { due }))
    }
    return { lost: ascending(new Set(lost)), torn }
  }

  /** Of those that act, the one that has come furthest acts in the view that unites them. */
  #settleActing(other: CounterState): void {
    const reach = (state: CounterState): number => epochOf(state.#lineages.get(state.#acting ?? '')?.reach ?? '0')
    if (this.#acting === null || reach(other) > reach(this)) this.#acting = other.#acting
  }

  /** Brings all states to the latest horizon of one lineage, and takes out what is summed up there. */
  static #uniteLineage(
    id: string,
    states: readonly CounterState[],
  ): { readonly lost: Key[]; readonly isTorn: boolean } {
    const horizon = Math.max(...states.map((state) => state.#lineages.get(id)?.horizon ?? 0))
    const knows = (state: CounterState): boolean => epochOf(state.#lineages.get(id)?.reach ?? '0') >= horizon
    const knowing = states.filter((state) => state.#lineages.has(id) && knows(state))
    const marks = new Map<Key, Totals>()
    for (const state of knowing) {
      for (const [epoch, mark] of state.#lineages.get(id)?.marks ?? []) {
        if (epoch <= horizon) for (const [key, totals] of mark) marks.set(key, totals)
      }
    }
    for (const state of knowing) {
      const lineage = state.#lineages.get(id)
      if (lineage !== undefined) state.#sumUp(lineage, horizon)
    }
    const lost: Key[] = []
    for (const state of states) {
      for (const key of [...state.#totals.keys()]) {
        const home = homeOf(key)
        if (home === null || home.lineage !== id || home.epoch >= horizon) continue
        const mark = marks.get(key)
        const now = state.get(key)
        if (mark !== undefined) {
          state.#drop(key)
          if (now.up <= mark.up && now.down <= mark.down) continue
          const more = { k: now.k, up: now.up - mark.up, down: now.down - mark.down }
          if (now.k > state.get(key + EXCESS).k) state.#totals.set(key + EXCESS, more)
        } else if (!knowing.some((each) => each.#totals.has(key))) {
          if (state.#unsure.has(key)) lost.push(key)
          state.#drop(key)
        }
      }
      if (!knowing.includes(state)) state.#lineages.delete(id)
    }
    const [first, ...further] = knowing.map((state) => state.#lineages.get(id))
    return { lost, isTorn: further.some((each) => each?.up !== first?.up || each?.down !== first?.down) }
  }

  /** `[key, k, up, down, …]`, ascending; then, where anything may be folded, `[unsure, acting, lineages]`. */
  save(): unknown {
    const saved: unknown[] = []
    for (const key of ascending(this.#totals.keys())) {
      const { k, up, down } = this.get(key)
      saved.push(key, k, up, down)
    }
    if (this.#lineages.size > 0 || this.#unsure.size > 0) {
      const lineages = ascending(this.#lineages.keys()).map((id) => {
        const { reach = '', horizon = 0, up = 0, down = 0, due = 0, marks = new Map() } = this.#lineages.get(id) ?? {}
        return [id, reach, horizon, up, down, due, [...marks].map(([epoch, mark]) => [epoch, ...saveMark(mark)])]
      })
      saved.push([ascending(this.#unsure), this.#acting, lineages])
    }
    return saved
  }

  /** Reads a saved state. Throws a ValueError for anything else. */
  static load(saved: unknown): CounterState {
    assertState(Array.isArray(saved) && saved.length % 4 < 2, 'counter')
    const state = new CounterState()
    const length = saved.length - (saved.length % 4)
    readTotalsInto(state.#totals, saved.slice(0, length))
    if (length === saved.length) return state
    const tail: unknown = saved.at(-1)
    assertState(Array.isArray(tail) && tail.length === 3, 'what is folded')
    const [unsure, acting, lineages] = tail as unknown[]
    assertState(Array.isArray(unsure) && unsure.every(isKey), 'keys')
    for (const key of unsure) state.#unsure.add(key)
    assertState(Array.isArray(lineages), 'lineages')
    for (const each of lineages) {
      assertState(Array.isArray(each) && each.length === 7, 'lineage')
      const [id, reach, horizon, up, down, due, marks] = each as unknown[]
      assertState(isViewId(id) && isViewId(reach) && !state.#lineages.has(id), 'lineage')
      assertState(isTotal(horizon) && isTotal(up) && isTotal(down) && isTotal(due) && Array.isArray(marks), 'lineage')
      const lineage: Lineage = { reach, horizon, up, down, due, marks: new Map() }
      for (const mark of marks) {
        assertState(Array.isArray(mark) && mark.length % 4 === 1 && isCount(mark[0]), 'mark')
        const totals = new Map<Key, Totals>()
        readTotalsInto(totals, mark.slice(1))
        lineage.marks.set(mark[0], totals)
      }
      state.#lineages.set(id, lineage)
    }
    assertState(acting === null || (isViewId(acting) && state.#lineages.has(acting)), 'lineage in force')
    state.#acting = acting
    return state
  }
}

function isLater(a: Lineage, b: Lineage): boolean {
  return epochOf(a.reach) > epochOf(b.reach)
}

/** Totals grow from nothing in each opening of the counter, and under each home: a later one must not pass for an earlier. */
export function keyOf(
  author: string,
  opening: number,
  home: { readonly epoch: number; readonly lineage: string } | null = null,
): Key {
  return home === null ? `${author}/${opening}` : `${author}/${opening}/${home.epoch}/${home.lineage}`
}

/** Who counted under a key. */
export function authorOf(key: Key): string {
  return key.slice(0, key.indexOf('/'))
}

function homeOf(key: Key): { readonly epoch: number; readonly lineage: string } | null {
  const parts = key.split('/')
  return parts.length === 4 ? { epoch: Number(parts[2]), lineage: parts[3] ?? '' } : null
}

/** `[k, up, down]`, or null if it is anything else. */
export function readTotals(op: unknown): Totals | null {
  if (!Array.isArray(op) || op.length !== 3) return null
  const [k, up, down] = op as unknown[]
  return isCount(k) && isTotal(up) && isTotal(down) ? { k, up, down } : null
}

/** An id of a view of the space. */
export function isViewId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 100 && /^[0-9]+\.[A-Za-z0-9_-]{1,64}(\.[0-9]+)?$/.test(value)
}

function epochOf(view: string): number {
  return Number.parseInt(view, 10)
}

function isKey(value: unknown): value is Key {
  if (typeof value !== 'string') return false
  const [author, opening, epoch, lineage, more, ...rest] = value.split('/')
  if (!isAuthor(author) || !isTotal(Number(opening)) || rest.length > 0) return false
  return epoch === undefined || (isCount(Number(epoch)) && isViewId(lineage) && (more === undefined || more === 'more'))
}

function ascending(keys: Iterable<string>): string[] {
  return [...keys].sort(compareText)
}

function saveMark(mark: ReadonlyMap<Key, Totals>): unknown[] {
  return [...mark].flatMap(([key, { k, up, down }]) => [key, k, up, down])
}

function readTotalsInto(into: Map<Key, Totals>, saved: readonly unknown[]): void {
  let previous = ''
  for (let i = 0; i < saved.length; i += 4) {
    const key: unknown = saved[i]
    const totals = readTotals(saved.slice(i + 1, i + 4))
    assertState(isKey(key) && key > previous && totals !== null, 'totals')
    into.set(key, totals)
    previous = key
  }
}
