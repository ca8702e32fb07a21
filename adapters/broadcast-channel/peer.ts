/**
 * One other process of this origin and space, and the path to it.
 *
 * Both sides open the channel of the pair and greet each other with a nonce until each has seen its own echoed. The
 * path goes up only then, so bytes flow both ways. The nonce names one life of the path: what belongs to an earlier one
 * is ignored.
 */
import type { ProcessId } from '../../lib/kernel/api.ts'
import type { TransportHost } from '../../lib/ports/transport.ts'
import { channelOf, TabLink } from './link.ts'
import { drawNonce, type PairMessage, readPairMessage } from './messages.ts'

/** Paths that were given up are greeted again after this, doubled each time up to the maximum. */
const retryMs = 1000
const retryMaxMs = 30_000

/** What a peer needs of the transport. */
export interface PeerHost {
  /** Null once the transport has stopped. */
  running(): TransportHost | null
  /** False if this process's stored record is not its last one. */
  isRecorded(): boolean
  listen(name: string, handle: (data: unknown) => void): BroadcastChannel
  later(ms: number, act: () => void): ReturnType<typeof setTimeout>
  /** A message was of no use. */
  ignored(): void
  /** The path is up. */
  linkUp(peer: Peer, link: TabLink): void
  /** The peer has left. */
  goodbye(peer: Peer): void
}

/** One peer. */
export class Peer {
  readonly id: ProcessId
  /** Cancels the wait for its death. */
  readonly watch: AbortController = new AbortController()
  isWatched = false
  readonly #host: PeerHost
  readonly #self: ProcessId
  readonly #channel: BroadcastChannel
  /** This side's name for the current life of the path. */
  #nonce = drawNonce()
  #link: TabLink | null = null
  #isRecorded = true
  #retries = 0
  #retryTimer: ReturnType<typeof setTimeout> | null = null

  /** @param channel the name of the pair's channel. */
  constructor(self: ProcessId, id: ProcessId, channel: string, host: PeerHost) {
    this.id = id
    this.#self = self
    this.#host = host
    this.#channel = host.listen(channel, (data) => this.#handle(data))
  }

  /** The path, if it is up. */
  get link(): TabLink | null {
    return this.#link
  }

  /** False if its stored record is not its last one. */
  get isRecorded(): boolean {
    return this.#isRecorded
  }

  post(message: PairMessage): void {
    this.#channel.postMessage(message)
  }

  greet(echo: string | null): void {
    if (this.#host.running() === null) return
    this.post({ t: 'hello', from: this.#self, nonce: this.#nonce, echo, recorded: this.#host.isRecorded() })
  }

  /** The path is down, as the other side says or because the peer is no more. */
  dropLink(host: TransportHost): void {
    const link = this.#link
    if (link === null) return
    this.#endLink()
    link.abandon()
    host.linkDown(link)
  }

  /** Ends everything; the path, if it is still up, is the caller's to end. */
  close(): void {
    this.watch.abort()
    this.#channel.close()
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer)
  }

  #handle(data: unknown): void {
    const message = readPairMessage(data)
    const host = this.#host.running()
    if (message === null || host === null || message.from !== this.id) {
      this.#host.ignored()
      return
    }
    switch (message.t) {
      case 'hello':
        this.#handleHello(host, message)
        return
      case 'frames':
        this.#handleFrames(host, message)
        return
      case 'ack':
        if (message.link === this.#nonce) this.#link?.handleAck(message.bytes)
        return
      case 'down':
        if (message.link === this.#nonce) this.dropLink(host)
        return
      case 'unrecorded':
        this.#isRecorded = false
        return
      case 'goodbye':
        this.#host.goodbye(this)
    }
  }

  #handleHello(host: TransportHost, hello: PairMessage & { t: 'hello' }): void {
    if (!hello.recorded) this.#isRecorded = false
    if (this.#link !== null && this.#link.name !== hello.nonce) this.dropLink(host)
    if (this.#host.running() === null || this.#retryTimer !== null) return
    const isUp = this.#link !== null
    const echoes = hello.echo === this.#nonce
    if (!echoes || !isUp) this.greet(hello.nonce)
    if (!echoes || isUp) return
    const link = new TabLink(this.#self, this.id, hello.nonce, {
      post: (message) => this.post(message),
      closed: (closed, problem) => this.#handleClosed(closed, problem),
    })
    this.#link = link
    this.#host.later(retryMaxMs, () => {
      if (this.#link === link) this.#retries = 0
    })
    this.#host.linkUp(this, link)
  }

  #handleFrames(host: TransportHost, message: PairMessage & { t: 'frames' }): void {
    for (const [i, bytes] of message.parts.entries()) {
      const link = this.#link
      if (link === null || message.link !== this.#nonce) {
        this.#host.ignored()
        return
      }
      const n = message.on[i]
      if (n !== 0 && n !== 1 && n !== 2) return
      link.countReceived(n, bytes.byteLength)
      host.receive(link, channelOf(n), bytes)
    }
  }

  /** The path was given up on this side, by the host or because it cannot go on. */
  #handleClosed(link: TabLink, problem: { code: string; message: string; cause?: unknown } | null): void {
    const host = this.#host.running()
    if (host === null || this.#link !== link) return
    this.#endLink()
    this.post({ t: 'down', from: this.#self, link: link.name })
    const delayMs = Math.min(retryMs * 2 ** this.#retries, retryMaxMs)
    this.#retries += 1
    this.#retryTimer = this.#host.later(delayMs, () => {
      this.#retryTimer = null
      this.greet(null)
    })
    if (problem !== null) host.problem(problem)
    host.linkDown(link)
  }

  #endLink(): void {
    this.#link = null
    this.#nonce = drawNonce()
  }
}
