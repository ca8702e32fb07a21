/**
 * What happens to the devices of the workload `kept`: all of them fail together and come back in any order, pages are reloaded,
 * stores are full or lost. Drawn before the run as other faults are, and carried out here.
 */
import type { Fault } from './faults.ts'
import type { SimProcess } from './process.ts'
import { Random } from './random.ts'
import { type FaultKind, KEPT_KINDS, type Scenario, TIMES } from './scenario.ts'
import type { Stores } from './stores.ts'
import { pageOf } from './tools/kept-page.ts'
import type { World } from './world.ts'

/** The kinds that strike there, of those that strike everywhere. */
const ORDINARY: readonly FaultKind[] = [
  ...(['crash', 'leave', 'join', 'freeze', 'isolate', 'halves', 'reset'] as const),
  ...(['page-stall', 'suspend', 'slow-link', 'clog'] as const),
]
/** How often a second total failure comes, a store is full, or is lost. */
const SECOND_CHANCE = 0.5
const FULL_CHANCE = 0.4
const LOSE_CHANCE = 0.12
/** How often one of the devices does not come back with the others, and how often it comes later after all. */
const MISSING_CHANCE = 0.45
const LATER_CHANCE = 0.6
/** How often a device that nobody has seen yet comes instead of one that is gone. */
const NEW_CHANCE = 0.08
/** Who gives up whoever is missing tries again after so long, up to so late. */
const GIVE_UP = { againMs: 700, until: 50_000 }

/** Is it one of those here? */
export function isKeptKind(kind: FaultKind): boolean {
  return KEPT_KINDS.some((each) => each === kind)
}

/** Of the kinds that a run may have, those that strike here as everywhere. */
export function ordinaryKinds({ options: { workload, faults } }: Scenario): readonly FaultKind[] {
  return workload === 'kept' ? faults.filter((kind) => ORDINARY.includes(kind)) : faults
}

/** Draws the plan. */
export function planKept({ options: { workload }, random }: Scenario): Fault[] {
  if (workload !== 'kept') return []
  const draw = random.fork('kept')
  const fault = (kind: FaultKind, at: number, ms = 0): Fault => {
    return { at: Math.round(at), kind, pick: draw.int(1_000_000), ms: Math.round(ms), on: '' }
  }
  const first = draw.between(10_000, 17_000)
  const second = draw.chance(SECOND_CHANCE) ? [draw.between(29_000, 33_000)] : []
  const plan = [first, ...second].map((at) => fault('total-failure', at, draw.between(200, 3_000)))
  plan.push(fault('give-up', first + draw.between(11_000, 12_000)), fault('give-up', TIMES.lastOp))
  for (let i = 1 + draw.int(4); i > 0; i -= 1) plan.push(fault('reload', draw.between(TIMES.faults, TIMES.lastFault)))
  for (let i = draw.int(3); i > 0; i -= 1) plan.push(fault('come-back', draw.between(TIMES.faults, TIMES.lastFault)))
  if (draw.chance(FULL_CHANCE)) plan.push(fault('full', draw.between(4_000, 36_000), draw.between(300, 8_000)))
  if (draw.chance(LOSE_CHANCE)) plan.push(fault('lose-store', draw.between(6_000, 36_000)))
  return plan
}

/** What it needs of the run. */
export interface KeptSetting {
  readonly world: World
  readonly stores: Stores
  readonly processes: readonly SimProcess[]
  /** Starts one more process, at that device if one is named. */
  join(at?: Device): SimProcess
}

/** What outlives a process. */
export interface Device {
  readonly site: string
  readonly origin: string
}

/** The devices on which no process runs. */
export function devicesDown(processes: readonly SimProcess[]): Device[] {
  const sites = new Map<string, SimProcess>()
  for (const process of processes) sites.set(process.site, process)
  return [...sites.values()].filter(({ isRunning }) => !isRunning).map(({ site, origin }) => ({ site, origin }))
}

