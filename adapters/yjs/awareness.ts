/**
 * The others' awareness, as the room's members say it: somebody appears with what it says and is gone in the view that its
 * member is gone in. No clock takes anybody out: an `Awareness` drops whom it has not heard for 30 s by its own timer,
 * which here never finds anything old.
 *
 * A member that says something new more often than a person moves a cursor is shown once a second.
 */
import type { Room } from './room.ts'
import type { AwarenessLike, AwarenessState } from './yjs-types.ts'

/** So many changes of one member are shown at once … */
const BURST = 100
/** … and so many a second, after that. */
const PER_SECOND = 50
/** A member that says more is shown after so long, in ms. */
const FLOOD_MS = 1000

/** What one member may still change. */
interface Allowance {
  tokens: number
  at: number
  isFlooding: boolean
}

/** What is shown of one member. */
interface Shown {
  readonly k: number
  readonly states: ReadonlyMap<number, string>
}

/** One document's awareness. */
export class AwarenessBridge {
  readonly #room: Room
  readonly #awareness: AwarenessLike
  readonly #origin: unknown
  readonly #flood: (member: string) => void
  readonly #shown = new Map<string, Shown>()
  readonly #allowances = new Map<string, Allowance>()
  #cancel: (() => void) | null = null

  constructor(room: Room, awareness: AwarenessLike, origin: unknown, flood: (member: string) => void) {
    this.#room = room
    this.#awareness = awareness
    this.#origin = origin
    this.#flood = flood
  }

  /** Shows what the members say now. */
  update(): void {
    const before = this.#ids()
    for (const member of this.#shown.keys()) if (!this.#room.members.entries.has(member)) this.#forget(member)
    let isLate = false
    for (const [member, { k, states }] of this.#room.members.entries) {
      if (k === this.#shown.get(member)?.k) continue
      if (member !== this.#room.self && !this.#mayChange(member)) {
        isLate = true
        continue
      }
      const own = states.filter(([id]) => this.#room.members.owner(id) === member && id !== this.#awareness.clientID)
      this.#shown.set(member, { k, states: new Map(own) })
    }
    if (isLate) this.#cancel ??= this.#room.after(FLOOD_MS, () => this.#again())
    this.#show(before)
  }

  /** Shows nobody any more: this document has left. */
  clear(): void {
    this.#cancel?.()
    const before = this.#ids()
    this.#shown.clear()
    this.#allowances.clear()
    this.#show(before)
  }

  #again(): void {
    this.#cancel = null
    this.update()
  }

  #forget(member: string): void {
    this.#shown.delete(member)
    this.#allowances.delete(member)
  }

  #mayChange(member: string): boolean {
    const now = this.#room.now()
    const allowance = this.#allowances.get(member) ?? { tokens: BURST, at: now, isFlooding: false }
    this.#allowances.set(member, allowance)
    allowance.tokens = Math.min(BURST, allowance.tokens + ((now - allowance.at) * PER_SECOND) / 1000)
    allowance.at = now
    if (allowance.tokens >= 1) {
      allowance.tokens -= 1
      if (allowance.tokens >= BURST / 2) allowance.isFlooding = false
      return true
    }
    if (!allowance.isFlooding) this.#flood(member)
    allowance.isFlooding = true
    return false
  }

  /** What is shown, by clientID. */
  #ids(): Map<number, string> {
    const ids = new Map<number, string>()
    for (const { states } of this.#shown.values()) for (const [id, json] of states) ids.set(id, json)
    return ids
  }

  #show(before: ReadonlyMap<number, string>): void {
    const { states, meta } = this.#awareness
    const now = this.#ids()
    const [added, updated, removed]: [number[], number[], number[]] = [[], [], []]
    for (const [id, json] of now) {
      if (before.get(id) === json && states.has(id)) continue
      ;(states.has(id) ? updated : added).push(id)
      states.set(id, JSON.parse(json) as AwarenessState)
      // Never old.
      meta.set(id, { clock: (meta.get(id)?.clock ?? 0) + 1, lastUpdated: Number.POSITIVE_INFINITY })
    }
    for (const id of before.keys()) if (!now.has(id) && states.delete(id)) removed.push(id)
    if (added.length + updated.length + removed.length === 0) return
    const changes = { added, updated, removed }
    this.#awareness.emit('change', [changes, this.#origin])
    this.#awareness.emit('update', [changes, this.#origin])
  }
}
