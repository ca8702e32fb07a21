/**
 * The `BroadcastChannel` interface over a space: what one posts, all others who have a channel of that name get, in this
 * page, in other tabs and on other devices.
 *
 * All channels of one name share one group of fifo order without a state, which the process joins with the first and
 * leaves with the last. A message is serialized when it is posted, and deserialized for each who gets it.
 *
 * Source: HTML, 9.5 Broadcasting to other browsing contexts.
 */
import { BusyError, ClosedError, TooLargeError, ValueError } from '../errors.ts'
import { TypedTarget } from '../objects/events.ts'
import type { GroupPort, ObjectKind, OpInfo, Replica } from '../objects/replica.ts'
import { decodeValue, encodeValue } from '../values.ts'

/** Messages that wait here while the group takes no more. */
const WAITING_MAX = 10_000

type Handler = ((this: SpaceChannel, event: MessageEvent) => unknown) | null
/** The events of a channel. */
interface ChannelEvents {
  readonly message: MessageEvent
  readonly messageerror: MessageEvent
}
/** Their names. */
type MessageType = keyof ChannelEvents

/** The channels of one name in one process, and the group that they share. */
export class ChannelHub {
  readonly #port: GroupPort
  readonly #origin: string
  readonly #channels = new Set<SpaceChannel>()
  /** Who has posted what is under way, by the number of the cast. */
  readonly #posted = new Map<number, SpaceChannel>()
  #waiting: (readonly [from: SpaceChannel, bytes: Uint8Array])[] = []
  /** So many of those who opened it have closed, and what was posted before has not been sent yet. */
  #closings = 0
  /** Resolves when what was cast last is delivered here, or will not be. */
  #last: Promise<void> = Promise.resolve()
  #isEnded = false

  constructor(port: GroupPort, origin: string) {
    this.#port = port
    this.#origin = origin
  }

  /** @internal */
  add(channel: SpaceChannel): void {
    this.#channels.add(channel)
  }

  /** @internal */
  remove(channel: SpaceChannel): void {
    this.#channels.delete(channel)
  }

