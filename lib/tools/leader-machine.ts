/**
 * Who leads what, as a state machine: for each name at most one leader, and the candidates who wait.
 *
 * The most senior candidate is granted a free leadership: seniority is the rank in the view, which all know without
 * asking. A leader stays one until it resigns, leaves, is proven dead, or its lease has run out, also when a more senior
 * candidate comes. Every grant has a token higher than all before it.
 *
 * Source: Birman, Joseph 1987 (the rank as the order of succession).
 */
import { assertState, compareText, isAuthor } from '../objects/checks.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { isToken, sameToken, type Token } from '../objects/token.ts'
import { readCallers, saveCallers, withoutCaller } from './callers.ts'
import { isKey } from './keys.ts'

/** The requests, by their first element. */
export const LEADER_OP = { stand: 0, resign: 1 } as const

/** Who leads, and since which grant. */
export interface Incumbent {
  readonly process: string
  readonly token: Token
}

interface Office {
  leader: Incumbent | null
  /** In the order in which they stood. */
  candidates: Caller[]
}

/** Leaders and candidates, by name. */
export class LeaderMachine implements Machine {
  #offices = new Map<string, Office>()

  /** Who leads; null if nobody does. */
  leaderOf(name: string): Incumbent | null {
    return this.#offices.get(name)?.leader ?? null
  }

  /** What a process leads, with the tokens. */
  ledBy(process: string): (readonly [name: string, token: Token])[] {
    return [...this.#offices].flatMap(([name, { leader }]) =>
      leader?.process === process ? [[name, leader.token] as const] : [],
    )
  }

  /** `[stand, name]` is answered with a token, once its process leads; `[resign, name, token]` with null. */
  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body) || !isKey(body[1])) return null
    const [kind, name, token] = body as [unknown, string, unknown]
    if (kind === LEADER_OP.stand && body.length === 2) return this.#stand(name, caller, context)
    if (kind === LEADER_OP.resign && body.length === 3 && isToken(token)) {
      return this.#resign(name, { process: caller.process, token }, context)
    }
    return null
  }

  #stand(name: string, caller: Caller, context: MachineContext): 'waits' {
    const office = this.#offices.get(name) ?? { leader: null, candidates: [] }
    this.#offices.set(name, office)
    office.candidates.push(caller)
    this.#fill(name, office, context)
    return 'waits'
  }

  #resign(name: string, { process, token }: Incumbent, context: MachineContext): Answer {
    const office = this.#offices.get(name)
    const leader = office?.leader
    if (office === undefined || leader?.process !== process || !sameToken(leader.token, token)) {
      return [false, 'stale-token', `"${name}" is led by somebody else`]
    }
    office.leader = null
    this.#fill(name, office, context)
    return [true, null]
  }

  cancel(caller: Caller): void {
    for (const [name, office] of this.#sorted()) {
      office.candidates = withoutCaller(office.candidates, caller)
      this.#forgetIfIdle(name, office)
    }
  }

  release(process: string, context: MachineContext): void {
    for (const [name, office] of this.#sorted()) {
      if (office.leader?.process !== process) continue
      office.leader = null
      this.#fill(name, office, context)
    }
  }

  isHolding(process: string): boolean {
    for (const { leader } of this.#offices.values()) if (leader?.process === process) return true
    return false
  }

  viewed(context: MachineContext): void {
    for (const [name, office] of this.#sorted()) this.#fill(name, office, context)
  }

  /** The most senior candidate leads, if nobody does. Of those of one process, the one that stood first. */
  #fill(name: string, office: Office, context: MachineContext): void {
    if (office.leader === null && context.isPrimary && office.candidates.length > 0) {
      const next = mostSenior(office.candidates, context.ranked)
      if (next !== null) {
        office.candidates = office.candidates.filter((each) => each !== next)
        const token = context.nextToken()
        office.leader = { process: next.process, token }
        context.answer(next, [true, [...token]])
      }
    }
    this.#forgetIfIdle(name, office)
  }

  #forgetIfIdle(name: string, { leader, candidates }: Office): void {
    if (leader === null && candidates.length === 0) this.#offices.delete(name)
  }

  /** By name: a state that was loaded has them in another order than the one it was saved from, and tokens are counted. */
  #sorted(): [name: string, office: Office][] {
    return [...this.#offices].sort(([a], [b]) => compareText(a, b))
  }

  /** `[name, process or null, token or null, candidates]` of each, by name. */
  save(): unknown {
    return this.#sorted().map(([name, { leader, candidates }]) => [
      name,
      leader?.process ?? null,
      leader === null ? null : [...leader.token],
      saveCallers(candidates),
    ])
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved), 'leaders')
    this.#offices = new Map(saved.map(readOffice))
  }
}

/** Null if none of them is a member: those who are not wait for nothing, and ask again. */
function mostSenior(candidates: readonly Caller[], ranked: readonly string[]): Caller | null {
  for (const process of ranked) {
    const next = candidates.find((each) => each.process === process)
    if (next !== undefined) return next
  }
  return null
}

function readOffice(saved: unknown): [name: string, office: Office] {
  assertState(Array.isArray(saved) && saved.length === 4 && isKey(saved[0]), 'leaders')
  const [name, process, token, candidates] = saved as [string, unknown, unknown, unknown]
  if (process === null) return [name, { leader: null, candidates: readCallers(candidates) }]
  assertState(isAuthor(process) && isToken(token), 'leader')
  return [name, { leader: { process, token }, candidates: readCallers(candidates) }]
}
