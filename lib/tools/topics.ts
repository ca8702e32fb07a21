/**
 * Publish and subscribe: topics by the thousand, found by name or by pattern.
 *
 * Topics are no groups of their own. They travel on a few lanes, each a group, of which every member gets all messages and
 * shows its application those that it has subscribed to (decision 026). The lanes are opened, and their code is loaded, with
 * the first publication or subscription.
 */
import { UsageError } from '../errors.ts'
import { type StandardSchemaV1, validateForWrite } from '../objects/schema.ts'
import { encodeValue } from '../values.ts'
import type { Subscription, TopicMessage } from './subscription.ts'
import type { TopicOrder } from './topic-names.ts'

/** How something is published. */
export interface PublishOptions<Value = unknown> {
  /**
   * Types the values, and checks what is published; a topic's subscriptions have it, too. Synchronous, and without transforms.
   */
  readonly schema?: StandardSchemaV1<unknown, Value>
  /**
   * `fifo`: after what this process has published before on the topic. `causal`: besides, after all that this process had
   * been told of, or had done, before, in topics and objects that are causal. Default `fifo`.
   */
  readonly order?: TopicOrder
  /**
   * Keeps the message, and of those before it in the topic so many that there are `keep` with it, for who subscribes later:
   * 1 keeps the last value, 10 the last ten. 0 to 1,000. Default 0: it is not kept, and what is kept stays as it is.
   */
  readonly keep?: number
}

/** How one subscribes. */
export interface SubscribeOptions<Value = unknown> {
  /** Types the values: this subscription is not told of a message that does not fit. Synchronous. */
  readonly schema?: StandardSchemaV1<unknown, Value>
  /** Of each topic, at most so many of the kept messages are told first. 0 to 1,000. Default 0. */
  readonly last?: number
  /** Ends the subscription, or the wait for it. */
  readonly signal?: AbortSignal
}

/** What a subscriber does with a message. */
export type TopicListener<Value = unknown> = (message: TopicMessage<Value>) => void

/** The part that is loaded later; it checks what it is given. */
interface Hub {
  /** @param bytes the value, encoded; null: what is kept is cleared. */
  publish(topic: string, bytes: Uint8Array | null, options: PublishOptions): Promise<void>
  subscribe(pattern: string, fn: TopicListener | undefined, options: SubscribeOptions): Promise<Subscription>
}

/** The topics of a space: `space.topics`. */
export class Topics {
  readonly #load: () => Promise<Hub>
  #hub: Promise<Hub> | null = null

  /** Made by the space. */
  constructor(load: () => Promise<Hub>) {
    this.#load = load
  }

  /**
   * Publishes a value, which is copied, to all who have subscribed to the topic, this process too. Resolves when it is
   * delivered here: then all who were subscribed, and stay, get it. Ignored, the promise never rejects unhandled.
   *
   * Rejects with UsageError (the name; options; a witness publishes nothing), ValueError, SchemaError, TooLargeError, BusyError (10,000
   * publications wait; or too much is kept), UnknownOutcomeError, ClosedError.
   */
  publish<Value>(topic: string, value: Value, options: PublishOptions<Value> = {}): Promise<void> {
    return quiet(this.#publish(topic, { value }, options))
  }

  /**
   * Forgets what is kept of the topic, up to here: who subscribes later is told of nothing. Subscribers are not told.
   * Give the `order` that it is published with. Rejects as {@link publish} does.
   */
  clear(topic: string, options: Pick<PublishOptions, 'order'> = {}): Promise<void> {
    return quiet(this.#publish(topic, null, options))
  }

  /**
   * Subscribes to a topic, or to all topics that a pattern matches, now and later. Resolves when nothing is missed any more;
   * `last` kept messages of each come first. Without `fn`, iterate over the subscription: it buffers from the first on.
   *
   * Rejects with UsageError (the pattern; options; a witness is told of nothing), ClosedError, or the signal's reason.
   */
  subscribe<Value = unknown>(pattern: string, options?: SubscribeOptions<Value>): Promise<Subscription<Value>>
  subscribe<Value = unknown>(
    pattern: string,
    fn: TopicListener<Value>,
    options?: SubscribeOptions<Value>,
  ): Promise<Subscription<Value>>
  async subscribe<Value>(
    pattern: string,
    first?: TopicListener<Value> | SubscribeOptions<Value>,
    second?: SubscribeOptions<Value>,
  ): Promise<Subscription<Value>> {
    const { fn, options } = readArguments(first, second)
    return (await (await this.#whole()).subscribe(pattern, fn as TopicListener, options)) as Subscription<Value>
  }

  async #publish(topic: string, what: { readonly value: unknown } | null, options: PublishOptions): Promise<void> {
    // Now, before the caller can change it.
    const bytes = what === null ? null : encodeValue(validateForWrite(options.schema, what.value))
    await (await this.#whole()).publish(topic, bytes, options)
  }

  #whole(): Promise<Hub> {
    this.#hub ??= this.#load().catch((error: unknown) => {
      this.#hub = null
      throw error
    })
    return this.#hub
  }
}

/** One topic, with the options that it is published with: `space.topic(name)`. Costs nothing to keep. */
export class Topic<Value = unknown> {
  readonly name: string
  readonly #topics: Topics
  readonly #options: PublishOptions<Value>

  /** Use `space.topic`. */
  constructor(topics: Topics, name: string, options: PublishOptions<Value>) {
    this.name = name
    this.#topics = topics
    this.#options = options
  }

  /** As `space.topics.publish`. */
  publish(value: Value, options: PublishOptions<Value> = {}): Promise<void> {
    return this.#topics.publish(this.name, value, { ...this.#options, ...options })
  }

  /** As `space.topics.clear`. */
  clear(): Promise<void> {
    return this.#topics.clear(this.name, this.#options)
  }

  /** As `space.topics.subscribe`. */
  subscribe(options?: SubscribeOptions<Value>): Promise<Subscription<Value>>
  subscribe(fn: TopicListener<Value>, options?: SubscribeOptions<Value>): Promise<Subscription<Value>>
  subscribe(
    first?: TopicListener<Value> | SubscribeOptions<Value>,
    second?: SubscribeOptions<Value>,
  ): Promise<Subscription<Value>> {
    const { fn, options } = readArguments(first, second)
    const { schema } = this.#options
    return this.#topics.subscribe(
      this.name,
      fn as TopicListener<Value>,
      schema === undefined ? options : { schema, ...options },
    )
  }
}

/** What `subscribe` is given after the pattern: a function and options, or either. */
function readArguments<Value>(
  first: TopicListener<Value> | SubscribeOptions<Value> | undefined,
  second: SubscribeOptions<Value> | undefined,
): { readonly fn: TopicListener<Value> | undefined; readonly options: SubscribeOptions<Value> } {
  const [fn, options = {}] = typeof first === 'function' ? [first, second] : [undefined, first]
  // Options that come second say that a function was meant to come first.
  const isLost = fn === undefined && second !== undefined
  if (typeof options !== 'object' || options === null || isLost) {
    throw new UsageError('subscribe takes a pattern, a function, and options')
  }
  return { fn, options }
}

/** Whoever ignores it hears of nothing. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined)
  return promise
}
