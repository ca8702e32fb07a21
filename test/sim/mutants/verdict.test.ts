/** The bar for planted bugs: each way to miss it is told, and every layer and checker has one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkers } from '../checkers/index.ts'
import { layerOf, layers } from './layers.ts'
import { MUTANTS } from './list.ts'
import { type Hunted, judge, MUTANTS_MIN } from './verdict.ts'

const PROPERTIES = checkers.map(({ property }) => property)

/** The real list, each found by all that it breaks after so many seeds. */
function foundAfter(seeds: number): Hunted[] {
  return MUTANTS.map((mutant) => ({ mutant, by: mutant.properties, seeds }))
}

test('mutants › the list has enough planted bugs, in every layer, and one for every checker', () => {
  const verdict = judge(foundAfter(3), PROPERTIES)
  assert.deepEqual(verdict.lacks, [])
  assert.deepEqual([verdict.found, verdict.layers, verdict.median], [MUTANTS.length, layers.length, 3])
})

test('mutants › what is missed, late, slow on the whole, or silent is told', () => {
  const lacksOf = (all: readonly Hunted[], properties: readonly string[] = PROPERTIES): readonly string[] =>
    judge(all, properties).lacks
  const soon = foundAfter(100)
  assert.deepEqual(lacksOf(soon), [])
  const [first, ...rest] = soon
  assert.ok(first !== undefined)
  const { name } = first.mutant
  assert.deepEqual(lacksOf([{ ...first, by: [] }, ...rest]), [`${name} was not found`])
  assert.deepEqual(lacksOf([{ ...first, seeds: 2_001 }, ...rest]), [`${name} took more than 2000 seeds`])
  assert.deepEqual(lacksOf(foundAfter(101)), ['the median is above 100 seeds'])
  assert.deepEqual(lacksOf(soon, [...PROPERTIES, 'Z1']), ['the checker of Z1 has found no planted bug'])
  // It is not enough that a mutant names a property: its checker must have found it.
  const withoutO7 = soon.map((each) => ({ ...each, by: each.by.filter((property) => property !== 'O7') }))
  assert.deepEqual(lacksOf(withoutO7), ['the checker of O7 has found no planted bug'])
  const withoutLinks = soon.filter(({ mutant }) => layerOf(mutant.file) !== 'link')
  assert.deepEqual(lacksOf(withoutLinks, []), ['no planted bug in link'])
  assert.ok(lacksOf(soon.slice(0, MUTANTS_MIN - 1)).includes('39 planted bugs, where 40 are wanted'))
})

test('mutants › what is missed counts in the median as more than any number of seeds', () => {
  const of = (seeds: readonly number[]): number | null => {
    const all = seeds.map((count) => ({ mutant: MUTANTS[0], by: count === 0 ? [] : ['M6'], seeds: count }))
    return judge(all as readonly Hunted[], []).median
  }
  assert.deepEqual([of([5]), of([9, 1, 4]), of([9, 1, 4, 7]), of([0, 8, 2])], [5, 4, 4, 8])
  assert.deepEqual([of([0, 0, 8]), of([])], [null, null])
})

test('mutants › a file that is in no layer is told', () => {
  assert.throws(() => layerOf('lib/kernel/codec.ts'), /in no layer/)
})
