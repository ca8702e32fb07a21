/**
 * The index over a trace that all checkers share: built once, in one pass.
 */

import type { LineOf, TraceBounds, TraceEventName, TraceLine, ViewLine } from '../../../lib/testing/trace.ts'
import { parseMessageId, parseViewId } from '../../../lib/testing/trace-names.ts'
import { at, pushTo } from './collections.ts'
import {
  type At,
  type Delivery,
  type Group,
  type Install,
  type Located,
  type Message,
  newMessage,
  newProcess,
  type Process,
  type Stream,
  type View,
} from './model.ts'

/** An indexed trace. */
export interface Run {
  readonly processes: readonly Process[]
  readonly groups: readonly Group[]
  /** The space's entry in `groups`. */
  readonly space: Group
  readonly views: readonly View[]
  readonly messages: readonly Message[]
  readonly streams: readonly Stream[]
  readonly installs: readonly Install[]
  readonly deliveries: readonly Delivery[]
  /** Casts and deliveries as the applications saw them, in order. */
  readonly history: readonly (Message | Delivery)[]
  readonly bounds: TraceBounds | null
  readonly quiet: At | null
  /** The end of the file. */
  readonly end: At
  /** What checkers share that is worked out from the index: by the function that does so. See {@link derive}. */
  readonly derived: Map<(run: Run) => unknown, unknown>
  /** The lines of one of the rarer events (not cast, send, deliver, view or kernel detail), in order. */
  of<E extends TraceEventName>(event: E): readonly Located<E>[]
  /** The process of an id, if the trace knows it. */
  process(id: string): Process | undefined
  /** The process's last install of the group that is still in force at the end, or null if it asked to leave. */
  last(process: Process, group: Group): Install | null
  /** Neither crashed nor left nor frozen at the end. */
  isLive(process: Process): boolean
  /** The process's space install in force at `t`, or null. */
  spaceAt(process: Process, t: number): Install | null
}

/** Indexes a trace. Time and memory are linear in its length. */
export function indexTrace(lines: readonly TraceLine[]): Run {
  return new TraceIndex(lines)
}

/**
 * What `compute` makes of the run, worked out once. Kept with the run, so that it is garbage when the run is: a weak map
 * would hold on to both until the next full collection.
 */
export function derive<T>(run: Run, compute: (run: Run) => T): T {
  // The map's value is what its key returns, which the type of a Map cannot say.
  if (run.derived.has(compute)) return run.derived.get(compute) as T
  const made = compute(run)
  run.derived.set(compute, made)
  return made
}

const NO_MEMBERS: ReadonlySet<string> = new Set()

class TraceIndex implements Run {
  readonly processes: Process[] = []
  readonly groups: Group[] = []
  readonly views: View[] = []
  readonly messages: Message[] = []
  readonly streams: Stream[] = []
  readonly installs: Install[] = []
  readonly deliveries: Delivery[] = []
  readonly history: (Message | Delivery)[] = []
  readonly derived: Map<(run: Run) => unknown, unknown> = new Map()
  private readonly sentBy = new Map<Process, number>()
  readonly space: Group
  bounds: TraceBounds | null = null
  quiet: At | null = null
  end: At = { line: 0, t: 0 }
  readonly #processes = new Map<string, Process>()
  readonly #groups = new Map<string, Group>()
  readonly #messages = new Map<string, Message>()
  readonly #rare = new Map<string, Located<TraceEventName>[]>()
  /** Per process, per group: the install in force. */
  readonly #current: Map<Group, Install>[] = []
  /** Per process: groups (the space among them) between a transitional signal and the next view. */
  readonly #transitional: Set<Group>[] = []
  /** Per process: what it has delivered so far. */
  readonly #delivered: Set<Message>[] = []

  constructor(lines: readonly TraceLine[]) {
    this.space = this.#group('')
    let line = 0
    for (const data of lines) {
      line++
      this.#take(data, { line, t: data.t })
    }
    const last = lines.at(-1)
    if (last !== undefined) this.end = { line, t: last.t }
    this.#finish()
  }

