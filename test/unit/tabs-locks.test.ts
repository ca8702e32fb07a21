/**
 * The tabs transport where Web Locks are there but denied, as in a sandboxed frame.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTabsTransport } from '../../adapters/broadcast-channel/worker-half.ts'

const denied = { request: () => Promise.reject(new DOMException('denied', 'SecurityError')) }

test('tabs › processes to which locks are denied are not dead: they meet, and one founds', {
  timeout: 10_000,
}, async (t) => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator')
  Object.defineProperty(globalThis, 'navigator', { value: { locks: denied }, configurable: true })
  t.after(() => {
    if (before === undefined) Reflect.deleteProperty(globalThis, 'navigator')
    else Object.defineProperty(globalThis, 'navigator', before)
  })
  const open = (self: string) => {
    const codes: string[] = []
    const transport = createTabsTransport({})
    t.after(() => transport.stop())
    const met = new Promise<string>((resolve) => {
      transport.start({
        self,
        space: 'denied',
        origin: '',
        linkUp: (link) => resolve(link.peer),
        linkDown: () => undefined,
        receive: () => undefined,
        dead: () => codes.push('dead'),
        lastWord: () => codes.push('lastWord'),
        searched: () => undefined,
        problem: ({ code }) => codes.push(code),
        superseded: ({ code }) => codes.push(`superseded ${code}`),
        reaches: () => false,
      })
    })
    return { codes, met, transport }
  }
  const [a, b] = [open('a'), open('b')]
  assert.deepEqual(await Promise.all([a.met, b.met]), ['b', 'a'])
  // Node has no IndexedDB either, and says so.
  assert.deepEqual(a.codes.sort(), ['tabs-locks-denied', 'tabs-storage-denied'])
  const granted = await Promise.all([a.transport.origin?.requestFound(), b.transport.origin?.requestFound()])
  assert.deepEqual(granted.sort(), [false, true])
})
