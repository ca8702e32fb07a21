/**
 * Names of topics, patterns over them, and the lanes that they travel on.
 *
 * A name has segments, joined by dots: `chat.room-1.typing`. In a pattern, `*` stands for exactly one segment and `**` for
 * any number of them, none included: `chat.*` is not `chat.room-1.typing`, and `chat.**` is `chat` as well.
 *
 * A topic's first segment alone says on which lane it is. So what is below one word shares a lane, and a pattern that begins
 * with a word needs that one only.
 */
import { UsageError } from '../errors.ts'

/** How publications are ordered: those of one sender in its order; or besides, each after what came before it. */
export type TopicOrder = 'fifo' | 'causal'

/** Lanes of each order. All processes of a space must count alike. */
export const LANES = 16

/** Messages of one topic that can be kept. */
export const KEEP_MAX = 1_000

/** The longest name and pattern, in UTF-16 code units: as for groups. */
const TOPIC_MAX = 256

/** The name of the group that carries a lane. */
export function laneGroup(order: TopicOrder, lane: number): string {
  return `tutti:topics/${order}/${lane}`
}

/** The lane of a topic, from 0: of all that have its first segment. */
export function laneOf(topic: string): number {
  const [first = ''] = topic.split('.', 1)
  let hash = 0x811c9dc5
  for (let i = 0; i < first.length; i += 1) hash = Math.imul(hash ^ first.charCodeAt(i), 0x01000193) >>> 0
  return hash % LANES
}

/** Could it be the name of a topic? For what comes from others. */
export function isTopic(value: unknown): value is string {
  return isDotted(value) && !value.includes('*')
}

/** Throws a UsageError unless it is the name of a topic. */
export function checkTopic(topic: unknown): asserts topic is string {
  if (isTopic(topic)) return
  throw new UsageError(
    `the name of a topic has 1 to ${TOPIC_MAX} characters, in segments joined by dots, none of them empty or with a "*"`,
  )
}

function isDotted(value: unknown): value is string {
  if (typeof value !== 'string' || value.length < 1 || value.length > TOPIC_MAX) return false
  return !value.startsWith('.') && !value.endsWith('.') && !value.includes('..')
}

/** A pattern, read once. */
export class TopicPattern {
  readonly text: string
  /** It is the name of one topic. */
  readonly isExact: boolean
  readonly #segments: readonly string[]

  /** Throws a UsageError for what is no pattern. */
  constructor(pattern: unknown) {
    if (!isDotted(pattern)) {
      throw new UsageError(`a pattern has 1 to ${TOPIC_MAX} characters, in segments joined by dots, none of them empty`)
    }
    this.text = pattern
    this.#segments = pattern.split('.')
    this.isExact = !pattern.includes('*')
    if (this.#segments.some((segment) => segment.includes('*') && segment !== '*' && segment !== '**')) {
      throw new UsageError(`"${pattern}": a "*" or a "**" is a whole segment of a pattern`)
    }
  }

  /** The lanes on which topics are that it matches. */
  get lanes(): readonly number[] {
    const [first = ''] = this.#segments
    return first.includes('*') ? Array.from({ length: LANES }, (_, lane) => lane) : [laneOf(first)]
  }

  /** Is that topic meant? */
  matches(topic: string): boolean {
    if (this.isExact) return topic === this.text
    const pattern = this.#segments
    const segments = topic.split('.')
    let at = 0
    let next = 0
    // The last `**`, and how many segments it stands for: when what follows does not fit, it takes one more.
    let manyAt = -1
    let taken = 0
    while (next < segments.length) {
      const wanted = pattern[at]
      if (wanted === '**') {
        manyAt = at
        taken = next
        at += 1
      } else if (wanted !== undefined && (wanted === '*' || wanted === segments[next])) {
        at += 1
        next += 1
      } else if (manyAt >= 0) {
        at = manyAt + 1
        taken += 1
        next = taken
      } else return false
    }
    while (pattern[at] === '**') at += 1
    return at === pattern.length
  }
}
