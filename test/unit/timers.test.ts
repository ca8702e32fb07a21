/** A hidden page's timers are throttled; the backend's are not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Backend } from '../../lib/backend.ts'
import { makePlatform } from '../../lib/platform.ts'
import { Timers } from '../../lib/timers.ts'
import { openInWorker } from '../../lib/worker-client.ts'
import { FakeWorker } from './fake-worker.ts'

/** The platform of a page that has been hidden for long. */
const hidden = { ...makePlatform(), setTimer: () => () => undefined }

async function openBackend(): Promise<Backend> {
  const config = {
    host: {
      ...{ self: 'a', space: 's', name: 'a', origin: '', foundAfterMs: null },
      ...{ isTraced: false, weight: 1, isWitness: false },
    },
    ...{ transports: [], storage: null, platform: makePlatform() },
    events: { tick: () => undefined, problem: () => undefined, ended: () => undefined },
  }
  return openInWorker(config, () => new FakeWorker().asWorker, undefined)
}

test('timers › a hidden page is told by its worker that a lease is over', async () => {
  const backend = await openBackend()
  const timers = new Timers(hidden, () => backend)
  const start = performance.now()
  await new Promise<void>((resolve) => timers.after(1_000, resolve))
  const ms = performance.now() - start
  assert.ok(ms >= 990 && ms < 1_900, `${ms}`)
  backend.stop()
})

test('timers › what is cancelled, or stopped, does not come, and nothing comes twice', async () => {
  const backend = await openBackend()
  const timers = new Timers(makePlatform(), () => backend)
  let count = 0
  const cancel = timers.after(1_000, () => assert.fail('it was cancelled'))
  timers.after(1_000, () => {
    count += 1
  })
  cancel()
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  assert.equal(count, 1)
  timers.after(1_000, () => assert.fail('all were stopped'))
  timers.stop()
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  backend.stop()
})
