/** What a queue does: `jobs-<tries>-<size>-…` is one of so many tries and items; 0: without that limit. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import { FASTEST } from '../checkers/clock-rate.ts'
import type { MachineModel, ModelAnswer, ModelCaller, ModelContext } from './machine-model.ts'

/** Times are rounded. */
const TICK_MS = 1

/** A time that must pass before something is said to be over. */
interface Wait {
  readonly key: string
  readonly ms: number
  /** When the first member began to count. */
  readonly from: number
}

interface Job {
  readonly id: number
  readonly priority: number
  tries: number
  by: string | null
  token: TraceToken | null
  /** Until it may be taken, or must be back. */
  wait: Wait | null
}

interface Add extends ModelCaller {
  readonly priority: number
  readonly delay: number
}

interface Jobs {
  readonly tries: number
  readonly size: number
  lastId: number
  lastWait: number
  jobs: Job[]
  dead: Job[]
  takes: (ModelCaller & { readonly limit: number })[]
  adds: Add[]
}

/** Higher priorities first, then what was tried, then the oldest. Nothing is early, too much, or lost. */
export const jobsModel: MachineModel<Jobs> = {
  start(name) {
    const [, tries, size] = name.split('-').map(Number)
    return {
      ...{ tries: tries || Number.MAX_SAFE_INTEGER, size: size || Number.MAX_SAFE_INTEGER, lastId: 0, lastWait: 0 },
      ...{ jobs: [], dead: [], takes: [], adds: [] },
    }
  },
  apply(jobs, body, caller, context) {
    const answer = apply(jobs, body as readonly unknown[], caller, context)
    serve(jobs, context)
    return answer
  },
  cancel(jobs, { by, n }) {
    const isOther = (each: ModelCaller): boolean => each.by !== by || each.n !== n
    jobs.takes = jobs.takes.filter(isOther)
    jobs.adds = jobs.adds.filter(isOther)
  },
  release(jobs, process, context) {
    for (const job of inOrder(jobs)) if (job.by === process) giveBack(jobs, job)
    serve(jobs, context)
  },
  viewed: serve,
  waiting: ({ takes, adds }) => [...takes, ...adds],
  holders: ({ jobs }) => jobs.flatMap(({ by }) => (by === null ? [] : [by])),
}

function apply(
  jobs: Jobs,
  body: readonly unknown[],
  caller: ModelCaller,
  context: ModelContext,
): ModelAnswer | 'waits' {
  const [op, first, second, third, fourth, fifth] = body as [number, unknown, unknown, unknown, unknown, unknown]
  switch (op) {
    case 0: {
      const add = { ...caller, priority: Number(second), delay: Number(third) }
      if (jobs.jobs.length < jobs.size) return [true, admit(jobs, add, context)]
      if (fourth !== true) return [false, 'busy']
      jobs.adds.push(add)
      return 'waits'
    }
    case 1:
      jobs.takes.push({ ...caller, limit: Number(first) })
      return 'waits'
    case 6:
      return over(jobs, first as readonly string[], context)
    case 7:
    case 8:
      return bury(jobs, op === 7, Number(first))
  }
  const job = jobs.jobs.find(({ id, by }) => id === first && by === caller.by)
  if (job === undefined || job.token?.join() !== (second as TraceToken).join()) return [false, 'stale-token']
  if (op === 2) jobs.jobs = jobs.jobs.filter((each) => each !== job)
  else if (op === 3) giveBack(jobs, job, waitFor(jobs, Number(fourth), context), fifth === true)
  else if (op === 4) {
    if (third !== true) job.tries -= 1
    giveBack(jobs, job)
  } else job.wait = waitFor(jobs, Number(third) || (job.wait?.ms ?? 0), context)
  return [true, null]
}

function waitFor(jobs: Jobs, ms: number, { line, view, at }: ModelContext): Wait | null {
  if (ms === 0) return null
  jobs.lastWait += 1
  return { key: `${line}/${view}/${jobs.lastWait}`, ms, from: at }
}

function admit(jobs: Jobs, { priority, delay }: Add, context: ModelContext): number {
  jobs.lastId += 1
  const wait = waitFor(jobs, delay, context)
  jobs.jobs.push({ id: jobs.lastId, priority, tries: 0, by: null, token: null, wait })
  return jobs.lastId
}

function giveBack(jobs: Jobs, job: Job, wait: Wait | null = null, isHopeless = false): void {
  job.by = null
  job.token = null
  job.wait = wait
  if (!isHopeless && job.tries < jobs.tries) return
  jobs.jobs = jobs.jobs.filter((each) => each !== job)
  job.wait = null
  jobs.dead.push(job)
  jobs.dead.sort((a, b) => a.id - b.id)
}

function over(jobs: Jobs, keys: readonly string[], { at }: ModelContext): ModelAnswer {
  for (const key of keys) {
    const job = jobs.jobs.find(({ wait }) => wait?.key === key)
    if (job === undefined || job.wait === null) continue
    if (at < job.wait.from + job.wait.ms * FASTEST - TICK_MS) return [false, 'too early']
    if (job.by === null) job.wait = null
    else giveBack(jobs, job)
  }
  return [true, null]
}

function bury(jobs: Jobs, isRestored: boolean, id: number): ModelAnswer {
  const job = jobs.dead.find((each) => each.id === id)
  if (job === undefined) return [true, false]
  if (isRestored && jobs.jobs.length >= jobs.size) return [false, 'busy']
  jobs.dead = jobs.dead.filter((each) => each !== job)
  if (isRestored) jobs.jobs.push({ ...job, tries: 0 })
  return [true, true]
}

/** What has room is added, and who waits is given what is first. */
function serve(jobs: Jobs, context: ModelContext): void {
  for (const add of [...jobs.adds]) {
    if (jobs.jobs.length >= jobs.size || !context.members.has(add.by)) continue
    jobs.adds = jobs.adds.filter((each) => each !== add)
    context.answer(add, [true, admit(jobs, add, context)])
  }
  jobs.jobs = inOrder(jobs)
  if (!context.isPrimary) return
  for (const take of [...jobs.takes]) {
    const [job] = jobs.jobs.filter(({ by, wait }) => by === null && wait === null).sort(compareJobs)
    if (job === undefined) return
    if (!context.members.has(take.by)) continue
    jobs.takes = jobs.takes.filter((each) => each !== take)
    const token = context.nextToken()
    Object.assign(job, { by: take.by, token, tries: job.tries + 1, wait: waitFor(jobs, take.limit, context) })
    context.answer(take, [true, [job.id, token]])
  }
}

function compareJobs(a: Job, b: Job): number {
  if (a.priority !== b.priority) return b.priority - a.priority
  const [aIsTried, bIsTried] = [a.tries > 0, b.tries > 0]
  return aIsTried === bIsTried ? a.id - b.id : aIsTried ? -1 : 1
}

function inOrder({ jobs }: Jobs): Job[] {
  return [...jobs].sort((a, b) => a.id - b.id)
}
