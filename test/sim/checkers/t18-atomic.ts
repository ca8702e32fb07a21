/**
 * T18 All or nothing: a transaction over several objects.
 *
 * Within a line, whatever object was held for a transaction ends it as all others do, and as the ledger has decided first; it
 * is committed only if all of its objects were held for it. In the end no object is held that could be let go.
 *
 * That the changes themselves are right, and made once, is what T12 replays; T13 looks at what transactions read.
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Located } from './model.ts'
import { isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

type Exec = Located<'exec'>

const PREPARE = 'prepare'
const END = 'end'
/** What a `prepare` that holds the object is answered with. */
const HELD = 0
/** A decision of the ledger: `[0, key, whether it is committed, names]`. */
const DECIDE = 0

/** What is known of a transaction in one line. */
interface Transaction {
  readonly names: readonly string[]
  /** The objects that were held for it. */
  readonly held: Set<string>
  /** How each has ended it. */
  readonly ends: Map<string, Exec>
  decision: boolean | null
}

/** Where one replica of an object stands. */
interface Standing {
  readonly object: string
  /** For which transaction it is held, and since when. */
  held: { readonly key: string; readonly t: number } | null
  /** Those that wait to hold it: by process and number. */
  readonly waiting: Map<string, readonly unknown[]>
}

export const checker: Checker = {
  property: 'T18',
  check(run: Run): Result {
    const verdict = new Verdict('T18')
    const book = new Book(run, verdict)
    // A line that takes the place of another may have lost some of what that had decided.
    const replacing = new Set(run.of('found').flatMap(({ data }) => (data.of === undefined ? [] : [data.line])))
    for (const exec of run.of('exec')) if (!replacing.has(exec.space?.data.line ?? '')) book.take(exec)
    book.checkCommits()
    book.checkEnd()
    return verdict
  },
}

class Book {
  readonly #run: Run
  readonly #verdict: Verdict
  readonly #transactions = new Map<string, Transaction>()
  /** By process and object. */
  readonly #standing = new Map<string, Standing>()
  /** By object and state: for which transaction it is held in it, and who waits. */
  readonly #states = new Map<string, Standing>()

  constructor(run: Run, verdict: Verdict) {
    this.#run = run
    this.#verdict = verdict
  }

  take(exec: Exec): void {
    const { p, obj, step, body, h } = exec.data
    const place = `${p} ${obj}`
    const standing =
      (step === 'load' ? copyOf(this.#states.get(`${obj} ${h}`)) : this.#standing.get(place)) ?? newStanding(obj)
    if (step === 'begin') this.#standing.set(place, newStanding(obj))
    else {
      this.#standing.set(place, standing)
      const [op] = Array.isArray(body) ? (body as unknown[]) : []
      if (op === DECIDE && isKey((body as unknown[])[1])) this.#decide(exec, body as unknown[])
      else this.#do(exec, standing)
    }
    const now = this.#standing.get(place)
    if (now !== undefined && !this.#states.has(`${obj} ${h}`)) this.#states.set(`${obj} ${h}`, copyOf(now) ?? now)
  }

  #decide(exec: Exec, [, key, , names]: readonly unknown[]): void {
    for (const { answer } of exec.data.deeds) {
      const [ok, isCommitted] = answer as readonly [boolean, boolean]
      const transaction = this.#of(exec, String(key), names as readonly string[])
      if (ok) transaction.decision ??= isCommitted
    }
  }

  #do(exec: Exec, standing: Standing): void {
    const { body, deeds } = exec.data
    for (const { do: what, by, n, answer, answers = [] } of deeds) {
      if (what === 'cancel') standing.waiting.delete(`${by} ${n}`)
      if (what === 'apply' && Array.isArray(body)) {
        const request = body as readonly unknown[]
        if (request[0] === END && isAnswered(answer)) this.#end(exec, standing, request)
        if (request[0] === PREPARE && answer === 'waits') standing.waiting.set(`${by} ${n}`, request)
        if (request[0] === PREPARE && isHeld(answer)) this.#hold(exec, standing, request)
      }
      for (const [who, which, late] of answers) {
        const request = standing.waiting.get(`${who} ${which}`)
        if (!standing.waiting.delete(`${who} ${which}`) || request === undefined) continue
        if (isHeld(late)) this.#hold(exec, standing, request)
      }
    }
  }

  #hold(exec: Exec, standing: Standing, [, key, names]: readonly unknown[]): void {
    standing.held = { key: String(key), t: exec.t }
    this.#of(exec, String(key), names as readonly string[]).held.add(standing.object)
  }

