/**
 * `npm run sim`: runs seeds and reports what the checkers found.
 *
 *   npm run sim -- [--seed S | --seeds N --from S0] [--processes P] [--groups G] [--ops K] [--faults a,b|all|all,a|every|none]
 *                  [--workload W] [--trace FILE] [--json] [--until A,B] [--jobs N] [--reach]
 *   npm run sim -- --workloads uniform:60,queue:30 …    so many seeds of each, in one go
 *   npm run sim -- [--seed S] --plan FILE               the plan instead of what the seed draws
 *   npm run sim -- --seed S --save-plan FILE            writes down what the seed draws
 *   npm run sim -- --seed S --shrink [--until A] [--out FILE]
 *                                                       the least plan that still violates the same property
 *   npm run sim -- --seed S --timeline out.svg [--window A,B] [--group G]
 *   npm run sim -- --read FILE --timeline out.svg …     the run, or a trace, as a time-space diagram
 *
 * The last line is a JSON summary. Exit code 1 on a violation; each prints the one line that replays it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Violation } from './checkers/checker.ts'
import { runInChildren, serve, type Task } from './children.ts'
import { type Plan, printPlan, readPlan, wholePlan } from './plans/plan.ts'
import { shrink } from './plans/shrink.ts'
import { runSeed } from './run-seed.ts'
import {
  DEFAULT_OPTIONS,
  FAULT_KINDS,
  type FaultKind,
  NAMED_KINDS,
  type SimOptions,
  WORKLOADS,
  type WorkloadName,
} from './scenario.ts'
import { reportOf, type SeedReport, Summary } from './summary.ts'
import { drawTimeline } from './timeline/draw.ts'
import { modelOf } from './timeline/model.ts'
import type { AnyLine } from './trace.ts'

/** So many seeds run in this process; of more, children do, which are set up for it. */
const PARALLEL_FROM = 25

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    processes: { type: 'string' },
    groups: { type: 'string' },
    ops: { type: 'string' },
    faults: { type: 'string', default: 'all' },
    workload: { type: 'string', default: 'mixed' },
    workloads: { type: 'string' },
    trace: { type: 'string' },
    json: { type: 'boolean', default: false },
    /** Stop at the first violation of one of these properties. */
    until: { type: 'string' },
    jobs: { type: 'string' },
    /** Print the reach matrix; exit code 1 if a cell of it is empty. */
    reach: { type: 'boolean', default: false },
    plan: { type: 'string' },
    'save-plan': { type: 'string' },
    shrink: { type: 'boolean', default: false },
    /** Where the least plan goes, if not among the regressions. */
    out: { type: 'string' },
    timeline: { type: 'string' },
    /** From when to when the diagram is drawn, in ms. */
    window: { type: 'string' },
    /** Whose views and casts are drawn; by default the space's views and all casts. */
    group: { type: 'string' },
    /** A trace to draw. */
    read: { type: 'string' },
    serve: { type: 'boolean', default: false },
  },
})

/** Where least plans are kept. */
const regressions = fileURLToPath(new URL('./regressions', import.meta.url))

const options = readOptions()
const plan = values.plan === undefined ? undefined : loadPlan(values.plan)
const from = readNumber(
  'from',
  values.seed ?? (values.seeds === undefined ? plan?.seed.toString() : undefined) ?? values.from,
)
if (values.serve) serve(options, plan)
else if (values['save-plan'] !== undefined) savePlan(values['save-plan'], wholePlan(from, options, plan))
else if (values.shrink) process.exitCode = await shrinkOne()
else if (values.read !== undefined) drawFile(values.read)
else if (values.workloads !== undefined) process.exitCode = await mainOfMany(values.workloads)
else process.exitCode = await main()

async function main(): Promise<number> {
  const count = values.seed !== undefined ? 1 : readNumber('seeds', values.seeds ?? '1')
  const until = values.until?.split(',') ?? []
  const summary = new Summary(replayOptions(), values.json, options.faults)
  const take = (report: SeedReport): boolean => {
    summary.add(report)
    return report.violations.some(({ property }) => until.includes(property))
  }
  const jobs = readJobs()
  if (count > PARALLEL_FROM) {
    const task = (index: number): Task => ({ seed: from + index })
    await runInChildren({ count, task, jobs: Math.max(1, jobs), take })
  } else {
    for (let seed = from; seed < from + count; seed += 1) {
      const start = process.cpuUsage()
      const result = await runSeed(seed, options, plan)
      const { user, system } = process.cpuUsage(start)
      if (values.trace !== undefined) writeTrace(values.trace, result.lines)
      if (values.timeline !== undefined) draw(values.timeline, result.lines, result.violations)
      if (take(reportOf(result, (user + system) / 1_000))) break
    }
  }
  const reach = values.reach ? summary.printReach() : 0
  return Math.max(summary.print(), reach)
}

