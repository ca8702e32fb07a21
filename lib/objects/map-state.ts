/**
 * The delivered state of a shared map: a causal map of multi-value entries, as a delta-state CRDT.
 *
 * An entry is named by the dot of the operation that wrote it. A state is the entries plus the context of all dots it
 * has seen; a dot in the context without an entry was overwritten or deleted, so deletions leave nothing else behind.
 * An operation is itself such a state, a delta, and applying it is a join with it. So operations are idempotent and,
 * since they name what they overwrite, may meet a state that lacks those parts: the overwritten dots enter the context
 * and the parts are not taken in when they come. That its own dot is known tells nothing of the dots it overwrites.
 *
 * Source: Almeida, Shoker, Baquero, "Delta state replicated data types", 2018, §7.
 */
import { decodeValue } from '../values.ts'
import { CausalContext, type SavedContext, without } from './causal-context.ts'
import { assertState, compareText, isAuthor, isCount } from './checks.ts'
import {
  bytesColumn,
  finish,
  type NumberColumn,
  numberColumn,
  readNumbers,
  readParts,
  readTexts,
  STEP_PARTS,
  textColumn,
} from './columns.ts'
import { FoldedDots } from './folded-dots.ts'
import { ascending, homeOf, isKey } from './lineage.ts'

/** One written value. */
export interface MapEntry {
  /** The process that wrote it; in a map that folds, its key (`lineage.ts`). */
  readonly author: string
  /** Which of the author's operations wrote it. */
  readonly k: number
  /** Grows with every write to the key that saw the one before: decides among concurrent ones, ties by author. */
  readonly clock: number
  /** The value as it travels and is saved. */
  readonly bytes: Uint8Array
  /** The value itself, decoded once. */
  readonly value: unknown
}

/** `[0, k, key, clock, bytes, over]`: writes a key. `over` lists author, k, author, k … of the entries it replaces. */
export type SetOp = [kind: 0, k: number, key: string, clock: number, bytes: Uint8Array, over: (string | number)[]]
/** `[1, k, key, over]`: deletes a key. */
export type DeleteOp = [kind: 1, k: number, key: string, over: (string | number)[]]
/** `[2, k, context]`: deletes every entry whose dot the context has. */
export type ClearOp = [kind: 2, k: number, context: (string | number[])[]]
/** An operation as it is cast. */
export type MapOp = SetOp | DeleteOp | ClearOp

/** Entries, context, and nothing that depends on this process. */
export class MapState {
  /** Per key the entries alive, the winner first. Never empty lists. */
  readonly #entries = new Map<string, readonly MapEntry[]>()
  readonly #context: CausalContext
  /** What it keeps if it folds. */
  readonly folded: FoldedDots | null

  constructor(context: CausalContext = new CausalContext(), folded: FoldedDots | null = null) {
    this.#context = context
    this.folded = folded
  }

  /** An empty state, which folds. */
  static folding(): MapState {
    const context = new CausalContext()
    return new MapState(context, new FoldedDots(context))
  }

  /** All dots seen, but for those that are folded. */
  get context(): CausalContext {
    return this.#context
  }

  /** Was the dot seen? */
  hasSeen(author: string, k: number): boolean {
    return this.#context.has(author, k) || this.folded?.isPast(author) === true
  }

  /** The entries alive under a key, the winner first. */
  entries(key: string): readonly MapEntry[] {
    return this.#entries.get(key) ?? []
  }

  /** The keys that have entries. */
  keys(): IterableIterator<string> {
    return this.#entries.keys()
  }

  /**
   * Applies a cast operation. Returns the keys it touched, or null if it is malformed (nothing has changed then).
   * `known` is the entry itself if this process wrote it: saves decoding it again.
   */
  apply(op: unknown, author: string, known: MapEntry | undefined): readonly string[] | null {
    if (!Array.isArray(op) || !isCount(op[1])) return null
    const k = op[1]
    if (op[0] === 2) return this.#applyClear(op, author, k)
    const isSet = op[0] === 0
    if ((!isSet && op[0] !== 1) || op.length !== (isSet ? 6 : 4) || typeof op[2] !== 'string') return null
    const key: string = op[2]
    const over: unknown = op[isSet ? 5 : 3]
    if (!isDotList(over, this.folded === null ? isAuthor : isKey)) return null
    let entry: MapEntry | undefined
    if (isSet) {
      entry = known ?? readEntry(author, k, op[3], op[4])
      if (entry === undefined) return null
    }
    const mine = this.entries(key)
    if (entry !== undefined && this.folded?.isPast(author)) {
      // It comes too late: what it wrote is folded, or lost.
      if (!this.#context.has(author, k) && !mine.some(sameDot(entry))) this.folded.lost.add(author)
      return []
    }
    const kept = mine.filter((old) => !hasDot(over, old))
    const isKnown = this.#context.has(author, k)
    this.#see(author, k)
    for (let i = 0; i < over.length; i += 2) this.#see(over[i] as string, over[i + 1] as number)
    if (isKnown && kept.length === mine.length) return []
    this.put(key, entry === undefined || isKnown ? kept : [...kept, entry])
    return [key]
  }

  #see(author: string, k: number): void {
    const { folded } = this
    if (folded !== null) {
      if (this.hasSeen(author, k)) return
      if (homeOf(author) !== null) folded.unsure.add(author, k)
    }
    this.#context.add(author, k)
  }

