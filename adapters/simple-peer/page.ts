/**
 * The page half of the WebRTC transport: makes the connections, and keeps making them while a peer is there.
 *
 * Of two processes the one with the smaller id makes every connection, so there is no glare. An announcement
 * to the larger one is answered by a targeted announcement, upon which the smaller one begins. A lost
 * connection is looked after in the same way: ask whether the peer is still there, then connect.
 *
 * One end can be lost long before the other: a laptop that wakes takes its connections for good, for some 16 s, when
 * everybody else has given them up. So whoever is asked over a connection makes another one beside it.
 */
import type { ProcessId } from '../../lib/kernel/api.ts'
import { Attempt } from './attempt.ts'
import { FirstLook, type Progress } from './first-look.ts'
import type { FullWebrtcOptions } from './options.ts'
import type { FromPage, FromWorker, PagePort } from './page-port.ts'
import { Peer } from './peer-class.ts'
import { PagePump } from './pump.ts'
import { Signaling } from './signaling.ts'
import { drawSession, type Signal, sessionNumber } from './signals.ts'
import { watchWaking } from './waking.ts'

const peersMax = 1024
/** Connections being made at once. */
const pendingMax = 64
const retryMs = 500
const retryMaxMs = 15_000
/** A peer that did not come back after so many questions is forgotten until it announces itself. */
const retriesMax = 8
/** Announcements travel by several servers: those that come so soon after a connection opened had led to it. */
const freshMs = 3000
/** The cause of an SCTP association's end that its user asked for (RFC 9260, 3.3.10.12). */
const userAbort = 12

/** What the page half gets. */
export interface WebrtcPageContext {
  readonly self: ProcessId
  readonly space: string
  readonly port: PagePort<FromPage, FromWorker>
  /** See `PageHalfContext`; null within one thread, where the process says goodbye itself before the page is gone. */
  readonly leaving: ((say: () => void) => void) | null
  problem(problem: { readonly code: string; readonly message: string; readonly cause?: unknown }): void
}

/** Starts the page half; it waits for the worker half. Returns its stop function. */
export function startWebrtcPage(options: FullWebrtcOptions, context: WebrtcPageContext): () => void {
  const page = new WebrtcPage(options, context)
  return () => page.stop()
}

interface PagePeer {
  readonly id: ProcessId
  /** The connection being made. */
  pending: Attempt | null
  /** The connection in use. */
  open: Attempt | null
  /** When it opened. */
  openedAt: number
  /** The peer asked for a connection although there is one: it has lost its end. */
  isAsking: boolean
  /** The highest session number an offer of this peer had: earlier offers are stale. */
  lastSession: number
  retries: number
  retryTimer: ReturnType<typeof setTimeout> | null
  /** A better transport reaches it. */
  isSkipped: boolean
}

class WebrtcPage {
  readonly #options: FullWebrtcOptions
  readonly #context: WebrtcPageContext
  readonly #signaling: Signaling
  readonly #peers = new Map<ProcessId, PagePeer>()
  readonly #attempts = new Map<number, Attempt>()
  readonly #pumps = new Map<number, PagePump>()
  #unwatch: () => void = () => undefined
  readonly #reported = new Set<string>()
  #attemptsMade = 0
  #transfers: boolean
  #state: 'waiting' | 'running' | 'stopped' = 'waiting'
  readonly #firstLook: FirstLook
  /** What others are to know of this process when the page goes away. */
  #word: Uint8Array = new Uint8Array(0)
  #hasSpoken = false

