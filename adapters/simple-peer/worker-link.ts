/** A path over three data channels, as the worker half sees it. */
import type { Channel, ProcessId } from '../../lib/kernel/api.ts'
import type { Link } from '../../lib/ports/transport.ts'
import { channels } from './page-port.ts'
import { ChannelSender, type FrameChannel } from './sender.ts'

/** The largest frame accepted from a peer: the port's 64 KiB and some room for a head. */
const frameBytesMax = 66 * 1024
/** A path whose queues grow past this is given up. */
const queueBytesMax = 64 << 20
/** What a peer may send before all channels are open here. */
const earlyBytesMax = 4 << 20

/** A channel the worker half reads from: an `RTCDataChannel`, or its pumped stand-in. */
export interface ReadableChannel extends FrameChannel {
  binaryType: string
  onopen: ((event: never) => unknown) | null
  onmessage: ((event: MessageEvent<unknown>) => unknown) | null
  onclose: ((event: never) => unknown) | null
}

/** What a link tells its transport. */
export interface WebrtcLinkHost {
  /** All channels are open. */
  opened(link: WebrtcLink): void
  /** Only between `opened` and `closed`. */
  received(link: WebrtcLink, channel: Channel, bytes: Uint8Array): void
  /** Once, whatever the reason. `problem`: null if a channel closed or the host gave the path up. */
  closed(link: WebrtcLink, problem: { code: string; message: string; cause?: unknown } | null): void
}

/** One connection to a peer. Listens from its construction on, or what arrives early is lost. */
export class WebrtcLink implements Link {
  readonly peer: ProcessId
  readonly attempt: number
  readonly #channels: readonly ReadableChannel[]
  readonly #senders: readonly ChannelSender[]
  readonly #host: WebrtcLinkHost
  #state: 'opening' | 'up' | 'closed' = 'opening'
  #early: { n: number; bytes: Uint8Array }[] = []
  #earlyBytes = 0

  constructor(peer: ProcessId, attempt: number, open: readonly ReadableChannel[], host: WebrtcLinkHost) {
    this.peer = peer
    this.attempt = attempt
    this.#channels = open
    this.#host = host
    for (const [n, channel] of open.entries()) {
      channel.onmessage = (event) => this.#handleMessage(n, event.data)
      channel.onopen = () => this.#checkOpen()
      channel.onclose = () => this.#end(null)
      channel.binaryType = 'arraybuffer'
    }
    this.#senders = open.map(
      (channel) =>
        new ChannelSender(channel, (cause) => {
          const message = `A data channel to ${peer} took no more.`
          this.#end(channel.readyState === 'open' ? { code: 'webrtc-send-failed', message, cause } : null)
        }),
    )
  }

  get isUp(): boolean {
    return this.#state === 'up'
  }

  /** Looks at the channels' states: one that was open already fires no event. */
  begin(): void {
    this.#checkOpen()
  }

  send(channel: Channel, bytes: Uint8Array): void {
    if (this.#state !== 'up') return
    this.#senders[channelNumber(channel)]?.send(bytes)
    const queued = this.#senders.reduce((sum, sender) => sum + sender.queuedBytes, 0)
    if (queued > queueBytesMax) {
      this.#end({ code: 'webrtc-queue-full', message: `${this.peer} does not read: ${queued} bytes wait for it.` })
    }
  }

  bufferedAmount(channel: Channel): number {
    return this.#state === 'up' ? (this.#senders[channelNumber(channel)]?.bufferedAmount ?? 0) : 0
  }

  close(): void {
    this.#end(null)
  }

  #checkOpen(): void {
    if (this.#state !== 'opening') return
    if (this.#channels.some((channel) => channel.readyState === 'closed' || channel.readyState === 'closing')) {
      this.#end(null)
    } else if (this.#channels.every((channel) => channel.readyState === 'open')) {
      this.#state = 'up'
      this.#host.opened(this)
      const early = this.#early
      this.#early = []
      for (const { n, bytes } of early) this.#deliver(n, bytes)
    }
  }

  #handleMessage(n: number, data: unknown): void {
    if (this.#state === 'closed') return
    if (!(data instanceof ArrayBuffer) || data.byteLength > frameBytesMax) {
      this.#end({ code: 'webrtc-bad-frame', message: `${this.peer} sent what is not a frame.` })
    } else if (this.#state === 'up') {
      this.#deliver(n, new Uint8Array(data))
    } else {
      this.#earlyBytes += data.byteLength
      if (this.#earlyBytes > earlyBytesMax || this.#early.length >= 4096) {
        this.#end({ code: 'webrtc-bad-frame', message: `${this.peer} sent too much before the path was open.` })
      } else this.#early.push({ n, bytes: new Uint8Array(data) })
    }
  }

  #deliver(n: number, bytes: Uint8Array): void {
    const channel = channels[n]
    if (this.#state === 'up' && channel !== undefined) this.#host.received(this, channel, bytes)
  }

  #end(problem: { code: string; message: string; cause?: unknown } | null): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#early = []
    for (const sender of this.#senders) sender.clear()
    for (const channel of this.#channels) {
      channel.onopen = null
      channel.onmessage = null
      channel.onclose = null
      channel.onbufferedamountlow = null
      channel.close()
    }
    this.#host.closed(this, problem)
  }
}

function channelNumber(channel: Channel): 0 | 1 | 2 {
  return channel === 'control' ? 0 : channel === 'data' ? 1 : 2
}
