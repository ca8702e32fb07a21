/** The least object that lends, as the simulator uses it. See `loans-machine.ts`. */
import type { Token } from '../../../lib/objects/token.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import type { Loans } from './loans-machine.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

const THINGS = 2
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.2
/** For how long a thing is had, in ms, at most; now and then for longer than a lease. */
const HOLD = { most: 60, long: 4_000, longChance: 0.02 }
/** What one process asks for at a time, at most: more would wait until the run is over. */
const WANTED_MAX = 2

/** The things in the hands of one process. */
class OpenLoans implements OpenTool {
  readonly #loans: Loans
  readonly #calls: ToolCalls
  #wanted = 0

  constructor(loans: Loans, calls: ToolCalls) {
    this.#loans = loans
    this.#calls = calls
  }

  act(random: Random): boolean {
    if (this.#wanted >= WANTED_MAX) return true
    const thing = `t${random.int(THINGS)}`
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 600), () => abort.abort())
    const ms = random.between(0, random.chance(HOLD.longChance) ? HOLD.long : HOLD.most)
    this.#wanted += 1
    void this.#borrow(thing, abort.signal, ms).finally(() => {
      this.#wanted -= 1
    })
    return true
  }

  async #borrow(thing: string, signal: AbortSignal, ms: number): Promise<void> {
    const borrow = (): Promise<unknown> => this.#loans.replica.call(['borrow', thing], { signal })
    const token = (await this.#calls.run('borrow', [thing], borrow)) as Token | undefined
    if (token === undefined) return
    this.#loans.inHand.add(token.join())
    await this.#calls.pause(ms)
    await this.#calls.run('give back', [thing, token], () => this.#loans.replica.call(['give back', thing, token]))
    // Given back in a line that is lost, it is this process's again in the other one, and nobody else will give it back.
    this.#loans.inHand.delete(token.join())
  }

  close(): Promise<void> {
    this.#loans.replica.stop()
    return this.#loans.replica.port.close()
  }
}

export const loans: SimTool = {
  name: 'loans',
  async load() {
    const { loansKind } = await import('./loans-machine.ts')
    return {
      holds: {
        granted(body, value) {
          const [f, thing] = body as [string, string]
          return f === 'borrow' ? { lock: thing, token: value as Token, mode: 'exclusive' } : null
        },
        released(body) {
          const [f, thing, token] = body as [string, string, Token]
          return f === 'give back' ? { lock: thing, token } : null
        },
      },
      open: (place, use) =>
        use(loansKind, { leaseMs: BOUNDS.lease }, (handle) => new OpenLoans(handle, new ToolCalls(place))),
    }
  },
}
