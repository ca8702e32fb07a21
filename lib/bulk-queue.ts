/**
 * Bulk frames on their way to the links. A state is much at once, so it yields to everything else: a frame becomes
 * bytes only when it is sent, a few are sent in a task, and none while the link's buffer is above a mark.
 *
 * Bounds: none of its own; the kernel has at most `chunksInFlight` frames under way to a peer.
 */
import type { ProcessId } from './kernel/api.ts'
import type { Frame } from './kernel/frame.ts'
import { split } from './pieces.ts'
import type { Link } from './ports/transport.ts'

/** Bulk is held back while so many bytes wait in the link's own buffer. */
const BULK_MARK_BYTES = 256 * 1024
/** How often a held-back link is looked at. */
const BULK_POLL_MS = 10
/** Frames sent to one peer in a task. */
const FRAMES_AT_ONCE = 2

/** What the queue needs of its host. */
export interface BulkQueueOptions {
  /** The path in use, if there is one. */
  link(peer: ProcessId): Link | undefined
  encode(frame: Frame): Uint8Array
  /** Runs `fn` once after `ms`; returns the cancel function. */
  setTimer(ms: number, fn: () => void): () => void
  /** Runs `fn` in a task of its own, soon. */
  schedule(fn: () => void): void
  /** A frame could not be encoded: the kernel is broken. */
  broken(error: unknown): void
}

/** The bulk frames of one host that wait for their links. */
export class BulkQueue {
  readonly #options: BulkQueueOptions
  readonly #frames = new Map<ProcessId, Frame[]>()
  #isScheduled = false
  #cancelPoll: (() => void) | null = null

  constructor(options: BulkQueueOptions) {
    this.#options = options
  }

  /** Sends a frame soon, after those that wait. */
  add(peer: ProcessId, frame: Frame): void {
    const waiting = this.#frames.get(peer)
    if (waiting === undefined) this.#frames.set(peer, [frame])
    else waiting.push(frame)
    this.#schedule()
  }

  /** Forgets what waits for a peer: its path has changed. */
  forget(peer: ProcessId): void {
    this.#frames.delete(peer)
  }

  /** Forgets everything. */
  clear(): void {
    this.#frames.clear()
    this.#cancelPoll?.()
    this.#cancelPoll = null
  }

  #schedule(): void {
    if (this.#isScheduled || this.#cancelPoll !== null) return
    this.#isScheduled = true
    this.#options.schedule(() => {
      this.#isScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    try {
      // A link that fails while it sends takes its queue off this list: walk a copy.
      for (const peer of [...this.#frames.keys()]) this.#sendSome(peer)
    } catch (error) {
      this.#options.broken(error)
      return
    }
    if (this.#frames.size === 0) return
    if ([...this.#frames.keys()].some((peer) => this.#hasRoom(peer))) return this.#schedule()
    this.#cancelPoll ??= this.#options.setTimer(BULK_POLL_MS, () => {
      this.#cancelPoll = null
      this.#pump()
    })
  }

  #sendSome(peer: ProcessId): void {
    for (let sent = 0; sent < FRAMES_AT_ONCE && this.#hasRoom(peer); sent += 1) {
      const waiting = this.#frames.get(peer)
      const frame = waiting?.shift()
      if (waiting?.length === 0) this.#frames.delete(peer)
      if (frame === undefined) return
      const link = this.#options.link(peer)
      for (const message of split(this.#options.encode(frame))) link?.send('bulk', message)
    }
  }

  #hasRoom(peer: ProcessId): boolean {
    const link = this.#options.link(peer)
    return link !== undefined && link.bufferedAmount('bulk') < BULK_MARK_BYTES
  }
}
