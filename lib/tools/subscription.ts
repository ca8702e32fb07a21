/**
 * A subscription, as the application holds it: to a topic, or to all topics of a pattern.
 */
import { TypedTarget } from '../objects/events.ts'
import { Iteration } from '../objects/iteration.ts'
import { fits, type StandardSchemaV1 } from '../objects/schema.ts'
import type { TopicPattern } from './topic-names.ts'

/** What a subscriber is told. */
export interface TopicMessage<Value = unknown> {
  readonly topic: string
  /** A copy of its own for each subscription. */
  readonly value: Value
  /** The process that published it. */
  readonly from: string
  /** True if this process did. */
  readonly local: boolean
  /** It was published before this process could be told: before it subscribed, or in another part of a split. */
  readonly isKept: boolean
}

/** A {@link TopicMessage}, dispatched as it is delivered. */
export class TopicEvent<Value = unknown> extends Event {
  readonly message: TopicMessage<Value>

  constructor(message: TopicMessage<Value>) {
    super('message')
    this.message = message
  }
}

/** The events of a subscription. */
export interface SubscriptionEvents<Value = unknown> {
  readonly message: TopicEvent<Value>
  /** It has ended. */
  readonly close: Event
}

/** How a subscription is made. */
interface SubscriptionParts<Value> {
  readonly fn: ((message: TopicMessage<Value>) => void) | undefined
  /** How many kept messages of each topic it is told of. */
  readonly last: number
  /** It is told of nothing that does not fit. */
  readonly schema?: StandardSchemaV1 | undefined
  /** Called once, when it ends here. */
  readonly release: (subscription: Subscription<Value>) => void
}

/** Gives its messages to a function, as `message` events, and to whoever iterates over it. */
export class Subscription<Value = unknown>
  extends TypedTarget<SubscriptionEvents<Value>>
  implements AsyncIterable<TopicMessage<Value>>
{
  readonly #pattern: TopicPattern
  readonly #schema: StandardSchemaV1 | undefined
  readonly #release: (subscription: Subscription<Value>) => void
  readonly #iterations = new Set<Iteration<TopicMessage<Value>>>()
  /** Of a subscription without a function: from the first message on, for whoever iterates first. */
  #first: Iteration<TopicMessage<Value>> | null = null
  #isClosed = false
  /** @internal */
  readonly last: number

  /** Use `space.topics.subscribe`. */
  constructor(pattern: TopicPattern, { fn, last, schema, release }: SubscriptionParts<Value>) {
    super()
    this.#pattern = pattern
    this.#schema = schema
    this.#release = release
    this.last = last
    if (fn === undefined) this.#first = this.#iterate()
    else this.addEventListener('message', ({ message }) => fn(message))
  }

  /** What it was made with: a topic's name, or a pattern. */
  get pattern(): string {
    return this.#pattern.text
  }

  /** True once it is told of nothing more. */
  get closed(): boolean {
    return this.#isClosed
  }

  /** Is that topic meant? */
  matches(topic: string): boolean {
    return this.#pattern.matches(topic)
  }

  /**
   * The messages from here on; of a subscription without a function, the first time, from the first one on. Ends with the
   * subscription; throws a LaggedError 10,000 messages behind.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<TopicMessage<Value>> {
    const iteration = this.#first ?? this.#iterate()
    this.#first = null
    return iteration
  }

  /** Ends it: nothing more is told, from this call on. */
  close(): void {
    this.end(null)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  /** @internal */
  take(message: TopicMessage<Value>): void {
    if (this.#isClosed || !fits(this.#schema, message.value)) return
    for (const iteration of [...this.#iterations]) iteration.push(message)
    this.dispatchEvent(new TopicEvent(message))
  }

  /** @internal */
  end(error: Error | null): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#release(this)
    for (const iteration of [...this.#iterations]) iteration.end(error)
    this.dispatchEvent(new Event('close'))
  }

  #iterate(): Iteration<TopicMessage<Value>> {
    const iteration = new Iteration<TopicMessage<Value>>('subscription', () => this.#iterations.delete(iteration))
    if (this.#isClosed) iteration.end(null)
    else this.#iterations.add(iteration)
    return iteration
  }
}
