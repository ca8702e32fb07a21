/**
 * Names of what tools give out: leaderships, keys of `once`, ballots.
 */
import { UsageError } from '../errors.ts'

/** The longest, in UTF-16 code units: as for groups. */
const KEY_MAX = 256

/** Could it be one? For what comes from others. */
export function isKey(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= KEY_MAX
}

/** Throws a UsageError unless it is a string of 1 to 256 characters. */
export function checkKey(what: string, value: unknown): asserts value is string {
  if (!isKey(value)) throw new UsageError(`${what} is a string of 1 to ${KEY_MAX} characters`)
}
