/**
 * A client's own casts, from when they are made until every member of the group holds them: numbered, bounded, and given to the
 * member that serves the client, to another one again under the same numbers.
 */
import {
  BusyError,
  ClosedError,
  TooLargeError,
  UnknownOutcomeError,
  UsageError,
  ValueError,
  ViewChangedError,
} from '../errors.ts'
import { encodeValue } from '../values.ts'
import {
  CLIENT_CAST_BYTES_MAX,
  CLIENT_CAST_SIZE_MAX,
  CLIENT_CASTS_MAX,
  type HeldIn,
  TO_SPONSOR,
} from './client-words.ts'

/** What a cast is: one that is ordered as the group is, a gbcast, or a request. */
export type OwnService = 'cast' | 'gbcast' | 'request'

/** A cast of a client that not all members hold. */
export interface Own {
  readonly n: number
  readonly view: string | null
  readonly service: OwnService
  readonly bytes: Uint8Array
  /** The session in which it was given to a member, last and first; null: it is to be given to one; it never was. */
  sentIn: number | null
  sentFirst: number | null
  isHeld: boolean
}

const UNSENT = { sentIn: null, sentFirst: null, isHeld: false } as const

/** What is left of a client's casts to the next one of its process. */
export interface CastsBefore {
  /** The number of its last cast, and of the last one that was settled and not refused. */
  readonly last: number
  readonly good: number
  /** What all members were said to hold last, and in which view. */
  readonly heldIn: HeldIn | null
  readonly own: readonly Own[]
}

/** What a client is told of its casts. */
export interface OwnCastEvents {
  /** All members hold it. */
  held(n: number): void
  /** It is not told, or nobody knows whether it is. */
  failed(n: number, error: Error): void
  /** There is room again. */
  room(): void
}

/** The casts of one client. */
export class OwnClientCasts {
  readonly #group: string
  readonly #events: OwnCastEvents
  /** Its casts, by number, that are not held by all. */
  readonly #own = new Map<number, Own>()
  #bytes = 0
  #last: number
  /** The highest number that is settled and was not refused. */
  #good: number
  #heldIn: HeldIn | null
  #wasFull = false
  /** What was under way at the end. */
  #left: readonly Own[] = []

  constructor(group: string, events: OwnCastEvents, { last, good, heldIn, own }: CastsBefore) {
    this.#group = group
    this.#events = events
    this.#last = last
    this.#good = good
    this.#heldIn = heldIn
    for (const each of own) {
      this.#own.set(each.n, { ...each, sentIn: null })
      this.#bytes += each.bytes.length
    }
  }

  /** Is there room for one more? */
  get hasRoom(): boolean {
    return this.#own.size < CLIENT_CASTS_MAX && this.#bytes < CLIENT_CAST_BYTES_MAX
  }

  /** The highest number that is settled and was not refused. */
  get good(): number {
    return this.#good
  }

  /**
   * The highest number that all members were said to hold in the view in which that was said last: whoever is in that view
   * delivers it before what comes behind it. Where it was lost with another part, it is of another view.
   */
  get heldIn(): HeldIn | null {
    return this.#heldIn
  }

  /** Up to this number they are held by all, or refused. */
  get #base(): number {
    for (const n of this.#own.keys()) return n - 1
    return this.#last
  }

