/**
 * P5 One line per origin: no process founds a line while another live process of its origin is in one (has founded
 * one, or installed a view of one). Processes without an origin share no founding section.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { At, Process } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'P5',
  check(run: Run): Result {
    const verdict = new Verdict('P5')
    const byOrigin = new Map<string, Process[]>()
    for (const process of run.processes) if (process.origin !== '') pushTo(byOrigin, process.origin, process)
    const entered = firstInLine(run)
    for (const { process, data, line } of run.of('found')) {
      if (process === null) continue
      const others = byOrigin.get(process.origin) ?? []
      const other = others.find((q) => q !== process && isInLine(q, entered, line))
      verdict.expect(
        other === undefined,
        () => `${process.id} founds line ${data.line} while ${other?.id} of origin ${process.origin} is in one`,
        line,
      )
    }
    return verdict
  },
}

function isInLine(process: Process, entered: ReadonlyMap<Process, number>, line: number): boolean {
  const from = entered.get(process)
  return from !== undefined && from < line && !isBefore(process.crash, line) && !isBefore(process.leave, line)
}

function isBefore(at: At | null, line: number): boolean {
  return at !== null && at.line < line
}

function firstInLine(run: Run): Map<Process, number> {
  const entered = new Map<Process, number>()
  const enter = (process: Process, line: number): void => {
    entered.set(process, Math.min(line, entered.get(process) ?? line))
  }
  for (const { process, line } of run.of('found')) if (process !== null) enter(process, line)
  for (const { process, data, at } of run.installs) if (data.line !== null) enter(process, at.line)
  return entered
}
