/** The ledger adds up the seeds of one commit and starts anew with the next. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkTrace } from './checkers/index.ts'
import { ELSEWHERE, judgeLedger, SEEDS_BAR } from './ledger-bar.ts'
import { addBatch, clearSeeds, type Entry, failedOf, findEntry, nextSeed, printEntries } from './ledger-entries.ts'
import { PHASES } from './reach.ts'
import { FAULT_KINDS } from './scenario.ts'

const kept: readonly Entry[] = JSON.parse(readFileSync(new URL('./ledger.json', import.meta.url), 'utf8'))
const properties: readonly string[] = Object.keys(checkTrace([]).checked)
/** Seeds that were cleared before it was written down what they had violated. */
const UNWRITTEN: ReadonlySet<number> = new Set([177718, 206854])
const batch = { violations: 0, checked: { M1: 5 }, reach: { crash: { idle: 2 } } }

test('ledger › runs on one commit add up, a new commit goes on with the seeds in an entry of its own', () => {
  let entries: Entry[] = []
  const failing = failedOf([
    'seed 12: M6 (2): lost [line 3]',
    'seed 12: exception: thrown',
    '  replay: …',
    'seed 13: O1: late',
  ])
  assert.deepEqual(failing, [
    { seed: 12, properties: ['M6', 'exception'] },
    { seed: 13, properties: ['O1'] },
  ])
  assert.equal(nextSeed(entries, { commit: 'a' }), 1)
  entries = addBatch(entries, { commit: 'a' }, { from: 1, seeds: 10, ...batch })
  entries = addBatch(
    entries,
    { commit: 'a' },
    {
      ...{ from: 11, seeds: 5, violations: 2, failed: failing },
      ...{ checked: { M1: 1, M2: 3 }, reach: { crash: { idle: 1, row: 1 }, join: { cut: 4 } } },
    },
  )
  assert.deepEqual(entries, [
    {
      ...{ commit: 'a', from: 1, seeds: 15, violations: 2, failed: failing, checked: { M1: 6, M2: 3 } },
      reach: { crash: { idle: 3, row: 1 }, join: { cut: 4 } },
    },
  ])
  assert.equal(nextSeed(entries, { commit: 'b' }), 16)
  entries = addBatch(entries, { commit: 'b' }, { from: 16, seeds: 1, ...batch })
  assert.deepEqual([nextSeed(entries, { commit: 'a' }), nextSeed(entries, { commit: 'b' })], [16, 17])
  assert.throws(() => addBatch(entries, { commit: 'b' }, { from: 18, seeds: 1, ...batch }), /does not come next/)
  assert.deepEqual(JSON.parse(printEntries(entries)), entries)
  assert.match(printEntries(entries), /"properties": \["M6", "exception"\]\n/)
})

