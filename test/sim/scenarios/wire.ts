/**
 * The network of a hand-written scenario: every frame takes the same time, and the script says what happens to it.
 *
 * A direction of a path can be held: what is sent meanwhile waits, in order, until it is released. A path that ends takes
 * along what is under way on it. Nothing is drawn.
 */
import type { Channel } from '../../../lib/kernel/api.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { isRecord } from '../../../lib/kernel/total.ts'
import { Network } from '../network.ts'
import type { SimProcess } from '../process.ts'
import type { World } from '../world.ts'

/** From a crash to the news of it at a peer, in ms: the path is closed. */
const CRASH_NOTICE_MS = 100
/** How long a path survives behind a cut, in ms. */
const CUT_PATH_MS = 5_000
/** From the wish for a path to the path, in ms. */
const CONNECT_MS = 5
/** A hold is told again after so many ms, for as long as it lasts. */
const HOLD_TOLD_MS = 4_000

/** A frame that is about to leave. */
export interface Sending {
  readonly from: string
  readonly to: string
  readonly frame: Frame
  /** What it carries, each by its kind. */
  readonly kinds: readonly string[]
}

/** Sees every frame before it leaves; whoever answers true takes it: it is lost. */
export type Tap = (sending: Sending) => boolean

interface Side {
  readonly process: SimProcess
  isUp: boolean
  isDown: boolean
  /** When the last frame for it arrives. */
  last: number
  /** Frames that arrive later are lost. */
  lostAfter: number
  held: Frame[]
}

interface Line {
  readonly sides: readonly [Side, Side]
  isEnding: boolean
}

/** All paths of a scenario. */
export class Wire extends Network {
  readonly taps: Tap[] = []
  /** One-way delay, in ms. */
  readonly delayMs: number
  /** From a crash to the news of it; `Infinity`: only silence tells. */
  crashNoticeMs: number = CRASH_NOTICE_MS
  readonly #world: World
  readonly #all: readonly SimProcess[]
  #lines: Line[] = []
  readonly #holds = new Set<string>()
  readonly #delays = new Map<string, number>()
  #parts: readonly (readonly string[])[] | null = null

  constructor(world: World, processes: readonly SimProcess[], delayMs: number) {
    super(world, processes)
    this.#world = world
    this.#all = processes
    this.delayMs = delayMs
  }

