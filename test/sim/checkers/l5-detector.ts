/**
 * L5 Detector completeness and accuracy: nobody keeps a crashed process in its view for longer than `tDetect`, counted
 * from the crash if nothing else happens to the world meanwhile, else from the quiet line; and no view excludes a process
 * that was never frozen, crashed, skewed or slowed, nor was the view's coordinator or whoever installs it, nor was
 * anybody in the view cut off from it. A merge that its leader did not live to tell everybody of excuses the next view from
 * having those who never heard of it. The number of exclusions of live processes is reported as `falseExclusions`, of whatever cause.
 */

import { parseViewId } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Install, Process } from './model.ts'
import { type Rest, restOf } from './rest.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'L5',
  check(run: Run): Result {
    const verdict = new Verdict('L5')
    const falseExclusions = checkAccuracy(run, verdict)
    const rest = restOf(run)
    if (rest !== null) {
      const faults = faultTimes(run)
      for (const crashed of run.processes)
        if (crashed.crash !== null) checkDetected(run, verdict, rest, { crashed, faults })
    }
    return { checked: verdict.checked, violations: verdict.violations, metrics: { falseExclusions } }
  },
}

const FAULTS = ['crash', 'freeze', 'thaw', 'lose', 'skew', 'cut', 'heal', 'slow'] as const

function faultTimes(run: Run): number[] {
  return FAULTS.flatMap((fault) => run.of(fault).map(({ t }) => t))
}

interface Crash {
  readonly crashed: Process
  readonly faults: readonly number[]
}

function checkDetected(run: Run, verdict: Verdict, { quiet, end, bounds }: Rest, { crashed, faults }: Crash): void {
  const crash = crashed.crash
  if (crash === null) return
  const near = faults.filter((t) => t > crash.t - bounds.tDetect && t < crash.t + bounds.tDetect).length
  // The crash itself is one of the faults near it.
  const deadline = (near <= 1 ? crash.t : Math.max(crash.t, quiet.t)) + bounds.tDetect
  if (deadline > end.t) return
  for (const process of run.processes) {
    if (!run.isLive(process) || process.part < 0) continue
    const install = run.spaceAt(process, deadline)
    if (install === null) continue
    verdict.expect(
      !install.view.members.has(crashed.id),
      () =>
        `${process.id} still has ${crashed.id} in view ${install.view.id}, ${bounds.tDetect} ms after it crashed or the network came to rest`,
      install.at.line,
    )
    const last = run.last(process, run.space)
    if (last !== null && last !== install && last.view.members.has(crashed.id)) {
      verdict.fail(`${process.id} ends in view ${last.view.id} with ${crashed.id}, which crashed`, last.at.line)
    }
  }
}

/** Counts exclusions of live processes; those without any excuse are violations. */
function checkAccuracy(run: Run, verdict: Verdict): number {
  const excuses = new Excuses(run)
  let count = 0
  for (const install of run.installs) {
    if (install.view.group !== run.space || install.before === null) continue
    for (const id of excluded(install)) {
      const other = run.process(id)
      if (other === undefined || isBefore(other.crash, install) || isBefore(other.leave, install)) continue
      const left = install.before.view
      const theirs = currentOf(run, other, install.at.line)
      const wasThere = left.installs.some(({ process, at }) => process === other && at.line < install.at.line)
      // It has gone on without this process: its own view is judged for that.
      if (wasThere && theirs?.view.members.has(install.process.id) !== true) continue
      // It gave the merge up by itself and went on from where it was.
      if (!wasThere && theirs !== undefined && theirs.view.epoch > left.epoch) continue
      count++
      verdict.expect(
        excuses.has(install, other, wasThere ? [] : [parseViewId(left.id).coordinator]),
        () => `${install.process.id} excludes ${id} in view ${install.view.id}, though nothing ever happened to them`,
        install.at.line,
      )
    }
  }
  return count
}

function excluded({ before, view, data }: Install): string[] {
  const gone = new Set([...(data.left ?? []), ...(data.dead ?? [])])
  return [...(before?.view.members ?? [])].filter((id) => !view.members.has(id) && !gone.has(id))
}

/** The space install in force at a process at that line. */
function currentOf(run: Run, process: Process, line: number): Install | undefined {
  return process.installs.get(run.space)?.findLast(({ at }) => at.line < line)
}

function isBefore(at: { readonly line: number } | null, install: Install): boolean {
  return at !== null && at.line < install.at.line
}

/** What was done to processes and pairs, and from which line on it counts. */
class Excuses {
  readonly #process = new Map<string, number>()
  readonly #splits: { readonly line: number; readonly partOf: ReadonlyMap<string, number> }[] = []
  #all = Number.POSITIVE_INFINITY

  constructor(run: Run) {
    for (const fault of ['crash', 'freeze', 'thaw', 'skew'] as const) {
      for (const { data, line } of run.of(fault)) this.#touch(data.q, line)
    }
    for (const event of ['cut', 'slow'] as const) {
      for (const { data, line } of run.of(event)) {
        for (const id of data.links?.flat() ?? []) this.#touch(id, line)
        if (data.parts !== undefined) this.#split(data.parts, line)
        // Something is done to the network as a whole.
        else if (data.links === undefined) this.#all = Math.min(this.#all, line)
      }
    }
  }

  /** A view is of all its members: whoever is cut off from one of them cannot be in it. */
  has({ process, view, at: { line } }: Install, other: Process, leaders: readonly string[]): boolean {
    const { coordinator } = parseViewId(view.id)
    if (this.#all < line) return true
    if ([process.id, coordinator, other.id, ...leaders].some((id) => this.#touched(id, line))) return true
    return this.#splits.some(
      (split) =>
        split.line < line && [...view.members].some((id) => split.partOf.get(id) !== split.partOf.get(other.id)),
    )
  }

  #touch(id: string, line: number): void {
    if (!this.#process.has(id)) this.#process.set(id, line)
  }

  #touched(id: string, line: number): boolean {
    return (this.#process.get(id) ?? Number.POSITIVE_INFINITY) < line
  }

  #split(parts: readonly (readonly string[])[], line: number): void {
    const partOf = new Map<string, number>()
    parts.forEach((part, index) => {
      for (const id of part) partOf.set(id, index)
    })
    this.#splits.push({ line, partOf })
  }
}
