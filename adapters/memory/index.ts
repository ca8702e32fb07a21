/**
 * The transport within one thread, for Node, tests and examples: no network, no browser.
 */
import type { TransportSpec } from '../../lib/ports/transport.ts'
import { MemoryHub, MemoryTransport } from './hub.ts'

export { MemoryStorageError, MemoryStore, memoryStorage } from './storage.ts'
export { MemoryHub }

/** Options of `memory`. */
export interface MemoryOptions {
  /** Where to meet. Default: one hub for all of this thread. */
  readonly hub?: MemoryHub
}

const commonHub = new MemoryHub()

/** Connects the spaces of one thread: `openSpace(name, { worker: false, transports: [memory()] })`. */
export function memory({ hub = commonHub }: MemoryOptions = {}): TransportSpec {
  return { type: 'memory', options: {}, create: () => new MemoryTransport(hub) }
}
