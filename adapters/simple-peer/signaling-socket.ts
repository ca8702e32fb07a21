/** The connection to one signaling server: kept up with back-off, pinged, and trusted with nothing. */
import type { Signal } from './signals.ts'
import { messageLengthMax, readServerMessage } from './signals.ts'

const retryMs = 250
const retryMaxMs = 10_000
/** A JSON ping this long after the last answer, as y-webrtc's clients send it. */
const pingAfterMs = 15_000
/** A ping without an answer for this long ends the connection. */
const pongTimeoutMs = 15_000
const connectTimeoutMs = 10_000
/** Publications are skipped while the socket holds this much unsent. */
const bufferedBytesMax = 4 << 20
/** What a server may send: a bucket of messages, refilled every second. */
const floodBurst = 20_000
const floodPerSecond = 5000

/** What a socket tells its owner. */
export interface SocketHost {
  readonly topics: readonly string[]
  /** Subscribed; also after every reconnection. */
  opened(socket: SignalingSocket): void
  received(socket: SignalingSocket, data: Signal, clients: number | null): void
  /** An attempt to connect has failed, or the connection was lost. */
  lost(socket: SignalingSocket): void
  problem(problem: { code: string; message: string; cause?: unknown }): void
}

/** One signaling server. */
export class SignalingSocket {
  readonly url: string
  readonly #host: SocketHost
  #socket: WebSocket | null = null
  #timer: ReturnType<typeof setTimeout> | null = null
  #failures = 0
  #isStopped = true
  #isReported = false
  #pingedAt: number | null = null
  #tokens = floodBurst
  #refilledAt = 0
  /** Problems of one kind are reported once per connection. */
  readonly #reported = new Set<string>()

  constructor(url: string, host: SocketHost) {
    this.url = url
    this.#host = host
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Connects, and stays so. */
  start(): void {
    if (!this.#isStopped) return
    this.#isStopped = false
    this.#connect()
  }

  /** Closes the connection until the next start. */
  stop(): void {
    this.#isStopped = true
    this.#drop()
  }

  /** Something changed (the network is back, the page is shown): try now, or see whether the connection still lives. */
  wake(): void {
    if (this.#isStopped) return
    if (this.#socket === null) {
      this.#failures = 0
      this.#connect()
    } else if (this.isOpen && this.#pingedAt === null) this.#ping()
  }

  /** Publishes on a topic; false if it was not sent. */
  publish(topic: string, data: Signal): boolean {
    const { type, from } = data
    // A general announcement has the very form of y-webrtc's.
    return this.#send({ type: 'publish', topic, data: 'to' in data && data.to === null ? { type, from } : data })
  }

  #connect(): void {
    this.#drop()
    let socket: WebSocket
    try {
      socket = new WebSocket(this.url)
    } catch (cause) {
      // A page served by https may not use ws:, whatever the address says.
      this.#retry(cause)
      return
    }
    this.#socket = socket
    this.#reported.clear()
    this.#schedule(connectTimeoutMs, () => this.#retry(new Error('The server did not answer in time.')))
    socket.onopen = () => this.#handleOpen()
    socket.onmessage = (event: MessageEvent<unknown>) => this.#handleMessage(event.data)
    socket.onerror = () => undefined
    socket.onclose = (event) => this.#retry(new Error(`The connection closed with code ${event.code}.`))
  }

  #handleOpen(): void {
    this.#failures = 0
    this.#isReported = false
    this.#tokens = floodBurst
    this.#refilledAt = performance.now()
    this.#send({ type: 'subscribe', topics: this.#host.topics })
    this.#schedule(pingAfterMs, () => this.#ping())
    this.#host.opened(this)
  }

  #handleMessage(text: unknown): void {
    if (!this.#takeToken()) {
      this.#report(
        'signaling-flood',
        `${this.url} sends more than ${floodPerSecond} messages a second: some are ignored.`,
      )
      return
    }
    const message = readServerMessage(text, this.#host.topics)
    if (message === null) {
      const length = typeof text === 'string' ? text.length : -1
      const what = length > messageLengthMax ? 'a message that is too long' : 'a message that is malformed'
      this.#report('signaling-bad-message', `${this.url} sent ${what}: it is ignored.`)
    } else if (message.type === 'pong') {
      this.#pingedAt = null
      this.#schedule(pingAfterMs, () => this.#ping())
    } else if (message.type === 'publish') this.#host.received(this, message.data, message.clients)
  }

  #ping(): void {
    this.#pingedAt = performance.now()
    this.#send({ type: 'ping' })
    this.#schedule(pongTimeoutMs, () => this.#retry(new Error('The server answers no ping.')))
  }

  #send(message: unknown): boolean {
    const socket = this.#socket
    if (socket?.readyState !== WebSocket.OPEN || socket.bufferedAmount > bufferedBytesMax) return false
    socket.send(JSON.stringify(message))
    return true
  }

  #retry(cause: unknown): void {
    this.#drop()
    if (this.#isStopped) return
    const delayMs = Math.min(retryMs * 2 ** this.#failures, retryMaxMs) * (0.75 + Math.random() / 2)
    this.#failures = Math.min(this.#failures + 1, 16)
    this.#schedule(delayMs, () => this.#connect())
    // One outage is one problem; the first failure of a connection that stood may be a restart.
    if (!this.#isReported && this.#failures > 1) {
      this.#isReported = true
      const message = `The signaling server ${this.url} cannot be reached: who is connected stays so, and it is tried again.`
      this.#host.problem({ code: 'signaling-unreachable', message, cause })
    }
    this.#host.lost(this)
  }

  #drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    this.#pingedAt = null
    const socket = this.#socket
    if (socket === null) return
    this.#socket = null
    socket.onopen = null
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  #takeToken(): boolean {
    const now = performance.now()
    this.#tokens = Math.min(floodBurst, this.#tokens + ((now - this.#refilledAt) / 1000) * floodPerSecond)
    this.#refilledAt = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  #report(code: string, message: string): void {
    if (this.#reported.has(code)) return
    this.#reported.add(code)
    this.#host.problem({ code, message })
  }

  #schedule(ms: number, act: () => void): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = null
      act()
    }, ms)
  }
}
