/**
 * An application pays only for what it uses: with a bundler that splits code, a page that opens a map loads no queue.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { build, type Metafile } from 'esbuild'
import { bundleOptions } from '../../scripts/bundle.mjs'

const app = `
import { openSpace } from 'tutti'
const space = await openSpace('bundle-test')
const map = await space.map('todos')
map.set('a', 1)
`
const queueSource = 'lib/objects/queue.ts'
const mapSource = 'lib/objects/map.ts'

interface Bundle {
  /** Source files whose code is in what the page loads at once. */
  readonly atOnce: ReadonlySet<string>
  /** Source files whose code is in any output. */
  readonly all: ReadonlySet<string>
}

async function bundle(code: string): Promise<Bundle> {
  const { metafile } = await build({
    ...(bundleOptions as object),
    stdin: { contents: code, resolveDir: 'test/house', sourcefile: 'app.ts', loader: 'ts' },
    splitting: true,
    outdir: '.cache/bundle-test',
    write: false,
    metafile: true,
  })
  const { outputs } = metafile
  const entry = Object.keys(outputs).find(
    (path) => outputs[path]?.entryPoint?.endsWith('app.ts') || outputs[path]?.entryPoint === '<stdin>',
  )
  assert.ok(entry !== undefined, `no entry among ${Object.keys(outputs).join(', ')}`)
  return { atOnce: sources(outputs, reachable(outputs, entry)), all: sources(outputs, Object.keys(outputs)) }
}

/** Outputs that load with the entry: static imports only. */
function reachable(outputs: Metafile['outputs'], entry: string): string[] {
  const seen = new Set([entry])
  for (const path of seen) {
    for (const each of outputs[path]?.imports ?? []) if (each.kind === 'import-statement') seen.add(each.path)
  }
  return [...seen]
}

function sources(outputs: Metafile['outputs'], paths: readonly string[]): Set<string> {
  const found = new Set<string>()
  for (const path of paths) {
    for (const [source, { bytesInOutput }] of Object.entries(outputs[path]?.inputs ?? {})) {
      if (bytesInOutput > 0) found.add(source)
    }
  }
  return found
}

test('bundle › an app that uses only a map loads no queue', async () => {
  const { atOnce, all } = await bundle(app)
  assert.ok(all.has(mapSource), 'the map is not in the bundle: the test looks for the wrong file')
  assert.ok(!atOnce.has(queueSource), `${queueSource} loads with the page`)
})

for (const [what, code] of [
  [
    'a page that meets only its other tabs',
    `import { openSpace } from 'tutti'
    import { tabs } from 'tutti/adapters/broadcast-channel'
    await openSpace('bundle-test', { transports: [tabs()] })`,
  ],
  ['the worker', `import '../../worker/worker.ts'`],
] as const) {
  test(`bundle › ${what} needs no package that npm does not install with tutti`, async () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: object }
    const packages = new Set(
      [...(await bundle(code)).all].flatMap((path) => /node_modules\/([^/]+)/.exec(path)?.[1] ?? []),
    )
    assert.deepEqual(
      [...packages].filter((name) => !Object.hasOwn(dependencies, name)),
      [],
    )
  })
}

test('bundle › an app that imports the queue itself is seen to load it', async () => {
  const { atOnce } = await bundle(`import * as queue from '../../${queueSource}'\nconsole.log(queue)`)
  assert.ok(atOnce.has(queueSource))
})
