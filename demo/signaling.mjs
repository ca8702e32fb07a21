/**
 * A signaling server of y-webrtc's protocol: clients subscribe to topics, and what is published on a topic goes
 * to each of its subscribers, the publisher included. Anyone may connect, so everything is bounded.
 *
 * In: `{type:'subscribe'|'unsubscribe', topics}`, `{type:'publish', topic, …}`, `{type:'ping'}`.
 * Out: the publication with the number of its subscribers as `clients`, and `{type:'pong'}`.
 */
import { WebSocketServer } from 'ws'

/** What one server and one connection may use. */
export const signalingLimits = {
  connections: 1024,
  topicsPerConnection: 64,
  topicLength: 512,
  messageBytes: 64 * 1024,
  /** A connection may send so much at once; a message costs 1 and 1 more for each KiB. */
  burst: 4000,
  perSecond: 400,
  /** A subscriber that does not read is dropped when so much waits for it. */
  bufferedBytes: 4 * 1024 * 1024,
  /** A WebSocket ping so often; a connection that has not answered by the next one is dropped. */
  pingMs: 30_000,
}

/**
 * The protocol, for connections that an HTTP server hands over.
 * @param {Partial<typeof signalingLimits>} [overrides] limits, for tests
 * @returns {{
 *   handleUpgrade(request: import('node:http').IncomingMessage, socket: import('node:stream').Duplex, head: Buffer): void,
 *   close(): void,
 * }}
 */
export function createSignaling(overrides = {}) {
  const limits = { ...signalingLimits, ...overrides }
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: limits.messageBytes })
  /** @type {Map<string, Set<Client>>} */
  const topics = new Map()
  /** @type {Set<Client>} */
  const clients = new Set()
  const pinger = setInterval(() => {
    for (const client of clients) client.ping()
  }, limits.pingMs)
  pinger.unref()

  sockets.on('connection', (socket) => {
    const client = new Client(socket, topics, limits)
    clients.add(client)
    socket.on('close', () => {
      clients.delete(client)
      client.leaveAll()
    })
  })

  return {
    handleUpgrade(request, socket, head) {
      socket.on('error', () => socket.destroy())
      if (clients.size >= limits.connections) {
        socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        return
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => sockets.emit('connection', webSocket, request))
    },
    close() {
      clearInterval(pinger)
      for (const client of clients) client.terminate()
      sockets.close()
    },
  }
}

/** One connection. */
class Client {
  #socket
  #topics
  #limits
  #joined = new Set()
  #isAlive = true
  #tokens
  #refilledAt = performance.now()
  #resumeTimer = null

  constructor(socket, topics, limits) {
    this.#socket = socket
    this.#topics = topics
    this.#limits = limits
    this.#tokens = limits.burst
    // ws closes the connection itself after an error; without a listener it would end the process.
    socket.on('error', () => {})
    socket.on('pong', () => {
      this.#isAlive = true
    })
    socket.on('message', (data, isBinary) => this.#handleMessage(data, isBinary))
  }

  /** Drops the connection if the last ping was not answered, else sends the next. */
  ping() {
    if (!this.#isAlive) return this.terminate()
    this.#isAlive = false
    this.#socket.ping()
  }

  terminate() {
    this.#socket.terminate()
  }

  leaveAll() {
    if (this.#resumeTimer !== null) clearTimeout(this.#resumeTimer)
    for (const topic of [...this.#joined]) this.#leave(topic)
  }

  send(text) {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount > this.#limits.bufferedBytes) this.terminate()
    else this.#socket.send(text)
  }

  #handleMessage(data, isBinary) {
    this.#isAlive = true
    this.#charge(1 + data.length / 1024)
    if (isBinary) return this.#reject('text frames only')
    let message
    try {
      message = JSON.parse(data.toString())
    } catch {
      return this.#reject('not JSON')
    }
    if (typeof message !== 'object' || message === null) return
    switch (message.type) {
      case 'subscribe':
        return this.#subscribe(message.topics)
      case 'unsubscribe':
        if (Array.isArray(message.topics)) for (const topic of message.topics) this.#leave(topic)
        return
      case 'publish':
        return this.#publish(message)
      case 'ping':
        return this.send('{"type":"pong"}')
    }
  }

  #subscribe(names) {
    if (!Array.isArray(names)) return
    for (const topic of names) {
      if (!this.#isTopic(topic) || this.#joined.has(topic)) continue
      if (this.#joined.size >= this.#limits.topicsPerConnection) return this.#reject('too many topics')
      this.#joined.add(topic)
      const subscribers = this.#topics.get(topic)
      if (subscribers === undefined) this.#topics.set(topic, new Set([this]))
      else subscribers.add(this)
    }
  }

  #publish(message) {
    const subscribers = this.#isTopic(message.topic) ? this.#topics.get(message.topic) : undefined
    if (subscribers === undefined) return
    message.clients = subscribers.size
    const text = JSON.stringify(message)
    for (const subscriber of subscribers) subscriber.send(text)
  }

  #leave(topic) {
    if (!this.#joined.delete(topic)) return
    const subscribers = this.#topics.get(topic)
    subscribers?.delete(this)
    if (subscribers?.size === 0) this.#topics.delete(topic)
  }

  #isTopic(topic) {
    return typeof topic === 'string' && topic.length > 0 && topic.length <= this.#limits.topicLength
  }

  #reject(reason) {
    this.#socket.close(1008, reason)
  }

  /** Above its rate a client is not read from until it is within it again: nothing it sends is lost, it is slowed. */
  #charge(cost) {
    const { burst, perSecond } = this.#limits
    const now = performance.now()
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#refilledAt) / 1000) * perSecond) - cost
    this.#refilledAt = now
    if (this.#tokens >= 0 || this.#resumeTimer !== null) return
    this.#socket.pause()
    this.#rest()
  }

  #rest() {
    this.#resumeTimer = setTimeout(
      () => {
        this.#resumeTimer = null
        // What had been received before the pause is charged during it: the rest grows with it.
        this.#charge(0)
        if (this.#resumeTimer === null) this.#socket.resume()
      },
      (-this.#tokens / this.#limits.perSecond) * 1000 + 10,
    )
  }
}