test('ledger › failed seeds that run again without a violation leave rows of what cleared them, the others stay', () => {
  const [three, seven, nine] = [3, 7, 9].map((seed) => ({ seed, properties: ['L5'] }))
  assert.ok(three !== undefined && seven !== undefined && nine !== undefined)
  const first = { commit: 'b', why: 'who was frozen is excused' }
  const second = { commit: 'c', why: 'who left is excused too' }
  const failed = {
    commit: 'a',
    from: 1,
    seeds: 20,
    violations: 5,
    failed: [three, seven, nine],
    checked: {},
    reach: {},
  }
  const once = clearSeeds(failed, 2, [seven], first)
  const cleared = [
    { ...three, ...first },
    { ...nine, ...first },
  ]
  assert.deepEqual(once, { ...failed, violations: 2, failed: [seven], cleared })
  const [more] = addBatch([once], { commit: 'a' }, { from: 21, seeds: 1, ...batch })
  assert.ok(more !== undefined)
  assert.deepEqual([more.violations, more.failed, more.cleared], [2, [seven], cleared])
  const clean = clearSeeds(more, 0, [], second)
  assert.deepEqual(
    [clean.violations, clean.failed, clean.cleared],
    [0, undefined, [...cleared, { ...seven, ...second }]],
  )
})

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
  const known = new Set([...properties, 'exception', 'fault', 'fold'])
  assert.ok(kept.length > 0)
  assert.equal(new Set(kept.map((entry) => findEntry(kept, entry))).size, kept.length)
  for (const { commit, from, seeds, violations, failed = [], cleared = [], checked, reach } of kept) {
    assert.match(commit, /^[0-9a-f]{40}$/)
    assert.ok(from >= 1 && seeds >= 1 && violations >= failed.length)
    assert.equal(violations > 0, failed.length > 0, commit)
    assert.ok(Object.keys(checked).length > 0 && Object.keys(reach).length > 0)
    for (const property of Object.keys(checked)) assert.match(property, /^[A-Z]\d+$/)
    for (const row of [...failed, ...cleared]) {
      const { seed, properties } = row
      assert.ok(seed >= from && seed < from + seeds, `${seed}`)
      assert.ok(properties.length > 0 || UNWRITTEN.has(seed), `${seed}`)
      for (const property of properties) assert.ok(known.has(property), `${seed}: ${property}`)
    }
    for (const row of cleared) {
      assert.match(row.commit, /^[0-9a-f]{40}$/)
      assert.ok(row.why.length >= 20, `${row.seed} was cleared without a reason`)
    }
    assert.equal(new Set([...failed, ...cleared].map(({ seed }) => seed)).size, failed.length + cleared.length)
  }
  const { commit } = kept.findLast(({ workload }) => workload === undefined) ?? {}
  const last = kept.filter((entry) => entry.commit === commit)
  for (const property of properties) {
    const wanted = ELSEWHERE[property]
    const where = last.filter(({ workload }) => workload === wanted)
    // A workload need not have run yet on the last kernel.
    if (wanted !== undefined && where.length === 0) continue
    const count = where.reduce((sum, { checked }) => sum + (checked[property] ?? 0), 0)
    assert.ok(count > 0, `${property} was never put to the test`)
  }
})

test('ledger › once the newest entry has its 100,000 seeds, no cell of its reach is empty and no property untested', (t) => {
  const { isComplete, lacks, unrun } = judgeLedger(kept, properties)
  for (const lack of lacks) t.diagnostic(`the newest entry lacks: ${lack}`)
  if (unrun.length > 0) t.diagnostic(`not yet on the newest kernel: ${unrun.join(', ')}`)
  assert.ok(isComplete || lacks.length > 0)
  if (isComplete) assert.deepEqual(lacks, [])
})

test('ledger › what an entry lacks is told, cell by cell and property by property', () => {
  const row = Object.fromEntries(PHASES.map((phase) => [phase, 1]))
  const reach = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, row]))
  const checked = Object.fromEntries(properties.map((property) => [property, property in ELSEWHERE ? 0 : 1]))
  const whole: Entry = { commit: 'a', from: 1, seeds: SEEDS_BAR, violations: 0, checked, reach }
  const lacksOf = (entry: Entry, ...others: readonly Entry[]): readonly string[] =>
    judgeLedger([...others, entry], properties).lacks
  const unrun = [...new Set(Object.values(ELSEWHERE))]
  assert.deepEqual(judgeLedger([whole], properties), { isComplete: true, lacks: [], unrun })
  const fewer = { ...whole, seeds: SEEDS_BAR - 1 }
  assert.equal(judgeLedger([whole, fewer], properties).isComplete, false)
  assert.deepEqual(lacksOf(fewer), ['1 of 100000 seeds'])
  const noCut = { ...whole, reach: { ...reach, herd: { ...row, cut: 0 } } }
  assert.deepEqual(lacksOf(noCut), ['herd × cut was never reached'])
  assert.deepEqual(lacksOf({ ...whole, checked: { ...checked, M6: 0 } }), ['M6 was never put to the test'])
  // Elsewhere, but not there either.
  const tools = { ...whole, workload: 'tools', seeds: 5, checked: { ...checked, T6: 1, T12: 1, T13: 1, L9: 1 } }
  assert.deepEqual(lacksOf(whole, tools), ['T14 was never put to the test'])
  assert.deepEqual(lacksOf(whole, { ...tools, checked: { ...tools.checked, T14: 1 } }), [])
  assert.deepEqual(judgeLedger([], properties).lacks, ['no seeds of mixed'])
})
