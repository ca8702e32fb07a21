/**
 * `npm run test:yjs14`: the provider with documents of `@y/y` 14, in a package of its own, since that asks for Node 22.
 * Installs it into `.cache/yjs-14`.
 */
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { nodeFlags, run } from '../../scripts/run-command.mjs'
import { ensureInstalled, root } from '../../scripts/setup.mjs'

ensureInstalled()
const folder = join(root, '.cache', 'yjs-14')
mkdirSync(folder, { recursive: true })
cpSync(new URL('./package.json', import.meta.url), join(folder, 'package.json'))
const installed = await run('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts'])
if (installed !== 0) process.exit(1)
const env = { YJS_14: join(folder, 'node_modules') }
process.exitCode = await run(process.execPath, [...nodeFlags, '--test', 'test/yjs-14/provider.check.ts'], { env })
