/**
 * Parcels: direct messages of any size, cut into letters of at most half a megabyte. They come whole and in order, or, if
 * sender and receiver part, not at all. What cannot be sent yet, because too many letters wait, is sent a little later.
 */
import type { GroupPort } from 'tutti'

/** What is told with the bytes. */
export interface Parcel {
  /** What it is. */
  readonly type: string
  /** The view, or whatever else, that it is about. */
  readonly about: string
  readonly contents: readonly Uint8Array[]
}

/** A letter with its head is at most 1 MiB. */
const LETTER_BYTES = 512 * 1024
/** The largest parcel that is taken. */
export const PARCEL_BYTES_MAX: number = 1024 * 1024 * 1024
/** Parcels have so many parts at most. */
const CONTENTS_MAX = 4
/** Before what could not be sent is tried again, in ms. */
const RETRY_MS = 50

/** One that is on its way here. */
interface Incoming {
  readonly type: string
  readonly about: string
  readonly sizes: readonly number[]
  readonly total: number
  readonly letters: Uint8Array[]
  size: number
}

/** The parcels of one group: at one address. */
export class Parcels {
  readonly #port: GroupPort
  readonly #address: string
  readonly #take: (from: string, parcel: Parcel) => void
  readonly #fault: (member: string, code: string) => void
  readonly #unlisten: () => void
  readonly #incoming = new Map<string, Incoming>()
  #waiting: { readonly to: string; readonly letter: unknown }[] = []
  #cancel: (() => void) | null = null
  #isClosed = false

  constructor(
    port: GroupPort,
    address: string,
    to: { take(from: string, parcel: Parcel): void; fault(member: string, code: string): void },
  ) {
    this.#port = port
    this.#address = address
    this.#take = (from, parcel) => to.take(from, parcel)
    this.#fault = (member, code) => to.fault(member, code)
    this.#unlisten = port.mail.listen(address, {
      message: (from, value) => this.#receive(from, value),
      viewed: (_view, parted) => this.#part(parted),
    })
  }

  /** Sends a parcel. It may be lost if the receiver and this process part, and only then. */
  send(to: string, { type, about, contents }: Parcel): void {
    const bytes = concat(contents)
    const sizes = contents.map((each) => each.length)
    for (let at = 0; at === 0 || at < bytes.length; at += LETTER_BYTES) {
      const piece = bytes.subarray(at, at + LETTER_BYTES)
      this.#waiting.push({ to, letter: at === 0 ? [type, about, sizes, piece] : [piece] })
    }
    if (this.#cancel === null) this.#pump()
  }

  close(): void {
    this.#isClosed = true
    this.#cancel?.()
    this.#unlisten()
    this.#incoming.clear()
    this.#waiting = []
  }

  #pump(): void {
    this.#cancel = null
    while (!this.#isClosed) {
      const next = this.#waiting[0]
      if (next === undefined) return
      try {
        this.#port.mail.send(next.to, this.#address, next.letter)
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'busy') this.#waiting = []
        else this.#cancel = this.#port.after(RETRY_MS, () => this.#pump())
        return
      }
      this.#waiting.shift()
    }
  }

  /** What was under way from them is lost, and what waits for them is of no use. */
  #part(parted: readonly string[]): void {
    for (const member of parted) this.#incoming.delete(member)
    // A parcel of which a part was sent cannot be whole any more.
    if (parted.length > 0) this.#waiting = this.#waiting.filter(({ to }) => !parted.includes(to))
  }

  #receive(from: string, value: unknown): void {
    if (!Array.isArray(value)) return this.#fault(from, 'bad-letter')
    const isFirst = value.length === 4
    const incoming = isFirst ? readHead(value) : this.#incoming.get(from)
    const piece: unknown = value.at(-1)
    // The rest of one whose beginning was lost.
    if (!isFirst && value.length === 1 && incoming === undefined) return
    if (!incoming || !(piece instanceof Uint8Array) || incoming.size + piece.length > incoming.total) {
      this.#incoming.delete(from)
      return this.#fault(from, 'bad-letter')
    }
    incoming.letters.push(piece)
    incoming.size += piece.length
    if (incoming.size < incoming.total) {
      this.#incoming.set(from, incoming)
      return
    }
    this.#incoming.delete(from)
    const { type, about, sizes } = incoming
    this.#take(from, { type, about, contents: cut(concat(incoming.letters), sizes) })
  }
}

function readHead([type, about, sizes]: readonly unknown[]): Incoming | null {
  if (typeof type !== 'string' || typeof about !== 'string') return null
  if (!Array.isArray(sizes) || sizes.length > CONTENTS_MAX) return null
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) return null
  const total = (sizes as number[]).reduce((sum, size) => sum + size, 0)
  return total > PARCEL_BYTES_MAX ? null : { type, about, sizes: sizes as number[], total, letters: [], size: 0 }
}

function concat(all: readonly Uint8Array[]): Uint8Array {
  const [only] = all
  if (all.length === 1 && only !== undefined) return only
  const bytes = new Uint8Array(all.reduce((sum, each) => sum + each.length, 0))
  let at = 0
  for (const each of all) {
    bytes.set(each, at)
    at += each.length
  }
  return bytes
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  let at = 0
  return sizes.map((size) => {
    at += size
    return bytes.subarray(at - size, at)
  })
}
