/**
 * What tabs say to each other, and the check every incoming message passes.
 *
 * Three kinds of BroadcastChannel carry them: the space's (announcements), one inbox per process (knocks),
 * and one per pair of processes (everything else), so that a frame wakes its receiver and nobody else.
 * All messages come from the same origin, which may still run another version of this code: whatever is
 * not understood is ignored and counted, never thrown.
 */
import type { Channel, ProcessId } from '../../lib/kernel/api.ts'

/** The largest frame accepted from a peer: the port's 64 KiB and some room for a head. */
export const frameBytesMax: number = 66 * 1024

/** The channels by their number on the wire. */
export const channels: readonly Channel[] = ['control', 'data', 'bulk']

/** Bytes per channel, in the order of {@link channels}. */
export type PerChannel = [control: number, data: number, bulk: number]

/** A message on the space's channel or in an inbox. */
export type PublicMessage =
  /** A process is here and holds its lock. Everyone answers with a knock. */
  | { readonly t: 'announce'; readonly from: ProcessId }
  /** Asks the owner of the inbox to open the pair's channel. */
  | { readonly t: 'knock'; readonly from: ProcessId }
  /** Without Web Locks only: asks whether anyone is in a line. */
  | { readonly t: 'founding'; readonly from: ProcessId }
  /** The answer: someone is, or asked with a smaller id. */
  | { readonly t: 'founded'; readonly from: ProcessId }

/** A message on the channel of a pair. `link` is the receiver's own nonce for the link: stale messages name another. */
export type PairMessage =
  /** `echo` repeats the other side's nonce once it is known. `recorded`: the sender's vote record can be read from storage. */
  | {
      readonly t: 'hello'
      readonly from: ProcessId
      readonly nonce: string
      readonly echo: string | null
      readonly recorded: boolean
    }
  /** Frames in the order they were sent; `on[i]` is the channel number of `parts[i]`. */
  | {
      readonly t: 'frames'
      readonly from: ProcessId
      readonly link: string
      readonly on: Uint8Array
      readonly parts: readonly Uint8Array[]
    }
  /** All bytes received on this link so far. */
  | { readonly t: 'ack'; readonly from: ProcessId; readonly link: string; readonly bytes: Readonly<PerChannel> }
  /** The sender gave this link up, but lives. */
  | { readonly t: 'down'; readonly from: ProcessId; readonly link: string }
  /** The sender could not store its votes: what storage holds for it is void. */
  | { readonly t: 'unrecorded'; readonly from: ProcessId }
  /** The sender leaves for good: its lock will be released, which proves nothing any more. */
  | { readonly t: 'goodbye'; readonly from: ProcessId }

/** True for a well-formed process id. */
export function isProcessId(value: unknown): value is ProcessId {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)
}

/** The message, or null if it is not one this version understands. */
export function readPublicMessage(value: unknown): PublicMessage | null {
  if (!isRecord(value) || !isProcessId(value['from'])) return null
  const { t, from } = value
  return t === 'announce' || t === 'knock' || t === 'founding' || t === 'founded' ? { t, from } : null
}

/** The message, or null if it is not one this version understands. */
export function readPairMessage(value: unknown): PairMessage | null {
  if (!isRecord(value) || !isProcessId(value['from'])) return null
  const { t, from, link, nonce, echo, recorded, on, parts, bytes } = value
  switch (t) {
    case 'hello':
      if (!isNonce(nonce) || !(echo === null || isNonce(echo)) || typeof recorded !== 'boolean') return null
      return { t, from, nonce, echo, recorded }
    case 'frames':
      if (!isNonce(link) || !(on instanceof Uint8Array) || !Array.isArray(parts)) return null
      if (on.length !== parts.length || !on.every((n) => n < channels.length)) return null
      return parts.every(isFrame) ? { t, from, link, on, parts } : null
    case 'ack':
      return isNonce(link) && isPerChannel(bytes) ? { t, from, link, bytes } : null
    case 'down':
      return isNonce(link) ? { t, from, link } : null
    case 'unrecorded':
    case 'goodbye':
      return { t, from }
    default:
      return null
  }
}

/** A name for one life of one link, unlike any earlier one. */
export function drawNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isNonce(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 64
}

function isFrame(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.byteLength <= frameBytesMax
}

function isPerChannel(value: unknown): value is PerChannel {
  return (
    Array.isArray(value) && value.length === channels.length && value.every((n) => Number.isSafeInteger(n) && n >= 0)
  )
}
