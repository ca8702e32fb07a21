/**
 * `npm run build`: the published files, into `dist/`.
 *
 * Plain tsc, one file in, one out, at the same path; and one bundled file, `dist/worker.js`, for those whose
 * bundler leaves `new URL('…', import.meta.url)` alone.
 */
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from './run-command.mjs'
import { ensureInstalled, root } from './setup.mjs'

ensureInstalled()
const { buildWorker } = await import('./bundle.mjs')
const dist = join(root, 'dist')

await rm(dist, { recursive: true, force: true })
if ((await runTool('typescript/bin/tsc', ['-p', 'tsconfig.build.json'])) !== 0) process.exit(1)
await renameImportsInDeclarations()

const bundled = join(root, '.cache', 'standalone-worker')
await buildWorker(bundled)
for (const suffix of ['', '.map']) {
  await copyFile(join(bundled, 'worker', `worker.js${suffix}`), join(dist, `worker.js${suffix}`))
}
console.log('build: dist/ is ready')

/** tsc rewrites `./x.ts` to `./x.js` in JavaScript but not in declarations; tools other than tsc expect `.js` there too. */
async function renameImportsInDeclarations() {
  for (const name of await readdir(dist, { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue
    const file = join(dist, name)
    const text = await readFile(file, 'utf8')
    const renamed = text.replace(/(from |import\(|import )(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2')
    if (renamed !== text) await writeFile(file, renamed)
  }
}
