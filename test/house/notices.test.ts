/**
 * Every package whose code we hand out bundled is named with its licence.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { build } from 'esbuild'
import { bundleOptions, demoEntries, workerEntry } from '../../scripts/bundle.mjs'
import { bundledPackages, makeNotices } from '../../scripts/notices.mjs'
import { root } from './tree.ts'

test('notices › the file is up to date (node scripts/notices.mjs)', () => {
  assert.equal(readFileSync(join(root, 'THIRD-PARTY-NOTICES.md'), 'utf8'), makeNotices())
})

test('notices › the worker and the demo bundle no package that is not named', async () => {
  const { metafile } = await build({
    ...(bundleOptions as object),
    entryPoints: [workerEntry, ...demoEntries],
    outdir: '.cache/notices-test',
    write: false,
    metafile: true,
  })
  const packages = new Set<string>()
  for (const path of Object.keys(metafile.inputs)) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]
    if (name !== undefined) packages.add(name)
  }
  assert.ok(packages.size > 0)
  assert.deepEqual(
    [...packages].filter((name) => !bundledPackages.includes(name)),
    [],
  )
})
