/**
 * `npm run pack:check`: packs what would be published and checks the tarball.
 *
 * publint and arethetypeswrong on the tarball, size-limit on each entry, and the tarball, unpacked, imported by plain Node.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { run, runTool } from './run-command.mjs'
import { ensureInstalled, root } from './setup.mjs'

ensureInstalled()
const folder = join(root, '.cache', 'pack')
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })

// `prepack` builds.
if ((await run('npm', ['pack', '--pack-destination', folder])) !== 0) process.exit(1)
const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
if (tarball === undefined) throw new Error('npm pack left no tarball')
const file = join(folder, tarball)

const failures = []
const step = async (name, code) => {
  console.log(`pack:check: ${name}`)
  if ((await code) !== 0) failures.push(name)
}
await step('publint', runTool('publint/src/cli.js', ['run', file, '--strict']))
await step(
  'arethetypeswrong',
  runTool('@arethetypeswrong/cli/dist/index.js', [file, '--profile', 'esm-only', '--exclude-entrypoints', 'worker.js']),
)
await step('size-limit', runTool('size-limit/bin.js', []))
await step('import the tarball in plain Node', importUnpacked())
if (failures.length > 0) {
  for (const name of failures) console.error(`pack:check: FAILED ${name}`)
  process.exit(1)
}
console.log('pack:check: ok')

async function importUnpacked() {
  const unpacked = join(folder, 'node_modules')
  mkdirSync(unpacked)
  if (spawnSync('tar', ['-xzf', file, '-C', folder]).status !== 0) return 1
  symlinkSync(join(folder, 'package'), join(unpacked, 'tutti'), 'junction')
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entries = Object.keys(exports).filter((key) => !/\.(js|json)$/.test(key))
  const code = `for (const e of ${JSON.stringify(entries)}) await import('tutti' + e.slice(1))`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: folder,
    encoding: 'utf8',
  })
  if (status !== 0) console.error(stderr)
  return status ?? 1
}
