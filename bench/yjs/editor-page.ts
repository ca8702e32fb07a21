/**
 * A page with a real editor: CodeMirror 6 with y-codemirror.next, bound to a document over Tutti. Query: `room`,
 * `signaling`, `name`.
 */
import { basicSetup, EditorView } from 'codemirror'
import { openSpace } from 'tutti'
import { webrtc } from 'tutti/adapters/simple-peer'
import { TuttiProvider } from 'tutti/adapters/yjs'
import { yCollab } from 'y-codemirror.next'
import * as Y from 'yjs'

const query = new URLSearchParams(location.search)
const room = query.get('room') ?? ''
const doc = new Y.Doc()
const space = openSpace(room, {
  transports: [webrtc({ signaling: [query.get('signaling') ?? ''], iceServers: [] })],
  worker: () => new Worker('/worker/worker.js', { type: 'module' }),
})
const provider = new TuttiProvider(space, 'doc', doc, {
  initialContent: (fresh) => fresh.getText('codemirror').insert(0, '# Notes\n'),
})
provider.awareness?.setLocalStateField('user', { name: query.get('name'), color: '#30bced' })
const text = doc.getText('codemirror')
const view = new EditorView({
  doc: text.toString(),
  parent: document.body,
  extensions: [basicSetup, yCollab(text, provider.awareness)],
})

const editor = {
  ready: (): Promise<void> => provider.whenReady,
  text: (): string => view.state.doc.toString(),
  /** The names at the others' cursors that are shown. */
  cursors: (): string[] =>
    [...document.querySelectorAll('.cm-ySelectionInfo')].map((each) => each.textContent ?? '').sort(),
  /** Puts the cursor at the end, as a click there does. */
  toEnd(): void {
    view.focus()
    view.dispatch({ selection: { anchor: view.state.doc.length } })
  },
}

declare global {
  interface Window {
    readonly editor: typeof editor
  }
}
Object.assign(window, { editor })
