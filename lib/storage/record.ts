/**
 * Stored records: a frame that tells a whole record of this version from everything else.
 *
 * `T T R`, the version (1 byte), the kind (1), the lengths of the fields and of the bytes (4 each, big-endian), the fields
 * as JSON in UTF-8, the bytes, and 16 characters of checksum over all before. Records may follow one upon the other. The
 * checksum finds accidents, not malice: whoever can write into the store is of the same origin.
 *
 * JSON, because the worker writes them, which has no need of the codec of values otherwise.
 */
import { hashBytes } from '../values.ts'

/** What is written. A reader takes older ones, and leaves newer ones alone. */
export const RECORD_VERSION = 1

const MAGIC = [0x54, 0x54, 0x52] as const
const HEAD_BYTES = 13
const SUM_BYTES = 16

/** Kinds of records. */
export const RecordKind = { head: 1, part: 2, event: 3 } as const

/** What a record holds. */
export interface StoredRecord {
  readonly kind: number
  /** Anything that JSON has. */
  readonly fields: readonly unknown[]
  readonly bytes: Uint8Array
}

/**
 * Why no record could be read. `newer`: it is one of a later version of Tutti. `corrupt`: bytes have changed. `truncated`:
 * it ends before its end.
 */
export type RecordFault = 'newer' | 'corrupt' | 'truncated'

/** The bytes of one record. */
export function encodeRecord({ kind, fields, bytes }: StoredRecord): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(fields))
  const end = HEAD_BYTES + text.length + bytes.length
  const record = new Uint8Array(end + SUM_BYTES)
  record.set(MAGIC)
  record[3] = RECORD_VERSION
  record[4] = kind
  const view = new DataView(record.buffer)
  view.setUint32(5, text.length)
  view.setUint32(9, bytes.length)
  record.set(text, HEAD_BYTES)
  record.set(bytes, HEAD_BYTES + text.length)
  const sum = hashBytes(record.subarray(0, end))
  for (let i = 0; i < SUM_BYTES; i += 1) record[end + i] = sum.charCodeAt(i)
  return record
}

/** Several records' bytes, one upon the other. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, each) => sum + each.length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

/** The records that follow one upon the other, up to the first that cannot be read: `fault` says why, null: none. */
export function readRecords(bytes: Uint8Array): {
  readonly records: readonly StoredRecord[]
  readonly fault: RecordFault | null
} {
  const records: StoredRecord[] = []
  let at = 0
  while (at < bytes.length) {
    const read = readRecord(bytes.subarray(at))
    if (typeof read === 'string') return { records, fault: read }
    records.push(read.record)
    at += read.size
  }
  return { records, fault: null }
}

function readRecord(bytes: Uint8Array): { readonly record: StoredRecord; readonly size: number } | RecordFault {
  if (MAGIC.some((byte, i) => i < bytes.length && bytes[i] !== byte)) return 'corrupt'
  if (bytes.length < HEAD_BYTES) return 'truncated'
  const version = bytes[3] ?? 0
  if (version > RECORD_VERSION) return 'newer'
  if (version === 0) return 'corrupt'
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const from = HEAD_BYTES + view.getUint32(5)
  const end = from + view.getUint32(9)
  if (bytes.length < end + SUM_BYTES) return 'truncated'
  const sum = hashBytes(bytes.subarray(0, end))
  for (let i = 0; i < SUM_BYTES; i += 1) if (bytes[end + i] !== sum.charCodeAt(i)) return 'corrupt'
  try {
    const fields: unknown = JSON.parse(new TextDecoder().decode(bytes.subarray(HEAD_BYTES, from)))
    if (!Array.isArray(fields)) return 'corrupt'
    const record = { kind: bytes[4] ?? 0, fields, bytes: bytes.slice(from, end) }
    return { record, size: end + SUM_BYTES }
  } catch {
    return 'corrupt'
  }
}
