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
      // On demand, in place of the line that it is in: nobody is asked.
      if (process === null || data.of !== undefined) continue
      const others = byOrigin.get(process.origin) ?? []
      const other = others.find(
        (q) => q !== process && isHere(q, line) && (isFounder(run, q, line) || isInLine(q, entered, line)),
      )
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
  return from !== undefined && from < line
}

function isHere(process: Process, line: number): boolean {
  return !isBefore(process.crash, line) && !isBefore(process.leave, line)
}

function isBefore(at: At | null, line: number): boolean {
  return at !== null && at.line < line
}

function firstInLine(run: Run): Map<Process, number> {
  const entered = new Map<Process, number>()
  const enter = (process: Process, line: number): void => {
    entered.set(process, Math.min(line, entered.get(process) ?? line))
  }
  for (const { process, data, at } of run.installs) if (data.line !== null) enter(process, at.line)
  return entered
}

/** Has it founded a line? Not if nobody was ever in it, and it has told a view without one since, or its kernel has installed one (seed 39261). */
function isFounder(run: Run, process: Process, line: number): boolean {
  const found = run.of('found').findLast((each) => each.process === process && each.line < line)
  if (found === undefined) return false
  if (run.installs.some(({ data }) => data.line === found.data.line)) return true
  const without = (process.installs.get(run.space) ?? []).filter(({ data }) => data.line === null)
  const isSince = (at: number): boolean => at > found.line && at < line
  if (without.some(({ at }) => isSince(at.line))) return false
  const views = new Set(without.map(({ view }) => view.id))
  const installs = run.of('install').filter((each) => each.process === process)
  return !installs.some(({ data, line: at }) => isSince(at) && views.has(data.view))
}
