/**
 * That what is to be called is a function. It is checked where it is given, before anything is done: called later, it would
 * fail far from whoever gave it, or again and again.
 */
import { UsageError } from '../errors.ts'

/** Throws a UsageError unless it is a function; `what` names it, as in `what is run once`. */
export function checkFunction(what: string, value: unknown): void {
  if (typeof value !== 'function') throw new UsageError(`${what} is a function`)
}
