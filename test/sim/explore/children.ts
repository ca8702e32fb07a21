/** Shares the variants among processes, so that every core has work and every variant memory of its own. */
import { fork } from 'node:child_process'
import { type Report, Search } from './search.ts'
import { type Budget, VARIANTS, type Variant } from './variant.ts'

/** Memory for all children together, in MB. */
const MEMORY_MAX = 3_600

/** What a child is asked. */
interface Order {
  readonly variant: string
  readonly statesMax: number
}

/** Explores the variants in child processes of the same command line, so many states in all. */
export async function exploreAll(
  variants: readonly Variant[],
  statesMax: number,
  jobs: number,
  take: (report: Report) => void,
): Promise<Report[]> {
  const queue = [...variants]
  const reports: Report[] = []
  // What a small variant leaves, those that begin later get.
  let left = statesMax
  const work = async (): Promise<void> => {
    for (;;) {
      const share = Math.ceil(left / queue.length)
      const variant = queue.shift()
      if (variant === undefined) return
      left -= share
      const report = await explore({ variant: variant.name, statesMax: share }, Math.floor(MEMORY_MAX / jobs))
      left += share - report.states
      reports.push(report)
      take(report)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return reports
}

function explore(order: Order, megabytes: number): Promise<Report> {
  return new Promise((resolve, reject) => {
    const child = fork(process.argv[1] ?? '', [...process.argv.slice(2), '--serve'], {
      serialization: 'advanced',
      execArgv: [...process.execArgv, '--max-semi-space-size=32', `--max-old-space-size=${megabytes}`],
    })
    let report: Report | null = null
    child.on('message', (message: Report) => {
      report = message
      child.disconnect()
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (report !== null) resolve(report)
      else reject(new Error(`the child that explores ${order.variant} ended with code ${code}`))
    })
    child.send(order)
  })
}

/** The child's side. */
export function serve(budget: Budget): void {
  process.on('message', ({ variant, statesMax }: Order) => {
    const found = VARIANTS.find(({ name }) => name === variant)
    if (found !== undefined) process.send?.(new Search(found, budget).run(statesMax))
  })
}
