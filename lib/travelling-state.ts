/**
 * The state of a consistent group as it travels: the object's own state, the events kept with it, and what it covers.
 */
import { ValueError } from './errors.ts'
import type { KeptEvent, WaitingCast } from './kept-events.ts'
import type { GroupView } from './objects/replica.ts'
import { type Acted, readActed, saveActed } from './storage/standing.ts'
import { decodeValue, encodeValue } from './values.ts'

/** A state as it travels, taken apart. */
export interface TravellingState {
  readonly state: Uint8Array
  readonly kept: readonly KeptEvent[]
  /** Per sender the highest cast number in `state`. */
  readonly cut: ReadonlyMap<string, number>
  /** How far it is restored (`Restoration.save`), and the casts that wait for that. */
  readonly restoration: unknown
  readonly held: readonly WaitingCast[]
  /** How far it has come, where whoever gets it is in no view that says so. */
  readonly acted: Acted | null
}

const headLengthBytes = 4

/**
 * `length of the head (4 bytes, little-endian) | [cut, kept events] | state`. If anything was ever offered to the group that
 * was stored, the head has how far it is restored and the casts that wait for that, too; and how far it has come, if that is said.
 */
export function packState({ state, kept, cut, restoration, held, acted }: TravellingState): Uint8Array {
  const head = encodeValue([
    [...cut],
    kept.map((event) => ('payload' in event ? saveCast(event) : event)),
    ...(restoration === null && acted === null ? [] : [restoration, held.map(saveCast)]),
    ...(acted === null ? [] : [saveActed(acted)]),
  ])
  const bytes = new Uint8Array(headLengthBytes + head.length + state.length)
  new DataView(bytes.buffer).setUint32(0, head.length, true)
  bytes.set(head, headLengthBytes)
  bytes.set(state, headLengthBytes + head.length)
  return bytes
}

/** Takes a travelling state apart. `self` is who gets it. Throws a `ValueError` for anything else. */
export function unpackState(bytes: Uint8Array, self: string): TravellingState {
  if (bytes.length < headLengthBytes) throw malformed()
  const end = headLengthBytes + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  if (end > bytes.length) throw malformed()
  const head = decodeValue(bytes.subarray(headLengthBytes, end))
  if (!Array.isArray(head) || !Array.isArray(head[0]) || !Array.isArray(head[1])) throw malformed()
  const cut = new Map(head[0].map(readCount))
  const kept = head[1].map((event: unknown) => (Array.isArray(event) ? readCast(event, self) : readView(event)))
  const [, , restoration = null, held = [], savedActed = null] = head as unknown[]
  const acted = readActed(savedActed)
  if (acted === undefined) throw malformed()
  if (!Array.isArray(held) || !held.every(Array.isArray)) throw malformed()
  return { state: bytes.subarray(end), kept, cut, restoration, held: held.map((each) => readCast(each, self)), acted }
}

function saveCast({ payload, info }: WaitingCast): unknown[] {
  return [info.author, info.n, info.view, info.index, payload]
}

function readCount(pair: unknown): [string, number] {
  if (!Array.isArray(pair) || typeof pair[0] !== 'string' || !Number.isSafeInteger(pair[1])) throw malformed()
  return [pair[0], pair[1] as number]
}

function readCast([author, n, view, index, payload]: readonly unknown[], self: string): WaitingCast {
  if (typeof author !== 'string' || typeof view !== 'string' || !(payload instanceof Uint8Array)) throw malformed()
  if (!Number.isSafeInteger(n) || !Number.isSafeInteger(index)) throw malformed()
  return { payload, info: { author, local: author === self, n: n as number, view, index: index as number } }
}

function readView(event: unknown): GroupView {
  if (typeof event !== 'object' || event === null) throw malformed()
  const { id, members, primary, line, missing, joined, left, dead, expelled } = event as Record<string, unknown>
  if (typeof id !== 'string' || typeof primary !== 'boolean' || !(line === null || typeof line === 'string')) {
    throw malformed()
  }
  return {
    id,
    primary,
    line,
    members: readIds(members),
    missing: readIds(missing),
    joined: readIds(joined),
    left: readIds(left),
    dead: readIds(dead),
    expelled: readIds(expelled),
  }
}

function readIds(ids: unknown): string[] {
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string')) throw malformed()
  return ids
}

function malformed(): ValueError {
  return new ValueError('the state of a consistent group is malformed', '')
}
