/**
 * Large casts: what is longer than one item carries is sent ahead, in pieces, before the cast itself is sent.
 *
 * Protocol: pieces are no casts. They have no number, no dependencies and no place in a view, and each link brings its
 *   receiver the payload by itself, as its grant allows. The cast is stamped once every receiver has been sent all
 *   pieces: its item carries the rest of the payload and says how much of it came before. A payload that is begun again,
 *   or given up, begins again at 0; what was sent ahead in one space view is worth nothing in the next. A survivor that
 *   forwards a large cast sends it in the same way.
 * Requires: links in order.
 * Provides: a cast is held whole or not at all, so every other layer sees it as one.
 * Bounds: `castBytesMax` for each link, and `aheadBytesMax` over all (see `Link`).
 * Source: none. Differs from fragments as casts of their own (Isis, Horus FRAG above the ordering): see
 *   docs/decisions/009.
 */
import type { Item } from './frame.ts'
import type { Limits } from './limits.ts'

/** A part of a payload that is sent ahead. */
export type Piece = Extract<Item, { k: 'piece' }>

/** How many bytes of a payload are sent ahead; the rest goes with the cast. */
export function aheadOf(payload: Uint8Array, { pieceBytes }: Limits): number {
  return payload.length <= pieceBytes ? 0 : Math.floor((payload.length - 1) / pieceBytes) * pieceBytes
}

/** What pieces are put on. */
export interface PieceRoom {
  readonly items: Item[]
  hasRoom(bytes: number): boolean
}

/** A payload that goes ahead of its cast. */
export interface Ahead {
  readonly payload: Uint8Array
  /** The Lamport time at which its sender began with it. */
  readonly since: number
}

/** Puts on a link as many pieces from `at` on as it has room for. Returns where the next one begins. */
export function sendPieces(link: PieceRoom, { payload, since }: Ahead, at: number, limits: Limits): number {
  const { pieceBytes } = limits
  const end = aheadOf(payload, limits)
  let next = at
  while (next < end && link.hasRoom(pieceBytes)) {
    link.items.push({ k: 'piece', at: next, since, bytes: payload.subarray(next, next + pieceBytes) })
    next += pieceBytes
  }
  return next
}

/** What a peer has sent ahead of one cast. */
export class Assembly {
  private pieces: Uint8Array[] = []
  /** How much is here. */
  bytes = 0
  /** When its sender first began with it. */
  since = 0

  /** Takes the next piece, or the first of another payload. False if it is neither, or too much: nothing is kept then. */
  take({ at, since, bytes }: Piece, limits: Limits): boolean {
    if (at === 0) this.clear()
    if (at !== this.bytes || bytes.length > limits.pieceBytes || at + bytes.length > limits.castBytesMax) {
      this.clear()
      return false
    }
    if (bytes.length === 0) return at === 0
    this.pieces.push(bytes)
    this.bytes += bytes.length
    this.since = since
    return true
  }

  /** The whole payload, of which `ahead` bytes came before; null if they did not, or it is too long. Nothing is left here. */
  join(ahead: number, rest: Uint8Array, limits: Limits): Uint8Array | null {
    const { pieces, bytes } = this
    this.clear()
    if (ahead !== bytes || bytes + rest.length > limits.castBytesMax) return null
    const whole = new Uint8Array(bytes + rest.length)
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    whole.set(rest, at)
    return whole
  }

  clear(): void {
    this.pieces = []
    this.bytes = 0
  }
}
