/**
 * The page of `bench:yjs`: one document at a time, over Tutti (`ours`) or over y-webrtc (`theirs`), driven from outside.
 */
import { openSpace, type Space } from 'tutti'
import { webrtc } from 'tutti/adapters/simple-peer'
import { TuttiProvider } from 'tutti/adapters/yjs'
import { WebrtcProvider } from 'y-webrtc'
import * as Y from 'yjs'

export type Side = 'ours' | 'theirs'

/** What is open. */
interface Open {
  readonly doc: Y.Doc
  readonly provider: TuttiProvider | WebrtcProvider
  readonly space: Promise<Space> | null
  readonly begun: number
}

/** What the bench calls, by `page.evaluate`. */
export interface BenchPage {
  /** Opens a document and writes this page's name into it. */
  start(side: Side, room: string, signaling: string, name: string): void
  /** Resolves with the ms since `start` when all these names are in the document; with null if they are not after `limit`. */
  untilNames(names: readonly string[], limit: number): Promise<number | null>
  /** Resolves with the ms since `start` at which it was synced; with null if it was not after `limit`. */
  untilSynced(limit: number): Promise<number | null>
  /** The peer's id here, and those that it is connected with and deaf to, or does not have in its view. */
  peers(): { readonly id: string; readonly there: readonly string[]; readonly deaf: readonly string[] }
  names(): readonly string[]
  /** Writes so many bytes. */
  writeBytes(key: string, size: number): void
  /** Resolves with the time at which they are here; with null if they are not after `limit`. */
  untilBytes(key: string, size: number, limit: number): Promise<number | null>
  /** Says something, so that the others see a cursor. */
  appear(name: string): void
  /** Resolves with the time at which nobody of that name is seen any more, or is first seen; with null if not after `limit`. */
  untilSeen(name: string, isSeen: boolean, limit: number): Promise<number | null>
  stop(): Promise<void>
}

declare global {
  interface Window {
    readonly bench: BenchPage
  }
}

let open: Open | null = null

function current(): Open {
  if (open === null) throw new Error('nothing is open')
  return open
}

/** Resolves with `Date.now()` when it is so; looks every 2 ms, and when the document changes. */
async function until(isSo: () => boolean, limit: number): Promise<number | null> {
  const end = Date.now() + limit
  while (!isSo()) {
    if (Date.now() > end) return null
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return Date.now()
}

const since = (time: number | null): number | null => (time === null ? null : time - current().begun)
const names = (): readonly string[] => [...current().doc.getMap('names').keys()].sort()

const bench: BenchPage = {
  start(side, room, signaling, name) {
    const doc = new Y.Doc()
    const begun = Date.now()
    if (side === 'ours') {
      const space = openSpace(room, {
        transports: [webrtc({ signaling: [signaling], iceServers: [] })],
        worker: () => new Worker('/worker/worker.js', { type: 'module' }),
      })
      open = { doc, provider: new TuttiProvider(space, 'doc', doc), space, begun }
    } else {
      const provider = new WebrtcProvider(room, doc, {
        signaling: [signaling],
        peerOpts: { config: { iceServers: [] } },
      })
      open = { doc, provider, space: null, begun }
    }
    doc.getMap('names').set(name, true)
  },
  untilNames: async (wanted, limit) => since(await until(() => wanted.every((name) => names().includes(name)), limit)),
  async untilSynced(limit) {
    const { provider } = current()
    if (provider instanceof TuttiProvider) return since(await until(() => provider.synced, limit))
    return since(
      await until(() => [...(provider.room?.webrtcConns.values() ?? [])].some(({ synced }) => synced), limit),
    )
  },
  peers() {
    const { provider } = current()
    if (provider instanceof TuttiProvider) {
      const { peerId = '', webrtcConns } = provider.room ?? {}
      return { id: peerId, there: [...(webrtcConns?.keys() ?? [])], deaf: [] }
    }
    const conns = [...(provider.room?.webrtcConns ?? [])]
    return {
      id: provider.room?.peerId ?? '',
      there: conns.filter(([, conn]) => conn.connected).map(([id]) => id),
      deaf: conns.filter(([, conn]) => conn.connected && !conn.synced).map(([id]) => id),
    }
  },
  names,
  writeBytes(key, size) {
    current().doc.getMap('bytes').set(key, new Uint8Array(size).fill(7))
  },
  untilBytes(key, size, limit) {
    const bytes = current().doc.getMap<Uint8Array>('bytes')
    return until(() => bytes.get(key)?.length === size, limit)
  },
  appear(name) {
    current().provider.awareness?.setLocalStateField('user', { name })
  },
  untilSeen(name, isSeen, limit) {
    const states = current().provider.awareness?.getStates() ?? new Map<number, Record<string, unknown>>()
    const isThere = (): boolean =>
      [...states.values()].some((state) => (state['user'] as { name?: string } | undefined)?.name === name)
    return until(() => isThere() === isSeen, limit)
  },
  async stop() {
    const { provider, space, doc } = current()
    open = null
    provider.destroy()
    doc.destroy()
    await (await space)?.close()
  },
}
Object.assign(window, { bench })
