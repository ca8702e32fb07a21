/** Plans that once violated a property: they no longer do, and those with a planted bug still find it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
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

for (const { name, plan } of plans.filter(({ plan: { mutant } }) => mutant !== undefined)) {
  test(`regressions › ${name} finds its bug when that is planted again`, () => {
    const mutant = MENDED.find((each) => each.name === plan.mutant)
    assert.ok(mutant, `no mutant ${plan.mutant}`)
    const copy = plant(mutant, 'regressions')
    const args = ['--conditions=tutti-source', '--import', 'tsx', 'test/sim/main.ts', '--json', '--plan']
    const { stdout } = spawnSync(process.execPath, [...args, join(folder, `${name}.json`)], {
      cwd: copy,
      encoding: 'utf8',
    })
    rmSync(copy, { recursive: true })
    const { byProperty } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
    assert.ok(plan.property !== undefined && byProperty[plan.property] !== undefined, stdout)
  })
}
