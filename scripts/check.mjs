/**
 * `npm run check`: what is fast. Types of every program, Biome, knip, and the house tests.
 *
 * `--no-house` leaves the house tests out. Ends with exit code 1 if anything failed.
 */
import { pathToFileURL } from 'node:url'
import { listTests, runNodeTests } from './node-tests.mjs'
import { runTool } from './run-command.mjs'
import { ensureInstalled } from './setup.mjs'

/** One TypeScript program for each area: what each may see of the platform differs. */
const programs = ['lib/kernel', 'lib', 'adapters', 'worker', 'demo', 'test', 'test/browser']

/**
 * Runs all checks; goes on after a failure, so that one run shows everything.
 * @param {{ house?: boolean }} [options]
 * @returns {Promise<{ failures: string[], passed: number, failed: number }>} what failed by name; house tests counted
 */
export async function runCheck({ house = true } = {}) {
  const failures = []
  const step = async (name, code) => {
    console.log(`check: ${name}`)
    if ((await code()) !== 0) failures.push(name)
  }
  // Two at a time: each takes one core.
  const waiting = [...programs]
  const lane = async () => {
    for (let program = waiting.shift(); program !== undefined; program = waiting.shift()) {
      const args = ['-p', program, '--noEmit']
      await step(`tsc ${program}`, () => runTool('typescript/bin/tsc', args))
    }
  }
  await Promise.all([lane(), lane()])
  await step('biome', () => runTool('@biomejs/biome/bin/biome', ['check', '--error-on-warnings', '.']))
  await step('knip', () => runTool('knip/bin/knip.js', ['--no-progress']))
  let counts = { passed: 0, failed: 0 }
  if (house) {
    await step('house tests', async () => {
      counts = await runNodeTests(listTests('test/house'), 'house', { atOnce: 2 })
      return counts.failed === 0 && counts.passed > 0 ? 0 : 1
    })
  }
  for (const name of failures) console.error(`check: FAILED ${name}`)
  return { failures, ...counts }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  ensureInstalled()
  const { failures } = await runCheck({ house: !process.argv.includes('--no-house') })
  if (failures.length > 0) process.exit(1)
  console.log('check: ok')
}
