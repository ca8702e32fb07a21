/**
 * The page's side of the worker: starts it, hands the transports' ports over, one message a tick each way.
 */
import type { Backend, BackendConfig, PageHalves } from './backend.ts'
import { startPageHalves } from './backend.ts'
import { ClosedError } from './errors.ts'
import type { FromWorker, HostTick, ToWorker, WireTransport } from './port-messages.ts'
import { packCommands } from './port-messages.ts'
import type { TransportSpec } from './ports/transport.ts'
import { withTrustedUrl } from './trusted-worker.ts'

/** How long a worker may take to load before the space opens without it. */
export const WORKER_START_MS = 3000

/** How long a page that is being hidden is held for the worker to say goodbye. */
const GOODBYE_MS = 15

/** The worker of the package. The one place that names it, and literal, so that bundlers find it. */
export function makeDefaultWorker(): Worker {
  return withTrustedUrl(
    () => new Worker(new URL('../worker/worker.js', import.meta.url), { type: 'module', name: 'tutti' }),
  )
}

/** Starts a kernel in a worker. Rejects if the worker cannot be made, does not come up in time, or is given up. */
export async function openInWorker(
  config: BackendConfig,
  makeWorker: () => Worker,
  signal: AbortSignal | undefined,
): Promise<Backend> {
  const worker = makeWorker()
  const timeOrigin = await untilReady(worker, config, signal)
  return new WorkerBackend(worker, config, timeOrigin - config.platform.timeOrigin)
}

function untilReady(worker: Worker, config: BackendConfig, signal: AbortSignal | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const cancel = config.platform.setTimer(WORKER_START_MS, () =>
      finish(new Error(`the worker did not start within ${WORKER_START_MS} ms`)),
    )
    const onAbort = (): void => finish(new Error('the worker is no longer wanted'))
    signal?.addEventListener('abort', onAbort)
    const finish = (outcome: Error | number): void => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
      worker.onmessage = null
      worker.onerror = null
      if (typeof outcome === 'number') return resolve(outcome)
      worker.terminate()
      reject(outcome)
    }
    worker.onmessage = (event: MessageEvent<FromWorker>) => {
      if (event.data.type === 'ready') finish(event.data.timeOrigin)
    }
    worker.onerror = (event) => {
      event.preventDefault?.()
      finish(new Error(`the worker failed to load: ${event.message ?? 'no reason given'}`))
    }
  })
}

class WorkerBackend implements Backend {
  readonly #worker: Worker
  readonly #config: BackendConfig
  readonly #pageHalves: PageHalves
  /** What to add to a time of the worker's clock to get one of this thread's. */
  readonly #clockShift: number
  #dumps: ((dump: unknown) => void)[] = []
  readonly #timers = new Map<number, () => void>()
  #nextTimer = 1
  #isEnded = false

  constructor(worker: Worker, config: BackendConfig, clockShift: number) {
    this.#worker = worker
    this.#clockShift = clockShift
    this.#config = config
    const ports = new Map<TransportSpec, MessagePort>()
    const transfer: MessagePort[] = []
    const transports = config.transports.map((spec): WireTransport => {
      const { type, options } = spec
      if (spec.page === undefined) return { type, options, port: null }
      const { port1, port2 } = new MessageChannel()
      ports.set(spec, port1)
      transfer.push(port2)
      return { type, options, port: port2 }
    })
    worker.onmessage = (event: MessageEvent<FromWorker>) => this.#handle(event.data)
    worker.onerror = (event) => {
      event.preventDefault?.()
      this.#end(new ClosedError(`the worker died: ${event.message ?? 'no reason given'}`, { reason: 'failed' }))
    }
    const storage = config.storage === null ? null : { type: config.storage.type, options: config.storage.options }
    this.#post({ type: 'open', config: config.host, transports, storage }, transfer)
    this.#pageHalves = startPageHalves(config, ports)
  }

  send(commands: Parameters<Backend['send']>[0]): void {
    const packed = packCommands(commands)
    this.#post({ type: 'commands', commands: packed.commands }, packed.transfer)
    const isLeaving = commands.some((command) => command.type === 'leave' && command.quick)
    if (isLeaving) this.#pageHalves.leave()
    if (isLeaving || commands.some((command) => command.type === 'suspend')) this.#holdPage()
  }

  store(command: Parameters<Backend['store']>[0]): void {
    this.#post({ type: 'store', command }, [])
  }

  /** Browsers let a hidden page's timers fire once a second, and later once a minute, but not those of its workers. */
  after(ms: number, fn: () => void): () => void {
    const id = this.#nextTimer++
    this.#timers.set(id, fn)
    this.#post({ type: 'timer', id, ms }, [])
    return () => this.#timers.delete(id)
  }

  /** The page is about to be frozen or torn down, its worker with it: gives the goodbye, or the word that it sleeps, time to get out. */
  #holdPage(): void {
    const { now } = this.#config.platform
    for (const end = now() + GOODBYE_MS; now() < end; );
  }

  stop(): void {
    if (this.#isEnded) return
    this.#post({ type: 'stop' }, [])
    this.#end(null)
  }

  kill(): void {
    if (this.#isEnded) return
    this.#worker.terminate()
    this.#end(null)
  }

  dump(): Promise<unknown> {
    if (this.#isEnded) return Promise.resolve(null)
    return new Promise((resolve) => {
      this.#dumps.push(resolve)
      this.#post({ type: 'dump' }, [])
    })
  }

  #handle(message: FromWorker): void {
    if (this.#isEnded) return
    switch (message.type) {
      case 'tick':
        return this.#config.events.tick(this.#translate(message.tick))
      case 'dump': {
        const dumps = this.#dumps
        this.#dumps = []
        for (const resolve of dumps) resolve(message.dump)
        return
      }
      case 'timer': {
        const fn = this.#timers.get(message.id)
        this.#timers.delete(message.id)
        return fn?.()
      }
      case 'stopped':
        return this.#end(null)
      case 'refused':
        return this.#end(new ClosedError(message.message, { reason: 'failed' }))
      case 'ready':
        return
      default:
        return message satisfies never
    }
  }

  /** Leases and times are compared with this thread's clock, and the trace has one for both sides. */
  #translate({ events, at, notes }: HostTick): HostTick {
    const shift = this.#clockShift
    const hasLease = events.some((event) => event.type === 'lease')
    const isTraced = this.#config.host.isTraced
    return {
      events: !hasLease
        ? events
        : events.map((event) =>
            event.type === 'lease' && event.start !== null ? { ...event, start: event.start + shift } : event,
          ),
      at: at + shift,
      notes: !isTraced ? notes : notes.map((note) => (note.type === 'trace' ? { ...note, t: note.t + shift } : note)),
    }
  }

  #post(message: ToWorker, transfer: Transferable[]): void {
    if (!this.#isEnded) this.#worker.postMessage(message, transfer)
  }

  #end(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#timers.clear()
    this.#pageHalves.stop()
    // In a task of its own: a `stop` just posted may still close sockets and locks in order.
    this.#config.platform.setTimer(0, () => this.#worker.terminate())
    for (const resolve of this.#dumps) resolve(null)
    this.#dumps = []
    this.#config.events.ended(error)
  }
}
