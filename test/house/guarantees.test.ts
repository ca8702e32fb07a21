/**
 * What docs/guarantees.md promises is what the checkers check: no more, no less.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkers } from '../sim/checkers/index.ts'
import { root } from './tree.ts'

const page = readFileSync(join(root, 'docs', 'guarantees.md'), 'utf8')
/** Rows of the tables that name a property, with the file of its checker. */
const rows = [
  ...page.matchAll(/^\| ([A-Z]\d+) \|.*\[[a-z]\d+\]\(\.\.\/(test\/sim\/checkers\/([a-z]\d+)-[a-z0-9-]+\.ts)\) \|$/gm),
]

test('guarantees › each checked property is promised once, with its checker', () => {
  assert.deepEqual(rows.map(([, property]) => property).sort(), checkers.map(({ property }) => property).sort())
  for (const [, property = '', file = '', prefix] of rows) {
    assert.equal(prefix, property.toLowerCase())
    assert.ok(existsSync(join(root, file)), file)
  }
})

test('guarantees › each checker that stands in the folder runs', () => {
  const files = readdirSync(join(root, 'test', 'sim', 'checkers')).filter((name) => /^[a-z]\d+-/.test(name))
  assert.equal(files.length, checkers.length)
})

test('guarantees › what is said not to be there yet is not promised above', () => {
  const [above = '', below = ''] = page.split('\n## Not yet\n')
  for (const property of ['M4', 'M10', 'O9', 'T3', 'P3']) {
    assert.ok(below.includes(property), property)
    assert.ok(!above.includes(`| ${property} |`), property)
  }
})
