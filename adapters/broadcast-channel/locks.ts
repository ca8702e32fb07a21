/**
 * What Web Locks tell the tabs of one origin: who lives, who has died, who is in a line.
 *
 * A process holds its own lock exclusively for life. The browser frees it when the worker is gone, however
 * it went, and only then: a frozen or stopped tab keeps it. Watchers wait in *shared* mode, so that all of
 * them are granted together: an exclusive waiter in a frozen tab would keep the lock from those behind it.
 */

/** The locks of this browser, or null where there are none (insecure contexts, Node). */
export function browserLocks(): LockManager | null {
  return typeof navigator === 'undefined' ? null : (navigator.locks ?? null)
}

/**
 * Takes a lock and holds it until the returned function is called.
 * Resolves null if an exclusive lock is held by someone else.
 * @param onLost called if the lock is stolen from its holder.
 */
export function holdLock(
  locks: LockManager,
  name: string,
  mode: LockMode,
  onLost: (cause: unknown) => void,
): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    let isHeld = false
    const options: LockOptions = mode === 'exclusive' ? { mode, ifAvailable: true } : { mode }
    locks
      .request(name, options, (lock) => {
        if (lock === null) return resolve(null)
        isHeld = true
        return new Promise<void>((free) => {
          resolve(() => {
            isHeld = false
            free()
          })
        })
      })
      .catch((cause: unknown) => (isHeld ? onLost(cause) : reject(cause)))
  })
}

/** The names of all locks held exclusively that start with `prefix`, without it. */
export async function heldExclusively(locks: LockManager, prefix: string): Promise<Set<string>> {
  const { held } = await locks.query()
  const names = new Set<string>()
  for (const { name, mode } of held ?? []) {
    if (mode === 'exclusive' && name?.startsWith(prefix)) names.add(name.slice(prefix.length))
  }
  return names
}

/** How often a lock of that name is held, in any mode. */
export async function countHeld(locks: LockManager, name: string): Promise<number> {
  const { held } = await locks.query()
  return (held ?? []).filter((lock) => lock.name === name).length
}

/** Resolves true when a lock that is held exclusively now is free; false if it is not held, or if the wait is given up. */
export async function waitUntilFree(locks: LockManager, name: string, signal: AbortSignal): Promise<boolean> {
  if (!(await heldExclusively(locks, name)).has('')) return false
  try {
    await locks.request(name, { mode: 'shared', signal }, () => undefined)
    return true
  } catch {
    return false
  }
}

/** Runs `section` while holding a lock exclusively; resolves null if the lock was not granted within `timeoutMs`. */
export async function inSection<T>(
  locks: LockManager,
  name: string,
  timeoutMs: number,
  section: () => Promise<T>,
): Promise<T | null> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), timeoutMs)
  let isEntered = false
  try {
    return await locks.request(name, { mode: 'exclusive', signal: abort.signal }, () => {
      isEntered = true
      clearTimeout(timer)
      return section()
    })
  } catch (cause) {
    if (isEntered) throw cause
    return null
  } finally {
    clearTimeout(timer)
  }
}
