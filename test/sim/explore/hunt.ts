/**
 * Plants the mutants of the flush, one at a time, and explores until a checker finds each: so the explorer is known to
 * see what it is for. At least half of them must be found; the scenario has no partition, no path that comes again and
 * no process that leaves, and a mutant that needs one of these is out of its reach.
 */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { MUTANTS } from '../mutants/list.ts'
import type { Mutant } from '../mutants/mutant.ts'
import { plant } from '../mutants/plant.ts'

/** Bugs in the flush from one view to the next: of a space, and of a group. */
const FLUSH: ReadonlySet<string> = new Set([
  'skip-row',
  'forget-unstable',
  'orphans-by-arrival',
  'old-view-frames',
  'ack-before-holding',
  'minority-delivers',
  'signal-too-early',
  'wrong-transitional-set',
  'uncounted-casts',
  'two-view-events',
  'forgotten-predecessor',
  'reasons-by-hearsay',
  'silence-is-death',
  'nameless-merge',
  'group-outlives-member',
  'deliver-twice',
])

/** Mutants that run at a time; each explores with one process. */
const JOBS = 2

interface Found {
  readonly name: string
  readonly by: string | null
  readonly states: number
}

/** Hunts, within so many states of each variant; returns the exit code. `only`: these, of all mutants. */
export async function huntMutants(only: readonly string[] | null, statesMax: number): Promise<number> {
  for (const name of FLUSH) {
    if (!MUTANTS.some((mutant) => mutant.name === name)) throw new Error(`there is no mutant ${name}`)
  }
  const queue = MUTANTS.filter(({ name }) => only?.includes(name) ?? FLUSH.has(name))
  const all: Found[] = []
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const found = await hunt(mutant, statesMax)
      all.push(found)
      const end = found.by === null ? 'not found in' : `${found.by} after`
      console.log(`${mutant.name.padEnd(24)} ${end} ${found.states} states  (${mutant.about})`)
    }
  }
  await Promise.all(Array.from({ length: JOBS }, work))
  const found = all.filter(({ by }) => by !== null)
  const missed = all.filter(({ by }) => by === null).map(({ name }) => name)
  console.log(JSON.stringify({ mutants: all.length, found: found.length, missed }))
  return found.length * 2 >= all.length ? 0 : 1
}

async function hunt(mutant: Mutant, statesMax: number): Promise<Found> {
  const folder = plant(mutant, 'explored-mutants')
  // One cast at a time shows most; the order of several takes two.
  let states = 0
  let by: string | null = null
  for (const casts of ['1', '2']) {
    const output = await run(folder, [
      '--states',
      String(statesMax),
      '--casts',
      casts,
      '--jobs',
      '1',
      '--json',
      '--first',
    ])
    const summary = readSummary(output.trim().split('\n').at(-1) ?? '')
    states += summary.states
    by = summary.violations[0]?.property ?? null
    if (by !== null) break
  }
  rmSync(folder, { recursive: true, force: true })
  return { name: mutant.name, by, states }
}

function run(cwd: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const flags = ['--conditions=tutti-source', '--import', 'tsx', 'test/sim/explore/main.ts']
    const child = spawn(process.execPath, [...flags, ...args], { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      output = (output + text).slice(-100_000)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      // 1: it has found something. Anything else is no search, and not a mutant that was not found.
      if (code === 0 || code === 1) resolve(output)
      else reject(new Error(`the explorer ended with code ${code} in ${cwd}`))
    })
  })
}

interface LastLine {
  readonly states: number
  readonly violations: readonly { readonly property: string }[]
}

function readSummary(line: string): LastLine {
  try {
    return JSON.parse(line) as LastLine
  } catch (cause) {
    throw new Error(`the explorer broke down: its last line is no summary: ${line.slice(0, 200)}`, { cause })
  }
}
