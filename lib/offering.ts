/**
 * One process's part in the restoration of a group (`restoration.ts`): what it has to offer, and its casts.
 */
import { BusyError, ClosedError } from './errors.ts'
import type { Offer, Restoration, RestorationOp } from './restoration.ts'
import { type Acted, compareStandings } from './storage/standing.ts'

/** Before what could not be cast is tried again, in ms. */
const AGAIN_MS = 100
/** How long those who do not say what they have are waited for, in ms: their pages may be at rest, or busy. */
export const UNHEARD_MS = 5_000

/** An offer, and the state that it stands for. */
export interface Stored extends Offer {
  /** As `Replica.save` gave it. */
  readonly state: unknown
}

/** What an offering needs of its group. */
export interface OfferingContext {
  readonly self: string
  readonly restoration: Restoration
  /** Casts; returns the cast's number. Throws BusyError, ClosedError, TooLargeError. */
  cast(op: RestorationOp): number
  after(ms: number, fn: () => void): void
  /** Looks once more for what is stored; answered with `looked`. */
  look(): void
  /** Has the group's state come from there? */
  hasPassed(acted: Acted): boolean
  /** What it had to offer is in the group's state (`taken`), or of no use, since the group has acted without it (`late`). */
  ended(stored: Stored, outcome: 'taken' | 'late'): void
  fault(error: unknown): void
}

/** See above. */
export class Offering {
  readonly #context: OfferingContext
  #stored: Stored | null = null
  /** What it was put together of, by the writers: there may be several histories in one store. */
  readonly #parts = new Map<string, Stored>()
  #isForcing = false
  /** Others may have left something in the store since it was looked there: before it says that it has nothing, it looks again. */
  #look: 'unused' | 'due' | 'running' = 'unused'
  /** Those who do not say what they have are waited for; and have been for long enough. */
  #patience: 'unused' | 'running' | 'over' = 'unused'
  /** The number of the cast that is under way. */
  #underWay: number | null = null

  constructor(context: OfferingContext) {
    this.#context = context
  }

  /** It has something to offer that the group has not decided about. */
  get isPending(): boolean {
    return this.#stored?.acted != null && !this.#isOffered
  }

  /** It has something to offer, or may have: it has yet to look. */
  get mayHave(): boolean {
    return this.isPending || this.#look !== 'unused'
  }

