/**
 * Set-up on a machine that has only Node: installs the locked dependencies when they are missing or out of date.
 *
 * Uses nothing but Node itself, since it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const nodeMajorMin = 20
const lockFile = join(root, 'package-lock.json')
const stampFile = join(root, 'node_modules', '.tutti-lock-hash')
/** What npm itself leaves behind after an install. */
const npmFile = join(root, 'node_modules', '.package-lock.json')

/** Makes `node_modules` match the lock, or ends the process with a message that says what to do. */
export function ensureInstalled() {
  if (Number(process.versions.node.split('.')[0]) < nodeMajorMin) {
    fail(`Tutti needs Node ${nodeMajorMin} or newer; this is Node ${process.versions.node}.`)
  }
  const hash = createHash('sha256').update(readFileSync(lockFile)).digest('hex')
  if (existsSync(stampFile)) {
    if (readFileSync(stampFile, 'utf8').trim() === hash) return
  } else if (existsSync(npmFile) && statSync(npmFile).mtimeMs >= statSync(lockFile).mtimeMs) {
    // Installed by hand after the lock was written.
    writeFileSync(stampFile, `${hash}\n`)
    return
  }
  console.log('Installing dependencies (npm ci) …')
  // The npm that runs this script, if one does; else the one on the path.
  const npm = process.env.npm_execpath
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const options = { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }
  const result = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
  if (result.status !== 0)
    fail('npm ci failed; see above. It needs the npm registry once, and package-lock.json as committed.')
  writeFileSync(stampFile, `${hash}\n`)
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