/** Seeds of several workloads, in the same processes: each of them runs the faster the longer it runs. A summary for each. */
async function mainOfMany(text: string): Promise<number> {
  const many = text.split(',').map((each) => {
    const [name = '', count = ''] = each.split(':')
    const workload = readWorkload(name)
    const summary = new Summary(replayOptions(workload), values.json, options.faults)
    return { workload, summary, count: readNumber('workloads', count) }
  })
  const tasks = many.flatMap(({ workload, summary, count }) =>
    Array.from({ length: count }, (_, i) => ({ seed: from + i, workload, summary })),
  )
  await runInChildren({
    count: tasks.length,
    task: (index): Task => {
      const { seed = 0, workload = options.workload } = tasks[index] ?? {}
      return { seed, workload }
    },
    jobs: Math.max(1, readJobs()),
    take: (report, index) => {
      tasks[index]?.summary.add(report)
      return false
    },
  })
  let code = 0
  for (const { workload, summary } of many) {
    console.log(`${workload}:`)
    code = Math.max(code, summary.print())
  }
  return code
}

/** Shrinks one seed's plan and keeps it. Exit code 1: a violation is kept, as for any run with one. */
async function shrinkOne(): Promise<number> {
  const start = wholePlan(from, options, plan)
  const result = await shrink(start, (each) => runSeed(from, options, each), values.until?.split(',')[0])
  if (result === null) {
    console.log(`seed ${from} does not violate ${values.until?.split(',')[0] ?? 'anything'}`)
    return 0
  }
  const { plan: least, property, runs } = result
  const file = values.out ?? join(regressions, `${property.toLowerCase()}-${from}.json`)
  const { seed, ...rest } = least
  savePlan(file, { seed, property, note: 'to be said', ...rest })
  const { faults, ops, scenario } = least
  for (const fault of faults) console.log(`  ${JSON.stringify(fault)}`)
  console.log(
    `${property} with ${faults.length} of ${start.faults.length} faults, ${ops.length} of ${start.ops.length} operations, ` +
      `${scenario.processes} of ${start.scenario.processes} processes, ${scenario.groups} of ${start.scenario.groups} ` +
      `groups, after ${runs} runs`,
  )
  console.log(`  replay: npm run sim -- --plan ${relative(process.cwd(), file)}`)
  return 1
}

function draw(file: string, lines: readonly AnyLine[], violations: readonly Violation[]): void {
  const firsts = violations.filter(
    ({ property }, i) => violations.findIndex((each) => each.property === property) === i,
  )
  const marks = firsts.flatMap(({ property, line }) => {
    const at = line === undefined ? undefined : lines[line - 1]
    return at === undefined ? [] : [{ t: at.t, text: property }]
  })
  const { group } = values
  const note = group === undefined ? {} : { note: `group ${group}` }
  writeFileSync(file, drawTimeline(modelOf(lines, group), { marks, ...note, ...readWindow() }))
}

/** Draws a trace that was written before. */
function drawFile(file: string): void {
  if (values.timeline === undefined) return usage('--read takes --timeline FILE')
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  draw(
    values.timeline,
    lines.map((line) => JSON.parse(line) as AnyLine),
    [],
  )
}

function readWindow(): { readonly window?: readonly [number, number] } {
  if (values.window === undefined) return {}
  const [from, to, ...rest] = values.window.split(',').map(Number)
  if (from === undefined || to === undefined || rest.length > 0 || !(from < to))
    return usage('--window takes A,B in ms')
  return { window: [from, to] }
}

function savePlan(file: string, whole: Plan): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, printPlan(whole))
}

function loadPlan(file: string): Plan {
  try {
    return readPlan(file)
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error))
  }
}

function writeTrace(file: string, lines: readonly unknown[]): void {
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

function readOptions(): SimOptions {
  return {
    ...(values.processes === undefined ? {} : { processes: readNumber('processes', values.processes) }),
    ...(values.groups === undefined ? {} : { groups: readNumber('groups', values.groups) }),
    ops: values.ops === undefined ? DEFAULT_OPTIONS.ops : readNumber('ops', values.ops),
    faults: readFaults(values.faults),
    workload: readWorkload(values.workload),
  }
}

function readFaults(text: string): readonly FaultKind[] {
  if (text === 'all') return FAULT_KINDS
  if (text === 'none') return []
  return text.split(',').flatMap((name) => {
    if (name === 'all') return FAULT_KINDS
    const kind = NAMED_KINDS.find((each) => each === name)
    return kind ?? usage(`--faults takes all, none, or some of all, ${NAMED_KINDS.join(', ')}`)
  })
}

function readWorkload(text: string): WorkloadName {
  return WORKLOADS.find((name) => name === text) ?? usage(`--workload takes one of ${WORKLOADS.join(', ')}`)
}

function readJobs(): number {
  return values.jobs === undefined ? 2 : readNumber('jobs', values.jobs)
}

function readNumber(name: string, text: string): number {
  const number = Number(text)
  return Number.isSafeInteger(number) && number >= 0 ? number : usage(`--${name} takes a whole number`)
}

function usage(message: string): never {
  console.error(message)
  process.exit(2)
}

/** The options that are not the defaults, for the line that replays a seed. */
function replayOptions(workload: WorkloadName = options.workload): string {
  const names = ['processes', 'groups', 'ops', 'faults', 'workload', 'plan'] as const
  const given = { ...values, workload }
  const defaults: Readonly<Record<string, string>> = { faults: 'all', workload: 'mixed' }
  return names
    .filter((name) => given[name] !== undefined && given[name] !== defaults[name])
    .map((name) => ` --${name} ${given[name]}`)
    .join('')
}
