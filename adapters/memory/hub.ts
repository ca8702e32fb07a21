/**
 * Where the processes of one thread meet: every two in one space are linked, and their bytes arrive in order, in a
 * microtask of their own.
 */
import type { Channel, ProcessId } from '../../lib/kernel/api.ts'
import type { Link, Transport, TransportHost } from '../../lib/ports/transport.ts'

/** A meeting place. Processes of different hubs never see each other. */
export class MemoryHub {
  readonly #spaces = new Map<string, Map<ProcessId, MemoryTransport>>()

  /** @internal Links a process with all others of its space. */
  enter(transport: MemoryTransport, host: TransportHost): void {
    const others = this.#spaces.get(host.space) ?? new Map<ProcessId, MemoryTransport>()
    this.#spaces.set(host.space, others)
    for (const other of others.values()) linkUp(transport, other)
    others.set(host.self, transport)
  }

  /** @internal */
  leave(host: TransportHost): void {
    const others = this.#spaces.get(host.space)
    others?.delete(host.self)
    if (others?.size === 0) this.#spaces.delete(host.space)
  }
}

/** One process at a hub. */
export class MemoryTransport implements Transport {
  readonly type = 'memory'
  readonly preference = 40
  readonly #hub: MemoryHub
  readonly #links = new Set<MemoryLink>()
  #host: TransportHost | null = null

  constructor(hub: MemoryHub) {
    this.#hub = hub
  }

  start(host: TransportHost): void {
    if (this.#host !== null) return
    this.#host = host
    this.#hub.enter(this, host)
    queueMicrotask(() => this.#host?.searched())
  }

  stop(): void {
    const host = this.#host
    if (host === null) return
    this.#host = null
    this.#hub.leave(host)
    for (const link of [...this.#links]) link.close()
  }

  /** @internal The host while started. */
  get host(): TransportHost | null {
    return this.#host
  }

  /** @internal */
  add(link: MemoryLink): void {
    this.#links.add(link)
    this.#host?.linkUp(link)
  }

  /** @internal */
  remove(link: MemoryLink): void {
    if (this.#links.delete(link)) this.#host?.linkDown(link)
  }
}

/** One end of a path. */
class MemoryLink implements Link {
  readonly peer: ProcessId
  readonly #owner: MemoryTransport
  #other: MemoryLink | null = null
  #isClosed = false

  constructor(owner: MemoryTransport, peer: ProcessId) {
    this.#owner = owner
    this.peer = peer
  }

  join(other: MemoryLink): void {
    this.#other = other
  }

  send(channel: Channel, bytes: Uint8Array): void {
    if (this.#isClosed) return
    // The receiver owns what it gets; the sender may go on using its own.
    const copy = bytes.slice()
    queueMicrotask(() => this.#other?.arrive(channel, copy))
  }

  bufferedAmount(): number {
    return 0
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#owner.remove(this)
    // After what is on its way: a goodbye still arrives.
    queueMicrotask(() => this.#other?.close())
  }

  arrive(channel: Channel, bytes: Uint8Array): void {
    if (!this.#isClosed) this.#owner.host?.receive(this, channel, bytes)
  }
}

function linkUp(a: MemoryTransport, b: MemoryTransport): void {
  if (a.host === null || b.host === null) return
  const [atA, atB] = [new MemoryLink(a, b.host.self), new MemoryLink(b, a.host.self)]
  atA.join(atB)
  atB.join(atA)
  a.add(atA)
  b.add(atB)
}
