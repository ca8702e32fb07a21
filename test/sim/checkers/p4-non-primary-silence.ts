/**
 * P4 Non-primary silence: where the space view in force is not primary, or the group's own is not, a process delivers nothing in a consistent
 * group, is granted nothing, and takes up no role under a token of a line. What is delivered at the closing of a
 * primary view comes before the next view's line, so it is in force still; but the uniform casts among it that come
 * after the transitional signal (nobody had released them) are delivered only by those who install a primary view next.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Install, Process } from './model.ts'
import { isOlder, isUniform, type Run } from './run.ts'

export const checker: Checker = {
  property: 'P4',
  check(run: Run): Result {
    const verdict = new Verdict('P4')
    for (const { group, space, install, process, message, at, transitional } of run.deliveries) {
      if (group.options?.consistency !== 'consistent') continue
      // One that crashes or leaves at the cut installs nothing: nobody sees what it did.
      const next = space?.after ?? null
      if (transitional && next !== null && isUniform(message)) {
        verdict.expect(
          isPrimary(next),
          () =>
            `${process.id} delivers ${message.m} of consistent "${group.name}", unreleased at the cut, and goes on to non-primary ${next.view.id}`,
          at.line,
        )
      }
      verdict.expect(
        isPrimary(space) && install?.data.primary !== false,
        () =>
          `${process.id} delivers ${message.m} of consistent "${group.name}" in non-primary ${space?.view.id ?? 'no view'}`,
        at.line,
      )
    }
    for (const { data, space, process, line } of run.of('grant')) {
      verdict.expect(
        isPrimary(space),
        () => `${process?.id} is granted "${data.lock}" in non-primary ${space?.view.id ?? 'no view'}`,
        line,
      )
    }
    for (const { data, space, process, line } of run.of('role')) {
      if (!data.on || process === null || data.token === null || data.token[0] === null) continue
      verdict.expect(
        roleSpace(run, process, space, line)?.data.primary !== false,
        () => `${process.id} takes up ${data.role} of "${data.g}" under line ${data.token?.[0]} in a non-primary view`,
        line,
      )
    }
    return verdict
  },
}

function isPrimary(space: Install | null): boolean {
  return space?.data.primary === true
}

/**
 * The space view in which a role is taken up. The kernel writes roles and may be a view ahead of the application,
 * so the process's next space view, if there is one, is believed too; non-primary only if both are.
 */
function roleSpace(run: Run, process: Process, space: Install | null, line: number): Install | null {
  if (isPrimary(space)) return space
  const next = process.installs.get(run.space)?.find((install) => install.at.line > line) ?? null
  if (next === null || (space !== null && !isOlder(space.view, next.view))) return space
  return isPrimary(next) ? next : space
}
