/**
 * Random operations over several groups and all orders.
 *
 * The moments are drawn before the run, most of them just before the faults, so that faults strike while casts are
 * unstable; who does what is drawn when it happens, from who is able to.
 */
import { BusyError, ClosedError, NotPrimaryError } from '../../lib/errors.ts'
import type { SharedQueue } from '../../lib/objects/queue.ts'
import type { TakenItem } from '../../lib/objects/taken-item.ts'
import type { Fault } from './faults.ts'
import { type GroupTemplate, makeTemplates, type OpenGroup, openGroup } from './objects.ts'
import { PageTask, type SimProcess } from './process.ts'
import type { Random } from './random.ts'
import { BY_NAME_KINDS, isBig, type Scenario, TIMES, type WorkloadName } from './scenario.ts'
import { toolOf } from './tools/all.ts'
import { bigValue, longValue, type Value } from './value.ts'
import { tryToJoin } from './vote-draw.ts'
import type { World } from './world.ts'

/** Share of the operations that come just before faults. */
const BURST_SHARE = 0.6
/** An operation that nobody can do now is tried again after so many ms. */
const RETRY_MS = 40
/** So many more operations after a page has begun to lag, within so many ms. */
const LAG_OPS = 60
const LAG_OPS_MS = 8_000
/** So many more operations while a page dozes. */
const DOZE_OPS = 12
const KEYS = 12
/** Keys of maps whose states are to be large. */
const MANY_KEYS = 40
/** Within so many ms what nobody is in a hurry with is opened. */
const LATE_MS = 8_000
/** How often a value is big, and its sizes. */
const BIG = { chance: 0.1, min: 1_000, max: 60_000 }
/** Sizes of values that make states large. */
const LONG = { min: 100, max: 1_500 }

/** How often each kind of object is chosen. */
const WEIGHTS: Readonly<Record<WorkloadName, Readonly<Record<GroupTemplate['kind'], number>>>> = {
  mixed: { counter: 2, map: 4, log: 4, queue: 5, tool: 0 },
  available: { counter: 3, map: 5, log: 2, queue: 0, tool: 0 },
  consistent: { counter: 0, map: 1, log: 4, queue: 5, tool: 0 },
  queue: { counter: 0, map: 0, log: 0, queue: 0, tool: 1 },
  churn: { counter: 1, map: 1, log: 3, queue: 5, tool: 0 },
  big: { counter: 2, map: 4, log: 4, queue: 5, tool: 0 },
  uniform: { counter: 4, map: 6, log: 4, queue: 1, tool: 0 },
  engines: { counter: 1, map: 2, log: 7, queue: 4, tool: 0 },
  gbcast: { counter: 3, map: 4, log: 4, queue: 3, tool: 0 },
  votes: { counter: 2, map: 4, log: 4, queue: 5, tool: 0 },
  transfer: { counter: 1, map: 6, log: 2, queue: 4, tool: 0 },
  fold: { counter: 4, map: 5, log: 1, queue: 0, tool: 0 },
  domains: { counter: 3, map: 3, log: 5, queue: 1, tool: 0 },
  tools: { counter: 0, map: 0, log: 0, queue: 0, tool: 1 },
  calls: { counter: 0, map: 0, log: 0, queue: 0, tool: 1 },
  clients: { counter: 0, map: 0, log: 0, queue: 0, tool: 1 },
  snapshots: { counter: 3, map: 4, log: 4, queue: 3, tool: 3 },
  deals: { counter: 0, map: 0, log: 0, queue: 0, tool: 1 },
  kept: { counter: 0, map: 0, log: 0, queue: 0, tool: 1 },
}

/** Before a tool that is not ready is opened, in ms. */
const NOT_READY_MS = 200

/** How often an operation comes with a change of who is in a group. */
const CHANGE_CHANCE: Readonly<Record<WorkloadName, number>> = {
  mixed: 0.03,
  available: 0.03,
  consistent: 0.03,
  queue: 0.03,
  churn: 0.3,
  big: 0.03,
  uniform: 0.03,
  engines: 0.06,
  gbcast: 0.08,
  votes: 0.03,
  transfer: 0.1,
  fold: 0.2,
  domains: 0.12,
  tools: 0.05,
  calls: 0.05,
  clients: 0.08,
  snapshots: 0.05,
  deals: 0.05,
  kept: 0,
}

/** Of the operations, so many in `domains`: a cast that waits for one in another group takes several delays. */
const DOMAINS_SHARE = 0.4
/** And in `kept`, where what was done once is shown again and again. */
const KEPT_SHARE = 0.4
/** How often an operation comes with a process that becomes busy, or has time again, in `engines`. */
const BUSY_CHANCE = 0.04
/** There, how often it is done by who did the last one, so that somebody casts most. */
const AGAIN_CHANCE = 0.6

