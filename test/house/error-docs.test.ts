/**
 * Every code that a user can meet is written down: errors in docs/errors.md, under the heading to which `error.docs` leads;
 * problems of transports in the table of docs/transports.md. And every link within the documentation leads somewhere.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { root } from './tree.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const files = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)

/** The strings of a union type. */
function unionOf(text: string, name: string): string[] {
  const [, body = ''] = new RegExp(`export type ${name} =\\n((?: {2}\\| '[a-z-]+'\\n)+)`).exec(text) ?? []
  return [...body.matchAll(/'([a-z-]+)'/g)].map(([, code = '']) => code)
}

/** The fragments under which GitHub and others show a page's headings. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} (.+)$/gm)
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

/** Codes of errors that are not Tutti's own classes, by where they are written: `readonly code = '…'`. */
const ownCodes = files('adapters', '.ts').flatMap((file) =>
  [...read(file).matchAll(/readonly code(?:: [^=]+)? = '([a-z-]+)'/g)].map(([, code = '']) => code),
)
const codes = [
  ...unionOf(read('lib/errors.ts'), 'ErrorCode'),
  ...unionOf(read('lib/errors.ts'), 'ToolErrorCode'),
  ...ownCodes,
]

test('error docs › every code of an error has its heading in docs/errors.md, and every heading is a code', () => {
  assert.ok(codes.length > 20 && codes.includes('deadlock') && ownCodes.length > 0, 'codes were not found')
  const headings = [...read('docs/errors.md').matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading)
  assert.deepEqual(headings.filter((heading) => /^[a-z-]+$/.test(heading)).sort(), codes.sort())
})

test('error docs › every problem that a transport reports is in the table of docs/transports.md', () => {
  const sources = [...files('adapters', '.ts'), 'lib/host.ts'].map(read).join('\n')
  const problems = [...sources.matchAll(/'((?:tabs|webrtc|signaling|start)-[a-z-]+)'/g)].map(([, code = '']) => code)
  const listed = new Set([...read('docs/transports.md').matchAll(/`([a-z]+-[a-z-]+)`/g)].map(([, code = '']) => code))
  assert.ok(problems.length > 10, 'problems were not found')
  assert.deepEqual(
    problems.filter((code) => !listed.has(code)),
    [],
  )
})

test('error docs › every link of the README and of the docs leads to a file, and to a heading in it', () => {
  const dead: string[] = []
  for (const page of ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...files('docs', '.md')]) {
    const text = read(page).replaceAll(/^```[\s\S]*?^```/gm, '')
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      const isThere = existsSync(join(root, file))
      if (!isThere || (anchor !== undefined && !anchorsOf(read(file)).has(anchor))) dead.push(`${page}: ${target}`)
    }
  }
  assert.deepEqual(dead, [])
})

test('error docs › the page to which error.docs leads is in the package', () => {
  const { files: packed } = JSON.parse(read('package.json')) as { files: readonly string[] }
  assert.ok(packed.includes('docs/*.md'))
})
