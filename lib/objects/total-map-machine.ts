/**
 * The state machine of a total map: entries in the order in which their keys were first written, each with the number of
 * the commit that wrote it.
 *
 * Everything but `clear` is a commit: it writes if every key that it names as read still has the version that was read (0:
 * there is none). Versions come from one counter, so that a key that was deleted and written again never has a version
 * that somebody may have seen of it. What is absent is the same however often it came and went.
 *
 * Several commits of one process may come in one request, as steps, each of which takes effect or is refused by itself. What
 * an earlier step has written has no version yet when a later one reads it: that names the step, by its number below 0.
 *
 * Source: Kung, Robinson 1981 (optimistic concurrency control, backward validation).
 */
import { readStored, type StoredValue } from './agreed.ts'
import type { TakingPart } from './atomic-machine.ts'
import { assertState, isAuthor, isCount, isTotal } from './checks.ts'
import type { Answer, Caller } from './state-machine.ts'

/** The requests, by their first element: `[commit, reads, writes]`, `[clear]`, `[steps, [reads, writes], …]`. */
export const TOTAL_MAP_OP = { commit: 0, clear: 1, steps: 2 } as const

/** Steps of one request, at most. */
export const STEPS_MAX = 64

/** Characters (UTF-16 units) of a key, at most. */
export const KEY_LENGTH_MAX = 4_096

/** Under a key. Never changed. */
export interface TotalEntry extends StoredValue {
  /** The commit that wrote it. */
  readonly version: number
  /** The process that wrote it. */
  readonly author: string
}

/** What a commit did: its number (the last one's, if it wrote nothing), and how many keys it deleted. Null: refused. */
export type Committed = readonly [version: number, deleted: number] | null

/** Told of each key that changes, before it does. `author` null: the state is replaced. */
export type KeyWatch = (key: string, before: TotalEntry | undefined, author: string | null) => void

/** Entries, and how many commits have changed them. */
export class TotalMapMachine implements TakingPart {
  readonly entries: Map<string, TotalEntry> = new Map()
  version = 0
  /** Where changes are told. */
  watch: KeyWatch = () => undefined

  apply(body: unknown, caller: Caller): Answer | null {
    if (!Array.isArray(body)) return null
    switch (body[0]) {
      case TOTAL_MAP_OP.commit:
        return body.length === 3 ? this.#commit(body[1], body[2], caller.process) : null
      case TOTAL_MAP_OP.clear:
        return body.length === 1 ? this.#clear(caller.process) : null
      case TOTAL_MAP_OP.steps:
        return this.#takeSteps(body.slice(1), caller.process)
      default:
        return null
    }
  }

