/** The provider with documents of `@y/y` 14, and beside those of `yjs` 13. Run by `run.mjs`, which installs that package. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import * as Y13 from 'yjs'
import { TuttiProvider } from '../../adapters/yjs/index.ts'
import { Provider } from '../../adapters/yjs/provider.ts'
import type { AwarenessLike, DocLike, YjsModule } from '../../adapters/yjs/yjs-types.ts'
import { Net, when } from '../unit/yjs/sharers.ts'

interface Doc14 extends DocLike {
  get(name: string): {
    insert(at: number, text: string): void
    delete(at: number, length: number): void
    toString(): string
  }
}

const installed = process.env['YJS_14'] ?? ''
const load = (path: string): Promise<unknown> => import(pathToFileURL(join(installed, path)).href)
const Y14 = (await load('@y/y/src/index.js')) as YjsModule & { readonly Doc: new () => Doc14 }
const { Awareness } = (await load('@y/protocols/src/awareness.js')) as {
  readonly Awareness: new (doc: DocLike) => AwarenessLike
}
const modules = { yjs: Y14, makeAwareness: (doc: DocLike) => new Awareness(doc) }

test('yjs 14 › documents are equal, people known, and initial content written once', { timeout: 30_000 }, async (t) => {
  const net = new Net(t)
  const spaces = await net.together(2)
  const initialContent = (doc: Doc14): void => doc.get('text').insert(0, 'begun ')
  const [a, b] = spaces.map((space) => {
    const provider = new Provider<Doc14>(space, 'doc', new Y14.Doc() as Doc14, { initialContent }, modules)
    t.after(() => provider.destroy())
    return provider
  })
  assert.ok(a && b)
  await Promise.all([a.whenReady, b.whenReady])
  a.doc.get('text').insert(6, 'here')
  await when(b.doc as never, 'afterTransaction', () => b.doc.get('text').toString() === 'begun here')
  b.doc.get('text').delete(0, 6)
  await when(a.doc as never, 'afterTransaction', () => a.doc.get('text').toString() === 'here')
  a.awareness?.setLocalState({ name: 'A' })
  await when(b.awareness as never, 'change', () => b.awareness?.states.get(a.doc.clientID)?.['name'] === 'A')
  // Offline, and back.
  a.disconnect()
  a.doc.get('text').insert(0, 'still ')
  a.connect()
  await when(b.doc as never, 'afterTransaction', () => b.doc.get('text').toString() === 'still here')
})

test('yjs 14 › a document of yjs 13 may be in the same room', { timeout: 30_000 }, async (t) => {
  const [a, b] = await new Net(t).together(2)
  assert.ok(a && b)
  const old = new TuttiProvider(a, 'doc', new Y13.Doc(), { awareness: null })
  const young = new Provider<Doc14>(b, 'doc', new Y14.Doc() as Doc14, { awareness: null }, modules)
  t.after(() => {
    old.destroy()
    young.destroy()
  })
  await Promise.all([old.whenSynced, young.whenSynced])
  old.doc.getText('text').insert(0, 'old ')
  await when(young.doc as never, 'afterTransaction', () => young.doc.get('text').toString() === 'old ')
  young.doc.get('text').insert(4, 'and new')
  await when(old.doc as never, 'afterTransaction', () => old.doc.getText('text').toString() === 'old and new')
})
