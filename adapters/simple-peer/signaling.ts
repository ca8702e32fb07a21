/**
 * All signaling servers of a process as one: what is published goes where it is heard.
 *
 * Announcements go to the space's topic. What is meant for one process goes to a topic of its own, so that
 * making the connections of a mesh of n costs each process n messages, not n².
 */
import type { ProcessId } from '../../lib/kernel/api.ts'
import { SignalingSocket } from './signaling-socket.ts'
import type { Signal } from './signals.ts'

/** Peers whose servers are remembered. */
const heardMax = 2048

/** What the servers tell their owner. */
export interface SignalingHost {
  readonly self: ProcessId
  readonly space: string
  received(signal: Signal): void
  /** The first look around is over as far as servers go: each answered or failed. `others`: how many they say are there; infinite if they do not. */
  looked(others: number): void
  problem(problem: { code: string; message: string; cause?: unknown }): void
}

/** The signaling servers. */
export class Signaling {
  readonly #host: SignalingHost
  readonly #topic: string
  readonly #sockets: readonly SignalingSocket[]
  /** Where a peer was heard. */
  readonly #heard = new Map<ProcessId, Set<SignalingSocket>>()
  /** Servers that have not answered or failed yet; null once all have. */
  #unanswered: Set<SignalingSocket> | null
  #others = 0

  constructor(urls: readonly string[], host: SignalingHost) {
    this.#host = host
    this.#topic = `tutti:${host.space}`
    const topics = [this.#topic, this.#topicOf(host.self)]
    this.#sockets = urls.map(
      (url) =>
        new SignalingSocket(url, {
          topics,
          opened: (socket) => this.#handleOpened(socket),
          received: (socket, data, clients) => this.#handleReceived(socket, data, clients),
          lost: (socket) => this.#handleLost(socket),
          problem: (problem) => host.problem(problem),
        }),
    )
    this.#unanswered = new Set(this.#sockets)
  }

  start(): void {
    for (const socket of this.#sockets) socket.start()
  }

  /** Closes all connections until the next start. `leave`: tells the others that this process is gone for good. */
  stop(leave: boolean): void {
    for (const socket of this.#sockets) {
      if (leave) socket.publish(this.#topic, { type: 'leave', from: this.#host.self })
      socket.stop()
    }
    this.#heard.clear()
  }

  /** Something changed: try at once. `announce`: the network may be another one, so whoever could not be reached may be now. */
  wake(announce: boolean): void {
    for (const socket of this.#sockets) {
      if (announce && socket.isOpen) this.#handleOpened(socket)
      socket.wake()
    }
  }

  /** Sends to one peer, on the servers where it was heard; false if none is connected. */
  tell(peer: ProcessId, signal: Signal): boolean {
    const heard = [...(this.#heard.get(peer) ?? [])].filter((socket) => socket.isOpen)
    let isSent = false
    for (const socket of heard.length > 0 ? heard : this.#sockets) {
      if (socket.publish(this.#topicOf(peer), signal)) isSent = true
    }
    return isSent
  }

  #topicOf(peer: ProcessId): string {
    return `${this.#topic}:${peer}`
  }

  #handleOpened(socket: SignalingSocket): void {
    socket.publish(this.#topic, { type: 'announce', from: this.#host.self, to: null })
  }

  #handleReceived(socket: SignalingSocket, data: Signal, clients: number | null): void {
    const { self } = this.#host
    if (data.from === self) {
      // The own announcement comes back with the number of those who heard it; old servers do not tell.
      if (data.type === 'announce') this.#answered(socket, clients === null ? Number.POSITIVE_INFINITY : clients - 1)
      return
    }
    if ('to' in data && data.to !== null && data.to !== self) return
    if (data.type === 'leave') this.#heard.delete(data.from)
    else {
      const heard = this.#heard.get(data.from) ?? new Set()
      heard.add(socket)
      this.#heard.delete(data.from)
      this.#heard.set(data.from, heard)
      const oldest = this.#heard.size > heardMax ? this.#heard.keys().next().value : undefined
      if (oldest !== undefined) this.#heard.delete(oldest)
    }
    this.#host.received(data)
  }

  #handleLost(socket: SignalingSocket): void {
    for (const sockets of this.#heard.values()) sockets.delete(socket)
    this.#answered(socket, 0)
  }

  #answered(socket: SignalingSocket, others: number): void {
    this.#others = Math.max(this.#others, others)
    if (!this.#unanswered?.delete(socket) || this.#unanswered.size > 0) return
    this.#unanswered = null
    this.#host.looked(this.#others)
  }
}
