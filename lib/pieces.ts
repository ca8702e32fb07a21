/**
 * Frames as paths carry them: a path takes at most 64 KiB at a time, so larger ones go in pieces.
 *
 * Each message begins with one byte: 0 a whole frame, 1 a piece with more to come, 2 the last piece. A channel
 * keeps its order, so the pieces of one channel of one path join without numbers.
 *
 * Bounds: a message {@link MESSAGE_BYTES_MAX}, a joined frame {@link JOINED_BYTES_MAX}.
 */

/** The largest frame sent whole, and the largest piece, without the header. */
export const PIECE_BYTES_MAX: number = 48 * 1024
/** The largest frame that is put together. */
export const JOINED_BYTES_MAX: number = 4 * 1024 * 1024

const WHOLE = 0
const MORE = 1
const LAST = 2

/** The messages that carry one frame. */
export function split(frame: Uint8Array): Uint8Array[] {
  if (frame.length <= PIECE_BYTES_MAX) return [withHeader(WHOLE, frame)]
  const messages: Uint8Array[] = []
  for (let at = 0; at < frame.length; at += PIECE_BYTES_MAX) {
    const end = Math.min(at + PIECE_BYTES_MAX, frame.length)
    messages.push(withHeader(end === frame.length ? LAST : MORE, frame.subarray(at, end)))
  }
  return messages
}

function withHeader(header: number, bytes: Uint8Array): Uint8Array {
  const message = new Uint8Array(bytes.length + 1)
  message[0] = header
  message.set(bytes, 1)
  return message
}

/** Puts the messages of one channel of one path together again. */
export class Joiner {
  #pieces: Uint8Array[] = []
  #size = 0

  /** The frame that `message` completes, null if it completes none, or what is wrong with it. */
  take(message: Uint8Array): Uint8Array | null | { readonly fault: string } {
    const header = message[0]
    const bytes = message.subarray(1)
    if (bytes.length > PIECE_BYTES_MAX) return this.#fail('piece-too-long')
    if (header === WHOLE) return this.#pieces.length === 0 ? bytes : this.#fail('piece-missing')
    if (header !== MORE && header !== LAST) return this.#fail('piece-malformed')
    if (bytes.length === 0) return this.#fail('piece-empty')
    this.#size += bytes.length
    if (this.#size > JOINED_BYTES_MAX) return this.#fail('frame-too-long')
    this.#pieces.push(bytes)
    return header === LAST ? this.#join() : null
  }

  #join(): Uint8Array {
    const frame = new Uint8Array(this.#size)
    let at = 0
    for (const piece of this.#pieces) {
      frame.set(piece, at)
      at += piece.length
    }
    this.#clear()
    return frame
  }

  #fail(fault: string): { readonly fault: string } {
    this.#clear()
    return { fault }
  }

  #clear(): void {
    this.#pieces = []
    this.#size = 0
  }
}
