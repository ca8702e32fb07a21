/**
 * Where a space's kernel runs, as the space sees it: in a worker or in thread, the same to talk to.
 */
import type { Command } from './kernel/api.ts'
import type { Platform } from './platform.ts'
import type { HostConfig, HostTick } from './port-messages.ts'
import type { StorageSpec } from './ports/storage.ts'
import type { TransportSpec } from './ports/transport.ts'
import type { StoreCommand } from './storage/messages.ts'

/** A running kernel. */
export interface Backend {
  /** Carries one batch of commands to the kernel. */
  send(commands: readonly Command[]): void
  /** Carries what is asked of what is stored, in order with the commands. */
  store(command: StoreCommand): void
  /** Runs `fn` after so many ms also in a page whose own timers are throttled; returns the cancel function. Absent: it cannot. */
  after?(ms: number, fn: () => void): () => void
  /** Stops at once, without a goodbye. Closes every path. */
  stop(): void
  /** Ends as a crash would: not even the transports say that they stop. */
  kill(): void
  /** A readable picture of the kernel, for bug reports. */
  dump(): Promise<unknown>
}

/** What a backend reports. */
export interface BackendEvents {
  tick(tick: HostTick): void
  /** The page half of a transport has a problem. */
  problem(
    transport: string,
    problem: { readonly code: string; readonly message: string; readonly cause?: unknown },
  ): void
  /** Nothing follows. `error`: it ended without having been asked to. */
  ended(error: Error | null): void
}

/** What it takes to start one. */
export interface BackendConfig {
  readonly host: HostConfig
  readonly transports: readonly TransportSpec[]
  /** Null: nothing is stored. */
  readonly storage: StorageSpec | null
  readonly platform: Platform
  readonly events: BackendEvents
}

/** The page halves of all transports. */
export interface PageHalves {
  /** The process leaves with its page: they say at once what they have to say. */
  leave(): void
  stop(): void
}

/** Starts the page halves of transports. */
export function startPageHalves(config: BackendConfig, ports: ReadonlyMap<TransportSpec, MessagePort>): PageHalves {
  const stops: (() => void)[] = []
  const says: (() => void)[] = []
  for (const spec of config.transports) {
    const port = ports.get(spec)
    if (spec.page === undefined || port === undefined) continue
    const { self, space } = config.host
    stops.push(
      spec.page({
        self,
        space,
        port,
        leaving: (say) => says.push(say),
        problem: (problem) => config.events.problem(spec.type, problem),
      }),
    )
  }
  let isStopped = false
  return {
    leave() {
      if (!isStopped) for (const say of says) say()
    },
    stop() {
      if (isStopped) return
      isStopped = true
      for (const stop of stops) stop()
      for (const port of ports.values()) port.close()
    },
  }
}
