/**
 * A lane: one group that carries all topics of some first segments, and what it keeps of them.
 *
 * Its members get every message of the lane; which of them an application sees is decided here, by who has subscribed. A
 * value is decoded for a subscriber, or because it is to be kept, and not at all otherwise.
 */
import { BusyError, ClosedError } from '../errors.ts'
import { isCount } from '../objects/checks.ts'
import type { GroupPort, ObjectKind, OpInfo, Replica } from '../objects/replica.ts'
import { decodeValue } from '../values.ts'
import { isKeep, type KeptMessage, KeptMessages } from './kept-messages.ts'
import type { Subscription } from './subscription.ts'
import { isTopic, type TopicOrder } from './topic-names.ts'

/** Publications that wait in a lane while its group takes no more. */
const WAITING_MAX = 10_000
/** Topics of which messages are kept, in one lane. */
export const KEPT_TOPICS_MAX = 65_536
/** Bytes of kept values, in one lane. */
export const KEPT_BYTES_MAX: number = 32 * 1024 * 1024

/** The stamps of this process: one clock for all its lanes, so that what is kept in two of them has an order. */
export interface StampClock {
  now: number
}

/** What is published. */
export interface Publication {
  readonly topic: string
  /** The value, encoded; empty: clears what is kept. */
  readonly bytes: Uint8Array
  /** How many messages of the topic are kept then; 0: this one is not, and the others stay as they are. */
  readonly keep: number
}

interface Waiting {
  readonly publication: Publication
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** A kept message and its topic. */
type Told = readonly [topic: string, message: KeptMessage]

/** One lane at one process. */
export class TopicLane {
  readonly port: GroupPort
  readonly #clock: StampClock
  readonly #kept = new KeptMessages()
  /** Those to one topic, by its name; and those to patterns. */
  readonly #exact = new Map<string, Set<Subscription>>()
  readonly #patterns = new Set<Subscription>()
  #waiting: Waiting[] = []
  /** New in the state that came, not told yet. */
  #news: Told[] = []
  #endError: Error | null = null
  #isEnded = false
  readonly #onEnd: () => void

  constructor(port: GroupPort, clock: StampClock, onEnd: () => void) {
    this.port = port
    this.#clock = clock
    this.#onEnd = onEnd
  }

