/**
 * What the documentation shows compiles, against the package's own entries.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Complaint, checkExamples, type ExampleModule, exampleModule } from './doc-examples.ts'
import { root } from './tree.ts'

const folder = join(root, 'test', 'house')

/** Pages, and sources whose comments are pages. */
function listPages(): string[] {
  const below = (top: string, ending: string): string[] =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith(ending))
      .map((name) => `${top}/${name.replaceAll('\\', '/')}`)
  return [
    'README.md',
    ...below('docs', '.md'),
    ...below('lib', '.ts'),
    ...below('adapters', '.ts'),
    ...below('worker', '.ts'),
  ]
}

function check(pages: ReadonlyMap<string, string>): readonly Complaint[] {
  const modules = new Map<string, ExampleModule>()
  for (const [page, text] of pages) {
    const module = exampleModule(page, text)
    if (module !== null) modules.set(page, module)
  }
  assert.ok(modules.size > 0, 'no examples found')
  return checkExamples(folder, modules)
}

test('examples › every ts or tsx block of the README, the docs and the doc comments compiles', () => {
  const pages = new Map(listPages().map((page) => [page, readFileSync(join(root, page), 'utf8')]))
  for (const page of ['README.md', 'docs/trace.md', 'docs/react.md', 'adapters/state-transfer/index.ts']) {
    assert.ok(exampleModule(page, pages.get(page) ?? '') !== null, `${page} has examples that were not found`)
  }
  assert.deepEqual(check(pages), [])
})

test('examples › a block that does not compile is found, with its line', () => {
  const page = [
    'Text.',
    '```ts',
    "import { openSpace } from 'tutti'",
    "const space = await openSpace('a')",
    '```',
    'More.',
    '```ts',
    "import { openSpace, type Space } from 'tutti'",
    "const space: Space = await openSpace('b', { colour: 'red' })",
    'space.fly()',
    '```',
  ].join('\n')
  const found = check(new Map([['page.md', page]]))
  assert.deepEqual(
    found.map(({ page, line }) => [page, line]),
    [
      ['page.md', 9],
      ['page.md', 10],
    ],
  )
})

test('examples › a component of a page is checked, and the sketch of one in a comment is not', () => {
  const lines = [
    '```tsx',
    "import { useView } from 'tutti/adapters/react'",
    'const A = () => <p>{useView(1)?.id}</p>',
    '```',
  ]
  const found = check(new Map([['page.md', lines.join('\n')]]))
  assert.deepEqual(
    found.map(({ line }) => line),
    [3],
  )
  assert.equal(exampleModule('a.ts', ['/**', ...lines.map((line) => ` * ${line}`), ' */'].join('\n')), null)
})

test('examples › a block sees what the blocks above it have declared, and no more', () => {
  const page = ['```ts', 'const a = 1', '```', '```ts', 'console.log(a, b)', '```', '```ts', 'const b = 2', '```']
  const found = check(new Map([['page.md', page.join('\n')]]))
  assert.deepEqual(
    found.map(({ line, message }) => [line, message]),
    [[5, "Cannot find name 'b'."]],
  )
})
