/**
 * The platform as the library sees it: time, chance, and the page's life. The only file of `lib` that reads globals.
 *
 * Everything else takes a {@link Platform}, so that tests run the same code on time of their own.
 */

/** What the library needs of wherever it runs. */
export interface Platform {
  /** Milliseconds, monotone. */
  now(): number
  /** Uniform in [0, 1). */
  random(): number
  /** A fresh process id: 128 random bits, `[A-Za-z0-9_-]{22}`. */
  newId(): string
  /** Runs `fn` once after `ms`; returns the cancel function. */
  setTimer(ms: number, fn: () => void): () => void
  /** Runs `fn` in a task of its own, soon: what arrives until then is one batch. */
  schedule(fn: () => void): void
  /** True where dedicated workers can be asked for. */
  readonly hasWorkers: boolean
  /** Where `now()` starts, as milliseconds since 1970. */
  readonly timeOrigin: number
  /** The web origin, or `''` where there is none. */
  readonly origin: string
  /** Calls `fn` when the page is about to be hidden for good; returns the remove function. */
  onPageHide(fn: () => void): () => void
  /** Calls `freeze` when the page is about to be frozen, its workers with it, and `resume` when it goes on; returns the remove function. */
  onFreeze(freeze: () => void, resume: () => void): () => void
}

interface Listened {
  addEventListener?(type: string, fn: () => void): void
  removeEventListener?(type: string, fn: () => void): void
}

/** Browser, worker or Node, told apart by what they have. */
export function makePlatform(): Platform {
  const scope: {
    readonly location?: { readonly origin?: string }
    readonly setImmediate?: (fn: () => void) => unknown
    readonly Worker?: unknown
    readonly document?: Listened
  } & Listened = globalThis
  const origin = scope.location?.origin ?? ''
  return {
    now: () => performance.now(),
    random: () => Math.random(),
    newId,
    setTimer(ms, fn) {
      // Platforms cut fractions off: a timer would fire early, find nothing due and be set anew, dozens of times.
      const timer = setTimeout(fn, Math.min(Math.max(0, Math.ceil(ms)), TIMER_MS_MAX))
      return () => clearTimeout(timer)
    },
    schedule: scope.setImmediate ? (fn) => void scope.setImmediate?.(fn) : makeMessageScheduler(),
    hasWorkers: scope.Worker !== undefined,
    timeOrigin: performance.timeOrigin,
    origin: origin === 'null' ? '' : origin,
    onPageHide(fn) {
      scope.addEventListener?.('pagehide', fn)
      return () => scope.removeEventListener?.('pagehide', fn)
    },
    onFreeze(freeze, resume) {
      // The page lifecycle's events; hidden pages go on, so `visibilitychange` says nothing.
      const { document } = scope
      document?.addEventListener?.('freeze', freeze)
      document?.addEventListener?.('resume', resume)
      return () => {
        document?.removeEventListener?.('freeze', freeze)
        document?.removeEventListener?.('resume', resume)
      }
    },
  }
}

/** The longest time-out that platforms take; a timer that fires early is a spurious wake-up. */
const TIMER_MS_MAX = 2 ** 31 - 1

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(22))
  return Array.from(bytes, (byte) => ALPHABET[byte & 63]).join('')
}

/** A message to oneself is a task without the clamp of `setTimeout`, and is not throttled in hidden pages. */
function makeMessageScheduler(): (fn: () => void) => void {
  let channel: MessageChannel | null = null
  let queue: (() => void)[] = []
  return (fn) => {
    if (channel === null) {
      channel = new MessageChannel()
      channel.port1.onmessage = () => {
        const due = queue
        queue = []
        for (const each of due) each()
      }
    }
    queue.push(fn)
    if (queue.length === 1) channel.port2.postMessage(null)
  }
}
