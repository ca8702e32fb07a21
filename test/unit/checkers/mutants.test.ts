import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkTrace } from '../../sim/checkers/index.ts'
import { MUTANTS } from '../../sim/mutants/list.ts'

const root = new URL('../../../', import.meta.url)
/** A run also ends at once at an error that the kernel throws or a fault that is found, or where an object that folds differs from its twin. */
const properties = new Set([...Object.keys(checkTrace([]).checked), 'exception', 'fault', 'fold'])

test('every planted bug has its one place in the sources, a name of its own and a checker', () => {
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length)
  for (const mutant of MUTANTS) {
    const places = readFileSync(new URL(mutant.file, root), 'utf8').split(mutant.find).length - 1
    assert.equal(places, 1, `${mutant.name}: "${mutant.find}" occurs ${places} times in ${mutant.file}`)
    for (const property of mutant.properties) assert.ok(properties.has(property), `${mutant.name}: ${property}`)
  }
})
