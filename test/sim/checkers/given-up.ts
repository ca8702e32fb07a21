/**
 * Who was given up, and what they may do all the same: a part of T11.
 *
 * Whoever gives up those who are missing (`refound`) goes on without them. They may be in another line, and act there. What is
 * said to be durable in that line from then on is lost with it, unless it is the other line that is lost; and whoever comes
 * back with it is told, by `lineLost` or, if it was stored, that it is overtaken.
 *
 * Until the two lines meet, nobody knows which of them is lost: whoever acts in the line of those who were given up does
 * without what was said to be durable in the other one since, too, as long as whoever was told so lives there (seed 82155).
 */
import type { Claim, Claims } from './durable-claims.ts'
import type { Install, Located, Process } from './model.ts'
import type { Run } from './run.ts'
import type { Shown } from './t11-durable.ts'

/** Somebody has gone on without others in an object. */
interface Surrender {
  readonly g: string
  readonly line: number
  /** The line of primary views that went on. */
  readonly own: string | null
  /** The other ones in which those are who were given up, or whose store is theirs (seed 83115). */
  readonly given: ReadonlySet<string>
}

/** See above. */
export class GivenUp {
  readonly #run: Run
  readonly #claims: Claims
  readonly #surrenders: readonly Surrender[]

  constructor(run: Run, claims: Claims) {
    this.#run = run
    this.#claims = claims
    this.#surrenders = run.of('refound').flatMap((refound) => surrendersIn(run, claims, refound))
  }

  /** Was it said in a line that had been given up by then, and is that told to whoever is here with it? */
  isLost(claim: Claim, now: Shown): boolean {
    const isMeant = ({ g, line, own, given }: Surrender): boolean =>
      g === claim.g &&
      line < claim.line &&
      claim.lineName !== null &&
      given.has(claim.lineName) &&
      !this.#run.of('lineLost').some((lost) => lost.data.line === own && lost.line > line && lost.line < now.line)
    return this.#surrenders.some(isMeant) && this.isTold(claim, now)
  }

  /**
   * Was it said by then in the line of those who had gone on without others, and is it these who act there, in a line of
   * theirs? Whoever was told so lives, and is somewhere else, or whoever is here with it is told that it is lost.
   */
  isApart(claim: Claim, now: Shown): boolean {
    const name = now.space?.data.line ?? null
    const isMeant = ({ g, line, own, given }: Surrender): boolean =>
      g === claim.g && line < claim.line && own !== null && own === claim.lineName && name !== null && given.has(name)
    if (!this.#surrenders.some(isMeant)) return false
    const isElsewhere = !this.#claims.isGone(claim.process.id, now.line) && !this.#membersFor(now).has(claim.process.id)
    return isElsewhere || this.isTold(claim, now)
  }

  /** Is whoever is here with what was said to be durable told that it is lost? */
  isTold({ g, store, line }: Claim, now: Shown): boolean {
    const isOfStore = (each: Process | null | undefined): boolean =>
      each !== null && each !== undefined && this.#claims.storeOf(each) === store
    if (![...this.#membersFor(now)].some((id) => isOfStore(this.#run.process(id)))) return true
    const told = this.#run.of('storage').filter(({ data }) => data.reason === 'overtaken' && data.g === g)
    return told.some((each) => each.line > line && isOfStore(each.process))
  }

  /** Of the view of the object in force there. */
  #membersFor({ process, g, line }: Shown): ReadonlySet<string> {
    const group = this.#run.groups.find(({ name }) => name === g)
    const installs: readonly Install[] = (group && process.installs.get(group)) ?? []
    return installs.findLast(({ at }) => at.line < line)?.view.members ?? new Set([process.id])
  }

  /**
   * Does its line name it to those who have the object open, since it was a member of the last view there in which that acted? They
   * wait for whoever has the state of then, also if it has crashed, and its store is here (`docs/decisions/007`).
   */
  isNamedByLine(id: string, g: string, { at, space }: Install): boolean {
    const line = space?.data.line ?? null
    const acted = this.#run.installs.filter(
      (each) => each.view.group.name === g && each.data.primary && each.data.line === line && each.at.line < at.line,
    )
    const last = acted.reduce<Install | null>((a, b) => (a === null || b.view.epoch > a.view.epoch ? b : a), null)
    return acted.some(({ view }) => view.epoch === last?.view.epoch && view.members.has(id))
  }
}

function surrendersIn(run: Run, claims: Claims, { data, line, space }: Located<'refound'>): Surrender[] {
  const own = space?.data.line ?? null
  return Object.entries(data.missing).map(([g, missing]) => {
    const stores = new Set(missing.flatMap((id) => run.process(id) ?? []).map((each) => claims.storeOf(each)))
    const isMeant = (each: Process): boolean => missing.includes(each.id) || stores.has(claims.storeOf(each))
    const installs = run.processes.filter(isMeant).flatMap((each) => each.installs.get(run.space) ?? [])
    const given = new Set(installs.flatMap(({ data }) => (data.line === null || data.line === own ? [] : [data.line])))
    return { g, line, own, given }
  })
}
