/**
 * M10 Block discipline, in strong groups: from the moment at which a process has closed a view of the group to casts
 * (`block`) it sends none in it, until casting goes on (`unblock`) in the next one, or in the same one if nothing came of
 * the change; and it sends none in a view other than the one in which casting goes on.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Message, Process } from './model.ts'
import { isStrong, type Run } from './run.ts'

/** What a process has said of its casting in a group. */
interface Casting {
  readonly isBlocked: boolean
  readonly view: string
}

type Step =
  | { readonly line: number; readonly process: Process; readonly g: string; readonly casting: Casting }
  | { readonly line: number; readonly send: NonNullable<Message['send']>; readonly message: Message }

export const checker: Checker = {
  property: 'M10',
  check(run: Run): Result {
    const verdict = new Verdict('M10')
    const said = new Map<Process, Map<string, Casting>>()
    for (const step of stepsOf(run)) {
      if ('casting' in step) {
        const ofGroups = said.get(step.process) ?? new Map<string, Casting>()
        said.set(step.process, ofGroups.set(step.g, step.casting))
        continue
      }
      const { m, sender } = step.message
      const { view, data } = step.send
      const casting = said.get(sender)?.get(data.g)
      verdict.expect(
        casting !== undefined && !casting.isBlocked && casting.view === view.id,
        () =>
          `${sender.id} sends ${m} in view ${view.id} of "${data.g}", ${
            casting === undefined
              ? 'where casting has not begun'
              : `after casting ${casting.isBlocked ? 'ended' : 'went on'} in ${casting.view}`
          }`,
        step.line,
      )
    }
    return verdict
  },
}

function stepsOf(run: Run): Step[] {
  const steps: Step[] = []
  for (const { line, process, data } of [...run.of('block'), ...run.of('unblock')]) {
    if (process === null) continue
    steps.push({ line, process, g: data.g, casting: { isBlocked: data.e === 'block', view: data.view } })
  }
  for (const message of run.messages) {
    if (message.send !== null && isStrong(message)) steps.push({ line: message.send.line, send: message.send, message })
  }
  return steps.sort((a, b) => a.line - b.line)
}
