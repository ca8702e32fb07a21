/**
 * The package's worker: hosts the kernel, with the worker halves of the transports that the package brings.
 * Loading it is its effect: a dedicated worker's script, never to be imported.
 */
import { createTabsTransport } from '../adapters/broadcast-channel/worker-half.ts'
import { openIdbStorage } from '../adapters/idb-keyval/store.ts'
import { createWebrtcTransport } from '../adapters/simple-peer/worker-half.ts'
import { startWorker, type WorkerScope } from './start.ts'

startWorker(
  globalThis as unknown as WorkerScope,
  {
    'broadcast-channel': (options) => createTabsTransport(options),
    'simple-peer': (options, pagePort) => {
      if (pagePort === null) throw new TypeError('the transport "simple-peer" needs its page half')
      return createWebrtcTransport(options, pagePort)
    },
  },
  { 'idb-keyval': openIdbStorage },
)
