/** The ledger adds up the seeds of one commit and starts anew with the next. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkTrace } from './checkers/index.ts'
import { addBatch, clearSeeds, type Entry, nextSeed, printEntries } from './ledger-entries.ts'

const batch = { violations: 0, checked: { M1: 5 }, reach: { crash: { idle: 2 } } }

test('ledger › runs on one commit add up, a new commit goes on with the seeds in an entry of its own', () => {
  let entries: Entry[] = []
  assert.equal(nextSeed(entries, 'a'), 1)
  entries = addBatch(entries, 'a', { from: 1, seeds: 10, ...batch })
  entries = addBatch(entries, 'a', {
    ...{ from: 11, seeds: 5, violations: 2, failed: [12, 13] },
    ...{ checked: { M1: 1, M2: 3 }, reach: { crash: { idle: 1, row: 1 }, join: { cut: 4 } } },
  })
  assert.deepEqual(entries, [
    {
      ...{ commit: 'a', from: 1, seeds: 15, violations: 2, failed: [12, 13], checked: { M1: 6, M2: 3 } },
      reach: { crash: { idle: 3, row: 1 }, join: { cut: 4 } },
    },
  ])
  assert.equal(nextSeed(entries, 'b'), 16)
  entries = addBatch(entries, 'b', { from: 16, seeds: 1, ...batch })
  assert.deepEqual([nextSeed(entries, 'a'), nextSeed(entries, 'b')], [16, 17])
  assert.throws(() => addBatch(entries, 'b', { from: 18, seeds: 1, ...batch }), /does not come next/)
  assert.deepEqual(JSON.parse(printEntries(entries)), entries)
  assert.match(printEntries(entries), /"failed": \[12, 13\],\n/)
})

test('ledger › failed seeds that run again without a violation are cleared, the others stay', () => {
  const failed = { commit: 'a', from: 1, seeds: 20, violations: 5, failed: [3, 7, 9], checked: {}, reach: {} }
  const once = clearSeeds(failed, 2, [7])
  assert.deepEqual(once, { ...failed, violations: 2, failed: [7], cleared: [3, 9] })
  const [more] = addBatch([once], 'a', { from: 21, seeds: 1, ...batch })
  assert.ok(more !== undefined)
  assert.deepEqual([more.violations, more.failed, more.cleared], [2, [7], [3, 9]])
  const clean = clearSeeds(more, 0, [])
  assert.deepEqual([clean.violations, clean.failed, clean.cleared], [0, undefined, [3, 9, 7]])
})

/** What only the workloads of tools put to the test: the ledger's is `mixed`, in which nobody sends direct messages either. */
const OF_TOOLS = ['D1', 'D2', 'D3', 'T6', 'T7', 'T8', 'T11', 'T12', 'T13', 'T14', 'T15', 'T16', 'T17', 'T18', 'L9']

test('ledger › what is kept has whole entries, one for each commit, without gaps', () => {
  const entries: readonly Entry[] = JSON.parse(readFileSync(new URL('./ledger.json', import.meta.url), 'utf8'))
  const properties = Object.keys(checkTrace([]).checked)
  assert.ok(entries.length > 0)
  assert.equal(new Set(entries.map(({ commit }) => commit)).size, entries.length)
  for (const { commit, from, seeds, violations, failed = [], checked, reach } of entries) {
    assert.match(commit, /^[0-9a-f]{40}$/)
    assert.ok(from >= 1 && seeds >= 1 && violations >= failed.length)
    assert.equal(violations > 0, failed.length > 0, commit)
    assert.ok(Object.keys(checked).length > 0 && Object.keys(reach).length > 0)
    for (const property of Object.keys(checked)) assert.match(property, /^[A-Z]\d+$/)
  }
  const last = entries.at(-1)
  for (const property of properties.filter((each) => !OF_TOOLS.includes(each)))
    assert.ok((last?.checked[property] ?? 1) > 0, `${property} was never put to the test`)
})
