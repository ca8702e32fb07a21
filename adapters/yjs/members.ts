/**
 * What each member says of itself: the clientIDs that are its own, and what is known of the people at them (awareness).
 *
 * Only its own casts change a member's entry, and of two the one with the higher number counts, so parts of a split have
 * nothing to agree on. An entry goes in the view that its member is gone in: whoever returns brings its own along.
 */

/** ClientIDs of one member, at most: one for each document that it has open here. */
export const IDS_MAX = 64
/** What is said at one clientID, as JSON, in UTF-16 code units, at most. */
export const STATE_LENGTH_MAX = 65_536

/** What one member says. */
export interface MemberEntry {
  /** Grows with everything that it says. */
  readonly k: number
  /** The clientIDs of its documents, ascending. */
  readonly ids: readonly number[]
  /** What is said at them: by clientID, JSON of an object. */
  readonly states: readonly (readonly [id: number, json: string])[]
}

/** The entries of the members of the view. */
export class Members {
  readonly #entries = new Map<string, MemberEntry>()
  /** Whose each clientID is. Of two who name one, who was first to be heard; at once, who is first by rank. */
  readonly #owners = new Map<number, string>()
  /** By rank; null before the first view. */
  #present: readonly string[] | null = null

  get entries(): ReadonlyMap<string, MemberEntry> {
    return this.#entries
  }

  get(member: string): MemberEntry | undefined {
    return this.#entries.get(member)
  }

  /** The present member that this clientID belongs to; undefined: nobody's, so anybody may bring what it has written. */
  owner(client: number): string | undefined {
    return this.#owners.get(client)
  }

  /** Takes what a member says, if it is news. False: it is malformed. */
  take(member: string, entry: unknown): boolean {
    const read = readEntry(entry)
    if (read === null) return false
    if (this.#present?.includes(member) === false) return true
    if (read.k <= (this.#entries.get(member)?.k ?? 0)) return true
    this.#entries.set(member, read)
    this.#bind(member, read.ids)
    return true
  }

  /** Who is here now. Returns whether anybody who said something is gone. */
  view(members: readonly string[]): boolean {
    this.#present = members
    let isLess = false
    for (const member of this.#entries.keys()) {
      if (members.includes(member)) continue
      this.#entries.delete(member)
      isLess = true
    }
    this.#rebind()
    return isLess
  }

  /** `[member, k, ids, states]` of each, ascending. */
  save(): unknown {
    const members = [...this.#entries.keys()].sort()
    return members.map((member) => {
      const { k, ids, states } = this.#entries.get(member) as MemberEntry
      return [member, k, ids, states]
    })
  }

  /** Unites; throws a TypeError if it is malformed, having changed nothing. */
  merge(saved: unknown): void {
    if (!Array.isArray(saved)) throw new TypeError('malformed members')
    const all = (saved as unknown[]).map((each) => {
      const [member, ...entry] = Array.isArray(each) ? (each as unknown[]) : []
      if (typeof member !== 'string' || readEntry(entry) === null) throw new TypeError('malformed member')
      return { member, entry }
    })
    for (const { member, entry } of all) this.take(member, entry)
    // The state may be of a view before this one.
    if (this.#present !== null) this.view(this.#present)
  }

  clear(): void {
    this.#entries.clear()
    this.#owners.clear()
  }

  #bind(member: string, ids: readonly number[]): void {
    for (const [id, owner] of this.#owners) if (owner === member && !ids.includes(id)) this.#owners.delete(id)
    for (const id of ids) if (!this.#owners.has(id)) this.#owners.set(id, member)
  }

  #rebind(): void {
    for (const [id, owner] of this.#owners) if (!this.#entries.has(owner)) this.#owners.delete(id)
    for (const member of this.#present ?? []) {
      const entry = this.#entries.get(member)
      if (entry !== undefined) this.#bind(member, entry.ids)
    }
  }
}

function readEntry(value: unknown): MemberEntry | null {
  if (!Array.isArray(value) || value.length !== 3) return null
  const [k, ids, states] = value as unknown[]
  if (!isNumber(k) || k < 1) return null
  if (!Array.isArray(ids) || ids.length > IDS_MAX || !ids.every(isNumber)) return null
  if (!Array.isArray(states) || states.length > IDS_MAX || !states.every((each) => isState(each, ids))) return null
  return { k, ids: ids as number[], states: states as [number, string][] }
}

/** Is it said at one of the member's own clientIDs, and is it JSON of an object? */
function isState(value: unknown, ids: readonly unknown[]): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [id, json] = value as unknown[]
  return ids.includes(id) && typeof json === 'string' && json.length <= STATE_LENGTH_MAX && isObject(json)
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
