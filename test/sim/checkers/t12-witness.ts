/**
 * T12 One order, each request once: the calls of a replicated state machine.
 *
 * - What is at one place of the agreed order is one request, with one outcome, at all who come to that place in one line. A
 *   line that takes the place of another goes on from casts that the other one may not have had, in the same view.
 * - Replayed through the object's sequential model, from the first step on or from wherever a state that is taken over had
 *   come to, the steps of each replica give the answers that the machine gave: no request takes effect twice, none out of
 *   its process's order, none of who is not there; what waits or is held ends when it should, and not before.
 * - Who made a call is told the answer of a request of that number that was executed.
 * - Within a line, whatever was told before another call was first cast comes before it in the agreed order.
 */
import { MODELS } from '../tools/models.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { FASTEST } from './clock-rate.ts'
import { pushTo } from './collections.ts'
import { type Given, MachineReplay } from './machine-replay.ts'
import type { Located } from './model.ts'
import { derive, type Run } from './run.ts'
import { modelNameOf } from './tool-names.ts'
import { Waking } from './waking.ts'

type Exec = Located<'exec'>

/** The others wait for so many leases, for clocks that run at different speeds; a little less, for times are rounded. */
const LEASES = 1.1
const TICK_MS = 1

/** Errors that a call ends with whatever the machine does. */
const NO_ANSWERS: ReadonlySet<unknown> = new Set([
  ...['not-primary', 'unknown-outcome', 'closed', 'busy', 'aborted', 'AbortError'],
])

export const checker: Checker = {
  property: 'T12',
  check(run: Run): Result {
    const verdict = new Verdict('T12')
    const byObject = new Map<string, Exec[]>()
    for (const exec of run.of('exec')) pushTo(byObject, exec.data.obj, exec)
    for (const [name, execs] of byObject) {
      const answers = replay(run, verdict, name, execs)
      checkPlaces(verdict, name, execs)
      checkTold(run, verdict, name, answers)
      checkTime(run, verdict, name, execs)
    }
    return verdict
  },
}

/** Of each request, by process, opening and number: what it was answered with, in whatever history. */
type Answers = Map<string, string[]>

function replay(run: Run, verdict: Verdict, name: string, execs: readonly Exec[]): Answers {
  const answers: Answers = new Map()
  const model = MODELS[modelNameOf(name)]
  if (model === undefined) {
    verdict.fail(`there is no model of "${name}"`)
    return answers
  }
  const views = run.groups.find((group) => group.name === name)?.views
  const lease = run.bounds?.lease ?? 0
  const steps = stepsOf(execs)
  const told = new Map<string, number>()
  for (const { data, line } of run.of('told')) {
    const key = `${data.p} ${data.call.join(' ')}`
    if (data.obj === name && !told.has(key)) told.set(key, line)
  }
  const first = new Map<string, number>()
  for (const [{ t }, step] of steps) first.set(step, Math.min(t, first.get(step) ?? t))
  const machine = new MachineReplay(model, {
    fail: (message, line) => verdict.fail(message, line),
    given: ({ by, n, answer }: Given, opening) => {
      const key = `${by} ${opening} ${n}`
      const text = textOf(answer)
      if (answers.get(key)?.includes(text) !== true) pushTo(answers, key, text)
    },
    expiresAt: (view, process, line) => {
      const installs = views?.get(view)?.installs ?? []
      const times = installs.map(({ at }) => at.t)
      const heard = lastLeaseOf(run, process, { of: installs[0]?.data.line ?? null, until: line })
      // From when it was last answered, but from the view before at the earliest; or from the view without it.
      const before = Math.min(...installs.flatMap((install) => install.before?.at.t ?? []))
      return Math.min(Math.min(...times) + lease * LEASES * FASTEST - TICK_MS, Math.max(before, heard ?? 0) + lease)
    },
    firstAt: (exec) => first.get(steps.get(exec) ?? '') ?? exec.t,
    isTold: ({ by, n }, opening, line) => (told.get(`${by} ${opening} ${n}`) ?? line) < line,
  })
  for (const exec of execs) {
    verdict.checked += exec.data.deeds.length
    machine.take(exec)
  }
  return answers
}

/** From when the last lease counts that this process had by then in that line, by the clock of the world; null: it had none. */
function lastLeaseOf(run: Run, id: string, { of, until }: { of: string | null; until: number }): number | null {
  const waking = derive(run, wakingOf)
  const process = run.process(id)
  let last: number | null = null
  for (const { data, t, line, space } of run.of('lease')) {
    if (data.p !== id || data.start === null || line > until || process === undefined || space?.data.line !== of)
      continue
    last = Math.max(last ?? 0, waking.worldTime(process, data.start, t))
  }
  return last
}

function wakingOf(run: Run): Waking {
  return new Waking(run)
}

