/**
 * Direct messages: from this process to one other in the view of the space, beside all groups.
 *
 * Protocol: a message goes on the link to its receiver as one item, or as several if it is longer than one carries, in the
 *   order of the calls and within the receiver's grant. Nobody forwards it, nothing depends on it, and it stands in no row:
 *   whoever goes along from one view to the next with its sender has it, because the end of the view is marked behind it
 *   (`cut.ts`). To a receiver that does not, what is not known to be there by its acknowledgement from within the view ends
 *   `unknown`, and what has not gone out whole ends `refused`: it will not be handed over.
 * Requires: links in order; end-of-view markers.
 * Provides: D1, D2, D3.
 * Bounds: `messageBytesMax` each, the receivers' grants; at the receiver, one that is not whole from each peer. How many wait
 *   is for the application's side to bound, which is told of those that wait no longer.
 */
import type { PieceRoom } from './ahead.ts'
import type { AppEvent, Command, ProcessId } from './api.ts'
import type { Core } from './core.ts'
import type { Item } from './frame.ts'
import type { Limits } from './limits.ts'
import { concat } from './outgoing.ts'

/** What a message is on a link, in one item or the next of several. */
export type MessageItem = Extract<Item, { k: 'message' }>

/** A message by its sender's number, and what it is addressed to. */
export type MessageName = Pick<MessageItem, 'n' | 'group'>

interface Waiting extends MessageName {
  readonly payload: Uint8Array
  /** How much of it is on the link. */
  at: number
}

type Outcome = Extract<AppEvent, { type: 'messageEnd' }>['outcome']

/** The sending half of one process. */
export class Messages {
  private readonly core: Core
  /** By receiver, in the order of the calls; none is empty. */
  private readonly waiting: Map<ProcessId, Waiting[]> = new Map()
  private count = 0
  /** Those that wait no longer, since the beginning, and when the application was told last. */
  private done = 0
  private told = 0

  constructor(core: Core) {
    this.core = core
  }

  /** Nothing of our own is under way. */
  get isQuiet(): boolean {
    if (this.count > 0) return false
    for (const link of this.core.links.values()) if (link.unheard.length > 0) return false
    return true
  }

  /** Does something wait for that peer to give it room? */
  isHeldUpBy(peer: ProcessId): boolean {
    return this.waiting.has(peer)
  }

  add({ to, group, n, payload }: Extract<Command, { type: 'send' }>): void {
    if (payload.length > this.core.limits.messageBytesMax) {
      this.end(to, { group, n }, 'refused')
      this.take(1)
      return
    }
    const queue = this.waiting.get(to)
    const message = { group, n, payload, at: 0 }
    if (queue === undefined) this.waiting.set(to, [message])
    else queue.push(message)
    this.count += 1
  }

  /** Puts on the links what they have room for. */
  drain(): void {
    const { era, isFenced } = this.core
    if (this.count > 0 && !era.isClosed && !isFenced) this.sendAll()
    if (this.told === this.done) return
    this.told = this.done
    this.core.app({ type: 'mailed', count: this.done })
  }

  private sendAll(): void {
    const { era, links, self } = this.core
    for (const [to, queue] of this.waiting) {
      const link = links.get(to)
      let done = 0
      if (to === self) for (const message of queue) this.toSelf(message)
      if (to === self) done = queue.length
      else if (!era.ranks.has(to) || link === undefined) {
        for (const message of queue) this.end(to, message, 'refused')
        done = queue.length
      } else while (done < queue.length && this.send(queue[done] as Waiting, to, link)) done += 1
      this.count -= done
      this.take(done)
      if (done === queue.length) this.waiting.delete(to)
      else if (done > 0) queue.splice(0, done)
    }
  }

  /** False if there is more to it than there is room for. */
  private send(message: Waiting, to: ProcessId, link: PieceRoom): boolean {
    const { group, n, payload } = message
    const { pieceBytes } = this.core.limits
    do {
      const bytes = payload.subarray(message.at, message.at + pieceBytes)
      if (!link.hasRoom(bytes.length)) return false
      message.at += bytes.length
      link.items.push({ k: 'message', n, group, left: payload.length - message.at, bytes })
    } while (message.at < payload.length)
    this.trace(to, message)
    return true
  }

  private toSelf(message: Waiting): void {
    const { n, group, payload } = message
    this.trace(this.core.self, message)
    this.core.app({ type: 'message', from: this.core.self, group, n, payload })
  }

  /** So many wait no longer. */
  private take(count: number): void {
    this.done += count
  }

  private trace(to: ProcessId, { n, payload }: Waiting): void {
    const { core } = this
    core.trace({ e: 'dispatch', m: `${core.self}>${n}`, to, view: core.era.id, payload })
  }

  private end(to: ProcessId, { group, n }: MessageName, outcome: Outcome): void {
    this.core.app({ type: 'messageEnd', group, to, n, outcome })
  }

  /** Who has not come along from the old view, or is in neither, may be without what it was sent. */
  newView(movers: readonly ProcessId[]): void {
    for (const link of this.core.links.values()) {
      const unheard = link.takeUnheard()
      if (unheard.length > 0 && !movers.includes(link.peer))
        for (const message of unheard) this.end(link.peer, message, 'unknown')
      if (!movers.includes(link.peer)) link.inbox.clear()
    }
    for (const [to, queue] of this.waiting) {
      // What was made for somebody who is only now here has not been begun with.
      if (movers.includes(to) || (this.core.era.ranks.has(to) && queue[0]?.at === 0)) continue
      this.waiting.delete(to)
      this.count -= queue.length
      this.take(queue.length)
      for (const message of queue) this.end(to, message, 'refused')
    }
  }

  /** The end: what was not sent never will be. */
  close(): void {
    for (const [to, queue] of this.waiting) for (const message of queue) this.end(to, message, 'refused')
    this.waiting.clear()
    this.take(this.count)
    this.count = 0
    for (const link of this.core.links.values())
      for (const message of link.takeUnheard()) this.end(link.peer, message, 'unknown')
  }
}

/** What a peer has sent of the message that is not whole yet. */
export class Inbox {
  private pieces: Uint8Array[] = []
  private bytes = 0
  private left = 0
  private name: MessageName = { n: 0, group: '' }

  /** The payload, if it is whole now; null if there is more to come; false if it breaks the rules: nothing is kept then. */
  take({ n, group, left, bytes }: MessageItem, limits: Limits): Uint8Array | null | false {
    const isFirst = this.left === 0
    const isNext = isFirst || (n === this.name.n && group === this.name.group && bytes.length + left === this.left)
    const isGood = isNext && (bytes.length > 0 || left === 0) && bytes.length <= limits.pieceBytes
    if (!isGood || this.bytes + bytes.length + left > limits.messageBytesMax) {
      this.clear()
      return false
    }
    if (isFirst && left === 0) return bytes
    this.name = { n, group }
    this.pieces.push(bytes)
    this.bytes += bytes.length
    this.left = left
    if (left > 0) return null
    const whole = concat(this.pieces)
    this.clear()
    return whole
  }

  clear(): void {
    this.pieces = []
    this.bytes = 0
    this.left = 0
  }
}
