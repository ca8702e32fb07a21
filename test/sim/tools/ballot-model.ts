/** What ballots do: see `ballot.ts`. A vote counts once, up to the decision, which is made as soon as it is sure. */
import type { MachineModel, ModelAnswer } from './machine-model.ts'

interface Ballot {
  /** Who opened it where: what is said of another of its name is not said of it. */
  readonly id: string
  readonly terms: string
  readonly choices: readonly string[]
  readonly rule: string | { readonly quorum: number }
  readonly electorate: readonly string[]
  readonly votes: Record<string, string>
  readonly gone: Record<string, true>
  isDecided: boolean
  choice: string | null
}

type Ballots = Record<string, Ballot>

const DONE: ModelAnswer = [true, null]

export const ballotModel: MachineModel<Ballots> = {
  start: () => ({}),
  apply(ballots, body, { by, n }, { view }): ModelAnswer {
    const [kind, name, third, ...rest] = body as [number, string, unknown, ...unknown[]]
    if (kind === 0) {
      const ballot = ballots[name]
      const [choices, rule, deadlineMs, electorate] = rest as [string[], Ballot['rule'], number | null, string[]]
      const terms = JSON.stringify([third, choices, rule, deadlineMs])
      if (ballot !== undefined) return ballot.terms === terms ? DONE : [false, 'group-mismatch']
      const begun = {
        id: `${view} ${by} ${n}`,
        terms,
        choices,
        rule,
        electorate,
        votes: {},
        gone: {},
        isDecided: false,
        choice: null,
      }
      ballots[name] = begun
      tryToDecide(begun)
      return DONE
    }
    const ballot = ballots[name]?.id === third ? ballots[name] : undefined
    const isOver = ballot === undefined || ballot.isDecided
    const [what] = rest
    if (kind === 1) {
      if (ballot === undefined) return [false, 'unknown']
      if (isOver) return [false, 'decided']
      if (!ballot.electorate.includes(by)) return [false, 'no-vote']
      if (ballot.votes[by] !== undefined) return [false, 'voted']
      ballot.votes[by] = String(what)
      tryToDecide(ballot)
    } else if (kind === 2 && !isOver) {
      for (const each of what as string[]) if (ballot.electorate.includes(each)) ballot.gone[each] = true
      tryToDecide(ballot)
    } else if (kind === 3 && !isOver) ballot.isDecided = true
    return DONE
  },
}

/** A choice wins when it has what it needs; nobody does when no choice can have that any more. */
function tryToDecide(ballot: Ballot): void {
  const { choices, rule, electorate, votes, gone } = ballot
  const cast = Object.values(votes)
  const open = electorate.filter((each) => votes[each] === undefined && gone[each] === undefined).length
  const decide = (choice: string | null): void => {
    ballot.isDecided = true
    ballot.choice = choice
  }
  if (rule === 'unanimity') {
    if (new Set(cast).size > 1) decide(null)
    else if (open === 0) decide(cast[0] ?? null)
    return
  }
  const needed = rule === 'majority' ? (electorate.length + (electorate.length % 2 === 0 ? 2 : 1)) / 2 : quorumOf(rule)
  const of = (choice: string): number => cast.filter((each) => each === choice).length
  const winner = choices.find((choice) => of(choice) >= needed)
  if (winner !== undefined) decide(winner)
  else if (choices.every((choice) => of(choice) + open < needed)) decide(null)
}

function quorumOf(rule: Ballot['rule']): number {
  return typeof rule === 'string' ? Number.NaN : rule.quorum
}
