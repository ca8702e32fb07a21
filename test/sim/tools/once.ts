/** What is done once, as the simulator uses it: run by one, proposed, and now and then forgotten. */
import type { AppGroup } from '../../../lib/app-group.ts'
import type { Token } from '../../../lib/objects/token.ts'
import type { Once, OnceContext } from '../../../lib/tools/once.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** After so many operations of the run, it is about another key: what is done stays done. */
const OPS_PER_KEY = 40
/** How often a call is taken back a moment later, a run fails, and what is run is proposed as well. */
const CHANCES = { abort: 0.15, fail: 0.2, rival: 0.05 }
/** For how long it runs, in ms, at most; now and then for longer than a lease. */
const RUN = { most: 150, long: 5_000, longChance: 0.05 }

/** What a run fails with. */
class FailedError extends Error {
  readonly code = 'failed'
}

/** What is done once, in the hands of one process. */
class OpenOnce implements OpenTool {
  readonly #once: Once
  readonly #calls: ToolCalls
  readonly #leave: () => Promise<void>

  constructor(once: Once, calls: ToolCalls, leave: () => Promise<void>) {
    this.#once = once
    this.#calls = calls
    this.#leave = leave
  }

  act(random: Random, value: number): boolean {
    const n = Math.floor(value / OPS_PER_KEY)
    const draw = random.next()
    const abort = new AbortController()
    if (random.chance(CHANCES.abort)) this.#calls.after(random.between(0, 400), () => abort.abort())
    const options = { signal: abort.signal }
    const own = `${this.#calls.place.process.id}:${value}`
    if (draw < 0.6) {
      const key = `run${n}`
      const ms = random.between(0, random.chance(RUN.longChance) ? RUN.long : RUN.most)
      const isFailing = random.chance(CHANCES.fail)
      const run = (context: OnceContext): Promise<string> => this.#run(key, context, { ms, own, isFailing })
      void this.#calls.run('run', [key, own], () => this.#once.run(key, run, options))
      return true
    }
    if (draw < 0.9) {
      // Nobody runs what may be forgotten: a run that has lost to a proposal would go on beside the next.
      const key = random.chance(CHANCES.rival) ? `run${n}` : `value${n}`
      void this.#calls.run('propose', [key, own], () => this.#once.propose(key, own, options))
    } else void this.#calls.run('forget', [`value${n}`], () => this.#once.forget(`value${n}`, options))
    return true
  }

  /** It acts until it is done, or told that another may run it. */
  async #run(
    key: string,
    { signal, token }: OnceContext,
    { ms, own, isFailing }: { ms: number; own: string; isFailing: boolean },
  ): Promise<string> {
    const { name, write } = this.#calls.place
    let isActing = !signal.aborted
    const tell = (on: boolean): void => {
      if (isActing) write({ e: 'act', lock: `${name}/${key}`, token, on, mode: 'exclusive' })
    }
    const end = (): void => {
      tell(false)
      isActing = false
    }
    tell(true)
    signal.addEventListener('abort', end)
    await this.#calls.pause(ms)
    end()
    if (isFailing) throw new FailedError('as it was drawn')
    return own
  }

  close(): Promise<void> {
    this.#once.handleEnd()
    return this.#leave()
  }
}

export const once: SimTool = {
  name: 'once',
  async load() {
    const { onceKind } = await import('../../../lib/tools/once.ts')
    return {
      holds: {
        granted(body, value) {
          const [kind, lock] = body as [number, string]
          const [what, token] = kind === 0 ? (value as [number, Token]) : [1]
          return what === 0 && token !== undefined ? { lock, token, mode: 'exclusive' } : null
        },
        released(body) {
          const [kind, lock, token] = body as [number, string, Token]
          return kind === 1 || kind === 2 ? { lock, token } : null
        },
      },
      open(place, use) {
        const group: AppGroup = use(onceKind, { leaseMs: BOUNDS.lease }, (handle) => {
          return new OpenOnce(handle, new ToolCalls(place), () => group.close())
        })
        return group
      },
    }
  },
}