  of<E extends TraceEventName>(event: E): readonly Located<E>[] {
    // The map's key is the event of every line in its value, which the type of a Map cannot say.
    return (this.#rare.get(event) ?? []) as unknown as readonly Located<E>[]
  }

  process(id: string): Process | undefined {
    return this.#processes.get(id)
  }

  last(process: Process, group: Group): Install | null {
    const leave = process.leaves.get(group.name)?.at(-1)?.line ?? 0
    const join = process.joins.get(group.name)?.at(-1)?.line ?? 0
    if (leave > join) return null
    return process.installs.get(group)?.at(-1) ?? null
  }

  isLive(process: Process): boolean {
    return process.crash === null && process.leave === null && process.frozen.at(-1)?.to !== null
  }

  spaceAt(process: Process, t: number): Install | null {
    let found: Install | null = null
    for (const install of process.installs.get(this.space) ?? []) {
      if (install.at.t > t) break
      found = install
    }
    return found
  }

  #take(data: TraceLine, at: At): void {
    switch (data.e) {
      case 'deliver':
        this.#deliver(data, at)
        return
      case 'send':
        this.#send(data, at)
        return
      case 'cast':
        this.#cast(data, at)
        return
      case 'view':
        this.#view(data, at)
        return
      case 'settle':
        this.#settle(data, at)
        return
      case 'trans': {
        this.#transitionalOf(this.#process(data.p)).add(this.#group(data.g))
        break
      }
      default:
        this.#lifecycle(data, at)
    }
    this.#keep(data, at)
  }

  /** Who begins, asks, crashes, freezes; what the world is like. */
  #lifecycle(data: TraceLine, at: At): void {
    switch (data.e) {
      case 'run':
        this.bounds = data.bounds
        break
      case 'quiet':
        this.quiet = at
        data.parts.forEach((part, index) => {
          for (const id of part) this.#process(id).part = index
        })
        break
      case 'start': {
        const process = this.#process(data.p)
        process.start = at
        process.origin = data.origin
        process.site = data.site
        process.isWitness = data.witness === true
        break
      }
      case 'group':
        this.#group(data.g).options ??= data
        break
      case 'join':
        pushTo(this.#process(data.p).joins, data.g, at)
        break
      case 'leave': {
        const process = this.#process(data.p)
        pushTo(process.leaves, data.g, at)
        if (data.g === '') process.leave ??= at
        break
      }
      case 'attach':
        pushTo(this.#process(data.p).attached, data.g, { from: at.line, to: 0 })
        break
      case 'detach': {
        const attached = this.#process(data.p).attached.get(data.g)?.at(-1)
        if (attached !== undefined) attached.to = at.line
        break
      }
      case 'crash':
        this.#process(data.q).crash ??= at
        break
      case 'freeze':
        this.#process(data.q).frozen.push({ from: at, to: null })
        break
      case 'thaw': {
        const stretch = this.#process(data.q).frozen.at(-1)
        if (stretch !== undefined) stretch.to ??= at
        break
      }
      default:
        break
    }
  }

  #cast(data: LineOf<'cast'>, at: At): void {
    const message = this.#message(data.m)
    message.group ??= this.#group(data.g)
    if (message.cast !== null) return
    message.cast = at
    message.madeIn = this.#currentOf(message.sender).get(message.group) ?? null
    this.history.push(message)
  }

