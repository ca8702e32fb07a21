/**
 * What happens to a group, as it is logged: by these the state goes on from one snapshot to the next.
 */
import { encodeRecord, RecordKind, type StoredRecord } from './record.ts'

/** One entry of a log. */
export type LogEvent =
  /** A cast of somebody else was delivered. */
  | {
      readonly type: 'cast'
      readonly from: string
      readonly n: number
      readonly view: string
      readonly index: number
      readonly payload: Uint8Array
    }
  /** The writer of the log has made a cast. Unless something else is said of it, others may have it, or not. */
  | { readonly type: 'own'; readonly n: number; readonly payload: Uint8Array }
  /** An own cast was delivered. */
  | { readonly type: 'delivered'; readonly n: number; readonly view: string; readonly index: number }
  /** An own cast was not sent, and will not be. */
  | { readonly type: 'refused'; readonly n: number }

const NOTHING = new Uint8Array(0)

/** The bytes of one entry, as a record. */
export function encodeLogEvent(event: LogEvent): Uint8Array {
  const kind = RecordKind.event
  switch (event.type) {
    case 'cast':
      return encodeRecord({ kind, fields: ['c', event.from, event.n, event.view, event.index], bytes: event.payload })
    case 'own':
      return encodeRecord({ kind, fields: ['o', event.n], bytes: event.payload })
    case 'delivered':
      return encodeRecord({ kind, fields: ['d', event.n, event.view, event.index], bytes: NOTHING })
    case 'refused':
      return encodeRecord({ kind, fields: ['r', event.n], bytes: NOTHING })
    default:
      return event satisfies never
  }
}

/** Null if it is none. */
export function readLogEvent({ fields, bytes }: StoredRecord): LogEvent | null {
  const [type, ...rest] = fields
  if (type === 'c') {
    const [from, n, view, index] = rest
    const isCast = typeof from === 'string' && isNumber(n) && typeof view === 'string' && isNumber(index)
    return isCast ? { type: 'cast', from, n, view, index, payload: bytes } : null
  }
  const [n, view, index] = rest
  if (!isNumber(n)) return null
  if (type === 'o') return { type: 'own', n, payload: bytes }
  if (type === 'd') return typeof view === 'string' && isNumber(index) ? { type: 'delivered', n, view, index } : null
  return type === 'r' ? { type: 'refused', n } : null
}

/** A cast, as a replica is to apply it. */
export interface LoggedCast {
  readonly from: string
  readonly n: number
  readonly view: string
  readonly index: number
  readonly payload: Uint8Array
}

/**
 * What of a log is to be applied to the state that it begins with, in this order: what was delivered, and then what its
 * writer had cast without having seen it delivered.
 */
export function castsOf(writer: string, events: readonly LogEvent[]): LoggedCast[] {
  const open = new Map<number, Uint8Array>()
  const casts: LoggedCast[] = []
  for (const event of events) {
    switch (event.type) {
      case 'cast':
        casts.push(event)
        break
      case 'own':
        open.set(event.n, event.payload)
        break
      case 'delivered': {
        const payload = open.get(event.n)
        open.delete(event.n)
        if (payload !== undefined) casts.push({ ...event, from: writer, payload })
        break
      }
      case 'refused':
        open.delete(event.n)
        break
      default:
        event satisfies never
    }
  }
  for (const [n, payload] of open) casts.push({ from: writer, n, view: '', index: 0, payload })
  return casts
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
