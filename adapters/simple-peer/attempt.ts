/**
 * One connection to one peer: a simple-peer, and the channels opened beside its own: three for the worker, one for the page.
 *
 * The three are made and handed over in the task of the constructor, because a browser transfers a data
 * channel only in the task that made it. simple-peer's own channel is left alone: closing it would end all.
 */
import type { ProcessId } from '../../lib/kernel/api.ts'
import { channels, firstChannelId, wordBytesMax, wordChannelId } from './page-port.ts'
import { Peer, type PeerInstance } from './peer-class.ts'
import { type PeerSignal, readPeerSignal, signalsMax } from './signals.ts'

/** What an attempt needs to begin. */
export interface AttemptPlan {
  /** Local number, the same on both sides of the page's port. */
  readonly id: number
  readonly peer: ProcessId
  readonly session: string
  readonly isInitiator: boolean
  readonly config: RTCConfiguration
  readonly timeoutMs: number
}

/** What an attempt tells its owner. */
export interface AttemptHost {
  /** Takes the channels; called in the constructor's task. */
  handOver(attempt: Attempt, open: readonly RTCDataChannel[]): void
  signal(attempt: Attempt, n: number, signal: PeerSignal): void
  /** The peer's page said the last word of its process. */
  heard(attempt: Attempt, word: Uint8Array): void
  /** Once; `cause` says why if it failed by itself. */
  ended(attempt: Attempt, cause: unknown): void
}

/** One connection, from its making to its end. */
export class Attempt {
  readonly id: number
  readonly peer: ProcessId
  readonly session: string
  readonly isInitiator: boolean
  readonly #host: AttemptHost
  readonly #seen = new Set<number>()
  #peer: PeerInstance | null = null
  #word: RTCDataChannel | null = null
  #timer: ReturnType<typeof setTimeout> | null = null
  #signals = 0
  #isEnded = false

  constructor(plan: AttemptPlan, host: AttemptHost) {
    this.id = plan.id
    this.peer = plan.peer
    this.session = plan.session
    this.isInitiator = plan.isInitiator
    this.#host = host
  }

  /** Makes the connection; if the browser refuses, ends at once. */
  begin({ config, timeoutMs }: AttemptPlan): void {
    try {
      const peer = new Peer({ initiator: this.isInitiator, trickle: true, config })
      this.#peer = peer
      peer.on('signal', (data) => this.#signal(data))
      peer.on('error', (error) => this.end(error))
      peer.on('close', () => this.end(null))
      peer.resume()
      const connection = peer._pc
      if (!connection || peer.destroyed) throw new Error('The browser makes no more WebRTC connections.')
      const open = channels.map((name, n) =>
        connection.createDataChannel(`tutti-${name}`, { negotiated: true, id: firstChannelId + n }),
      )
      this.#word = connection.createDataChannel('tutti-word', { negotiated: true, id: wordChannelId })
      this.#word.binaryType = 'arraybuffer'
      this.#word.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (!(data instanceof ArrayBuffer) || data.byteLength === 0 || data.byteLength > wordBytesMax) return
        this.#host.heard(this, new Uint8Array(data, 1))
      }
      this.#timer = setTimeout(() => this.end(new Error('The connection did not open in time.')), timeoutMs)
      this.#host.handOver(this, open)
    } catch (cause) {
      this.end(cause)
    }
  }

  /** All channels are open. */
  becomeOpen(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** A signal of the other side; each number counts once, whichever server brings it first. */
  handleSignal(n: number, signal: PeerSignal): void {
    if (this.#isEnded || this.#seen.has(n)) return
    if (signal.type === (this.isInitiator ? 'offer' : 'answer')) return
    this.#seen.add(n)
    try {
      this.#peer?.signal(signal)
    } catch (cause) {
      this.end(cause)
    }
  }

  /** Sends a message that says nothing, ahead of the last word. */
  clearThroat(): void {
    this.#send(new Uint8Array(0))
  }

  /** Says the last word of this process, if anybody is there to hear it. */
  say(word: Uint8Array): void {
    // Its version, and never empty.
    const message = new Uint8Array(1 + word.length)
    message.set(word, 1)
    this.#send(message)
  }

  #send(message: Uint8Array<ArrayBuffer>): void {
    try {
      this.#word?.send(message)
    } catch {
      // Not open, or not any more.
    }
  }

  /** Closes the connection now. */
  end(cause: unknown): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.becomeOpen()
    const peer = this.#peer
    try {
      // simple-peer closes in a microtask, which a page that is going away may not live to see.
      peer?._pc?.close()
      peer?.destroy()
    } catch {
      // A connection that was never made cannot be closed either.
    }
    this.#host.ended(this, cause)
  }

  #signal(data: unknown): void {
    const signal = readPeerSignal(data)
    if (this.#isEnded || !signal || this.#signals >= signalsMax) return
    this.#host.signal(this, this.#signals, signal)
    this.#signals += 1
  }
}
