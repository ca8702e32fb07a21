/** Explicit plans: they say all that a seed draws, and are shrunk to what is needed. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { runSeed } from '../run-seed.ts'
import { DEFAULT_OPTIONS } from '../scenario.ts'
import { ddmin } from './ddmin.ts'
import { printPlan, readPlan, scenarioOf, wholePlan } from './plan.ts'
import { shrink } from './shrink.ts'

function inFile<Result>(text: string, use: (file: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'plan-'))
  try {
    const file = join(folder, 'plan.json')
    writeFileSync(file, text)
    return use(file)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a plan written to a file and read again gives the run of its seed', async () => {
  // 18 has a domain.
  for (const seed of [5, 12, 18]) {
    const plan = inFile(printPlan(wholePlan(seed, DEFAULT_OPTIONS)), readPlan)
    const [drawn, planned] = [await runSeed(seed, DEFAULT_OPTIONS), await runSeed(seed, DEFAULT_OPTIONS, plan)]
    assert.ok(drawn.events > 1_000)
    assert.equal(JSON.stringify(planned.lines), JSON.stringify(drawn.lines))
  }
})

test('what a plan leaves out is drawn, and what it says is done', async () => {
  const fault = { at: 9_000, kind: 'freeze', pick: 3, ms: 500, on: '' } as const
  const { lines } = await runSeed(5, DEFAULT_OPTIONS, {
    seed: 5,
    scenario: { processes: 3 },
    faults: [fault],
    ops: [6_000],
  })
  const count = (e: string): number => lines.filter((line) => line.e === e).length
  assert.deepEqual([count('start'), count('freeze'), count('crash'), count('cut')], [3, 1, 0, 0])
  assert.equal(lines.find(({ e }) => e === 'freeze')?.t, 9_000)
})

test('a plan whose scenario names no domain has none, whatever its seed draws', () => {
  const plan = { seed: 18, scenario: { processes: 3 }, faults: [] }
  assert.ok(scenarioOf(18, DEFAULT_OPTIONS, undefined).domain)
  assert.equal(scenarioOf(18, DEFAULT_OPTIONS, plan).domain, undefined)
  const domain = { with: 't', uniform: true } as const
  assert.deepEqual(scenarioOf(5, DEFAULT_OPTIONS, { ...plan, scenario: { domain } }).domain, domain)
})

test('a plan says which tools there are, whatever there will be to be drawn from', async () => {
  const options = { ...DEFAULT_OPTIONS, workload: 'tools' } as const
  const plan = wholePlan(5, options)
  assert.ok((plan.scenario.tools ?? []).length > 1)
  const tools = [{ name: 'register', isCore: true }]
  assert.deepEqual(wholePlan(5, options, { ...plan, scenario: { tools } }).scenario.tools, tools)
  const { lines } = await runSeed(5, options, {
    seed: 5,
    workload: 'tools',
    scenario: { tools },
    faults: [],
    ops: [6_000],
  })
  const groups = lines.flatMap((line) => (line.e === 'group' ? [line.g] : []))
  assert.deepEqual([...new Set(groups)], ['register'])
})

test('what is not a plan is refused with a reason', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['{', /is not JSON/],
    ['[]', /a plan is an object/],
    ['{ "faults": [] }', /seed/],
    ['{ "seed": 1 }', /faults is not a list/],
    ['{ "seed": 1, "faults": [{ "kind": "flood" }] }', /fault 0 has the unknown kind flood/],
    ['{ "seed": 1, "faults": [{ "kind": "crash", "at": 1, "pick": -1, "ms": 0, "on": "" }] }', /fault 0 lacks/],
    ['{ "seed": 1, "faults": [], "ops": [null] }', /ops/],
    ['{ "seed": 1, "faults": [], "workload": "heavy" }', /workload/],
  ]
  for (const [text, reason] of bad) assert.throws(() => inFile(text, readPlan), reason, text)
})

test('delta debugging ends at a list from which nothing can be left out', async () => {
  const items = Array.from({ length: 64 }, (_, i) => i)
  for (const needed of [[], [17], [0, 63], [3, 4, 40, 41]]) {
    let runs = 0
    const left = await ddmin(items, async (list) => {
      runs += 1
      return needed.every((item) => list.includes(item))
    })
    assert.deepEqual(left, needed)
    assert.ok(runs < 130, `${runs} runs`)
  }
})

test('shrinking leaves out all that is not needed for the same violation, and nothing that is', async () => {
  const start = wholePlan(5, DEFAULT_OPTIONS)
  const [first, second] = [start.faults[2], start.faults[5]]
  const [early, late] = [start.ops[40], start.ops[90]]
  assert.ok(first && second && early && late)
  const { plan, property, runs } = (await shrink(start, async ({ faults, ops, scenario }) => {
    const isM6 = faults.includes(first) && ops.includes(early) && (scenario.processes ?? 0) >= 3
    // Another property's violation is not the one that is looked for.
    const isO1 = faults.includes(second) && ops.includes(late)
    const violations = [...(isM6 ? ['M6'] : []), ...(isO1 ? ['O1'] : [])]
    return { violations: violations.map((each) => ({ property: each, message: '' })), lines: [] }
  })) ?? { plan: start, property: '', runs: 0 }
  assert.equal(property, 'M6')
  assert.deepEqual([plan.faults, plan.ops], [[first], [early]])
  assert.deepEqual([plan.scenario.processes, plan.scenario.groups], [3, 1])
  assert.deepEqual([plan.scenario.lateMs, plan.scenario.batchMs, plan.scenario.portMs], [0, 0, 0])
  assert.ok(runs < 200, `${runs} runs`)
})

test('a plan that violates nothing is not shrunk', async () => {
  assert.equal(await shrink(wholePlan(5, DEFAULT_OPTIONS), async () => ({ violations: [], lines: [] })), null)
})
