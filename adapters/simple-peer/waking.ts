/**
 * Tells when a page comes back: from the background, from no network, from a sleep of the whole machine.
 *
 * A machine that wakes fires no event that all browsers have. But its wall clock has jumped between two ticks of a timer.
 */

const tickMs = 5000
/** A jump. A busy page is late by seconds. */
const jumpMs = 20_000
/** The same for a hidden page, whose timers run once a minute. */
const hiddenJumpMs = 90_000

/** What is to be done. */
export interface Waking {
  /** The page, or the network, is back: much may have changed. */
  back(): void
  /** The page was shown, or hidden. */
  shown(): void
  /** The page is shown again after `hidden`. */
  restored(): void
  /** The page goes away, and nobody else has been told yet. */
  going(): void
  /** The page goes away. */
  hidden(): void
}

/** The time in milliseconds of the wall clock, and whether the page is hidden. */
export interface WakingClock {
  now(): number
  isHidden(): boolean
}

const browserClock: WakingClock = {
  now: () => Date.now(),
  isHidden: () => typeof document !== 'undefined' && document.hidden,
}

/** Calls until the returned function is called. */
export function watchWaking(waking: Waking): () => void {
  const listening = new AbortController()
  const { signal } = listening
  globalThis.addEventListener('online', waking.back, { signal })
  globalThis.addEventListener('pageshow', waking.restored, { signal })
  globalThis.addEventListener('pagehide', waking.going, { signal, capture: true })
  globalThis.addEventListener('pagehide', waking.hidden, { signal })
  if (typeof document !== 'undefined') {
    document.addEventListener('resume', waking.back, { signal })
    document.addEventListener('visibilitychange', waking.shown, { signal })
  }
  const look = watchJumps(browserClock, waking.back)
  const timer = setInterval(look, tickMs)
  return () => {
    listening.abort()
    clearInterval(timer)
  }
}

/** Gives what looks at the clock at every tick, and calls `act` if it has jumped since the last. */
export function watchJumps(clock: WakingClock, act: () => void): () => void {
  let last = clock.now()
  let wasHidden = clock.isHidden()
  return () => {
    const now = clock.now()
    const isHidden = clock.isHidden()
    const isJump = now - last > (isHidden || wasHidden ? hiddenJumpMs : jumpMs)
    last = now
    wasHidden = isHidden
    if (isJump) act()
  }
}