  override enter(process: SimProcess): void {
    for (const other of this.#all) if (other !== process && other.isRunning) this.#connectSoon(other, process)
  }

  override send(from: SimProcess, to: string, _channel: Channel, frame: Frame): void {
    const line = this.#between(from.id, to)
    if (line === undefined) return
    const [own, far] = sidesOf(line, from.id)
    if (!own.isUp || own.isDown) return
    const sending = { from: from.id, to, frame, kinds: kindsOf(frame) }
    for (const tap of this.taps) if (tap(sending) || own.isDown) return
    if (this.#isHeld(from.id, to) || far.held.length > 0) far.held.push(frame)
    else this.#carry(line, own, far, frame)
  }

  override close(from: SimProcess, to: string): void {
    const line = this.#between(from.id, to)
    if (line !== undefined) this.#end(line)
  }

  override reset(a: SimProcess, b: SimProcess): void {
    this.#world.trace.world(this.#world.now, { e: 'slow', links: [[a.id, b.id]] })
    this.close(a, b.id)
  }

  override crashed(process: SimProcess): void {
    for (const line of this.#of(process.id)) {
      const [own, far] = sidesOf(line, process.id)
      line.isEnding = true
      own.isDown = true
      // What has not left is lost.
      far.held = []
      if (this.crashNoticeMs < Number.POSITIVE_INFINITY)
        this.#world.call(this.#world.now + this.crashNoticeMs, () => this.#down(line, far))
    }
  }

  override left(process: SimProcess): void {
    for (const line of this.#of(process.id)) {
      const [own, far] = sidesOf(line, process.id)
      line.isEnding = true
      own.isDown = true
      this.#world.call(Math.max(this.#world.now, far.last) + this.delayMs, () => this.#down(line, far))
    }
  }

  override downTo(process: SimProcess, peer: string): void {
    const line = this.#between(process.id, peer)
    if (line !== undefined) this.#down(line, sidesOf(line, process.id)[0])
  }

  /** Frames from the one to the other wait from now on. */
  hold(from: string, to: string): void {
    this.#holds.add(key(from, to))
    this.#tellHolds()
  }

  /** What waited goes on its way. */
  release(from: string, to: string): void {
    if (!this.#holds.delete(key(from, to))) return
    this.#world.trace.world(this.#world.now, { e: 'slow', links: [[from, to]] })
    this.#flow()
  }

  releaseAll(): void {
    for (const each of [...this.#holds]) {
      const [from, to] = each.split('>')
      this.release(from ?? '', to ?? '')
    }
  }

  /** A delay of its own for one direction. */
  slow(from: string, to: string, ms: number): void {
    this.#delays.set(key(from, to), ms)
  }

  /** What is on its way from a process now never arrives. */
  loseFrom(process: string): void {
    for (const line of this.#of(process)) sidesOf(line, process)[1].lostAfter = this.#world.now
  }

  /** Splits the network. Paths between the parts stall; unless they are to be kept, they end after a while. */
  split(parts: readonly (readonly string[])[], isPathKept: boolean): void {
    this.#parts = parts
    this.#world.trace.world(this.#world.now, { e: 'cut', parts })
    this.#flow()
    this.#connectAll()
    if (isPathKept) return
    this.#world.call(this.#world.now + CUT_PATH_MS, () => {
      if (this.#parts !== parts) return
      for (const line of [...this.#lines]) if (this.#isCut(idOf(line, 0), idOf(line, 1))) this.#end(line)
    })
  }

  override heal(): void {
    if (this.#parts === null) return
    this.#parts = null
    this.#world.trace.world(this.#world.now, { e: 'heal' })
    this.#flow()
    this.#connectAll()
  }

  /** The connected parts of those who live. */
  partsOf(live: readonly string[]): string[][] {
    if (this.#parts === null) return [[...live]]
    return this.#parts.map((part) => part.filter((id) => live.includes(id))).filter((part) => part.length > 0)
  }

  #carry(line: Line, own: Side, far: Side, frame: Frame): void {
    const delay = this.#delays.get(key(own.process.id, far.process.id)) ?? this.delayMs
    const t = Math.max(far.last, this.#world.now + delay)
    far.last = t
    this.#world.call(t, () => {
      if (far.isDown || t > far.lostAfter) return
      far.process.input({ type: 'frame', peer: line.sides[far === line.sides[0] ? 1 : 0].process.id, frame })
    })
  }

  #flow(): void {
    for (const line of this.#lines) {
      for (const [own, far] of [line.sides, [line.sides[1], line.sides[0]]] as const) {
        if (far.held.length === 0 || this.#isHeld(own.process.id, far.process.id)) continue
        for (const frame of far.held.splice(0)) this.#carry(line, own, far, frame)
      }
    }
  }

  #end(line: Line): void {
    if (line.isEnding) return
    line.isEnding = true
    for (const side of line.sides) {
      side.lostAfter = this.#world.now
      side.held = []
      this.#world.call(this.#world.now, () => this.#down(line, side))
    }
  }

  #down(line: Line, side: Side): void {
    if (side.isDown) return
    const wasUp = side.isUp
    side.isDown = true
    const other = line.sides[side === line.sides[0] ? 1 : 0]
    if (wasUp && side.process.isRunning) side.process.input({ type: 'linkDown', peer: other.process.id })
    if (!other.isDown) return
    this.#lines = this.#lines.filter((each) => each !== line)
    this.#connectSoon(line.sides[0].process, line.sides[1].process)
  }

  #connectAll(): void {
    this.#all.forEach((a, index) => {
      for (const b of this.#all.slice(index + 1)) this.#connectSoon(a, b)
    })
  }

  #connectSoon(a: SimProcess, b: SimProcess): void {
    this.#world.call(this.#world.now + CONNECT_MS, () => this.#connect(a, b))
  }

  #connect(a: SimProcess, b: SimProcess): void {
    if (!a.isRunning || !b.isRunning || this.#between(a.id, b.id) !== undefined || this.#isCut(a.id, b.id)) return
    const t = this.#world.now + this.delayMs
    const line: Line = { sides: [newSide(a, t), newSide(b, t)], isEnding: false }
    this.#lines.push(line)
    for (const [own, far] of [line.sides, [line.sides[1], line.sides[0]]] as const) {
      this.#world.call(t, () => {
        if (own.isDown || !own.process.isRunning) return
        own.isUp = true
        own.process.met.add(far.process)
        own.process.input({ type: 'linkUp', peer: far.process.id })
      })
    }
  }

  #isHeld(from: string, to: string): boolean {
    return this.#holds.has(key(from, to)) || this.#isCut(from, to)
  }

  #isCut(a: string, b: string): boolean {
    const part = (id: string): number => this.#parts?.findIndex((each) => each.includes(id)) ?? 0
    return this.#parts !== null && part(a) !== part(b)
  }

  #tellHolds(): void {
    if (this.#holds.size === 0) return
    const links = [...this.#holds].map((each) => each.split('>'))
    this.#world.trace.world(this.#world.now, { e: 'slow', links })
    this.#world.call(this.#world.now + HOLD_TOLD_MS, () => this.#tellHolds())
  }

  #between(a: string, b: string): Line | undefined {
    return this.#lines.find(
      (line) => [idOf(line, 0), idOf(line, 1)].includes(a) && [idOf(line, 0), idOf(line, 1)].includes(b),
    )
  }

  #of(id: string): Line[] {
    return this.#lines.filter((line) => idOf(line, 0) === id || idOf(line, 1) === id)
  }
}

function newSide(process: SimProcess, last: number): Side {
  return { process, isUp: false, isDown: false, last, lostAfter: Number.POSITIVE_INFINITY, held: [] }
}

function idOf(line: Line, side: 0 | 1): string {
  return line.sides[side].process.id
}

/** The side of that process, and the other. */
function sidesOf({ sides: [a, b] }: Line, id: string): readonly [Side, Side] {
  return a.process.id === id ? [a, b] : [b, a]
}

function key(from: string, to: string): string {
  return `${from}>${to}`
}

/** What a frame carries: kinds of control messages, `cast`, `order`, `forward`, `eov`, `chunk`, `hello`, `heartbeat`, `ack`. */
export function kindsOf(frame: Frame): readonly string[] {
  switch (frame.t) {
    case 'control':
      return frame.messages.map(({ k }) => k)
    case 'data':
      if (frame.items.length === 0) return ['ack']
      return frame.items.map((item) => (item.k === 'cast' && isRecord(item.cast) ? 'order' : item.k))
    case 'bulk':
      return [frame.chunk === null ? 'ack' : 'chunk']
    default:
      return [frame.t]
  }
}
