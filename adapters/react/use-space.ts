/**
 * `useSpace` and `useView`: the space that a component is in, and who else is.
 */
import { useEffect, useSyncExternalStore } from 'react'
import type { Space, SpaceOptions, SpaceStatus, SpaceView } from 'tutti'
import { leaseSpace } from './shared-spaces.ts'
import { useLease } from './use-lease.ts'

/** How a component opens a space. */
export interface UseSpaceOptions extends SpaceOptions {
  /** How long it stays open after the last component that uses it has gone, in ms. Default 1,000. */
  readonly lingerMs?: number
}

/** A space as a component has it. */
export interface SpaceResult {
  /** Null until it is open, and on a server. */
  readonly space: Space | null
  /** As `space.status`; `connecting` until it is open. */
  readonly status: SpaceStatus
  /** Why it could not be opened. */
  readonly error: Error | null
  /** Opens it anew, after it failed or was closed: as a new incarnation. */
  readonly reopen: () => void
}

const LINGER_MS = 1_000

/**
 * Opens a space for as long as the component is mounted; null opens none. All components of a page that name the same space
 * share one, with the options of the first. It is closed `lingerMs` after the last has gone, and opened anew when
 * the page comes back from the back/forward cache.
 *
 * What `openSpace` rejects with is `error`.
 */
export function useSpace(name: string | null, options: UseSpaceOptions = {}): SpaceResult {
  const take =
    name === null
      ? null
      : () => {
          const { lingerMs = LINGER_MS, ...rest } = options
          return leaseSpace(name, rest, lingerMs)
        }
  const { opening, restart } = useLease<Space>([name], take)
  const space = opening.value
  const status = useSyncExternalStore(
    (fn) => listen(space, 'status', fn),
    () => space?.status ?? 'connecting',
    () => 'connecting' as const,
  )
  useEffect(() => {
    const reopenIfClosed = (): void => {
      if (space?.status === 'closed') restart()
    }
    globalThis.addEventListener('pageshow', reopenIfClosed)
    return () => globalThis.removeEventListener('pageshow', reopenIfClosed)
  }, [space, restart])
  return { space, status, error: opening.error, reopen: restart }
}

/** The space's present view, and again whenever there is another; null while there is no space, and on a server. */
export function useView(space: Space | null): SpaceView | null {
  return useSyncExternalStore(
    (fn) => listen(space, 'view', fn),
    () => space?.view ?? null,
    () => null,
  )
}

function listen(space: Space | null, type: 'status' | 'view', fn: () => void): () => void {
  space?.addEventListener(type, fn)
  return () => space?.removeEventListener(type, fn)
}
