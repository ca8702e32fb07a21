/** Hunts one planted bug: runs seeds from the first on until a checker of a property that it breaks reports it. */
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import type { Mutant } from './mutant.ts'
import { plant } from './plant.ts'
import type { Hunted } from './verdict.ts'

/** Plants it in a copy of the sources and runs seeds there, until one of `properties` is violated. */
export async function hunt(mutant: Mutant, properties: readonly string[], seedsMax: number): Promise<Hunted> {
  const folder = plant(mutant, 'mutants')
  try {
    const output = await run(folder, mutant, ['--seeds', String(seedsMax), '--until', properties.join()])
    const { seeds, byProperty } = readSummary(mutant, output.trim().split('\n').at(-1) ?? '')
    return { mutant, by: properties.filter((property) => byProperty[property] !== undefined), seeds }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(cwd: string, { workload = 'mixed', faults = 'all' }: Mutant, seeds: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const args = ['--conditions=tutti-source', '--import', 'tsx', 'test/sim/main.ts', '--json', '--jobs', '1']
    const child = spawn(process.execPath, [...args, '--workload', workload, '--faults', faults, ...seeds], {
      cwd,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      output = (output + text).slice(-100_000)
    })
    child.on('error', reject)
    child.on('close', () => resolve(output))
  })
}

interface LastLine {
  readonly seeds: number
  readonly byProperty: Readonly<Record<string, unknown>>
}

/** A run that broke down has found nothing, and says nothing about the checkers. */
function readSummary({ name }: Mutant, line: string): LastLine {
  try {
    return JSON.parse(line) as LastLine
  } catch {
    console.error(`${name}: the run broke down: ${line.slice(0, 200)}`)
    return { seeds: 0, byProperty: {} }
  }
}
