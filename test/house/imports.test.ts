/**
 * Importing a public entry has no effect and throws nothing: in Node, in a worker thread, and where the web
 * platform's globals are missing, as in server-side rendering.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from './tree.ts'

const timeLimitMs = 30_000

interface Entry {
  readonly 'tutti-source'?: string
}
const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | Entry>
}
/** `./worker.js`, the bundled worker, is run, not imported. */
const publicEntries = Object.entries(entries).filter(([key]) => !/\.(js|json)$/.test(key))

interface Probe {
  readonly error?: string
  readonly exported?: readonly string[]
  readonly changes?: readonly string[]
  readonly listeners?: number
}

for (const [key, entry] of publicEntries) {
  const name = `tutti${key.slice(1)}`
  test(`imports › ${name} is there`, () => {
    assert.ok(typeof entry === 'object' && entry['tutti-source'] !== undefined, `${key} names no source`)
    assert.ok(existsSync(join(root, entry['tutti-source'])), `${entry['tutti-source']} is missing`)
  })
  for (const mode of ['plain', 'ssr', 'worker']) {
    test(`imports › ${name} has no effect (${mode})`, async () => assertNoEffect(await probe(mode, name)))
  }
}

const effects: readonly (readonly [what: string, code: string, expected: RegExp])[] = [
  ['sets a global', 'globalThis.leak = 1', /globals: leak/],
  ['starts a timer', 'setInterval(() => {}, 1000).unref(); setTimeout(() => {}, 2000)', /resources: Timeout/],
  ['listens for a signal', "process.on('SIGUSR2', () => {})", /events: SIGUSR2/],
  ['throws', "throw new Error('at import')", /at import/],
  ['needs a browser', 'document.title = String()', /document is not defined/],
  ['writes to the terminal', "console.log('hello')", /not one line of JSON/],
]
for (const [what, code, expected] of effects) {
  test(`imports › the probe notices a module that ${what}`, async () => {
    // Within the package, and where nothing is looked for, should this be ended before it can clean up.
    mkdirSync(join(root, '.cache'), { recursive: true })
    const folder = mkdtempSync(join(root, '.cache', 'probe-'))
    try {
      const file = join(folder, 'effect.mjs')
      writeFileSync(file, code)
      await assert.rejects(async () => assertNoEffect(await probe('plain', file)), expected)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

function assertNoEffect(result: Probe): void {
  if (result.error !== undefined) throw new Error(result.error)
  if (result.changes?.length) throw new Error(`importing changed: ${result.changes.join(', ')}`)
  assert.deepEqual(result.changes, [])
  assert.equal(result.listeners ?? 0, 0, 'importing listens to the worker’s messages')
}

async function probe(mode: string, specifier: string): Promise<Probe> {
  const script = join(root, 'test/house/import-probe.mjs')
  const args = ['--conditions=tutti-source', '--import', 'tsx', script, mode, specifier]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeLimitMs)
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...end) => resolve(end))
  })
  clearTimeout(timer)
  if (signal !== null) throw new Error(`${specifier} keeps the process alive`)
  if (code !== 0 || stderr !== '') throw new Error(`exit code ${code}: ${stderr}`)
  const lines = stdout.trimEnd().split('\n')
  if (lines.length !== 1) throw new Error(`not one line of JSON: ${stdout}`)
  return JSON.parse(lines[0] ?? '') as Probe
}
