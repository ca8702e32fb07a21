/**
 * The in-thread mode: kernel, transports and application share one thread. For Node, tests, a user's own worker,
 * and pages that may not create one.
 */
import type { Backend, BackendConfig } from './backend.ts'
import { UsageError } from './errors.ts'
import type { Storage, StorageHost, StorageSpec } from './ports/storage.ts'
import type { Transport, TransportSpec } from './ports/transport.ts'
import { type KernelParts, startHost } from './start-host.ts'

/** Starts a kernel in this thread. Throws a UsageError if a transport can only run in the worker. */
export function openInThread(config: BackendConfig, parts: KernelParts): Backend {
  const transports = config.transports.map(makeTransport)
  const host = startHost({
    config: config.host,
    transports,
    openStorage: storageOpener(config.storage),
    platform: config.platform,
    parts,
    toApp: (tick) => config.events.tick(tick),
    stopped: () => config.events.ended(null),
  })
  return {
    send: (commands) => host.commands(commands),
    store: (command) => host.store(command),
    stop: () => host.stop(),
    // The nearest to a crash that a thread can do to a part of itself: paths close, the kernel says nothing.
    kill: () => host.stop(),
    dump: () => Promise.resolve(host.dump()),
  }
}

/** In one thread there is no port between the halves of a transport: its code brings its own page half. */
function makeTransport(spec: TransportSpec): Transport {
  if (spec.create === undefined) {
    throw new UsageError(
      `transport "${spec.type}" was named without code for this thread: pass it explicitly, as in ` +
        "openSpace(name, { transports: [tabs()] }) with tabs from 'tutti/adapters/broadcast-channel' " +
        "(Node: memory() from 'tutti/adapters/memory')",
    )
  }
  return spec.create(spec.options, null)
}

function storageOpener(spec: StorageSpec | null): ((host: StorageHost) => Storage) | null {
  if (spec === null) return null
  const { type, options, create } = spec
  if (create !== undefined) return (host) => create(options, host)
  throw new UsageError(`storage "${type}" was named without code for this thread: pass what its function returns`)
}
