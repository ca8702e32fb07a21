/**
 * Who waits for whom, and what of it can never end: a deadlock.
 *
 * A wait is for holds, or for its turn behind another wait. Of a lock, all holds in its way must end; of the permits of a
 * semaphore, any one. A hold can end, unless a wait claims it: then only after that wait. Nothing else keeps a hold, as far
 * as is known. So a deadlock is never assumed: what is found is stuck for as long as the claims are true.
 *
 * What can end is found by reduction, from what nothing keeps; what is left is stuck. Of that, the report names a knot: a
 * part in which each wait keeps every other, the one with the oldest wait. With locks alone it is a cycle.
 *
 * Source: Holt 1972 (reduction of the graph; a knot where resources have several units); Chandy, Misra, Haas 1983 (the AND
 * and the OR model). Differs: both in one graph, all of which one state has, so there are no messages that chase edges.
 */
import type { Caller } from '../objects/state-machine.ts'
import type { Token } from '../objects/token.ts'

/** A grant that is waited for. */
export interface Hold {
  /** The same for this grant alone. */
  readonly key: string
  readonly process: string
  readonly token: Token
}

/** A request that waits. */
export interface Wait {
  readonly caller: Caller
  /** Requests are counted as they come: the youngest has the highest. */
  readonly place: number
  /** What is waited for: of which table, under which name, how. */
  readonly what: { readonly table: string; readonly name: string; readonly mode: string }
  /** Held in its way, in the order of the grants. */
  readonly holds: readonly Hold[]
  /** How many of these must end. */
  readonly needs: 'all' | 'one'
  /** The wait that is before it in line. What keeps that keeps this one. */
  readonly behind: Wait | null
  /** Keys of what its process does not give up before it is answered. */
  readonly claims: readonly string[]
}

/** What keeps a wait of a knot, as far as the knot goes. */
export interface Reason {
  readonly holds: readonly Hold[]
  readonly behind: Wait | null
}

/** A deadlock: its waits, the oldest first, and what keeps each. */
export type Knot = ReadonlyMap<Wait, Reason>

/** The claims on a hold, the oldest first. */
type Claimants = (hold: Hold) => readonly Wait[]

/** A deadlock among these, if there is one: the same for equal waits. */
export function findKnot(waits: readonly Wait[]): Knot | null {
  const byAge = [...waits].sort((a, b) => a.place - b.place)
  const claimants = claimantsOf(byAge)
  const stuck = stuckOf(byAge, claimants)
  const graph = new Reasons(stuck, claimants)
  for (const wait of byAge) {
    if (!stuck.has(wait)) continue
    const keepers = graph.reach(wait)
    // The first that keeps all that keep it.
    if (!keepers.has(wait) || [...keepers].some((each) => !graph.reach(each).has(wait))) continue
    return new Map(byAge.filter((each) => keepers.has(each)).map((each) => [each, graph.of(each)]))
  }
  return null
}

/** The one that is refused: the youngest of those that claim something, without which the knot comes apart. */
export function youngestOf(knot: Knot): Wait | null {
  return [...knot.keys()].findLast(({ claims }) => claims.length > 0) ?? null
}

function claimantsOf(waits: readonly Wait[]): Claimants {
  const byKey = new Map<string, Wait[]>()
  for (const wait of waits) for (const key of wait.claims) pushTo(byKey, key, wait)
  // Nobody claims what another holds.
  return ({ key, process }) => (byKey.get(key) ?? []).filter(({ caller }) => caller.process === process)
}

/** Those that cannot end. */
function stuckOf(waits: readonly Wait[], claimants: Claimants): Set<Wait> {
  const stuck = new Set(waits)
  const { followers, dependents } = dependenciesOf(waits)
  const canEnd = (hold: Hold): boolean => claimants(hold).every((wait) => !stuck.has(wait))
  const isFree = ({ behind, holds, needs }: Wait): boolean => {
    // The first in line has the holds in its way that all behind it have.
    if (behind !== null) return !stuck.has(behind)
    return needs === 'all' || holds.length === 0 ? holds.every(canEnd) : holds.some(canEnd)
  }
  const toLookAt = [...waits]
  for (let wait = toLookAt.pop(); wait !== undefined; wait = toLookAt.pop()) {
    if (!stuck.has(wait) || !isFree(wait)) continue
    stuck.delete(wait)
    toLookAt.push(...(followers.get(wait) ?? []), ...wait.claims.flatMap((key) => dependents.get(key) ?? []))
  }
  return stuck
}

/** What may be free as soon as a wait, or what it claims, is. */
function dependenciesOf(waits: readonly Wait[]) {
  const followers = new Map<Wait, Wait[]>()
  const dependents = new Map<string, Wait[]>()
  for (const wait of waits) {
    if (wait.behind !== null) pushTo(followers, wait.behind, wait)
    else for (const { key } of wait.holds) pushTo(dependents, key, wait)
  }
  return { followers, dependents }
}

function pushTo<Key>(lists: Map<Key, Wait[]>, key: Key, wait: Wait): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [wait])
  else list.push(wait)
}

/** One reason for each wait that is stuck, the oldest, so that it stays the same when others come. */
class Reasons {
  readonly #stuck: ReadonlySet<Wait>
  readonly #claimants: Claimants
  readonly #known = new Map<Wait, Reason>()

  constructor(stuck: ReadonlySet<Wait>, claimants: Claimants) {
    this.#stuck = stuck
    this.#claimants = claimants
  }

  of(wait: Wait): Reason {
    const known = this.#known.get(wait)
    if (known !== undefined) return known
    const reason = this.#find(wait)
    this.#known.set(wait, reason)
    return reason
  }

  #find({ holds, needs, behind }: Wait): Reason {
    const stuck = holds.filter((hold) => this.#keeperOf(hold) !== null)
    // A hold says more than a place in line.
    if (needs === 'all' && stuck[0] !== undefined) return { holds: [stuck[0]], behind: null }
    if (needs === 'one' && stuck.length > 0 && stuck.length === holds.length) return { holds, behind: null }
    return { holds: [], behind }
  }

  /** The oldest wait that keeps a hold. */
  #keeperOf(hold: Hold): Wait | null {
    return this.#claimants(hold).find((wait) => this.#stuck.has(wait)) ?? null
  }

  /** All that keep a wait, and those that keep these: itself, if it is among them. */
  reach(from: Wait): Set<Wait> {
    const reached = new Set<Wait>()
    const toLookAt = this.#keepersOf(from)
    for (const wait of toLookAt) {
      if (reached.has(wait)) continue
      reached.add(wait)
      toLookAt.push(...this.#keepersOf(wait))
    }
    return reached
  }

  #keepersOf(wait: Wait): Wait[] {
    const { holds, behind } = this.of(wait)
    if (behind !== null) return [behind]
    return holds.flatMap((hold) => this.#keeperOf(hold) ?? [])
  }
}
