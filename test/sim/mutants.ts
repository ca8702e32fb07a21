/**
 * `npm run sim:mutants`: plants protocol bugs, one at a time, in a copy of the sources, and runs seeds until the checker
 * of the property that it breaks reports it. A bug that is not found fails the run: then the simulator is blind there. So
 * does one for which no time was left, which is said by another word.
 *
 *   npm run sim:mutants -- [--only a,b] [--part 1/2] [--seeds 1000]
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MUTANTS, type Mutant } from './mutant-list.ts'
import { plant } from './plant.ts'

/** Mutants that run at a time. */
const JOBS = 2
/** All of them together. On a machine that is busy otherwise, parts of the list (`--part`) have that time each. */
const TOTAL_MS_MAX = 600_000

/** How a mutant ended. */
interface Found {
  readonly mutant: Mutant
  /** The property that found it and how many seeds that took; null: not found. */
  readonly by: string | null
  readonly seeds: number
  readonly ms: number
  /** Did its time run out first? */
  readonly isCutShort: boolean
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    /** `2/3`: the second of three parts of the list. */
    part: { type: 'string', default: '1/1' },
    seeds: { type: 'string', default: '1000' },
  },
})
process.exitCode = await main()

async function main(): Promise<number> {
  const queue = chooseMutants()
  const start = Date.now()
  const all: Found[] = []
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const found = await hunt(mutant, start + TOTAL_MS_MAX - Date.now())
      all.push(found)
      console.log(
        `${mutant.name.padEnd(28)} ${endOf(found).padEnd(28)} ${(found.ms / 1_000).toFixed(1)} s  (${mutant.about})`,
      )
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work))
  const missed = all.filter(({ by }) => by === null)
  const seeds = all.filter(({ by }) => by !== null).map((each) => each.seeds)
  console.log(
    JSON.stringify({
      mutants: all.length,
      found: all.length - missed.length,
      missed: missed.filter(({ isCutShort }) => !isCutShort).map(({ mutant }) => mutant.name),
      cutShort: missed.filter(({ isCutShort }) => isCutShort).map(({ mutant }) => mutant.name),
      seedsMax: Math.max(0, ...seeds),
      ms: Date.now() - start,
    }),
  )
  return missed.length > 0 ? 1 : 0
}

function chooseMutants(): Mutant[] {
  const only = values.only?.split(',')
  const unknown = only?.filter((name) => !MUTANTS.some((mutant) => mutant.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`there is no mutant ${unknown.join(', ')}`)
  const [part = 0, parts = 0] = values.part.split('/').map(Number)
  if (!(Number.isInteger(part) && Number.isInteger(parts) && part >= 1 && part <= parts)) {
    throw new Error(`--part ${values.part}: 1/2 and 2/2 are the halves of the list`)
  }
  const chosen = MUTANTS.filter(({ name }) => only === undefined || only.includes(name))
  return chosen.filter((_, i) => i % parts === part - 1)
}

function endOf({ by, seeds, isCutShort }: Found): string {
  if (by !== null) return `${by} after ${seeds} seeds`
  return isCutShort ? 'OUT OF TIME' : `NOT FOUND in ${seeds} seeds`
}

async function hunt(mutant: Mutant, msMax: number): Promise<Found> {
  if (msMax <= 0) return { mutant, by: null, seeds: 0, ms: 0, isCutShort: true }
  const start = Date.now()
  const folder = plant(mutant, 'mutants')
  const { output, isCutShort } = await run(folder, mutant, msMax)
  const last = output.trim().split('\n').at(-1) ?? ''
  const summary = readSummary(last)
  const by = mutant.properties.find((property) => summary.byProperty[property] !== undefined) ?? null
  rmSync(folder, { recursive: true, force: true })
  return { mutant, by, seeds: summary.seeds, ms: Date.now() - start, isCutShort }
}

interface Ended {
  readonly output: string
  readonly isCutShort: boolean
}

function run(cwd: string, { properties, workload = 'mixed', faults = 'all' }: Mutant, msMax: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const args = ['--conditions=tutti-source', '--import', 'tsx', 'test/sim/main.ts', '--json', '--jobs', '1']
    const seeds = ['--workload', workload, '--faults', faults, '--seeds', values.seeds, '--until', properties.join()]
    const child = spawn(process.execPath, [...args, ...seeds], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let isCutShort = false
    const timer = setTimeout(() => {
      isCutShort = true
      child.kill()
    }, msMax)
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      output = (output + text).slice(-100_000)
    })
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(timer)
      resolve({ output, isCutShort })
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
