/**
 * The faults of a run: a plan drawn from the seed before it starts, an explicit list, so that it can be read, printed
 * and shortened; and the hand that carries it out. Faults that wait for a moment of the protocol watch the trace.
 */
import { isKeptKind, type KeptFaults, ordinaryKinds, planKept } from './kept-faults.ts'
import type { Network } from './network.ts'
import type { SimProcess } from './process.ts'
import { Random } from './random.ts'
import { BY_NAME_KINDS, type FaultKind, isLagging, LATER_KINDS, type Scenario, TIMES } from './scenario.ts'
import type { AnyLine } from './trace.ts'
import type { World } from './world.ts'

/** One entry of the plan. */
export interface Fault {
  readonly at: number
  readonly kind: FaultKind
  /** Chooses the target among those that can be. */
  readonly pick: number
  /** How long it lasts, or how long after its moment it strikes, in ms. */
  readonly ms: number
  /** For those that wait: the kernel's trace event. */
  readonly on: string
  /** It waits for such an event, though its kind does not. */
  readonly waits?: boolean
}

/** Steps of a flush or of a group's view change at which a process may die. */
const FLUSH_STEPS = [
  'propose',
  'row',
  'row',
  'cutAgreed',
  'cutAgreed',
  'ready',
  'install',
  'groupPrepare',
  'groupInstall',
]
/** So many faults of any kind wait for one of these steps: what lasts a moment would hardly ever be struck by chance. */
const WAITING = 0.2
/** The same of the kinds that came later. */
const LATER_WAITING = 0.4
/** And strike less than so many ms after it. */
const WAIT_MS = 30
/** A fault that waits for its moment gives up after so many ms. */
const PATIENCE_MS = 8_000
/** Not fewer processes than this are left alive. */
const LIVE_MIN = 2
/** Not more processes than this are alive at a time. */
const LIVE_MAX = 9
/** But a herd may come to so many, each time of so many. */
const HERD = { joiners: 5, liveMax: 14 }
/**
 * So many couples of pages doze, one soon after the other, for so long: what the first one does waits until it is back, and
 * what the view without the second one leaves behind is forgotten at about the same time.
 */
const DOZE = { couples: 5, more: 5, gapMax: 900, msMin: 400, msMax: 1_100 }
/** How rarely timers of hidden pages fire: at first, and when they have been hidden for long. */
const HIDDEN_MS = 1_000
const HIDDEN_LONG_MS = 60_000
/** What each step of a slow device takes at most, or four times as long, and so on. */
const SLOW_STEP_MS = 4
/** A cast made within so many ms and not known to be stable is in flight. */
const UNSTABLE_MS = 1_000
/** So are those of clients of a group, which go to a member first, and of which the kernel of a client knows nothing. */
const CLIENT_CALLS: ReadonlySet<unknown> = new Set(['castAsClient', 'askAsClient'])

/** Draws the plan. */
export function planFaults(scenario: Scenario): Fault[] {
  const kinds = ordinaryKinds(scenario).filter((kind) => !isApart(kind))
  const drawn = planOf(kinds, scenario.random.fork('faults'), scenario.random.fork('waits'))
  return [...drawn, ...planLater(scenario), ...planLags(scenario), ...planDozes(scenario), ...planKept(scenario)].sort(
    (a, b) => a.at - b.at,
  )
}

/** Is it drawn for itself? */
function isApart(kind: FaultKind): boolean {
  return [...BY_NAME_KINDS, ...LATER_KINDS].some((each) => each === kind)
}

/** Some of the kinds that came later. */
function planLater({ options, random }: Scenario): Fault[] {
  const kinds = LATER_KINDS.filter((kind) => options.faults.includes(kind))
  if (kinds.length === 0 || options.workload === 'kept') return []
  const draw = random.fork('later')
  const chosen = draw.shuffle(kinds).slice(0, 1 + draw.int(2))
  return Array.from({ length: draw.int(4) }, () => {
    const kind = draw.pick(chosen) ?? 'throttle'
    const at = Math.round(draw.between(TIMES.faults, TIMES.lastFault))
    const on = draw.pick(FLUSH_STEPS) ?? 'row'
    const fault = { at, kind, pick: draw.int(1_000_000), ms: drawMs(kind, draw), on }
    return draw.chance(LATER_WAITING) ? { ...fault, waits: true } : fault
  })
}

