/**
 * The network between processes: paths of three channels, in order, with delay; resets; clean partitions; stops.
 *
 * A path loses nothing while it lasts; when it ends, at each side at a moment of its own, what has not arrived there is
 * lost. A partition stalls all frames between its parts; after a while of that the path is given up. A stop (`stops.ts`)
 * stalls or slows a direction for a while. Nobody connects to a frozen process.
 */
import type { Channel } from '../../lib/kernel/api.ts'
import { decodeFrame, encodeFrame } from '../../lib/kernel/codec.ts'
import type { Frame } from '../../lib/kernel/frame.ts'
import { Due } from './heap.ts'
import type { SimProcess } from './process.ts'
import type { Random } from './random.ts'
import { pairsOf, type Stop, Stops } from './stops.ts'
import type { World } from './world.ts'

/** The longest delay of one frame, in ms. */
const DELAY_MAX = 1_500
/** A frame that takes longer, though nothing is the matter with its path, is late: the trace tells. */
const LATE_MS = 500
/** How long a silent peer's path is kept, in ms. */
const SILENT_MS = { from: 6_000, to: 17_000 }

/** What a kernel is told of a frame that cannot be read. */
export const GARBLED = 'garbled'
/** The second of a frame that comes twice is later by so much on average. */
const AGAIN_MS = 300

/** One side of a path: what has come for it. */
interface End {
  readonly process: SimProcess
  isUp: boolean
  isDown: boolean
  /** When the last frame of each channel arrives. */
  readonly last: Record<Channel, number>
  /** Frames that arrive later are lost. */
  lostAfter: number
  /** What waits behind a cut, in order. */
  stalled: { readonly channel: Channel; readonly frame: Frame | Uint8Array }[]
  inFlight: number
}

/** A connection of two processes. */
class Path {
  readonly a: End
  readonly b: End
  readonly isLan: boolean
  /** Both sides will be told, or have been. */
  isEnding = false

  constructor(a: SimProcess, b: SimProcess, isLan: boolean) {
    this.a = newEnd(a)
    this.b = newEnd(b)
    this.isLan = isLan
  }

  endOf(process: SimProcess): End {
    return this.a.process === process ? this.a : this.b
  }

  other(end: End): End {
    return end === this.a ? this.b : this.a
  }
}

/** All paths, and who cannot reach whom. */
export class Network {
  readonly #world: World
  readonly #random: Random
  readonly #processes: readonly SimProcess[]
  /** Per process id, the part of the present partition; null: the network is whole. */
  #parts: Map<string, number> | null = null
  #partCount = 0
  readonly #stops = new Stops()
  /** Frames that this path's end is to get next, and cannot read. */
  readonly #garbled = new Set<End>()
  readonly #again: Random
  /** Called when a path with frames in flight is reset. */
  resetWithFrames: () => void = () => undefined
  /** Called when a frame comes a second time. */
  handedAgain: () => void = () => undefined
  /** Called when one cannot be read. */
  handedGarbled: () => void = () => undefined
  /** Called when a process is told that it has a path to another. */
  linkUp: () => void = () => undefined

  constructor(world: World, processes: readonly SimProcess[]) {
    this.#world = world
    this.#processes = processes
    this.#random = world.scenario.random.fork('network')
    this.#again = world.scenario.random.fork('again')
  }