  #end(exec: Exec, standing: Standing, [, key, isCommitted]: readonly unknown[]): void {
    const { held, object } = standing
    if (held === null || held.key !== String(key)) return
    standing.held = null
    const transaction = this.#of(exec, held.key, [])
    for (const [other, { data }] of transaction.ends) {
      const [, , isOther] = data.body as readonly unknown[]
      this.#verdict.expect(
        isOther === isCommitted,
        () => `"${object}" ${word(isCommitted)} ${held.key}, and "${other}" ${word(isOther)} it`,
        exec.line,
      )
    }
    if (!transaction.ends.has(object)) transaction.ends.set(object, exec)
    if (isCommitted === true)
      this.#verdict.expect(
        transaction.decision === true,
        () => `"${object}" commits ${held.key}, which the ledger has not decided`,
        exec.line,
      )
  }

  #of({ space }: Exec, key: string, names: readonly string[]): Transaction {
    const place = `${space?.data.line} ${key}`
    const known = this.#transactions.get(place)
    if (known !== undefined) return known
    const made: Transaction = { names, held: new Set(), ends: new Map(), decision: null }
    this.#transactions.set(place, made)
    return made
  }

  /** What is committed was held of all its objects. */
  checkCommits(): void {
    for (const [place, { names, held, ends, decision }] of this.#transactions) {
      const last = [...ends.values()].at(-1)
      if (decision !== true || last === undefined) continue
      for (const name of names)
        this.#verdict.expect(held.has(name), () => `${place} is committed without "${name}"`, last.line)
    }
  }

  /** What could have been let go is not held. */
  checkEnd(): void {
    const rest = restOf(this.#run)
    if (rest === null) return
    const { tView, tSettle } = rest.bounds
    for (const process of this.#run.processes) {
      if (!isAtRest(this.#run, process)) continue
      for (const group of this.#run.groups) {
        const held = this.#standing.get(`${process.id} ${group.name}`)?.held ?? null
        const install = held === null ? null : this.#run.last(process, group)
        if (held === null || install?.data.primary !== true) continue
        const [maker = ''] = held.key.split(',')
        // Its maker waits for an object that does not act, which is nobody's fault.
        if (this.#isWaitedFor(held.key)) continue
        if (Math.max(held.t, rest.quiet.t) + tView + tSettle > rest.end.t) continue
        this.#verdict.fail(
          `"${group.name}" is still held at ${process.id} for a transaction of ${maker}`,
          rest.end.line,
        )
      }
    }
  }

  /** Is an object of it, or the ledger, in no primary view where somebody is at rest? */
  #isWaitedFor(key: string): boolean {
    const names = [...this.#transactions].flatMap(([place, { names }]) => (place.endsWith(` ${key}`) ? names : []))
    return this.#run.groups
      .filter(({ name }) => names.includes(name) || name === 'deals')
      .some((group) =>
        this.#run.processes.some(
          (each) => isAtRest(this.#run, each) && this.#run.last(each, group)?.data.primary === false,
        ),
      )
  }
}

function newStanding(object: string): Standing {
  return { object, held: null, waiting: new Map() }
}

function copyOf(standing: Standing | undefined): Standing | null {
  return standing === undefined ? null : { ...standing, waiting: new Map(standing.waiting) }
}

function isHeld(answer: unknown): boolean {
  return Array.isArray(answer) && answer[0] === true && answer[1] === HELD
}

function isAnswered(answer: unknown): boolean {
  return Array.isArray(answer) && answer[0] === true
}

/** The key of a transaction: its maker, the opening of the ledger there, and its number. */
function isKey(key: unknown): boolean {
  return Array.isArray(key) && key.length === 3 && typeof key[0] === 'string'
}

function word(isCommitted: unknown): string {
  return isCommitted === true ? 'commits' : 'drops'
}