  /** @internal One of those who opened it has closed. It leaves when what it has posted is sent, which its own delivery says. */
  close(): void {
    if (this.#waiting.length > 0) this.#closings += 1
    else void this.#last.then(() => this.#port.close())
  }

  /** @internal Throws a BusyError if too much waits. */
  post(from: SpaceChannel, bytes: Uint8Array): void {
    if (this.#isEnded) return
    if (this.#waiting.length === 0 && this.#cast(from, bytes)) return
    if (this.#waiting.length >= WAITING_MAX) throw new BusyError(`more than ${WAITING_MAX} messages wait to be sent`)
    this.#waiting.push([from, bytes])
  }

  /** @internal These were taken before the group was opened: they are sent, however much waits. */
  postEarly(from: SpaceChannel, early: readonly Uint8Array[]): void {
    if (this.#isEnded) return
    for (const bytes of early) this.#waiting.push([from, bytes])
    this.#castWaiting()
  }

  /** False if the group takes no more for now. */
  #cast(from: SpaceChannel, bytes: Uint8Array): boolean {
    try {
      const receipt = this.#port.cast([this.#origin, bytes])
      this.#posted.set(receipt.n, from)
      this.#last = receipt.delivered.catch(() => undefined)
      return true
    } catch (error) {
      if (error instanceof BusyError) return false
      // Like a page that is gone: nobody is told.
      if (error instanceof ClosedError) return true
      throw error
    }
  }

  /** @internal Called by the registry when more may be cast again. */
  handleWritable(isWritable: boolean): void {
    if (isWritable) this.#castWaiting()
  }

  /** Casts what waits, as far as there is room; then those can leave who have closed it. */
  #castWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        if (!this.#cast(...next)) return
      } catch {
        // What no cast can carry was refused when it was posted. Should one be here all the same, it holds up no other.
      }
      this.#waiting.shift()
    }
    for (; this.#closings > 0; this.#closings -= 1) this.close()
  }

  /** @internal */
  handleEnd(): void {
    this.#isEnded = true
    this.#waiting = []
    this.#posted.clear()
  }

  /** @internal A cast is not delivered here. */
  lost(n: number): void {
    this.#posted.delete(n)
  }

  /** @internal Gives a message to all channels but the one that posted it; false if it is none. */
  receive(op: unknown, { local, n }: OpInfo): boolean {
    if (!Array.isArray(op) || op.length !== 2) return false
    const [origin, bytes] = op as unknown[]
    if (typeof origin !== 'string' || !(bytes instanceof Uint8Array)) return false
    const from = local ? this.#posted.get(n) : undefined
    this.#posted.delete(n)
    for (const channel of [...this.#channels]) if (channel !== from) channel.receive(origin, bytes)
    return true
  }
}

/** The name of the group that carries a channel. */
export function channelGroup(name: string): string {
  return `tutti:channel/${name}`
}

/** The longest message, in bytes, of a page of that origin, where a cast has at most so many. */
export function channelBytesMax(origin: string, castBytesMax: number): number {
  // From there on the length of a byte string takes as much as it ever does.
  const long = new Uint8Array(65_536)
  return castBytesMax - (encodeValue([origin, long]).length - long.length)
}

/** How the space opens the group of a name; `origin` is the page's. */
export function channelKind(origin: string): ObjectKind<ChannelHub, object> {
  return {
    kind: 'channel',
    order: 'fifo',
    uniform: false,
    consistency: 'available',
    create(port) {
      const hub = new ChannelHub(port, origin)
      const replica: Replica = {
        apply: (op, info) => hub.receive(op, info),
        view: () => undefined,
        save: () => null,
        load: () => undefined,
        lost: (n) => hub.lost(n),
        settle: () => undefined,
      }
      return { replica, handle: hub }
    },
  }
}

/**
 * A channel: shaped as `BroadcastChannel`. Messages are of Tutti's value set (docs/objects.md); what is none is a
 * `DataCloneError`. `event.origin` is what the sender's page says of itself.
 */
export class SpaceChannel extends TypedTarget<ChannelEvents> {
  readonly name: string
  readonly #bytesMax: number
  #hub: ChannelHub | null = null
  /** The space is closed, or will not have the group. */
  #isRefused = false
  /** Posted before the group was opened. */
  #early: Uint8Array[] = []
  #isClosed = false
  readonly #handlers: Record<MessageType, Handler> = { message: null, messageerror: null }

  /** Made by `space.channel`. @param hub the group, opened once more. @param bytesMax of one message. */
  constructor(name: string, hub: Promise<ChannelHub>, bytesMax: number) {
    super()
    this.name = name
    this.#bytesMax = bytesMax
    hub.then(
      (opened) => this.#attach(opened),
      () => {
        this.#isRefused = true
        this.#early = []
      },
    )
  }

  get onmessage(): Handler {
    return this.#handlers.message
  }

  set onmessage(handler: Handler) {
    this.#setHandler('message', handler)
  }

  get onmessageerror(): Handler {
    return this.#handlers.messageerror
  }

  set onmessageerror(handler: Handler) {
    this.#setHandler('messageerror', handler)
  }

  /**
   * Sends a value to all other channels of the name. Throws a DOMException `InvalidStateError` if it is closed,
   * `DataCloneError` for what is no value or longer than 32 MiB; a BusyError if more than 10,000 messages wait to be sent.
   */
  postMessage(message: unknown): void {
    if (this.#isClosed) throw new DOMException(`channel "${this.name}" is closed`, 'InvalidStateError')
    const bytes = serialize(message)
    if (bytes.length > this.#bytesMax)
      throw new DOMException(`a message of ${bytes.length} bytes: at most ${this.#bytesMax}`, 'DataCloneError')
    if (this.#hub !== null) return this.#hub.post(this, bytes)
    if (this.#isRefused) return
    if (this.#early.length >= WAITING_MAX) throw new BusyError(`more than ${WAITING_MAX} messages wait to be sent`)
    this.#early.push(bytes)
  }

  /** Gets nothing more and sends nothing more. What was posted is sent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#hub?.remove(this)
    this.#hub?.close()
  }

  /** @internal */
  receive(origin: string, bytes: Uint8Array): void {
    let data: unknown
    try {
      data = decodeValue(bytes)
    } catch {
      this.dispatchEvent(new MessageEvent('messageerror', { origin }))
      return
    }
    const event = new MessageEvent('message', { data, origin })
    // A dictionary's member that is undefined is one that is left out, which is null.
    if (data === undefined) Object.defineProperty(event, 'data', { value: undefined, enumerable: true })
    this.dispatchEvent(event)
  }

  #attach(hub: ChannelHub): void {
    const early = this.#early
    this.#early = []
    if (!this.#isClosed) {
      this.#hub = hub
      hub.add(this)
    }
    hub.postEarly(this, early)
    if (this.#isClosed) hub.close()
  }

  /** An event handler attribute: set anew, it keeps its place among the listeners. */
  #setHandler(type: MessageType, handler: Handler): void {
    const before = this.#handlers[type]
    this.#handlers[type] = typeof handler === 'function' ? handler : null
    if (before === null && this.#handlers[type] !== null) this.addEventListener(type, this.#callHandler)
    if (this.#handlers[type] === null) this.removeEventListener(type, this.#callHandler)
  }

  readonly #callHandler = (event: MessageEvent): void => {
    this.#handlers[event.type as MessageType]?.call(this, event)
  }
}

function serialize(message: unknown): Uint8Array {
  try {
    return encodeValue(message)
  } catch (error) {
    if (!(error instanceof ValueError || error instanceof TooLargeError)) throw error
    throw new DOMException(error.message, 'DataCloneError')
  }
}
