/**
 * How a group that acts in the primary component goes on from what was stored, when all who had it open are gone.
 *
 * Protocol: who opens the group and finds copies of it in its storage *offers* the one that has come furthest, by a cast
 *   in the group: how far it has come (its standing), the members of the last primary view in it (its holders), and of
 *   whom it has found copies (whom it covers). From the first offer on the group waits: no cast takes effect, and calls
 *   wait or reject with whoever is missing. Each of the holders of the furthest state may have gone on from there
 *   without the others, the last of them alone; so the group goes on when all of them are covered by those who are here.
 *   The one with the furthest state casts it, everybody loads it, and what was held back takes effect.
 *   Who is in the first primary view of a group cannot know what others have found. So there each says what it has, if only
 *   that it has nothing, and until all have said so no cast takes effect: else whoever has nothing acts on the state of the
 *   beginning, and what was stored comes too late; nor does anybody know before who is missing. Once somebody has offered
 *   something, each newcomer says so as well: nobody goes on without what is here. Who does not in time is not waited for.
 * Requires: one total order of casts and views at all members, in the primary component only; copies that are not behind
 *   what was said to be durable, and that know of a view before anything that happens in it.
 * Provides: T11 of the literature: the state extends each one that was said to be durable here or at any other holder. Not
 *   if somebody forces it (`space.refound()`), or if the group has acted anew before the first offer: those who offer then
 *   are told. So are those whose state is none that this one has come by, since others went on without it somewhere else.
 * Bounds: one offer for each member, and one word of each who has nothing; the last 32 histories (`PAST_MAX`).
 * Source: Skeen 1985, *Determining the last process to fail*. Differs: views tell who came later; a copy stands for its
 *   writer, so a process that returns need not have the id it had.
 */
import type { GroupView } from './objects/replica.ts'
import {
  type Acted,
  compareStandings,
  isIn,
  isNames,
  type Origin,
  type Passed,
  pastAfter,
  readActed,
  readPast,
  readStanding,
  type Standing,
  saveActed,
  savePast,
  saveStanding,
} from './storage/standing.ts'

/** What a member offers: `acted` is null if it has found copies in which nothing had happened yet. */
export interface Offer {
  readonly covers: readonly string[]
  readonly acted: Acted | null
}

/** What stands in the total order of the group about this. */
export type RestorationOp =
  | { readonly type: 'offer'; readonly offer: Offer }
  /** It has nothing in which anything had happened. */
  | { readonly type: 'nothing' }
  /** Wait no longer for those who have not said what they have. */
  | { readonly type: 'enough' }
  /** Go on without those who are missing. */
  | { readonly type: 'force' }
  /** The state of the standing that was offered. */
  | { readonly type: 'state'; readonly state: unknown }

type Phase =
  /** Nobody has offered anything. */
  | 'fresh'
  | 'waiting'
  /** It has gone on from what was stored. */
  | 'acting'

/** One group's restoration: the same at every member at the same place of the order. */
export class Restoration {
  readonly #asks: (() => boolean) | null
  #phase: Phase = 'fresh'
  /** Casts have taken effect: told by whoever applies them. */
  hasActed = false
  /** Of the state that it acts on. */
  #era = 0
  /** The last view. */
  #view = ''
  #birth: string | null = null
  /** What it has gone on from. */
  #from: Standing | null = null
  /** The histories before the one that began with its birth; null: not known. */
  #past: readonly Passed[] | null = null
  #offers = new Map<string, Offer>()
  /** Of the last view. */
  #members: readonly string[] = []
  /** Those who are asked what they have, and have not said so. */
  #unheard = new Set<string>()
  /** Those who have said that they have nothing. */
  #empty = new Set<string>()
  /** Those who did not say anything in time. */
  #silent = new Set<string>()
  /** The furthest that was offered, also by whoever is here no more. */
  #furthest: Acted | null = null
  #isForced = false

  /**
   * `asks`: is whoever is alone in the first primary view to say what it has? If it has nothing, nobody else is there to be
   * told. Null: the group is not stored anywhere, and nobody is asked.
   */
  constructor(asks: (() => boolean) | null = null) {
    this.#asks = asks
  }

  /** No cast takes effect. */
  get isWaiting(): boolean {
    return this.#phase === 'waiting' || this.#unheard.size > 0
  }

  /** Somebody has offered something. */
  get isOffered(): boolean {
    return this.#phase === 'waiting'
  }

  /** Those who are to say what they have, and have not. */
  get unheard(): ReadonlySet<string> {
    return this.#unheard
  }

  get era(): number {
    return this.#era
  }