  /** Connects a new process to all that live. */
  enter(process: SimProcess): void {
    if (this.#parts !== null) this.#parts.set(process.id, this.#random.int(this.#partCount))
    if (this.#parts !== null) this.#traceCut()
    if (this.#stops.isAny)
      for (const { stop, links } of this.#stops.pairs(this.#runningIds())) this.#traceStop(stop, links)
    for (const other of this.#processes) if (other !== process && other.isRunning) this.#connectSoon(process, other)
  }

  /** Sends a frame on the present path; without one it is lost. */
  send(from: SimProcess, to: string, channel: Channel, frame: Frame): void {
    const path = from.paths.get(to)
    if (path === undefined) return
    const own = path.endOf(from)
    if (!own.isUp || own.isDown) return
    const end = path.other(own)
    const { last } = end
    const delay = this.#delay(path)
    if (delay > LATE_MS) this.#world.trace.world(this.#world.now, { e: 'late', links: [[from.id, to]], ms: delay })
    let t = this.#world.now + delay
    if (this.#stops.isAny) t = this.#stops.slowed(from.id, to, { now: this.#world.now, delay })
    const lane = this.#world.scenario.isOneFifo ? 'control' : channel
    if (t < last[lane]) t = last[lane]
    last[lane] = t
    end.inFlight += 1
    const body = this.#world.scenario.isCoded ? this.#encode(from, frame) : frame
    this.#world.at(t, new Arrival(this, path, end, channel, body))
  }

  #encode(from: SimProcess, frame: Frame): Frame | Uint8Array {
    try {
      return encodeFrame(frame)
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#world.fail(
        'exception',
        `at ${this.#world.now} ms a frame of ${from.id} has no bytes: ${JSON.stringify(frame)}: ${reason}`,
      )
      return frame
    }
  }

  /** A frame is there. */
  arrive(path: Path, end: End, channel: Channel, frame: Frame | Uint8Array): void {
    end.inFlight -= 1
    if (end.isDown || this.#world.now > end.lostAfter) return
    if (end.stalled.length > 0 || this.#isStalled(path, end)) end.stalled.push({ channel, frame })
    else {
      this.#hand(path, end, frame)
      this.#handAgain(path, end, frame)
    }
  }

  /** While the path stands, old frames may come again. */
  #handAgain(path: Path, end: End, frame: Frame | Uint8Array): void {
    const { strain } = this.#world.scenario
    if (strain?.doubled === undefined || !this.#again.chance(strain.doubled)) return
    this.#world.call(this.#world.now + this.#again.exponential(AGAIN_MS), () => {
      if (end.isDown || end.stalled.length > 0 || this.#isStalled(path, end)) return
      this.handedAgain()
      this.#hand(path, end, frame)
    })
  }

  /** The next frame from one to the other cannot be read: what it was is lost, and the path with it. */
  garble(from: SimProcess, to: SimProcess): void {
    const path = from.paths.get(to.id)
    if (path === undefined || path.isEnding) return
    this.#world.trace.world(this.#world.now, { e: 'slow', links: [[from.id, to.id]] })
    this.#garbled.add(path.endOf(to))
  }

  /** Ends the path between two processes; they connect again. */
  reset(a: SimProcess, b: SimProcess): void {
    const path = a.paths.get(b.id)
    if (path === undefined || path.isEnding) return
    this.#world.trace.world(this.#world.now, { e: 'slow', links: [[a.id, b.id]] })
    if (path.a.inFlight + path.b.inFlight > 0) this.resetWithFrames()
    this.#end(path, this.#random.chance(0.5) ? 0 : Number.POSITIVE_INFINITY)
  }

  /** A kernel gives a peer up. */
  close(from: SimProcess, to: string): void {
    const path = from.paths.get(to)
    if (path !== undefined && !path.isEnding) this.#end(path, 0)
  }

  /** A process has crashed: a suffix of what it sent is lost, and its peers learn of it sooner or later, or from its lock. */
  crashed(process: SimProcess): void {
    const isSilent = this.#random.chance(0.4)
    for (const path of process.paths.values()) {
      const end = path.other(path.endOf(process))
      if (this.#random.chance(0.6)) end.lostAfter = this.#world.now + this.#random.exponential(this.#meanDelay(path))
      path.isEnding = true
      const wait = isSilent ? this.#random.between(SILENT_MS.from, SILENT_MS.to) : this.#random.between(20, 600)
      // Tabs of one origin learn it with the lock.
      if (!path.isLan) this.#world.call(this.#world.now + wait, () => this.down(path, end))
    }
  }

  /** A process has left: what it sent arrives, then the path ends. */
  left(process: SimProcess): void {
    for (const path of process.paths.values()) {
      const end = path.other(path.endOf(process))
      path.isEnding = true
      const { control, data, bulk } = end.last
      const t = Math.max(this.#world.now, control, data, bulk) + this.#random.between(0, 50)
      this.#world.call(t, () => this.down(path, end))
    }
  }

  /** Tells one side that the path is gone. */
  down(path: Path, end: End): void {
    if (end.isDown) return
    const wasUp = end.isUp
    end.isDown = true
    end.stalled = []
    const other = path.other(end).process
    if (end.process.paths.get(other.id) === path) end.process.paths.delete(other.id)
    if (wasUp && end.process.isRunning) end.process.input({ type: 'linkDown', peer: other.id })
    if (path.other(end).isDown) this.#connectSoon(end.process, other)
  }

  /** Tells a process that its path to a dead one is gone. */
  downTo(process: SimProcess, peer: string): void {
    const path = process.paths.get(peer)
    if (path !== undefined) this.down(path, path.endOf(process))
  }

  /** Cuts the network in parts. A partition before it ends. */
  cut(parts: readonly (readonly string[])[]): void {
    this.#partCount = parts.length
    this.#parts = new Map(parts.flatMap((part, index) => part.map((id) => [id, index] as const)))
    this.#traceCut()
    for (const path of this.#allPaths()) {
      if (!path.isEnding && this.#isCut(path)) this.#giveUpLater(path)
    }
    this.#flow()
    // Whom the cut before kept apart may be on one side now, their path given up.
    this.#connectAll()
  }

  /** Makes the network whole. */
  heal(): void {
    if (this.#parts === null) return
    this.#parts = null
    this.#world.trace.world(this.#world.now, { e: 'heal' })
    this.#flow()
    this.#connectAll()
  }

  /** Something is the matter with paths, until the moment that it says. */
  stop(stop: Stop): void {
    this.#stops.add(stop)
    this.#traceStop(stop, pairsOf(stop, this.#runningIds()))
    this.#world.call(stop.until, () => this.#endStop(stop))
  }

  /** Ends whatever is the matter with paths. */
  flow(): void {
    for (const { stop } of [...this.#stops.pairs([])]) this.#endStop(stop)
  }

  #endStop(stop: Stop): void {
    if (!this.#stops.remove(stop)) return
    if (stop.factor < Number.POSITIVE_INFINITY) return
    this.#flow()
    this.#connectAll()
  }

  /** The peers of a process that stays frozen give their paths to it up after a while. */
  frozen(process: SimProcess): void {
    for (const path of process.paths.values()) {
      this.#world.call(this.#world.now + this.#random.between(2_000, 8_000), () => {
        if (process.isFrozen && !path.isEnding) this.#end(path, 0)
      })
    }
  }

  /** A process can be connected to again. */
  thawed(process: SimProcess): void {
    for (const other of this.#processes) {
      if (other === process || !other.isRunning || other.paths.has(process.id) || process.paths.has(other.id)) continue
      this.#connectSoon(process, other)
    }
  }

  #traceStop({ until }: Stop, links: readonly (readonly [string, string])[]): void {
    const { now, trace } = this.#world
    if (links.length > 0) trace.world(now, { e: 'slow', links, ms: until - now })
  }

  #runningIds(): string[] {
    return this.#processes.filter((process) => process.isRunning).map(({ id }) => id)
  }

  #traceCut(): void {
    const parts: string[][] = Array.from({ length: this.#partCount }, () => [])
    for (const { id, isRunning } of this.#processes) {
      const part = this.#parts?.get(id)
      if (!isRunning) continue
      // Who was leaving when the network was cut is in no part: it reaches nobody.
      if (part === undefined) parts.push([id])
      else parts[part]?.push(id)
    }
    this.#world.trace.world(this.#world.now, { e: 'cut', parts })
  }

  /** What is no longer behind a cut flows on, in a burst. */
  #flow(): void {
    for (const path of this.#allPaths()) {
      for (const end of [path.a, path.b]) {
        if (end.stalled.length > 0 && !this.#isStalled(path, end))
          this.#world.call(this.#world.now + this.#delay(path), () => this.#burst(path, end))
      }
    }
  }

  #burst(path: Path, end: End): void {
    if (end.isDown || this.#isStalled(path, end)) return
    const { stalled } = end
    end.stalled = []
    for (const { frame } of stalled) this.#hand(path, end, frame)
  }

  #hand(path: Path, end: End, frame: Frame | Uint8Array): void {
    if (end.isDown) return
    const peer = path.other(end).process.id
    if (this.#garbled.delete(end)) {
      this.handedGarbled()
      return end.process.input({ type: 'badFrame', peer, code: GARBLED })
    }
    if (!(frame instanceof Uint8Array)) return end.process.input({ type: 'frame', peer, frame })
    const decoded = decodeFrame(frame)
    if ('fault' in decoded) end.process.input({ type: 'badFrame', peer, code: decoded.fault })
    else end.process.input({ type: 'frame', peer, frame: decoded })
  }

  #giveUpLater(path: Path): void {
    const parts = this.#parts
    this.#world.call(this.#world.now + this.#random.between(2_000, 8_000), () => {
      if (this.#parts === parts && !path.isEnding) this.#end(path, 0)
    })
  }

  /** Both sides learn it, each at a moment of its own; what arrives later than `grace` from now is lost. */
  #end(path: Path, grace: number): void {
    path.isEnding = true
    for (const end of [path.a, path.b]) {
      end.lostAfter = Math.min(end.lostAfter, this.#world.now + grace)
      this.#world.call(this.#world.now + this.#random.between(0, 60), () => this.down(path, end))
    }
  }

  #connectAll(): void {
    const running = this.#processes.filter((process) => process.isRunning)
    running.forEach((a, index) => {
      for (const b of running.slice(index + 1))
        if (!a.paths.has(b.id) && !b.paths.has(a.id) && !this.#areApart(a, b)) this.#connectSoon(a, b)
    })
  }

  #connectSoon(a: SimProcess, b: SimProcess): void {
    const wait = this.#isLan(a, b) ? this.#random.between(1, 40) : this.#random.between(60, 700)
    this.#world.call(this.#world.now + wait, () => this.#connect(a, b))
  }

  #connect(a: SimProcess, b: SimProcess): void {
    if (!a.isRunning || !b.isRunning || a.paths.has(b.id) || b.paths.has(a.id)) return
    // It is done when that is over.
    if (a.isFrozen || b.isFrozen || this.#stops.isStopped(a.id, b.id) || this.#stops.isStopped(b.id, a.id)) return
    const path = new Path(a, b, this.#isLan(a, b))
    if (this.#isCut(path)) return
    a.paths.set(b.id, path)
    b.paths.set(a.id, path)
    for (const end of [path.a, path.b]) {
      const t = this.#world.now + this.#delay(path)
      end.last.control = t
      end.last.data = t
      end.last.bulk = t
      this.#world.call(t, () => this.#up(path, end))
    }
  }

  #up(path: Path, end: End): void {
    const other = path.other(end).process
    if (end.isDown || !end.process.isRunning) return
    end.isUp = true
    end.process.met.add(other)
    this.linkUp()
    end.process.input({ type: 'linkUp', peer: other.id })
  }

  #isLan(a: SimProcess, b: SimProcess): boolean {
    return a.origin !== '' && a.origin === b.origin
  }

  #isCut({ a, b }: Path): boolean {
    return this.#areApart(a.process, b.process)
  }

  #areApart(a: SimProcess, b: SimProcess): boolean {
    const parts = this.#parts
    return parts !== null && parts.get(a.id) !== parts.get(b.id)
  }

  /** Does what arrives at this end wait there? */
  #isStalled(path: Path, end: End): boolean {
    if (this.#isCut(path)) return true
    return this.#stops.isAny && this.#stops.isStopped(path.other(end).process.id, end.process.id)
  }

  #delay(path: Path): number {
    const { isLan, delayMin, delayMean, spikeChance } = this.#world.scenario
    const random = this.#random
    if (delayMean === delayMin) return delayMin
    if (isLan || path.isLan) return random.next() * 2
    const delay = delayMin + random.exponential(Math.max(1, delayMean - delayMin))
    return Math.min(DELAY_MAX, spikeChance > 0 && random.next() < spikeChance ? delay * 10 : delay)
  }

  #meanDelay(path: Path): number {
    return this.#world.scenario.isLan || path.isLan ? 1 : this.#world.scenario.delayMean
  }

  #allPaths(): Set<Path> {
    return new Set(this.#processes.flatMap((process) => [...process.paths.values()]))
  }
}

/** A path as processes keep it. */
export type { Path }

class Arrival extends Due {
  readonly #network: Network
  readonly #path: Path
  readonly #end: End
  readonly #channel: Channel
  readonly #frame: Frame | Uint8Array

  constructor(network: Network, path: Path, end: End, channel: Channel, frame: Frame | Uint8Array) {
    super()
    this.#network = network
    this.#path = path
    this.#end = end
    this.#channel = channel
    this.#frame = frame
  }

  override fire(): void {
    this.#network.arrive(this.#path, this.#end, this.#channel, this.#frame)
  }
}

function newEnd(process: SimProcess): End {
  return {
    process,
    isUp: false,
    isDown: false,
    last: { control: 0, data: 0, bulk: 0 },
    lostAfter: Number.POSITIVE_INFINITY,
    stalled: [],
    inFlight: 0,
  }
}