  constructor(options: FullWebrtcOptions, context: WebrtcPageContext) {
    this.#options = options
    this.#context = context
    this.#transfers = options.transfer
    this.#firstLook = new FirstLook(
      () => this.#progress(),
      () => context.port.post({ t: 'searched' }),
    )
    this.#signaling = new Signaling(options.signaling, {
      self: context.self,
      space: context.space,
      received: (signal) => this.#handleSignal(signal),
      looked: (others) => this.#firstLook.begin(others),
      problem: (problem) => context.problem(problem),
    })
    context.leaving?.(() => this.#speak())
    context.port.listen((message) => this.#handleWorker(message))
  }

  stop(): void {
    if (this.#state === 'stopped') return
    const wasRunning = this.#state === 'running'
    this.#state = 'stopped'
    this.#unwatch()
    if (wasRunning) this.#signaling.stop(true)
    this.#closeAll()
    this.#firstLook.stop()
    this.#context.port.close()
  }

  #start(): void {
    if (this.#state !== 'waiting') return
    if (!Peer.WEBRTC_SUPPORT || typeof WebSocket === 'undefined') {
      const message = 'This environment has no WebRTC: peers are reached by other transports only.'
      this.#context.problem({ code: 'webrtc-unsupported', message })
      this.#firstLook.end()
      return
    }
    this.#state = 'running'
    const signaling = this.#signaling
    this.#unwatch = watchWaking({
      back: () => signaling.wake(true),
      shown: () => signaling.wake(false),
      restored: () => {
        signaling.start()
        signaling.wake(true)
      },
      going: () => this.#clearThroat(),
      hidden: () => {
        // Or others would see it connected for 16 seconds.
        this.#closeAll()
        signaling.stop(true)
      },
    })
    signaling.start()
  }

  #handleWorker(message: FromWorker): void {
    switch (message.t) {
      case 'start':
        this.#start()
        return
      case 'stop':
        this.stop()
        return
      case 'answer':
        this.#handleAnswer(message.peer, message.connect)
        return
      case 'up':
        this.#handleUp(message.attempt)
        return
      case 'down': {
        const attempt = this.#attempts.get(message.attempt)
        const peer = attempt && this.#peers.get(attempt.peer)
        if (peer !== undefined && !message.again) peer.isSkipped = true
        attempt?.end(null)
        return
      }
      case 'cannotTransfer':
        this.#transfers = false
        for (const attempt of [...this.#attempts.values()]) if (!this.#pumps.has(attempt.id)) attempt.end(null)
        return
      case 'send':
        this.#pumps.get(message.attempt)?.send(message.batch)
        return
      case 'keep':
        // What the process promises after its last word, nobody would know of: so it must not.
        if (this.#hasSpoken) return
        this.#word = message.word
        this.#context.port.post({ t: 'kept', n: message.n })
        return
    }
  }

  #handleSignal(signal: Signal): void {
    if (this.#state !== 'running') return
    if (signal.type === 'leave') this.#forget(signal.from)
    else if (signal.type === 'announce') this.#handleAnnounce(signal.from, signal.to !== null)
    else this.#handlePeerSignal(signal)
  }

  #handleAnnounce(from: ProcessId, isTargeted: boolean): void {
    const peer = this.#meet(from)
    if (peer === null) return
    const isInitiator = this.#context.self < from
    if ((peer.pending !== null || peer.open !== null) && !isTargeted) return
    if (isInitiator) {
      if (peer.pending !== null || (peer.open !== null && performance.now() - peer.openedAt < freshMs)) return
      peer.isAsking = peer.open !== null
    }
    this.#context.port.post({ t: 'ask', peer: from })
  }

  #handleAnswer(id: ProcessId, connect: boolean): void {
    const peer = this.#peers.get(id)
    if (this.#state !== 'running' || peer === undefined) return
    peer.isSkipped = !connect
    if (!connect) return
    if (this.#context.self > id) this.#announceTo(id)
    else if (peer.pending === null && (peer.open === null || peer.isAsking)) this.#connect(peer)
  }

  #connect(peer: PagePeer): void {
    peer.isAsking = false
    if (this.#pendingCount() >= pendingMax) {
      this.#scheduleRetry(peer)
      return
    }
    this.#attemptsMade += 1
    this.#begin(peer, drawSession(this.#attemptsMade), true)
  }

  #handlePeerSignal({ from, session, n, signal }: Signal & { type: 'signal' }): void {
    const known = this.#peers.get(from)
    for (const attempt of [known?.pending, known?.open]) {
      if (attempt?.session !== session) continue
      attempt.handleSignal(n, signal)
      return
    }
    // What remains of an earlier attempt is stale; an offer begins a new one, if it is the peer's to offer.
    if (signal.type !== 'offer' || from > this.#context.self) return
    const peer = this.#meet(from)
    const number = sessionNumber(session) ?? 0
    if (peer === null || number <= peer.lastSession) return
    if (peer.pending === null && this.#pendingCount() >= pendingMax) {
      this.#report('signaling-flood', `More than ${pendingMax} connections are offered at once: some are ignored.`)
      return
    }
    peer.lastSession = number
    const older = peer.pending
    peer.pending = null
    older?.end(null)
    this.#begin(peer, session, false)?.handleSignal(n, signal)
  }

  #begin(peer: PagePeer, session: string, isInitiator: boolean): Attempt | null {
    if (peer.retryTimer !== null) clearTimeout(peer.retryTimer)
    peer.retryTimer = null
    this.#attemptsMade += 1
    const config = { iceServers: this.#options.iceServers as RTCIceServer[] }
    const timeoutMs = this.#options.connectTimeoutMs
    const plan = { id: this.#attemptsMade, peer: peer.id, session, isInitiator, config, timeoutMs }
    const attempt = new Attempt(plan, {
      handOver: (made, open) => this.#handOver(made, open),
      heard: (made, word) => this.#context.port.post({ t: 'word', peer: made.peer, word }),
      signal: (made, number, signal) => {
        const message = { type: 'signal', from: this.#context.self, to: made.peer, session, n: number, signal } as const
        this.#signaling.tell(made.peer, message)
      },
      ended: (made, cause) => this.#handleEnded(peer, made, cause),
    })
    peer.pending = attempt
    this.#attempts.set(attempt.id, attempt)
    attempt.begin(plan)
    return peer.pending
  }

  /** Runs in the task that made the channels: later they can no longer be transferred. */
  #handOver(attempt: Attempt, open: readonly RTCDataChannel[]): void {
    const { port } = this.#context
    const message = { t: 'attempt', attempt: attempt.id, peer: attempt.peer } as const
    if (this.#transfers) {
      try {
        port.post({ ...message, channels: open, isSpokenFor: this.#isSpokenFor(attempt) }, open)
        return
      } catch {
        // This browser does not transfer channels (Safari, older ones).
        this.#transfers = false
      }
    }
    this.#pumps.set(attempt.id, new PagePump(attempt.id, open, port, () => attempt.end(null)))
    port.post({ ...message, channels: null, isSpokenFor: this.#isSpokenFor(attempt) })
  }

  /** Does the worker send on it in tasks of this page, which come too late when that goes away? */
  #isSpokenFor({ id }: Attempt): boolean {
    return this.#context.leaving !== null && (this.#pumps.has(id) || sendsThroughPage())
  }

  /**
   * When Firefox closes a tab, what its page sends is at times lost with it. Not so if something else was sent just before,
   * when the page began to go: of ten words one was lost then, without it about every other; few were tried.
   */
  #clearThroat(): void {
    for (const attempt of this.#attempts.values()) if (this.#isSpokenFor(attempt)) attempt.clearThroat()
  }

  /** The page goes away, and says what the worker cannot say any more. */
  #speak(): void {
    if (this.#hasSpoken) return
    this.#hasSpoken = true
    for (const attempt of this.#attempts.values()) if (this.#isSpokenFor(attempt)) attempt.say(this.#word)
  }

  #handleUp(id: number): void {
    const attempt = this.#attempts.get(id)
    const peer = attempt && this.#peers.get(attempt.peer)
    if (attempt === undefined || peer === undefined) return
    attempt.becomeOpen()
    const older = peer.open
    peer.open = attempt
    peer.openedAt = performance.now()
    if (peer.pending === attempt) peer.pending = null
    peer.retries = 0
    if (older !== attempt) older?.end(null)
    this.#firstLook.check()
  }

  #handleEnded(peer: PagePeer, attempt: Attempt, cause: unknown): void {
    this.#attempts.delete(attempt.id)
    this.#pumps.delete(attempt.id)
    this.#context.port.post({ t: 'gone', attempt: attempt.id })
    const wasPending = peer.pending === attempt
    if (wasPending) peer.pending = null
    if (peer.open === attempt) peer.open = null
    if (this.#state !== 'running' || this.#peers.get(peer.id) !== peer) return
    if (wasPending && cause instanceof Error && !isClosedThere(cause)) {
      const message = `A connection to ${peer.id} failed: ${cause.message}`
      this.#report('webrtc-connect-failed', message, cause)
    }
    if (peer.open === null && peer.pending === null && !peer.isSkipped) this.#scheduleRetry(peer)
    this.#firstLook.check()
  }

  #scheduleRetry(peer: PagePeer): void {
    if (peer.retryTimer !== null) return
    if (peer.retries >= retriesMax) {
      this.#peers.delete(peer.id)
      return
    }
    const delayMs = Math.min(retryMs * 2 ** peer.retries, retryMaxMs) * (0.75 + Math.random() / 2)
    peer.retryTimer = setTimeout(() => {
      peer.retryTimer = null
      if (peer.open !== null || peer.pending !== null || peer.isSkipped) return
      // While no server is connected nobody can be asked: the next connection announces this process anyway.
      if (this.#announceTo(peer.id)) peer.retries += 1
      this.#scheduleRetry(peer)
    }, delayMs)
  }

  #announceTo(to: ProcessId): boolean {
    return this.#signaling.tell(to, { type: 'announce', from: this.#context.self, to })
  }

  #meet(id: ProcessId): PagePeer | null {
    const known = this.#peers.get(id)
    if (known !== undefined) return known
    if (this.#peers.size >= peersMax && !this.#evict()) {
      this.#report('signaling-flood', `More than ${peersMax} processes announce themselves: some are ignored.`)
      return null
    }
    const peer: PagePeer = {
      id,
      pending: null,
      open: null,
      openedAt: 0,
      isAsking: false,
      lastSession: 0,
      retries: 0,
      retryTimer: null,
      isSkipped: false,
    }
    this.#peers.set(id, peer)
    return peer
  }

  /** Forgets a peer that has no connection. */
  #evict(): boolean {
    for (const peer of this.#peers.values()) {
      if (peer.open !== null || peer.pending !== null) continue
      this.#forget(peer.id)
      return true
    }
    return false
  }

  /** The peer says, through a server, that it leaves: nothing more is tried, but a standing connection is not touched. */
  #forget(id: ProcessId): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    if (peer.retryTimer !== null) clearTimeout(peer.retryTimer)
    peer.retryTimer = null
    peer.retries = retriesMax
    if (peer.open === null && peer.pending === null) this.#peers.delete(id)
  }

  #closeAll(): void {
    const attempts = [...this.#attempts.values()]
    for (const peer of this.#peers.values()) if (peer.retryTimer !== null) clearTimeout(peer.retryTimer)
    this.#peers.clear()
    for (const attempt of attempts) attempt.end(null)
  }

  #pendingCount(): number {
    let count = 0
    for (const peer of this.#peers.values()) if (peer.pending !== null) count += 1
    return count
  }

  #progress(): Progress {
    let met = 0
    for (const peer of this.#peers.values()) if (peer.open !== null || peer.isSkipped) met += 1
    return { met, pending: this.#pendingCount() }
  }

  /** Reports a kind of problem at most once in a while: a liar must not flood the application either. */
  #report(code: string, message: string, cause?: unknown): void {
    if (this.#reported.has(code)) return
    this.#reported.add(code)
    setTimeout(() => this.#reported.delete(code), 10_000)
    this.#context.problem({ code, message, cause })
  }
}

/** Firefox sends what a worker gives a channel in tasks of the page, so not before `pagehide` is over. */
function sendsThroughPage(): boolean {
  return 'mozInnerScreenX' in globalThis
}

/**
 * Has the other side closed the connection on purpose, by a channel of it? It may reach this process better by then, as by the
 * tabs' transport; why else it gives up, it tells itself.
 */
function isClosedThere(cause: Error): boolean {
  const { sctpCauseCode } = cause as Partial<RTCError>
  return sctpCauseCode === userAbort || cause.message.startsWith('User-Initiated Abort')
}
