/**
 * `openSpace`: checks the options, starts the kernel in a worker or in thread, waits for the first view.
 */
import type { Backend, BackendConfig } from './backend.ts'
import { UsageError, WorkerError } from './errors.ts'
import { checkName } from './names.ts'
import type { Platform } from './platform.ts'
import { makePlatform } from './platform.ts'
import type { Logger } from './ports/log.ts'
import type { StorageSpec } from './ports/storage.ts'
import type { TransportSpec } from './ports/transport.ts'
import { Space } from './space.ts'
import type { KernelParts } from './start-host.ts'
import type { TraceLine } from './testing/trace.ts'
import { makeDefaultWorker, openInWorker } from './worker-client.ts'

/** How a space is opened. */
export interface SpaceOptions {
  /** The ways to others, several at once if wanted. Default: the tabs of this origin (in a worker only). */
  readonly transports?: readonly TransportSpec[]
  /** The display name that others see, at most 64 characters; not unique. Default: none. */
  readonly name?: string
  /**
   * Where the kernel runs. `true` (default where there are workers): in the package's own; a function: in the one it
   * makes, for bundlers that leave the worker's URL alone; `false`: in this thread.
   */
  readonly worker?: boolean | (() => Worker)
  /** False: never found a line of primary views, only join one. Default true. */
  readonly found?: boolean
  /** How long to look for others before founding a line, in ms. Default 1,000; not waited for where only tabs of one origin can meet. */
  readonly foundAfterMs?: number
  /** Gives up opening the space. */
  readonly signal?: AbortSignal
  /** Where to write what people may want to read, `console` for one. Default: nowhere; what matters is also a `problem` event. */
  readonly logger?: Logger
  /**
   * Takes the trace of this process, line by line as it happens (docs/trace.md): `formatTrace` of `tutti/testing` makes
   * a file of the lines. For tests and bug reports: hashing every payload and state costs. Default: nothing is traced.
   */
  readonly trace?: (line: TraceLine) => void
  /**
   * How much this process's vote on the primary component counts, a whole number from 0 to 255; the same for as long as it
   * lives. 0: nobody ever waits for it (a viewer, a phone that sleeps a lot). Default 1.
   */
  readonly weight?: number
  /**
   * True: this process votes, and nothing else. It opens no groups and no objects (UsageError), holds no state, founds no
   * line, and ranks behind all others. A small process that is always on, so that of two devices either may fall
   * silent. Default false.
   */
  readonly witness?: boolean
  /**
   * Where objects are stored, so that they are here when the space is opened again: `idbKeyval()` of
   * `tutti/adapters/idb-keyval`. docs/persistence.md says which objects, and what is promised. Default: nowhere.
   */
  readonly storage?: StorageSpec
}

/** What tests may put in the place of the real thing. */
export interface SpaceInternals {
  readonly platform?: Platform
  readonly parts?: KernelParts
}

const DISPLAY_NAME_MAX = 64
const FOUND_AFTER_MS = 1000
const WEIGHT_MAX = 255
const silent: Logger = { warn: () => undefined }
const DEFAULT_TRANSPORTS: readonly TransportSpec[] = [{ type: 'broadcast-channel', options: {} }]

/**
 * Opens a space: resolves with this process's own first view, alone or not; others come by `view` events.
 * Rejects with UsageError (an option is wrong; nothing was started), ClosedError (it could not be started),
 * or the signal's reason.
 */
export function openSpace(name: string, options: SpaceOptions = {}): Promise<Space> {
  return openSpaceWith(name, options, {})
}

