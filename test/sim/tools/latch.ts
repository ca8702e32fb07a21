/** A latch, as the simulator uses it: counted down by all, waited for by all. */
import type { SharedLatch } from '../../../lib/tools/latch.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** As in `latch-model.ts`. */
const COUNT = 20
/** For how long one waits, in ms, at most: it may never open. */
const PATIENCE_MS = 3_000

/** The latch in the hands of one process. */
class OpenLatch implements OpenTool {
  readonly #latch: SharedLatch
  readonly #calls: ToolCalls

  constructor(latch: SharedLatch, calls: ToolCalls) {
    this.#latch = latch
    this.#calls = calls
  }

  act(random: Random): boolean {
    if (random.chance(0.5)) {
      void this.#calls.run('countDown', [], () => this.#latch.countDown())
      return true
    }
    const abort = new AbortController()
    this.#calls.after(random.between(0, PATIENCE_MS), () => abort.abort())
    void this.#calls.run('wait', [], async () => {
      await this.#latch.wait({ signal: abort.signal })
      return null
    })
    return true
  }

  close(): Promise<void> {
    return this.#latch.close()
  }
}

export const latch: SimTool = {
  name: 'latch',
  async load() {
    const { latchKind } = await import('../../../lib/tools/latch.ts')
    return {
      open: (place, use) => use(latchKind, { count: COUNT }, (handle) => new OpenLatch(handle, new ToolCalls(place))),
    }
  },
}
