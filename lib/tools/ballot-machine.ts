/**
 * Ballots as a state machine: what is asked, who may vote, what they said, and the decision, which is one fact for all.
 *
 * A ballot is decided as soon as the votes say so, whatever may still come: for a choice, or for none, when none can win any
 * more. Who left or is proven dead without having voted abstains; and a ballot is closed undecided when somebody says that
 * its time is over. Both are told by members, since the machine reads no clock, and knows only who takes part in ballots.
 *
 * What is said of a ballot names the very one that is meant: in a line that is lost there may have been another of its name.
 */
import { assertState, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { isKey } from './keys.ts'

/** The requests, by their first element. */
export const BALLOT_OP = { open: 0, vote: 1, gone: 2, close: 3 } as const

/** Ballots that are remembered, at most: the oldest decided ones go first. */
export const BALLOTS_MAX = 1_000
/** Choices of one ballot, at most. */
export const CHOICES_MAX = 100
/** Members that may vote in one ballot, at most. */
export const ELECTORATE_MAX = 1_024

/**
 * What a choice needs: `majority`, more than half of the electorate; `unanimity`, all of those who have not gone without
 * having voted; or so many votes.
 */
export type BallotRule = 'majority' | 'unanimity' | { readonly quorum: number }

/** What is voted on, and how. */
export interface Terms {
  readonly question: string
  readonly choices: readonly string[]
  readonly rule: BallotRule
  readonly deadlineMs: number | null
}

/** What came of a ballot. */
export interface Outcome {
  /** Null: none. */
  readonly choice: string | null
  /** The view in which it was decided. */
  readonly view: string
}

/** One ballot. */
export interface BallotState extends Terms {
  /** Another one for each that was opened, whatever its name and its line: where, and by whom. */
  readonly id: string
  /** Who may vote. */
  readonly electorate: readonly string[]
  /** Voter to choice. */
  readonly votes: Map<string, string>
  /** Voters who left or are dead. */
  readonly gone: Set<string>
  outcome: Outcome | null
}

/** Ballots by name, in the order in which they were opened. */
export class BallotMachine implements Machine {
  #ballots = new Map<string, BallotState>()

  ballot(name: string): BallotState | null {
    return this.#ballots.get(name) ?? null
  }

  /** Those that are not decided. */
  undecided(): (readonly [name: string, ballot: BallotState])[] {
    return [...this.#ballots].filter(([, { outcome }]) => outcome === null)
  }

  /**
   * `[open, name, question, choices, rule, deadlineMs, electorate]`, `[vote, name, id, choice]`, `[gone, name, id, processes]`
   * and `[close, name, id]`: each is answered with null. The first to open a ballot sets its terms and its electorate.
   */
  apply(body: unknown, caller: Caller, context: MachineContext): Answer | null {
    if (!Array.isArray(body) || !isKey(body[1])) return null
    const [kind, name, id, what] = body as [unknown, string, unknown, unknown]
    if (kind === BALLOT_OP.open && body.length === 7) {
      const opened = `${context.view} ${caller.process} ${caller.call}`
      return this.#open(name, [opened, ...body.slice(2)], context)
    }
    if (typeof id !== 'string') return null
    const known = this.#ballots.get(name)
    const ballot = known?.id === id ? known : undefined
    if (kind === BALLOT_OP.vote && body.length === 4 && typeof what === 'string') {
      return this.#vote(ballot, { voter: caller.process, choice: what }, context)
    }
    if (kind === BALLOT_OP.gone && body.length === 4 && isElectorate(what)) return this.#gone(ballot, what, context)
    if (kind === BALLOT_OP.close && body.length === 3) return this.#close(ballot, context)
    return null
  }

  #open(
    name: string,
    [id, question, choices, rule, deadlineMs, electorate]: [id: string, ...terms: unknown[]],
    context: MachineContext,
  ): Answer | null {
    const terms = { question, choices, rule, deadlineMs }
    if (!isTerms(terms) || !isElectorate(electorate)) return null
    const known = this.#ballots.get(name)
    if (known !== undefined) {
      return isSame(known, terms) ? DONE : [false, 'group-mismatch', `ballot "${name}" is open with other terms`]
    }
    if (this.#ballots.size >= BALLOTS_MAX && !this.#forgetOldest()) {
      return [false, 'busy', `more than ${BALLOTS_MAX} ballots are undecided`]
    }
    const ballot = { ...terms, id, electorate, votes: new Map(), gone: new Set<string>(), outcome: null }
    this.#ballots.set(name, ballot)
    tally(ballot, context.view)
    return DONE
  }

  #vote(
    ballot: BallotState | undefined,
    { voter, choice }: { voter: string; choice: string },
    context: MachineContext,
  ): Answer | null {
    if (ballot === undefined) return [false, 'unknown', 'there is no such ballot, or no more']
    if (ballot.outcome !== null) return [false, 'decided', 'the ballot is decided']
    if (!ballot.choices.includes(choice)) return null
    if (!ballot.electorate.includes(voter)) return [false, 'no-vote', 'this process has no vote in the ballot']
    if (ballot.votes.has(voter)) return [false, 'voted', 'this process has voted']
    ballot.votes.set(voter, choice)
    tally(ballot, context.view)
    return DONE
  }

  #gone(ballot: BallotState | undefined, processes: readonly string[], context: MachineContext): Answer {
    if (ballot === undefined || ballot.outcome !== null) return DONE
    for (const process of processes) if (ballot.electorate.includes(process)) ballot.gone.add(process)
    tally(ballot, context.view)
    return DONE
  }

  #close(ballot: BallotState | undefined, context: MachineContext): Answer {
    if (ballot !== undefined) ballot.outcome ??= { choice: null, view: context.view }
    return DONE
  }

  #forgetOldest(): boolean {
    for (const [name, { outcome }] of this.#ballots) if (outcome !== null) return this.#ballots.delete(name)
    return false
  }

  /** Everything in the order in which it came. */
  save(): unknown {
    return [...this.#ballots].map(
      ([name, { id, question, choices, rule, deadlineMs, electorate, votes, gone, outcome }]) => [
        name,
        id,
        question,
        [...choices],
        typeof rule === 'string' ? rule : { quorum: rule.quorum },
        deadlineMs,
        [...electorate],
        [...votes].map(([voter, choice]) => [voter, choice]),
        [...gone],
        outcome === null ? null : [outcome.choice, outcome.view],
      ],
    )
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved), 'ballots')
    this.#ballots = new Map(saved.map(readBallot))
  }
}

