/**
 * The worker half of the WebRTC transport: takes the channels the page hands over and carries frames on them.
 *
 * It also decides whom the page connects: nobody whom a better transport reaches.
 */
import type { Channel, ProcessId } from '../../lib/kernel/api.ts'
import type { Transport, TransportHost } from '../../lib/ports/transport.ts'
import { type FromPage, type FromWorker, overMessagePort, type PagePort } from './page-port.ts'
import { WorkerPump } from './pump.ts'
import { type ReadableChannel, WebrtcLink } from './worker-link.ts'

/** While someone is reached by a better transport, this often it is checked that it still does. */
const recheckMs = 2000
/** For so long the end of a path is waited for whose peer has said its last word: frames may still be on their way. */
const lastFramesMs = 100

/** Makes the worker half; `pagePort` leads to the page half. Also runs in a page. */
export function createWebrtcTransport(_options: unknown, pagePort: MessagePort): Transport {
  return new WebrtcTransport(overMessagePort(pagePort))
}

/** See {@link createWebrtcTransport}. */
export class WebrtcTransport implements Transport {
  readonly type = 'simple-peer'
  readonly preference = 20
  readonly #port: PagePort<FromWorker, FromPage>
  readonly #startPage: ((host: TransportHost) => () => void) | null
  #stopPage: (() => void) | null = null
  #host: TransportHost | null = null
  readonly #links = new Map<number, WebrtcLink>()
  readonly #pumps = new Map<number, WorkerPump>()
  /** The path the host knows, by peer. */
  readonly #up = new Map<ProcessId, WebrtcLink>()
  /** Whom another transport reaches. */
  readonly #skipped = new Set<ProcessId>()
  #recheck: ReturnType<typeof setTimeout> | null = null
  /** The last word of this process; null: none yet. */
  #word: Uint8Array | null = null
  #words = 0
  /** Words that the page is not known to have, by number. */
  readonly #unkept = new Map<number, () => void>()
  /** The page speaks for this process, since there is a connection on which it may have to. */
  #isSpokenFor = false
  /** What peers have said last, whose paths are not down yet. */
  readonly #lastWords = new Map<
    ProcessId,
    { readonly word: Uint8Array; readonly timer: ReturnType<typeof setTimeout> }
  >()

  /** @param startPage within one thread only: starts the other half, returns its stop function. */
  constructor(port: PagePort<FromWorker, FromPage>, startPage: ((host: TransportHost) => () => void) | null = null) {
    this.#port = port
    this.#startPage = startPage
  }

  start(host: TransportHost): void {
    if (this.#host !== null) return
    this.#host = host
    this.#port.listen(
      (message) => this.#handle(message),
      () => this.#port.post({ t: 'cannotTransfer' }),
    )
    this.#stopPage = this.#startPage?.(host) ?? null
    this.#port.post({ t: 'start' })
  }

