/**
 * Unites the states of a map that folds, all at once.
 *
 * As always, an entry stays if every state has it or has not seen its dot. What of a folded key was seen is known from the
 * states that still have its name or its mark, or from the horizon: a dot from before it without a name was seen, and
 * whoever brings an entry of that dot, which the others lack, brings what was deleted. Unless it came there after the last
 * view in which all had the same: then the others may never have had it, and that is reported.
 */
import { CausalContext, type Ranges, union, without } from './causal-context.ts'
import type { FoldedDots } from './folded-dots.ts'
import { ascending, type Key, Lineages } from './lineage.ts'
import { type MapEntry, type MapState, sameDot } from './map-state.ts'

/** One of the states. */
interface Part {
  readonly state: MapState
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
  const parts = states.flatMap((state): Part[] => (state.folded === null ? [] : [{ state, folded: state.folded }]))
  const [mine, ...others] = parts
  if (mine === undefined) return { touched: [], torn: [] }
  const all = parts.map(({ folded }) => folded.lineages)
  const ids = ascending(new Set(all.flatMap((lineages) => [...lineages.ids()])))
  const meetings = ids.map((id) => Lineages.meet(id, all))
  const past = new Map(meetings.flatMap((meeting) => [...meeting.past]))
  const rests = restsOf(parts, past)
  const touched = uniteEntries(parts, rests)
  const torn = ids.filter((_, i) => meetings[i]?.bring() === false)
  for (const { folded } of others) {
    mine.folded.context.addAll(folded.context)
    mine.folded.unsure.addAll(folded.unsure)
  }
  for (const key of [...past.keys(), ...rests.authors()]) mine.folded.keepRest(key, rests.ranges(key))
  mine.folded.lineages.unite(all.slice(1))
  return { touched, torn }
}

/** What lies beyond the marks of what is folded, here or there. */
function restsOf(parts: readonly Part[], past: ReadonlyMap<Key, Ranges | undefined>): CausalContext {
  const rests = new CausalContext()
  for (const { folded } of parts) {
    const { context } = folded
    const add = (key: Key, rest: Ranges): void => rests.set(key, union(rests.ranges(key), rest))
    for (const key of folded.rests) add(key, context.ranges(key))
    for (const [key, mark] of past) if (mark !== undefined) add(key, without(context.ranges(key), mark))
  }
  return rests
}

function uniteEntries(parts: readonly Part[], rests: CausalContext): string[] {
  const [mine, ...others] = parts
  const touched: string[] = []
  for (const key of new Set(parts.flatMap(({ state }) => [...state.keys()]))) {
    const before = mine?.state.entries(key) ?? []
    const all: MapEntry[] = [...before]
    for (const { state } of others) {
      for (const entry of state.entries(key)) if (!all.some(sameDot(entry))) all.push(entry)
    }
    const after = all.filter((entry) => staysAlive(key, entry, parts, rests))
    if (after.length === before.length && after.every((entry) => before.includes(entry))) continue
    touched.push(key)
    mine?.state.put(key, after)
  }
  return touched
}

function staysAlive(key: string, entry: MapEntry, parts: readonly Part[], rests: CausalContext): boolean {
  const { author, k } = entry
  const isHeld = ({ state }: Part): boolean => state.entries(key).some(sameDot(entry))
  const lacking = parts.filter((part) => !isHeld(part))
  // It was there, and is not.
  if (lacking.some(({ folded }) => folded.context.has(author, k))) return false
  if (rests.has(author, k) || !lacking.some(({ folded }) => folded.isPast(author))) return true
  if (parts.some((part) => part.folded.unsure.has(author, k) && isHeld(part))) parts[0]?.folded.lost.add(author)
  return false
}
