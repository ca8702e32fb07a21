/**
 * How a client finds a member to serve it: all processes of the space are asked who is one, and those that answer are tried, in
 * an order of its own, so that clients spread over them; first those that know how to go on from where the client is.
 */
import type { Mail } from '../objects/replica.ts'
import { TO_SPONSOR } from './client-words.ts'

/** Before those are asked again who are about to become members, and before all are, if there was none, in ms. */
export const JOINING_MS = 200
const SEEK_MS = 1_000

/** What a search needs of the client that it is for. */
export interface SearchContext {
  readonly mail: Mail
  /** Sends a process a message; false: there is no room. */
  post(to: string, message: readonly unknown[]): boolean
  /** Has `next` asked again after so long. */
  retry(ms: number): void
  /** Nobody in this view of the space is a member. */
  nobody(): void
}

/** A member to try. `isAnyway`: it need not know how to go on. */
export interface Candidate {
  readonly member: string
  readonly isAnyway: boolean
}

/** The search of one client. */
export class SponsorSearch {
  readonly #context: SearchContext
  /** Who was asked who is a member, and has not answered; null: nobody is asked now. */
  #asked: Set<string> | null = null
  /** Members to try, and those that cannot go on from here. */
  #candidates: string[] = []
  #behind: string[] = []
  /** Somebody is a member, though none serves yet. */
  #isAnybodyThere = false

  constructor(context: SearchContext) {
    this.#context = context
  }

  /** A member that is known to be one; null: all processes of the space are asked who is. `retryMs`: before it is tried again. */
  next(retryMs: number): Candidate | null {
    const next = this.#candidates.shift()
    if (next !== undefined) return { member: next, isAnyway: false }
    const behind = this.#behind[0]
    if (behind !== undefined) {
      this.#behind = []
      return { member: behind, isAnyway: true }
    }
    if (this.#asked === null) this.#askAll(retryMs)
    return null
  }

  #askAll(retryMs: number): void {
    const { mail, post, retry } = this.#context
    this.#asked = new Set()
    this.#isAnybodyThere = false
    for (const member of mail.view?.members ?? []) {
      if (post(member, [TO_SPONSOR.find])) this.#asked?.add(member)
      else {
        this.#asked = null
        return retry(retryMs)
      }
    }
  }

  /** That one could not be asked. */
  putBack(member: string): void {
    this.#candidates.unshift(member)
  }

  /** One serves now. */
  found(): void {
    this.#candidates = []
    this.#behind = []
  }

  /** That member cannot go on from where the client is. */
  isBehind(member: string): void {
    this.#behind.push(member)
  }

  /** That process is no member; `isThere`: but it may be one soon. */
  exclude(process: string, isThere: boolean): void {
    this.#isAnybodyThere ||= isThere
    this.#candidates = this.#candidates.filter((each) => each !== process)
    this.#behind = this.#behind.filter((each) => each !== process)
  }

  /** That one has answered. */
  answered(process: string): void {
    if (this.#asked === null) return
    this.#asked.delete(process)
    if (this.#asked.size > 0) return
    this.#asked = null
    if (!this.#isAnybodyThere) this.#context.nobody()
    this.#context.retry(this.#isAnybodyThere ? JOINING_MS : SEEK_MS)
  }

  /** There is a view of the space. */
  viewed(members: readonly string[]): void {
    this.#candidates = this.#candidates.filter((each) => members.includes(each))
    this.#behind = this.#behind.filter((each) => members.includes(each))
    // What was asked of those who parted may be lost, and of who is new nobody was asked.
    this.#asked = null
  }

  /** Who is a member, as one of them sees it. False: that helps nobody. */
  learn(list: unknown, session: number): boolean {
    const { mail } = this.#context
    const there: ReadonlySet<unknown> = new Set(mail.view?.members)
    if (!Array.isArray(list) || this.#asked === null) return false
    const members = (list as unknown[]).filter((each): each is string => there.has(each))
    if (members.length === 0) return false
    this.#asked = null
    this.#isAnybodyThere = true
    const at = spread(`${mail.self} ${session}`, members.length)
    this.#candidates = [...members.slice(at), ...members.slice(0, at)]
    this.#behind = []
    return true
  }
}

/** A number below `count` that depends on the text alone (FNV-1a). */
function spread(text: string, count: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  return (hash >>> 0) % count
}