  stop(): void {
    if (this.#host === null) return
    this.#host = null
    if (this.#recheck !== null) clearTimeout(this.#recheck)
    for (const { timer } of this.#lastWords.values()) clearTimeout(timer)
    this.#lastWords.clear()
    this.#up.clear()
    for (const link of [...this.#links.values()]) link.close()
    this.#port.post({ t: 'stop' })
    this.#stopPage?.()
    this.#port.close()
  }

  keepWord(word: Uint8Array): Promise<void> {
    this.#word = word
    return this.#isSpokenFor ? this.#giveWord(word) : Promise.resolve()
  }

  #giveWord(word: Uint8Array): Promise<void> {
    this.#words += 1
    const n = this.#words
    this.#port.post({ t: 'keep', n, word })
    return new Promise((resolve) => this.#unkept.set(n, resolve))
  }

  #handle(message: FromPage): void {
    const host = this.#host
    if (host === null) return
    switch (message.t) {
      case 'attempt':
        this.#handleAttempt(message)
        return
      case 'gone':
        this.#links.get(message.attempt)?.close()
        return
      case 'ask':
        this.#handleAsk(host, message.peer)
        return
      case 'searched':
        host.searched()
        return
      case 'kept':
        this.#unkept.get(message.n)?.()
        this.#unkept.delete(message.n)
        return
      case 'word':
        this.#handleWord(host, message.peer, message.word)
        return
      case 'opened':
        this.#pumps.get(message.attempt)?.handleOpened(message.channel)
        return
      case 'received':
        this.#pumps.get(message.attempt)?.handleReceived(message.batch)
        return
      case 'drained':
        this.#pumps.get(message.attempt)?.handleDrained(message.bytes)
        return
    }
  }

  /** Runs in the message's own task to its end: what arrives on a channel nobody listens to is lost. */
  #handleAttempt({ attempt, peer, channels, isSpokenFor }: FromPage & { t: 'attempt' }): void {
    if (isSpokenFor && !this.#isSpokenFor) {
      this.#isSpokenFor = true
      // The page has it before anything is said on the connection.
      if (this.#word !== null) void this.#giveWord(this.#word)
    }
    let readable: readonly ReadableChannel[]
    if (channels === null) {
      const pump = new WorkerPump(attempt, this.#port)
      this.#pumps.set(attempt, pump)
      readable = pump.channels
    } else readable = channels
    const link = new WebrtcLink(peer, attempt, readable, {
      opened: (opened) => this.#handleOpened(opened),
      received: (from, channel, bytes) => this.#handleReceived(from, channel, bytes),
      closed: (closed, problem) => this.#handleClosed(closed, problem),
    })
    this.#links.set(attempt, link)
    link.begin()
  }

  #handleOpened(link: WebrtcLink): void {
    const host = this.#host
    if (host === null) return
    if (host.reaches(link.peer, this.preference)) {
      this.#skip(link.peer)
      link.close()
      return
    }
    const older = this.#up.get(link.peer)
    older?.close()
    // The host may have stopped this transport, or given the peer up, meanwhile.
    if (this.#host === null || !link.isUp) return
    this.#up.set(link.peer, link)
    this.#port.post({ t: 'up', attempt: link.attempt })
    this.#scheduleRecheck()
    host.linkUp(link)
  }

  #handleReceived(link: WebrtcLink, channel: Channel, bytes: Uint8Array): void {
    if (this.#up.get(link.peer) === link) this.#host?.receive(link, channel, bytes)
  }

  #handleClosed(link: WebrtcLink, problem: { code: string; message: string; cause?: unknown } | null): void {
    this.#links.delete(link.attempt)
    this.#pumps.delete(link.attempt)
    const last = this.#lastWords.get(link.peer)
    this.#port.post({ t: 'down', attempt: link.attempt, again: !this.#skipped.has(link.peer) && last === undefined })
    const host = this.#host
    if (this.#up.get(link.peer) !== link || host === null) {
      if (problem !== null) host?.problem(problem)
      return
    }
    this.#up.delete(link.peer)
    if (problem !== null) host.problem(problem)
    host.linkDown(link)
    if (last === undefined) return
    clearTimeout(last.timer)
    this.#lastWords.delete(link.peer)
    host.lastWord(link.peer, last.word)
  }

  /** By way of the pages it may have come faster than what was sent before it. */
  #handleWord(host: TransportHost, peer: ProcessId, word: Uint8Array): void {
    const link = this.#up.get(peer)
    if (link === undefined) host.lastWord(peer, word)
    else if (!this.#lastWords.has(peer)) {
      this.#lastWords.set(peer, { word, timer: setTimeout(() => this.#up.get(peer)?.close(), lastFramesMs) })
    }
  }

  #handleAsk(host: TransportHost, peer: ProcessId): void {
    const connect = !host.reaches(peer, this.preference)
    if (!connect) this.#skip(peer)
    this.#port.post({ t: 'answer', peer, connect })
  }

  #skip(peer: ProcessId): void {
    if (this.#skipped.size >= 4096) this.#skipped.clear()
    this.#skipped.add(peer)
    this.#scheduleRecheck()
  }

  #scheduleRecheck(): void {
    this.#recheck ??= setTimeout(() => {
      this.#recheck = null
      const host = this.#host
      if (host === null) return
      for (const peer of [...this.#skipped]) {
        if (host.reaches(peer, this.preference)) continue
        this.#skipped.delete(peer)
        this.#port.post({ t: 'answer', peer, connect: true })
      }
      for (const link of [...this.#up.values()]) {
        if (!host.reaches(link.peer, this.preference)) continue
        this.#skip(link.peer)
        link.close()
      }
      if (this.#skipped.size > 0) this.#scheduleRecheck()
    }, recheckMs)
  }
}
