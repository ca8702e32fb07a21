/**
 * `useLock` and `useLeader`: what only one may do, for as long as a component is mounted.
 */
import { useEffect, useSyncExternalStore } from 'react'
import type { Leadership, Lock, LockMode, Space, Token } from 'tutti'
import { toError } from './lease.ts'
import { useStore } from './use-lease.ts'

/** A lock as a component has it. The same object until something changes. */
export interface LockResult {
  /** `idle`: it is not asked for; `waiting`; `held`: until it is lost, or the component goes; `failed`: see `error`. */
  readonly status: 'idle' | 'waiting' | 'held' | 'failed'
  /** While it is held: its `token` goes with every write to what it guards, its `signal` aborts when it is lost. */
  readonly lock: Lock | null
  /** What `space.locks.request` rejected with; or why it was lost, while it is waited for again. */
  readonly error: Error | null
}

/** How a component asks for a lock. */
export interface UseLockOptions {
  /** As for `space.locks`. Default `exclusive`. */
  readonly mode?: LockMode
  /** False: it is not asked for, and given up if it is held. Default true. */
  readonly enabled?: boolean
}

const IDLE: LockResult = Object.freeze({ status: 'idle', lock: null, error: null })

/**
 * Holds a lock of the space for as long as the component is mounted: asks for it, and for it again when it is lost. Others get
 * it when the component goes.
 */
export function useLock(
  space: Space | null,
  name: string,
  { mode = 'exclusive', enabled = true }: UseLockOptions = {},
): LockResult {
  const store = useStore([space, name, mode], () => new Told<LockResult>(IDLE))
  useEffect(() => {
    if (space === null || !enabled) return undefined
    const controller = new AbortController()
    void holdLock(space, { name, mode, signal: controller.signal, tell: (result) => store.set(Object.freeze(result)) })
    return () => {
      controller.abort()
      store.set(IDLE)
    }
  }, [store, space, name, mode, enabled])
  return useSyncExternalStore(store.subscribe, store.get, () => IDLE)
}

/** Who leads, as a component has it. The same object until something changes. */
export interface LeaderResult {
  /** The leader's id; null if there is none, or nobody can tell. */
  readonly leader: string | null
  /** Does this component's process lead on its account? From the grant until it is lost. */
  readonly isLeader: boolean
  /** While it leads: higher than that of every leader before. */
  readonly token: Token | null
  /** While it leads: aborts when that is lost, or the component goes. */
  readonly signal: AbortSignal | null
  /** Why it cannot be told who leads, or this process stands no longer. */
  readonly error: Error | null
}

/** How a component follows a leadership. */
export interface UseLeaderOptions {
  /** Does it stand for leader? Default true. */
  readonly candidate?: boolean
}

const NOBODY: LeaderResult = Object.freeze({ leader: null, isLeader: false, token: null, signal: null, error: null })

/**
 * Follows who leads under a name, and stands for leader for as long as the component is mounted: once more whenever it has
 * lost that. `candidate: false` only follows.
 */
export function useLeader(
  space: Space | null,
  name: string,
  { candidate = true }: UseLeaderOptions = {},
): LeaderResult {
  const store = useStore([space, name], () => new Told<LeaderResult>(NOBODY))
  useEffect(() => {
    if (space === null) return undefined
    const controller = new AbortController()
    const { signal } = controller
    const tell = (part: Partial<LeaderResult>): void => {
      if (!signal.aborted) store.set(Object.freeze({ ...store.get(), ...part }))
    }
    space.leaderOf(name).then(
      (leadership) => follow(leadership, signal, tell),
      (error: unknown) => tell({ error: toError(error) }),
    )
    return () => {
      controller.abort()
      store.set(NOBODY)
    }
  }, [store, space, name])
  useEffect(() => {
    if (space === null || !candidate) return undefined
    const controller = new AbortController()
    const tell = (part: Partial<LeaderResult>): void => store.set(Object.freeze({ ...store.get(), ...part }))
    void standForLeader(space, { name, signal: controller.signal, tell })
    return () => {
      controller.abort()
      tell({ isLeader: false, token: null, signal: null })
    }
  }, [store, space, name, candidate])
  return useSyncExternalStore(store.subscribe, store.get, () => NOBODY)
}

interface HoldLock {
  readonly name: string
  readonly mode: LockMode
  /** Ends it. */
  readonly signal: AbortSignal
  tell(result: LockResult): void
}

/** Asks for a lock again and again, until the signal aborts, or it is refused. */
async function holdLock(space: Space, { name, mode, signal, tell }: HoldLock): Promise<void> {
  let error: Error | null = null
  while (!signal.aborted) {
    tell({ status: 'waiting', lock: null, error })
    let lost: Error | null = null
    try {
      await space.locks.request(name, { mode, signal }, async (lock) => {
        if (lock === null || signal.aborted) return
        tell({ status: 'held', lock, error: null })
        await untilAborted(signal, lock.signal)
        if (lock.signal.aborted) lost = toError(lock.signal.reason)
      })
    } catch (thrown) {
      lost ??= isTheft(thrown) ? toError(thrown) : null
      if (signal.aborted) return
      if (lost === null || space.status === 'closed') {
        return tell({ status: 'failed', lock: null, error: toError(thrown) })
      }
    }
    error = lost
  }
}

/** The promise of a lock that was stolen rejects so, whatever its callback does. */
function isTheft(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'AbortError'
}

/** What it is to stand for leader. */
interface Stand {
  readonly name: string
  /** Ends it. */
  readonly signal: AbortSignal
  tell(part: Partial<LeaderResult>): void
}

/** Stands again and again, until the signal aborts, or it is refused. */
async function standForLeader(space: Space, { name, signal, tell }: Stand): Promise<void> {
  while (!signal.aborted) {
    try {
      await space.whenLeader(
        name,
        async (term) => {
          if (!signal.aborted) tell({ isLeader: true, token: term.token, signal: term.signal, error: null })
          await untilAborted(signal, term.signal)
          if (!signal.aborted) tell({ isLeader: false, token: null, signal: null })
        },
        { signal },
      )
    } catch (thrown) {
      if (!signal.aborted) tell({ isLeader: false, token: null, signal: null, error: toError(thrown) })
      return
    }
  }
}

function follow(leadership: Leadership, signal: AbortSignal, tell: (part: Partial<LeaderResult>) => void): void {
  if (signal.aborted) return
  const look = (): void => tell({ leader: leadership.leader })
  const stop = leadership.subscribe(look)
  signal.addEventListener('abort', stop, { once: true })
  look()
}

/** Resolves when either has aborted. */
function untilAborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some(({ aborted }) => aborted)) return resolve()
    for (const signal of signals) signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** A value that a component is told of. */
class Told<Value> {
  #value: Value
  readonly #listeners = new Set<() => void>()

  constructor(value: Value) {
    this.#value = value
  }

  /** For `useSyncExternalStore`. */
  readonly subscribe = (fn: () => void): (() => void) => {
    this.#listeners.add(fn)
    return () => this.#listeners.delete(fn)
  }

  /** For `useSyncExternalStore`. */
  readonly get = (): Value => this.#value

  set(value: Value): void {
    if (value === this.#value) return
    this.#value = value
    for (const listener of [...this.#listeners]) listener()
  }
}
