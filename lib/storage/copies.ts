/**
 * How a group's state lies in a store: one copy for each process that had it open, which that process alone writes.
 *
 * `SPACE/GROUP/COPY/h` is the head of a copy: which generation counts. `…/s/GENERATION/PART` are the parts of the state that
 * the generation begins with (none: the state of the beginning), `…/l/GENERATION/NUMBER` the batches of what has happened
 * since, without a gap. A copy bears the id of the process that writes it; who finds it when that process is gone takes it
 * over, and removes it in the same write in which it has it in its own. So there are as many copies of a group as processes
 * that have it open, and those of whoever is gone since somebody last opened it.
 *
 * What cannot be read is set aside under `SPACE//q/`, one copy at most.
 */
import type { Storage, StorageWrite } from '../ports/storage.ts'
import { type LogEvent, readLogEvent } from './log-event.ts'
import { encodeRecord, joinBytes, type RecordFault, RecordKind, readRecords } from './record.ts'

/** Bytes of a state that stand under one key. */
export const PART_BYTES: number = 4 * 1024 * 1024

const NOTHING = new Uint8Array(0)

/** What the head of a copy says. */
export interface CopyHead {
  /** The group's kind: a copy of another one is not for this group. */
  readonly kind: string
  readonly generation: number
  /** Parts of the state that the generation begins with; 0: that of the beginning. */
  readonly parts: number
  /** Whom it stands for, beside its writer: see `GroupLog.claim`. */
  readonly covers: readonly string[]
}

/** A copy as it was found. */
export interface StoredCopy {
  /** The process that wrote it. */
  readonly id: string
  /**
   * That nobody has changed it since: the bytes of its head and, if it is whole, that its log has not gone on. A page that is
   * being closed may write a batch when its lock is free already (seed 621).
   */
  readonly guards: StorageWrite['guards']
  readonly keys: readonly string[]
  /** Null: it cannot be read, not even in part. */
  readonly content: CopyContent | null
  /**
   * Why it cannot be read, or not beyond its content; null: it is whole. `other-kind`: it is of another kind of object.
   * `moved`: somebody took it over, or wrote it anew, while it was read.
   */
  readonly fault: RecordFault | 'missing' | 'moved' | 'other-kind' | null
}

/** What a copy holds. */
export interface CopyContent {
  readonly generation: number
  /** Null: the state of the beginning. */
  readonly state: Uint8Array | null
  readonly events: readonly LogEvent[]
  readonly covers: readonly string[]
}

/** Whom these copies stand for: their writers, and those whose they were begun for. */
export function coveredBy(copies: readonly StoredCopy[]): string[] {
  return [...new Set(copies.flatMap(({ id, content }) => [...(content?.covers ?? []), id]))]
}

/** Where the copies of a group are. */
export function groupPrefix(space: string, group: string): string {
  return `${escaped(space)}/${escaped(group)}/`
}

/** Where what is set aside is. No group has an empty name. */
export function quarantinePrefix(space: string): string {
  return `${escaped(space)}//q/`
}

export function headKey(prefix: string): string {
  return `${prefix}h`
}

export function partKey(prefix: string, generation: number, part: number): string {
  return `${prefix}s/${digits(generation)}/${digits(part)}`
}

export function batchKey(prefix: string, generation: number, batch: number): string {
  return `${prefix}l/${digits(generation)}/${digits(batch)}`
}

/** The state in parts, as records. */
export function encodeParts(state: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at === 0 || at < state.length; at += PART_BYTES) {
    parts.push(encodeRecord({ kind: RecordKind.part, fields: [], bytes: state.subarray(at, at + PART_BYTES) }))
  }
  return parts
}

export function encodeHead({ kind, generation, parts, covers }: CopyHead): Uint8Array {
  return encodeRecord({ kind: RecordKind.head, fields: [kind, generation, parts, covers], bytes: NOTHING })
}

