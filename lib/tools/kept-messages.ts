/**
 * The last messages of each topic: what a lane keeps for those who subscribe later.
 *
 * Each message says how many it leaves of its topic, itself included: 5 keeps the last five, 1 the last value alone. Messages
 * are ordered by their stamps (Lamport's), equal ones by their author and number. What is left is the same whatever the order
 * in which they come, and united parts have the same as if they had never been apart: a message that another one has pushed
 * out is older than so many that are still here, which would push it out again.
 *
 * A message without a value clears its topic: it pushes all others out, and is not told of. Of those the newest
 * {@link CLEARINGS_MAX} are remembered.
 */
import { assertState, compareText, isAuthor, isCount } from '../objects/checks.ts'
import { isTopic, KEEP_MAX } from './topic-names.ts'

/** Topics that were cleared and are remembered, in one lane. */
export const CLEARINGS_MAX = 1_024

/** One message, as it is kept. */
export interface KeptMessage {
  readonly stamp: number
  /** Who published it, and its cast number there. */
  readonly author: string
  readonly n: number
  /** The value, encoded; empty: it clears the topic. */
  readonly bytes: Uint8Array
  /** How many messages of the topic it leaves, from 1 to {@link KEEP_MAX}. */
  readonly keep: number
}

/** How many messages that may be. */
export function isKeep(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= KEEP_MAX
}

/** What one lane keeps. */
export class KeptMessages {
  /** The oldest first. */
  #topics = new Map<string, KeptMessage[]>()
  /** The highest stamp of all that came, clearings and what is not kept among them. */
  highest = 0
  #bytes = 0
  #clearings = 0
  readonly #authors = new Map<string, number>()

  /** Bytes of the values that are kept. */
  get bytes(): number {
    return this.#bytes
  }

  /** Topics of which something is kept, those that were cleared among them. */
  get topics(): number {
    return this.#topics.size
  }

  /** Is there anything of that process? */
  has(author: string): boolean {
    return this.#authors.has(author)
  }

  /** Is anything kept of that topic? */
  hasTopic(topic: string): boolean {
    return this.#topics.has(topic)
  }

  /** Those of a topic that have a value, the oldest first. */
  of(topic: string): readonly KeptMessage[] {
    return (this.#topics.get(topic) ?? []).filter(({ bytes }) => bytes.length > 0)
  }

  /** The names of all topics, in no order. */
  names(): Iterable<string> {
    return this.#topics.keys()
  }

  /** Adds a message; false if newer ones leave no room for it, or it is here already. */
  add(topic: string, message: KeptMessage): boolean {
    this.highest = Math.max(this.highest, message.stamp)
    const list = this.#topics.get(topic) ?? []
    let at = list.length
    for (; at > 0; at -= 1) {
      const order = compareKept(message, list[at - 1] as KeptMessage)
      if (order === 0) return false
      if (order > 0) break
    }
    list.splice(at, 0, message)
    this.#topics.set(topic, list)
    this.#count(message, 1)
    let room = Number.POSITIVE_INFINITY
    let first = list.length
    while (first > 0) {
      room = Math.min(room, list[first - 1]?.keep ?? 0)
      if (room === 0) break
      room -= 1
      first -= 1
    }
    for (const gone of list.splice(0, first)) this.#count(gone, -1)
    if (this.#clearings > CLEARINGS_MAX) this.#forgetClearing()
    return list.includes(message)
  }

  /** Unites what another part has kept. Returns what is new here, by the order of stamps. Throws a ValueError if malformed. */
  merge(saved: unknown): readonly (readonly [topic: string, message: KeptMessage])[] {
    const read = readKept(saved)
    const fresh = read.filter(([topic, message]) => this.add(topic, message) && message.bytes.length > 0)
    return fresh
      .filter(([topic, message]) => this.#topics.get(topic)?.includes(message))
      .sort(([, a], [, b]) => compareKept(a, b))
  }

  /** Keeps that instead. Returns what is new. Throws a ValueError if malformed, and has changed nothing then. */
  load(saved: unknown): readonly (readonly [topic: string, message: KeptMessage])[] {
    const read = readKept(saved)
    const before = this.#topics
    this.#topics = new Map()
    this.#bytes = 0
    this.#clearings = 0
    this.#authors.clear()
    for (const [topic, message] of read) this.add(topic, message)
    return read
      .filter(([topic, message]) => {
        const isKnown = before.get(topic)?.some((each) => compareKept(each, message) === 0) ?? false
        return !isKnown && message.bytes.length > 0
      })
      .sort(([, a], [, b]) => compareKept(a, b))
  }

  /** `[topic, [[stamp, author, n, bytes, keep], …]]` of each topic, by name. */
  save(): unknown {
    return [...this.#topics]
      .sort(([a], [b]) => compareText(a, b))
      .map(([topic, list]) => [topic, list.map(({ stamp, author, n, bytes, keep }) => [stamp, author, n, bytes, keep])])
  }

  #count({ bytes, author }: KeptMessage, by: 1 | -1): void {
    this.#bytes += by * bytes.length
    if (bytes.length === 0) this.#clearings += by
    const left = (this.#authors.get(author) ?? 0) + by
    if (left > 0) this.#authors.set(author, left)
    else this.#authors.delete(author)
  }

  /** The oldest of them. A clearing stands alone or is the oldest of its topic, since it leaves no other. */
  #forgetClearing(): void {
    let oldest: readonly [topic: string, message: KeptMessage] | null = null
    for (const [topic, [first]] of this.#topics) {
      if (first === undefined || first.bytes.length > 0) continue
      if (oldest === null || compareKept(first, oldest[1]) < 0) oldest = [topic, first]
    }
    if (oldest === null) return
    const [topic, message] = oldest
    const list = this.#topics.get(topic) ?? []
    list.shift()
    this.#count(message, -1)
    if (list.length === 0) this.#topics.delete(topic)
  }
}

/** By stamps; of equal ones, by author and number. */
export function compareKept(a: KeptMessage, b: KeptMessage): number {
  return a.stamp - b.stamp || compareText(a.author, b.author) || a.n - b.n
}

function readKept(saved: unknown): (readonly [topic: string, message: KeptMessage])[] {
  assertState(Array.isArray(saved), 'topics')
  return saved.flatMap((each: unknown) => {
    assertState(Array.isArray(each) && each.length === 2 && isTopic(each[0]) && Array.isArray(each[1]), 'topic')
    const [topic, list] = each as [string, unknown[]]
    return list.map((message) => [topic, readMessage(message)] as const)
  })
}

function readMessage(saved: unknown): KeptMessage {
  assertState(Array.isArray(saved) && saved.length === 5, 'message')
  const [stamp, author, n, bytes, keep] = saved as unknown[]
  assertState(isCount(stamp) && isAuthor(author) && isCount(n), 'message')
  assertState(bytes instanceof Uint8Array && isKeep(keep) && keep > 0, 'message')
  return { stamp, author, n, bytes, keep }
}
