/** A semaphore, as the simulator uses it: two at a time. */
import type { Permit, SharedSemaphore } from '../../../lib/tools/semaphore.ts'
import type { Random } from '../random.ts'
import { holdsOfLocks } from './lock-holds.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** As in `models.ts`. */
const PERMITS = 2
/** How often a call is taken back a moment later, and for how long a permit is held, in ms, at most. */
const ABORT_CHANCE = 0.2
const HOLD = { most: 80, long: 5_000, longChance: 0.03 }
/** What one process asks for at a time, at most: more would wait until the run is over. */
const WANTED_MAX = 3

/** The permits in the hands of one process. */
class OpenPermits implements OpenTool {
  readonly #semaphore: SharedSemaphore
  readonly #calls: ToolCalls
  #wanted = 0

  constructor(semaphore: SharedSemaphore, calls: ToolCalls) {
    this.#semaphore = semaphore
    this.#calls = calls
  }

  act(random: Random): boolean {
    if (this.#wanted >= WANTED_MAX) return true
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 600), () => abort.abort())
    const ms = random.between(0, random.chance(HOLD.longChance) ? HOLD.long : HOLD.most)
    this.#wanted += 1
    void this.#hold(abort.signal, ms).finally(() => {
      this.#wanted -= 1
    })
    return true
  }

  async #hold(signal: AbortSignal, ms: number): Promise<void> {
    let permit: Permit | undefined
    await this.#calls.run('acquire', [], async () => {
      permit = await this.#semaphore.acquire({ signal })
      return [...permit.token]
    })
    if (permit === undefined) return
    await this.#calls.pause(ms)
    await this.#calls.run('release', [], permit.release)
  }

  close(): Promise<void> {
    return this.#semaphore.close()
  }
}

export const permits: SimTool = {
  name: 'permits',
  async load() {
    const { semaphoreKind } = await import('../../../lib/tools/semaphore.ts')
    return {
      // To who only sees grants, two at a time are some that share it; how many is for the model.
      holds: holdsOfLocks('shared'),
      open: (place, use) =>
        use(semaphoreKind, { permits: PERMITS }, (handle) => new OpenPermits(handle, new ToolCalls(place))),
    }
  },
}
