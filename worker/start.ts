/**
 * Hosts a kernel in a worker: listens for what a page's `openSpace` sends, answers one message a tick.
 */
import { kernelParts } from '../lib/kernel-parts.ts'
import { makePlatform } from '../lib/platform.ts'
import {
  type FromWorker,
  packEvents,
  type ToWorker,
  type WireStorage,
  type WireTransport,
} from '../lib/port-messages.ts'
import type { Storage, StorageHost } from '../lib/ports/storage.ts'
import type { Transport } from '../lib/ports/transport.ts'
import { startHost } from '../lib/start-host.ts'

/** Makes the worker half of a transport from the options of its spec and the port to its page half. */
export type WorkerHalf = (options: unknown, pagePort: MessagePort | null) => Transport

/** Opens a store from the options of its spec. */
export type StorageHalf = (options: unknown, host: StorageHost) => Storage

/** The stores that a worker knows, by the `type` of their specs. */
export type StorageHalves = Readonly<Record<string, StorageHalf>>

/** The worker halves that a worker knows, by the `type` of their specs. */
export type WorkerHalves = Readonly<Record<string, WorkerHalf>>

/** What a worker talks through: its own global scope, or a port of a worker that it shares. */
export interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null
  postMessage(message: unknown, transfer: Transferable[]): void
}

/** Hosts one kernel for the page at the other end of `scope`. Call it once, before the first `await` of the worker's script. */
export function startWorker(scope: WorkerScope, halves: WorkerHalves, stores: StorageHalves = {}): void {
  const post = (message: FromWorker, transfer: Transferable[] = []): void => scope.postMessage(message, transfer)
  const platform = makePlatform()
  let host: ReturnType<typeof startHost> | null = null
  const open = (message: Extract<ToWorker, { type: 'open' }>): void => {
    host = startHost({
      config: message.config,
      transports: message.transports.map((transport) => makeHalf(transport, halves)),
      openStorage: message.storage === null ? null : storageOpener(message.storage, stores),
      platform,
      parts: kernelParts,
      toApp(tick) {
        const { events, transfer } = packEvents(tick.events)
        post({ type: 'tick', tick: { ...tick, events } }, transfer)
      },
      stopped: () => post({ type: 'stopped' }),
    })
  }
  const handle = (message: ToWorker): void => {
    switch (message.type) {
      case 'open':
        return host === null ? open(message) : undefined
      case 'commands':
        return host?.commands(message.commands)
      case 'store':
        return host?.store(message.command)
      case 'dump':
        return post({ type: 'dump', dump: host?.dump() ?? null })
      case 'timer':
        platform.setTimer(message.ms, () => post({ type: 'timer', id: message.id }))
        return
      case 'stop':
        return host?.stop()
      default:
        return message satisfies never
    }
  }
  scope.onmessage = (event: MessageEvent<ToWorker>) => {
    try {
      handle(event.data)
    } catch (error) {
      post({ type: 'refused', message: error instanceof Error ? error.message : String(error) })
    }
  }
  post({ type: 'ready', timeOrigin: performance.timeOrigin })
}

function makeHalf(wire: WireTransport, halves: WorkerHalves): Transport {
  const make = Object.hasOwn(halves, wire.type) ? halves[wire.type] : undefined
  if (make === undefined) {
    throw new TypeError(
      `the worker knows no transport "${wire.type}"; it knows ${Object.keys(halves).join(', ')}. ` +
        'Make a worker of your own with startWorker from tutti/worker, and pass it as worker: () => new Worker(…)',
    )
  }
  return make(wire.options, wire.port)
}

function storageOpener({ type, options }: WireStorage, stores: StorageHalves): (host: StorageHost) => Storage {
  const open = Object.hasOwn(stores, type) ? stores[type] : undefined
  if (open !== undefined) return (host) => open(options, host)
  throw new TypeError(
    `the worker knows no storage "${type}"; it knows ${Object.keys(stores).join(', ') || 'none'}. ` +
      'Make a worker of your own with startWorker from tutti/worker, and pass it as worker: () => new Worker(…)',
  )
}