  #applyClear(op: readonly unknown[], author: string, k: number): readonly string[] | null {
    let seen: CausalContext
    try {
      seen = CausalContext.load(op[2], this.folded === null ? isAuthor : isKey)
    } catch {
      return null
    }
    if (op.length !== 3) return null
    const touched: string[] = []
    for (const [key, entries] of this.#entries) {
      const kept = entries.filter((entry) => !seen.has(entry.author, entry.k))
      if (kept.length === entries.length) continue
      touched.push(key)
      this.put(key, kept)
    }
    const { folded } = this
    this.#context.addAll(seen, folded && ((name) => folded.isPast(name)))
    this.#see(author, k)
    return touched
  }

  /** Replaces the entries of a key. */
  put(key: string, entries: readonly MapEntry[]): void {
    if (entries.length === 0) this.#entries.delete(key)
    else this.#entries.set(key, entries.length > 1 ? [...entries].sort(byRank) : entries)
  }

  /** Unites another state into this one and returns the keys whose entries have changed. */
  merge(other: MapState): string[] {
    const touched: string[] = []
    for (const key of new Set([...this.#entries.keys(), ...other.#entries.keys()])) {
      const mine = this.entries(key)
      const theirs = other.entries(key)
      const kept = mine.filter((entry) => theirs.some(sameDot(entry)) || !other.#context.has(entry.author, entry.k))
      const taken = theirs.filter((entry) => !mine.some(sameDot(entry)) && !this.#context.has(entry.author, entry.k))
      if (kept.length === mine.length && taken.length === 0) continue
      touched.push(key)
      this.put(key, [...kept, ...taken])
    }
    this.#context.addAll(other.#context)
    return touched
  }

  /** What another state has that this one lacks, as a state that makes up for it; null if nothing. Of maps that do not fold. */
  lackingOf(other: MapState): MapState | null {
    const seen = new CausalContext()
    for (const author of other.#context.authors()) {
      seen.set(author, without(other.#context.ranges(author), this.#context.ranges(author)))
    }
    const lack = new MapState(seen)
    for (const [key, entries] of other.#entries) {
      const taken = entries.filter((entry) => !this.#context.has(entry.author, entry.k))
      if (taken.length > 0) lack.put(key, taken)
    }
    // What is alive here, and was overwritten or deleted there.
    for (const [key, entries] of this.#entries) {
      for (const entry of entries) {
        const isGone = other.#context.has(entry.author, entry.k) && !other.entries(key).some(sameDot(entry))
        if (isGone) seen.add(entry.author, entry.k)
      }
    }
    return seen.authors().length === 0 ? null : lack
  }

  /**
   * `[context, keys, key lengths, authors, ks, clocks, values, value lengths]`: the context, then an entry per place in
   * the columns, sorted by key, author, k. An author is its index in the context. One that folds has `FoldedDots.save` as
   * well, whose authors are counted in.
   */
  save(): unknown {
    return finish(this.saveInSteps())
  }

  /** As `save`, in steps: the state as it is now, whatever is applied between them. */
  saveInSteps(): Iterator<undefined, unknown> {
    // Without a function, texts are sorted as `compareText` does it, in a fraction of the time.
    const keys = [...this.#entries.keys()].sort()
    // Entries and lists of them never change, so holding on to them is a picture of the state.
    const lists = keys.map((key) => this.entries(key))
    const names = this.#context.authors()
    const context = this.#context.save()
    if (this.folded === null) return toColumns([context], names, keys, lists)
    const outside = new Set<string>()
    for (const list of lists) for (const { author } of list) if (!this.#context.knows(author)) outside.add(author)
    return toColumns([context, this.folded.save(ascending(outside))], ascending([...names, ...outside]), keys, lists)
  }

  /** Reads a saved state. Throws a ValueError for anything else. */
  static load(saved: unknown, folds = false): MapState {
    assertState(Array.isArray(saved) && saved.length === (folds ? 9 : 8), 'map')
    const parts: readonly unknown[] = saved
    const context = CausalContext.load(parts[0], folds ? isKey : isAuthor)
    let names = context.authors()
    let folded: FoldedDots | null = null
    if (folds) {
      const tail = parts[8]
      assertState(Array.isArray(tail) && tail.length === 5, 'what is folded')
      const outside: unknown = tail[0]
      assertState(Array.isArray(outside) && outside.every(isKey), 'authors')
      names = ascending(new Set([...names, ...outside]))
      folded = FoldedDots.load(context, tail)
    }
    const state = new MapState(context, folded)
    const keys = readTexts(parts[1], parts[2])
    const authors = readNumbers(parts[3])
    const ks = readNumbers(parts[4])
    const clocks = readNumbers(parts[5])
    const values = readParts(parts[6], parts[7])
    for (const column of [authors, ks, clocks, values]) assertState(column.length === keys.length, 'column lengths')
    for (const [i, key] of keys.entries()) {
      const author = names[authors[i] ?? -1]
      const k = ks[i]
      assertState(author !== undefined && isCount(k), 'entry')
      assertState(state.hasSeen(author, k), 'an entry outside the context')
      const entry = readEntry(author, k, clocks[i], values[i])
      assertState(entry !== undefined, 'value')
      const before = keys[i - 1]
      if (before === key) {
        assertState(isAscending(authors, ks, i), 'entry order')
        state.put(key, [...state.entries(key), entry])
      } else {
        assertState(before === undefined || before < key, 'key order')
        state.put(key, [entry])
      }
    }
    return state
  }
}

function* toColumns(
  [context, ...folded]: readonly [SavedContext, ...unknown[]],
  names: readonly string[],
  keys: readonly string[],
  lists: readonly (readonly MapEntry[])[],
): Generator<undefined, unknown> {
  const indices = new Map(names.map((name, index) => [name, index]))
  const keyOf: string[] = []
  const authors: number[] = []
  const ks: number[] = []
  const clocks: number[] = []
  const values: Uint8Array[] = []
  for (const [i, list] of lists.entries()) {
    if (i % STEP_PARTS === 0) yield
    for (const entry of list.length > 1 ? [...list].sort(byDot) : list) {
      keyOf.push(keys[i] ?? '')
      authors.push(indices.get(entry.author) ?? 0)
      ks.push(entry.k)
      clocks.push(entry.clock)
      values.push(entry.bytes)
    }
  }
  yield
  const columns = [...textColumn(keyOf), numberColumn(authors), numberColumn(ks), numberColumn(clocks)]
  return [context, ...columns, ...(yield* bytesColumn(values)), ...folded]
}

/** Does the entry at `i` come after the one before it, which has the same key? */
function isAscending(authors: NumberColumn, ks: NumberColumn, i: number): boolean {
  const step = (authors[i] ?? 0) - (authors[i - 1] ?? 0) || (ks[i] ?? 0) - (ks[i - 1] ?? 0)
  return step > 0
}

function readEntry(author: string, k: number, clock: unknown, bytes: unknown): MapEntry | undefined {
  if (!isCount(clock) || !(bytes instanceof Uint8Array)) return undefined
  try {
    return { author, k, clock, bytes, value: decodeValue(bytes) }
  } catch {
    return undefined
  }
}

/** The winner first. */
function byRank(a: MapEntry, b: MapEntry): number {
  return b.clock - a.clock || compareText(b.author, a.author) || b.k - a.k
}

function byDot(a: MapEntry, b: MapEntry): number {
  return compareText(a.author, b.author) || a.k - b.k
}

/** Are two entries the same? */
export function sameDot(a: MapEntry): (b: MapEntry) => boolean {
  return (b) => a.k === b.k && a.author === b.author
}

function isDotList(over: unknown, isName: (value: unknown) => boolean): over is (string | number)[] {
  if (!Array.isArray(over) || over.length % 2 === 1) return false
  return over.every((part, i) => (i % 2 === 0 ? isName(part) : isCount(part)))
}

function hasDot(over: readonly (string | number)[], entry: MapEntry): boolean {
  for (let i = 0; i < over.length; i += 2) {
    if (over[i] === entry.author && over[i + 1] === entry.k) return true
  }
  return false
}
