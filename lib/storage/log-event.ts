/**
 * What happens to a group, as it is logged: by these the state goes on from one snapshot to the next.
 */
import type { GroupView } from '../objects/replica.ts'
import { isRestoration } from '../payload-marks.ts'
import { encodeRecord, RecordKind, type StoredRecord } from './record.ts'
import { type Acted, readPast, readStanding, savePast } from './standing.ts'

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
  /** A view of a group that acts in the primary component only. */
  | { readonly type: 'view'; readonly view: GroupView }
  /** How far the state had come at this place. */
  | { readonly type: 'acted'; readonly acted: Acted }

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
    case 'view': {
      const { id, members, primary, line, missing, joined, left, dead, expelled } = event.view
      const fields = ['v', id, members, primary, line, missing, joined, left, dead, expelled]
      return encodeRecord({ kind, fields, bytes: NOTHING })
    }
    case 'acted': {
      const { standing, holders, birth, past } = event.acted
      const { hasActed, era, view, index } = standing
      const origin = [birth ?? null, past === undefined ? null : savePast(past)]
      return encodeRecord({ kind, fields: ['a', hasActed, era, view, index, holders, ...origin], bytes: NOTHING })
    }
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
  if (type === 'v') return readView(rest)
  if (type === 'a') return readActed(rest)
  const [n, view, index] = rest
  if (!isNumber(n)) return null
  if (type === 'o') return { type: 'own', n, payload: bytes }
  if (type === 'd') return typeof view === 'string' && isNumber(index) ? { type: 'delivered', n, view, index } : null
  return type === 'r' ? { type: 'refused', n } : null
}

function readView([id, members, primary, line, ...rest]: readonly unknown[]): LogEvent | null {
  const [missing, joined, left, dead, expelled] = rest
  if (typeof id !== 'string' || typeof primary !== 'boolean' || !(line === null || typeof line === 'string'))
    return null
  if (![members, missing, joined, left, dead, expelled].every(isNames)) return null
  const lists = { members, missing, joined, left, dead, expelled } as Record<string, readonly string[]>
  return { type: 'view', view: { id, primary, line, ...lists } as GroupView }
}

function readActed(fields: readonly unknown[]): LogEvent | null {
  const standing = readStanding(fields)
  const [holders, birth, savedPast] = fields.slice(4)
  if (standing === null || !isNames(holders)) return null
  const past = readPast(savedPast)
  const origin = { ...(typeof birth === 'string' ? { birth } : {}), ...(past === null ? {} : { past }) }
  return { type: 'acted', acted: { standing, holders, ...origin } }
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

/** A cast that a replica is to apply, or a view that it is to be told. */
export type LoggedStep = LoggedCast | { readonly told: GroupView }

/** What of a log is to be told, of a group that acts in the primary component only; and how far that had come. */
export function stepsOf(events: readonly LogEvent[]): { readonly steps: LoggedStep[]; readonly acted: Acted | null } {
  const steps: LoggedStep[] = []
  let acted = null as Acted | null
  for (const event of events) {
    if (event.type === 'acted') acted = event.acted
    else if (event.type === 'view') {
      const { view } = event
      steps.push({ told: view })
      // Elsewhere than in the primary component a group does not get any further.
      if (view.primary && acted !== null) {
        acted = { ...acted, standing: { ...acted.standing, view: view.id, index: 0 }, holders: view.members }
      }
    } else if (event.type === 'cast') {
      steps.push(event)
      acted = furtherBy(acted, event)
    }
  }
  return { steps, acted }
}

/** How far it has come after one more cast. */
export function furtherBy(
  acted: Acted | null,
  { view, index, payload }: Pick<LoggedCast, 'view' | 'index' | 'payload'>,
): Acted | null {
  if (acted === null) return null
  const { standing } = acted
  const hasActed = standing.hasActed || !isRestoration(payload)
  return { ...acted, standing: { ...standing, hasActed, index: standing.view === view ? index : standing.index } }
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
      case 'view':
      case 'acted':
        // Of groups that act in the primary component only: see `stepsOf`.
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
