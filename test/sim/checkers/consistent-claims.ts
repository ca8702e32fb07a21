/**
 * What was said to be durable of objects that act in the primary component only, and what excuses that it is not there: a part
 * of T11.
 *
 * Whoever acts, and has started since, shows it, in whichever line, unless
 * - its store was lost;
 * - the line was one of whoever had found nothing: the first that acted in it, or after the object began anew in it, is of a
 *   store without anything that was said to be durable;
 * - somebody has gone on without who was missing, and nobody of its store was there then;
 * - it was said in another line after that, by those who had been given up, or it is these who act, in a line of theirs, and
 *   have not met those yet who gave them up (`given-up.ts`);
 * - it was said in a line that was lost to another, and that was told;
 * - it has nothing in common with what is shown, since both began with whoever had found nothing, and that is told to whoever
 *   is here with it: one of the two histories goes on, as where two lines meet.
 * Who gives up whoever is missing is told of somebody, and of nobody whose store is there: unless that store had no room or was
 * lost, what was in it was set aside, or who is there was in a line that was lost to another, and with it what it had gone on from.
 * Where the object does not act in the primary component, those are named whom its line waits for, and nobody else.
 */
import type { Verdict } from './checker.ts'
import { type Claim, type Claims, lacks } from './durable-claims.ts'
import { GivenUp } from './given-up.ts'
import type { Install, Located, Process } from './model.ts'
import type { Run } from './run.ts'
import type { Shown } from './t11-durable.ts'

/** Whoever has come so long before is heard by those who restore, in ms. */
const HEARD_MS = 9_000

type Event = { readonly line: number } & (
  | { readonly shown: Shown }
  | { readonly refound: Located<'refound'> }
  | { readonly lost: Located<'lineLost'> }
  | { readonly anew: Located<'anew'> }
)

/** See above. */
export class ConsistentClaims {
  readonly #run: Run
  readonly #verdict: Verdict
  readonly #claims: Claims
  readonly #givenUp: GivenUp
  readonly #forgiven = new Set<Claim>()
  /** Who acted first, by line and object. */
  readonly #first = new Map<string, Process>()

  constructor(run: Run, verdict: Verdict, claims: Claims) {
    this.#run = run
    this.#verdict = verdict
    this.#claims = claims
    this.#givenUp = new GivenUp(run, claims)
  }

  check(shown: readonly Shown[]): void {
    const { groups } = this.#run
    const isConsistent = new Set(
      groups.filter(({ options }) => options?.consistency === 'consistent').map(({ name }) => name),
    )
    const events: Event[] = [
      ...shown.filter(({ g, acts }) => acts && isConsistent.has(g)).map((each) => ({ line: each.line, shown: each })),
      ...this.#run.of('refound').map((refound) => ({ line: refound.line, refound })),
      ...this.#run.of('lineLost').map((lost) => ({ line: lost.line, lost })),
      ...this.#run.of('anew').map((anew) => ({ line: anew.line, anew })),
    ]
    for (const event of events.sort((a, b) => a.line - b.line)) {
      if ('shown' in event) this.#judge(event.shown)
      else if ('refound' in event) this.#giveUp(event.refound)
      else if ('lost' in event) this.#forgive(({ lineName }) => lineName === event.lost.data.line)
      else this.#first.delete(`${event.anew.space?.data.line} ${event.anew.data.g}`)
    }
  }

