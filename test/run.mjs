/**
 * `npm test`: set-up, `npm run check`, Node tests, a run of the simulator, browser tests.
 *
 * A stage that fails does not keep the next from running, so that one run shows everything; the exit code is 1 if any
 * did. Fewer tests than `minimum.json` says is a failure: a lost test file must not pass unseen. The last line is the sum.
 * `--only check|node|sim|browser|long` runs one stage; `long` (`npm run test:long`) only if it is named.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCheck } from '../scripts/check.mjs'
import { ensureChromium } from '../scripts/chromium.mjs'
import { listTests, runNodeTests } from '../scripts/node-tests.mjs'
import { nodeFlags, run, runTool } from '../scripts/run-command.mjs'
import { ensureInstalled, root } from '../scripts/setup.mjs'

/** `test/house` belongs to the check. */
const nodeFolders = ['test/unit', 'test/sim']
const simSeeds = 500
/** Seeds of other workloads: all groups uniform, different total order engines, gbcasts, votes that differ, large states, groups that overlap, maps that fold, tools and queues of which every call is checked, calls and requests, clients of groups, transactions over several objects, snapshots and audit logs, devices that store what they have and fail together. */
const otherSeeds = {
  uniform: 60,
  engines: 60,
  gbcast: 60,
  votes: 60,
  transfer: 60,
  domains: 60,
  fold: 60,
  tools: 60,
  queue: 30,
  calls: 30,
  clients: 30,
  deals: 30,
  snapshots: 30,
  kept: 15,
}

const minimum = JSON.parse(readFileSync(join(root, 'test', 'minimum.json'), 'utf8'))
const only = readOnly(process.argv)
const failures = []
const sum = { passed: 0, failed: 0 }

ensureInstalled()
const stages = { check, node, sim, browser, long }
for (const [name, stage] of Object.entries(stages)) {
  if (only === null ? name === 'long' : only !== name) continue
  console.log(`test: ${name}`)
  await stage()
}
for (const failure of failures) console.error(`test: FAILED ${failure}`)
console.log(`tests: ${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = failures.length > 0 || sum.failed > 0 ? 1 : 0

async function check() {
  const result = await runCheck()
  count('house tests', result, minimum.house)
  failures.push(...result.failures)
}

async function node() {
  const files = nodeFolders.flatMap((folder) => listTests(folder))
  // What holds a duration to a bound has the machine to itself.
  const isTimed = (file) => file.endsWith('/performance.test.ts')
  const together = await runNodeTests(
    files.filter((file) => !isTimed(file)),
    'node',
    { atOnce: 2 },
  )
  const timed = await runNodeTests(files.filter(isTimed), 'performance')
  const { passed, failed } = { passed: together.passed + timed.passed, failed: together.failed + timed.failed }
  count('node tests', { passed, failed }, minimum.node)
}

async function sim() {
  const args = [...nodeFlags, 'test/sim/main.ts', '--seeds', String(simSeeds), '--faults', 'all', '--json']
  if ((await run(process.execPath, args)) !== 0) failures.push(`sim: ${simSeeds} seeds`)
  const others = Object.entries(otherSeeds).map(([workload, seeds]) => `${workload}:${seeds}`)
  const all = [...nodeFlags, 'test/sim/main.ts', '--workloads', others.join(), '--faults', 'all', '--json']
  if ((await run(process.execPath, all)) !== 0) failures.push(`sim: ${others.join(', ')}`)
}

async function browser() {
  const executable = await browserFiles([], minimum.browser)
  if (executable === null) return
  // Tests that launch Chromium themselves and run on Node's runner.
  const drivers = listTests('test', '.node.mjs')
  if (drivers.length === 0) return
  process.env.CHROME_PATH = executable
  count('tests that drive Chromium', await runNodeTests(drivers, 'drivers'), 1)
}

/** What takes minutes each, in a browser. */
async function long() {
  await browserFiles(['--files', 'test/browser/**/*.long.ts'], 1)
}

/** Runs web-test-runner, and counts. Gives the browser's path, or null if there is none. */
async function browserFiles(args, atLeast) {
  const executable = ensureChromium()
  if (executable === null) {
    failures.push('browser: no Chromium')
    return null
  }
  const counts = join(root, '.cache', 'browser-tests.json')
  rmSync(counts, { force: true })
  const code = await runTool('@web/test-runner/dist/bin.js', args, { env: { CHROME_PATH: executable } })
  let result = { passed: 0, failed: 0 }
  try {
    result = JSON.parse(readFileSync(counts, 'utf8'))
  } catch {
    failures.push('browser: the test runner did not finish')
  }
  count('browser tests', result, atLeast)
  if (code !== 0 && result.failed === 0) failures.push(`browser: exit code ${code}`)
  return executable
}

function count(name, { passed, failed }, atLeast) {
  sum.passed += passed
  sum.failed += failed
  if (failed > 0) failures.push(`${name}: ${failed}`)
  if (passed + failed < atLeast)
    failures.push(`${name}: ${passed + failed} ran, at least ${atLeast} expected (test/minimum.json)`)
}

function readOnly(argv) {
  const at = argv.indexOf('--only')
  if (at < 0) return null
  const name = argv[at + 1]
  if (['check', 'node', 'sim', 'browser', 'long'].includes(name)) return name
  console.error('--only takes check, node, sim, browser or long')
  process.exit(1)
}
