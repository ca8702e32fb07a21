/**
 * A simulated process: the kernel, the real application side of the port, and the port between them with its delay.
 *
 * A frozen process does nothing and finds what came meanwhile when it thaws; its clock may have stood still. A stalled page
 * is blocked while its kernel goes on. A crashed process is gone between one event and the next.
 */

import { AppSide } from '../../lib/app-port.ts'
import type { AppEvent, Command, Effect, Input, KernelHandle, VoteRecord } from '../../lib/kernel/api.ts'
import { Kernel } from '../../lib/kernel/kernel.ts'
import type { Limits } from '../../lib/kernel/limits.ts'
import type { StoreCommand, StoreNote } from '../../lib/storage/messages.ts'
import { Due } from './heap.ts'
import { Keeping, type KeepingSetting } from './keeping.ts'
import { GARBLED, type Network, type Path } from './network.ts'
import type { Origins } from './origins.ts'
import type { Random } from './random.ts'
import {
  BIG_LIMITS,
  ENGINES_LIMITS,
  isBig,
  isLagging,
  LAG_LIMITS,
  LARGE_LAG_LIMITS,
  type Scenario,
  TRANSFER_LIMITS,
} from './scenario.ts'
import { buggifyUnder, type Clock, clockUnder, limitsUnder } from './strain.ts'
import type { RawLine } from './trace.ts'
import type { World } from './world.ts'

/** Where a process comes from. */
export interface ProcessPlace {
  readonly id: string
  readonly site: string
  /** Its web origin, or `''`. */
  readonly origin: string
  /** Of its vote; 1 if not said. */
  readonly weight?: number
  readonly isWitness?: boolean
}

/** What a process needs of the world. */
export interface Surroundings {
  readonly world: World
  readonly network: Network
  readonly origins: Origins
  /** Null, absent: nothing is stored but votes. */
  readonly keeping?: KeepingSetting | null
}

/** A cast that the kernel has stamped and does not know to be stable. */
interface OpenSend {
  readonly n: number
  readonly t: number
}

/** One process. */
export class SimProcess {
  readonly id: string
  readonly site: string
  readonly origin: string
  readonly isWitness: boolean
  readonly app: AppSide
  readonly kernel: KernelHandle
  /** Open paths by peer. Kept by the network. */
  readonly paths: Map<string, Path> = new Map()
  /** The grants of items that were written to the trace as its own. Kept by `queue-trace.ts`. */
  readonly written: Set<string> = new Set()
  /** Whom it ever had a path to: whose locks it has seen held. */
  readonly met: Set<SimProcess> = new Set()
  /** It counts for its origin as being in a line. */
  isInLine = false
  /** What a survivor finds in its storage; it begins with the record of one that has not voted yet. */
  record: VoteRecord | null = { last: null, attempt: null }
  /** A write that may or may not be durable should it crash now. */
  writing: VoteRecord | null = null
  /** When the last write that was asked for is through, in virtual ms. */
  writtenAt = 0
  isFrozen = false
  isLeaving = false
  stalledUntil = 0
  readonly startedAt: number
  /** What is told of what is stored; it is given to the application side as well. */
  storeNote: (note: StoreNote) => void = () => undefined
  readonly #keeping: Keeping | null
  /** What happens at the worker while it is frozen, beside the kernel. */
  #workerBacklog: (() => void)[] = []
  readonly #clock: Clock
  readonly #strain: Random
  /** Its timers fire at whole periods only, until then. */
  #throttled = { until: 0, periodMs: 0 }
  /** What it does takes up to so long, until then. */
  #slow = { until: 0, ms: 0 }
  /** How far its clock is behind the world's, in ms: it stood still so long. */
  #behind = 0
  #frozenAt = 0
  readonly #around: Surroundings
  readonly #port: Random
  #phase: 'running' | 'stopped' | 'crashed' = 'running'
  #backlog: Input[] = []
  #pageBacklog: PageTask[] = []
  #isPageArmed = false
  #batch: Input[] | null = null
  #lastUp = 0
  #lastDown = 0
  #wakeAt = Number.POSITIVE_INFINITY
  #openSends: OpenSend[] = []

