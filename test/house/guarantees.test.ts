/**
 * What docs/guarantees.md promises is what the checkers check, no more, no less; and each checker is proven by a planted
 * bug that the page names.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkers } from '../sim/checkers/index.ts'
import { MUTANTS } from '../sim/mutants/list.ts'
import { root } from './tree.ts'

const page = readFileSync(join(root, 'docs', 'guarantees.md'), 'utf8')
/** Rows of the tables that name a property, with the file of its checker and the mutants that prove it. */
const rows = [
  ...page.matchAll(
    /^\| ([A-Z]\d+) \|.*\[[a-z]\d+\]\(\.\.\/(test\/sim\/checkers\/([a-z]\d+)-[a-z0-9-]+\.ts)\) \| ([^|]*) \|$/gm,
  ),
]

test('guarantees › each checked property is promised once, with its checker', () => {
  assert.deepEqual(rows.map(([, property]) => property).sort(), checkers.map(({ property }) => property).sort())
  for (const [, property = '', file = '', prefix] of rows) {
    assert.equal(prefix, property.toLowerCase())
    assert.ok(existsSync(join(root, file)), file)
  }
})

test('guarantees › each checker is proven by a mutant that breaks its property', () => {
  const mutants = new Map(MUTANTS.map((mutant) => [mutant.name, mutant]))
  for (const [, property = '', , , cell = ''] of rows) {
    const names = [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
    assert.ok(names.length > 0, `${property}: no planted bug is named`)
    for (const name of names) {
      const mutant = mutants.get(name)
      assert.ok(mutant !== undefined, `${property}: there is no mutant ${name}`)
      assert.ok(mutant.properties.includes(property), `${property}: ${name} breaks ${mutant.properties.join(', ')}`)
    }
  }
})

test('guarantees › each checker that stands in the folder runs', () => {
  const files = readdirSync(join(root, 'test', 'sim', 'checkers')).filter((name) => /^[a-z]\d+-/.test(name))
  assert.equal(files.length, checkers.length)
})

test('guarantees › what is not promised is said, and no checker holds it', () => {
  const below = page.split('\n## Not promised\n')[1]?.split('\n## ')[0] ?? ''
  for (const words of ['M9', 'Exactly-once execution', 'Byzantine agreement', 'Persistence']) {
    assert.ok(below.includes(words), words)
  }
  assert.ok(!checkers.some(({ property }) => property === 'M9'))
})
