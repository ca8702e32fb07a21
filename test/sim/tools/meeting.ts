/** A barrier, as the simulator uses it: two wait for each other. */
import type { SharedBarrier } from '../../../lib/tools/barrier.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** As in `meeting-model.ts`. */
const PARTIES = 2
/** For how long one waits for another, in ms, at most: there may be none. */
const PATIENCE_MS = 3_000

/** The barrier in the hands of one process. */
class OpenMeeting implements OpenTool {
  readonly #barrier: SharedBarrier
  readonly #calls: ToolCalls

  constructor(barrier: SharedBarrier, calls: ToolCalls) {
    this.#barrier = barrier
    this.#calls = calls
  }

  act(random: Random): boolean {
    const abort = new AbortController()
    this.#calls.after(random.between(0, PATIENCE_MS), () => abort.abort())
    void this.#calls.run('arrive', [], () => this.#barrier.arrive({ signal: abort.signal }))
    return true
  }

  close(): Promise<void> {
    return this.#barrier.close()
  }
}

export const meeting: SimTool = {
  name: 'meeting',
  async load() {
    const { barrierKind } = await import('../../../lib/tools/barrier.ts')
    return {
      open: (place, use) =>
        use(barrierKind, { parties: PARTIES }, (handle) => new OpenMeeting(handle, new ToolCalls(place))),
    }
  },
}
