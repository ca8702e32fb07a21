/**
 * A lease for as long as a component is mounted.
 */
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { type Lease, LeaseStore, type Opening, openingOnServer } from './lease.ts'

/** What a component holds, and how to take it anew. */
export interface Held<Value> {
  readonly opening: Opening<Value>
  /** Lets go and takes it again. The same function for as long as the key is the same. */
  readonly restart: () => void
}

/**
 * Takes a lease when the component is mounted, or the key changes, and lets go of the one before; with `take` null, none.
 * Keys are compared by `Object.is`, part by part. `take` itself may be a new function at every render.
 */
export function useLease<Value>(key: readonly unknown[], take: (() => Lease<Value>) | null): Held<Value> {
  const store = useStore(key, () => new LeaseStore<Value>())
  const latest = useRef(take)
  useEffect(() => {
    latest.current = take
  })
  const isWanted = take !== null
  useEffect(() => {
    if (!isWanted) return undefined
    return store.start(() => {
      if (latest.current === null) throw new Error('nothing to open')
      return latest.current()
    })
  }, [store, isWanted])
  const opening = useSyncExternalStore<Opening<Value>>(store.subscribe, store.get, openingOnServer)
  return { opening, restart: store.restart }
}

/** One store for as long as the key is the same. Unlike with `useMemo`, React may not throw it away meanwhile. */
export function useStore<Store>(key: readonly unknown[], make: () => Store): Store {
  const [kept, keep] = useState(() => ({ key, store: make() }))
  if (isSame(kept.key, key)) return kept.store
  // React renders again at once with what is kept now, before anything of this rendering shows.
  const fresh = { key, store: make() }
  keep(fresh)
  return fresh.store
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((part, index) => Object.is(part, b[index]))
}
