/**
 * A page with a document of Yjs in a space, over WebRTC only, that a test works with by `tab.evaluate`, through `window.yjs`.
 *
 * Query: `space`, `signaling`, `name`.
 */
import { openSpace, type Space } from 'tutti'
import { webrtc } from 'tutti/adapters/simple-peer'
import { TuttiProvider } from 'tutti/adapters/yjs'
import * as Y from 'yjs'

/** What the test reads and does. */
export interface YjsPage {
  readonly doc: Y.Doc
  readonly provider: TuttiProvider
  readonly space: Promise<Space>
  /** The names of those who are seen here. */
  names(): string[]
  /** Resolves when `isTrue` is; looks every few milliseconds. */
  until(isTrue: () => boolean, what: string): Promise<void>
}

declare global {
  interface Window {
    readonly yjs: YjsPage
  }
}

const query = new URLSearchParams(location.search)
const doc = new Y.Doc()
const space = openSpace(query.get('space') ?? '', {
  transports: [webrtc({ signaling: [query.get('signaling') ?? ''], iceServers: [] })],
  worker: () => new Worker('/worker/worker.js', { type: 'module' }),
})
const initialContent = (fresh: Y.Doc): void => fresh.getText('text').insert(0, 'begun ')
const provider = new TuttiProvider(space, 'doc', doc, { initialContent })
provider.awareness?.setLocalState({ name: query.get('name') })

function names(): string[] {
  const states = provider.awareness?.getStates() ?? new Map<number, Record<string, unknown>>()
  return [...states.values()].map((state) => String(state['name'])).sort()
}

async function until(isTrue: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 20_000
  while (!isTrue()) {
    if (Date.now() > end) throw new Error(`not ${what}: ${doc.getText('text').length} characters, ${names()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const yjs: YjsPage = { doc, provider, space, names, until }
Object.assign(window, { yjs })
