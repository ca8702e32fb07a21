/**
 * A world for measuring: every frame takes 40 ms, nothing else takes time but the storage of votes, and connections come
 * up one by one within 60–700 ms, as everywhere in the simulator. No two processes share an origin.
 */

import { Network } from '../network.ts'
import { openGroup } from '../objects.ts'
import { Origins } from '../origins.ts'
import { PageTask, SimProcess } from '../process.ts'
import { Random } from '../random.ts'
import { DEFAULT_OPTIONS, type Scenario } from '../scenario.ts'
import { World } from '../world.ts'

/** One-way delay, in ms. */
const DELAY = 40

/** A view of the space as an application is told of it. */
interface View {
  readonly t: number
  readonly id: string
  readonly members: readonly string[]
  /** Null: the view of itself alone in which every process begins. */
  readonly prev: string | null
  readonly primary: boolean
}

/** Processes, and what of their views matters for time. */
export class Stage {
  readonly world: World
  readonly network: Network
  readonly processes: SimProcess[] = []
  /** When somebody first proposed a view since `begin`. */
  proposedAt: number = Number.NaN
  /** When a kernel was first told of a path since `begin`. */
  linkedAt: number = Number.NaN
  /** The last install since `begin`. */
  installedAt: number = Number.NaN
  /** The views that anybody has installed since `begin`, and proposals that were given up. */
  readonly views: Set<string> = new Set()
  restarts = 0
  readonly #origins: Origins
  readonly #views = new Map<string, View>()
  readonly #draw: Random

  constructor(seed: number) {
    const scenario = constantScenario(seed)
    this.world = new World(scenario)
    this.network = new Network(this.world, this.processes)
    this.#origins = new Origins(this.world, this.processes)
    this.#draw = scenario.random.fork('stage')
    this.network.linkUp = () => {
      if (Number.isNaN(this.linkedAt)) this.linkedAt = this.world.now
    }
    this.world.trace.watch = (line) => {
      if (line.e === 'propose' && Number.isNaN(this.proposedAt)) this.proposedAt = line.t
      if (line.e === 'restart' || line.e === 'refused') this.restarts += 1
      if (line.e === 'view' && line['g'] === '' && line.p !== undefined) this.#sawView(line.p, line as unknown as View)
    }
  }

  /** Starts a process. */
  join(): SimProcess {
    const number = this.processes.length + 1
    const id = `${String.fromCharCode(97 + this.#draw.int(26))}${number}`
    const process = new SimProcess(
      { id, site: `s${number}`, origin: `https://${number}.example` },
      { world: this.world, network: this.network, origins: this.#origins },
    )
    this.processes.push(process)
    this.network.enter(process)
    process.start()
    return process
  }

  /** Starts processes at random moments within `within` ms. */
  joinAll(count: number, within: number): void {
    for (let i = 0; i < count; i += 1)
      this.world.call(this.world.now + this.#draw.between(0, within), () => this.join())
  }

  /** From here on is measured. */
  begin(): void {
    this.proposedAt = this.linkedAt = this.installedAt = Number.NaN
    this.views.clear()
    this.restarts = 0
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.world.run(this.world.now + ms)
  }

  /** Lets time pass until all that run are in one primary view of just themselves; throws after `atMost` ms. */
  async settle(atMost: number): Promise<void> {
    const end = this.world.now + atMost
    while (this.world.now < end) {
      await this.pass(10)
      if (this.isOne()) return
    }
    throw new Error(`no single primary view of ${this.#running().length} processes within ${atMost} ms`)
  }

  /** Every process opens a map and writes into it now and then, for `ms`. */
  async write(ms: number): Promise<void> {
    const { world } = this
    const template = { name: 'c', kind: 'map', isCore: true } as const
    for (const process of this.#running()) {
      const run = (): void => {
        const { handle } = openGroup(world, process, template, () => undefined)
        if (handle.kind !== 'map') return
        const { object } = handle
        const set = (): void => {
          if (!process.isActive || world.now > end) return
          if (process.app.isWritable) object.set('k', world.now)
          world.at(world.now + this.#draw.between(50, 500), new PageTask(process, set))
        }
        world.at(world.now + 3_000, new PageTask(process, set))
      }
      world.at(world.now, new PageTask(process, run))
    }
    const end = world.now + 3_000 + ms
    await this.pass(4_000)
  }

  /** Is there one primary view, of all that run and nobody else? */
  isOne(): boolean {
    const running = this.#running()
    const first = this.#views.get(running[0]?.id ?? '')
    if (first === undefined || !first.primary || first.members.length !== running.length) return false
    return running.every(({ id }) => this.#views.get(id)?.id === first.id)
  }

  /** One of those that run, by rank in the view they share; 0: the coordinator. */
  ranked(rank: number): SimProcess {
    const [first] = this.#running()
    const id = this.#views.get(first?.id ?? '')?.members[rank]
    const process = this.processes.find((p) => p.id === id)
    if (process === undefined) throw new RangeError(`nobody of rank ${rank}`)
    return process
  }

  #sawView(p: string, view: View): void {
    this.#views.set(p, view)
    if (view.prev === null) return
    this.views.add(view.id)
    this.installedAt = view.t
  }

  #running(): SimProcess[] {
    return this.processes.filter((process) => process.isRunning && !process.isLeaving)
  }
}

function constantScenario(seed: number): Scenario {
  return {
    seed,
    options: DEFAULT_OPTIONS,
    processes: 0,
    groups: 4,
    origins: 'mixed',
    isLan: false,
    delayMin: DELAY,
    delayMean: DELAY,
    spikeChance: 0,
    isOneFifo: false,
    isCoded: false,
    portMs: 0,
    batchMs: 0,
    lateMs: 0,
    isTotalConsistent: false,
    strong: null,
    random: new Random(`timing/${seed}`),
  }
}