/** Reads the copies of a group that fit `isWanted`, by the ids of their writers; ascending. */
export async function readCopies(
  storage: Storage,
  prefix: string,
  kind: string,
  isWanted: (writer: string) => boolean,
): Promise<StoredCopy[]> {
  const keysOf = new Map<string, string[]>()
  for (const key of await storage.keys(prefix)) {
    const id = key.slice(prefix.length, key.indexOf('/', prefix.length))
    if (isWanted(id)) keysOf.set(id, [...(keysOf.get(id) ?? []), key])
  }
  const copies: StoredCopy[] = []
  for (const [id, keys] of keysOf) {
    const at = { id, prefix: `${prefix}${id}/`, keys }
    const copy = await readCopy(storage, at, kind)
    const hasMoved = copy.fault === 'missing' && !isSame(await storage.keys(at.prefix), keys)
    copies.push(hasMoved ? { ...copy, fault: 'moved' } : copy)
  }
  return copies
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((each, i) => each === others[i])
}

async function readCopy(
  storage: Storage,
  { id, prefix, keys }: { readonly id: string; readonly prefix: string; readonly keys: readonly string[] },
  kind: string,
): Promise<StoredCopy> {
  // In one call, so that they are of one moment.
  const values = await storage.read(keys)
  const found = new Map(keys.flatMap((key, i) => (values[i] === undefined ? [] : [[key, values[i]] as const])))
  const bytes = found.get(headKey(prefix))
  const guard = [headKey(prefix), bytes ?? null] as const
  const copy = { id, keys, guards: [guard] }
  if (bytes === undefined) return { ...copy, content: null, fault: 'missing' }
  const head = readHead(bytes)
  if (typeof head === 'string') return { ...copy, content: null, fault: head }
  if (head.kind !== kind) return { ...copy, content: null, fault: 'other-kind' }
  const { generation, covers } = head
  const state = readState(found, prefix, head)
  if (typeof state === 'string') return { ...copy, content: null, fault: state }
  const { events, fault, batches } = readLog(found, prefix, generation)
  const content = { generation, state, events, covers }
  if (fault !== null) return { ...copy, content, fault }
  return { ...copy, guards: [guard, [batchKey(prefix, generation, batches), null]], content, fault }
}

function readHead(bytes: Uint8Array): CopyHead | RecordFault {
  const { records, fault } = readRecords(bytes)
  const [record] = records
  if (record === undefined) return fault ?? 'truncated'
  const [kind, generation, parts, covers] = record.fields
  if (record.kind !== RecordKind.head || typeof kind !== 'string' || !isCount(generation) || !isCount(parts)) {
    return 'corrupt'
  }
  if (!Array.isArray(covers) || !covers.every((each) => typeof each === 'string')) return 'corrupt'
  return { kind, generation, parts, covers }
}

function readState(
  found: ReadonlyMap<string, Uint8Array>,
  prefix: string,
  { generation, parts }: CopyHead,
): Uint8Array | null | RecordFault | 'missing' {
  if (parts === 0) return null
  const pieces: Uint8Array[] = []
  for (let part = 0; part < parts; part += 1) {
    const bytes = found.get(partKey(prefix, generation, part))
    if (bytes === undefined) return 'missing'
    const { records, fault } = readRecords(bytes)
    const [record] = records
    if (record === undefined || fault !== null) return fault ?? 'truncated'
    if (record.kind !== RecordKind.part) return 'corrupt'
    pieces.push(record.bytes)
  }
  return joinBytes(pieces)
}

/** What has happened up to the first batch that is not there or not whole: what came after it is of no use. */
function readLog(
  found: ReadonlyMap<string, Uint8Array>,
  prefix: string,
  generation: number,
): { readonly events: readonly LogEvent[]; readonly fault: StoredCopy['fault']; readonly batches: number } {
  const events: LogEvent[] = []
  const start = `${prefix}l/${digits(generation)}/`
  const batches = [...found.keys()].filter((key) => key.startsWith(start)).length
  for (let batch = 0; batch < batches; batch += 1) {
    const bytes = found.get(batchKey(prefix, generation, batch))
    if (bytes === undefined) return { events, fault: 'missing', batches }
    const { records, fault } = readRecords(bytes)
    for (const record of records) {
      const event = record.kind === RecordKind.event ? readLogEvent(record) : null
      if (event === null) return { events, fault: 'corrupt', batches }
      events.push(event)
    }
    if (fault !== null) return { events, fault, batches }
  }
  return { events, fault: null, batches }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Sorted as text as it is as a number. */
function digits(n: number): string {
  return n.toString(36).padStart(8, '0')
}

function escaped(name: string): string {
  return name.replace(/[%/]/g, (char) => (char === '/' ? '%2F' : '%25'))
}
