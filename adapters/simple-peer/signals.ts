/**
 * What processes say through a signaling server, and the check every incoming message passes.
 *
 * The frames around it are y-webrtc's (`subscribe`, `publish`, `ping`), so any of its servers works unchanged.
 * A server, or whoever publishes there, may lie: everything is rebuilt from checked parts.
 */
import type { ProcessId } from '../../lib/kernel/api.ts'

/** What simple-peer of one side has to tell that of the other. */
export type PeerSignal =
  | { readonly type: 'offer' | 'answer'; readonly sdp: string }
  | {
      readonly type: 'candidate'
      readonly candidate: {
        readonly candidate: string
        readonly sdpMLineIndex: number | null
        readonly sdpMid: string | null
      }
    }

/** The `data` of a publication. */
export type Signal =
  /** A process is here. With `to`: an answer, or a question whether `to` still is. */
  | { readonly type: 'announce'; readonly from: ProcessId; readonly to: ProcessId | null }
  /** A part of the making of one connection. `session` names the attempt; `n` counts its signals, as several servers may carry each. */
  | {
      readonly type: 'signal'
      readonly from: ProcessId
      readonly to: ProcessId
      readonly session: string
      readonly n: number
      readonly signal: PeerSignal
    }
  /** A process leaves for good. */
  | { readonly type: 'leave'; readonly from: ProcessId }

/** The largest message taken from a server, in characters. */
export const messageLengthMax: number = 64 << 10
/** Signals of one attempt; an honest one has a few dozen. */
export const signalsMax = 512
const sdpLengthMax = 16 << 10
const candidateLengthMax = 1024

/** What a server's text means to the subscriber of `topics`. `clients`: how many the server says subscribe to the topic. */
export type ServerMessage =
  | { readonly type: 'pong' }
  | { readonly type: 'publish'; readonly data: Signal; readonly clients: number | null }
  /** Well formed, but not ours to understand: another application's, or another version's. */
  | { readonly type: 'foreign' }

/** The message, or null if the server breaks the protocol. */
export function readServerMessage(text: unknown, topics: readonly string[]): ServerMessage | null {
  if (typeof text !== 'string' || text.length > messageLengthMax) return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (!isRecord(value) || typeof value['type'] !== 'string') return null
  if (value['type'] === 'pong') return { type: 'pong' }
  if (value['type'] !== 'publish') return { type: 'foreign' }
  const { topic, data, clients } = value
  if (typeof topic !== 'string' || !topics.includes(topic)) return null
  if (!isRecord(data) || !isProcessId(data['from'])) return null
  const read = readSignal(data, data['from'])
  if (read === undefined) return { type: 'foreign' }
  if (read === null) return null
  return { type: 'publish', data: read, clients: isCount(clients) ? clients : null }
}

/** True for a well-formed process id. */
export function isProcessId(value: unknown): value is ProcessId {
  return typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value)
}

/** Null: malformed; undefined: of a type unknown here. */
function readSignal(data: Record<string, unknown>, from: ProcessId): Signal | null | undefined {
  const { type, to, session, n } = data
  if (type === 'announce')
    return to === undefined || to === null || isProcessId(to) ? { type, from, to: to ?? null } : null
  if (type === 'leave') return { type, from }
  if (type !== 'signal') return undefined
  if (!isProcessId(to) || typeof session !== 'string' || sessionNumber(session) === null) return null
  if (!isCount(n) || n >= signalsMax) return null
  const signal = readPeerSignal(data['signal'])
  return signal === undefined || signal === null ? signal : { type, from, to, session, n, signal }
}

/** A part of simple-peer's talk, rebuilt from checked parts. Null: malformed; undefined: of a kind we do not use. */
export function readPeerSignal(value: unknown): PeerSignal | null | undefined {
  if (!isRecord(value)) return null
  const { type } = value
  if (type === 'offer' || type === 'answer') {
    const { sdp } = value
    return typeof sdp === 'string' && sdp.length <= sdpLengthMax && sdp.startsWith('v=0') ? { type, sdp } : null
  }
  const inner = value['candidate']
  if (inner === undefined) return undefined
  if (!isRecord(inner)) return null
  const { candidate, sdpMLineIndex = null, sdpMid = null } = inner
  if (typeof candidate !== 'string' || candidate.length > candidateLengthMax) return null
  if (sdpMLineIndex !== null && !isCount(sdpMLineIndex)) return null
  if (sdpMid !== null && (typeof sdpMid !== 'string' || sdpMid.length > 64)) return null
  if (sdpMLineIndex === null && sdpMid === null) return null
  return { type: 'candidate', candidate: { candidate, sdpMLineIndex, sdpMid } }
}

/** A name for the n-th attempt this process makes: later ones have higher numbers. */
export function drawSession(n: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8))
  return `${n}.${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

/** The number in a session's name, or null if it is malformed. */
export function sessionNumber(session: string): number | null {
  const match = /^(\d{1,9})\.[0-9a-f]{16}$/.exec(session)
  return match?.[1] === undefined ? null : Number(match[1])
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
