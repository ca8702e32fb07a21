/**
 * What the payload of a cast is to a replica: an operation, a request, or a part of the state that is united with the one
 * there.
 */
import type { OpInfo, Replica } from './objects/replica.ts'
import { isRestoration, REQUEST_MARK, RESTORATION_MARK, UNION_MARK } from './payload-marks.ts'
import { type RestorationOp, readRestorationOp, saveRestorationOp } from './restoration.ts'
import { decodeValue, encodeValue } from './values.ts'

/** The bytes of a request. Throws a ValueError. */
export function encodeRequest(op: unknown): Uint8Array {
  return withMark(REQUEST_MARK, op)
}

/** The bytes of a part of a state, as `Replica.save` gives it. */
export function encodeUnion(state: unknown): Uint8Array {
  return withMark(UNION_MARK, state)
}

/** The bytes of something that is said of what was stored. */
export function encodeRestoration(op: RestorationOp): Uint8Array {
  return withMark(RESTORATION_MARK, saveRestorationOp(op))
}

/** What these bytes say of what was stored; null if that is malformed, undefined if they are about something else. */
export function readRestoration(payload: Uint8Array): RestorationOp | null | undefined {
  if (!isRestoration(payload)) return undefined
  try {
    return readRestorationOp(decodeValue(payload.subarray(1)))
  } catch {
    return null
  }
}

/** Do these bytes stand for a request? */
export function isRequest(payload: Uint8Array): boolean {
  return payload[0] === REQUEST_MARK
}

/** Applies one cast to a replica, as its bytes say. False: it is malformed. Throws what the replica throws. */
export function applyOperation(replica: Replica, payload: Uint8Array, info: OpInfo): boolean {
  const mark = payload[0] ?? 0
  // Of that, the replica knows nothing.
  if (mark === RESTORATION_MARK) return true
  const isMarked = mark === REQUEST_MARK || mark === UNION_MARK
  let value: unknown
  try {
    value = decodeValue(isMarked ? payload.subarray(1) : payload)
  } catch {
    return false
  }
  if (!isMarked) return replica.apply(value, info)
  if (mark === REQUEST_MARK) return replica.request?.(value, info) ?? false
  return unite(replica, value)
}

function unite(replica: Replica, state: unknown): boolean {
  if (replica.merge === undefined) return false
  try {
    replica.merge(state)
  } catch {
    // It is the author's: a state that is refused has changed nothing.
    return false
  }
  replica.united?.()
  return true
}

function withMark(mark: number, value: unknown): Uint8Array {
  const encoded = encodeValue(value)
  const bytes = new Uint8Array(encoded.length + 1)
  bytes[0] = mark
  bytes.set(encoded, 1)
  return bytes
}
