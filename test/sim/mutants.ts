/**
 * `npm run sim:mutants`: plants protocol bugs, one at a time, in a copy of the sources, and runs seeds until the checker
 * of the property that it breaks reports it. A bug that is not found fails the run: then the simulator is blind there.
 *
 *   npm run sim:mutants -- [--only a,b] [--seeds 1000]
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MUTANTS, type Mutant } from './mutant-list.ts'
import { plant } from './plant.ts'

/** Mutants that run at a time. */
const JOBS = 2
/** All of them together. */
const TOTAL_MS_MAX = 600_000

/** How a mutant ended. */
interface Found {
  readonly mutant: Mutant
  /** The property that found it and how many seeds that took; null: not found. */
  readonly by: string | null
  readonly seeds: number
  readonly ms: number
}

const { values } = parseArgs({ options: { only: { type: 'string' }, seeds: { type: 'string', default: '1000' } } })
process.exitCode = await main()

async function main(): Promise<number> {
  const only = values.only?.split(',')
  const queue = MUTANTS.filter(({ name }) => only === undefined || only.includes(name))
  const start = Date.now()
  const all: Found[] = []
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const found = await hunt(mutant, Math.max(1_000, start + TOTAL_MS_MAX - Date.now()))
      all.push(found)
      const end = found.by === null ? `NOT FOUND in ${found.seeds} seeds` : `${found.by} after ${found.seeds} seeds`
      console.log(`${mutant.name.padEnd(28)} ${end.padEnd(28)} ${(found.ms / 1_000).toFixed(1)} s  (${mutant.about})`)
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work))
  const missed = all.filter(({ by }) => by === null)
  const seeds = all.filter(({ by }) => by !== null).map((each) => each.seeds)
  console.log(
    JSON.stringify({
      mutants: all.length,
      found: all.length - missed.length,
      missed: missed.map(({ mutant }) => mutant.name),
      seedsMax: Math.max(0, ...seeds),
      ms: Date.now() - start,
    }),
  )
  return missed.length > 0 ? 1 : 0
}

async function hunt(mutant: Mutant, msMax: number): Promise<Found> {
  const start = Date.now()
  const folder = plant(mutant, 'mutants')
  const output = await run(folder, mutant, msMax)
  const last = output.trim().split('\n').at(-1) ?? ''
  const summary = readSummary(last)
  const by = mutant.properties.find((property) => summary.byProperty[property] !== undefined) ?? null
  rmSync(folder, { recursive: true, force: true })
  return { mutant, by, seeds: summary.seeds, ms: Date.now() - start }
}

function run(cwd: string, { properties, workload = 'mixed' }: Mutant, msMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = [
      '--conditions=tutti-source',
      '--import',
      'tsx',
      'test/sim/main.ts',
      '--json',
      '--jobs',
      '1',
      '--workload',
      workload,
    ]
    const child = spawn(process.execPath, [...args, '--seeds', values.seeds, '--until', properties.join()], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const timer = setTimeout(() => child.kill(), msMax)
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      output = (output + text).slice(-100_000)
    })
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(timer)
      resolve(output)
    })
  })
}

interface LastLine {
  readonly seeds: number
  readonly byProperty: Readonly<Record<string, unknown>>
}

/** The summary, or nothing found if the run did not end. */
function readSummary(line: string): LastLine {
  try {
    return JSON.parse(line) as LastLine
  } catch {
    return { seeds: 0, byProperty: {} }
  }
}
