/**
 * `npm run sim`: runs seeds and reports what the checkers found.
 *
 *   npm run sim -- [--seed S | --seeds N --from S0] [--processes P] [--groups G] [--ops K] [--faults a,b|all|none]
 *                  [--workload W] [--trace FILE] [--json] [--until A,B] [--jobs N]
 *
 * The last line is a JSON summary. Exit code 1 on a violation; each prints the one line that replays it.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runInChildren, serve } from './children.ts'
import { runSeed } from './run-seed.ts'
import {
  DEFAULT_OPTIONS,
  FAULT_KINDS,
  type FaultKind,
  type SimOptions,
  WORKLOADS,
  type WorkloadName,
} from './scenario.ts'
import { reportOf, type SeedReport, Summary } from './summary.ts'

/** Above so many seeds, several processes share them. */
const PARALLEL_FROM = 50

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
    trace: { type: 'string' },
    json: { type: 'boolean', default: false },
    /** Stop at the first violation of one of these properties. */
    until: { type: 'string' },
    jobs: { type: 'string' },
    serve: { type: 'boolean', default: false },
  },
})

const options = readOptions()
if (values.serve) serve(options)
else process.exitCode = await main()

async function main(): Promise<number> {
  const from = readNumber('from', values.seed ?? values.from)
  const count = values.seed !== undefined ? 1 : readNumber('seeds', values.seeds ?? '1')
  const until = values.until?.split(',') ?? []
  const summary = new Summary(replayOptions(), values.json)
  const take = (report: SeedReport): boolean => {
    summary.add(report)
    return report.violations.some(({ property }) => until.includes(property))
  }
  const jobs = values.jobs === undefined ? 2 : readNumber('jobs', values.jobs)
  if (count > PARALLEL_FROM && jobs > 1) await runInChildren({ from, count, jobs, take })
  else {
    for (let seed = from; seed < from + count; seed += 1) {
      const start = process.cpuUsage()
      const result = await runSeed(seed, options)
      const { user, system } = process.cpuUsage(start)
      if (values.trace !== undefined) writeTrace(values.trace, result.lines)
      if (take(reportOf(result, (user + system) / 1_000))) break
    }
  }
  return summary.print()
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
  return text.split(',').map((name) => {
    const kind = FAULT_KINDS.find((each) => each === name)
    return kind ?? usage(`--faults takes all, none, or some of ${FAULT_KINDS.join(', ')}`)
  })
}

function readWorkload(text: string): WorkloadName {
  return WORKLOADS.find((name) => name === text) ?? usage(`--workload takes one of ${WORKLOADS.join(', ')}`)
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
function replayOptions(): string {
  const names = ['processes', 'groups', 'ops', 'faults', 'workload'] as const
  const defaults: Readonly<Record<string, string>> = { faults: 'all', workload: 'mixed' }
  return names
    .filter((name) => values[name] !== undefined && values[name] !== defaults[name])
    .map((name) => ` --${name} ${values[name]}`)
    .join('')
}