  /** Does the lane keep anything that this process has published? It stays then, so that it is not lost. */
  get keepsOwn(): boolean {
    return this.#kept.has(this.port.self)
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  // Subscribers

  /** Tells this subscription of what comes from here on. */
  add(subscription: Subscription, isExact: boolean): void {
    if (!isExact) {
      this.#patterns.add(subscription)
      return
    }
    const topic = subscription.pattern
    const set = this.#exact.get(topic) ?? new Set()
    this.#exact.set(topic, set.add(subscription))
  }

  remove(subscription: Subscription): void {
    this.#patterns.delete(subscription)
    const set = this.#exact.get(subscription.pattern)
    set?.delete(subscription)
    if (set?.size === 0) this.#exact.delete(subscription.pattern)
  }

  /** What is kept of the topics that a subscription is to. */
  keptFor(subscription: Subscription, isExact: boolean): Told[] {
    const topics = isExact
      ? [subscription.pattern]
      : [...this.#kept.names()].filter((topic) => subscription.matches(topic))
    return topics.flatMap((topic) => this.#kept.of(topic).map((message): Told => [topic, message]))
  }

  /** Tells a subscription of a kept message. */
  tellKept(subscription: Subscription, [topic, { author, bytes }]: Told): void {
    this.#tell(subscription, { topic, bytes, author, isKept: true })
  }

  #subscribersOf(topic: string): Subscription[] {
    const found = [...(this.#exact.get(topic) ?? [])]
    for (const subscription of this.#patterns) if (subscription.matches(topic)) found.push(subscription)
    return found
  }

  /** False if the bytes are no value's. */
  #tell(
    subscription: Subscription,
    message: { readonly topic: string; readonly bytes: Uint8Array; readonly author: string; readonly isKept: boolean },
  ): boolean {
    const { topic, bytes, author, isKept } = message
    let value: unknown
    try {
      value = decodeValue(bytes)
    } catch {
      return false
    }
    subscription.take({ topic, value, from: author, local: author === this.port.self, isKept })
    return true
  }

  // Publications

  /**
   * Resolves when it is delivered here. Rejects with BusyError, ClosedError, TooLargeError, or what becomes of the cast.
   */
  publish(publication: Publication): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isEnded) throw this.#endError ?? new ClosedError('the space is closed')
      this.#checkRoom(publication)
      const waiting = { publication, resolve, reject }
      if (this.#waiting.length === 0 && this.#cast(waiting)) return
      if (this.#waiting.length >= WAITING_MAX)
        throw new BusyError(`more than ${WAITING_MAX} publications wait to be sent`)
      this.#waiting.push(waiting)
    })
  }

  #checkRoom({ topic, bytes, keep }: Publication): void {
    if (keep === 0 || bytes.length === 0) return
    const kept = this.#kept
    if (kept.bytes + bytes.length > KEPT_BYTES_MAX) {
      throw new BusyError(`"${topic}": topics like it keep ${KEPT_BYTES_MAX} bytes already: clear some, or keep fewer`)
    }
    if (!kept.hasTopic(topic) && kept.topics >= KEPT_TOPICS_MAX) {
      throw new BusyError(`"${topic}": messages of ${KEPT_TOPICS_MAX} topics like it are kept already: clear some`)
    }
  }

  /** False if the group takes no more for now. */
  #cast({ publication, resolve, reject }: Waiting): boolean {
    const { topic, bytes, keep } = publication
    try {
      const receipt = this.port.cast([this.#clock.now + 1, topic, bytes, keep])
      this.#clock.now += 1
      receipt.delivered.then(resolve, reject)
    } catch (error) {
      if (error instanceof BusyError) return false
      reject(error)
    }
    return true
  }

  /** @internal Called by the registry when more may be cast again. */
  handleWritable(isWritable: boolean): void {
    while (isWritable) {
      const [next] = this.#waiting
      if (next === undefined || !this.#cast(next)) return
      this.#waiting.shift()
    }
  }

  /** @internal The group has ended. */
  handleEnd(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#endError = error
    const reason = error ?? new ClosedError('the space is closed')
    for (const { reject } of this.#waiting.splice(0)) reject(reason)
    const open = new Set([...this.#patterns, ...[...this.#exact.values()].flatMap((set) => [...set])])
    for (const subscription of open) subscription.end(error)
    this.#onEnd()
  }

  // What the group delivers

  /** Applies `[stamp, topic, bytes, keep]`; false if it is none. */
  apply(op: unknown, { author, n }: OpInfo): boolean {
    if (!Array.isArray(op) || op.length !== 4) return false
    const [stamp, topic, bytes, keep] = op as unknown[]
    if (!isCount(stamp) || !isTopic(topic) || !(bytes instanceof Uint8Array) || !isKeep(keep)) return false
    if (keep > 0) {
      if (bytes.length > 0 && !isValue(bytes)) return false
      this.#kept.add(topic, { stamp, author, n, bytes, keep })
    }
    this.#clock.now = Math.max(this.#clock.now, stamp)
    if (keep > 0 && bytes.length === 0) return true
    let isGood = true
    for (const subscription of this.#subscribersOf(topic)) {
      isGood &&= this.#tell(subscription, { topic, bytes, author, isKept: false })
    }
    return isGood
  }

  save(): unknown {
    return this.#kept.save()
  }

  load(saved: unknown): void {
    this.#note(this.#kept.load(saved))
  }

  merge(saved: unknown): void {
    this.#note(this.#kept.merge(saved))
  }

  #note(news: readonly Told[]): void {
    this.#clock.now = Math.max(this.#clock.now, this.#kept.highest)
    this.#news.push(...news)
  }

  /** Who asked for kept messages is told of those that came with a state, if they are among so many. */
  settle(): void {
    const news = this.#news
    this.#news = []
    if (this.#exact.size === 0 && this.#patterns.size === 0) return
    for (const told of news) {
      const [topic, message] = told
      const kept = this.#kept.of(topic)
      const at = kept.indexOf(message)
      if (at < 0) continue
      const age = kept.length - at
      for (const subscription of this.#subscribersOf(topic)) {
        if (age <= subscription.last) this.tellKept(subscription, told)
      }
    }
  }
}

function isValue(bytes: Uint8Array): boolean {
  try {
    decodeValue(bytes)
    return true
  } catch {
    return false
  }
}

/** What a lane is opened with. */
export interface LaneOptions {
  readonly clock: StampClock
  /** Its group has ended. */
  readonly onEnd: () => void
}

/** How the space opens the lanes of an order. */
export function laneKind(order: TopicOrder): ObjectKind<TopicLane, LaneOptions> {
  return {
    kind: 'topics',
    order,
    uniform: false,
    consistency: 'available',
    create(port, { clock, onEnd }) {
      const lane = new TopicLane(port, clock, onEnd)
      const replica: Replica = {
        apply: (op, info) => lane.apply(op, info),
        view: () => undefined,
        save: () => lane.save(),
        load: (state) => lane.load(state),
        merge: (state) => lane.merge(state),
        settle: () => lane.settle(),
      }
      return { replica, handle: lane }
    },
  }
}
