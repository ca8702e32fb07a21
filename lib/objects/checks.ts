/**
 * Small checks on decoded operations and states, which may come from anyone.
 */
import { ValueError } from '../errors.ts'

/** A whole number from 1 that is counted exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1
}

/** A whole number from 0 that is counted exactly. */
export function isTotal(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** A process id, or what could be one. */
export function isAuthor(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= 64
}

/** Throws unless `condition` holds: for `load` and `merge`, whose state is then refused. */
export function assertState(condition: unknown, what: string): asserts condition {
  if (!condition) throw new ValueError(`malformed state: ${what}`)
}

/** Orders strings by UTF-16 unit, the same on every engine and in every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
