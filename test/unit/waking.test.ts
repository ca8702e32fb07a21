/** How a page finds out that its machine was asleep. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { watchJumps, watchWaking } from '../../adapters/simple-peer/waking.ts'

function watched() {
  const clock = { time: 1_000_000, hidden: false, now: () => clock.time, isHidden: () => clock.hidden }
  let woken = 0
  const look = watchJumps(clock, () => {
    woken += 1
  })
  const after = (ms: number): number => {
    clock.time += ms
    look()
    return woken
  }
  return { clock, after }
}

test('waking › a clock that has jumped between two ticks is a sleep, told once', () => {
  const { after } = watched()
  assert.equal(after(5000), 0)
  assert.equal(after(20_000), 0)
  assert.equal(after(20_001), 1)
  assert.equal(after(5000), 1)
})

test('waking › a clock that is set back, and what follows, is no sleep', () => {
  const { after } = watched()
  assert.equal(after(-3_600_000), 0)
  assert.equal(after(5000), 0)
})

test('waking › the slow timers of a hidden page are no sleep, nor is the first tick after it is shown', () => {
  const { clock, after } = watched()
  clock.hidden = true
  assert.equal(after(60_000), 0)
  clock.hidden = false
  assert.equal(after(60_000), 0)
  assert.equal(after(60_000), 1)
  clock.hidden = true
  assert.equal(after(90_001), 2)
})

test('waking › online, resume and pageshow are a return; pagehide is not; nothing is told after the end', (t) => {
  const page = new EventTarget()
  const document = Object.assign(new EventTarget(), { hidden: false })
  for (const name of ['addEventListener', 'removeEventListener'] as const) put(t, name, page[name].bind(page))
  put(t, 'document', document)
  const told: string[] = []
  const stop = watchWaking({
    back: () => told.push('back'),
    shown: () => told.push('shown'),
    restored: () => told.push('restored'),
    going: () => told.push('going'),
    hidden: () => told.push('hidden'),
  })
  const fire = (): void => {
    for (const type of ['online', 'pageshow', 'pagehide']) page.dispatchEvent(new Event(type))
    for (const type of ['resume', 'visibilitychange']) document.dispatchEvent(new Event(type))
  }
  fire()
  assert.deepEqual(told, ['back', 'restored', 'going', 'hidden', 'back', 'shown'])
  stop()
  fire()
  assert.equal(told.length, 6)
})

function put(t: TestContext, name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name)
  Object.defineProperty(globalThis, name, { value, configurable: true })
  t.after(() => {
    if (before === undefined) Reflect.deleteProperty(globalThis, name)
    else Object.defineProperty(globalThis, name, before)
  })
}
