/**
 * The package's worker without a thread: the same code at the other end of a port, every message cloned, with the
 * memory transport in it.
 */
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import type { Transport, TransportSpec } from '../../lib/ports/transport.ts'
import { startWorker, type WorkerScope } from '../../worker/start.ts'

/** How the worker's script loads. */
export interface FakeWorkerOptions {
  readonly hub?: MemoryHub
  /** The script never loads. */
  readonly isStuck?: boolean
}

/** A worker whose kernel runs in this thread. */
export class FakeWorker {
  isTerminated = false
  readonly #ports = new MessageChannel()
  readonly #scope: WorkerScope

  constructor({ hub = new MemoryHub(), isStuck = false }: FakeWorkerOptions = {}) {
    const { port1, port2 } = this.#ports
    const scope: WorkerScope = {
      onmessage: null,
      postMessage: (message, transfer) => {
        if (!this.isTerminated) port2.postMessage(message, transfer)
      },
    }
    this.#scope = scope
    port2.onmessage = (event) => {
      if (!this.isTerminated) scope.onmessage?.(event)
    }
    port1.onmessage = (event) => this.onmessage?.(event)
    if (!isStuck) setImmediate(() => startWorker(scope, { memory: () => makeMemory(memory({ hub })) }))
  }

  onmessage: ((event: MessageEvent) => void) | null = null
  onerror: ((event: ErrorEvent) => void) | null = null

  postMessage(message: unknown, transfer: readonly Transferable[]): void {
    this.#ports.port1.postMessage(message, transfer as never)
  }

  terminate(): void {
    if (this.isTerminated) return
    this.isTerminated = true
    // The thread would be gone with its timers and paths.
    this.#scope.onmessage?.({ data: { type: 'stop' } } as MessageEvent)
    this.#ports.port1.close()
    this.#ports.port2.close()
  }

  /** In the type that `openSpace` takes. */
  get asWorker(): Worker {
    return this as unknown as Worker
  }
}

function makeMemory(spec: TransportSpec): Transport {
  const transport = spec.create?.(spec.options, null)
  if (transport === undefined) throw new TypeError('memory() makes no transport')
  return transport
}