  /** Before it says that it has nothing, it is to look again. */
  lookFirst(): void {
    if (this.#look === 'unused') this.#look = 'due'
  }

  /** It has looked; what it found was added. */
  looked(): void {
    this.#look = 'unused'
  }

  /** Whom it stands for by what it has to offer. */
  get covers(): readonly string[] {
    return this.#stored?.covers ?? []
  }

  /** Offers something; beside what it has to offer already, if it has. */
  add(stored: Stored): void {
    const last = stored.covers.at(-1)
    if (last !== undefined && stored.acted !== null) this.#parts.set(last, stored)
    const known = this.#stored
    if (known === null) {
      this.#stored = stored
      return
    }
    const isFurther = isFurtherThan(stored, known)
    const covers = [...new Set([...known.covers, ...stored.covers])]
    this.#stored = { ...(isFurther ? stored : known), covers }
  }

  /** Goes on without those who are missing, as soon as that can be cast. */
  force(): void {
    if (this.#context.restoration.isWaiting) this.#isForcing = true
  }

  /** Does what is to be done now. Called after each batch of events while the group is whole and primary. */
  act(): void {
    const { restoration, self } = this.#context
    if (!restoration.isWaiting) this.#isForcing = false
    const stored = this.#stored
    if (restoration.unheard.size > 0) this.#beginWaiting()
    else if (this.#patience === 'over') this.#patience = 'unused'
    const hasNothing = stored === null || (stored.acted === null && !restoration.isOffered)
    if (hasNothing && restoration.unheard.has(self)) return this.#sayNothing()
    // Copies in which nothing has happened stand for their writers, should somebody wait for those.
    if (stored?.acted === null && !restoration.isOffered && !restoration.hasActed) return this.#say(null)
    if (stored !== null && !restoration.isWaiting) {
      const outcome = this.#judge(stored)
      if (outcome !== 'wanted') return this.#end(stored, outcome)
    }
    if (this.#isForcing && restoration.missing.length > 0) return this.#say({ type: 'force' })
    if (stored === null) return this.#say(null)
    if (restoration.winner === self && this.#isOffered) return this.#say({ type: 'state', state: stored.state })
    const { covers, acted } = stored
    this.#say(this.#isOffered ? null : { type: 'offer', offer: { covers, acted } })
  }

  /** Whoever comes back to a group that lives has nothing that it lacks, also if nothing has taken effect in it. */
  #judge(stored: Stored): 'wanted' | 'taken' | 'late' {
    const isPassed = stored.acted !== null && this.#context.hasPassed(stored.acted)
    return isPassed ? 'taken' : this.#context.restoration.judge(stored)
  }

  /** The furthest stood for all of them; whether the group has come by each is another question (seed 82089). */
  #end(stored: Stored, outcome: 'taken' | 'late'): void {
    const parts = [...this.#parts]
    this.#parts.clear()
    this.#stored = null
    if (parts.length === 0) return this.#context.ended(stored, outcome)
    const taken = new Set(stored.covers)
    const late: string[] = []
    for (const [id, part] of parts) {
      const its = part.acted === stored.acted ? outcome : this.#judge(part)
      if (its === 'taken') continue
      taken.delete(id)
      if (its === 'late') late.push(id)
      else this.add(part)
    }
    if (taken.size > 0) this.#context.ended({ ...stored, covers: [...taken] }, 'taken')
    if (late.length > 0) this.#context.ended({ ...stored, covers: late }, 'late')
  }

  /** Casts that, or else what is left to be said, unless something is under way. */
  #say(op: RestorationOp | null): void {
    const isOver = this.#patience === 'over' && this.#context.restoration.unheard.size > 0
    const said = op ?? (isOver ? { type: 'enough' } : null)
    if (said !== null && this.#underWay === null) this.#cast(said)
  }

  /** Who looked while another page of its browser had all that was stored does not know what that has left (seed 81071). */
  #sayNothing(): void {
    if (this.#look === 'unused') return this.#say({ type: 'nothing' })
    if (this.#look === 'due') this.#context.look()
    this.#look = 'running'
  }

  #beginWaiting(): void {
    if (this.#patience !== 'unused') return
    this.#patience = 'running'
    const { restoration } = this.#context
    const since = new Set(restoration.unheard)
    this.#context.after(UNHEARD_MS, () => {
      // Those who have come meanwhile are waited for as long.
      this.#patience = [...restoration.unheard].some((id) => since.has(id)) ? 'over' : 'unused'
      if (restoration.unheard.size > 0) this.act()
    })
  }

  /** An own cast of the group was delivered, or has ended otherwise. */
  done(n: number): void {
    if (this.#underWay === n) this.#underWay = null
  }

  /** What counts in the group as offered by this process is what it has. */
  get #isOffered(): boolean {
    const offered = this.#context.restoration.offerOf(this.#context.self)
    if (offered === undefined || this.#stored === null) return false
    return this.#stored.covers.every((id) => offered.covers.includes(id)) && !isFurtherThan(this.#stored, offered)
  }

  #cast(op: RestorationOp): void {
    try {
      this.#underWay = this.#context.cast(op)
    } catch (error) {
      if (error instanceof BusyError) this.#context.after(AGAIN_MS, () => this.act())
      else if (!(error instanceof ClosedError)) this.#context.fault(error)
    }
  }
}

function isFurtherThan(a: Offer, b: Offer): boolean {
  if (a.acted === null || b.acted === null) return a.acted !== null
  return compareStandings(a.acted.standing, b.acted.standing) > 0
}
