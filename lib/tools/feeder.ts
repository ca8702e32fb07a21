/**
 * Feeds the clients of one member from its log: in batches, within a window for each, long entries in pieces. Who does not keep
 * up waits in the log, and is told of a gap once that has dropped what comes next for it.
 */
import { encodeValue } from '../values.ts'
import { type Attached, isFor } from './client-session.ts'
import { FEED_WINDOW, PIECE_BYTES, TO_ATTACHED, type WireEntry } from './client-words.ts'
import { type FeedLog, gapEntry } from './feed-log.ts'

/** Entries that go in one message, and their bytes. */
const BATCH = { entries: 64, bytes: PIECE_BYTES }

/** The feeds of one member's clients. */
export class Feeder {
  readonly #log: FeedLog
  readonly #tell: (client: string, message: readonly unknown[]) => void

  /** @param tell sends a client a message */
  constructor(log: FeedLog, tell: (client: string, message: readonly unknown[]) => void) {
    this.#log = log
    this.#tell = tell
  }

  /** Feeds what there is, as far as there is room. */
  pump(attached: Attached): void {
    this.#feedUpTo(attached, this.#log.end)
  }

  /** The client has taken so many entries. False: it has not been sent so many. */
  ack(attached: Attached, count: number): boolean {
    const { flying } = attached
    const behind = attached.sent - flying.length
    if (count > attached.sent) return false
    for (const size of flying.splice(0, Math.max(0, count - behind))) attached.flyingBytes -= size
    return true
  }

  /** The view in force is over: what a client was told in it, and is not here, died with who told it. */
  checkPending(attached: Attached): void {
    const { pending } = attached
    if (pending === null) return
    attached.pending = null
    if (this.#log.covers(pending)) return
    this.#feedUpTo(attached, this.#log.end)
    this.feed(attached, [gapEntry('parted')], 1)
  }

  /** Feeds what comes before that entry, as far as there is room. */
  #feedUpTo(attached: Attached, end: number): void {
    if (attached.next < this.#log.start) this.#skip(attached)
    while (attached.next < end && hasRoom(attached)) {
      const batch: WireEntry[] = []
      let bytes = 0
      while (attached.next < end && batch.length < BATCH.entries && bytes < BATCH.bytes) {
        const entry = this.#log.at(attached.next)
        if (entry === undefined) break
        attached.next += 1
        if (!isFor(attached, entry)) continue
        batch.push(entry.wire)
        bytes += entry.bytes
      }
      if (batch.length > 0) this.feed(attached, batch, bytes)
    }
  }

  /** What comes next for it is not kept any more. */
  #skip(attached: Attached): void {
    const { opening, start } = this.#log
    attached.next = start
    attached.pending = null
    this.feed(attached, [gapEntry('behind'), ...opening], 1)
  }

  /** Sends entries, whatever is under way; one that is long goes alone, in pieces. */
  feed(attached: Attached, entries: readonly WireEntry[], bytes: number): void {
    const { id, session } = attached
    attached.sent += entries.length
    for (const _ of entries) attached.flying.push(bytes / entries.length)
    attached.flyingBytes += bytes
    if (bytes <= 2 * PIECE_BYTES) return this.#tell(id, [TO_ATTACHED.fed, session, entries])
    const whole = encodeValue(entries)
    for (let at = 0; at < whole.length; at += PIECE_BYTES) {
      const isLast = at + PIECE_BYTES >= whole.length
      this.#tell(id, [TO_ATTACHED.piece, session, isLast, whole.subarray(at, at + PIECE_BYTES)])
    }
  }
}

function hasRoom({ flying, flyingBytes }: Attached): boolean {
  return flying.length < FEED_WINDOW.entries && flyingBytes < FEED_WINDOW.bytes
}
