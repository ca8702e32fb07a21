/**
 * Claims, as they are cast: the grants that a request's process does not give up before it is answered. A claim names a
 * grant by its token, which is never given again, and the table that keeps it: the group of all locks, or that of one
 * semaphore.
 */
import { isCount } from '../objects/checks.ts'
import { isToken, type Token } from '../objects/token.ts'

/** Claims of one request, at most. */
export const CLAIMS_MAX = 64

/** A grant, wherever it is. */
export type Claim = readonly [table: string, token: Token]

/** The same for the same grant alone. */
export function claimKey([table, [line, view, n]]: Claim): string {
  return `${n} ${view} ${line} ${table}`
}

/** Claims as they are cast, or saved. */
export function isClaims(claims: unknown): claims is readonly Claim[] {
  return Array.isArray(claims) && claims.length <= CLAIMS_MAX && claims.every(isClaim)
}

function isClaim(claim: unknown): claim is Claim {
  return Array.isArray(claim) && claim.length === 2 && typeof claim[0] === 'string' && isToken(claim[1])
}

/** As they are saved. */
export function saveClaims(claims: readonly Claim[]): unknown {
  return claims.map(([table, token]) => [table, [...token]])
}

/** Numbers of calls, or places of requests. */
export function isNumbers(numbers: unknown): numbers is readonly number[] {
  return Array.isArray(numbers) && numbers.every(isCount)
}
