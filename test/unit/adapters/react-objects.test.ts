/** React's `useObject` with objects of every make, on as much of a page as React needs to render nothing. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createElement as h } from 'react'
import { type Observable, useObject } from '../../../adapters/react/index.ts'
import { list, text } from '../../../adapters/yjs/index.ts'
import type { Space } from '../../../lib/space.ts'
import { Net } from '../yjs/sharers.ts'

const limits = { timeout: 20_000 }

/** Renders a component that opens an object; what resolves gives its snapshot once `isRight` holds of it. */
async function show<Shared extends Observable>(
  t: TestContext,
  space: Space,
  open: (space: Space, name: string) => Promise<Shared>,
): Promise<{ readonly object: Promise<Shared>; until(isRight: (snapshot: unknown) => boolean): Promise<void> }> {
  const page = globalThis as unknown as { window?: object }
  page.window ??= { HTMLIFrameElement: class {} }
  const { createRoot } = await import('react-dom/client')
  const looks = new Set<() => void>()
  const errors: unknown[] = []
  let shown: { object: Shared | null; snapshot: unknown } = { object: null, snapshot: null }
  const App = (): null => {
    shown = useObject(space, 'shown', open)
    for (const look of [...looks]) look()
    return null
  }
  const onUncaughtError = (error: unknown): void => {
    errors.push(error)
    for (const look of [...looks]) look()
  }
  const root = createRoot(makeContainer(), { onUncaughtError })
  t.after(() => root.unmount())
  const when = (isRight: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (errors.length > 0) reject(errors[0])
        else if (isRight()) resolve()
        else return
        looks.delete(look)
      }
      looks.add(look)
      look()
    })
  root.render(h(App))
  const object = when(() => shown.object !== null).then(() => shown.object as Shared)
  return { object, until: (isRight) => when(() => isRight(shown.snapshot)) }
}

/** An element into which nothing is put. */
function makeContainer(): HTMLElement {
  const node = { nodeType: 1, nodeName: 'DIV', tagName: 'DIV', namespaceURI: 'http://www.w3.org/1999/xhtml' }
  const events = { addEventListener: () => undefined, removeEventListener: () => undefined }
  const ownerDocument = { nodeType: 9, activeElement: null, ...events }
  return { ...node, ...events, ownerDocument, textContent: '' } as unknown as HTMLElement
}

test('react › a component is rendered anew when a list or a text changes', limits, async (t) => {
  const [space] = await new Net(t).together(1)
  assert.ok(space)
  const values = await show(t, space, (from) => list<string>(from, 'values'))
  ;(await values.object).push('one')
  await values.until((snapshot) => Array.isArray(snapshot) && snapshot[0] === 'one')
  const notes = await show(t, space, (from) => text(from, 'notes'))
  ;(await notes.object).append('hello')
  await notes.until((snapshot) => snapshot === 'hello')
})

test('react › an object of one’s own may subscribe by a method of its class', limits, async (t) => {
  class Own extends EventTarget {
    snapshot = 0
    subscribe(fn: () => void): () => void {
      this.addEventListener('change', fn)
      return () => this.removeEventListener('change', fn)
    }
    raise(): void {
      this.snapshot += 1
      this.dispatchEvent(new Event('change'))
    }
    close(): Promise<void> {
      return Promise.resolve()
    }
  }
  const [space] = await new Net(t).together(1)
  assert.ok(space)
  const own = await show(t, space, () => Promise.resolve(new Own()))
  ;(await own.object).raise()
  await own.until((snapshot) => snapshot === 1)
})
