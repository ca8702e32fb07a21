/**
 * Names of locks.
 */

/** The longest name of a lock, in UTF-16 code units. */
export const LOCK_NAME_MAX = 1_024

/** May a lock have that name? As in the Web Locks API, any string that does not begin with a hyphen; a long one is refused. */
export function isLockName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= LOCK_NAME_MAX && !name.startsWith('-')
}
