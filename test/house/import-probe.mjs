/**
 * Imports one module and writes one JSON line: what its import changed. Run by `imports.test.ts`.
 *
 * Arguments: `plain`, `ssr` (globals of the web platform taken away first) or `worker` (in a worker thread), and the specifier.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** What a server-side renderer, or an older Node, may not have. */
const webGlobals = [
  'navigator',
  'WebSocket',
  'BroadcastChannel',
  'MessageChannel',
  'MessagePort',
  'Worker',
  'SharedWorker',
  'crypto',
  'fetch',
  'indexedDB',
  'localStorage',
  'window',
  'document',
  'self',
  'location',
]

if (isMainThread) {
  const [mode, specifier] = process.argv.slice(2)
  if (mode === 'worker') {
    const worker = new Worker(new URL(import.meta.url), { workerData: specifier })
    worker.once('message', print)
    worker.once('error', (error) => print({ error: error.stack }))
  } else {
    if (mode === 'ssr') for (const name of webGlobals) delete globalThis[name]
    print(await probe(specifier))
  }
} else {
  // Node 20 does not run `--import tsx` in worker threads.
  const { register } = await import('tsx/esm/api')
  register()
  const result = await probe(workerData)
  // A module that listens here would keep the worker alive and take messages that are not its own.
  parentPort.postMessage({ ...result, listeners: parentPort.listenerCount('message') })
}

async function probe(specifier) {
  // Loads the loader's own parts, so that they are not counted.
  await import('./nothing.ts')
  const before = picture()
  try {
    const exported = Object.keys(await import(specifier))
    return { exported, changes: difference(before, picture()) }
  } catch (error) {
    return { error: String(error?.stack ?? error) }
  }
}

function picture() {
  return {
    // Yjs leaves a mark, so that a second copy of it is noticed.
    globals: Reflect.ownKeys(globalThis)
      .map(String)
      .filter((name) => name !== '__ $YJS$ __'),
    events: process.eventNames().map(String),
    resources: process
      .getActiveResourcesInfo()
      .filter((name) => !/^(TTYWrap|PipeWrap|MessagePort|FSReqPromise)$/.test(name)),
    globalListeners: globalThis.onmessage === undefined || globalThis.onmessage === null ? [] : ['onmessage'],
  }
}

function difference(before, after) {
  return Object.keys(after).flatMap((kind) => {
    const left = [...before[kind]]
    return after[kind]
      .filter((name) => {
        const at = left.indexOf(name)
        if (at >= 0) left.splice(at, 1)
        return at < 0
      })
      .map((name) => `${kind}: ${name}`)
  })
}

function print(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`)
}