  /**
   * The histories that its state is of. The last began in its first primary view, or where it went on from what was stored.
   * Nothing if there is none, or a state came that did not tell.
   */
  get origin(): Origin {
    if (this.#birth === null) return {}
    return { birth: this.#birth, ...(this.#past === null ? {} : { past: this.#past }) }
  }

  /**
   * Who may have a state that has come further, and is not here; empty when it does not wait, or for nobody, and while
   * somebody here has yet to say what it has: it may stand for that one (seeds 71039, 71055, 81000).
   */
  get missing(): readonly string[] {
    if (this.#phase !== 'waiting' || this.#isForced || this.#unheard.size > 0) return []
    // Whoever has spoken has no more than it has said, also if it was one of the holders (seed 81089).
    const spoken = [...this.#offers.keys(), ...this.#empty]
    const covered = new Set([...spoken, ...[...this.#offers.values()].flatMap(({ covers }) => covers)])
    return (this.#furthest?.holders ?? []).filter((id) => !covered.has(id))
  }

  /** Who is to cast its state now; null: nobody. */
  get winner(): string | null {
    if (this.#phase !== 'waiting' || this.#unheard.size > 0 || this.missing.length > 0) return null
    let winner: string | null = null
    for (const author of [...this.#offers.keys()].sort()) {
      const acted = this.#offers.get(author)?.acted ?? null
      if (acted === null) continue
      const best = winner === null ? null : (this.#offers.get(winner)?.acted ?? null)
      if (best === null || compareStandings(acted.standing, best.standing) > 0) winner = author
    }
    return winner
  }

  /** What that process has offered, if it counts. */
  offerOf(author: string): Offer | undefined {
    return this.#offers.get(author)
  }

  /**
   * What an offer would be good for. `taken`: the group has gone on from that or from something later, or there is nothing in
   * it. `late`: it has acted, and not on from that.
   */
  judge({ acted }: Offer): 'wanted' | 'taken' | 'late' {
    if (this.#phase === 'waiting') return 'wanted'
    if (acted === null) return 'taken'
    const isFurther = this.#from === null || compareStandings(acted.standing, this.#from) > 0
    if (!acted.standing.hasActed) return isFurther && !this.hasActed ? 'wanted' : 'taken'
    // Where histories are not known, what has come less far is taken for earlier.
    if (isIn(this.#past, acted) ?? !isFurther) return 'taken'
    return this.hasActed ? 'late' : 'wanted'
  }

  /**
   * Takes what stands in the order. Returns the state to go on from, if this is it: `{ state: undefined }` is that of the
   * beginning.
   */
  take(author: string, op: RestorationOp): { readonly state: unknown } | null {
    switch (op.type) {
      case 'offer':
        this.#unheard.delete(author)
        if (this.judge(op.offer) !== 'wanted') return null
        this.#phase = 'waiting'
        this.#offers.set(author, op.offer)
        this.#note(op.offer.acted)
        this.#ask()
        return null
      case 'nothing':
        this.#unheard.delete(author)
        this.#empty.add(author)
        return this.#endIfNobody()
      case 'enough':
        for (const id of this.#unheard) this.#silent.add(id)
        this.#unheard.clear()
        return this.#endIfNobody()
      case 'force':
        if (this.#phase !== 'waiting') return null
        this.#isForced = true
        return this.#endIfNobody()
      case 'state': {
        if (author !== this.winner) return null
        this.#act(this.#offers.get(author)?.acted ?? null)
        return { state: op.state }
      }
      default:
        return op satisfies never
    }
  }

  /** A view: what those have offered who are not in it counts no more, but that they may come back with it. */
  install({ id, members, primary }: GroupView): { readonly state: unknown } | null {
    this.#view = id
    this.#members = members
    if (primary && this.#phase === 'fresh' && !this.hasActed && this.#birth === null) {
      this.#birth = birthIn(id, 0)
      this.#past = []
      if (this.#asks !== null && (members.length > 1 || this.#asks())) this.#unheard = new Set(members)
    }
    // Outside the primary component nothing is decided for those who go on there.
    if (primary) for (const id of [...this.#unheard]) if (!members.includes(id)) this.#unheard.delete(id)
    for (const author of [...this.#offers.keys()]) if (!members.includes(author)) this.#offers.delete(author)
    for (const said of [this.#empty, this.#silent])
      for (const id of [...said]) if (!members.includes(id)) said.delete(id)
    if (primary) this.#ask()
    return this.#endIfNobody()
  }

  /** The group begins anew. */
  reset(): void {
    this.#phase = 'fresh'
    this.hasActed = false
    this.#era = 0
    this.#birth = null
    this.#from = null
    this.#past = null
    this.#forget()
  }

  /** Null: it was in no primary view, and nobody has offered anything. */
  save(): unknown {
    if (this.#phase === 'fresh' && this.#birth === null) return null
    const offers = [...this.#offers].map(([author, { covers, acted }]) => [author, [...covers], saveActed(acted)])
    const from = this.#from === null ? null : saveStanding(this.#from)
    const { hasActed } = this
    const past = this.#past === null ? null : savePast(this.#past)
    const rest = [hasActed, this.#birth, this.#view, [...this.#unheard], [...this.#empty], [...this.#silent], past]
    return [this.#phase, this.#era, from, offers, saveActed(this.#furthest), this.#isForced, ...rest]
  }

  /** Reads what `save` gave. Throws a TypeError for anything else. */
  load(saved: unknown): void {
    this.reset()
    if (saved === null || saved === undefined) return
    if (!Array.isArray(saved) || !Array.isArray(saved[3])) throw new TypeError('malformed restoration')
    const [phase, era, from, offers, furthest, isForced, hasActed, ...rest] = saved as unknown[]
    const [birth, view, unheard, empty, silent, past] = rest
    this.#phase = phase === 'fresh' || phase === 'waiting' ? phase : 'acting'
    this.#era = Number.isSafeInteger(era) ? (era as number) : 0
    this.#from = readStanding(from)
    for (const [author, covers, acted] of offers as unknown[][]) {
      const offer = readOffer([covers, acted])
      if (typeof author !== 'string' || offer === null) throw new TypeError('malformed restoration')
      this.#offers.set(author, offer)
    }
    this.#furthest = readActed(furthest) ?? null
    this.#isForced = isForced === true
    this.hasActed = hasActed === true
    this.#birth = typeof birth === 'string' ? birth : null
    if (typeof view === 'string') this.#view = view
    if (isNames(unheard)) this.#unheard = new Set(unheard)
    if (isNames(empty)) this.#empty = new Set(empty)
    if (isNames(silent)) this.#silent = new Set(silent)
    this.#past = readPast(past)
  }

  /** While it waits for what was stored, each member says what it has, also one that came later. */
  #ask(): void {
    if (this.#asks === null || this.#phase !== 'waiting') return
    const isHeard = (id: string): boolean => this.#offers.has(id) || this.#empty.has(id) || this.#silent.has(id)
    for (const id of this.#members) if (!isHeard(id)) this.#unheard.add(id)
  }

  #note(acted: Acted | null): void {
    if (acted === null) return
    const { standing } = acted
    if (this.#furthest === null || compareStandings(standing, this.#furthest.standing) > 0) this.#furthest = acted
  }

  /** It is to go on without those who are missing, and nobody who is here has anything to go on from. */
  #endIfNobody(): { readonly state: unknown } | null {
    if (this.#phase !== 'waiting' || !this.#isForced || this.#unheard.size > 0 || this.winner !== null) return null
    this.#act(null)
    return { state: undefined }
  }

  #act(from: Acted | null): void {
    const standing = from?.standing ?? null
    this.#era = 1 + Math.max(standing?.era ?? 0, this.#furthest?.standing.era ?? 0)
    this.#birth = birthIn(this.#view, this.#era)
    this.#past = from === null ? [] : pastAfter(from)
    this.#phase = 'acting'
    this.hasActed = standing?.hasActed ?? false
    this.#from = standing
    this.#forget()
  }

  /** What was said counts no more. */
  #forget(): void {
    this.#offers.clear()
    this.#unheard.clear()
    this.#empty.clear()
    this.#silent.clear()
    this.#furthest = null
    this.#isForced = false
  }
}

/** A group goes on from what was stored once in an era. */
function birthIn(view: string, era: number): string {
  return `${view} ${era}`
}

/** The value of an operation, as it is cast. */
export function saveRestorationOp(op: RestorationOp): unknown {
  if (op.type === 'force') return [1]
  if (op.type === 'nothing') return [3]
  if (op.type === 'enough') return [4]
  return op.type === 'state' ? [2, op.state] : [0, [...op.offer.covers], saveActed(op.offer.acted)]
}

/** Null if it is none. */
export function readRestorationOp(value: unknown): RestorationOp | null {
  if (!Array.isArray(value)) return null
  if (value[0] === 1) return { type: 'force' }
  if (value[0] === 3) return { type: 'nothing' }
  if (value[0] === 4) return { type: 'enough' }
  if (value[0] === 2) return value.length === 2 ? { type: 'state', state: value[1] as unknown } : null
  const offer = value[0] === 0 ? readOffer(value.slice(1)) : null
  return offer === null ? null : { type: 'offer', offer }
}

function readOffer([covers, acted]: readonly unknown[]): Offer | null {
  const read = readActed(acted)
  return read === undefined || !isNames(covers) ? null : { covers, acted: read }
}