  #send(data: LineOf<'send'>, at: At): void {
    const message = this.#message(data.m)
    const group = this.#group(data.g)
    message.group = group
    if (message.send !== null) {
      this.#keep(data, at)
      return
    }
    const view = this.#viewOf(group, data.view)
    if (message.send === null) {
      const rank = (this.sentBy.get(message.sender) ?? 0) + 1
      this.sentBy.set(message.sender, rank)
      message.rank = rank
      this.history.push(message)
    }
    message.send = { line: at.line, t: at.t, view, data }
    let stream = view.streams.find((s) => s.sender === message.sender)
    if (stream === undefined) {
      stream = { index: this.streams.length, sender: message.sender, view, messages: [] }
      this.streams.push(stream)
      view.streams.push(stream)
    }
    message.stream = stream
    stream.messages.push(message)
  }

  #deliver(data: LineOf<'deliver'>, at: At): void {
    const process = this.#process(data.p)
    const message = this.#message(data.m)
    const group = this.#group(data.g)
    const current = this.#currentOf(process)
    const install = current.get(group) ?? null
    const transitional = this.#transitionalOf(process)
    const delivered = this.#deliveredOf(process)
    const delivery: Delivery = {
      at,
      process,
      message,
      group,
      view: this.#viewOf(group, data.view),
      h: data.h,
      install,
      space: current.get(this.space) ?? null,
      transitional: transitional.size > 0 && (transitional.has(group) || transitional.has(this.space)),
      first: !delivered.has(message),
    }
    delivered.add(message)
    this.deliveries.push(delivery)
    this.history.push(delivery)
    process.deliveries.push(delivery)
    message.deliveries.push(delivery)
    install?.deliveries.push(delivery)
  }

  #view(data: ViewLine, at: At): void {
    const process = this.#process(data.p)
    const group = this.#group(data.g)
    const view = this.#viewOf(group, data.id)
    if (view.first === null) {
      view.first = data
      view.members = new Set(data.members)
    }
    const current = this.#currentOf(process)
    const held = current.get(group) ?? null
    const before = held !== null && data.prev === null && hasLeftSince(process, group, held) ? null : held
    const isSpace = group === this.space
    const space = isSpace ? null : (current.get(this.space) ?? null)
    const install: Install = { at, process, view, data, before, after: null, space, deliveries: [] }
    if (before !== null) before.after = install
    current.set(group, install)
    const transitional = this.#transitionalOf(process)
    // A space view ends the signals of groups whose own view it leaves as it was.
    if (isSpace) transitional.clear()
    else transitional.delete(group)
    view.installs.push(install)
    this.installs.push(install)
    pushTo(process.installs, group, install)
  }

  #settle(data: LineOf<'settle'>, at: At): void {
    const settled = { line: at.line, t: at.t, outcome: data.outcome }
    if (data.of.startsWith('join:')) pushTo(this.#process(data.p).joinSettles, data.of.slice(5), settled)
    else if (data.of.includes('#')) this.#message(data.of).settles.push(settled)
  }

  #keep(data: TraceLine, at: At): void {
    const process = 'p' in data && typeof data.p === 'string' ? this.#process(data.p) : null
    const space = process === null ? null : (this.#currentOf(process).get(this.space) ?? null)
    pushTo(this.#rare, data.e, { line: at.line, t: at.t, data, process, space } as Located<TraceEventName>)
  }

  #finish(): void {
    for (const stream of this.streams) {
      stream.messages.sort((a, b) => a.rank - b.rank)
      stream.messages.forEach((message, place) => {
        message.place = place
      })
    }
    for (const process of this.processes) {
      const deliveredAt = new Int32Array(this.messages.length)
      for (const delivery of process.deliveries) {
        if (delivery.first) deliveredAt[delivery.message.index] = delivery.at.line
      }
      process.deliveredAt = deliveredAt
    }
  }

  #process(id: string): Process {
    let process = this.#processes.get(id)
    if (process === undefined) {
      process = newProcess(this.processes.length, id)
      this.#processes.set(id, process)
      this.processes.push(process)
      this.#current.push(new Map())
      this.#transitional.push(new Set())
      this.#delivered.push(new Set())
    }
    return process
  }

  #group(name: string): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = { index: this.groups.length, name, options: null, views: new Map() }
      this.#groups.set(name, group)
      this.groups.push(group)
    }
    return group
  }

  #viewOf(group: Group, id: string): View {
    let view = group.views.get(id)
    if (view === undefined) {
      const { epoch, n } = parseViewId(id)
      const index = this.views.length
      view = { index, group, id, epoch, n, first: null, members: NO_MEMBERS, installs: [], streams: [] }
      group.views.set(id, view)
      this.views.push(view)
    }
    return view
  }

  #message(m: string): Message {
    let message = this.#messages.get(m)
    if (message === undefined) {
      const { sender, n } = parseMessageId(m)
      message = newMessage(this.messages.length, m, this.#process(sender), n)
      this.#messages.set(m, message)
      this.messages.push(message)
    }
    return message
  }

  #currentOf(process: Process): Map<Group, Install> {
    return at(this.#current, process.index)
  }

  #transitionalOf(process: Process): Set<Group> {
    return at(this.#transitional, process.index)
  }

  #deliveredOf(process: Process): Set<Message> {
    return at(this.#delivered, process.index)
  }
}

/** Is the view certainly older? False for rivals. */
export function isOlder(a: View, b: View): boolean {
  return a.epoch === b.epoch ? a.n < b.n : a.epoch < b.epoch
}

/** How a cast is ordered: as its send line says, else as its group does. */
export function orderOf(message: Message): 'fifo' | 'causal' | 'total' | 'gbcast' {
  return message.send?.data.order ?? message.group?.options?.order ?? 'fifo'
}

/** What names the groups that share one total order: `@` and its name, or the name of a group that shares it with none. */
export function domainOf({ name, options }: Group): string {
  return options?.domain ?? name
}

/** Is the cast to be released only when it is stable: as its send line says, else as its group does? */
export function isUniform(message: Message): boolean {
  return message.send?.data.uniform ?? message.group?.options?.uniform ?? false
}

/** Is the cast one of the view in which it was made: as its send line says, else as its group does? */
export function isStrong(message: Message): boolean {
  return message.send?.data.strong ?? message.group?.options?.strong ?? false
}

/** A text that is equal for equal cuts; zeros count as absent. */
export function cutKey(cut: Readonly<Record<string, number>>): string {
  const parts: string[] = []
  for (const sender of Object.keys(cut).sort()) if (cut[sender] !== 0) parts.push(`${sender}#${cut[sender]}`)
  return parts.join(' ')
}

/** A view that was under way may still come after the leave, but then a new join comes after that. */
function hasLeftSince(process: Process, group: Group, install: Install): boolean {
  const leave = process.leaves.get(group.name)?.at(-1)?.line ?? 0
  const join = process.joins.get(group.name)?.at(-1)?.line ?? 0
  return leave > install.at.line || join > install.at.line
}
