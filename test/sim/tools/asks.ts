/** Requests to a group, as the simulator makes and answers them. */
import type { Group } from '../../../lib/group.ts'
import type { RequestOptions } from '../../../lib/tools/replies.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls, type ToolPlace } from './tool.ts'

/** How often a handler throws, and how often it answers later, after so many ms at most. */
const THROW_CHANCE = 0.1
const LATER = { chance: 0.5, ms: 300 }
/** How often a request is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** One group in the hands of one process. */
class OpenAsks implements OpenTool {
  readonly #group: Group
  readonly #calls: ToolCalls

  constructor(group: Group, { process, world, ...place }: ToolPlace) {
    this.#group = group
    this.#calls = new ToolCalls({ process, world, ...place })
    const chance = world.scenario.random.fork(`asks/${process.id}/${process.now}`)
    const { name: g, write } = this.#calls.place
    group.addEventListener('view', () => write({ e: 'leads', g, leader: group.leader, token: null }))
    group.respond((value) => this.#answer(value as number, process.id, chance))
  }

  #answer(value: number, self: string, chance: Random): unknown {
    const draw = chance.next()
    if (draw < THROW_CHANCE) throw new RangeError(`${self} ${value}`)
    const reply = [self, value]
    return chance.chance(LATER.chance) ? this.#calls.pause(chance.between(0, LATER.ms)).then(() => reply) : reply
  }

  act(random: Random, value: number): boolean {
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    const replies = random.pick(['all', 'all', 'first', 'majority', 2] as const) ?? 'all'
    void this.#calls.run('askAll', [value, replies], () => this.#ask(value, { replies, signal: abort.signal }))
    return true
  }

  async #ask(value: number, options: RequestOptions): Promise<unknown> {
    const { view, entries } = await this.#group.request(value, options)
    const all = [...entries].map(([id, entry]) => [id, entry.status, entry.status === 'reply' ? entry.value : null])
    return [view.id, all]
  }

  close(): Promise<void> {
    return this.#group.close()
  }
}

export const asks: SimTool = {
  name: 'asks',
  async load() {
    const { groupKind } = await import('../../../lib/group.ts')
    const { EventNumbers } = await import('../../../lib/event-numbers.ts')
    const none = { whenLeader: () => Promise.reject(), serve: () => Promise.reject(), makeSponsor: null }
    return {
      isPlain: true,
      open: (place, use) => {
        const draw = place.world.scenario.random.fork('asks')
        const order = draw.pick(['fifo', 'causal', 'total'] as const) ?? 'total'
        const consistency = order === 'total' && draw.chance(0.5) ? 'consistent' : 'available'
        const options = { order, consistency, uniform: draw.chance(0.3) } as const
        return use(groupKind(options, new EventNumbers(), none), options, (group) => new OpenAsks(group, place))
      },
    }
  },
}