function textOf(answer: readonly unknown[]): string {
  return JSON.stringify(answer[0] === true ? answer : answer.slice(0, 2))
}

/** The line in which a step is taken. */
function lineOf({ space }: Exec): string | null {
  return space?.data.line ?? null
}

/** Each step, named the same for all replicas that take it. Two lines that go on from one view take steps of their own in it. */
function stepsOf(execs: readonly Exec[]): ReadonlyMap<Exec, string> {
  const lines = new Map<string, string>()
  const steps = new Map<Exec, string>()
  for (const exec of execs) {
    const { p, at, view, step, line } = exec.data
    if (step === 'view') lines.set(p, line ?? '')
    steps.set(exec, `${lines.get(p) ?? ''} ${at?.join('#') ?? view ?? step}`)
  }
  return steps
}

function placeOf(exec: Exec): string {
  return `${lineOf(exec)} ${exec.data.at?.join('#')}`
}

/** One place, one request, one outcome. */
function checkPlaces(verdict: Verdict, name: string, execs: readonly Exec[]): void {
  const places = new Map<string, Exec>()
  for (const exec of execs) {
    const { at, by, op, call, body, deeds } = exec.data
    if (at === undefined) continue
    const place = placeOf(exec)
    const other = places.get(place)
    if (other === undefined) {
      places.set(place, exec)
      continue
    }
    const { data } = other
    const same =
      JSON.stringify([by, op, call, body, deeds]) ===
      JSON.stringify([data.by, data.op, data.call, data.body, data.deeds])
    verdict.expect(
      same,
      () => `at ${at.join('#')} of "${name}", ${exec.data.p} and ${data.p} do different things`,
      exec.line,
    )
  }
}

function checkTold(run: Run, verdict: Verdict, name: string, answers: Answers): void {
  for (const { data, line } of run.of('told')) {
    const { p, obj, ok, value, call } = data
    if (obj !== name || (!ok && NO_ANSWERS.has(value))) continue
    const given = answers.get(`${p} ${call.join(' ')}`) ?? []
    // What an object calls an error is its own affair.
    const isGiven = ok ? given.includes(textOf([true, value])) : given.some((each) => each.startsWith('[false'))
    verdict.expect(
      isGiven,
      () =>
        `${p} is told ${JSON.stringify(value)} for its ${call.join('/')} of "${name}", which ${given.join(' or ') || 'nobody'} answers`,
      line,
    )
  }
}

/** A request that was executed, at its place. */
interface Placed {
  readonly exec: Exec
  readonly epoch: number
  readonly n: number
  readonly index: number
}

function checkTime(run: Run, verdict: Verdict, name: string, execs: readonly Exec[]): void {
  const asked = new Map<string, number>()
  /** When, by line and request: what is told in one line may take effect in another later. */
  const told = new Map<string, number>()
  for (const { data, t } of run.of('ask')) {
    const key = `${data.p} ${data.call.join(' ')}`
    if (data.obj === name && !asked.has(key)) asked.set(key, t)
  }
  for (const { data, t, space } of run.of('told')) {
    if (data.obj !== name || (!data.ok && NO_ANSWERS.has(data.value))) continue
    told.set(`${space?.data.line} ${data.p} ${data.call.join(' ')}`, t)
  }
  for (const [of, placed] of placesOf(run, name, execs)) {
    let latest = Number.NEGATIVE_INFINITY
    let last: Exec | null = null
    for (const { exec } of placed) {
      const { by, call } = exec.data
      const key = `${by} ${call?.join(' ')}`
      const returned = told.get(`${of} ${key}`) ?? Number.POSITIVE_INFINITY
      const behind: Exec | null = last
      verdict.expect(
        returned >= latest,
        () =>
          `${key} of "${name}" was told at ${returned}, and stands behind ${behind?.data.by} ${behind?.data.call?.join(' ')}, which was asked at ${latest}`,
        exec.line,
      )
      const begun = asked.get(key) ?? Number.NEGATIVE_INFINITY
      if (begun <= latest) continue
      latest = begun
      last = exec
    }
  }
}

/** By line, in the agreed order: each place once. */
function placesOf(run: Run, name: string, execs: readonly Exec[]): Map<string | null, Placed[]> {
  const views = run.groups.find((group) => group.name === name)?.views
  const seen = new Set<string>()
  const lines = new Map<string | null, Placed[]>()
  for (const exec of execs) {
    const { at, deeds } = exec.data
    if (at === undefined || seen.has(placeOf(exec)) || !deeds.some((deed) => deed.do === 'apply')) continue
    seen.add(placeOf(exec))
    const view = views?.get(at[0])
    if (view === undefined) continue
    pushTo(lines, lineOf(exec), { exec, epoch: view.epoch, n: view.n, index: at[1] })
  }
  for (const placed of lines.values()) placed.sort((a, b) => a.epoch - b.epoch || a.n - b.n || a.index - b.index)
  return lines
}