  constructor(place: ProcessPlace, around: Surroundings) {
    const { id, site, origin, weight = 1, isWitness = false } = place
    const { world } = around
    this.id = id
    this.site = site
    this.origin = origin
    this.isWitness = isWitness
    this.#around = around
    this.startedAt = world.now
    this.#port = world.scenario.random.fork(`port/${id}`)
    const chance = world.scenario.random.fork(`kernel/${id}`)
    const { strain = {} } = world.scenario
    this.#clock = clockUnder(strain, world.scenario.random.fork(`clock/${id}`))
    this.#strain = world.scenario.random.fork(`strain/${id}`)
    const store = around.keeping?.stores.at(place).name
    world.trace.world(world.now, {
      ...{ e: 'start', p: id, site, origin },
      ...(isWitness ? { witness: true } : {}),
      ...(store === undefined ? {} : { store }),
      ...(strain.drift === undefined ? {} : { clock: this.#clock }),
    })
    const isOriginDeciding = world.scenario.origins === 'tabs'
    this.kernel = new Kernel(
      {
        random: () => chance.next(),
        trace: (line) => this.#traceKernel(line),
        ...buggifyUnder(strain, world.scenario.random.fork(`buggify/${id}`), (site) =>
          world.trace.world(world.now, { e: 'buggify', q: id, site }),
        ),
      },
      {
        self: id,
        name: id,
        origin,
        foundAfterMs: isOriginDeciding ? 0 : 1_000,
        weight,
        isWitness,
        limits: { ...limitsUnder(strain, this.#strain.fork('limits')), ...limitsOf(world.scenario) },
      },
    )
    this.#keeping =
      around.keeping == null
        ? null
        : new Keeping({
            ...around.keeping,
            world,
            process: this,
            up: (events) => this.#sendUp(events),
            note: (note) => this.#noteUp(note),
          })
    this.app = new AppSide({
      self: id,
      ...(this.#keeping === null ? {} : { store: (command) => this.store(command) }),
      now: () => this.now,
      ...(isLagging(world.scenario) ? { consumedStep: 1 } : {}),
      send: (commands) => this.#sendDown(commands),
      schedule: (fn) => world.schedule(fn),
      after: (ms, fn) => this.#after(ms, fn),
      defer: (fn) => void this.#after(0, fn),
      trace: (line) => world.trace.app(world.now, id, line),
      space: (event) => {
        if (event.type === 'lineLost') world.trace.app(world.now, id, { e: 'lineLost', line: event.line })
      },
      fault: (peer, code, detail) => {
        if (code === GARBLED) return
        if ((code === 'counter-fold' || code === 'map-fold') && world.excuse()) return
        const reason = detail instanceof Error ? ` (${detail.stack ?? detail.message})` : ''
        world.fail(
          'fault',
          `at ${world.now} ms the application of ${id} meets ${code} of ${peer || 'its own'}${reason}`,
        )
      },
    })
  }

  /** Ended by a crash. */
  get isCrashed(): boolean {
    return this.#phase === 'crashed'
  }

  /** Lives, and has not left. It may be frozen. */
  get isRunning(): boolean {
    return this.#phase === 'running'
  }

  /** The page may do something now. */
  get isActive(): boolean {
    return this.isRunning && !this.isFrozen && !this.isLeaving && this.stalledUntil <= this.#around.world.now
  }

  /** Its own clock. */
  get now(): number {
    return this.#shows(this.#around.world.now)
  }

  /** What its clock shows at a moment from now on. */
  #shows(t: number): number {
    const { offset, rate } = this.#clock
    return offset + (t - this.#behind) * rate
  }

  /** When its clock will show that. */
  #worldTime(own: number): number {
    const { offset, rate } = this.#clock
    return (own - offset) / rate + this.#behind
  }

  /** Casts on their way for at most `ms`, not known to be stable. */
  countUnstable(ms: number): number {
    const since = this.#around.world.now - ms
    let count = 0
    for (const { t } of this.#openSends) if (t >= since) count += 1
    return count
  }

  /** The kernel's first step, and soon the news that the transports have looked around. */
  start(): void {
    this.input({ type: 'wake' })
    const { world } = this.#around
    const wait = this.origin === '' ? this.#port.between(50, 1_000) : this.#port.between(2, 120)
    world.call(world.now + wait, () => this.input({ type: 'searched' }))
  }

  /** Something happens to the kernel. */
  input(input: Input): void {
    if (this.#phase !== 'running') return
    if (this.isFrozen) {
      this.#backlog.push(input)
      return
    }
    const { world } = this.#around
    const batchMs = Math.max(world.scenario.batchMs, this.#slowMs)
    if (this.#batch !== null) {
      this.#batch.push(input)
      return
    }
    if (batchMs === 0) return this.#step([input])
    this.#batch = [input]
    world.at(world.now + this.#port.next() * batchMs, new Batch(this))
  }

  /** Hands what has gathered to the kernel. */
  flushBatch(): void {
    const inputs = this.#batch
    this.#batch = null
    if (inputs === null || this.#phase !== 'running') return
    if (this.isFrozen) this.#backlog.push(...inputs)
    else this.#step(inputs)
  }

  /** The kernel's timer. */
  wake(due: Wake): void {
    if (due.at !== this.#wakeAt || this.#phase !== 'running') return
    this.#wakeAt = Number.POSITIVE_INFINITY
    if (this.isFrozen) return
    if (this.kernel.nextWake > this.now) this.#armWake()
    else if (this.#slowMs > 0) this.input({ type: 'wake' })
    else this.#step([{ type: 'wake' }])
  }

  /** Something happens at its worker, beside the kernel, also when that has stopped; a frozen one finds it when it thaws. */
  worker(fn: () => void): void {
    if (this.#phase === 'crashed') return
    this.#around.world.touchPage()
    if (this.isFrozen) this.#workerBacklog.push(fn)
    else fn()
  }

  /** Are its objects stored? */
  get isKeeping(): boolean {
    return this.#keeping !== null
  }

  /** Asks something of what is stored, in order with what is sent to the kernel. */
  store(command: StoreCommand): void {
    const { world } = this.#around
    const t = Math.max(this.#lastDown, world.now + this.#portDelay())
    this.#lastDown = t
    world.call(t, () => this.worker(() => this.#keeping?.handle(command)))
  }

  /** Runs a task of the page, now or when the page can; what waits keeps its order. */
  page(task: PageTask): void {
    if (this.#phase === 'crashed') return
    const { world } = this.#around
    if (this.isFrozen || world.now < this.stalledUntil || this.#pageBacklog.length > 0) {
      this.#pageBacklog.push(task)
      this.#armPage()
      return
    }
    world.touchPage()
    task.run()
  }

  /** Puts a task off whose time has not come, because the clock stood still meanwhile. */
  waitUntil(from: number, task: PageTask): boolean {
    const { world } = this.#around
    if (from - this.now < 0.01) return false
    world.at(this.#worldTime(from), task)
    return true
  }

  #armPage(): void {
    if (this.isFrozen || this.#isPageArmed) return
    const { world } = this.#around
    this.#isPageArmed = true
    world.call(Math.max(world.now, this.stalledUntil), () => {
      this.#isPageArmed = false
      this.#drainPage()
    })
  }

  #drainPage(): void {
    const { world } = this.#around
    while (this.#pageBacklog.length > 0) {
      if (this.#phase === 'crashed' || this.isFrozen) return
      if (world.now < this.stalledUntil) {
        this.#armPage()
        return
      }
      world.touchPage()
      this.#pageBacklog.shift()?.run()
    }
  }

  crash(): void {
    if (this.#phase !== 'running') return
    const { world, network, origins } = this.#around
    this.#phase = 'crashed'
    world.trace.world(world.now, { e: 'crash', q: this.id })
    network.crashed(this)
    origins.died(this)
    this.#keeping?.died()
  }

  /** Its page and its worker are gone, whether it has said goodbye or not. */
  unload(): void {
    if (this.#phase === 'running') return this.crash()
    if (this.#phase === 'crashed') return
    this.#phase = 'crashed'
    this.#keeping?.died()
  }

  freeze(): void {
    if (!this.isRunning || this.isFrozen) return
    this.isFrozen = true
    // What had gathered comes before what arrives while it is frozen.
    if (this.#batch !== null) this.#backlog.push(...this.#batch)
    this.#batch = null
    this.#frozenAt = this.#around.world.now
    this.#around.world.trace.world(this.#around.world.now, { e: 'freeze', q: this.id })
  }

  /** `isClockStill`: to it, no time has passed. */
  thaw(isClockStill = false): void {
    if (!this.isRunning || !this.isFrozen) return
    const { world, network } = this.#around
    this.isFrozen = false
    if (isClockStill) this.#behind += world.now - this.#frozenAt
    const stood = isClockStill ? { stood: world.now - this.#frozenAt } : {}
    world.trace.world(world.now, { e: 'thaw', q: this.id, ...stood })
    const inputs = this.#backlog
    this.#backlog = []
    const isTimerFirst = this.#port.chance(0.5)
    if (isTimerFirst) this.#step([{ type: 'wake' }])
    for (const input of inputs) this.input(input)
    if (!isTimerFirst) this.input({ type: 'wake' })
    for (const fn of this.#workerBacklog.splice(0)) this.worker(fn)
    if (this.#pageBacklog.length > 0) this.#armPage()
    network.thawed(this)
  }

  /** Its page does nothing for so long, while its kernel goes on, and comes back of itself. */
  lag(ms: number): void {
    const { world } = this.#around
    this.stalledUntil = Math.max(this.stalledUntil, world.now + ms)
    world.trace.world(world.now, { e: 'stall', q: this.id, ms })
  }

  /** Its page does nothing for a moment. */
  pause(ms: number): void {
    const { world } = this.#around
    this.stalledUntil = Math.max(this.stalledUntil, world.now + ms)
    world.trace.world(world.now, { e: 'pause', q: this.id, ms })
  }

  /** Its timers fire once in so many ms at most, as those of a hidden page. */
  throttle(ms: number, periodMs: number): void {
    const { world } = this.#around
    this.#throttled = { until: world.now + ms, periodMs }
    world.trace.world(world.now, { e: 'throttle', q: this.id, ms })
  }

  /** All that its worker does takes up to so long. */
  slowDown(ms: number, stepMs: number): void {
    const { world } = this.#around
    this.#slow = { until: world.now + ms, ms: stepMs }
    world.trace.world(world.now, { e: 'slowCpu', q: this.id, ms })
  }

  /** What strains it for a time is over. */
  ease(): void {
    this.stalledUntil = 0
    this.#slow = { until: 0, ms: 0 }
    if (this.#throttled.until <= this.#around.world.now) return
    this.#throttled = { until: 0, periodMs: 0 }
    this.#wakeAt = Number.POSITIVE_INFINITY
    if (this.isRunning) this.#armWake()
  }

  get #slowMs(): number {
    const { until, ms } = this.#slow
    return until > this.#around.world.now ? ms : 0
  }

  /** When a timer set for that moment fires. */
  #timerAt(t: number): number {
    const { until, periodMs } = this.#throttled
    return t >= until ? t : Math.min(until, Math.ceil(t / periodMs) * periodMs)
  }

  /** Its path to a process that is gone ends. */
  downFrom(peer: SimProcess): void {
    this.#around.network.downTo(this, peer.id)
  }

  /** Gives up whoever is missing. */
  refound(): void {
    if (!this.isActive || !this.app.isWanting) return
    this.#around.world.touchPage()
    this.app.refound()
    this.app.flush()
  }

  /** Its page is told that it is about to be frozen: what its kernel has to say goes out in this moment. */
  suspend(): void {
    if (!this.isActive) return
    this.#around.world.touchPage()
    this.app.suspend()
  }

  /** Its page is told that it goes on. */
  resume(): void {
    if (!this.isActive) return
    this.#around.world.touchPage()
    this.app.resume()
  }

  /** Leaves the space for good. */
  leave(isQuick: boolean): void {
    if (!this.isActive) return
    this.isLeaving = true
    this.#around.world.touchPage()
    this.app.leave(isQuick)
  }

  #step(inputs: readonly Input[]): void {
    if (this.#phase !== 'running') return
    const { world } = this.#around
    world.events += inputs.length
    let effects: readonly Effect[]
    try {
      effects = this.kernel.step(this.now, inputs)
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      world.fail('exception', `at ${world.now} ms the kernel of ${this.id} throws: ${reason}`)
      return
    }
    let events: AppEvent[] | null = null
    for (const effect of effects) {
      if (effect.type === 'app') {
        if (effect.event.type === 'stable') this.#noteStable(effect.event)
        events ??= []
        events.push(effect.event)
      } else this.#carryOut(effect)
    }
    if (events !== null) this.#sendUp(this.#keeping === null ? events : this.#keeping.observe(events))
    this.#armWake()
  }

  #carryOut(effect: Exclude<Effect, { type: 'app' }>): void {
    const { world, network, origins } = this.#around
    switch (effect.type) {
      case 'send':
        return network.send(this, effect.peer, effect.channel, effect.frame)
      case 'persist':
        return origins.persist(this, effect.ticket, effect.record)
      case 'requestFound':
        return origins.requestFound(this)
      case 'giveUpFound':
        this.isInLine = false
        return
      case 'inLine':
        this.isInLine = true
        return
      case 'fault':
        if (effect.code !== GARBLED)
          world.fail('fault', `at ${world.now} ms ${this.id} finds ${effect.peer} at fault: ${effect.code}`)
        if (effect.fatal) network.close(this, effect.peer)
        return
      case 'stopped':
        this.#phase = 'stopped'
        network.left(this)
        origins.died(this)
        this.#keeping?.drain()
        return
      default:
        return effect satisfies never
    }
  }

  #armWake(): void {
    const nextWake = this.#timerAt(this.#worldTime(this.kernel.nextWake))
    if (nextWake >= this.#wakeAt || this.#phase !== 'running') return
    const { world } = this.#around
    const { lateMs } = world.scenario
    this.#wakeAt = nextWake
    const late = lateMs > 0 ? this.#port.next() * lateMs : 0
    if (nextWake !== Number.POSITIVE_INFINITY)
      world.at(Math.max(world.now + 0.01, nextWake) + late, new Wake(this, nextWake))
  }

  #sendUp(events: readonly AppEvent[]): void {
    const { world } = this.#around
    const t = Math.max(this.#lastUp, world.now + this.#portDelay())
    this.#lastUp = t
    const at = this.now
    world.at(t, new PageTask(this, () => this.app.receive(events, at)))
  }

  #sendDown(commands: readonly Command[]): void {
    const { world } = this.#around
    const t = Math.max(this.#lastDown, world.now + this.#portDelay())
    this.#lastDown = t
    const keeping = this.#keeping
    if (keeping === null) return world.call(t, () => this.input({ type: 'commands', commands }))
    world.call(t, () => this.worker(() => this.input({ type: 'commands', commands: keeping.pass(commands) })))
  }

  #noteUp(note: StoreNote): void {
    const { world } = this.#around
    const t = Math.max(this.#lastUp, world.now + this.#portDelay())
    this.#lastUp = t
    world.at(
      t,
      new PageTask(this, () => {
        if (note.type === 'restored') this.app.restored(note)
        this.storeNote(note)
      }),
    )
  }

  #portDelay(): number {
    const { portMs } = this.#around.world.scenario
    return portMs === 0 ? 0 : this.#port.next() * portMs
  }

  #after(ms: number, fn: () => void): () => void {
    const { world } = this.#around
    const task = new PageTask(this, fn, this.now + ms)
    // Like a platform's timers: in whole milliseconds, never at once.
    world.at(this.#timerAt(this.#worldTime(this.now + Math.max(1, Math.ceil(ms)))), task)
    return () => task.cancel()
  }

  #traceKernel(line: RawLine): void {
    const { world } = this.#around
    if (line.e === 'send') {
      const m = String(line['m'])
      this.#openSends.push({ n: Number(m.slice(m.lastIndexOf('#') + 1)), t: world.now })
    }
    world.trace.kernel(world.now, this.id, line)
  }

  #noteStable({ upTo, except }: Extract<AppEvent, { type: 'stable' }>): void {
    this.#openSends = this.#openSends.filter(({ n }) => n > upTo || except.includes(n))
  }
}

function limitsOf(scenario: Scenario): Partial<Limits> {
  const limits = workloadLimits(scenario)
  if (!isLagging(scenario)) return limits
  const areLarge = scenario.options.workload === 'transfer' || isBig(scenario)
  return { ...limits, ...(areLarge ? LARGE_LAG_LIMITS : LAG_LIMITS) }
}

function workloadLimits(scenario: Scenario): Partial<Limits> {
  const { workload } = scenario.options
  if (workload === 'engines') return ENGINES_LIMITS
  if (workload === 'transfer') return TRANSFER_LIMITS
  return isBig(scenario) ? BIG_LIMITS : {}
}

/** A task of a page; waits while the page is frozen or blocked. */
export class PageTask extends Due {
  readonly #process: SimProcess
  readonly #from: number
  #fn: (() => void) | null

  /** @param from by the clock of the process, it does not run before that. */
  constructor(process: SimProcess, fn: () => void, from = Number.NEGATIVE_INFINITY) {
    super()
    this.#process = process
    this.#from = from
    this.#fn = fn
  }

  override fire(): void {
    if (this.#fn !== null) this.#process.page(this)
  }

  /** Runs it; called by the process alone. */
  run(): void {
    if (this.#process.waitUntil(this.#from, this)) return
    const fn = this.#fn
    this.#fn = null
    fn?.()
  }

  cancel(): void {
    this.#fn = null
  }
}

class Batch extends Due {
  readonly #process: SimProcess

  constructor(process: SimProcess) {
    super()
    this.#process = process
  }

  override fire(): void {
    this.#process.flushBatch()
  }
}

class Wake extends Due {
  readonly at: number
  readonly #process: SimProcess

  constructor(process: SimProcess, at: number) {
    super()
    this.#process = process
    this.at = at
  }

  override fire(): void {
    this.#process.wake(this)
  }
}