/** Some pages lag, whatever else happens. */
function planLags(scenario: Scenario): Fault[] {
  if (!isLagging(scenario)) return []
  const draw = scenario.random.fork('lags')
  return Array.from({ length: 1 + draw.int(3) }, () => {
    const at = Math.round(draw.between(TIMES.faults, TIMES.lastFault - 8_000))
    return { at, kind: 'lag' as const, pick: draw.int(1_000_000), ms: draw.between(10_000, 60_000), on: '' }
  })
}

/** Some pages doze, whatever else happens. */
function planDozes({ options, random }: Scenario): Fault[] {
  if (!options.faults.includes('doze')) return []
  const draw = random.fork('dozes')
  const doze = (at: number, ms: number): Fault => {
    return { at: Math.round(at), kind: 'doze', pick: draw.int(1_000_000), ms, on: '' }
  }
  return Array.from({ length: DOZE.couples + draw.int(DOZE.more) }, () => {
    const at = draw.between(TIMES.faults, TIMES.lastFault)
    const gap = draw.between(100, DOZE.gapMax)
    return [doze(at, gap + draw.between(DOZE.msMin, DOZE.msMax)), doze(at + gap, draw.between(DOZE.msMin, DOZE.msMax))]
  }).flat()
}

function planOf(kinds: readonly FaultKind[], draw: Random, waits: Random): Fault[] {
  if (kinds.length === 0) return []
  const chosen = draw.shuffle(kinds).slice(0, 2 + draw.int(Math.max(1, kinds.length - 1)))
  const times: number[] = []
  for (let i = 6 + draw.int(5); i > 0; i -= 1) {
    const last = times.at(-1)
    // Faults come in company: during the flush that the one before has caused.
    const isNear = last !== undefined && draw.chance(0.4)
    times.push(
      isNear ? Math.min(TIMES.lastFault, last + draw.exponential(150)) : draw.between(TIMES.faults, TIMES.lastFault),
    )
  }
  return times
    .sort((a, b) => a - b)
    .map((at) => {
      const kind = draw.pick(chosen) ?? 'crash'
      const on = draw.pick(FLUSH_STEPS) ?? 'row'
      const fault = { at: Math.round(at), kind, pick: draw.int(1_000_000), ms: drawMs(kind, draw), on }
      return waits.chance(WAITING) ? { ...fault, waits: true } : fault
    })
}

function drawMs(kind: FaultKind, draw: Random): number {
  switch (kind) {
    case 'freeze':
      return draw.between(100, 1_500)
    case 'isolate':
    case 'halves':
    case 'shards':
    case 'throttle':
    case 'slow-cpu':
      return draw.between(1_000, 15_000)
    case 'page-stall':
      return draw.between(50, 1_000)
    case 'joiner-crash':
      return draw.between(2, 1_500)
    case 'long-freeze':
      return draw.between(5_000, 20_000)
    case 'clock-gap':
      return draw.chance(0.3) ? draw.between(100, 3_000) : draw.between(3_000, 20_000)
    case 'suspend':
      return draw.between(1_000, 20_000)
    case 'slow-link':
      return draw.between(1_000, 8_000)
    case 'clog':
      return draw.between(500, 5_000)
    case 'one-way':
      return draw.between(1_000, 10_000)
    case 'swizzle':
      return 10_000 * Math.exp(-4 * draw.next())
    default:
      return draw.chance(0.4) ? 0 : draw.exponential(40)
  }
}

/** What faults need of the run. */
export interface FaultSetting {
  readonly world: World
  readonly network: Network
  readonly processes: readonly SimProcess[]
  /** Starts one more process. */
  join(): SimProcess
  /** What happens to devices that store something; absent: nothing. */
  readonly kept?: KeptFaults | null
}

interface Armed {
  readonly until: number
  /** Does this line mean that the moment has come, and for whom? */
  readonly match: (line: AnyLine) => string | null
  /** So long after it. */
  readonly afterMs: number
  readonly strike: (target: SimProcess) => void
}

/** Carries the plan out. */
export class Faults {
  /** Faults that struck while casts were unstable. */
  unstable = 0
  /** All that struck. */
  struck = 0
  /** Called just before a fault strikes these processes. */
  onStrike: (kind: FaultKind, targets: readonly string[]) => void = () => undefined
  readonly #setting: FaultSetting
  #armed: Armed[] = []
  #partition: Fault | null = null
  /** Casts of clients that have not ended: who made each, when, and into which group. */
  readonly #clientCalls = new Map<string, { readonly p: string; readonly t: number; readonly obj: unknown }>()
  #isOver = false

