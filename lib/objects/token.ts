/**
 * Fencing tokens: each grant of anything carries one that is higher than all before it in its line, so that a guarded
 * resource, which refuses a token lower than one it has seen, cannot be used by who held it before.
 */
import { compareText, isCount } from './checks.ts'

/** Line, view and number of a grant. Compared by view (epoch, then n), then number; a higher one supersedes. */
export type Token = readonly [line: string, view: string, n: number]

/** Are they one token? */
export function sameToken(a: Token, b: Token): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2]
}

/** Negative if `a` was given before `b`, 0 if they are one. Of different lines, which know nothing of each other: by their names. */
export function compareTokens(a: Token, b: Token): number {
  if (a[0] !== b[0]) return compareText(a[0], b[0])
  if (a[1] === b[1]) return a[2] - b[2]
  const [epoch, n] = placeOf(a[1])
  const [otherEpoch, otherN] = placeOf(b[1])
  return epoch - otherEpoch || n - otherN || a[2] - b[2]
}

/** A token, or what could be one. */
export function isToken(token: unknown): token is Token {
  if (!Array.isArray(token) || token.length !== 3) return false
  return typeof token[0] === 'string' && typeof token[1] === 'string' && isCount(token[2])
}

/** Epoch and number of a group's view `epoch.coordinator.n`. */
function placeOf(view: string): [epoch: number, n: number] {
  return [Number.parseInt(view, 10), Number.parseInt(view.slice(view.lastIndexOf('.') + 1), 10)]
}
