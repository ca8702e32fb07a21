/**
 * The dependency rule holds in this tree, and the checker refuses imports against it.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { findOffences, type PackageNames } from './dependency-rule.ts'
import { readTree, root } from './tree.ts'

const manifest = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}
const packages: PackageNames = {
  dependencies: Object.keys(manifest.dependencies),
  devDependencies: Object.keys(manifest.devDependencies),
}
const files = readTree(['lib', 'adapters', 'worker', 'demo', 'test/browser'])

test('dependency rule › every file of the tree keeps it', () => {
  const lines = findOffences(files, packages).map((each) => `${each.file} imports ${each.specifier}: ${each.reason}`)
  assert.deepEqual(lines, [])
})

test('dependency rule › the tree has something to check in every area', () => {
  for (const area of ['lib/kernel/', 'lib/objects/', 'lib/ports/', 'adapters/', 'worker/', 'demo/', 'test/browser/']) {
    const count = [...files.keys()].filter((path) => path.startsWith(area) && path.endsWith('.ts')).length
    assert.ok(count > 0, `no files under ${area}`)
  }
})

/** Imports against the rule: file, text, what the reason must say. */
const planted: readonly (readonly [file: string, text: string, reason: RegExp])[] = [
  ['lib/kernel/x.ts', "import { y } from '../errors.ts'", /kernel imports nothing outside/],
  ['lib/kernel/x.ts', "import type { Y } from '../ports/transport.ts'", /kernel imports nothing outside/],
  ['lib/kernel/x.ts', "import { encode } from 'cborg'", /kernel imports nothing outside/],
  ['lib/kernel/x.ts', "import { readFileSync } from 'node:fs'", /kernel imports nothing outside/],
  ['lib/kernel/x.ts', "type Y = import('../ports/transport.ts').Link", /kernel imports nothing outside/],
  ['lib/objects/x.ts', "import { y } from '../kernel/api.ts'", /objects and lib\/tools import only/],
  ['lib/objects/x.ts', "import { y } from '../host.ts'", /objects and lib\/tools import only/],
  ['lib/objects/x.ts', "import type { Y } from '../ports/transport.ts'", /objects and lib\/tools import only/],
  ['lib/objects/x.ts', "import { y } from '../ports/group.ts'", /objects and lib\/tools import only/],
  ['lib/tools/x.ts', "import { y } from '../kernel/ids.ts'", /objects and lib\/tools import only/],
  ['lib/ports/x.ts', "import { y } from '../kernel/api.ts'", /ports holds interfaces/],
  ['lib/ports/x.ts', "import type { Y } from '../errors.ts'", /ports holds interfaces/],
  ['lib/x.ts', "import { tabs } from '../adapters/broadcast-channel/index.ts'", /lib imports only lib/],
  ['lib/x.ts', "const w = await import('../worker/worker.ts')", /lib imports only lib/],
  ['lib/x.ts', "import { y } from '../demo/main.ts'", /lib imports only lib/],
  ['lib/x.ts', "import { readFileSync } from 'node:fs'", /lib imports only lib/],
  ['lib/x.ts', "import Peer from 'simple-peer'", /lib imports only lib/],
  ['lib/x.ts', "import { y } from './ports/index.ts'", /not through an entry/],
  ['lib/x.ts', "import { y } from './no-such-file.ts'", /no such file/],
  ['adapters/memory/x.ts', "import { y } from '../broadcast-channel/index.ts'", /an adapter imports its own folder/],
  ['adapters/memory/x.ts', "import { y } from '../../lib/host.ts'", /an adapter imports its own folder/],
  ['adapters/memory/x.ts', "import { y } from '../../lib/kernel/ids.ts'", /an adapter imports its own folder/],
  ['adapters/memory/x.ts', "import { a } from 'one'\nimport { b } from 'two'", /more than one outside package/],
  ['adapters/memory/x.ts', "import { openSpace } from 'tutti'", /an adapter imports its own folder/],
  ['adapters/react/x.ts', "import { y } from '../../lib/host.ts'", /public entries, and react/],
  ['adapters/react/x.ts', "import type { Y } from '../../lib/ports/group.ts'", /public entries, and react/],
  ['adapters/react/x.ts', "import { y } from 'yjs'", /public entries, and react/],
  ['worker/x.ts', "import { y } from '../demo/main.ts'", /worker imports only/],
  ['demo/x.ts', "import { openSpace } from '../lib/index.ts'", /only through its public entries/],
  ['test/browser/x.ts', "import { Kernel } from '../../lib/kernel/api.ts'", /only through its public entries/],
  ['demo/x.ts', "export { y } from '../worker/worker.ts'", /only through its public entries/],
]

for (const [file, text, reason] of planted) {
  test(`dependency rule › refuses in ${file}: ${text.replaceAll('\n', '; ')}`, () => {
    const targets = ['lib/index.ts', 'lib/errors.ts', 'lib/ports/index.ts', 'lib/host.ts', 'lib/kernel/ids.ts']
    const more = ['worker/worker.ts', 'demo/main.ts', 'adapters/broadcast-channel/index.ts']
    const world = new Map([
      ...[...targets, ...more].map((path) => [path, ''] as const),
      ...files,
      [file, text] as const,
    ])
    const offences = findOffences(world, packages).filter((each) => each.file === file)
    assert.match(offences.map((each) => each.reason).join('\n'), reason)
  })
}

test('dependency rule › refuses a circle of run-time imports, not one of types', () => {
  const circle = (last: string): ReturnType<typeof findOffences> =>
    findOffences(
      new Map([
        ['lib/a.ts', "import { b } from './b.ts'"],
        ['lib/b.ts', "import { c } from './c.ts'"],
        ['lib/c.ts', last],
      ]),
      packages,
    )
  assert.match(
    circle("import { a } from './a.ts'")[0]?.reason ?? '',
    /circular: lib\/a.ts → lib\/b.ts → lib\/c.ts → lib\/a.ts/,
  )
  assert.deepEqual(circle("import type { A } from './a.ts'"), [])
})

test('dependency rule › allows what the house needs', () => {
  const allowed = new Map([
    ['lib/errors.ts', ''],
    ['lib/values.ts', "import { encode } from 'cborg'"],
    ['lib/kernel/api.ts', ''],
    ['lib/kernel/x.ts', "import type { A } from './api.ts'"],
    ['lib/ports/transport.ts', "import type { A } from '../kernel/api.ts'"],
    ['lib/ports/group.ts', ''],
    ['lib/objects/replica.ts', "export type { G } from '../ports/group.ts'"],
    [
      'lib/objects/map.ts',
      "import type { R } from './replica.ts'\nimport { v } from '../values.ts'\nimport { e } from '../errors.ts'",
    ],
    [
      'adapters/a/index.ts',
      "import type { T } from '../../lib/ports/transport.ts'\nimport Peer from 'simple-peer/simplepeer.min.js'",
    ],
    ['adapters/react/index.ts', "import { useState } from 'react'\nimport { openSpace } from 'tutti'"],
    ['worker/worker.ts', "import { a } from '../adapters/a/index.ts'\nimport { e } from '../lib/errors.ts'"],
    ['demo/main.ts', "import { openSpace } from 'tutti'\nimport { a } from 'tutti/adapters/a'"],
  ])
  assert.deepEqual(findOffences(allowed, packages), [])
})
