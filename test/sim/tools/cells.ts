/** The least object that is a machine, as the simulator uses it. See `cells-machine.ts`. */

import type { MachineReplica } from '../../../lib/objects/machine-replica.ts'
import type { Machine } from '../../../lib/objects/state-machine.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

const KEYS = 3
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** The cells in the hands of one process. */
class OpenCells implements OpenTool {
  readonly #cells: MachineReplica<Machine>
  readonly #calls: ToolCalls
  /** The versions that it has seen last. */
  readonly #versions = new Map<string, number>()

  constructor(cells: MachineReplica<Machine>, calls: ToolCalls) {
    this.#cells = cells
    this.#calls = calls
  }

  act(random: Random, value: number): boolean {
    const key = `k${random.int(KEYS)}`
    const draw = random.next()
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    const call = (f: string, ...args: unknown[]): Promise<unknown> =>
      this.#calls.run(f, [key, ...args], () => this.#cells.call([f, key, ...args], { signal: abort.signal }))
    if (draw < 0.3) {
      void call('read').then((cell) => {
        if (cell !== undefined) this.#versions.set(key, (cell as [number, unknown])[0])
      })
    } else if (draw < 0.6) void call('write', value)
    else void call('cas', value, this.#versions.get(key) ?? 0)
    return true
  }

  close(): Promise<void> {
    this.#cells.stop()
    return this.#cells.port.close()
  }
}

export const cells: SimTool = {
  name: 'cells',
  async load() {
    const { cellsKind } = await import('./cells-machine.ts')
    return {
      open(place, use) {
        const whenNotPrimary = place.world.scenario.random.fork('cells').chance(0.3) ? 'reject' : 'wait'
        const options = { leaseMs: BOUNDS.lease, whenNotPrimary } as const
        return use(cellsKind, options, (replica) => new OpenCells(replica, new ToolCalls(place)))
      },
    }
  },
}