/** Draws when operations are done: most of them shortly before the faults, and more while pages lag. */
export function drawMoments(scenario: Scenario, faults: readonly Fault[]): number[] {
  const { options, random, isLan } = scenario
  const draw = random.fork('moments')
  // What lags or dozes comes on top of all else, so that this is as it would be without.
  const times = faults.filter(({ kind }) => !BY_NAME_KINDS.some((named) => named === kind)).map(({ at }) => at)
  const share = options.workload === 'domains' ? DOMAINS_SHARE : options.workload === 'kept' ? KEPT_SHARE : 1
  const moments = Array.from({ length: Math.ceil(options.ops * share) }, () => {
    const moment = draw.chance(BURST_SHARE) ? draw.pick(times) : undefined
    const spread = isLan ? 20 : 150
    return moment === undefined
      ? draw.between(TIMES.load, TIMES.lastOp)
      : Math.max(TIMES.load, moment - draw.between(-10, spread))
  })
  return [...moments, ...drawLagMoments(scenario, faults), ...drawDozeMoments(scenario, faults)]
}

/** While pages lag, so that somebody is held up. */
function drawLagMoments({ random }: Scenario, faults: readonly Fault[]): number[] {
  const draw = random.fork('lag-moments')
  const lags = faults.filter(({ kind }) => kind === 'lag')
  return lags.flatMap(({ at }) =>
    Array.from({ length: LAG_OPS }, () => Math.min(TIMES.lastOp, at + draw.between(100, LAG_OPS_MS))),
  )
}

/** While pages doze, so that what they do waits until they are back. */
function drawDozeMoments({ random }: Scenario, faults: readonly Fault[]): number[] {
  const draw = random.fork('doze-moments')
  const dozes = faults.filter(({ kind }) => kind === 'doze')
  return dozes.flatMap(({ at, ms }) => Array.from({ length: DOZE_OPS }, () => at + draw.between(0, ms)))
}

/** What the applications do. */
export class Workload {
  /** Operations done. */
  done = 0
  readonly #world: World
  readonly #random: Random
  readonly #processes: readonly SimProcess[]
  readonly #templates: readonly GroupTemplate[]
  readonly #open = new Map<SimProcess, Map<string, OpenGroup>>()
  #value = 0
  /** Who did the last operation, in `engines`. */
  #last: SimProcess | undefined

  constructor(world: World, processes: readonly SimProcess[]) {
    this.#world = world
    this.#processes = processes
    this.#random = world.scenario.random.fork('workload')
    this.#templates = makeTemplates(world.scenario)
  }

  /** Schedules the operations. */
  plan(moments: readonly number[]): void {
    for (const t of moments) this.#world.call(t, () => this.#doOne())
  }

