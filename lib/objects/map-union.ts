/**
 * Unites the states of a map that folds, all at once.
 *
 * As always, an entry stays if every state has it or has not seen its dot. What of a folded key was seen is known from the
 * states that still have its name or its mark, or from the horizon: a dot from before it without a name was seen, and
 * whoever brings an entry of that dot, which the others lack, brings what was deleted. Unless it came there after the last
 * view in which all had the same: then the others may never have had it, and that is reported.
 */
import { CausalContext, type Ranges, without } from './causal-context.ts'
import type { FoldedDots } from './folded-dots.ts'
import { ascending, homeOf, type Key, Lineages } from './lineage.ts'
import { type MapEntry, type MapState, sameDot } from './map-state.ts'

/** What folds of one of the states. */
interface Part {
  readonly state: MapState
  readonly context: CausalContext
  readonly folded: FoldedDots
}

/** What has changed. */
export interface Union {
  /** Keys of the map whose entries have changed. */
  readonly touched: string[]
  /** Lineages of which the states have folded different things: never, if all keep to the protocol. */
  readonly torn: readonly string[]
}

/** Unites others into the first; it may change them. What may be lost is in `folded.lost`. */
export function unite(states: readonly MapState[]): Union {
  const parts = states.flatMap((state): Part[] =>
    state.folded === null ? [] : [{ state, context: state.context, folded: state.folded }],
  )
  const [mine, ...others] = parts
  if (mine === undefined) return { touched: [], torn: [] }
  const ids = ascending(new Set(parts.flatMap(({ folded }) => [...folded.lineages.ids()])))
  const rests = new Map(ids.flatMap((id) => restsOf(id, parts)))
  const touched = uniteEntries(parts, new Map([...rests].map(([key, rest]) => [key, contextOf(key, rest)])))
  const torn = ids.filter((id) => meet(id, parts))
  for (const { context, folded } of others) {
    mine.context.addAll(context)
    mine.folded.unsure.addAll(folded.unsure)
    for (const key of folded.rests) mine.folded.rests.add(key)
  }
  for (const [key, rest] of rests) mine.folded.keepRest(key, rest)
  mine.folded.lineages.unite(others.map(({ folded }) => folded.lineages))
  return { touched, torn }
}

/** The keys of one lineage that are folded once all have come to its latest horizon, and what lies beyond their marks. */
function restsOf(id: string, parts: readonly Part[]): [Key, Ranges][] {
  const all = parts.map(({ folded }) => folded.lineages)
  const { horizon, isKnowing, marks } = Lineages.meet(id, all)
  const knowing = parts.filter((_, i) => isKnowing[i])
  const rests: [Key, Ranges][] = []
  for (const key of new Set(parts.flatMap(({ context }) => context.authors()))) {
    const home = homeOf(key)
    if (home === null || home.lineage !== id || home.epoch >= horizon) continue
    const mark = marks.get(key)
    // Who has come as far knows it by its name.
    const isKnown = knowing.some(({ context, folded }) => context.knows(key) && !folded.rests.has(key))
    if (mark === undefined && isKnown) continue
    const seen = new CausalContext()
    for (const { context, folded } of parts) {
      if (mark !== undefined || folded.rests.has(key)) seen.addAll(contextOf(key, context.ranges(key)))
    }
    rests.push([key, without(seen.ranges(key), mark ?? [])])
  }
  return rests
}

function contextOf(key: Key, ranges: Ranges): CausalContext {
  const context = new CausalContext()
  context.set(key, ranges)
  return context
}

function uniteEntries(parts: readonly Part[], rests: ReadonlyMap<Key, CausalContext>): string[] {
  const [mine, ...others] = parts
  const touched: string[] = []
  for (const key of new Set(parts.flatMap(({ state }) => [...state.keys()]))) {
    const before = mine?.state.entries(key) ?? []
    const all: MapEntry[] = [...before]
    for (const { state } of others) {
      for (const entry of state.entries(key)) if (!all.some(sameDot(entry))) all.push(entry)
    }
    const after = all.filter((entry) => staysAlive(key, entry, parts, rests.get(entry.author)))
    if (after.length === before.length && after.every((entry) => before.includes(entry))) continue
    touched.push(key)
    mine?.state.put(key, after)
  }
  return touched
}

function staysAlive(key: string, entry: MapEntry, parts: readonly Part[], rest: CausalContext | undefined): boolean {
  const { author, k } = entry
  const isHeld = ({ state }: Part): boolean => state.entries(key).some(sameDot(entry))
  const lacking = parts.filter((part) => !isHeld(part))
  // It was there, and is not.
  if (lacking.some(({ context }) => context.has(author, k))) return false
  if (rest?.has(author, k) || !lacking.some(({ folded }) => folded.isPast(author))) return true
  if (parts.some((part) => part.folded.unsure.has(author, k) && isHeld(part))) parts[0]?.folded.lost.add(author)
  return false
}

/** Brings all to the latest horizon of one lineage. Have they folded different things? */
function meet(id: string, parts: readonly Part[]): boolean {
  const all = parts.map(({ folded }) => folded.lineages)
  const { horizon, isKnowing } = Lineages.meet(id, all)
  for (const [i, { folded }] of parts.entries()) {
    if (isKnowing[i]) folded.lineages.foldUpTo(id, horizon, folded.folds)
    else folded.lineages.drop(id)
  }
  return Lineages.isTorn(id, all)
}
