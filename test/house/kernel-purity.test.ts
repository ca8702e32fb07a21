/**
 * The kernel has no clock, no chance and no locale of its own. What TypeScript cannot see (`Date`, `Math.random` and
 * locales are part of ES2023) is looked for here.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import ts from 'typescript'
import { parse } from './imports-of.ts'
import { type FileMap, readTree } from './tree.ts'

const globals = new Set([
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Intl',
  'globalThis',
])
/** Members whose result depends on the machine. */
const members = new Set(['localeCompare', 'toLocaleString', 'toLocaleUpperCase', 'toLocaleLowerCase'])

function findImpurities(files: FileMap): string[] {
  const found: string[] = []
  for (const [path, text] of files) {
    const source = parse(path, text)
    const report = (node: ts.Node): void => {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart())
      found.push(`${path}:${line + 1} ${node.getText()}`)
    }
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAccessExpression(node)) {
        if (members.has(node.name.text) || node.getText() === 'Math.random') report(node)
        visit(node.expression)
        return
      }
      // A name is a use of the global unless it names a property: `{ Date: 1 }`, `readonly performance: number`.
      if (ts.isIdentifier(node) && globals.has(node.text) && !isPropertyName(node)) report(node)
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  return found
}

function isPropertyName(node: ts.Identifier): boolean {
  const { parent } = node
  return (
    (ts.isPropertySignature(parent) ||
      ts.isPropertyAssignment(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodSignature(parent)) &&
    parent.name === node
  )
}

test('kernel › uses no clock, timer, chance or locale of the machine', () => {
  const files = readTree(['lib/kernel'])
  assert.ok(files.size > 0)
  assert.deepEqual(findImpurities(files), [])
})

test('kernel › a planted impurity is found', () => {
  for (const text of [
    'const t = Date.now()',
    'const d = new Date()',
    'const r = Math.random()',
    'performance.now()',
    'setTimeout(f, 1)',
    'ids.sort((a, b) => a.localeCompare(b))',
    'globalThis.x = 1',
  ]) {
    assert.equal(findImpurities(new Map([['lib/kernel/x.ts', text]])).length, 1, text)
  }
  const clean = '/** Date, Math.random() */ const random = env.random(); interface A { readonly performance: number }'
  assert.deepEqual(findImpurities(new Map([['lib/kernel/x.ts', clean]])), [])
})
