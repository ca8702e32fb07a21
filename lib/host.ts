/**
 * Runs a kernel: feeds it what arrives, carries out what it answers. The same class in the worker and in thread.
 *
 * Inputs of one task become one `step`. Several links may lead to one peer: the kernel sees one path, the open
 * link of the highest preference. Effects are carried out in their order. Bytes become frames here; bad bytes
 * become a `badFrame` input. Bulk waits in a queue of its own, see `bulk-queue.ts`. One timer, set to the kernel's
 * next wake-up. A kernel that throws is broken: it is stopped, and its picture goes to the application. So is one
 * whom the others must take for dead: it would act beside its successors.
 */
import { BulkQueue } from './bulk-queue.ts'
import type { AppEvent, Channel, Command, Effect, Input, KernelHandle, ProcessId, VoteRecord } from './kernel/api.ts'
import type { Frame } from './kernel/frame.ts'
import { keepWord, readWord } from './last-word.ts'
import { Joiner, split } from './pieces.ts'
import type { HostNote, HostTick } from './port-messages.ts'
import type { Link, OriginServices, Transport, TransportHost, TransportProblem } from './ports/transport.ts'
import type { Keeper } from './storage/keeper.ts'
import type { StoreCommand, StoreNote } from './storage/messages.ts'
import { textOf } from './thrown.ts'
import type { TraceLine } from './trace.ts'

/** What the host needs of its surroundings. */
export interface HostPlatform {
  /** Milliseconds, monotone. */
  now(): number
  /** Runs `fn` once after `ms`; returns the cancel function. */
  setTimer(ms: number, fn: () => void): () => void
  /** Runs `fn` in a task of its own, soon. */
  schedule(fn: () => void): void
}

/** Frames to bytes and back. */
export interface FrameCodec {
  encode(frame: Frame): Uint8Array
  decode(bytes: Uint8Array): Frame | { readonly fault: string }
}

/** What a host is made of. */
export interface HostOptions {
  readonly self: ProcessId
  readonly space: string
  readonly origin: string
  readonly kernel: KernelHandle
  readonly codec: FrameCodec
  readonly transports: readonly Transport[]
  readonly platform: HostPlatform
  /** Keeps what happens to groups; null: nothing is kept. */
  readonly keeper?: Keeper | null
  /** Takes one tick's events and notes. */
  toApp(tick: HostTick): void
  /** The kernel has stopped and the transports are closed. */
  stopped(): void
}

/** How long the goodbye may stay in a link's buffer before the links are closed all the same. */
const DRAIN_MS = 250
const DRAIN_POLL_MS = 10
/** Characters of what a transport, or a broken kernel, gives as the cause that are told. */
const CAUSE_MAX = 4_096
const BROKEN_MAX = 65_536

interface Path {
  readonly link: Link
  readonly transport: Transport
  readonly joiners: Readonly<Record<Channel, Joiner>>
}

interface Peer {
  /** Open paths, best first; the kernel sees the first. */
  paths: Path[]
}

/** A kernel with its transports, timers and promises. */
export class Host {
  readonly #options: HostOptions
  readonly #peers = new Map<ProcessId, Peer>()
  readonly #unsearched: Set<Transport>
  readonly #started: Transport[] = []
  readonly #bulk: BulkQueue
  #inputs: Input[] = []
  #notes: HostNote[] = []
  #isScheduled = false
  #phase: 'new' | 'running' | 'superseded' | 'draining' | 'stopped' = 'new'
  #timer: { readonly at: number; readonly cancel: () => void } | null = null