  constructor(setting: FaultSetting, plan: readonly Fault[]) {
    this.#setting = setting
    for (const fault of plan) setting.world.call(fault.at, () => this.#begin(fault))
  }

  /** Ends everything that lasts: from here on there are no faults. */
  quiet(): void {
    this.#isOver = true
    this.#armed = []
    for (const process of this.#setting.processes) {
      process.thaw()
      process.ease()
    }
    this.#setting.network.heal()
    this.#setting.network.flow()
  }

  /** Shows the faults that wait a line of the trace. */
  notice(line: AnyLine): void {
    this.#noticeCall(line)
    if (this.#armed.length === 0) return
    const { world, processes } = this.#setting
    for (const armed of this.#armed) {
      const id = armed.until < world.now ? null : armed.match(line)
      const target = id === null ? undefined : processes.find((process) => process.id === id)
      if (target === undefined && armed.until >= world.now) continue
      this.#armed = this.#armed.filter((each) => each !== armed)
      if (target === undefined) continue
      // Not within the step that writes the line: a process dies between two events.
      world.call(world.now + armed.afterMs, () => {
        if (!this.#isOver) armed.strike(target)
      })
    }
  }

  #noticeCall(line: AnyLine): void {
    const { e, t, p = '' } = line
    if (e === 'return') this.#clientCalls.delete(`${p} ${line['id']}`)
    else if (e === 'invoke' && CLIENT_CALLS.has(line['f'])) {
      this.#clientCalls.set(`${p} ${line['id']}`, { p, t, obj: line['obj'] })
    }
  }

  #begin(fault: Fault): void {
    if (this.#isOver) return
    if (isKeptKind(fault.kind)) {
      this.#count(fault.kind, this.#ids())
      return this.#setting.kept?.strike(fault)
    }
    switch (fault.kind) {
      case 'flush-crash':
        this.#arm(fault, isStep(fault.on), (target) => this.#crash(target, fault.kind))
        return this.#provoke(fault)
      case 'flush-leave':
        this.#arm(fault, fault.waits ? isStepOf(fault.on) : isStep(fault.on), (target) => this.#leave(target, fault))
        return this.#provoke(fault)
      case 'donor-crash': {
        const donors = new Set<string>()
        const isDonorsStep = isStepOf(fault.on, (id) => donors.has(id))
        const isMoment = (line: AnyLine): string | null => {
          if (line.e === 'transfer') donors.add(line.p ?? '')
          return isDonorsStep(line)
        }
        this.#arm(fault, fault.waits ? isMoment : isStep('transfer'), (target) => this.#crash(target, fault.kind))
        this.#strikeJoin()
        return
      }
      case 'joiner-crash': {
        const joiner = this.#strikeJoin()
        if (joiner === undefined) return
        const crash = (): void => this.#crash(joiner, fault.kind)
        if (fault.waits)
          this.#arm(
            { ...fault, pick: 0 },
            isStepOf(fault.on, (id) => id === joiner.id),
            crash,
            fault.pick % WAIT_MS,
          )
        else this.#setting.world.call(this.#setting.world.now + fault.ms, crash)
        return
      }
      case 'refound':
        if (fault.waits) {
          this.#arm(fault, isStep(fault.on), () => this.#refound(this.#pickWanting(fault)), fault.pick % WAIT_MS)
        } else if (this.#refound(this.#pickWanting(fault))) return
        else {
          this.#arm(
            fault,
            (line) => (isWithoutPrimary(line) ? (line.p ?? null) : null),
            (target) => this.#refound(target),
          )
        }
        return this.#strike({ ...fault, kind: 'halves', ms: 3_000 + (fault.pick % 9_000) })
      default:
        if (!fault.waits) return this.#strikeOrJoin(fault)
        this.#arm(fault, isStep(fault.on), () => this.#strikeOrJoin(fault), fault.pick % WAIT_MS)
        return this.#provoke(fault)
    }
  }

  /** Whom it would strike is needed, or not there: somebody comes instead. */
  #strikeOrJoin(fault: Fault): void {
    const { struck } = this
    this.#strike(fault)
    if (this.struck === struck) this.#strikeJoin()
  }

