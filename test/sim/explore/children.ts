/** Shares the variants among processes, so that every core has work and every variant memory of its own. */
import { fork } from 'node:child_process'
import { type Report, Search } from './search.ts'
import { type Budget, VARIANTS, type Variant } from './variant.ts'

/** Memory for all children together, in MB. */
const MEMORY_MAX = 4_800

/** What a child is asked. */
interface Order {
  readonly variant: string
  readonly statesMax: number
}

/** What one variant's search has done, and what it took. */
export interface Explored extends Report {
  readonly ms: number
  /** The memory of its process at the end, in MB. */
  readonly megabytes: number
}

/** Explores the variants in child processes of the same command line, each up to so many states; `take` says whether that is enough. */
export async function exploreAll(
  variants: readonly Variant[],
  statesMax: number,
  jobs: number,
  take: (explored: Explored) => boolean,
): Promise<Explored[]> {
  const queue = [...variants]
  const all: Explored[] = []
  const atOnce = Math.max(1, Math.min(jobs, variants.length))
  const work = async (): Promise<void> => {
    for (let variant = queue.shift(); variant !== undefined; variant = queue.shift()) {
      const explored = await explore({ variant: variant.name, statesMax }, Math.floor(MEMORY_MAX / atOnce))
      all.push(explored)
      if (take(explored)) queue.length = 0
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return all
}

function explore(order: Order, megabytes: number): Promise<Explored> {
  return new Promise((resolve, reject) => {
    const child = fork(process.argv[1] ?? '', [...process.argv.slice(2), '--serve'], {
      serialization: 'advanced',
      execArgv: [...process.execArgv, '--max-semi-space-size=32', `--max-old-space-size=${megabytes}`],
    })
    let explored: Explored | null = null
    child.on('message', (message: Explored) => {
      explored = message
      child.disconnect()
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (explored !== null) resolve(explored)
      else reject(new Error(`the child that explores ${order.variant} ended with code ${code}`))
    })
    child.send(order)
  })
}

/** The child's side. */
export function serve(budget: Budget): void {
  process.on('message', ({ variant, statesMax }: Order) => {
    const found = VARIANTS.find(({ name }) => name === variant)
    if (found === undefined) return
    const start = performance.now()
    const report = new Search(found, budget).run(statesMax)
    const ms = Math.round(performance.now() - start)
    process.send?.({ ...report, ms, megabytes: Math.round(process.memoryUsage.rss() / 2 ** 20) })
  })
}
