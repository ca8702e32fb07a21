/**
 * Fencing tokens: what a grant carries, and a later grant of the same thing exceeds.
 */
import { compareText, isCount } from './checks.ts'

/** Line, view and number of a grant. Compared by view (epoch, then n), then number; a higher one supersedes. */
export type Token = readonly [line: string, view: string, n: number]

/** Something decoded that is a token. */
export function isToken(token: unknown): token is Token {
  if (!Array.isArray(token) || token.length !== 3) return false
  return typeof token[0] === 'string' && typeof token[1] === 'string' && isCount(token[2])
}

/** Are they tokens of one grant? */
export function sameToken(a: Token, b: Token): boolean {
  return compareText(a[0], b[0]) === 0 && a[1] === b[1] && a[2] === b[2]
}
