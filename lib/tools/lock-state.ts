/**
 * The delivered state of a space's locks: who holds which name in which mode, and who waits.
 *
 * A deterministic state machine over totally ordered, uniform operations and views. For each name there is one queue, as
 * in the Web Locks API: its head is granted as soon as nothing that is held stands against it. Each grant carries a token
 * (line, view, n) whose number is higher than that of any grant before it. What a process that left or is proven dead
 * held or waited for is gone with the view that removes it. What a process that merely vanished holds stays until an
 * `expire` operation, which the most senior member casts when the holder's lease must have run out.
 *
 * Source: Web Locks API, §2.5 to §2.7 and §4 (the lock request queue, grantable, steal, ifAvailable); fencing tokens as in
 *   Chubby's sequencers (Burrows 2006).
 */
import { assertState, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { GroupView } from '../objects/replica.ts'
import { isToken, sameToken, type Token } from '../objects/token.ts'
import { isLockName } from './lock-names.ts'

/** How a lock is held: by one process alone, or together with others that hold it so. */
export type Mode = 'exclusive' | 'shared'

/** How it is asked for: it waits its turn; is had at once or not at all; or is taken from whoever has it. */
export type Manner = 'wait' | 'if-available' | 'steal'

/** A request, waiting or granted. Replaced, never changed. */
export interface LockEntry {
  /** Counts requests from 1. */
  readonly id: number
  readonly name: string
  readonly mode: Mode
  /** Who asks. */
  readonly by: string
  /** Which of its requests it is. */
  readonly call: number
  readonly grant: LockGrant | null
}

/** A lock that is held. */
export interface LockGrant {
  readonly token: Token
  /** The holder left or is proven dead. */
  readonly isGone: boolean
  /** The first primary view without the holder, since it was last in one; null while it is there. */
  readonly orphanedIn: string | null
}

/** An entry that is granted. */
export type HeldEntry = LockEntry & { readonly grant: LockGrant }

/** Why a lock is held no longer. */
export type LockEnd = 'released' | 'stolen' | 'gone'

/** What an operation or a view has done. */
export type LockHappening =
  | { readonly type: 'waiting'; readonly entry: LockEntry }
  | { readonly type: 'granted'; readonly entry: HeldEntry }
  | { readonly type: 'ended'; readonly entry: HeldEntry; readonly why: LockEnd }
  /** A request that was not to wait, or one beyond the limit: it is not in the state. */
  | { readonly type: 'unavailable' | 'overmuch'; readonly by: string; readonly call: number }
  /** A release with an old token, or by a process that is no member. */
  | { readonly type: 'refused'; readonly by: string; readonly call: number }
  /** Somebody wants to know; the state is as all have it here. */
  | { readonly type: 'queried'; readonly by: string; readonly call: number }

/** The operations, by their first element. */
export const LOCK_OP = { request: 0, abort: 1, release: 2, expire: 3, query: 4 } as const

/** A process asks for, and holds, at most this many locks at a time; a request beyond is refused at every member. */
export const LOCKS_PER_PROCESS_MAX = 10_000
/** All processes together. */
export const LOCKS_MAX = 100_000

const MODES: readonly Mode[] = ['exclusive', 'shared']
const MANNERS: readonly Manner[] = ['wait', 'if-available', 'steal']

/** The entries of one name. */
interface Queue {
  readonly held: Set<number>
  /** Waiting ids, ascending. */
  waiting: number[]
}

/** The number by which a mode or a manner travels. */
export function codeOf(word: Mode | Manner): number {
  const mode = MODES.indexOf(word as Mode)
  return mode >= 0 ? mode : MANNERS.indexOf(word as Manner)
}

function wordOf<Word>(words: readonly Word[], code: unknown): Word | undefined {
  return typeof code === 'number' ? words[code] : undefined
}

/** Requests, grants, queues. */
export class LockState {
  readonly #entries = new Map<number, LockEntry>()
  readonly #queues = new Map<string, Queue>()
  /** Ids of a process's entries by its calls. */
  readonly #byCall = new Map<string, Map<number, number>>()
  #lastId = 0
  /** Numbers grants; never begins again. */
  #n = 0
  #view = ''
  #line = ''
  #isPrimary = false
  #members: ReadonlySet<string> = new Set()

  /** All entries, in the order in which they were asked for. */
  get entries(): Iterable<LockEntry> {
    return this.#entries.values()
  }

  /** What is held, in the order in which it was granted. */
  held(): HeldEntry[] {
    const held: HeldEntry[] = []
    for (const queue of this.#queues.values()) {
      for (const id of queue.held) {
        const entry = this.#entries.get(id)
        if (entry !== undefined && isHeld(entry)) held.push(entry)
      }
    }
    return held.sort((a, b) => a.grant.token[2] - b.grant.token[2])
  }

  /** The entry of that process's request; undefined: it neither waits nor is granted. */
  find(by: string, call: number): LockEntry | undefined {
    const id = this.#byCall.get(by)?.get(call)
    return id === undefined ? undefined : this.#entries.get(id)
  }

  /** Applies an operation; null if it is malformed (nothing has changed then). */
  apply(op: unknown, author: string): LockHappening[] | null {
    if (!Array.isArray(op)) return null
    switch (op[0]) {
      case LOCK_OP.request:
        return op.length === 5 ? this.#request(author, op) : null
      case LOCK_OP.abort:
        return op.length === 2 ? this.#abort(author, op[1]) : null
      case LOCK_OP.release:
        return op.length === 3 ? this.#release(author, op[1], op[2]) : null
      case LOCK_OP.expire:
        return op.length === 3 ? this.#expire(author, op[1], op[2]) : null
      case LOCK_OP.query:
        return op.length === 2 && isCount(op[1]) ? [{ type: 'queried', by: author, call: op[1] }] : null
      default:
        return null
    }
  }

  #request(by: string, op: readonly unknown[]): LockHappening[] | null {
    const [, call, name, modeCode, mannerCode] = op
    const mode = wordOf(MODES, modeCode)
    const manner = wordOf(MANNERS, mannerCode)
    if (!isCount(call) || !isLockName(name) || mode === undefined || manner === undefined) return null
    if (manner === 'steal' && mode !== 'exclusive') return null
    // A grant to somebody who is gone would be orphaned only by a view that has already been.
    if (!this.#members.has(by) || this.find(by, call) !== undefined) return []
    const isMuch = this.#entries.size >= LOCKS_MAX || (this.#byCall.get(by)?.size ?? 0) >= LOCKS_PER_PROCESS_MAX
    if (isMuch) return [{ type: 'overmuch', by, call }]
    const happened: LockHappening[] = []
    const queue = this.#queues.get(name)
    if (manner === 'if-available' && queue !== undefined && !this.#isFree(queue, mode)) {
      return [{ type: 'unavailable', by, call }]
    }
    if (manner === 'steal' && queue !== undefined) {
      for (const id of [...queue.held]) happened.push(...this.#end(id, 'stolen'))
    }
    this.#lastId += 1
    const entry = this.#add({ id: this.#lastId, name, mode, by, call, grant: null }, manner !== 'wait')
    if (manner === 'wait') happened.push({ type: 'waiting', entry }, ...this.#serve(name))
    else happened.push(this.#grant(entry))
    return happened
  }

  /** Would a request be granted at once: nobody waits, and nothing that is held stands against it? */
  #isFree(queue: Queue, mode: Mode): boolean {
    return queue.waiting.length === 0 && this.#isGrantable(queue, mode)
  }

  #isGrantable({ held }: Queue, mode: Mode): boolean {
    if (held.size === 0) return true
    if (mode === 'exclusive') return false
    for (const id of held) if (this.#entries.get(id)?.mode === 'exclusive') return false
    return true
  }

  /** Takes a waiting request back. One that is granted is granted. */
  #abort(by: string, call: unknown): LockHappening[] | null {
    if (!isCount(call)) return null
    const entry = this.find(by, call)
    if (entry === undefined || entry.grant !== null) return []
    this.#remove(entry)
    return this.#serve(entry.name)
  }

  #release(by: string, call: unknown, token: unknown): LockHappening[] | null {
    if (!isCount(call) || !isToken(token)) return null
    const entry = this.find(by, call)
    const isHolder = this.#members.has(by) && entry?.grant != null && sameToken(entry.grant.token, token)
    if (entry === undefined || !isHolder) return [{ type: 'refused', by, call }]
    return this.#endAndServe([entry.id], 'released')
  }

  /** Ends those of the named locks whose holder has been gone since the named view. */
  #expire(by: string, ids: unknown, view: unknown): LockHappening[] | null {
    if (!Array.isArray(ids) || !ids.every(isCount) || typeof view !== 'string') return null
    if (!this.#members.has(by)) return []
    const expired = ids.filter((id) => this.#entries.get(id)?.grant?.orphanedIn === view)
    return this.#endAndServe(expired, 'gone')
  }

  #endAndServe(ids: readonly number[], why: LockEnd): LockHappening[] {
    const names = new Set<string>()
    const happened: LockHappening[] = []
    for (const id of ids) {
      const name = this.#entries.get(id)?.name
      if (name !== undefined) names.add(name)
      happened.push(...this.#end(id, why))
    }
    for (const name of names) happened.push(...this.#serve(name))
    return happened
  }

  #end(id: number, why: LockEnd): LockHappening[] {
    const entry = this.#entries.get(id)
    if (entry === undefined || !isHeld(entry)) return []
    this.#remove(entry)
    return [{ type: 'ended', entry, why }]
  }

  /** Grants what can be granted of one name, from the head of its queue on. Only a primary component does. */
  #serve(name: string): LockHappening[] {
    const happened: LockHappening[] = []
    const queue = this.#queues.get(name)
    if (queue === undefined || !this.#isPrimary) return happened
    for (let id = queue.waiting[0]; id !== undefined; id = queue.waiting[0]) {
      const entry = this.#entries.get(id)
      if (entry === undefined || !this.#isGrantable(queue, entry.mode)) break
      happened.push(this.#grant(entry))
    }
    return happened
  }

  #grant(entry: LockEntry): LockHappening {
    this.#n += 1
    const token: Token = [this.#line, this.#view, this.#n]
    const held: HeldEntry = { ...entry, grant: { token, isGone: false, orphanedIn: null } }
    const queue = this.#queueOf(entry.name)
    if (queue.waiting[0] === entry.id) queue.waiting.shift()
    queue.held.add(entry.id)
    this.#entries.set(entry.id, held)
    return { type: 'granted', entry: held }
  }

  #queueOf(name: string): Queue {
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = { held: new Set(), waiting: [] }
      this.#queues.set(name, queue)
    }
    return queue
  }

  /** @param isInFront it is granted next, whoever waits. */
  #add(entry: LockEntry, isInFront = false): LockEntry {
    this.#entries.set(entry.id, entry)
    const queue = this.#queueOf(entry.name)
    if (entry.grant !== null) queue.held.add(entry.id)
    else if (!isInFront) queue.waiting.push(entry.id)
    let calls = this.#byCall.get(entry.by)
    if (calls === undefined) {
      calls = new Map()
      this.#byCall.set(entry.by, calls)
    }
    calls.set(entry.call, entry.id)
    return entry
  }

  #remove({ id, name, by, call }: LockEntry): void {
    this.#entries.delete(id)
    const queue = this.#queueOf(name)
    queue.held.delete(id)
    queue.waiting = queue.waiting.filter((each) => each !== id)
    if (queue.held.size === 0 && queue.waiting.length === 0) this.#queues.delete(name)
    const calls = this.#byCall.get(by)
    calls?.delete(call)
    if (calls?.size === 0) this.#byCall.delete(by)
  }

  /**
   * Installs a view, after every operation of the one before. A state that is about to be replaced is given the view
   * only after the new state was loaded; a view that the loaded state has already seen changes nothing: who has left or
   * died depends on where one comes from, and the state is from elsewhere.
   */
  install(view: GroupView): LockHappening[] {
    const isSeen = this.#view === view.id
    this.#view = view.id
    this.#line = view.line ?? ''
    this.#isPrimary = view.primary
    this.#members = new Set(view.members)
    if (isSeen) return []
    const gone = new Set([...view.left, ...view.dead])
    const ended: number[] = []
    for (const entry of this.held()) {
      const { grant, by, id } = entry
      const isGone = grant.isGone || gone.has(by)
      const orphanedIn = this.#orphanedIn(entry)
      // A minority only notes who is gone: what becomes of the locks is for the primary component.
      if (isGone && view.primary && !this.#members.has(by)) ended.push(id)
      else if (isGone !== grant.isGone || orphanedIn !== grant.orphanedIn) {
        this.#entries.set(id, { ...entry, grant: { ...grant, isGone, orphanedIn } })
      }
    }
    if (!view.primary) return []
    for (const entry of [...this.#entries.values()]) {
      if (entry.grant === null && !this.#members.has(entry.by)) this.#remove(entry)
    }
    const happened = this.#endAndServe(ended, 'gone')
    // Who was in front of others may be gone, and in a minority nothing was granted.
    for (const name of [...this.#queues.keys()]) happened.push(...this.#serve(name))
    return happened
  }

  #orphanedIn({ grant, by }: HeldEntry): string | null {
    if (!this.#isPrimary) return grant.orphanedIn
    return this.#members.has(by) ? null : (grant.orphanedIn ?? this.#view)
  }

  /** `[last id, n, view, entries]`; entries ascending by id. */
  save(): unknown {
    const entries = [...this.#entries.values()]
      .sort((a, b) => a.id - b.id)
      .map(({ id, name, mode, by, call, grant }) => [
        id,
        name,
        codeOf(mode),
        by,
        call,
        grant && [[...grant.token], grant.isGone, grant.orphanedIn],
      ])
    return [this.#lastId, this.#n, this.#view, entries]
  }

  /** Reads a saved state into this one. Throws a ValueError for anything else, and has changed nothing then. */
  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 4, 'locks')
    const [lastId, n, view, savedEntries] = saved as unknown[]
    assertState(isTotal(lastId) && isTotal(n) && typeof view === 'string', 'counts')
    assertState(Array.isArray(savedEntries) && savedEntries.length <= LOCKS_MAX, 'entries')
    const entries = savedEntries.map(readEntry)
    const calls = new Set<string>()
    let previous = 0
    for (const { id, by, call, grant } of entries) {
      assertState(id > previous && id <= lastId, 'entry order')
      assertState(grant === null || grant.token[2] <= n, 'a grant that is still to come')
      calls.add(`${call} ${by}`)
      previous = id
    }
    assertState(calls.size === entries.length, 'a call twice')
    assertState(!hasConflict(entries), 'a lock of two holders')
    this.#entries.clear()
    this.#queues.clear()
    this.#byCall.clear()
    for (const entry of entries) this.#add(entry)
    this.#lastId = lastId
    this.#n = n
    this.#view = view
  }
}

function isHeld(entry: LockEntry): entry is HeldEntry {
  return entry.grant !== null
}

/** Does somebody hold what another holds alone? */
function hasConflict(entries: readonly LockEntry[]): boolean {
  const held = new Map<string, Mode>()
  for (const { name, mode, grant } of entries) {
    if (grant === null) continue
    const other = held.get(name)
    if (other === 'exclusive' || (other !== undefined && mode === 'exclusive')) return true
    held.set(name, mode)
  }
  return false
}

function readEntry(saved: unknown): LockEntry {
  assertState(Array.isArray(saved) && saved.length === 6, 'entry')
  const [id, name, modeCode, by, call, grant] = saved as unknown[]
  const mode = wordOf(MODES, modeCode)
  assertState(isCount(id) && isLockName(name) && mode !== undefined && isAuthor(by) && isCount(call), 'entry')
  return { id, name, mode, by, call, grant: grant === null ? null : readGrant(grant) }
}

function readGrant(saved: unknown): LockGrant {
  assertState(Array.isArray(saved) && saved.length === 3, 'grant')
  const [token, isGone, orphanedIn] = saved as unknown[]
  assertState(isToken(token) && typeof isGone === 'boolean', 'grant')
  assertState(orphanedIn === null || typeof orphanedIn === 'string', 'grant')
  return { token, isGone, orphanedIn }
}
