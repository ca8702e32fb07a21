/**
 * Lists of calls that wait, in the state of a machine.
 */
import { assertState, isAuthor, isCount } from '../objects/checks.ts'
import type { Caller } from '../objects/state-machine.ts'

/** The list without that call. */
export function withoutCaller(callers: readonly Caller[], { process, call }: Caller): Caller[] {
  return callers.filter((each) => each.process !== process || each.call !== call)
}

/** The list as it is saved. */
export function saveCallers(callers: readonly Caller[]): unknown {
  return callers.map(({ process, call }) => [process, call])
}

/** A saved list. Throws a ValueError on a malformed one. */
export function readCallers(saved: unknown): Caller[] {
  assertState(Array.isArray(saved), 'callers')
  return saved.map((each: unknown) => {
    assertState(Array.isArray(each) && each.length === 2 && isAuthor(each[0]) && isCount(each[1]), 'caller')
    return { process: each[0], call: each[1] }
  })
}
