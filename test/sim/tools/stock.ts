/** A bounded counter, as the simulator uses it: a stock that is never below zero, and ids that are given out once. */
import type { BoundedCounter } from '../../../lib/objects/bounded-counter.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** Never more than that; `stock-model.ts` knows it as well. */
const STOCK_MAX = 20
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** The stock in the hands of one process. */
class OpenStock implements OpenTool {
  readonly #stock: BoundedCounter
  readonly #calls: ToolCalls

  constructor(stock: BoundedCounter, calls: ToolCalls) {
    this.#stock = stock
    this.#calls = calls
  }

  act(random: Random): boolean {
    const stock = this.#stock
    const draw = random.next()
    const n = random.int(9) - 4 || 1
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    const options = { signal: abort.signal }
    if (draw < 0.2) void this.#calls.run('read', [], () => stock.read(options))
    else if (draw < 0.75) void this.#calls.run('add', [n], () => stock.add(n, options))
    else void this.#calls.run('block', [Math.abs(n)], () => stock.block(Math.abs(n), options))
    return true
  }

  close(): Promise<void> {
    return this.#stock.close()
  }
}

export const stock: SimTool = {
  name: 'stock',
  async load() {
    const { boundedCounterKind } = await import('../../../lib/objects/bounded-counter.ts')
    return {
      open: (place, use) =>
        use(boundedCounterKind, { min: 0, max: STOCK_MAX }, (handle) => new OpenStock(handle, new ToolCalls(place))),
    }
  },
}
