/** The line between the page half and the worker half: what they say, over a MessagePort or within one thread. */
import type { Channel, ProcessId } from '../../lib/kernel/api.ts'

/** The channels of a link by number, and the stream ids on which both sides open them. */
export const channels: readonly Channel[] = ['control', 'data', 'bulk']
/** The SCTP stream of the first channel; simple-peer's own channel uses the low ids. */
export const firstChannelId = 100
/** The stream on which a page says the last word of its process; it stays on the page. */
export const wordChannelId: number = firstChannelId + channels.length
/** Longer ones are no words. */
export const wordBytesMax: number = 64 << 10

/** Frames of several channels in the order they were sent; `on[i]` is the channel number of `parts[i]`. */
export interface FrameBatch {
  readonly on: Uint8Array
  readonly parts: readonly Uint8Array[]
}

/**
 * From the page half. An attempt is one connection, from its making to its end. `isSpokenFor`: what the worker sends on it
 * goes out in tasks of the page, so not when that goes away.
 */
export type FromPage =
  /** May (and need) this peer be connected? */
  | { readonly t: 'ask'; readonly peer: ProcessId }
  /** A connection is being made; `channels` are its three data channels, or null if the page passes the bytes on. */
  | {
      readonly t: 'attempt'
      readonly attempt: number
      readonly peer: ProcessId
      readonly channels: readonly RTCDataChannel[] | null
      readonly isSpokenFor: boolean
    }
  /** The connection is no more. */
  | { readonly t: 'gone'; readonly attempt: number }
  /** All signaling servers were tried, and who was found there is connected or failed. */
  | { readonly t: 'searched' }
  /** The page has that word, and will say it or a later one if it goes away. */
  | { readonly t: 'kept'; readonly n: number }
  /** The peer's page said the last word of its process. */
  | { readonly t: 'word'; readonly peer: ProcessId; readonly word: Uint8Array }
  /** Pumped only: a channel has opened. */
  | { readonly t: 'opened'; readonly attempt: number; readonly channel: number }
  /** Pumped only: what arrived. */
  | { readonly t: 'received'; readonly attempt: number; readonly batch: FrameBatch }
  /** Pumped only: bytes of each channel handed to the network so far. */
  | { readonly t: 'drained'; readonly attempt: number; readonly bytes: readonly number[] }

/** From the worker half. */
export type FromWorker =
  | { readonly t: 'start' }
  | { readonly t: 'stop' }
  /** The answer to `ask`; a later `connect: true` may follow a refusal. */
  | { readonly t: 'answer'; readonly peer: ProcessId; readonly connect: boolean }
  /** All three channels are open. */
  | { readonly t: 'up'; readonly attempt: number }
  /** A channel has closed, or the host gave the path up. `again`: try to connect anew. */
  | { readonly t: 'down'; readonly attempt: number; readonly again: boolean }
  /** Channels arrived here unreadable: pass the bytes on instead. */
  | { readonly t: 'cannotTransfer' }
  /** The last word of this process, the `n`th. */
  | { readonly t: 'keep'; readonly n: number; readonly word: Uint8Array }
  /** Pumped only: frames to send. */
  | { readonly t: 'send'; readonly attempt: number; readonly batch: FrameBatch }

/** One end of the line. */
export interface PagePort<Out, In> {
  post(message: Out, transfer?: readonly Transferable[]): void
  /** Called once; messages that came before are kept until then. */
  listen(handle: (message: In) => void, handleUnreadable?: () => void): void
  close(): void
}

/** The line over a MessagePort. Both halves are ours, so messages are trusted. */
export function overMessagePort<Out, In>(port: MessagePort): PagePort<Out, In> {
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    listen: (handle, handleUnreadable) => {
      port.onmessageerror = () => handleUnreadable?.()
      port.onmessage = (event: MessageEvent<In>) => handle(event.data)
    },
    close: () => {
      port.onmessage = null
      port.onmessageerror = null
    },
  }
}

/** Both ends of a line within one thread: nothing is cloned or transferred, each message comes in a microtask of its own. */
export function withinThread(): [PagePort<FromPage, FromWorker>, PagePort<FromWorker, FromPage>] {
  const toWorker = pipe<FromPage>()
  const toPage = pipe<FromWorker>()
  return [
    { post: toWorker.post, listen: toPage.listen, close: toPage.close },
    { post: toPage.post, listen: toWorker.listen, close: toWorker.close },
  ]
}

function pipe<T>(): { post(message: T): void; listen(handle: (message: T) => void): void; close(): void } {
  let handle: ((message: T) => void) | null = null
  let early: T[] = []
  return {
    post: (message) => {
      if (handle === null) early.push(message)
      else queueMicrotask(() => handle?.(message))
    },
    listen: (next) => {
      handle = next
      for (const message of early) queueMicrotask(() => handle?.(message))
      early = []
    },
    close: () => {
      handle = () => undefined
    },
  }
}
