/**
 * Where a data channel cannot be transferred, the page passes its bytes on: one message a task each way,
 * buffers transferred. The worker sees channels that look like data channels.
 */
import { channels, type FrameBatch, type FromPage, type FromWorker, type PagePort } from './page-port.ts'
import { ChannelSender } from './sender.ts'
import type { ReadableChannel } from './worker-link.ts'

/** The page reports a channel's backlog only above this: below it no event tells that it has drained. */
const slackBytes = 256 << 10

/** Collects frames until the end of the task. */
class Batcher {
  readonly #post: (batch: FrameBatch, transfer: ArrayBuffer[]) => void
  #on: number[] = []
  #parts: Uint8Array<ArrayBuffer>[] = []

  constructor(post: (batch: FrameBatch, transfer: ArrayBuffer[]) => void) {
    this.#post = post
  }

  /** @param bytes owns its whole buffer, which is transferred. */
  add(n: number, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#on.length === 0) queueMicrotask(() => this.#flush())
    this.#on.push(n)
    this.#parts.push(bytes)
  }

  #flush(): void {
    const batch = { on: Uint8Array.from(this.#on), parts: this.#parts }
    this.#on = []
    this.#parts = []
    this.#post(
      batch,
      batch.parts.map((part) => part.buffer),
    )
  }
}

/** The worker's stand-in for a data channel that stayed on the page. */
class PumpedChannel implements ReadableChannel {
  readyState = 'connecting'
  binaryType = 'arraybuffer'
  bufferedAmountLowThreshold = 0
  onopen: ((event: never) => unknown) | null = null
  onmessage: ((event: MessageEvent<unknown>) => unknown) | null = null
  onclose: ((event: never) => unknown) | null = null
  onbufferedamountlow: ((event: never) => unknown) | null = null
  bufferedAmount = 0
  #sent = 0
  readonly #put: (bytes: Uint8Array<ArrayBuffer>) => void

  constructor(put: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#put = put
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.readyState !== 'open') throw new DOMException('The channel is not open.', 'InvalidStateError')
    this.#sent += bytes.byteLength
    this.bufferedAmount += bytes.byteLength
    // Several links may share the buffer: each gets its own copy to transfer.
    this.#put(bytes.slice())
  }

  close(): void {
    this.readyState = 'closed'
  }

  handleDrained(total: number): void {
    const before = this.bufferedAmount
    this.bufferedAmount = Math.max(0, this.#sent - total)
    const low = this.bufferedAmountLowThreshold
    if (before > low && this.bufferedAmount <= low) this.onbufferedamountlow?.(undefined as never)
  }
}

/** The worker's end of the pump of one connection. */
export class WorkerPump {
  readonly channels: readonly ReadableChannel[]
  readonly #pumped: readonly PumpedChannel[]

  constructor(attempt: number, port: PagePort<FromWorker, FromPage>) {
    const batcher = new Batcher((batch, transfer) => port.post({ t: 'send', attempt, batch }, transfer))
    this.#pumped = channels.map((_, n) => new PumpedChannel((bytes) => batcher.add(n, bytes)))
    this.channels = this.#pumped
  }

  handleOpened(n: number): void {
    const channel = this.#pumped[n]
    if (channel === undefined || channel.readyState !== 'connecting') return
    channel.readyState = 'open'
    channel.onopen?.(undefined as never)
  }

  handleReceived({ on, parts }: FrameBatch): void {
    for (const [i, bytes] of parts.entries()) {
      this.#pumped[on[i] ?? 0]?.onmessage?.(new MessageEvent('message', { data: bytes.buffer }))
    }
  }

  handleDrained(bytes: readonly number[]): void {
    for (const [n, channel] of this.#pumped.entries()) channel.handleDrained(bytes[n] ?? 0)
  }
}

/** The page's end of the pump of one connection. */
export class PagePump {
  readonly #attempt: number
  readonly #port: PagePort<FromPage, FromWorker>
  readonly #senders: readonly ChannelSender[]
  readonly #taken: number[] = [0, 0, 0]
  #drained = ''

  /** @param fail ends the connection. */
  constructor(
    attempt: number,
    open: readonly RTCDataChannel[],
    port: PagePort<FromPage, FromWorker>,
    fail: () => void,
  ) {
    this.#attempt = attempt
    this.#port = port
    const batcher = new Batcher((batch, transfer) => port.post({ t: 'received', attempt, batch }, transfer))
    this.#senders = open.map((channel) => new ChannelSender(channel, fail))
    for (const [n, channel] of open.entries()) {
      channel.binaryType = 'arraybuffer'
      channel.onopen = () => port.post({ t: 'opened', attempt, channel: n })
      channel.onclose = fail
      channel.onmessage = (event: MessageEvent<unknown>) => {
        if (event.data instanceof ArrayBuffer) batcher.add(n, new Uint8Array(event.data))
        else fail()
      }
      channel.addEventListener('bufferedamountlow', () => this.#report())
    }
  }

  /** Sends what the worker gave. */
  send({ on, parts }: FrameBatch): void {
    for (const [i, bytes] of parts.entries()) {
      const n = on[i] ?? 0
      this.#taken[n] = (this.#taken[n] ?? 0) + bytes.byteLength
      this.#senders[n]?.send(bytes)
    }
    this.#report()
  }

  #report(): void {
    const bytes = this.#senders.map(
      (sender, n) => (this.#taken[n] ?? 0) - Math.max(0, sender.bufferedAmount - slackBytes),
    )
    const drained = bytes.join()
    if (drained === this.#drained) return
    this.#drained = drained
    this.#port.post({ t: 'drained', attempt: this.#attempt, bytes })
  }
}