  /** What the next client of this process is to be left, once this one has ended. */
  get legacy(): CastsBefore {
    return { last: this.#last, good: this.#good, heldIn: this.#heldIn, own: this.#left }
  }

  has(n: number): boolean {
    return this.#own.has(n)
  }

  /** Takes one in, made in that view. Throws ValueError, TooLargeError, BusyError: then it is none. */
  add(value: unknown, { view, service }: Pick<Own, 'view' | 'service'>): { readonly n: number; readonly size: number } {
    const bytes = encodeValue(value)
    const size = bytes.length
    if (size > CLIENT_CAST_SIZE_MAX)
      throw new TooLargeError(`a client's cast of ${size} bytes: become a member`, size, CLIENT_CAST_SIZE_MAX)
    if (!this.hasRoom) throw new BusyError(`${this.#own.size} casts of this client are under way`)
    this.#last += 1
    const own: Own = { n: this.#last, view, service, bytes, ...UNSENT }
    this.#own.set(own.n, own)
    this.#bytes += size
    this.#wasFull = !this.hasRoom
    return { n: own.n, size }
  }

  /** Takes one back, if it was not given to anybody. */
  cancel(n: number): boolean {
    const own = this.#own.get(n)
    if (own === undefined || own.sentFirst !== null) return false
    this.#remove(own)
    return true
  }

  /**
   * Gives the member what it has not got in this session, in order. False: there is no room for all.
   * @param waits the lowest number of the client's requests that it waits for
   */
  send(session: number, waits: number | null, post: (message: readonly unknown[]) => boolean): boolean {
    let after = this.#good
    for (const own of this.#own.values()) {
      if (own.sentIn !== session) {
        const { n, view, service, bytes } = own
        const kind = service === 'request' ? TO_SPONSOR.request : TO_SPONSOR.cast
        const how = service === 'request' ? Math.min(n, waits ?? n) - 1 : service === 'gbcast'
        if (!post([kind, session, n, after, this.#base, view, how, bytes])) return false
        own.sentIn = session
        own.sentFirst ??= session
      }
      after = own.n
    }
    return true
  }

  /** All members of that view hold it. */
  hold(n: number, view: string): void {
    const own = this.#own.get(n)
    if (own === undefined || own.isHeld) return
    const before = this.#heldIn?.[1] === view ? this.#heldIn[0] : 0
    this.#heldIn = [Math.max(n, before), view]
    own.isHeld = true
    this.#events.held(n)
    // In their order: what is given to another member goes on without a hole.
    for (const first of this.#own.values()) {
      if (!first.isHeld) break
      this.#good = first.n
      this.#remove(first)
    }
  }

  /** A cast is refused; if because of its view, so are those behind it that were not made in the one in force. */
  refused(
    n: unknown,
    { code, view, session }: { readonly code: unknown; readonly view: unknown; readonly session: number },
  ): void {
    const refused = [...this.#own.values()].filter(
      (own) => own.n === n || (code === 'view' && own.n > (n as number) && own.view !== view),
    )
    // What came behind it was not taken.
    for (const own of this.#own.values()) if (own.n > (n as number)) own.sentIn = null
    for (const own of refused) {
      this.#remove(own)
      const what = `cast ${own.n} of a client of "${this.#group}"`
      // Another member, which is in another part of a split, may have cast it there.
      const isSure = own.sentFirst === null || own.sentFirst === session
      const error = isSure
        ? refusalOf(`${code}`, what)
        : new UnknownOutcomeError(`${what} may have been told elsewhere`)
      this.#events.failed(own.n, error)
    }
  }

  /** Nobody knows which of the casts that others were given before were told; this session's were not. */
  forgotten(session: number): void {
    for (const own of [...this.#own.values()]) {
      if (own.sentFirst === null || own.sentFirst === session) continue
      this.#remove(own)
      const message = `the members of "${this.#group}" have forgotten this client, which was away`
      this.#events.failed(own.n, new UnknownOutcomeError(message))
    }
    for (const own of this.#own.values()) Object.assign(own, UNSENT)
  }

  #remove(own: Own): void {
    if (!this.#own.delete(own.n)) return
    this.#bytes -= own.bytes.length
    if (!this.#wasFull || !this.hasRoom) return
    this.#wasFull = false
    this.#events.room()
  }

  /** What is not settled fails with that error, if it was given to anybody; else it is closed. */
  end(): void {
    for (const { n, sentFirst } of [...this.#own.values()]) {
      const error =
        sentFirst === null
          ? new ClosedError(`the client of "${this.#group}" is closed`)
          : new UnknownOutcomeError(`the client of "${this.#group}" was closed while its cast ${n} was under way`)
      if (sentFirst === null) this.#own.delete(n)
      this.#events.failed(n, error)
    }
    this.#left = [...this.#own.values()]
    this.#own.clear()
  }
}

function refusalOf(code: string, what: string): Error {
  if (code === 'view') return new ViewChangedError(`${what} was not cast: the view it was made in is over`)
  if (code === 'service') return new UsageError(`${what} was refused: gbcasts are none of a group with a domain`)
  if (code === 'busy') return new BusyError(`${what} was refused: the member that serves it has no room`)
  return new ValueError(`${what} was refused: ${code}`, '')
}
