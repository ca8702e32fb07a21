/**
 * `npm run sim:ledger`: runs more seeds from where the ledger stands, on the present commit of what the simulator runs,
 * and adds them to `ledger.json`, step by step, so that a run that is stopped is not lost.
 *
 *   npm run sim:ledger -- [--seeds 1000] [--step 500] [--workload mixed] [--from S]
 *   npm run sim:ledger -- --again --why "…"
 *                                       runs those that failed again, after a checker that asked too much was mended: each
 *                                       that violates nothing now leaves a row, with what it had violated, the commit that
 *                                       mended it and why
 *
 * `--from` says where a workload begins that has no seeds in the ledger yet. Of each run the first ten seconds or so go
 * by until its code is compiled: large steps are faster.
 *
 * Exit code 1 if a seed violated a property: its lines are printed, as by `npm run sim`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildSync } from 'esbuild'
import {
  addBatch,
  type Batch,
  clearSeeds,
  type Entry,
  type Failed,
  failedOf,
  findEntry,
  type Key,
  nextSeed,
  printEntries,
} from './ledger-entries.ts'
import { WORKLOADS } from './scenario.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const file = fileURLToPath(new URL('./ledger.json', import.meta.url))
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    step: { type: 'string', default: '500' },
    workload: { type: 'string', default: 'mixed' },
    from: { type: 'string' },
    again: { type: 'boolean', default: false },
    why: { type: 'string', default: '' },
  },
})
/**
 * What the simulator runs of the library, in every workload and in those of tools: a change of anything else says nothing
 * against the seeds that have run.
 */
const SOURCES = sourcesOf('test/sim/main.ts', false)
const TOOL_SOURCES = sourcesOf('test/sim/main.ts', true)
/** What may clear a seed on the same library: the simulator and its checkers. */
const JUDGES = ['test/sim', ':!test/sim/ledger.json']
/** A reason that says something. */
const WHY_MIN = 20
/** The workloads that load tools. */
const WITH_TOOLS: ReadonlySet<string> = new Set(['queue', 'tools', 'calls', 'clients', 'snapshots', 'deals', 'kept'])
process.exitCode = await main()

async function main(): Promise<number> {
  const { workload } = values
  const count = Number(values.seeds)
  const step = Number(values.step)
  const first = values.from === undefined ? undefined : Number(values.from)
  for (const number of [count, step, first ?? 1]) {
    if (Number.isSafeInteger(number) && number > 0) continue
    console.error('--seeds, --step and --from take whole numbers above 0')
    return 2
  }
  if (!WORKLOADS.some((name) => name === workload)) {
    console.error(`--workload takes one of ${WORKLOADS.join(', ')}`)
    return 2
  }
  const sources = WITH_TOOLS.has(workload) ? TOOL_SOURCES : SOURCES
  if (git('status', '--porcelain', '--', ...sources) !== '') {
    console.error('the sources differ from their last commit: commit them first, so that the ledger says what ran')
    return 2
  }
  const key: Key = {
    commit: lastCommit(SOURCES),
    ...(workload === 'mixed' ? {} : { workload }),
    ...(WITH_TOOLS.has(workload) ? { tools: lastCommit(TOOL_SOURCES) } : {}),
  }
  if (values.again) return await judgeAgain(key)
  let violations = 0
  for (let done = 0; done < count; done += step) {
    const entries = read()
    const from = findEntry(entries, key) === undefined && first !== undefined ? first : nextSeed(entries, key)
    const batch = await runSeeds(workload, from, Math.min(step, count - done))
    violations += batch.violations
    const after = addBatch(entries, key, batch)
    writeFileSync(file, printEntries(after))
    const entry = findEntry(after, key)
    console.log(`${nameOf(key)}: ${entry?.seeds} seeds from ${entry?.from}, ${entry?.violations} violations`)
  }
  return violations > 0 ? 1 : 0
}

async function judgeAgain(key: Key): Promise<number> {
  const entries = read()
  const entry = findEntry(entries, key)
  if (entry === undefined) {
    console.error(`nothing has run on ${nameOf(key)}`)
    return 2
  }
  const { why } = values
  if (why.length < WHY_MIN || git('status', '--porcelain', '--', ...JUDGES) !== '') {
    console.error('--why says what had been asked too much, and what mended it is committed first')
    return 2
  }
  const failed: Failed[] = []
  let violations = 0
  for (const { seed } of entry.failed ?? []) {
    const batch = await runSeeds(key.workload ?? 'mixed', seed, 1)
    violations += batch.violations
    failed.push(...(batch.failed ?? []))
  }
  const after = clearSeeds(entry, violations, failed, { commit: lastCommit(JUDGES), why })
  writeFileSync(file, printEntries(entries.map((each) => (each === entry ? after : each))))
  console.log(`${nameOf(key)}: ${after.violations} violations, ${after.cleared?.length ?? 0} seeds cleared`)
  return violations > 0 ? 1 : 0
}

function nameOf({ commit, workload, tools }: Key): string {
  return [workload, commit.slice(0, 7), tools?.slice(0, 7)].filter((part) => part !== undefined).join(' ')
}

function read(): Entry[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Entry[]) : []
}

/** Runs seeds as `npm run sim` does, and passes on what it prints but the summary. */
function runSeeds(workload: string, from: number, seeds: number): Promise<Batch> {
  const program = ['--conditions=tutti-source', '--import', 'tsx', fileURLToPath(new URL('./main.ts', import.meta.url))]
  const which = ['--seeds', String(seeds), '--from', String(from), '--faults', 'all', '--workload', workload]
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...program, ...which, '--json'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
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
      const failed = failedOf(lines)
      resolve({ from, seeds, violations, ...(failed.length > 0 ? { failed } : {}), checked, reach })
    })
  })
}

/** The files of the library that are loaded with that file, with or without what it imports later, on demand. */
function sourcesOf(entry: string, isWithLater: boolean): string[] {
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
      if ((isWithLater || kind !== 'dynamic-import') && path in metafile.inputs) found.add(path)
  }
  return [...found].filter((file) => file.startsWith('lib/'))
}

function lastCommit(files: readonly string[]): string {
  return git('log', '-1', '--format=%H', '--', ...files)
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
}