  constructor(options: HostOptions) {
    this.#options = options
    this.#unsearched = new Set(options.transports)
    const { platform } = options
    this.#bulk = new BulkQueue({
      link: (peer) => this.#linkTo(peer),
      encode: (frame) => options.codec.encode(frame),
      setTimer: (ms, fn) => platform.setTimer(ms, fn),
      schedule: (fn) => platform.schedule(fn),
      broken: (error) => {
        // First: once it has stopped, nothing is told any more.
        this.#scheduleFlush()
        this.#break(error)
      },
    })
  }

  /** Starts the transports and takes the kernel's first step. */
  start(): void {
    if (this.#phase !== 'new') return
    this.#phase = 'running'
    for (const transport of this.#options.transports) {
      try {
        transport.start(this.#hostFor(transport))
        this.#started.push(transport)
      } catch (error) {
        this.#noteProblem(transport, { code: 'start-failed', message: `${transport.type} did not start`, cause: error })
        this.#handleSearched(transport)
      }
    }
    if (this.#options.transports.length === 0) this.#pushSearched()
    this.#push({ type: 'wake' })
  }

  /** Takes what the application asks. */
  commands(commands: readonly Command[]): void {
    const { keeper } = this.#options
    this.#push({ type: 'commands', commands: keeper ? commands.filter((command) => keeper.pass(command)) : commands })
    // A page that is being hidden or frozen may take its worker with it before the next task: what it says goes out in this one.
    if (commands.some(isUrgent)) this.#flush()
  }

  /** Takes what the application asks of what is stored, in order with its commands. */
  store(command: StoreCommand): void {
    if (this.#phase === 'running') this.#options.keeper?.handle(command)
  }

  /** What the keeper has to say. */
  storeNote(note: StoreNote): void {
    this.#note(note)
  }

  /** The keeper wants a snapshot, in the stream of events. */
  snapshotWanted(): void {
    if (this.#phase === 'running') this.#scheduleFlush()
  }

  /** Adds a line of the kernel's trace to the next tick. */
  trace(line: TraceLine): void {
    this.#notes.push({ type: 'trace', t: this.#options.platform.now(), line })
  }

  /** Stops at once, without a goodbye. */
  stop(): void {
    if (this.#phase === 'stopped') return
    this.#phase = 'stopped'
    this.#inputs = []
    this.#timer?.cancel()
    this.#bulk.clear()
    for (const transport of this.#started) {
      try {
        transport.stop()
      } catch {
        // A transport that cannot stop cannot be helped, and must not keep the others from stopping.
      }
    }
    this.#peers.clear()
    this.#options.keeper?.stop()
    this.#options.stopped()
  }

  /** A readable picture of kernel and paths, for bug reports. */
  dump(): unknown {
    const paths = [...this.#peers].map(([peer, { paths }]) => [peer, paths.map((path) => path.transport.type)])
    return { phase: this.#phase, paths: Object.fromEntries(paths), kernel: this.#options.kernel.dump() }
  }

  #hostFor(transport: Transport): TransportHost {
    const { self, space, origin } = this.#options
    return {
      self,
      space,
      origin,
      linkUp: (link) => this.#handleLinkUp({ link, transport, joiners: makeJoiners() }),
      linkDown: (link) => this.#handleLinkDown(link),
      receive: (link, channel, bytes) => this.#handleBytes(link, channel, bytes),
      dead: (peer, record) => this.#push({ type: 'dead', peer, record }),
      lastWord: (peer, word) => this.#handleLastWord(peer, word),
      searched: () => this.#handleSearched(transport),
      problem: (problem) => this.#noteProblem(transport, problem),
      superseded: (problem) => this.#supersede(transport, problem),
      reaches: (peer, preference) => this.#reaches(peer, preference),
    }
  }

  #handleLinkUp(path: Path): void {
    if (this.#phase !== 'running') return path.link.close()
    const id = path.link.peer
    if (id === this.#options.self) return path.link.close()
    const peer = this.#peers.get(id) ?? { paths: [] }
    this.#peers.set(id, peer)
    const before = peer.paths[0]
    // Among equals the older path stays: a sort is stable, and changing costs a resend.
    peer.paths = [...peer.paths, path].sort((a, b) => b.transport.preference - a.transport.preference)
    this.#changePath(id, peer, before)
  }

  #handleLinkDown(link: Link): void {
    const peer = this.#peers.get(link.peer)
    if (peer === undefined || this.#phase !== 'running') return
    const before = peer.paths[0]
    peer.paths = peer.paths.filter((path) => path.link !== link)
    if (peer.paths.length === 0) this.#peers.delete(link.peer)
    this.#changePath(link.peer, peer, before)
  }

  #changePath(id: ProcessId, peer: Peer, before: Path | undefined): void {
    const after = peer.paths[0]
    if (after === before) return
    this.#bulk.forget(id)
    if (before !== undefined) this.#push({ type: 'linkDown', peer: id })
    if (after !== undefined) this.#push({ type: 'linkUp', peer: id })
    this.#note({ type: 'connection', peer: id, transport: after?.transport.type ?? null })
  }

  #handleBytes(link: Link, channel: Channel, bytes: Uint8Array): void {
    if (this.#phase !== 'running') return
    const path = this.#peers.get(link.peer)?.paths.find((each) => each.link === link)
    // Bytes of a path that was reported closed are of no one.
    if (path === undefined) return
    const whole = path.joiners[channel].take(bytes)
    if (whole === null) return
    const frame = 'fault' in whole ? whole : this.#decode(whole)
    if ('fault' in frame) this.#push({ type: 'badFrame', peer: link.peer, code: frame.fault })
    else this.#push({ type: 'frame', peer: link.peer, frame })
  }

  #handleLastWord(peer: ProcessId, word: Uint8Array): void {
    const read = readWord({ ...this.#options.codec, decode: (bytes) => this.#decode(bytes) }, word)
    if ('fault' in read) this.#push({ type: 'badFrame', peer, code: read.fault })
    else this.#push({ type: 'dead', peer, record: read.record })
  }

  #decode(bytes: Uint8Array): Frame | { readonly fault: string } {
    try {
      return this.#options.codec.decode(bytes)
    } catch {
      return { fault: 'frame-undecodable' }
    }
  }

  #handleSearched(transport: Transport): void {
    if (!this.#unsearched.delete(transport) || this.#unsearched.size > 0) return
    this.#pushSearched()
  }

  #pushSearched(): void {
    this.#push({ type: 'searched' })
    this.#note({ type: 'searched' })
  }

  #noteProblem(transport: Transport, problem: TransportProblem): void {
    const { code, message, cause } = problem
    this.#note({
      type: 'problem',
      transport: transport.type,
      code,
      message,
      ...(cause === undefined ? {} : { cause: textOf(() => cause, CAUSE_MAX) }),
    })
  }

  /** Not another input, not another frame: the application is told, and everything closes. */
  #supersede(transport: Transport, problem: TransportProblem): void {
    if (this.#phase !== 'running') return
    this.#noteProblem(transport, problem)
    this.#phase = 'superseded'
    this.#inputs = []
    this.#timer?.cancel()
    this.#bulk.clear()
  }

  #reaches(id: ProcessId, abovePreference: number): boolean {
    const best = this.#peers.get(id)?.paths[0]
    return best !== undefined && best.transport.preference > abovePreference
  }

  #push(input: Input): void {
    if (this.#phase !== 'running') return
    this.#inputs.push(input)
    this.#scheduleFlush()
  }

  #note(note: HostNote): void {
    if (this.#phase === 'stopped') return
    this.#notes.push(note)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#options.platform.schedule(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  /** One batch of inputs: one step of the kernel, its effects, one tick to the application. */
  #flush(): void {
    if (this.#phase === 'stopped') return
    const events: AppEvent[] = []
    const at = this.#options.platform.now()
    if (this.#phase === 'running' && this.#inputs.length > 0) this.#step(events, at)
    // The step itself may have found out.
    const isSuperseded = this.#phase === 'superseded'
    const { keeper } = this.#options
    if (keeper) {
      for (const event of events) keeper.observe(event)
      if (this.#phase === 'running') events.push(...keeper.takeRequests())
    }
    if (isSuperseded) events.push({ type: 'closed', reason: 'superseded' })
    const notes = this.#notes
    this.#notes = []
    if (events.length > 0 || notes.length > 0) this.#options.toApp({ events, at, notes })
    if (isSuperseded) this.stop()
  }

  #step(events: AppEvent[], at: number): void {
    const inputs = this.#inputs
    this.#inputs = []
    try {
      const effects = this.#options.kernel.step(at, inputs)
      for (const effect of effects) {
        if (this.#phase !== 'running') break
        this.#carryOut(effect, events)
      }
      if (this.#phase === 'running') this.#armTimer()
    } catch (error) {
      this.#break(error)
    }
  }

  #carryOut(effect: Effect, events: AppEvent[]): void {
    switch (effect.type) {
      case 'send':
        return this.#send(effect.peer, effect.channel, effect.frame)
      case 'app':
        events.push(effect.event)
        return
      case 'persist':
        return this.#persist(effect.ticket, effect.record)
      case 'requestFound':
        return this.#requestFound()
      case 'giveUpFound':
        return this.#origin()?.giveUpFound()
      case 'inLine':
        return this.#origin()?.inLine()
      case 'fault':
        return this.#handleFault(effect)
      case 'stopped':
        return this.#drain(this.#options.platform.now() + DRAIN_MS)
      default:
        return effect satisfies never
    }
  }

  #linkTo(id: ProcessId): Link | undefined {
    return this.#peers.get(id)?.paths[0]?.link
  }

  #send(id: ProcessId, channel: Channel, frame: Frame): void {
    const link = this.#linkTo(id)
    if (link === undefined) return
    if (channel === 'bulk') return this.#bulk.add(id, frame)
    for (const message of split(this.#options.codec.encode(frame))) link.send(channel, message)
  }

  #origin(): OriginServices | undefined {
    return this.#options.transports.find((transport) => transport.origin !== undefined)?.origin
  }

  #persist(ticket: number, record: VoteRecord): void {
    const stored = this.#origin()?.persist(record)
    const kept = keepWord(this.#options, record)
    const both = kept.length === 0 ? stored : Promise.all([stored, ...kept])
    if (both === undefined) return this.#push({ type: 'persisted', ticket })
    both.then(
      () => this.#push({ type: 'persisted', ticket }),
      (cause: unknown) => this.#noteOriginProblem('persist-failed', cause),
    )
  }

  #requestFound(): void {
    const origin = this.#origin()
    if (origin === undefined) return this.#push({ type: 'foundAnswer', granted: true })
    origin.requestFound().then(
      (granted) => this.#push({ type: 'foundAnswer', granted }),
      (cause: unknown) => {
        this.#noteOriginProblem('found-failed', cause)
        this.#push({ type: 'foundAnswer', granted: false })
      },
    )
  }

  #noteOriginProblem(code: string, cause: unknown): void {
    const transport = this.#options.transports.find((each) => each.origin !== undefined)
    if (transport) this.#noteProblem(transport, { code, message: `${transport.type}: ${code}`, cause })
  }

  #handleFault(effect: Extract<Effect, { type: 'fault' }>): void {
    // The application is told, and counts it, by the kernel's `fault` event.
    if (!effect.fatal) return
    // Closing reports `linkDown`, which takes the path off this list: walk a copy.
    for (const { link } of [...(this.#peers.get(effect.peer)?.paths ?? [])]) link.close()
  }

  /** One wake-up: an earlier timer is left to fire spuriously, a later one is replaced. */
  #armTimer(): void {
    const at = this.#options.kernel.nextWake
    if (at === Number.POSITIVE_INFINITY || (this.#timer !== null && this.#timer.at <= at)) return
    this.#timer?.cancel()
    const cancel = this.#options.platform.setTimer(Math.max(0, at - this.#options.platform.now()), () => {
      this.#timer = null
      this.#push({ type: 'wake' })
    })
    this.#timer = { at, cancel }
  }

  /** Leaves the links open until the goodbye is out, or the time is up. */
  #drain(deadline: number): void {
    this.#phase = 'draining'
    this.#timer?.cancel()
    const waiting = [...this.#peers.values()].some((peer) => (peer.paths[0]?.link.bufferedAmount('control') ?? 0) > 0)
    const isOver = (!waiting && !this.#options.keeper?.isBusy) || this.#options.platform.now() >= deadline
    if (isOver) this.#options.platform.schedule(() => this.stop())
    else this.#options.platform.setTimer(DRAIN_POLL_MS, () => this.#drain(deadline))
  }

  #break(error: unknown): void {
    const message = textOf(() => (error instanceof Error ? (error.stack ?? error.message) : error), BROKEN_MAX)
    let dump = ''
    try {
      dump = JSON.stringify(this.#options.kernel.dump()) ?? ''
    } catch {
      dump = '(the kernel could not be dumped)'
    }
    this.#notes.push({ type: 'broken', message, dump })
    this.#drain(this.#options.platform.now())
  }
}

/** Must it be said before the next task, which may not come, or not for long? */
function isUrgent(command: Command): boolean {
  return command.type === 'suspend' || (command.type === 'leave' && command.quick)
}

function makeJoiners(): Record<Channel, Joiner> {
  return { control: new Joiner(), data: new Joiner(), bulk: new Joiner() }
}
