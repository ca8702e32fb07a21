/**
 * `npm run sim:ledger`: runs more seeds from where the ledger stands, on the present commit of what the simulator runs,
 * and adds them to `ledger.json`, step by step, so that a run that is stopped is not lost.
 *
 *   npm run sim:ledger -- [--seeds 1000] [--step 500]
 *   npm run sim:ledger -- --again       runs those that failed again, after a checker that asked too much was mended
 *
 * Exit code 1 if a seed violated a property: its lines are printed, as by `npm run sim`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildSync } from 'esbuild'
import { addBatch, type Batch, clearSeeds, type Entry, nextSeed, printEntries } from './ledger-entries.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const file = fileURLToPath(new URL('./ledger.json', import.meta.url))
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    step: { type: 'string', default: '500' },
    again: { type: 'boolean', default: false },
  },
})
/** What the simulator runs of the library: a change of anything else says nothing against the seeds that have run. */
const SOURCES = sourcesOf('test/sim/main.ts')
process.exitCode = await main()

async function main(): Promise<number> {
  const count = Number(values.seeds)
  const step = Number(values.step)
  if (!(Number.isSafeInteger(count) && count > 0 && Number.isSafeInteger(step) && step > 0)) {
    console.error('--seeds and --step take whole numbers above 0')
    return 2
  }
  if (git('status', '--porcelain', '--', ...SOURCES) !== '') {
    console.error('the sources differ from their last commit: commit them first, so that the ledger says what ran')
    return 2
  }
  const commit = git('log', '-1', '--format=%H', '--', ...SOURCES)
  if (values.again) return await judgeAgain(commit)
  let violations = 0
  for (let done = 0; done < count; done += step) {
    const entries = read()
    const from = nextSeed(entries, commit)
    const batch = await runSeeds(from, Math.min(step, count - done))
    violations += batch.violations
    const after = addBatch(entries, commit, batch)
    writeFileSync(file, printEntries(after))
    const entry = after.find((each) => each.commit === commit)
    console.log(`${commit.slice(0, 7)}: ${entry?.seeds} seeds from ${entry?.from}, ${entry?.violations} violations`)
  }
  return violations > 0 ? 1 : 0
}

async function judgeAgain(commit: string): Promise<number> {
  const entries = read()
  const entry = entries.find((each) => each.commit === commit)
  if (entry === undefined) {
    console.error(`nothing has run on ${commit.slice(0, 7)}`)
    return 2
  }
  let violations = 0
  const failed: number[] = []
  for (const seed of entry.failed ?? []) {
    const batch = await runSeeds(seed, 1)
    violations += batch.violations
    if (batch.violations > 0) failed.push(seed)
  }
  const after = clearSeeds(entry, violations, failed)
  writeFileSync(file, printEntries(entries.map((each) => (each === entry ? after : each))))
  console.log(`${commit.slice(0, 7)}: ${after.violations} violations, ${after.cleared?.length ?? 0} seeds cleared`)
  return violations > 0 ? 1 : 0
}

function read(): Entry[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Entry[]) : []
}

/** Runs seeds as `npm run sim` does, and passes on what it prints but the summary. */
function runSeeds(from: number, seeds: number): Promise<Batch> {
  const flags = ['--conditions=tutti-source', '--import', 'tsx', fileURLToPath(new URL('./main.ts', import.meta.url))]
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [...flags, '--seeds', String(seeds), '--from', String(from), '--faults', 'all', '--json'],
      {
        cwd: root,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    let output = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const lines = output.trim().split('\n')
      const last = lines.pop() ?? ''
      for (const line of lines) console.log(line)
      if (code !== 0 && code !== 1) return reject(new Error(`the simulator ended with code ${code}`))
      const { violations, checked, reach } = JSON.parse(last) as Batch
      const failed = [...new Set(lines.flatMap((line) => /^seed (\d+): /.exec(line)?.[1] ?? []))].map(Number)
      resolve({ from, seeds, violations, ...(failed.length > 0 ? { failed } : {}), checked, reach })
    })
  })
}

/** The files of the library that are loaded with that file. What it imports later, on demand, is none of these. */
function sourcesOf(entry: string): string[] {
  const { metafile } = buildSync({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    conditions: ['tutti-source'],
    packages: 'external',
  })
  const found = new Set([entry])
  for (const file of found) {
    for (const { path, kind } of metafile.inputs[file]?.imports ?? [])
      if (kind !== 'dynamic-import' && path in metafile.inputs) found.add(path)
  }
  return [...found].filter((file) => file.startsWith('lib/'))
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
}
