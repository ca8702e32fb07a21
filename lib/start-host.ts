/**
 * A host with the real kernel in it: what the worker and the in-thread mode start.
 */

import { type FrameCodec, Host, type HostPlatform } from './host.ts'
import type { KernelEnv, KernelHandle, KernelOptions } from './kernel/api.ts'
import type { HostConfig, HostTick } from './port-messages.ts'
import type { Storage, StorageHost } from './ports/storage.ts'
import type { Transport } from './ports/transport.ts'
import { Keeper } from './storage/keeper.ts'

/** The kernel and its bytes. */
export interface KernelParts {
  makeKernel(env: KernelEnv, options: KernelOptions): KernelHandle
  readonly codec: FrameCodec
}

/** What a host is started with. */
export interface StartHostOptions {
  readonly config: HostConfig
  readonly transports: readonly Transport[]
  /** Opens the store; null: nothing is stored. */
  readonly openStorage: ((host: StorageHost) => Storage) | null
  readonly platform: HostPlatform & { random(): number }
  readonly parts: KernelParts
  toApp(tick: HostTick): void
  stopped(): void
}

/**
 * Makes kernel and host and starts them. If every transport has an origin's founding section, nothing is waited
 * for before founding: the section alone decides.
 */
export function startHost(options: StartHostOptions): Host {
  const { config, transports, platform, parts } = options
  let host: Host | null = null
  const env: KernelEnv = {
    random: () => platform.random(),
    ...(config.isTraced ? { trace: (line) => host?.trace(line) } : {}),
  }
  const isOriginDeciding = transports.length > 0 && transports.every((transport) => transport.origin !== undefined)
  const kernel = parts.makeKernel(env, {
    self: config.self,
    name: config.name,
    origin: config.origin,
    foundAfterMs: config.foundAfterMs !== null && isOriginDeciding ? 0 : config.foundAfterMs,
    weight: config.weight,
    isWitness: config.isWitness,
  })
  const storage = options.openStorage?.({ self: config.self }) ?? null
  const keeper =
    storage === null
      ? null
      : new Keeper({
          self: config.self,
          space: config.space,
          storage,
          setTimer: (ms, fn) => platform.setTimer(ms, fn),
          note: (note) => host?.storeNote(note),
          wanting: () => host?.snapshotWanted(),
        })
  host = new Host({
    self: config.self,
    space: config.space,
    origin: config.origin,
    kernel,
    codec: parts.codec,
    transports,
    platform,
    keeper,
    toApp: options.toApp,
    stopped: options.stopped,
  })
  host.start()
  return host
}
