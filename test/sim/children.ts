/**
 * Shares seeds among processes, so that every core has work. A child answers each seed as soon as it is done.
 */
import { fork } from 'node:child_process'
import type { Plan } from './plans/plan.ts'
import { runSeed } from './run-seed.ts'
import type { SimOptions, WorkloadName } from './scenario.ts'
import { reportOf, type SeedReport } from './summary.ts'

/** Seeds that a child is given at a time. */
const AHEAD = 4

/**
 * A trace lives as long as its seed: with room for most seeds' garbage, little of it is ever copied. What is copied, one
 * thread does; those that would help it spin, on cores that other seeds need.
 */
const COLLECTOR_FLAGS = [
  '--max-semi-space-size=64',
  '--min-semi-space-size=64',
  '--no-parallel-scavenge',
  '--expose-gc',
]

/** One seed to be run; in another workload than the command line says, if it names one. */
export interface Task {
  readonly seed: number
  readonly workload?: WorkloadName
}

/** What is to be shared. */
export interface Shared {
  readonly count: number
  /** The tasks, from 0 on. */
  task(index: number): Task
  readonly jobs: number
  /** Takes a seed's report, in the order of tasks; true: that is enough. */
  take(report: SeedReport, index: number): boolean
}

/** What a child is sent. */
interface Order extends Task {
  readonly index: number
}

/** What a child answers. */
interface Answer {
  readonly index: number
  readonly report: SeedReport
}

/** Runs the seeds in child processes of the same command line. */
export async function runInChildren({ count, task, jobs, take }: Shared): Promise<void> {
  const done = new Map<number, SeedReport>()
  let next = 0
  let due = 0
  let isEnough = false
  const flush = (): void => {
    for (let report = done.get(due); report !== undefined && !isEnough; report = done.get(due)) {
      done.delete(due)
      isEnough = take(report, due)
      due += 1
    }
  }
  const runChild = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(process.argv[1] ?? '', [...process.argv.slice(2), '--serve'], {
        serialization: 'advanced',
        execArgv: [...process.execArgv, ...COLLECTOR_FLAGS],
      })
      let open = 0
      const give = (): void => {
        while (open < AHEAD && next < count && !isEnough) {
          const order: Order = { index: next, ...task(next) }
          child.send(order)
          next += 1
          open += 1
        }
        if (open === 0 || isEnough) child.disconnect()
      }
      child.on('message', ({ index, report }: Answer) => {
        open -= 1
        done.set(index, report)
        flush()
        if (child.connected) give()
      })
      child.on('error', reject)
      child.on('exit', (code) => {
        if (code === 0 || isEnough) resolve()
        else reject(new Error(`a child ended with code ${code} at one of the seeds up to ${task(next - 1).seed}`))
      })
      give()
    })
  await Promise.all(Array.from({ length: jobs }, runChild))
}

/** The child's side. */
export function serve(options: SimOptions, plan?: Plan): void {
  let chain = Promise.resolve()
  process.on('message', ({ index, seed, workload = options.workload }: Order) => {
    chain = chain.then(async () => {
      const start = process.cpuUsage()
      // Between two seeds almost nothing is alive that would have to be copied.
      globalThis.gc?.({ type: 'minor' })
      const result = await runSeed(seed, { ...options, workload }, plan)
      const { user, system } = process.cpuUsage(start)
      // Whoever asked may have heard enough meanwhile.
      const answer: Answer = { index, report: reportOf(result, (user + system) / 1_000) }
      if (process.connected) process.send?.(answer, () => undefined)
    })
    chain.catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
  process.on('disconnect', () => process.exit(0))
}
