/**
 * `useObject` and `usePresence`: shared objects for as long as a component is mounted.
 */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { DeepReadonly, Presence, Space } from 'tutti'
import { type Lease, toError } from './lease.ts'
import { useLease } from './use-lease.ts'

/** What `useObject` can hold: every object of Tutti's, and one's own with these. */
export interface Observable {
  readonly snapshot: unknown
  readonly subscribe: (fn: () => void) => () => void
  close(): Promise<void>
}

/** An object as a component has it. */
export interface ObjectResult<Shared extends Observable> {
  /** Null until it is open: until its state is whole. */
  readonly object: Shared | null
  /** What it holds now, the same until it changes; null until it is open. */
  readonly snapshot: Shared['snapshot'] | null
  /** Why it could not be opened. */
  readonly error: Error | null
  /** Opens it again, after it failed. */
  readonly reopen: () => void
}

/**
 * Opens a shared object for as long as the component is mounted, and renders anew whenever it changes:
 *
 *   const { object: todos, snapshot } = useObject(space, 'todos', (space, name) => space.map<Todo>(name))
 *
 * `open` is called when the space or the name is another; that it is a new function at every render does not matter. With
 * a space of null it waits.
 */
export function useObject<Shared extends Observable>(
  space: Space | null,
  name: string,
  open: (space: Space, name: string) => Promise<Shared>,
): ObjectResult<Shared> {
  const take = space === null ? null : () => leaseObject(open(space, name))
  const { opening, restart } = useLease<Shared>([space, name], take)
  const object = opening.value
  // Called on the object: one's own may have a method of its class.
  const subscribe = useCallback((fn: () => void) => object?.subscribe(fn) ?? ((): void => undefined), [object])
  const snapshot = useSyncExternalStore<Shared['snapshot'] | null>(
    subscribe,
    () => object?.snapshot ?? null,
    () => null,
  )
  return { object, snapshot, error: opening.error, reopen: restart }
}

/** Presence as a component has it. */
export interface PresenceResult<T> {
  /** Null until it is open. */
  readonly presence: Presence<T> | null
  /** What each member says, by its id and in the order of rank; empty until it is open. */
  readonly entries: ReadonlyMap<string, DeepReadonly<T>>
  /**
   * Says something of this process; undefined: nothing any more. Before presence is open it is kept, and said then. The same
   * function at every rendering. Throws what `presence.set` throws.
   */
  readonly say: (value: T | undefined) => void
  /** Why it could not be opened, or what was kept could not be said. */
  readonly error: Error | null
}

/** Opens presence for as long as the component is mounted: a member's entry is gone with the member. */
export function usePresence<T>(space: Space | null, name: string): PresenceResult<T> {
  const { object, snapshot, error } = useObject(space, name, openPresence<T>)
  const live = useRef<Presence<T> | null>(null)
  const kept = useRef<{ readonly value: T | undefined } | null>(null)
  const [refused, setRefused] = useState<Error | null>(null)
  const say = useCallback((value: T | undefined): void => {
    if (live.current === null) kept.current = { value }
    else tell(live.current, value)
  }, [])
  useEffect(() => {
    live.current = object
    const waiting = kept.current
    kept.current = null
    setRefused(null)
    if (object !== null && waiting !== null) {
      try {
        tell(object, waiting.value)
      } catch (thrown) {
        setRefused(toError(thrown))
      }
    }
    return () => {
      live.current = null
    }
  }, [object])
  return {
    presence: object,
    entries: snapshot ?? (NOBODY as ReadonlyMap<string, DeepReadonly<T>>),
    say,
    error: error ?? refused,
  }
}

const NOBODY: ReadonlyMap<string, unknown> = new Map()

function openPresence<T>(space: Space, name: string): Promise<Presence<T>> {
  return space.presence<T>(name)
}

function tell<T>(presence: Presence<T>, value: T | undefined): void {
  if (value === undefined) presence.clear()
  else presence.set(value)
}

function leaseObject<Shared extends Observable>(ready: Promise<Shared>): Lease<Shared> {
  return {
    ready,
    release() {
      ready.then(
        (object) => object.close(),
        () => undefined,
      )
    },
  }
}
