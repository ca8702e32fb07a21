/**
 * An audit log, as a state machine: numbered entries, of which the last are kept, and for each trigger how far it has judged
 * them and what it has recorded.
 *
 * Whoever judges for a trigger goes through the entries in their order, and records under its token each one at which it
 * fired. What is recorded moves the trigger on: a record counts only for an entry that is still to be judged, and under a
 * token no older than the last. So each entry has at most one, whoever judged it, and however often. It names the digest of
 * all entries up to there: what was judged in a line that is lost says nothing of this one's entries (seed 21035 of
 * `snapshots`).
 */
import { readStored, type StoredValue } from '../objects/agreed.ts'
import { assertState, compareText, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { Answer, Caller, Machine } from '../objects/state-machine.ts'
import { compareTokens, isToken, type Token } from '../objects/token.ts'
import { hashValue } from '../values.ts'
import { isKey } from './keys.ts'

/** The requests, by their first element. */
export const AUDIT_OP = { append: 0, watch: 1, fire: 2, pass: 3, forget: 4 } as const

/** Entries that are kept, at most; and firings. */
export const AUDIT_KEEP_MAX = 10_000
/** Bytes of the entries that are kept, at most. */
export const AUDIT_BYTES_MAX: number = 16 * 1024 * 1024
/** The largest entry, and the largest result of a firing, in bytes of its encoding. */
export const AUDIT_ENTRY_MAX = 65_536
/** Triggers of one log. */
export const AUDIT_TRIGGERS_MAX = 256

/** An entry as it is kept. */
export interface StoredEntry extends StoredValue {
  /** From 1, without gaps. */
  readonly position: number
  /** The process that appended it. */
  readonly author: string
  /** Of all entries up to this one. */
  readonly digest: string
}

/** A trigger has fired, at one entry. */
export interface StoredFiring extends StoredValue {
  readonly trigger: string
  readonly position: number
  /** Who judged, and under which token. */
  readonly by: string
  readonly token: Token
}

/** How far a trigger is. */
export interface TriggerState {
  /** The first entry that it has not judged. */
  readonly next: number
  /** Entries that were dropped before it judged them. */
  readonly missed: number
  /** The token of the last record; null: there is none. */
  readonly token: Token | null
}

/** Entries, triggers, firings. */
export class AuditMachine implements Machine {
  readonly keep: number
  /** The position of the last entry; 0 if there was none. */
  last = 0
  readonly #entries: StoredEntry[] = []
  /** The digest of what is before them. */
  #before = ''
  #bytes = 0
  readonly #triggers = new Map<string, TriggerState>()
  readonly #firings: StoredFiring[] = []
  /** Grows when anything changes. Not part of the state. */
  version = 0
  /** Told of each entry. Not part of the state. */
  appended: (entry: StoredEntry) => void = () => undefined

  constructor(keep: number) {
    this.keep = keep
  }

  /** The position of the first entry that is kept; one past the last if none is. */
  get first(): number {
    return this.last - this.#entries.length + 1
  }

  /** Those that are kept. */
  get entries(): readonly StoredEntry[] {
    return this.#entries
  }

  get firings(): readonly StoredFiring[] {
    return this.#firings
  }

  get triggers(): ReadonlyMap<string, TriggerState> {
    return this.#triggers
  }

  /** The entry of that position, if it is kept. */
  at(position: number): StoredEntry | undefined {
    return this.#entries[position - this.first]
  }

  /**
   * `[append, bytes]` is answered with the position; `[watch, trigger, from or null]` with the position that is judged next;
   * `[fire, trigger, token, position, result, digest]` and `[pass, trigger, token, position, digest]` (all up to it did not match)
   * with whether that counts; `[forget, trigger]` with whether it was there.
   */
  apply(body: unknown, caller: Caller): Answer | null {
    if (!Array.isArray(body)) return null
    const [kind, name, token, position] = body as unknown[]
    if (kind === AUDIT_OP.append) return body.length === 2 ? this.#append(name, caller) : null
    if (!isKey(name)) return null
    if (kind === AUDIT_OP.watch) {
      return body.length === 3 && (token === null || isCount(token)) ? this.#watch(name, token) : null
    }
    if (kind === AUDIT_OP.forget) return body.length === 2 ? this.#forget(name) : null
    if (!isToken(token) || !isCount(position)) return null
    const digest: unknown = body.at(-1)
    if (typeof digest !== 'string') return null
    const isMeant = this.at(position)?.digest === digest
    if (kind === AUDIT_OP.pass && body.length === 5) {
      return [true, isMeant && this.#move(name, token, position) !== null]
    }
    const stored = kind === AUDIT_OP.fire && body.length === 6 ? readBounded(body[4]) : null
    if (stored === null) return null
    const firing = { trigger: name, position, by: caller.process, token, ...stored }
    return [true, isMeant && this.#fire(firing)]
  }

  #append(bytes: unknown, { process }: Caller): Answer | null {
    const stored = readBounded(bytes)
    if (stored === null) return null
    this.last += 1
    const before = this.#entries.at(-1)?.digest ?? this.#before
    const entry = { ...stored, position: this.last, author: process, digest: digestOf(before, process, stored.bytes) }
    this.#entries.push(entry)
    this.#bytes += stored.bytes.length
    this.#drop()
    this.version += 1
    this.appended(entry)
    return [true, entry.position]
  }

  /** Drops what is too much. What a trigger has not judged by then, it has missed. */
  #drop(): void {
    while (this.#entries.length > this.keep || this.#bytes > AUDIT_BYTES_MAX) {
      const dropped = this.#entries.shift()
      this.#bytes -= dropped?.bytes.length ?? 0
      this.#before = dropped?.digest ?? this.#before
    }
    for (const [name, trigger] of this.#triggers) {
      const { next, missed } = trigger
      if (next < this.first)
        this.#triggers.set(name, { ...trigger, next: this.first, missed: missed + this.first - next })
    }
  }

  #watch(name: string, from: number | null): Answer {
    const known = this.#triggers.get(name)
    if (known !== undefined) return [true, known.next]
    if (this.#triggers.size >= AUDIT_TRIGGERS_MAX) return [false, 'busy', `more than ${AUDIT_TRIGGERS_MAX} triggers`]
    const next = Math.min(Math.max(from ?? this.last + 1, this.first), this.last + 1)
    this.#triggers.set(name, { next, missed: 0, token: null })
    this.version += 1
    return [true, next]
  }

  #forget(name: string): Answer {
    this.version += 1
    return [true, this.#triggers.delete(name)]
  }

  #fire(firing: StoredFiring): boolean {
    const { trigger, token, position } = firing
    const moved = this.#move(trigger, token, position)
    if (moved === null) return false
    this.#firings.push(firing)
    if (this.#firings.length > this.keep) this.#firings.shift()
    return true
  }

  /** The trigger has judged all up to that position. Null if that does not count. */
  #move(name: string, token: Token, position: number): TriggerState | null {
    const trigger = this.#triggers.get(name)
    if (trigger === undefined || position < trigger.next || position > this.last) return null
    // Of another line, which is lost: what it gave there was for what is lost with it.
    const { token: held } = trigger
    if (held !== null && held[0] === token[0] && compareTokens(token, held) < 0) return null
    const moved = { ...trigger, next: position + 1, token }
    this.#triggers.set(name, moved)
    this.version += 1
    return moved
  }

  /** `[last, [author, bytes, …], [name, next, missed, token or null, …], [trigger, position, by, token, bytes, …], before]`. */
  save(): unknown {
    const triggers = [...this.#triggers].sort(([a], [b]) => compareText(a, b))
    return [
      this.last,
      this.#entries.flatMap(({ author, bytes }) => [author, bytes]),
      triggers.flatMap(([name, { next, missed, token }]) => [name, next, missed, token && [...token]]),
      this.#firings.flatMap(({ trigger, position, by, token, bytes }) => [trigger, position, by, [...token], bytes]),
      this.#before,
    ]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 5 && isTotal(saved[0]), 'audit')
    const [last, savedEntries, savedTriggers, savedFirings, before] = saved as [number, ...unknown[]]
    assertState(typeof before === 'string', 'audit')
    assertState(Array.isArray(savedEntries) && savedEntries.length % 2 === 0, 'audit')
    assertState(Array.isArray(savedTriggers) && savedTriggers.length % 4 === 0, 'audit')
    assertState(Array.isArray(savedFirings) && savedFirings.length % 5 === 0, 'audit')
    const first = last - savedEntries.length / 2 + 1
    assertState(first >= 1, 'audit')
    let digest = before
    const entries = parts(savedEntries, 2).map(([author, bytes], i) => {
      const stored = readBounded(bytes)
      assertState(isAuthor(author) && stored !== null, 'entry')
      digest = digestOf(digest, author, stored.bytes)
      return { ...stored, author, position: first + i, digest }
    })
    const triggers = parts(savedTriggers, 4).map(readTrigger)
    const firings = parts(savedFirings, 5).map(readFiring)
    this.last = last
    this.#entries.splice(0, this.#entries.length, ...entries)
    this.#before = before
    this.#bytes = entries.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.#triggers.clear()
    for (const [name, trigger] of triggers) this.#triggers.set(name, trigger)
    this.#firings.splice(0, this.#firings.length, ...firings)
    this.version += 1
  }
}

function digestOf(before: string, author: string, bytes: Uint8Array): string {
  return hashValue([before, author, bytes])
}

function parts(list: readonly unknown[], size: number): unknown[][] {
  return Array.from({ length: list.length / size }, (_, i) => list.slice(i * size, (i + 1) * size))
}

function readBounded(bytes: unknown): StoredValue | null {
  return bytes instanceof Uint8Array && bytes.length <= AUDIT_ENTRY_MAX ? readStored(bytes) : null
}

function readTrigger([name, next, missed, token]: unknown[]): [name: string, trigger: TriggerState] {
  assertState(isKey(name) && isCount(next) && isTotal(missed) && (token === null || isToken(token)), 'trigger')
  return [name, { next, missed, token }]
}

function readFiring([trigger, position, by, token, bytes]: unknown[]): StoredFiring {
  const stored = readBounded(bytes)
  assertState(isKey(trigger) && isCount(position) && isAuthor(by) && isToken(token) && stored !== null, 'firing')
  return { trigger, position, by, token, ...stored }
}
