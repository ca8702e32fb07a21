/**
 * A path to another tab: frames batched per task, one BroadcastChannel message a batch.
 *
 * A BroadcastChannel has no back-pressure of its own, and a frozen tab reads nothing for hours. So the
 * receiver acknowledges bytes (cumulative, per channel), the sender keeps a window per channel and its own
 * queue beyond it, and a queue past its bound ends the path.
 */
import type { Channel, ProcessId } from '../../lib/kernel/api.ts'
import type { Link } from '../../lib/ports/transport.ts'
import { channels, frameBytesMax, type PairMessage, type PerChannel } from './messages.ts'

/** Unacknowledged bytes allowed per channel. Control is never held back: what the host puts there is small. */
const windowBytes: Readonly<PerChannel> = [Number.POSITIVE_INFINITY, 4 << 20, 1 << 20]
/** The receiver acknowledges after this many bytes: small talk costs no acknowledgement at all. */
const ackEveryBytes = 64 << 10
/** A batch is posted early once it is this large. */
const batchBytesMax = 256 << 10
/** A path whose queue grows past this is given up. */
const queueBytesMax = 64 << 20

/** What a link needs of its transport. */
export interface TabLinkHost {
  post(message: PairMessage): void
  /** The link closed itself; called once. `problem` is null if the host asked for it. */
  closed(link: TabLink, problem: { code: string; message: string; cause?: unknown } | null): void
}

/** One life of the path to one peer, from `linkUp` to `linkDown`. */
export class TabLink implements Link {
  readonly peer: ProcessId
  readonly #self: ProcessId
  /** The peer's nonce, which names this link in what is sent to it. */
  readonly name: string
  readonly #host: TabLinkHost
  readonly #sent: PerChannel = [0, 0, 0]
  readonly #acked: PerChannel = [0, 0, 0]
  readonly #received: PerChannel = [0, 0, 0]
  readonly #queues: readonly Uint8Array[][] = [[], [], []]
  readonly #queued: PerChannel = [0, 0, 0]
  #unackedReceived = 0
  #batch: { on: number[]; parts: Uint8Array[]; bytes: number } = { on: [], parts: [], bytes: 0 }
  #flushIsDue = false
  #isClosed = false

  constructor(self: ProcessId, peer: ProcessId, name: string, host: TabLinkHost) {
    this.#self = self
    this.peer = peer
    this.name = name
    this.#host = host
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  send(channel: Channel, bytes: Uint8Array): void {
    if (this.#isClosed) return
    const c = channelNumber(channel)
    const size = bytes.byteLength
    if (size > frameBytesMax) {
      this.#fail('tabs-frame-too-large', `A frame of ${size} bytes is more than ${frameBytesMax}.`)
    } else if (this.#queues[c]?.length === 0 && this.#hasRoom(c, size)) {
      this.#put(c, bytes)
    } else {
      this.#queues[c]?.push(bytes)
      this.#queued[c] += size
      if (this.#queued[0] + this.#queued[1] + this.#queued[2] > queueBytesMax) {
        this.#fail('tabs-queue-full', `The tab ${this.peer} does not read: ${queueBytesMax} bytes wait for it.`)
      }
    }
  }

  bufferedAmount(channel: Channel): number {
    const c = channelNumber(channel)
    return this.#queued[c] + Math.max(0, this.#sent[c] - this.#acked[c] - ackEveryBytes)
  }

  close(): void {
    this.#end(null)
  }

  /** The peer has received that many bytes in all. */
  handleAck(bytes: Readonly<PerChannel>): void {
    for (const c of [0, 1, 2] as const) {
      if (bytes[c] > this.#acked[c] && bytes[c] <= this.#sent[c]) this.#acked[c] = bytes[c]
      this.#drain(c)
    }
  }

  /** Counts received frames and acknowledges when enough have come. */
  countReceived(c: 0 | 1 | 2, bytes: number): void {
    this.#received[c] += bytes
    this.#unackedReceived += bytes
    if (this.#unackedReceived < ackEveryBytes || this.#isClosed) return
    this.#unackedReceived = 0
    this.#host.post({ t: 'ack', from: this.#self, link: this.name, bytes: [...this.#received] })
  }

  /** Posts what waits for the end of the task. */
  flush(): void {
    this.#flushIsDue = false
    const { on, parts } = this.#batch
    if (this.#isClosed || parts.length === 0) return
    this.#batch = { on: [], parts: [], bytes: 0 }
    try {
      this.#host.post({ t: 'frames', from: this.#self, link: this.name, on: Uint8Array.from(on), parts })
    } catch (cause) {
      this.#fail('tabs-send-failed', 'A BroadcastChannel refused a batch of frames.', cause)
    }
  }

  /** The transport ends the link: no further call back. */
  abandon(): void {
    this.#isClosed = true
    for (const queue of this.#queues) queue.length = 0
    this.#batch = { on: [], parts: [], bytes: 0 }
  }

  #hasRoom(c: 0 | 1 | 2, size: number): boolean {
    const inFlight = this.#sent[c] - this.#acked[c]
    return inFlight === 0 || inFlight + size <= windowBytes[c]
  }

  #put(c: 0 | 1 | 2, bytes: Uint8Array): void {
    this.#sent[c] += bytes.byteLength
    this.#batch.on.push(c)
    // Cloning a view clones its whole buffer: a part of a larger buffer is cut out first.
    this.#batch.parts.push(bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice())
    this.#batch.bytes += bytes.byteLength
    if (this.#batch.bytes >= batchBytesMax) this.flush()
    else if (!this.#flushIsDue) {
      this.#flushIsDue = true
      queueMicrotask(() => this.flush())
    }
  }

  #drain(c: 0 | 1 | 2): void {
    const queue = this.#queues[c] ?? []
    let taken = 0
    for (const bytes of queue) {
      if (this.#isClosed || !this.#hasRoom(c, bytes.byteLength)) break
      taken += 1
      this.#queued[c] -= bytes.byteLength
      this.#put(c, bytes)
    }
    queue.splice(0, taken)
  }

  #fail(code: string, message: string, cause?: unknown): void {
    this.#end({ code, message, cause })
  }

  #end(problem: { code: string; message: string; cause?: unknown } | null): void {
    if (this.#isClosed) return
    if (problem === null) this.flush()
    this.abandon()
    this.#host.closed(this, problem)
  }
}

function channelNumber(channel: Channel): 0 | 1 | 2 {
  return channel === 'control' ? 0 : channel === 'data' ? 1 : 2
}

/** The channel of a number that {@link readPairMessage} let pass. */
export function channelOf(n: number): Channel {
  return channels[n] ?? 'control'
}