  #judge(now: Shown): void {
    const { g, has, process, space, line } = now
    const name = space?.data.line ?? null
    const key = `${name} ${g}`
    const first = this.#first.get(key) ?? process
    this.#first.set(key, first)
    const start = process.start?.line ?? 0
    for (const claim of this.#claims.all) {
      if (claim.g !== g || claim.line > start || this.#forgiven.has(claim)) continue
      const lack = lacks(has, claim.has)
      const isLost = (): boolean =>
        this.#claims.isLost(claim, line) || this.#givenUp.isLost(claim, now) || this.#isOfAnotherHistory(claim, now)
      if (lack !== null && (isLost() || this.#hasFoundNothing(first, g))) {
        this.#forgiven.add(claim)
        continue
      }
      // Not once and for all: it may be the other line that is lost.
      if (lack !== null && this.#givenUp.isApart(claim, now)) continue
      this.#verdict.expect(
        lack === null,
        () => `${process.id}'s "${g}" acts without ${lack}, which was durable, as ${claim.process.id} was told`,
        line,
      )
      // Once is enough.
      if (lack !== null) this.#forgiven.add(claim)
    }
  }

  /** Had nothing of the object been said to be durable in the store of that process when it started? */
  #hasFoundNothing(process: Process, g: string): boolean {
    const store = this.#claims.storeOf(process)
    const start = process.start?.line ?? 0
    // It joins once it has read what is there: the store may have been lost before that (seed 81095).
    const read = process.joins.get(g)?.[0]?.line ?? start
    return !this.#claims.all.some(
      (claim) =>
        claim.g === g &&
        claim.store === store &&
        claim.line < start &&
        !this.#claims.isLost(claim, read) &&
        Object.keys(claim.has).length > 0,
    )
  }

  /**
   * Did what is shown begin with whoever had found nothing, in another line, and is nothing of it in what was said to be
   * durable (seeds 84035, 94)?
   */
  #isOfAnotherHistory(claim: Claim, now: Shown): boolean {
    const { g, has } = now
    if (Object.keys(has).some((author) => (claim.has[author] ?? 0) > 0)) return false
    const began = this.#run.of('put').find(({ data }) => data.g === g && data.acts && (has[data.p] ?? 0) >= data.k)
    const line = began?.space?.data.line ?? null
    const first = this.#first.get(`${line} ${g}`)
    if (line === claim.lineName || first === undefined || !this.#hasFoundNothing(first, g)) return false
    return this.#givenUp.isTold(claim, now)
  }

  #giveUp({ data, process, line, t }: Located<'refound'>): void {
    for (const [g, missing] of Object.entries(data.missing)) {
      const view = this.#viewOf(process, g, t)
      const there = this.#thereFor(process, view, t)
      const named = missing.map((id) => ({ id, store: this.#storeOfId(id) }))
      this.#verdict.expect(named.length > 0, () => `${data.p} gives up nobody of "${g}"`, line)
      for (const { id, store } of named) {
        if (store === null) this.#verdict.fail(`${data.p} is told that ${id} is missing, who stores nothing`, line)
        if (view?.data.primary === false && this.#givenUp.isNamedByLine(id, g, view)) continue
        const here = there.find((each) => this.#claims.storeOf(each) === store)
        // Nobody stands for a page of the same store that lives, and is not in this view (seed 81034).
        const isElsewhere = !this.#claims.isGone(id, line) && view?.view.members.has(id) === false
        if (here !== undefined && !isElsewhere && !this.#isExcused(id, here, g))
          this.#verdict.fail(`${data.p} is told that ${id} is missing in "${g}", for which ${here.id} is here`, line)
      }
      const stores = new Set(there.map((each) => this.#claims.storeOf(each)))
      this.#forgive((claim) => claim.g === g && claim.line < line && !stores.has(claim.store))
    }
  }

  #viewOf(process: Process | null, g: string, t: number): Install | undefined {
    const group = this.#run.groups.find(({ name }) => name === g)
    const installs: readonly Install[] = (group && process?.installs.get(group)) ?? []
    return installs.findLast(({ at }) => at.t <= t)
  }

  /** The members of its view of the object that have been there for long enough to be heard, itself among them. */
  #thereFor(process: Process | null, view: Install | undefined, t: number): Process[] {
    return [...(view?.view.members ?? [])]
      .flatMap((id) => this.#run.process(id) ?? [])
      .filter((each) => each === process || (each.start?.t ?? 0) + HEARD_MS < t)
  }

  #storeOfId(id: string): string | null {
    const process = this.#run.process(id)
    return process === undefined ? null : this.#claims.storeOf(process)
  }

  /** May nothing of the object that stands for that process have been where the other one looked for it? */
  #isExcused(id: string, here: Process, g: string): boolean {
    const run = this.#run
    const store = this.#storeOfId(id)
    const start = run.process(id)?.start?.line ?? 0
    // It joins once it has read what is there: the store may have been lost after it opened the object (seed 726).
    const read = here.joins.get(g)?.[0]?.line ?? 0
    const isOf = (line: number): boolean => line > start && line < read
    return (
      run.of('lose').some(({ data, line }) => this.#storeOfId(data.q) === store && isOf(line)) ||
      run.of('storage').some(({ data, line }) => {
        if (data.g === '') return data.p === id
        return data.g === g && data.reason === 'overtaken' && this.#storeOfId(data.p) === store && isOf(line)
      }) ||
      run.of('lineLost').some(({ data }) => data.p === here.id)
    )
  }

  #forgive(isMeant: (claim: Claim) => boolean): void {
    for (const claim of this.#claims.all) if (isMeant(claim)) this.#forgiven.add(claim)
  }
}