const DONE: Answer = [true, null]

/** Decides what is decided by what was said. */
function tally(ballot: BallotState, view: string): void {
  if (ballot.outcome !== null) return
  const { choices, electorate, votes, gone, rule } = ballot
  const pending = electorate.filter((each) => !votes.has(each) && !gone.has(each)).length
  const counts = choices.map((choice) => [...votes.values()].filter((each) => each === choice).length)
  const most = Math.max(...counts)
  const leading = choices[counts.indexOf(most)] ?? null
  if (rule === 'unanimity') {
    if (most < votes.size) ballot.outcome = { choice: null, view }
    else if (pending === 0) ballot.outcome = { choice: votes.size > 0 ? leading : null, view }
    return
  }
  const needed = rule === 'majority' ? Math.floor(electorate.length / 2) + 1 : rule.quorum
  if (most >= needed) ballot.outcome = { choice: leading, view }
  else if (most + pending < needed) ballot.outcome = { choice: null, view }
}

function isSame(a: Terms, b: Terms): boolean {
  const form = ({ question, choices, rule, deadlineMs }: Terms): string =>
    JSON.stringify([question, choices, typeof rule === 'string' ? rule : rule.quorum, deadlineMs])
  return form(a) === form(b)
}

/** Could these be terms? */
export function isTerms(terms: { readonly [Field in keyof Terms]: unknown }): terms is Terms {
  const { question, choices, rule, deadlineMs } = terms
  return (
    typeof question === 'string' &&
    question.length <= 1_024 &&
    Array.isArray(choices) &&
    choices.length >= 1 &&
    choices.length <= CHOICES_MAX &&
    choices.every(isKey) &&
    new Set(choices).size === choices.length &&
    isRule(rule) &&
    (deadlineMs === null || isTotal(deadlineMs))
  )
}

function isRule(rule: unknown): rule is BallotRule {
  if (rule === 'majority' || rule === 'unanimity') return true
  return typeof rule === 'object' && rule !== null && isCount((rule as { quorum?: unknown }).quorum)
}

/** Could these be voters: 1 to 1,024 processes, each once? */
export function isElectorate(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > ELECTORATE_MAX) return false
  return value.every(isAuthor) && new Set(value).size === value.length
}

function readBallot(saved: unknown): [name: string, ballot: BallotState] {
  assertState(Array.isArray(saved) && saved.length === 10 && isKey(saved[0]), 'ballot')
  const [name, id, ...rest] = saved as [string, ...unknown[]]
  const [question, choices, rule, deadlineMs, electorate, votes, gone, outcome] = rest
  const terms = { question, choices, rule, deadlineMs }
  assertState(typeof id === 'string' && isTerms(terms) && isElectorate(electorate), 'ballot')
  assertState(Array.isArray(votes) && Array.isArray(gone) && gone.every(isAuthor), 'ballot')
  for (const vote of votes as unknown[]) {
    assertState(Array.isArray(vote) && vote.length === 2 && electorate.includes(vote[0]), 'vote')
    assertState(terms.choices.includes(vote[1]), 'vote')
  }
  const about = { ...terms, id, electorate, votes: new Map(votes as [string, string][]), gone: new Set(gone) }
  if (outcome === null) return [name, { ...about, outcome }]
  assertState(Array.isArray(outcome) && outcome.length === 2 && typeof outcome[1] === 'string', 'outcome')
  const [choice, view] = outcome as [unknown, string]
  assertState(choice === null || terms.choices.includes(choice as string), 'outcome')
  return [name, { ...about, outcome: { choice: choice as string | null, view } }]
}
