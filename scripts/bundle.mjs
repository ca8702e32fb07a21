/**
 * How the demo, the browser tests and the standalone worker are bundled: one set of esbuild options.
 */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './setup.mjs'

/** The kernel's worker, as the library names it relative to its own files and to any bundle one folder below the site's root. */
export const workerEntry = { out: 'worker/worker', in: 'worker/worker.ts' }

/** The scripts of the demo's pages. */
export const demoEntries = [
  { out: 'main', in: 'demo/main.ts' },
  { out: 'tools', in: 'demo/tools/main.ts' },
]

/**
 * Options under which `tutti` and `tutti/…` mean the sources of this tree.
 * @type {import('esbuild').BuildOptions}
 */
export const bundleOptions = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  conditions: ['tutti-source'],
  legalComments: 'linked',
  logLevel: 'warning',
}

/**
 * Builds the demo site into a folder: the two pages with script and style, the worker at `worker/worker.js`, and the docs,
 * to which errors link.
 * @param {string} outdir
 * @returns {Promise<void>}
 */
export async function buildDemo(outdir) {
  await build({
    ...bundleOptions,
    entryPoints: [
      ...demoEntries,
      { out: 'index', in: 'demo/index.html' },
      { out: 'board', in: 'demo/board.css' },
      { out: 'tools', in: 'demo/tools.html' },
      { out: 'tools', in: 'demo/tools.css' },
    ],
    loader: { '.html': 'copy' },
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    sourcemap: true,
    outdir,
  })
  await buildWorker(outdir)
  await cp(join(root, 'docs'), join(outdir, 'docs'), { recursive: true })
}

/**
 * Builds the worker as one self-contained module file, `worker/worker.js` below `outdir`.
 * @param {string} outdir
 * @returns {Promise<void>}
 */
export async function buildWorker(outdir) {
  await build({ ...bundleOptions, entryPoints: [workerEntry], sourcemap: true, outdir })
}

/**
 * Bundles entry points in memory.
 * @param {readonly { out: string, in: string }[]} entries
 * @returns {Promise<Map<string, Uint8Array>>} the outputs by their path, such as `pages/peer.js`
 */
export async function bundleInMemory(entries) {
  const outdir = join(root, '.cache', 'in-memory')
  const { outputFiles } = await build({
    ...bundleOptions,
    entryPoints: [...entries],
    sourcemap: 'inline',
    legalComments: 'none',
    outdir,
    write: false,
  })
  return new Map(outputFiles.map((file) => [file.path.slice(outdir.length + 1).replaceAll('\\', '/'), file.contents]))
}
