/** Plans that once violated a property: they no longer do, and those with a planted bug still find it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { plant } from '../mutants/plant.ts'
import { runSeed } from '../run-seed.ts'
import { DEFAULT_OPTIONS } from '../scenario.ts'
import { MENDED } from './mended.ts'
import { readPlan } from './plan.ts'

const folder = fileURLToPath(new URL('../regressions', import.meta.url))
const plans = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name: basename(name, '.json'), plan: readPlan(join(folder, name)) }))

test('regressions › every plan says what it violated, where it comes from, and all of its run', () => {
  assert.ok(plans.length >= 8)
  for (const { name, plan } of plans) {
    assert.equal(name, `${plan.property?.toLowerCase()}-${plan.seed}`)
    assert.match(plan.note ?? '', /. Mended by [0-9a-f]{7}\.$/, name)
    assert.ok(plan.ops !== undefined && plan.scenario?.processes !== undefined && plan.workload !== undefined, name)
  }
})

for (const { name, plan } of plans) {
  test(`regressions › ${name} violates nothing`, async () => {
    const { violations, voidReason } = await runSeed(plan.seed, DEFAULT_OPTIONS, plan)
    assert.deepEqual(violations, [])
    assert.equal(voidReason, null, 'not all of the plan was carried out')
  })
}

test('regressions › every mended bug that can be planted has a plan that finds it', () => {
  const planted = plans.flatMap(({ plan: { mutant } }) => mutant ?? [])
  assert.deepEqual(planted.sort(), MENDED.map(({ name }) => name).sort())
})

// Two at a time: each is a process of its own.
describe('regressions planted', { concurrency: 2 }, () => {
  for (const { name, plan } of plans.filter(({ plan: { mutant } }) => mutant !== undefined)) {
    test(`regressions › ${name} finds its bug when that is planted again`, async () => {
      const mutant = MENDED.find((each) => each.name === plan.mutant)
      assert.ok(mutant, `no mutant ${plan.mutant}`)
      const copy = plant(mutant, 'regressions')
      const args = ['--conditions=tutti-source', '--import', 'tsx', 'test/sim/main.ts', '--json', '--plan']
      const stdout = await outputOf([...args, join(folder, `${name}.json`)], copy)
      rmSync(copy, { recursive: true })
      const { byProperty } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
      assert.ok(plan.property !== undefined && byProperty[plan.property] !== undefined, stdout)
    })
  }
})

/** What it writes, whether it fails or not: a run that finds its bug does. */
function outputOf(args: readonly string[], cwd: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 }, (_, stdout) => resolve(stdout))
  })
}
