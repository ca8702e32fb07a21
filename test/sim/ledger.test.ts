/** The ledger adds up the seeds of one commit and starts anew with the next. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkTrace } from './checkers/index.ts'
import { addBatch, clearSeeds, type Entry, findEntry, nextSeed, printEntries } from './ledger-entries.ts'

const batch = { violations: 0, checked: { M1: 5 }, reach: { crash: { idle: 2 } } }

test('ledger › runs on one commit add up, a new commit goes on with the seeds in an entry of its own', () => {
  let entries: Entry[] = []
  assert.equal(nextSeed(entries, { commit: 'a' }), 1)
  entries = addBatch(entries, { commit: 'a' }, { from: 1, seeds: 10, ...batch })
  entries = addBatch(
    entries,
    { commit: 'a' },
    {
      ...{ from: 11, seeds: 5, violations: 2, failed: [12, 13] },
      ...{ checked: { M1: 1, M2: 3 }, reach: { crash: { idle: 1, row: 1 }, join: { cut: 4 } } },
    },
  )
  assert.deepEqual(entries, [
    {
      ...{ commit: 'a', from: 1, seeds: 15, violations: 2, failed: [12, 13], checked: { M1: 6, M2: 3 } },
      reach: { crash: { idle: 3, row: 1 }, join: { cut: 4 } },
    },
  ])
  assert.equal(nextSeed(entries, { commit: 'b' }), 16)
  entries = addBatch(entries, { commit: 'b' }, { from: 16, seeds: 1, ...batch })
  assert.deepEqual([nextSeed(entries, { commit: 'a' }), nextSeed(entries, { commit: 'b' })], [16, 17])
  assert.throws(() => addBatch(entries, { commit: 'b' }, { from: 18, seeds: 1, ...batch }), /does not come next/)
  assert.deepEqual(JSON.parse(printEntries(entries)), entries)
  assert.match(printEntries(entries), /"failed": \[12, 13\],\n/)
})

test('ledger › failed seeds that run again without a violation are cleared, the others stay', () => {
  const failed = { commit: 'a', from: 1, seeds: 20, violations: 5, failed: [3, 7, 9], checked: {}, reach: {} }
  const once = clearSeeds(failed, 2, [7])
  assert.deepEqual(once, { ...failed, violations: 2, failed: [7], cleared: [3, 9] })
  const [more] = addBatch([once], { commit: 'a' }, { from: 21, seeds: 1, ...batch })
  assert.ok(more !== undefined)
  assert.deepEqual([more.violations, more.failed, more.cleared], [2, [7], [3, 9]])
  const clean = clearSeeds(more, 0, [])
  assert.deepEqual([clean.violations, clean.failed, clean.cleared], [0, undefined, [3, 9, 7]])
})

/** The properties that `mixed` puts to no test, with a workload that does: in it nobody has a tool or sends direct messages. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ D1: 'calls', D2: 'calls', D3: 'calls', T7: 'calls', T8: 'calls' },
  ...{ T6: 'tools', T12: 'tools', T13: 'tools', T14: 'tools', L9: 'tools' },
  ...{ T15: 'clients', T16: 'snapshots', T17: 'snapshots', T18: 'deals', T11: 'kept' },
}

test('ledger › each workload has seeds of its own, and tools on another commit an entry of their own', () => {
  const mixed = { commit: 'a' }
  const tools = { commit: 'a', workload: 'tools', tools: 'b' }
  const changed = { ...tools, tools: 'c' }
  let entries = addBatch([], mixed, { from: 1, seeds: 10, ...batch })
  assert.equal(nextSeed(entries, tools), 1)
  entries = addBatch(entries, tools, { from: 501, seeds: 5, ...batch })
  assert.deepEqual([nextSeed(entries, mixed), nextSeed(entries, tools), nextSeed(entries, changed)], [11, 506, 506])
  entries = addBatch(entries, tools, { from: 506, seeds: 5, ...batch })
  entries = addBatch(entries, changed, { from: 511, seeds: 5, ...batch })
  assert.deepEqual(
    entries.map(({ workload, tools, seeds }) => [workload, tools, seeds]),
    [
      [undefined, undefined, 10],
      ['tools', 'b', 10],
      ['tools', 'c', 5],
    ],
  )
})

test('ledger › what is kept has whole entries, one for each key, and puts each property to the test', () => {
  const entries: readonly Entry[] = JSON.parse(readFileSync(new URL('./ledger.json', import.meta.url), 'utf8'))
  const properties = Object.keys(checkTrace([]).checked)
  assert.ok(entries.length > 0)
  assert.equal(new Set(entries.map((entry) => findEntry(entries, entry))).size, entries.length)
  for (const { commit, from, seeds, violations, failed = [], checked, reach } of entries) {
    assert.match(commit, /^[0-9a-f]{40}$/)
    assert.ok(from >= 1 && seeds >= 1 && violations >= failed.length)
    assert.equal(violations > 0, failed.length > 0, commit)
    assert.ok(Object.keys(checked).length > 0 && Object.keys(reach).length > 0)
    for (const property of Object.keys(checked)) assert.match(property, /^[A-Z]\d+$/)
  }
  const { commit } = entries.findLast(({ workload }) => workload === undefined) ?? {}
  const last = entries.filter((entry) => entry.commit === commit)
  for (const property of properties) {
    const wanted = ELSEWHERE[property]
    const where = last.filter(({ workload }) => workload === wanted)
    // A workload need not have run yet on the last kernel.
    if (wanted !== undefined && where.length === 0) continue
    const count = where.reduce((sum, { checked }) => sum + (checked[property] ?? 0), 0)
    assert.ok(count > 0, `${property} was never put to the test`)
  }
})
