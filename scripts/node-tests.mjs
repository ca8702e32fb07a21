/**
 * Runs test files on Node's own test runner and counts what ran.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { nodeFlags, run } from './run-command.mjs'
import { root } from './setup.mjs'

/** A test or file that takes longer hangs; its file is killed and counts as failed. Long runs drive Chromium, on a machine
 * that may be half as fast as ours. */
const testTimeoutMs = 300_000

/** Node has the flag since 20.11. */
const [major, minor] = process.versions.node.split('.').map(Number)
const timeoutFlag = major > 20 || minor >= 11 ? [`--test-timeout=${testTimeoutMs}`] : []

/**
 * The test files under a folder, sorted, as paths from the root. Empty if there is no such folder.
 * @param {string} folder
 * @param {string} [ending] of the files' names
 * @returns {string[]}
 */
export function listTests(folder, ending = '.test.ts') {
  let entries
  try {
    entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}

/**
 * Runs the files in processes of their own.
 * @param {readonly string[]} files
 * @param {string} label names the count file; one at a time under a label
 * @param {{ atOnce?: number }} [options] so many files at a time
 * @returns {Promise<{ passed: number, failed: number }>} skipped tests count as neither
 */
export async function runNodeTests(files, label, { atOnce = 1 } = {}) {
  const counts = join(root, '.cache', `node-tests-${label}.json`)
  mkdirSync(join(root, '.cache'), { recursive: true })
  rmSync(counts, { force: true })
  const code = await run(
    process.execPath,
    [
      ...nodeFlags,
      '--test',
      `--test-concurrency=${atOnce}`,
      ...timeoutFlag,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      '--test-reporter=./scripts/count-reporter.mjs',
      `--test-reporter-destination=${counts}`,
      ...files,
    ],
    // Node's runner refuses to run inside itself; a house test may be what runs us.
    { env: { NODE_TEST_CONTEXT: undefined } },
  )
  let result
  try {
    result = JSON.parse(readFileSync(counts, 'utf8'))
  } catch {
    return { passed: 0, failed: 1 }
  }
  // Something outside the tests failed (a file that does not load is a failed test already).
  if (code !== 0 && result.failed === 0) result.failed = 1
  return result
}
