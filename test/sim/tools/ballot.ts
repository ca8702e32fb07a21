/** Ballots, as the simulator uses them: opened by whoever comes first, voted in, and looked at by all. */
import type { AppGroup } from '../../../lib/app-group.ts'
import { UnknownOutcomeError } from '../../../lib/errors.ts'
import type { GroupPort } from '../../../lib/objects/replica.ts'
import type { Ballot, Ballots, BallotTerms } from '../../../lib/tools/ballot.ts'
import type { BallotRule } from '../../../lib/tools/ballot-machine.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** After so many operations of the run, it is about another ballot. */
const OPS_PER_BALLOT = 30
const RULES: readonly BallotRule[] = ['majority', 'unanimity', { quorum: 1 }, 'majority']
/** After how long a ballot ends without a choice, in ms. */
const DEADLINES = [600, 4_000] as const
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** The ballots in the hands of one process. */
class OpenBallots implements OpenTool {
  readonly #ballots: Ballots
  readonly #calls: ToolCalls
  readonly #leave: () => Promise<void>
  readonly #open = new Map<string, Ballot>()

  constructor(ballots: Ballots, calls: ToolCalls, leave: () => Promise<void>) {
    this.#ballots = ballots
    this.#calls = calls
    this.#leave = leave
  }

  act(random: Random, value: number): boolean {
    const n = Math.floor(value / OPS_PER_BALLOT)
    const name = `b${n}`
    const draw = random.next()
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    const options = { signal: abort.signal }
    const ballot = this.#open.get(name)
    if (ballot === undefined) {
      void this.#calls.run('open', [name], () => this.#openOne(name, termsOf(n), options))
      return true
    }
    if (draw < 0.7) {
      const choice = random.chance(0.7) ? 'yes' : 'no'
      const { id } = this.#calls.place.process
      void this.#calls.run('vote', [name, choice, id], () => {
        return this.#unlessLost(name, ballot, withReason(ballot.vote(choice, options)))
      })
    } else void this.#calls.run('decision', [name], () => this.#unlessLost(name, ballot, ballot.decision))
    return true
  }

  /** One of a line that is lost is to be opened anew. */
  async #unlessLost<Result>(name: string, ballot: Ballot, result: Promise<Result>): Promise<Result> {
    try {
      return await result
    } catch (error) {
      if (error instanceof UnknownOutcomeError && this.#open.get(name) === ballot) this.#open.delete(name)
      throw error
    }
  }

  /** One that is voted on twice, by all who open it, has the same terms. */
  async #openOne(name: string, terms: BallotTerms, options: { readonly signal: AbortSignal }): Promise<null> {
    this.#open.set(name, await this.#ballots.open(name, terms, options))
    return null
  }

  close(): Promise<void> {
    this.#ballots.handleEnd()
    return this.#leave()
  }
}

/** A vote that is refused. */
class RefusedVoteError extends Error {
  readonly code: string

  constructor(code: string) {
    super()
    this.code = code
  }
}

/** What is refused is so for a reason, which the checkers are to know. */
async function withReason(vote: Promise<void>): Promise<null> {
  try {
    await vote
    return null
  } catch (error) {
    const { reason } = error as { readonly reason?: unknown }
    throw typeof reason === 'string' ? new RefusedVoteError(reason) : error
  }
}

/** The same for all. */
function termsOf(n: number): BallotTerms {
  const rule = RULES[n % RULES.length] ?? 'majority'
  return { choices: ['yes', 'no'], rule, deadlineMs: DEADLINES[n % DEADLINES.length] ?? 0 }
}

export const ballot: SimTool = {
  name: 'ballot',
  async load() {
    const { ballotsKind } = await import('../../../lib/tools/ballot.ts')
    return {
      open(place, use) {
        let port: GroupPort | null = null
        let tell: (gone: readonly string[]) => void = () => undefined
        const surroundings = {
          electorate: () => port?.view?.members ?? [],
          follow: (fn: (gone: readonly string[]) => void) => {
            tell = fn
          },
        }
        // Who leaves the group has gone, as who leaves the space has.
        const kind: typeof ballotsKind = {
          ...ballotsKind,
          create(own, options) {
            port = own
            const made = ballotsKind.create(own, options)
            const { replica } = made
            const { view } = replica
            replica.view = (next, succession) => {
              view.call(replica, next, succession)
              tell([...next.left, ...next.dead])
            }
            return made
          },
        }
        const group: AppGroup = use(kind, surroundings, (handle) => {
          return new OpenBallots(handle, new ToolCalls(place), () => group.close())
        })
        return group
      },
    }
  },
}
