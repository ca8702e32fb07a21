/**
 * The lanes that this process is in, and who needs them: its subscriptions, and publications under way.
 *
 * A lane is joined with the first and left when nobody has needed it for a while; but for as long as it keeps something
 * that this process has published, which might be nowhere else.
 */
import { UsageError } from '../errors.ts'
import type { ObjectKind } from '../objects/replica.ts'
import { unlessAborted } from '../objects/unless-aborted.ts'
import { compareKept } from './kept-messages.ts'
import { Subscription } from './subscription.ts'
import { type LaneOptions, laneKind, type StampClock, type TopicLane } from './topic-lane.ts'
import { checkTopic, KEEP_MAX, laneGroup, laneOf, type TopicOrder, TopicPattern } from './topic-names.ts'
import type { PublishOptions, SubscribeOptions, TopicListener } from './topics.ts'

/** For how long a lane that nobody needs is kept, in ms. */
export const LANE_IDLE_MS = 30_000

/** How the space opens a group of its own. */
export type OpenLane = (
  kind: ObjectKind<TopicLane, LaneOptions>,
  name: string,
  options: LaneOptions,
) => Promise<TopicLane>

interface Holder {
  readonly name: string
  readonly opened: Promise<TopicLane>
  /** Subscriptions to it, and publications under way. */
  users: number
  cancelIdle: (() => void) | null
}

/** Both orders: who subscribes need not know how a topic is published. */
const ORDERS: readonly TopicOrder[] = ['fifo', 'causal']

const NO_BYTES = new Uint8Array(0)

/** The topics of a space at one process. */
export class TopicHub {
  readonly #open: OpenLane
  readonly #idleMs: number
  readonly #clock: StampClock = { now: 0 }
  readonly #holders = new Map<string, Holder>()
  /** Resolves when all causal publications so far are cast, or never will be. */
  #causal: Promise<unknown> = Promise.resolve()

  constructor(open: OpenLane, idleMs: number = LANE_IDLE_MS) {
    this.#open = open
    this.#idleMs = idleMs
  }

  /**
   * Publishes an encoded value; null clears what is kept. Resolves when it is delivered here. Rejects with UsageError, as
   * `TopicLane.publish` does, or with what the lane cannot be opened for.
   */
  async publish(topic: string, bytes: Uint8Array | null, options: PublishOptions): Promise<void> {
    const { order = 'fifo', keep = 0 } = options
    checkTopic(topic)
    if (!ORDERS.includes(order)) throw new UsageError("order must be 'fifo' or 'causal'")
    checkCount('keep', keep)
    const publication = bytes === null ? { topic, bytes: NO_BYTES, keep: 1 } : { topic, bytes, keep }
    const holder = this.#hold(order, laneOf(topic))
    try {
      const lane = order === 'causal' ? await this.#inTurn(holder.opened) : await holder.opened
      await lane.publish(publication)
    } finally {
      this.#release(holder)
    }
  }

  /** A causal publication comes after those before it, on whichever lane, even if that is still being opened. */
  #inTurn(opened: Promise<TopicLane>): Promise<TopicLane> {
    const turn = this.#causal.then(() => opened)
    this.#causal = turn.catch(() => undefined)
    return turn
  }

  /**
   * Resolves when nothing of these topics is missed any more. Rejects with UsageError, with what a lane cannot be opened for,
   * or the signal's reason.
   */
  async subscribe(text: string, fn: TopicListener | undefined, options: SubscribeOptions): Promise<Subscription> {
    const { last = 0, schema, signal } = options
    checkCount('last', last)
    const pattern = new TopicPattern(text)
    signal?.throwIfAborted()
    const holders = pattern.lanes.flatMap((lane) => ORDERS.map((order) => this.#hold(order, lane)))
    const opening = Promise.all(holders.map(({ opened }) => opened))
    const release = (): void => {
      for (const holder of holders) this.#release(holder)
    }
    let lanes: readonly TopicLane[]
    try {
      lanes = await unlessAborted(opening, signal)
    } catch (error) {
      opening.catch(() => undefined)
      release()
      throw error
    }
    const onAbort = (): void => subscription.close()
    const subscription = new Subscription(pattern, {
      fn,
      last,
      schema,
      release: () => {
        signal?.removeEventListener('abort', onAbort)
        for (const lane of lanes) lane.remove(subscription)
        release()
      },
    })
    signal?.addEventListener('abort', onAbort, { once: true })
    const ended = lanes.find(({ isEnded }) => isEnded)
    if (ended !== undefined) {
      subscription.close()
      return subscription
    }
    for (const lane of lanes) lane.add(subscription, pattern.isExact)
    if (last > 0) tellKept(subscription, lanes, pattern.isExact)
    return subscription
  }

  #hold(order: TopicOrder, lane: number): Holder {
    const name = laneGroup(order, lane)
    const known = this.#holders.get(name)
    if (known !== undefined) {
      known.users += 1
      known.cancelIdle?.()
      known.cancelIdle = null
      return known
    }
    const forget = (): void => {
      if (this.#holders.get(name) === holder) this.#holders.delete(name)
    }
    const opened = this.#open(laneKind(order), name, { clock: this.#clock, onEnd: forget })
    const holder: Holder = { name, opened, users: 1, cancelIdle: null }
    opened.catch(forget)
    this.#holders.set(name, holder)
    return holder
  }

  #release(holder: Holder): void {
    holder.users -= 1
    if (holder.users > 0) return
    holder.opened.then(
      (lane) => this.#leaveLater(holder, lane),
      () => undefined,
    )
  }

  #leaveLater(holder: Holder, lane: TopicLane): void {
    if (holder.users > 0 || holder.cancelIdle !== null || lane.isEnded) return
    holder.cancelIdle = lane.port.after(this.#idleMs, () => {
      holder.cancelIdle = null
      if (holder.users > 0 || lane.isEnded) return
      if (lane.keepsOwn) return this.#leaveLater(holder, lane)
      this.#holders.delete(holder.name)
      void lane.port.close()
    })
  }
}

/** The last of each topic, whichever lane they are kept in, the oldest first. */
function tellKept(subscription: Subscription, lanes: readonly TopicLane[], isExact: boolean): void {
  const all = lanes.flatMap((lane) => lane.keptFor(subscription, isExact).map((told) => ({ lane, told })))
  all.sort((a, b) => compareKept(b.told[1], a.told[1]))
  const counts = new Map<string, number>()
  const wanted = all.filter(({ told: [topic] }) => {
    const count = (counts.get(topic) ?? 0) + 1
    counts.set(topic, count)
    return count <= subscription.last
  })
  for (const { lane, told } of wanted.reverse()) lane.tellKept(subscription, told)
}

function checkCount(what: string, value: unknown): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= KEEP_MAX) return
  throw new UsageError(`${what} must be a whole number from 0 to ${KEEP_MAX}`)
}
