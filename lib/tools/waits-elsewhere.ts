/**
 * What the table of locks knows of waits in other tables, those of semaphores, and the deadlock that it suspects.
 *
 * Each table has an order of its own, and what one is told of another may be over by then. So a deadlock that such waits
 * are part of is only suspected, until each process in it has said, after that, that it still waits and holds what it
 * claims. What all of them say of a time after the suspicion, and said before it, was so at the moment of the suspicion;
 * and whoever waits for what is held, by one who does not give it up, has not been granted it, though it may not yet know.
 *
 * Source: Ho, Ramamoorthy 1982 (two phases; Elmagarmid 1986 shows that what is seen twice may not have stood in between:
 * here a wait has a number, and a grant a token, that never come again); Chandy, Lamport 1985 (a stable property that holds
 * in a consistent cut holds).
 */
import { assertState, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { Caller } from '../objects/state-machine.ts'
import { isToken, type Token } from '../objects/token.ts'
import { type Claim, claimKey, isClaims, isNumbers, saveClaims } from './claims.ts'
import type { Knot, Wait } from './wait-graph.ts'

/** Who holds one permit of a semaphore, under which token. */
export type PermitHolder = readonly [process: string, token: Token]

/** A wait for a permit, as its process tells of it: all permits are held, by these. */
export interface WaitElsewhere {
  readonly caller: Caller
  readonly table: string
  readonly holders: readonly PermitHolder[]
  readonly claims: readonly Claim[]
  readonly place: number
}

/** A deadlock that is not yet sure. */
export interface Suspicion {
  /** No other has had it. */
  readonly id: number
  readonly knot: Knot
}

/** Waits in other tables, and the suspicion. Part of the state of a table. */
export class WaitsElsewhere {
  #waits: WaitElsewhere[] = []
  /** Suspicions so far. */
  #count = 0
  #suspicion: (Suspicion & { readonly confirmed: Set<number> }) | null = null

  get isEmpty(): boolean {
    return this.#waits.length === 0
  }

  get suspicion(): Suspicion | null {
    return this.#suspicion
  }

  add(wait: WaitElsewhere): void {
    this.#waits.push(wait)
  }

  remove({ process, call }: Caller): void {
    this.#waits = this.#waits.filter(({ caller }) => caller.process !== process || caller.call !== call)
  }

  /** As the graph has them. */
  waits(): Wait[] {
    return this.#waits.map(({ caller, table, holders, claims, place }) => ({
      caller,
      place,
      what: { table, name: '', mode: 'exclusive' },
      holds: holders.map(([process, token]) => ({ key: claimKey([table, token]), process, token })),
      needs: 'one',
      behind: null,
      claims: claims.map(claimKey),
    }))
  }

  /** Looks at what there is now: the same deadlock goes on being confirmed. */
  suspect(knot: Knot | null): void {
    const known = this.#suspicion
    if (knot === null) this.#suspicion = null
    else if (known !== null && textOf(known.knot) === textOf(knot)) this.#suspicion = { ...known, knot }
    else {
      this.#count += 1
      this.#suspicion = { id: this.#count, knot, confirmed: new Set() }
    }
  }

  /** A process says that these waits of its own still stand. The deadlock, if all have said so. */
  confirm(id: number, calls: readonly number[], process: string): Knot | null {
    const known = this.#suspicion
    if (known === null || known.id !== id) return null
    for (const { place, caller } of known.knot.keys())
      if (caller.process === process && calls.includes(caller.call)) known.confirmed.add(place)
    return known.confirmed.size === known.knot.size ? known.knot : null
  }

  /** `[waits, count, suspicion]`: the oldest first; `[id, places, confirmed]`, or null. */
  save(): unknown {
    const waits = this.#waits.map(({ caller, table, holders, claims, place }) => [
      ...[caller.process, caller.call, table],
      holders.map(([process, token]) => [process, [...token]]),
      saveClaims(claims),
      place,
    ])
    const known = this.#suspicion
    const suspicion =
      known === null ? null : [known.id, placesOf(known.knot), [...known.confirmed].sort((a, b) => a - b)]
    return [waits, this.#count, suspicion]
  }

  /** Reads what was saved. `find` is given these waits, and finds the deadlock among all. Changes nothing if it throws. */
  load(saved: unknown, find: (waits: WaitsElsewhere) => Knot | null): void {
    assertState(Array.isArray(saved) && saved.length === 3, 'waits elsewhere')
    const [waits, count, suspicion] = saved as unknown[]
    assertState(Array.isArray(waits) && isTotal(count), 'waits elsewhere')
    const read = new WaitsElsewhere()
    read.#waits = waits.map(readWait)
    if (suspicion !== null) {
      assertState(Array.isArray(suspicion) && suspicion.length === 3 && isCount(suspicion[0]), 'suspicion')
      const [id, places, confirmed] = suspicion as [number, unknown, unknown]
      assertState(isNumbers(places) && isNumbers(confirmed), 'suspicion')
      const knot = find(read)
      assertState(knot !== null && placesOf(knot).join() === places.join(), 'suspicion')
      read.#suspicion = { id, knot, confirmed: new Set(confirmed) }
    }
    this.#waits = read.#waits
    this.#count = count
    this.#suspicion = read.#suspicion
  }
}

function placesOf(knot: Knot): number[] {
  return [...knot.keys()].map(({ place }) => place)
}

/** The same for the same waits, kept by the same: that is what is confirmed. */
function textOf(knot: Knot): string {
  return JSON.stringify(
    [...knot].map(([{ place }, { holds, behind }]) => [place, behind?.place ?? null, holds.map(({ key }) => key)]),
  )
}

/** Who holds the permits, as it is cast or saved. */
export function isHolders(holders: unknown): holders is readonly PermitHolder[] {
  return Array.isArray(holders) && holders.length > 0 && holders.every(isHolder)
}

function isHolder(holder: unknown): holder is PermitHolder {
  return Array.isArray(holder) && holder.length === 2 && isAuthor(holder[0]) && isToken(holder[1])
}

function readWait(saved: unknown): WaitElsewhere {
  assertState(Array.isArray(saved) && saved.length === 6, 'wait elsewhere')
  const [process, call, table, holders, claims, place] = saved as unknown[]
  assertState(isAuthor(process) && isCount(call) && typeof table === 'string', 'wait elsewhere')
  assertState(isHolders(holders) && isClaims(claims) && isCount(place), 'wait elsewhere')
  return { caller: { process, call }, table, holders, claims, place }
}
