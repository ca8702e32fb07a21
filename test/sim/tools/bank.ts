/**
 * A total map, as the simulator uses it: accounts between which money is transferred, so that the sum stays the same in
 * whatever is read at one moment; tallies that are counted up by `update`; and notes that are written in all other ways.
 */
import type { TotalMap } from '../../../lib/objects/total-map.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** What each account begins with; `history-models.ts` knows these as well. */
const START = 100
const ACCOUNTS = ['a0', 'a1', 'a2'] as const
const OTHERS = 2
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** The bank in the hands of one process. */
class OpenBank implements OpenTool {
  readonly #map: TotalMap<number>
  readonly #calls: ToolCalls

  constructor(map: TotalMap<number>, calls: ToolCalls) {
    this.#map = map
    this.#calls = calls
  }

  act(random: Random, value: number): boolean {
    const map = this.#map
    const calls = this.#calls
    const draw = random.next()
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) calls.after(random.between(0, 300), () => abort.abort())
    const options = { signal: abort.signal }
    if (draw < 0.35) {
      const [from = 'a0', to = 'a1'] = random.shuffle(ACCOUNTS)
      const amount = random.int(30) + 1
      void calls.run('transfer', [from, to, amount], () =>
        map.transaction((view) => {
          const held = [view.get(from) ?? START, view.get(to) ?? START] as const
          view.set(from, held[0] - amount).set(to, held[1] + amount)
          return held
        }, options),
      )
    } else if (draw < 0.5) {
      void calls.run('audit', [], () =>
        map.transaction((view) => ACCOUNTS.map((each) => view.get(each) ?? START), options),
      )
    } else if (draw < 0.7) {
      const key = `t${random.int(OTHERS)}`
      void calls.run('update', [key], async () => (await map.update(key, (now = 0) => now + 1, options)).value)
    } else this.#note(`n${random.int(OTHERS)}`, draw, { value, options })
    return true
  }

  #note(key: string, draw: number, { value, options }: { value: number; options: { signal: AbortSignal } }): void {
    const map = this.#map
    if (draw < 0.8) void this.#calls.run('set', [key, value], () => map.set(key, value, options))
    else if (draw < 0.88) void this.#calls.run('delete', [key], () => map.delete(key, options))
    else {
      const version = map.versionOf(key)
      void this.#calls.run('compareAndSet', [key, version, value], () =>
        map.compareAndSet(key, version, value, options),
      )
    }
  }

  close(): Promise<void> {
    return this.#map.close()
  }
}

export const bank: SimTool = {
  name: 'bank',
  async load() {
    const { totalMapKind } = await import('../../../lib/objects/total-map.ts')
    return {
      open(place, use) {
        const whenNotPrimary = place.world.scenario.random.fork('bank').chance(0.3) ? 'reject' : 'wait'
        const options = { consistency: 'total', whenNotPrimary } as const
        return use(totalMapKind, options, (handle) => {
          // Nothing but numbers is ever written.
          return new OpenBank(handle as unknown as TotalMap<number>, new ToolCalls(place))
        })
      },
    }
  },
}
