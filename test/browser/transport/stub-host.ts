/** A transport's host that writes down what it is told and checks the order of numbered frames. */
import type { Channel, Link, TransportHost, VoteRecord } from './types.ts'

/** What the host has seen. */
export interface HostState {
  /** What happened, with the wall-clock time. */
  readonly log: readonly {
    readonly at: number
    readonly what: string
    readonly peer?: string
    readonly code?: string
    readonly record?: VoteRecord | null
    readonly word?: string
  }[]
  /** Peers with an open path. */
  readonly up: readonly string[]
  /** Frames received in order, by `peer channel`; out of order ones are counted under `peer channel !`. */
  readonly frames: Readonly<Record<string, number>>
  readonly buffered: Readonly<Record<string, readonly number[]>>
  /** When the last frame came, by the wall clock. */
  readonly lastFrameAt: number
}

export class StubHost implements TransportHost {
  readonly self: string
  readonly space: string
  readonly origin = ''
  readonly #log: HostState['log'][number][] = []
  readonly #links = new Map<string, Link>()
  readonly #frames: Record<string, number> = {}
  readonly #reached = new Set<string>()
  #lastFrameAt = 0

  constructor(self: string, space: string) {
    this.self = self
    this.space = space
  }

  linkUp(link: Link): void {
    this.#write({ what: this.#links.has(link.peer) ? 'linkUp twice' : 'linkUp', peer: link.peer })
    this.#links.set(link.peer, link)
  }

  linkDown(link: Link): void {
    this.#write({ what: this.#links.get(link.peer) === link ? 'linkDown' : 'linkDown of another', peer: link.peer })
    this.#links.delete(link.peer)
  }

  receive(link: Link, channel: Channel, bytes: Uint8Array): void {
    const key = `${link.peer} ${channel}`
    this.#lastFrameAt = performance.timeOrigin + performance.now()
    const n = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
    const expected = this.#frames[key] ?? 0
    if (n === expected && this.#links.get(link.peer) === link) this.#frames[key] = expected + 1
    else this.#frames[`${key} !`] = (this.#frames[`${key} !`] ?? 0) + 1
  }

  dead(peer: string, record: VoteRecord | null): void {
    this.#write({ what: 'dead', peer, record })
  }

  lastWord(peer: string, word: Uint8Array): void {
    this.#write({ what: 'lastWord', peer, word: new TextDecoder().decode(word) })
  }

  searched(): void {
    this.#write({ what: 'searched' })
  }

  problem({ code }: { readonly code: string }): void {
    this.#write({ what: 'problem', code })
  }

  superseded({ code }: { readonly code: string }): void {
    this.#write({ what: 'superseded', code })
  }

  reaches(peer: string): boolean {
    return this.#reached.has(peer)
  }

  setReached(peer: string, reached: boolean): void {
    if (reached) this.#reached.add(peer)
    else this.#reached.delete(peer)
  }

  link(peer: string): Link {
    const link = this.#links.get(peer)
    if (link === undefined) throw new Error(`no path to ${peer}`)
    return link
  }

  state(): HostState {
    const buffered: Record<string, number[]> = {}
    for (const [peer, link] of this.#links) {
      buffered[peer] = [link.bufferedAmount('control'), link.bufferedAmount('data'), link.bufferedAmount('bulk')]
    }
    return {
      log: this.#log,
      up: [...this.#links.keys()].sort(),
      frames: this.#frames,
      buffered,
      lastFrameAt: this.#lastFrameAt,
    }
  }

  #write(entry: Omit<HostState['log'][number], 'at'>): void {
    this.#log.push({ at: performance.timeOrigin + performance.now(), ...entry })
  }
}