/** `openSpace` with parts of the caller's: for tests of the host. */
export async function openSpaceWith(name: string, options: SpaceOptions, internals: SpaceInternals): Promise<Space> {
  checkOptions(name, options)
  const { signal } = options
  signal?.throwIfAborted()
  const platform = internals.platform ?? makePlatform()
  const logger = options.logger === undefined ? silent : harmless(options.logger)
  const self = platform.newId()
  const isWitness = options.witness ?? false
  const storage = options.storage ?? null
  const space = new Space({
    name,
    self,
    platform,
    logger,
    origin: platform.origin,
    trace: options.trace,
    isWitness,
    isStoring: storage !== null,
  })
  const config: BackendConfig = {
    host: {
      self,
      space: name,
      name: options.name ?? '',
      origin: platform.origin,
      foundAfterMs: options.found === false ? null : (options.foundAfterMs ?? FOUND_AFTER_MS),
      isTraced: options.trace !== undefined,
      weight: options.weight ?? 1,
      isWitness,
    },
    transports: options.transports ?? DEFAULT_TRANSPORTS,
    storage,
    platform,
    events: {
      tick: (tick) => space.handleTick(tick),
      problem: (transport, problem) => space.handleProblem(transport, problem),
      ended: (error) => space.handleEnded(error),
    },
  }
  const onAbort = (): void => space.kill()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    space.connect(await startBackend(config, options, { space, parts: internals.parts }))
    await space.ready()
    signal?.throwIfAborted()
    space.tellEarlyProblems()
    return space
  } catch (error) {
    space.kill()
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/** A logger that may throw as it likes: what it was told of goes on. */
function harmless(logger: Logger): Logger {
  return {
    warn(message, ...details) {
      try {
        logger.warn(message, ...details)
      } catch {
        // Whom could it be told?
      }
    },
  }
}

async function startBackend(
  config: BackendConfig,
  options: SpaceOptions,
  { space, parts }: { readonly space: Space; readonly parts: KernelParts | undefined },
): Promise<Backend> {
  const { worker, signal } = options
  const isWanted = worker === undefined ? config.platform.hasWorkers : worker !== false
  if (isWanted && parts === undefined) {
    const make = typeof worker === 'function' ? worker : makeDefaultWorker
    const backend = await openInWorker(config, make, signal).catch((error: unknown) => {
      signal?.throwIfAborted()
      const reason = error instanceof Error ? error.message : 'no reason given'
      space.report(
        new WorkerError(
          `no worker (${reason}); the kernel runs in this thread, where a busy or hidden page can cost its membership. ` +
            'If a bundler left the worker out, pass worker: () => new Worker(url, { type: "module" })',
          { cause: error },
        ),
      )
      return null
    })
    if (backend !== null) return backend
  }
  const { openInThread } = await import('./in-thread.ts')
  return openInThread(config, parts ?? (await import('./kernel-parts.ts')).kernelParts)
}

function checkOptions(name: unknown, options: SpaceOptions): void {
  checkName('space', name)
  if (typeof options !== 'object' || options === null) throw new UsageError('the options of openSpace are an object')
  for (const key of Object.keys(options)) {
    if (!OPTION_NAMES.has(key)) {
      throw new UsageError(`openSpace has no option "${key}"; there are ${[...OPTION_NAMES].join(', ')}`)
    }
  }
  const { transports, name: displayName, worker, found, foundAfterMs } = options
  if (transports !== undefined) checkTransports(transports)
  if (displayName !== undefined && (typeof displayName !== 'string' || displayName.length > DISPLAY_NAME_MAX)) {
    throw new UsageError(`name: a string of at most ${DISPLAY_NAME_MAX} characters`)
  }
  if (worker !== undefined && typeof worker !== 'boolean' && typeof worker !== 'function') {
    throw new UsageError('worker: true, false, or a function that makes a Worker')
  }
  if (worker === true && typeof Worker === 'undefined') {
    throw new UsageError('worker: true, but there are no workers here; leave the option out')
  }
  if (found !== undefined && typeof found !== 'boolean') throw new UsageError('found: true or false')
  if (foundAfterMs !== undefined && !(Number.isFinite(foundAfterMs) && foundAfterMs >= 0)) {
    throw new UsageError('foundAfterMs: a number of milliseconds, 0 or more; to never found, say found: false')
  }
  if (options.trace !== undefined && typeof options.trace !== 'function') {
    throw new UsageError('trace: a function that takes one line at a time, as in trace: (line) => lines.push(line)')
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw new UsageError('signal: an AbortSignal')
  }
  checkLogger(options)
  checkVote(options)
  checkStorage(options)
}

function checkLogger({ logger }: { readonly logger?: unknown }): void {
  if (logger === undefined) return
  if (typeof (logger as Partial<Logger> | null)?.warn === 'function') return
  const hint = typeof logger === 'function' ? ': logger: { warn: fn }, or console itself' : ', as console has'
  throw new UsageError(`logger: an object with a function \`warn\`${hint}`)
}

function checkStorage({ storage, witness }: SpaceOptions): void {
  if (storage === undefined) return
  const type: unknown =
    typeof storage === 'object' && storage !== null ? (storage as { type?: unknown }).type : undefined
  if (typeof type !== 'string') {
    const hint = typeof storage === 'function' ? ': call it, as in idbKeyval()' : ''
    throw new UsageError(`storage: what a storage's function returns${hint}`)
  }
  if (witness === true) throw new UsageError('storage: a witness holds nothing that could be stored')
}

function checkVote({ weight, witness }: SpaceOptions): void {
  if (weight !== undefined && !(Number.isInteger(weight) && weight >= 0 && weight <= WEIGHT_MAX)) {
    throw new UsageError(`weight: a whole number from 0 to ${WEIGHT_MAX}`)
  }
  if (witness !== undefined && typeof witness !== 'boolean') throw new UsageError('witness: true or false')
  if (witness === true && weight === 0) throw new UsageError('witness: with weight 0 it would do nothing at all')
}

const OPTION_NAMES: ReadonlySet<string> = new Set([
  'transports',
  'name',
  'worker',
  'found',
  'foundAfterMs',
  'signal',
  'logger',
  'trace',
  'weight',
  'witness',
  'storage',
] satisfies (keyof SpaceOptions)[])

function checkTransports(transports: readonly TransportSpec[]): void {
  if (!Array.isArray(transports)) throw new UsageError('transports: an array, as in [tabs(), webrtc({ … })]')
  const types = new Set<string>()
  for (const spec of transports as readonly unknown[]) {
    const type: unknown = typeof spec === 'object' && spec !== null ? (spec as { type?: unknown }).type : undefined
    if (typeof type !== 'string') {
      const hint = typeof spec === 'function' ? ': call it, as in tabs()' : ''
      throw new UsageError(`transports: each is what a transport's function returns${hint}`)
    }
    if (types.has(type)) throw new UsageError(`transports: "${type}" is named twice; name it once`)
    types.add(type)
  }
}
