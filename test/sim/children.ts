/**
 * Shares seeds among processes, so that every core has work. A child answers each seed as soon as it is done.
 */
import { fork } from 'node:child_process'
import type { Plan } from './plans/plan.ts'
import { runSeed } from './run-seed.ts'
import type { SimOptions } from './scenario.ts'
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

/** What is to be shared. */
export interface Shared {
  readonly from: number
  readonly count: number
  readonly jobs: number
  /** Takes a seed's report, in the order of seeds; true: that is enough. */
  take(report: SeedReport): boolean
}

/** Runs the seeds in child processes of the same command line. */
export async function runInChildren({ from, count, jobs, take }: Shared): Promise<void> {
  const done = new Map<number, SeedReport>()
  let next = from
  let due = from
  let isEnough = false
  const flush = (): void => {
    for (let report = done.get(due); report !== undefined && !isEnough; report = done.get(due)) {
      done.delete(due)
      due += 1
      isEnough = take(report)
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
        while (open < AHEAD && next < from + count && !isEnough) {
          child.send(next)
          next += 1
          open += 1
        }
        if (open === 0 || isEnough) child.disconnect()
      }
      child.on('message', (report: SeedReport) => {
        open -= 1
        done.set(report.seed, report)
        flush()
        if (child.connected) give()
      })
      child.on('error', reject)
      child.on('exit', (code) => {
        if (code === 0 || isEnough) resolve()
        else reject(new Error(`a child ended with code ${code} at one of the seeds up to ${next - 1}`))
      })
      give()
    })
  await Promise.all(Array.from({ length: jobs }, runChild))
}

/** The child's side. */
export function serve(options: SimOptions, plan?: Plan): void {
  let chain = Promise.resolve()
  process.on('message', (seed: number) => {
    chain = chain.then(async () => {
      const start = process.cpuUsage()
      // Between two seeds almost nothing is alive that would have to be copied.
      globalThis.gc?.({ type: 'minor' })
      const result = await runSeed(seed, options, plan)
      const { user, system } = process.cpuUsage(start)
      // Whoever asked may have heard enough meanwhile.
      if (process.connected) process.send?.(reportOf(result, (user + system) / 1_000), () => undefined)
    })
    chain.catch((error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
  process.on('disconnect', () => process.exit(0))
}