  /** `reads`: key, version, …; `writes`: key, bytes or null (deletes it), …. */
  #commit(reads: unknown, writes: unknown, author: string): Answer | null {
    if (!isPairs(reads, isTotal)) return null
    const changes = readWrites(writes)
    if (changes === null) return null
    return this.#isCurrent(reads) ? [true, this.#write(changes, author)] : [true, null]
  }

  /** One after the other, if all of them can be read. Answers what each has come to. */
  #takeSteps(bodies: readonly unknown[], author: string): Answer | null {
    if (bodies.length === 0 || bodies.length > STEPS_MAX) return null
    const steps = bodies.flatMap((body) => readStep(body) ?? [])
    if (steps.length < bodies.length) return null
    const committed: Committed[] = []
    for (const { reads, changes } of steps)
      committed.push(this.#isCurrent(reads, committed) ? this.#write(changes, author) : null)
    return [true, committed]
  }

  /** `before`: what the steps before it, of the same request, have come to. */
  #isCurrent(reads: readonly unknown[], before: readonly Committed[] = []): boolean {
    for (let i = 0; i < reads.length; i += 2) {
      const read = reads[i + 1] as number
      const expected = read < 0 ? before[-1 - read]?.[0] : read
      if ((this.entries.get(reads[i] as string)?.version ?? 0) !== expected) return false
    }
    return true
  }

  #write(
    changes: readonly [key: string, stored: StoredValue | null][],
    author: string,
  ): [version: number, deleted: number] {
    const effective = changes.filter(([key, stored]) => stored !== null || this.entries.has(key))
    if (effective.length > 0) this.version += 1
    let deleted = 0
    for (const [key, stored] of effective) {
      this.watch(key, this.entries.get(key), author)
      if (stored !== null) this.entries.set(key, { ...stored, version: this.version, author })
      else if (this.entries.delete(key)) deleted += 1
    }
    return [this.version, deleted]
  }

  /** `[reads, writes]`, as of a commit. */
  check(part: unknown): Answer | null {
    if (!Array.isArray(part) || part.length !== 2 || !isPairs(part[0], isTotal)) return null
    return readWrites(part[1]) === null ? null : [true, this.#isCurrent(part[0])]
  }

  carryOut(part: unknown, { process }: Caller): void {
    const changes = readWrites((part as readonly unknown[])[1])
    if (changes !== null) this.#write(changes, process)
  }

  #clear(author: string): Answer {
    const deleted = this.entries.size
    if (deleted > 0) this.version += 1
    for (const [key, entry] of this.entries) this.watch(key, entry, author)
    this.entries.clear()
    return [true, [this.version, deleted]]
  }

  /** `[version, key, version, author, bytes, …]`, in the map's order, which is part of the state. */
  save(): unknown {
    const saved: unknown[] = [this.version]
    for (const [key, { version, author, bytes }] of this.entries) saved.push(key, version, author, bytes)
    return saved
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length % 4 === 1 && isTotal(saved[0]), 'total map')
    const version = saved[0]
    const entries = new Map<string, TotalEntry>()
    for (let i = 1; i < saved.length; i += 4) {
      const [key, at, author, bytes] = saved.slice(i, i + 4) as unknown[]
      const stored = readStored(bytes)
      assertState(isEntryKey(key) && !entries.has(key) && stored !== null, 'entry')
      assertState(isCount(at) && at <= version && isAuthor(author), 'entry')
      entries.set(key, { ...stored, version: at, author })
    }
    for (const [key, entry] of this.entries) if (!entries.has(key)) this.watch(key, entry, null)
    for (const key of entries.keys()) this.watch(key, this.entries.get(key), null)
    this.entries.clear()
    for (const [key, entry] of entries) this.entries.set(key, entry)
    this.version = version
  }
}

/** A key, or what could be one. */
function isEntryKey(key: unknown): key is string {
  return typeof key === 'string' && key.length <= KEY_LENGTH_MAX
}

interface Step {
  readonly reads: readonly unknown[]
  readonly changes: readonly [key: string, stored: StoredValue | null][]
}

function readStep(body: unknown): Step | null {
  if (!Array.isArray(body) || body.length !== 2 || !isPairs(body[0], isStepRead)) return null
  const changes = readWrites(body[1])
  return changes === null ? null : { reads: body[0], changes }
}

/** A version, or a step of the same request, from −1 down. */
function isStepRead(read: unknown): boolean {
  return isTotal(read) || (Number.isSafeInteger(read) && (read as number) >= -STEPS_MAX)
}

function isPairs(pairs: unknown, isSecond: (value: unknown) => boolean): pairs is unknown[] {
  if (!Array.isArray(pairs) || pairs.length % 2 === 1) return false
  return pairs.every((part, i) => (i % 2 === 0 ? isEntryKey(part) : isSecond(part)))
}

function readWrites(writes: unknown): [key: string, stored: StoredValue | null][] | null {
  if (!isPairs(writes, () => true)) return null
  const changes: [string, StoredValue | null][] = []
  for (let i = 0; i < writes.length; i += 2) {
    const bytes = writes[i + 1]
    const stored = bytes === null ? null : readStored(bytes)
    if (bytes !== null && stored === null) return null
    changes.push([writes[i] as string, stored])
  }
  return changes
}
