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
 *   beginning, and what was stored comes too late. Who does not say so in time is not waited for.
 * Requires: one total order of casts and views at all members, in the primary component only; copies that are not behind
 *   what was said to be durable, and that know of a view before anything that happens in it.
 * Provides: T11 of the literature: the state extends each one that was said to be durable here or at any other holder. Not
 *   if somebody forces it (`space.refound()`), or if the group has acted anew before the first offer: those who offer then
 *   are told.
 * Bounds: one offer for each member, and one word of each who has nothing.
 * Source: Skeen 1985, *Determining the last process to fail*. Differs: views tell who came later; a copy stands for its
 *   writer, so a process that returns need not have the id it had.
 */
import type { GroupView } from './objects/replica.ts'
import { type Acted, compareStandings, type Standing } from './storage/standing.ts'

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
  #offers = new Map<string, Offer>()
  /** Of the first primary view, those who have not said what they have. */
  #unheard = new Set<string>()
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
   * Where the history began that its state is of: in its first primary view, or where it went on from what was stored. Null
   * if there is none, or a state came that did not tell.
   */
  get birth(): string | null {
    return this.#birth
  }

  /** Who may have a state that has come further, and is not here; empty when it does not wait, or for nobody. */
  get missing(): readonly string[] {
    if (this.#phase !== 'waiting' || this.#isForced) return []
    const covered = new Set([...this.#offers.values()].flatMap(({ covers }) => covers))
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
   * What an offer would be good for. `taken`: the group has gone on from that or from something later. `late`: it has acted,
   * and not on from that.
   */
  judge({ acted }: Offer): 'wanted' | 'taken' | 'late' {
    if (this.#phase === 'waiting') return 'wanted'
    if (acted === null) return 'taken'
    if (this.#from !== null && compareStandings(acted.standing, this.#from) <= 0) return 'taken'
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
        return null
      case 'nothing':
        this.#unheard.delete(author)
        return this.#endIfNobody()
      case 'enough':
        this.#unheard.clear()
        return this.#endIfNobody()
      case 'force':
        if (this.#phase !== 'waiting') return null
        this.#isForced = true
        return this.#endIfNobody()
      case 'state': {
        if (author !== this.winner) return null
        this.#act(this.#offers.get(author)?.acted?.standing ?? null)
        return { state: op.state }
      }
      default:
        return op satisfies never
    }
  }

  /** A view: what those have offered who are not in it counts no more, but that they may come back with it. */
  install({ id, members, primary }: GroupView): { readonly state: unknown } | null {
    this.#view = id
    if (primary && this.#phase === 'fresh' && !this.hasActed && this.#birth === null) {
      this.#birth = birthIn(id, 0)
      if (this.#asks !== null && (members.length > 1 || this.#asks())) this.#unheard = new Set(members)
    }
    // Outside the primary component nothing is decided for those who go on there.
    if (primary) for (const id of [...this.#unheard]) if (!members.includes(id)) this.#unheard.delete(id)
    for (const author of [...this.#offers.keys()]) if (!members.includes(author)) this.#offers.delete(author)
    return this.#endIfNobody()
  }

  /** The group begins anew. */
  reset(): void {
    this.#phase = 'fresh'
    this.hasActed = false
    this.#era = 0
    this.#birth = null
    this.#from = null
    this.#offers.clear()
    this.#unheard.clear()
    this.#furthest = null
    this.#isForced = false
  }

  /** Null: it was in no primary view, and nobody has offered anything. */
  save(): unknown {
    if (this.#phase === 'fresh' && this.#birth === null) return null
    const offers = [...this.#offers].map(([author, { covers, acted }]) => [author, [...covers], saveActed(acted)])
    const from = this.#from === null ? null : saveStanding(this.#from)
    const { hasActed } = this
    const rest = [hasActed, this.#birth, this.#view, [...this.#unheard]]
    return [this.#phase, this.#era, from, offers, saveActed(this.#furthest), this.#isForced, ...rest]
  }

  /** Reads what `save` gave. Throws a TypeError for anything else. */
  load(saved: unknown): void {
    this.reset()
    if (saved === null || saved === undefined) return
    if (!Array.isArray(saved) || !Array.isArray(saved[3])) throw new TypeError('malformed restoration')
    const [phase, era, from, offers, furthest, isForced, hasActed, birth, view, unheard] = saved as unknown[]
    this.#phase = phase === 'fresh' || phase === 'waiting' ? phase : 'acting'
    this.#era = Number.isSafeInteger(era) ? (era as number) : 0
    this.#from = from === null ? null : readStanding(from)
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

  #act(from: Standing | null): void {
    this.#era = 1 + Math.max(from?.era ?? 0, this.#furthest?.standing.era ?? 0)
    this.#birth = birthIn(this.#view, this.#era)
    this.#phase = 'acting'
    this.hasActed = from?.hasActed ?? false
    this.#from = from
    this.#offers.clear()
    this.#unheard.clear()
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

function saveActed(acted: Acted | null): unknown {
  return acted === null ? null : [saveStanding(acted.standing), [...acted.holders]]
}

/** Undefined if it is malformed. */
function readActed(saved: unknown): Acted | null | undefined {
  if (saved === null) return null
  if (!Array.isArray(saved) || !isNames(saved[1])) return undefined
  try {
    return { standing: readStanding(saved[0]), holders: saved[1] }
  } catch {
    return undefined
  }
}

function saveStanding({ hasActed, era, view, index }: Standing): unknown {
  return [hasActed, era, view, index]
}

function readStanding(saved: unknown): Standing {
  const [hasActed, era, view, index] = Array.isArray(saved) ? (saved as unknown[]) : []
  if (typeof hasActed !== 'boolean' || !isNumber(era) || typeof view !== 'string' || !isNumber(index)) {
    throw new TypeError('malformed standing')
  }
  return { hasActed, era, view, index }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Process ids: at most as many as a space has members. */
function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= 1024 && value.every((each) => typeof each === 'string')
}
