/**
 * What a process has recorded for snapshots of others, until they have fetched it.
 *
 * Of each group two processes record the state: who takes the snapshot, if it is a member, and then the most senior
 * members. So the crash of one loses nothing. What they have is asked for in pieces, by direct messages.
 */
import { decodeValue, encodeValue } from '../values.ts'
import type { GroupRecord } from './snapshot-host.ts'

/** Processes that record the state of one group. */
const HOLDERS = 2
/** Snapshots of one process whose recordings are kept: the last one. Of so many processes, at most. */
const RECORDINGS_MAX = 8
/** A piece of a state, in bytes. */
export const PIECE_BYTES: number = 128 * 1024

/** What is said of a group, beside its state. */
export interface RecordEntry
  extends Pick<GroupRecord, 'name' | 'kind' | 'order' | 'consistency' | 'members' | 'primary' | 'kept' | 'cut'> {
  /** Bytes of the state; −1: it is not recorded here. */
  readonly bytes: number
}

/** What one process recorded for one snapshot. */
export interface Recording {
  readonly entries: readonly RecordEntry[]
  /** By name of the group. */
  readonly states: ReadonlyMap<string, Uint8Array>
}

/** Who is to record a group's state: `taker` is who takes the snapshot. */
function holdersOf(members: readonly string[], taker: string): string[] {
  const others = members.filter((member) => member !== taker)
  return (members.includes(taker) ? [taker, ...others] : others).slice(0, HOLDERS)
}

/** Records what this process is to record. Told of by it: what it records, and all groups whose most senior member it is. */
export function record(groups: readonly GroupRecord[], self: string, taker: string): Recording {
  const entries: RecordEntry[] = []
  const states = new Map<string, Uint8Array>()
  for (const group of groups) {
    const { isWhole, save, ...about } = group
    const state = isWhole && holdersOf(group.members, taker).includes(self) ? save() : null
    if (state !== null) states.set(group.name, state)
    else if (group.members[0] !== self) continue
    entries.push({ ...about, bytes: state?.length ?? -1 })
  }
  return { entries, states }
}

/** The name under which the list of what was recorded is fetched: no group has it. */
export const INDEX = ''

interface Kept {
  readonly id: string
  readonly items: ReadonlyMap<string, Uint8Array>
}

/** By who takes the snapshot. */
export class SnapshotStore {
  readonly #kept = new Map<string, Kept>()

  /** Keeps one for who takes the snapshot, in the place of an earlier one. */
  keep(taker: string, id: string, { entries, states }: Recording): void {
    this.#kept.delete(taker)
    const items = new Map(states)
    items.set(INDEX, encodeValue(entries.map(toIndex)))
    this.#kept.set(taker, { id, items })
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > RECORDINGS_MAX && oldest !== undefined) this.#kept.delete(oldest)
  }

  /** The piece of an item that begins there, and the item's whole length; null if it is not here. */
  piece(
    taker: string,
    id: string,
    name: string,
    at: number,
  ): { readonly total: number; readonly bytes: Uint8Array } | null {
    const kept = this.#kept.get(taker)
    const item = kept?.id === id ? kept.items.get(name) : undefined
    return item === undefined || at > item.length
      ? null
      : { total: item.length, bytes: item.slice(at, at + PIECE_BYTES) }
  }

  /** Nobody will ask for it. Without `id`: whatever is kept for that process. */
  drop(taker: string, id?: string): void {
    if (id === undefined || this.#kept.get(taker)?.id === id) this.#kept.delete(taker)
  }
}

function toIndex({ name, kind, order, consistency, members, primary, kept, cut, bytes }: RecordEntry): unknown {
  const numbers = [...cut].sort(([a], [b]) => (a < b ? -1 : 1)).flat()
  return [name, kind, order, consistency, [...members], primary, kept, numbers, bytes]
}

/** Reads what another process says of what it has; null if it makes no sense. */
export function readIndex(bytes: Uint8Array): RecordEntry[] | null {
  try {
    const list = decodeValue(bytes)
    return Array.isArray(list) ? list.map(readEntry) : null
  } catch {
    return null
  }
}

function readEntry(saved: unknown): RecordEntry {
  const [name, kind, order, consistency, members, primary, kept, numbers, bytes] = saved as unknown[]
  const isGood =
    typeof name === 'string' &&
    typeof kind === 'string' &&
    (order === 'fifo' || order === 'causal' || order === 'total') &&
    (consistency === 'available' || consistency === 'consistent') &&
    Array.isArray(members) &&
    members.every((member) => typeof member === 'string') &&
    typeof primary === 'boolean' &&
    Number.isSafeInteger(kept) &&
    Array.isArray(numbers) &&
    Number.isSafeInteger(bytes)
  if (!isGood) throw new TypeError('a malformed entry')
  const cut = new Map<string, number>()
  for (let i = 0; i < numbers.length; i += 2) cut.set(String(numbers[i]), Number(numbers[i + 1]))
  return {
    ...{ name, kind, order, consistency, members, primary, cut },
    kept: kept as number,
    bytes: bytes as number,
  }
}
