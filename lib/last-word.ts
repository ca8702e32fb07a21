/**
 * The last word of a process, which its page says for it when both go away and the worker comes too late: its vote record,
 * as bytes that the page keeps.
 *
 * The page has it before the vote is given. So it is to those who hear it what the record of a closed tab is to the tabs of
 * its browser: it tells of all that the process may have promised, and nothing follows it. It is a proof of death and no
 * goodbye, for it does not tell what was installed since (docs/decisions/038).
 */
import type { ProcessId, VoteRecord } from './kernel/api.ts'
import type { Frame } from './kernel/frame.ts'
import type { Transport } from './ports/transport.ts'

/** Frames to bytes and back. */
interface Codec {
  encode(frame: Frame): Uint8Array
  decode(bytes: Uint8Array): Frame | { readonly fault: string }
}

/** Who keeps a word, and how it is written. */
export interface WordKeeping {
  readonly self: ProcessId
  readonly codec: Codec
  readonly transports: readonly Transport[]
}

/** Has it kept wherever it may have to be said; each resolves once it is. */
export function keepWord({ self, codec, transports }: WordKeeping, record: VoteRecord): Promise<void>[] {
  const keepers = transports.filter((transport) => transport.keepWord !== undefined)
  if (keepers.length === 0) return []
  const departed = { id: self, isDead: true, votes: record, ended: [] }
  // In the frame of a goodbye, for its codec; no link has such a number.
  const ack = { session: 0, no: 0 }
  const word = codec.encode({ t: 'control', session: 0, no: 0, ack, messages: [{ k: 'leave', departed }] })
  return keepers.flatMap((transport) => transport.keepWord?.(word) ?? [])
}

/** The record in a word. An empty one is that of a process that had not voted for anything yet; null: it does not say. */
export function readWord(codec: Codec, word: Uint8Array): { record: VoteRecord | null } | { readonly fault: string } {
  if (word.length === 0) return { record: { last: null, attempt: null } }
  const frame = codec.decode(word)
  if ('fault' in frame) return frame
  const message = frame.t === 'control' ? frame.messages[0] : undefined
  return message?.k === 'leave' ? { record: message.departed.votes } : { fault: 'bad-word' }
}