/** Where a process starts that nothing else places: mostly where one has been. */
export function drawDevice(draw: Random, drawn: Device, processes: readonly SimProcess[]): Device {
  const down = devicesDown(processes)
  return draw.chance(NEW_CHANCE) ? drawn : (draw.pick(down) ?? drawn)
}

/** Carries the plan out. */
export class KeptFaults {
  readonly #setting: KeptSetting

  constructor(setting: KeptSetting) {
    this.#setting = setting
  }

  strike(fault: Fault): void {
    const draw = new Random(String(fault.pick))
    switch (fault.kind) {
      case 'total-failure':
        return this.#failAll(fault, draw)
      case 'reload':
        return this.#reload(draw)
      case 'come-back':
        return this.#comeBack(draw.pick(devicesDown(this.#setting.processes)))
      case 'full':
        return this.#fill(fault, draw)
      case 'lose-store':
        return this.#lose(draw)
      case 'give-up':
        return this.#giveUp(draw)
      default:
        return undefined
    }
  }

  #failAll({ ms }: Fault, draw: Random): void {
    const { processes } = this.#setting
    for (const process of processes) if (process.isRunning) process.crash()
    const devices = draw.shuffle(devicesDown(processes))
    const isOneMissing = devices.length > 1 && draw.chance(MISSING_CHANCE)
    for (const [i, device] of devices.entries()) {
      const wait = ms + (draw.chance(0.3) ? draw.between(0, 40) : draw.between(0, 4_000))
      if (!isOneMissing || i > 0) this.#after(wait, () => this.#comeBack(device))
      else if (draw.chance(LATER_CHANCE)) this.#after(wait + draw.between(4_000, 20_000), () => this.#comeBack(device))
    }
  }

  /** A page goes, and its successor comes at once. Some are hidden first, and what they do then cannot be sent. */
  #reload(draw: Random): void {
    const { processes, world } = this.#setting
    const process = draw.pick(processes.filter((each) => each.isActive))
    if (process === undefined) return
    const page = pageOf(world, process)
    const isHidden = draw.chance(0.6)
    if (isHidden) process.suspend()
    const wait = draw.between(5, 40)
    this.#after(wait, () => {
      if (!process.isActive || !isHidden || !process.app.isWritable) return
      world.touchPage()
      page.putAll()
      page.sync()
    })
    const end = wait + draw.between(1, 150)
    this.#after(end, () => process.leave(true))
    this.#after(end + draw.between(1, 120), () => process.unload())
    this.#after(end + draw.between(122, 1_000), () => this.#comeBack(process))
  }

  #comeBack(device: Device | undefined): void {
    const { processes, world, join } = this.#setting
    if (device === undefined || world.now > TIMES.quiet) return
    if (devicesDown(processes).some(({ site }) => site === device.site)) join(device)
  }

  #fill({ ms }: Fault, draw: Random): void {
    const { world, stores, processes } = this.#setting
    const process = draw.pick(processes.filter((each) => each.isRunning))
    if (process === undefined) return
    stores.at(process).fullUntil = world.now + ms
    world.trace.world(world.now, { e: 'full', q: process.id, ms })
  }

  #lose(draw: Random): void {
    const { world, stores, processes } = this.#setting
    const process = draw.pick(processes)
    if (process === undefined) return
    stores.lose(stores.at(process))
    world.trace.world(world.now, { e: 'lose', q: process.id })
  }

  /** A user goes on without whoever is missing; it takes effect in the primary component. */
  #giveUp(draw: Random): void {
    const { processes, world } = this.#setting
    if (world.now > GIVE_UP.until) return
    const order = draw.shuffle(processes.filter((each) => each.isActive))
    for (const process of order) if (pageOf(world, process).giveUp()) break
    if (world.now > TIMES.lastOp - 1) this.#after(GIVE_UP.againMs, () => this.#giveUp(draw))
  }

  #after(ms: number, fn: () => void): void {
    const { world } = this.#setting
    world.call(world.now + ms, fn)
  }
}