  #arm(fault: Fault, match: Armed['match'], strike: Armed['strike'], afterMs = fault.ms): void {
    let skip = fault.pick % 4
    const matchOne = (line: AnyLine): string | null => {
      const id = match(line)
      if (id === null || skip === 0) return id
      skip -= 1
      return null
    }
    this.#armed.push({ until: this.#setting.world.now + PATIENCE_MS, match: matchOne, afterMs, strike })
  }

  /** Something that makes a flush. */
  #provoke(fault: Fault): void {
    const live = this.#live()
    const target = live[fault.pick % Math.max(1, live.length)]
    if (live.length >= LIVE_MAX || (live.length > LIVE_MIN + 1 && fault.pick % 3 === 0 && target !== undefined)) {
      if (target !== undefined) this.#crash(target, 'crash')
    } else this.#strikeJoin()
  }

  #strike(fault: Fault): void {
    const { world, network } = this.#setting
    const live = this.#live()
    const target = live[fault.pick % Math.max(1, live.length)]
    if (target === undefined) return
    switch (fault.kind) {
      case 'coordinator-crash':
        return this.#crash(live.find((process) => process.id === target.app.view?.members[0]?.id) ?? target, fault.kind)
      case 'sequencer-crash':
        return this.#crash(
          live.find((process) => process.id === target.app.group('u')?.viewInfo?.members[0]?.id) ?? target,
          fault.kind,
        )
      case 'leave':
        return this.#leave(target, fault)
      case 'join':
        this.#strikeJoin()
        return
      case 'freeze':
      case 'long-freeze':
        return this.#freeze(fault, [target])
      case 'clock-gap':
        return this.#sleep(fault)
      case 'suspend':
        return this.#suspend(fault)
      case 'slow-link':
      case 'clog':
      case 'one-way':
        return this.#stop(fault, target)
      case 'swizzle':
        return this.#swizzle(fault)
      case 'herd':
        if (live.length + HERD.joiners > HERD.liveMax) return
        this.#count(fault.kind, this.#ids())
        for (let i = 0; i < HERD.joiners; i += 1) this.#setting.join()
        return
      case 'leave-many':
        return this.#leaveMany(fault)
      case 'isolate':
        return this.#cut(fault, [[target.id], live.filter((process) => process !== target).map(({ id }) => id)])
      case 'halves': {
        const mixed = live.map(({ id }, index) => ({ id, key: (fault.pick * (index + 7)) % 101 }))
        const ids = mixed.sort((a, b) => a.key - b.key).map(({ id }) => id)
        const at = Math.max(1, Math.floor(ids.length / 2))
        return this.#cut(fault, [ids.slice(0, at), ids.slice(at)])
      }
      case 'shards':
        return this.#shatter(fault)
      case 'throttle':
        this.#count(fault.kind, [target.id])
        return target.throttle(fault.ms, fault.pick % 4 === 0 ? HIDDEN_LONG_MS : HIDDEN_MS)
      case 'slow-cpu':
        this.#count(fault.kind, [target.id])
        return target.slowDown(fault.ms, SLOW_STEP_MS * 4 ** (fault.pick % 4))
      case 'reset':
      case 'garble': {
        const other = live[(fault.pick + 1 + (fault.pick % Math.max(1, live.length - 1))) % live.length]
        if (other === undefined || other === target) return
        this.#count(fault.kind, [target.id, other.id])
        return fault.kind === 'reset' ? network.reset(target, other) : network.garble(target, other)
      }
      case 'lag':
        if (!target.isActive) return
        this.#count(fault.kind, [target.id])
        return target.lag(Math.min(fault.ms, TIMES.quiet - world.now))
      case 'doze':
        if (!target.isActive) return
        this.#count(fault.kind, [target.id])
        target.suspend()
        return world.call(world.now + fault.ms, () => target.resume())
      case 'page-stall':
        this.#count(fault.kind, [target.id])
        return target.pause(fault.ms)
      default:
        return this.#crash(target, fault.kind)
    }
  }

  #strikeJoin(): SimProcess | undefined {
    if (this.#live().length >= LIVE_MAX) return undefined
    this.#count('join', this.#ids())
    return this.#setting.join()
  }

  #crash(target: SimProcess, kind: FaultKind): void {
    if (this.#isOver || !target.isRunning || this.#live().length <= LIVE_MIN) return
    this.#count(kind, [target.id])
    target.crash()
  }

  #leave(target: SimProcess, fault: Fault): void {
    if (!target.isActive || this.#live().length <= LIVE_MIN) return
    this.#count(fault.kind, [target.id])
    target.leave(fault.pick % 3 === 0)
  }

  /** At once, but not all. */
  #leaveMany(fault: Fault): void {
    const draw = new Random(String(fault.pick))
    const able = draw.shuffle(this.#live().filter((process) => process.isActive))
    const most = this.#live().length - LIVE_MIN
    const leavers = able.slice(0, Math.min(most, 2 + draw.int(Math.max(1, most - 1))))
    if (leavers.length < 2) return
    const ids = leavers.map(({ id }) => id)
    this.#count(fault.kind, ids)
    for (const leaver of leavers) leaver.leave(draw.chance(0.3))
  }

  /** Is there one to give up whoever is missing? */
  #refound(target: SimProcess | undefined): boolean {
    if (target?.isActive !== true || !target.app.isWanting) return false
    this.#count('refound', [target.id])
    target.refound()
    return true
  }

  #pickWanting({ pick }: Fault): SimProcess | undefined {
    const wanting = this.#live().filter((process) => process.isActive && process.app.isWanting)
    return wanting[pick % Math.max(1, wanting.length)]
  }

  #freeze({ kind, ms, pick }: Fault, targets: readonly SimProcess[]): void {
    const { world, network } = this.#setting
    const awake = targets.filter((process) => !process.isFrozen)
    if (awake.length === 0) return
    const ids = awake.map(({ id }) => id)
    this.#count(kind, ids)
    const isGivenUp = kind !== 'freeze' && pick % 2 === 0
    const isClockStill = kind === 'clock-gap' && pick % 4 > 1
    for (const process of awake) {
      process.freeze()
      if (isGivenUp) network.frozen(process)
      world.call(world.now + ms, () => process.thaw(isClockStill))
    }
  }

  /**
   * Pages say that they are about to be frozen, and mostly are: one, or several at once. One may die meanwhile, or leave
   * as soon as it is back; it may be told that it goes on, or have to find out by its clock.
   */
  #suspend(fault: Fault): void {
    const { world } = this.#setting
    const draw = new Random(String(fault.pick))
    const able = draw.shuffle(this.#live().filter((process) => process.isActive))
    const sleepers = able.slice(0, draw.chance(0.75) ? 1 : 1 + draw.int(Math.ceil(able.length / 2)))
    if (sleepers.length === 0) return
    this.#count(
      fault.kind,
      sleepers.map(({ id }) => id),
    )
    for (const process of sleepers) {
      process.suspend()
      if (draw.chance(0.1)) continue
      // A page is held until its worker has spoken; the port and the gathering of inputs take a moment here.
      const wait = draw.between(10, 40)
      const end = world.now + wait + (draw.chance(0.7) ? fault.ms : draw.between(1_000, 20_000))
      const fate = draw.next()
      const isTold = draw.chance(0.7)
      world.call(world.now + wait, () => {
        if (!this.#isOver) process.freeze()
      })
      world.call(end, () => {
        if (this.#isOver || !process.isFrozen) return
        if (fate < 0.12) return this.#crash(process, 'crash')
        process.thaw(fate > 0.85)
        if (isTold) process.resume()
        if (fate < 0.24) this.#leave(process, fault)
      })
    }
  }

  /** A machine with some of the processes on it sleeps. */
  #sleep(fault: Fault): void {
    const draw = new Random(String(fault.pick))
    const live = draw.shuffle(this.#live())
    this.#freeze(fault, live.slice(0, 1 + draw.int(Math.ceil(live.length / 2))))
  }

  /** Paths of one process are slow or stopped: that to another, or all of them; both directions, or one. */
  #stop(fault: Fault, target: SimProcess): void {
    const { network, world } = this.#setting
    const draw = new Random(String(fault.pick))
    const other = draw.pick(this.#live().filter((process) => process !== target))
    if (other === undefined) return
    const [a, b] = [target.id, other.id]
    // One direction: what comes from the other, or what goes there.
    const isOut = draw.chance(0.5)
    const isOneWay = fault.kind === 'one-way' || draw.chance(0.5)
    const isOfAll = fault.kind === 'one-way' && draw.chance(0.5)
    const concerns = (from: string, to: string): boolean => {
      const isFrom = from === a && (isOfAll || to === b)
      const isTo = to === a && (isOfAll || from === b)
      return isOneWay ? (isOut ? isFrom : isTo) : isFrom || isTo
    }
    const factor = fault.kind === 'slow-link' ? draw.between(10, 50) : Number.POSITIVE_INFINITY
    this.#count(fault.kind, isOfAll ? [a] : [a, b])
    network.stop({ concerns, factor, until: Math.min(TIMES.quiet, world.now + fault.ms) })
    if (fault.kind !== 'one-way' || draw.chance(0.5)) return
    // It ends without having healed.
    world.call(world.now + fault.ms - 0.01, () => {
      if (this.#isOver) return
      for (const each of isOfAll ? this.#live() : [other]) if (each !== target) network.reset(target, each)
    })
  }

  /** Half of the processes are cut off from everybody, one after the other, and come back in another order. */
  #swizzle(fault: Fault): void {
    const { network, world } = this.#setting
    const draw = new Random(String(fault.pick))
    const live = draw.shuffle(this.#live())
    const half = live.slice(0, Math.max(1, Math.floor(live.length / 2)))
    const ids = half.map(({ id }) => id)
    this.#count(fault.kind, ids)
    for (const id of ids) {
      const from = draw.between(0, fault.ms / 2)
      const until = world.now + draw.between(fault.ms / 2, fault.ms)
      world.call(world.now + from, () => {
        if (this.#isOver) return
        const concerns = (a: string, b: string): boolean => a === id || b === id
        network.stop({ concerns, factor: Number.POSITIVE_INFINITY, until })
      })
    }
  }

  /** Three or four parts, which mostly heal at once. */
  #shatter(fault: Fault): void {
    const draw = new Random(String(fault.pick))
    const ids = draw.shuffle(this.#ids())
    const count = Math.min(ids.length, 3 + draw.int(2))
    if (count < 3) return
    const parts: string[][] = Array.from({ length: count }, () => [])
    ids.forEach((id, index) => {
      parts[index < count ? index : draw.int(count)]?.push(id)
    })
    this.#cut(fault, parts)
  }

  #cut(fault: Fault, parts: readonly (readonly string[])[]): void {
    const { world, network } = this.#setting
    if (parts.some((part) => part.length === 0)) return
    this.#count(fault.kind, this.#ids())
    this.#partition = fault
    network.cut(parts)
    world.call(world.now + fault.ms, () => {
      if (this.#partition !== fault || this.#isOver) return
      this.#partition = null
      network.heal()
    })
  }

  #count(kind: FaultKind, targets: readonly string[]): void {
    this.struck += 1
    this.onStrike(kind, targets)
    if (this.#isAnyUnderWay()) this.unstable += 1
  }

  /** Casts of live processes; of a client's, those into a group that somebody is a member of. */
  #isAnyUnderWay(): boolean {
    const live = this.#live()
    if (live.some((process) => process.countUnstable(UNSTABLE_MS) > 0)) return true
    const since = this.#setting.world.now - UNSTABLE_MS
    const calls = [...this.#clientCalls.values()].filter(({ p, t }) => t >= since && live.some(({ id }) => id === p))
    return calls.some(({ obj }) => live.some(({ app }) => app.group(`${obj}`)?.isWhole === true))
  }

  #ids(): string[] {
    return this.#live().map(({ id }) => id)
  }

  #live(): SimProcess[] {
    return this.#setting.processes.filter((process) => process.isRunning && !process.isLeaving)
  }
}

/** Tells the lines of such a step, and whose it is. */
function isStep(event: string): Armed['match'] {
  return (line) => (line.e === event && (line.p ?? '').length > 0 ? (line.p ?? null) : null)
}

/** The same of some only; to be proposed to is a step, too. */
function isStepOf(event: string, isMeant: (id: string) => boolean = () => true): Armed['match'] {
  const ofStep = isStep(event)
  return (line) => {
    const id = ofStep(line)
    if (line.e !== 'propose' || id === null) return id !== null && isMeant(id) ? id : null
    const named = (line['parts'] as readonly (readonly string[])[]).flat()
    return named.findLast((each) => each !== id && isMeant(each)) ?? null
  }
}

/** Does this line say that a process is without the primary component? */
function isWithoutPrimary(line: AnyLine): boolean {
  return (
    line.e === 'view' &&
    line['g'] === '' &&
    line['primary'] === false &&
    (line['members'] as readonly string[]).length > 1
  )
}
