/** A replicated class, as the simulator uses it: sums, a method that throws at times, and ids that come with the call. */
import type { Replicated } from '../../../lib/tools/replicated.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** The class; `context` gives what its calls come with. */
function makeTally(context: () => { readonly now: number; id(): string }) {
  return class Tally {
    total = 0
    draws = 0
    last: readonly [id: string, now: number] = ['', 0]

    /** Modulo 24, so that the model can tell the bytes of a result. */
    add(n: number): number {
      this.total = (this.total + n) % 24
      if (n === 5) throw new RangeError('five')
      return this.total
    }

    draw(): number {
      const { now, id } = context()
      this.draws = (this.draws + 1) % 24
      this.last = [id(), now]
      return this.draws
    }

    look(): number {
      return this.total
    }
  }
}

type Tally = InstanceType<ReturnType<typeof makeTally>>

/** What adding 5 rejects with, as the trace tells it. */
class FiveError extends Error {
  readonly code = 'five'
}

/** The tally in the hands of one process. */
class OpenTally implements OpenTool {
  readonly #tally: Replicated<Tally>
  readonly #calls: ToolCalls

  constructor(tally: Replicated<Tally>, calls: ToolCalls) {
    this.#tally = tally
    this.#calls = calls
  }

  act(random: Random): boolean {
    const draw = random.next()
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    const call = (method: string, ...args: unknown[]): void => {
      void this.#calls.run(method, args, async () => {
        try {
          return await this.#tally.call(method, args, { signal: abort.signal })
        } catch (error) {
          throw error instanceof RangeError ? new FiveError('five') : error
        }
      })
    }
    if (draw < 0.2) call('look')
    else if (draw < 0.7) call('add', random.int(10))
    else call('draw')
    return true
  }

  close(): Promise<void> {
    return this.#tally.close()
  }
}

export const tally: SimTool = {
  name: 'tally',
  async load() {
    const { replicatedKind } = await import('../../../lib/tools/replicated.ts')
    const { callContext } = await import('../../../lib/tools/call-context.ts')
    const Tally = makeTally(callContext)
    let seeds = 0
    return {
      open(place, use) {
        const { world, process } = place
        const stamp = () => {
          seeds += 1
          return { now: Math.floor(world.now), seed: `${process.id}-${seeds}` }
        }
        const whenNotPrimary = world.scenario.random.fork('tally').chance(0.3) ? 'reject' : 'wait'
        const kind = replicatedKind(new Tally(), {}, stamp)
        return use(kind, { whenNotPrimary }, (handle) => new OpenTally(handle, new ToolCalls(place)))
      },
    }
  },
}
