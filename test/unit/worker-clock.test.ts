/** The worker's clock and the page's begin at different times: what the kernel says when it did is told by the page's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackendConfig } from '../../lib/backend.ts'
import type { FromWorker, HostTick } from '../../lib/port-messages.ts'
import { openInWorker } from '../../lib/worker-client.ts'

test('worker › when its kernel said something, and since when a lease counts, is told by the clock of the page', async () => {
  const ticks: HostTick[] = []
  const worker = {
    onmessage: null as ((event: { readonly data: FromWorker }) => void) | null,
    postMessage: () => undefined,
    terminate: () => undefined,
  }
  const config = {
    host: { isTraced: false },
    transports: [],
    storage: null,
    platform: { timeOrigin: 4_000, now: () => 0, setTimer: () => () => undefined },
    events: { tick: (tick: HostTick) => ticks.push(tick) },
  } as unknown as BackendConfig
  const opening = openInWorker(config, () => worker as unknown as Worker, undefined)
  worker.onmessage?.({ data: { type: 'ready', timeOrigin: 5_000 } })
  await opening
  const events = [{ type: 'lease', start: 7 }] as const
  worker.onmessage?.({ data: { type: 'tick', tick: { events, at: 10, notes: [] } } })
  assert.deepEqual(ticks, [{ events: [{ type: 'lease', start: 1_007 }], at: 1_010, notes: [] }])
})