  /** A new process opens its groups. */
  enter(process: SimProcess): void {
    this.#open.set(process, new Map())
    if (process.isWitness) return this.#world.call(this.#world.now + 2_000, () => tryToJoin(process))
    for (const template of this.#templates) {
      if (!template.isCore && !this.#random.chance(0.6)) continue
      if (template.share !== undefined && !this.#random.chance(template.share)) continue
      const wait = !template.isCore
        ? this.#random.between(0, 20_000)
        : template.isLate === true
          ? this.#random.between(0, LATE_MS)
          : this.#random.chance(0.7)
            ? this.#random.between(0, 5)
            : this.#random.between(0, 1_500)
      this.#openAfter(process, template, wait)
    }
  }

  #openAfter(process: SimProcess, template: GroupTemplate, wait: number): void {
    const open = (): void => {
      const groups = this.#open.get(process)
      if (groups === undefined || process.isLeaving || process.app.isClosed || groups.has(template.name)) return
      if (template.kind === 'tool' && toolOf(template.name).isReady?.(process) === false)
        return this.#openAfter(process, template, NOT_READY_MS)
      const ended = (): void => {
        groups.delete(template.name)
      }
      groups.set(template.name, openGroup(this.#world, process, template, ended))
    }
    this.#world.at(this.#world.now + wait, new PageTask(process, open))
  }

  #doOne(): void {
    const able = this.#processes.filter((process) => process.isActive && process.app.isWritable)
    const process = this.#chooseProcess(able)
    if (process === undefined || !this.#act(process)) {
      if (this.#world.now < TIMES.lastOp) this.#world.call(this.#world.now + RETRY_MS, () => this.#doOne())
      return
    }
    this.done += 1
  }

  #chooseProcess(able: readonly SimProcess[]): SimProcess | undefined {
    if (this.#world.scenario.options.workload !== 'engines') return this.#random.pick(able)
    const busy = this.#random.chance(BUSY_CHANCE) ? this.#random.pick(able) : undefined
    busy?.app.setBusy(this.#random.chance(0.5))
    const isAgain = this.#last !== undefined && able.includes(this.#last) && this.#random.chance(AGAIN_CHANCE)
    if (!isAgain) this.#last = this.#random.pick(able)
    return this.#last
  }

  #act(process: SimProcess): boolean {
    const usable = [...(this.#open.get(process)?.values() ?? [])].filter((open) => open.isWhole && !open.isClosing)
    if (usable.length === 0) return false
    this.#world.touchPage()
    if (this.#random.chance(CHANGE_CHANCE[this.#world.scenario.options.workload]))
      this.#changeMembership(process, usable)
    if (!this.#random.chance(0.1)) return this.#actIn(this.#choose(usable))
    // Several operations in one message to the kernel, so in one frame on each link.
    let isDone = false
    process.app.batch(() => {
      for (let i = this.#random.int(4) + 1; i >= 0; i -= 1) isDone = this.#actIn(this.#choose(usable)) || isDone
    })
    return isDone
  }

  #choose(usable: readonly OpenGroup[]): OpenGroup | undefined {
    const weights = WEIGHTS[this.#world.scenario.options.workload]
    const sum = usable.reduce((total, { handle }) => total + weights[handle.kind], 0)
    let at = this.#random.next() * sum
    for (const open of usable) {
      at -= weights[open.handle.kind]
      if (at < 0) return open
    }
    return undefined
  }

  /** Leaves one of the groups that not all are in, or opens one (again). */
  #changeMembership(process: SimProcess, usable: readonly OpenGroup[]): void {
    const extra = this.#random.pick(this.#templates.filter(({ isCore }) => !isCore))
    if (extra === undefined) return
    const open = usable.find(({ name }) => name === extra.name)
    if (open === undefined) return this.#openAfter(process, extra, 0)
    open.isClosing = true
    void open.handle.object.close()
  }

  #actIn(open: OpenGroup | undefined): boolean {
    if (open === undefined || open.isClosing) return false
    const random = this.#random
    const value = this.#nextValue()
    try {
      switch (open.handle.kind) {
        case 'counter':
          open.handle.object.add(random.int(9) - 3 || 1)
          return true
        case 'map': {
          const { workload } = this.#world.scenario.options
          const key = `k${random.int(workload === 'transfer' ? MANY_KEYS : KEYS)}`
          if (!random.chance(0.15) || !open.handle.object.delete(key)) open.handle.object.set(key, value)
          return true
        }
        case 'log':
          open.handle.object.append(value)
          return true
        case 'queue':
          return this.#actInQueue(open.handle.object, open.handle.held, value)
        case 'tool':
          return open.handle.object.act(random, this.#value)
      }
    } catch (error) {
      if (error instanceof BusyError || error instanceof ClosedError) return false
      throw error
    }
  }

  /** No two are alike. */
  #nextValue(): Value {
    this.#value += 1
    const { scenario } = this.#world
    if (scenario.options.workload === 'transfer')
      return longValue(this.#value, Math.round(this.#random.between(LONG.min, LONG.max)))
    const isLarge = isBig(scenario) && this.#random.chance(BIG.chance)
    return isLarge ? bigValue(this.#value, Math.round(this.#random.between(BIG.min, BIG.max))) : this.#value
  }

  #actInQueue(queue: SharedQueue, held: TakenItem<unknown>[], value: Value): boolean {
    const draw = this.#random.next()
    if (draw < 0.4) {
      queue.add(value).catch(ignoreRefusal)
      return true
    }
    if (draw < 0.7 || held.length === 0) {
      queue.take().then((taken) => {
        held.push(taken)
      }, ignoreRefusal)
      return true
    }
    const [taken] = held.splice(this.#random.int(held.length), 1)
    if (taken === undefined) return false
    // Even one whose lease has run out: it must be refused, or nobody else has it yet.
    const end = this.#random.chance(0.75) ? taken.done(value) : taken.fail('again')
    end.catch(ignoreRefusal)
    return true
  }
}

/** Calls may end badly: who was cut off learns that the outcome is unknown. Anything but a typed error is a bug. */
function ignoreRefusal(error: unknown): void {
  if (error instanceof NotPrimaryError) return
  if (!(error instanceof Error) || !('code' in error)) throw error
}
