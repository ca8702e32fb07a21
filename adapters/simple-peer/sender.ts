/**
 * Sending on a data channel without ever losing a frame to a full queue: Chromium refuses what exceeds 16 MiB
 * with an exception, so little is given to the channel at a time and the rest waits here.
 */

/** What is used of an `RTCDataChannel`; a pumped channel looks the same. */
export interface FrameChannel {
  readonly readyState: string
  readonly bufferedAmount: number
  bufferedAmountLowThreshold: number
  onbufferedamountlow: ((event: never) => unknown) | null
  send(bytes: Uint8Array<ArrayBuffer>): void
  close(): void
}

/** More is not given to a channel while it has this much. */
const highBytes = 1 << 20
/** A channel that has drained to this gets more. */
const lowBytes = 256 << 10

/** The sending side of one channel. */
export class ChannelSender {
  readonly #channel: FrameChannel
  readonly #fail: (cause: unknown) => void
  readonly #queue: Uint8Array<ArrayBuffer>[] = []
  #next = 0
  #queuedBytes = 0

  /** @param fail called when the channel can take no more for good. */
  constructor(channel: FrameChannel, fail: (cause: unknown) => void) {
    this.#channel = channel
    this.#fail = fail
    channel.bufferedAmountLowThreshold = lowBytes
    channel.onbufferedamountlow = () => this.#drain()
  }

  /** Bytes accepted that are not on the network. */
  get bufferedAmount(): number {
    return this.#queuedBytes + this.#channel.bufferedAmount
  }

  /** Bytes that wait here. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Sends, or queues behind what waits. */
  send(bytes: Uint8Array): void {
    // Shared memory cannot be sent; nobody puts frames there.
    const frame = bytes as Uint8Array<ArrayBuffer>
    if (this.#queue.length === 0 && this.#channel.bufferedAmount < highBytes && this.#give(frame)) return
    this.#queue.push(frame)
    this.#queuedBytes += frame.byteLength
  }

  /** Forgets what waits. */
  clear(): void {
    this.#queue.length = 0
    this.#next = 0
    this.#queuedBytes = 0
  }

  #drain(): void {
    while (this.#channel.bufferedAmount < highBytes) {
      const frame = this.#queue[this.#next]
      if (frame === undefined || !this.#give(frame)) break
      // A failed channel has cleared the queue meanwhile.
      if (this.#queue.length === 0) return
      this.#next += 1
      this.#queuedBytes -= frame.byteLength
    }
    if (this.#next === this.#queue.length) this.clear()
    else if (this.#next > 1024) {
      this.#queue.splice(0, this.#next)
      this.#next = 0
    }
  }

  /** False if the frame must wait. */
  #give(frame: Uint8Array<ArrayBuffer>): boolean {
    try {
      this.#channel.send(frame)
      return true
    } catch (cause) {
      const isFull = cause instanceof DOMException && cause.name === 'OperationError'
      if (isFull && this.#channel.bufferedAmount > lowBytes) return false
      this.#fail(cause)
      return true
    }
  }
}
