/**
 * T1 Cut: a state that arrives is one that its donor gave to just this process, for the same group, view and cut, unchanged; and the cut is
 * a point of the donor's own history: it covers, of every sender, what the donor had delivered there, no more.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Located, Process } from './model.ts'
import { cutKey, type Run } from './run.ts'

export const checker: Checker = {
  property: 'T1',
  check(run: Run): Result {
    const verdict = new Verdict('T1')
    const given = new Map<string, Located<'stateOut'>>()
    const outs = run.of('stateOut')
    let next = 0
    for (const { data, line } of run.of('stateIn')) {
      for (let out = outs[next]; out !== undefined && out.line < line; out = outs[++next])
        given.set(keyOf(out.data.p, out.data.to, out.data), out)
      verdict.expect(
        given.has(keyOf(data.from, data.p, data)),
        () => `${data.p} gets a state of "${data.g}" in ${data.view} that ${data.from} did not give it`,
        line,
      )
    }
    const steps = deliveriesByGroup()
    for (const out of outs) checkPoint(run, verdict, steps, out)
    return verdict
  },
}

type Snapshot = Located<'stateOut'>['data'] | Located<'stateIn'>['data']

function keyOf(donor: string, to: string, { g, view, cut, h }: Snapshot): string {
  return JSON.stringify([donor, to, g, view, cutKey(cut), h])
}

interface Step {
  readonly line: number
  readonly sender: string
  readonly n: number
}

type Steps = (process: Process, g: string) => readonly Step[]

/** Each donor's first deliveries by group, sorted out when asked for. */
function deliveriesByGroup(): Steps {
  const cache = new Map<Process, Map<string, Step[]>>()
  return (process, g) => getOrMake(cache, process, () => sortOut(process)).get(g) ?? []
}

function sortOut(process: Process): Map<string, Step[]> {
  const groups = new Map<string, Step[]>()
  for (const { group, message, at, first } of process.deliveries) {
    if (first) pushTo(groups, group.name, { line: at.line, sender: message.sender.id, n: message.n })
  }
  return groups
}

/**
 * The covered casts are a prefix of what the donor delivered in the group, and hold at least what it delivered before
 * the view. Casts that it never delivered itself (it has them from a state of its own) do not matter, nor what it
 * delivered before a view in which it was given a state.
 */
function checkPoint(run: Run, verdict: Verdict, steps: Steps, { data, process, line }: Located<'stateOut'>): void {
  if (process === null || data.partial === true) return
  const isGiven = (state: Located<'stateIn' | 'merge'>): boolean =>
    state.process === process && state.data.g === data.g && state.line < line
  const whole = run.of('stateIn').findLast(isGiven)
  const united = run.of('merge').findLast(isGiven)
  const given = (whole?.line ?? 0) > (united?.line ?? 0) ? whole : united
  // A membership that began anew began without what the process had delivered in an earlier one.
  const joined = joinLine(process, data.g, line)
  const from = Math.max(joined, given === undefined ? 0 : installLine(process, given.data))
  const viewLine = installLine(process, data)
  let beyond: Step | null = null
  for (const step of steps(process, data.g)) {
    if (step.line < from) continue
    const isCovered = step.n <= (data.cut[step.sender] ?? 0)
    if (!isCovered) beyond ??= step
    if (beyond === null || (!isCovered && step.line > viewLine)) continue
    const why = isCovered
      ? `covers ${step.sender}#${step.n}, delivered after it`
      : `is of view ${data.view}, which came after it`
    verdict.fail(`${data.p}'s state of "${data.g}" lacks ${beyond.sender}#${beyond.n} but ${why}`, line)
    return
  }
}

/** Where the process's membership at that line began. */
function joinLine(process: Process, g: string, line: number): number {
  for (const [group, installs] of process.installs) {
    if (group.name !== g) continue
    return installs.findLast((install) => install.before === null && install.at.line < line)?.at.line ?? 0
  }
  return 0
}

/** Where the process installed the snapshot's view; 0 if it never did. */
function installLine(process: Process, { g, view }: { readonly g: string; readonly view: string }): number {
  for (const [group, installs] of process.installs) {
    if (group.name === g) return installs.find((install) => install.view === group.views.get(view))?.at.line ?? 0
  }
  return 0
}
